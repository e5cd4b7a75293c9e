"""`python -m service` is `conflict-service`."""

from service.cli import main

main(prog_name="conflict-service")
