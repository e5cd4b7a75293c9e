"""`python -m training` is `conflict-training`."""

from training.cli import main

main(prog_name="conflict-training")
