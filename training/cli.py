"""The command `conflict-training`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli import says_errors
from training import cli_models

if TYPE_CHECKING:
    from training.corpus import Corpus

paths = click.Path(path_type=Path)
labels_option = click.option("--labels", type=paths, help="Label scheme; by default the labels.json beside the corpus.")


@click.group()
@click.version_option(package_name="conflict-tagger")
def main() -> None:
    """Make and judge models: check a labelled corpus, train on it, evaluate; compare models, promote one, go back."""


for command in cli_models.COMMANDS:
    main.add_command(command)


@main.command()
@click.argument("corpus", nargs=-1, required=True, type=paths)
@labels_option
@says_errors
def check(corpus: tuple[Path, ...], labels: Path | None) -> None:
    """Check a labelled corpus: every bad row by file and line, then what it holds. Exit code 1 when anything is wrong."""
    from training.check import report
    from training.corpus import read_corpus

    lines, faults = report(read_corpus(corpus, labels))
    click.echo("\n".join(lines))
    if faults:
        click.echo("\n".join(["", *faults]), err=True)
        sys.exit(1)


@main.command()
@click.argument("corpus", nargs=-1, required=True, type=paths)
@click.option("--out", required=True, type=paths, help="Folder to write the model to; a model that is there is replaced.")
@labels_option
@click.option("--test", type=paths, help="Labelled stories to measure the finished model on.")
@click.option("--seed", default=0, show_default=True, help="Which stories share a fold of the cross-validation.")
@says_errors
def train(corpus: tuple[Path, ...], out: Path, labels: Path | None, test: Path | None, seed: int) -> None:
    """Train a model on a labelled corpus: files, or folders of them.

    The same corpus and settings give the same bytes.
    """
    from training.corpus import read_corpus
    from training.evaluate import table
    from training.fit import Settings
    from training.train import train as run

    stories = read_corpus(corpus, labels)
    trained = run(stories, Settings(seed=seed), test=_test(test, stories), say=lambda line: click.echo(line, err=True))
    trained.write(out)
    for name, figures in trained.metrics.items():
        click.echo(f"{name.replace('_', ' ')}\n{table(figures)}\n")
    click.echo(f"written to {out}")


def _test(path: Path | None, stories: Corpus) -> Corpus | None:
    from training.corpus import read_corpus

    return read_corpus([path], stories.labels, heads_may_lack=True) if path else None


@main.command()
@click.argument("model", type=paths)
@click.argument("files", nargs=-1, required=True, type=paths)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@says_errors
def evaluate(model: Path, files: tuple[Path, ...], as_json: bool) -> None:
    """Measure MODEL on labelled stories: overall, per label, and by length and source.

    Labels are those of the model's own scheme. FILES may be labelled with topics only or with tone only.
    """
    from service.model.artifact import read
    from training.corpus import read_corpus
    from training.evaluate import evaluate as measure
    from training.evaluate import table

    loaded = read(model)
    figures = measure(loaded, read_corpus(files, loaded.labels, heads_may_lack=True))
    click.echo(json.dumps(figures, ensure_ascii=False, indent=1) if as_json else table(figures))
