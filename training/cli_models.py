"""The commands on finished models: compare, list, promote, roll back, verify."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli import says_errors

if TYPE_CHECKING:
    from training.registry.history import Move

paths = click.Path(path_type=Path)
models_option = click.option(
    "--models", type=paths, help="Models folder; by default the one that CONFLICT_MODELS names, or the checkout's own."
)


@click.command()
@click.argument("old", type=paths)
@click.argument("new", type=paths)
@click.argument("files", nargs=-1, required=True, type=paths)
@click.option("--flips", default=20, show_default=True, type=click.IntRange(0), help="Changed tags to list.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@says_errors
def compare(old: Path, new: Path, files: tuple[Path, ...], flips: int, as_json: bool) -> None:
    """Compare two models on the same labelled stories.

    Per label: F1 of both, the change with its 95 % paired bootstrap interval, the stories that only one gets right with McNemar's exact p.
    Then the tags that flip, the terms whose weight moved most, stories per second measured in turns, and size on disk.
    """
    from service.model.artifact import read
    from training.corpus.stories import read_corpus
    from training.evaluation.compare import compare as run
    from training.evaluation.compare import refuse_other_labels
    from training.evaluation.compared import describe

    first, second = read(old), read(new)
    refuse_other_labels(first.labels, second.labels)
    found = run(first, second, read_corpus(files, first.labels, heads_may_lack=True))
    click.echo(json.dumps(found.to_json(flips), ensure_ascii=False, indent=1) if as_json else describe(found, flips))


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=paths)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@says_errors
def models(folder: Path | None, as_json: bool) -> None:
    """List the models of a models folder, mark the current one, and tell how it came to be so."""
    from dataclasses import asdict

    from service.model.current import current_name
    from training.registry.history import read_history
    from training.registry.models import listed, models_in

    place = models_in(folder)
    found = listed(place)
    moves, unreadable = read_history(place, current_name(place))
    if as_json:
        history = [{**move.to_json(), "done": move.done} for move in moves]
        click.echo(json.dumps({"models": [asdict(model) for model in found], "history": history}, ensure_ascii=False, indent=1))
        return
    for model in found:
        figures = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in (model.figures or {}).items())
        data = model.fault or f"{model.model}  {model.stories} stories, data {model.data[:12]}  {figures}"
        click.echo(f"{'*' if model.current else ' '} {model.folder:16} {data}")
    click.echo("".join(f"\n{_told(move)}" for move in moves) or "\nno history", nl=True)
    if unreadable:
        click.echo(f"{unreadable} lines of the history cannot be read", err=True)


@click.command()
@click.argument("model", type=paths)
@click.argument("files", nargs=-1, type=paths)
@click.option("--on", multiple=True, type=paths, metavar="FILE...", help="Labelled stories to compare with the current model on.")
@click.option("--force", "why", metavar="WHY", help="Promote whatever the comparison says; the reason goes into the history.")
@models_option
@says_errors
def promote(model: Path, files: tuple[Path, ...], on: tuple[Path, ...], why: str | None, models: Path | None) -> None:
    """Make MODEL, a folder in the models folder, the current one.

    It must load, pass its self-test, have the current model's labels, and not be significantly worse on any label: neither McNemar's test
    (p < 0.05 with more losses than gains) nor the 95 % bootstrap interval of the change of F1 (wholly below 0) may say so.
    FILES are further files for --on.
    """
    from training.evaluation.compared import table
    from training.registry.models import check_promotion, models_in
    from training.registry.models import promote as run

    if files and not on:
        raise click.UsageError("Files to compare on are given with --on.")
    place = models_in(models)
    ready = check_promotion(place, model, (*on, *files), _reason(why))
    if ready is None:
        click.echo(f"{model} is the current model already")
        return
    click.echo(f"{table(ready.paired)}\n" if ready.paired else "not compared with the current model\n")
    click.echo(_told(run(ready)))
    _tell_who_reads(place)


@click.command()
@models_option
@says_errors
def rollback(models: Path | None) -> None:
    """Go back to the model that was current before the last promotion. Again: to the one before that."""
    from training.registry.models import models_in
    from training.registry.models import rollback as run

    place = models_in(models)
    click.echo(_told(run(place)))
    _tell_who_reads(place)


@click.command()
@click.argument("model", type=paths)
@click.argument("files", nargs=-1, type=paths)
@click.option("--retrain", multiple=True, type=paths, metavar="CORPUS...", help="Train again on this corpus and compare the bytes.")
@click.option("--labels", type=paths, help="Label scheme of the corpus; by default the labels.json beside it.")
@click.option("--test", type=paths, help="Labelled stories that the model was measured on when it was trained, if it was.")
@says_errors
def verify(model: Path, files: tuple[Path, ...], retrain: tuple[Path, ...], labels: Path | None, test: Path | None) -> None:
    """Check MODEL's digests and self-test; with --retrain make it again and compare. Exit code 1 when anything differs.

    FILES are further parts of the corpus for --retrain. Where libraries or machine are others than those the model was made with, this is
    said, and weights are compared to 1e-6.
    """
    from service.model.artifact import read
    from training.registry.verify import check

    if (files or labels or test) and not retrain:
        raise click.UsageError("The corpus to train on is given with --retrain.")
    loaded = read(model)
    click.echo("\n".join(check(loaded)))
    if retrain:
        _remake(model, (*retrain, *files), labels, test)


def _remake(model: Path, corpus: tuple[Path, ...], labels: Path | None, test: Path | None) -> None:
    from service.model.artifact import read
    from training.corpus.stories import read_corpus
    from training.registry.verify import TOLERANCE, remake

    stories = read_corpus(corpus, labels)
    measured = read_corpus([test], stories.labels, heads_may_lack=True) if test else None
    found = remake(read(model), stories, measured, lambda line: click.echo(line, err=True))
    for line in found.elsewhere:
        click.echo(f"not as when it was made: {line}")
    if found.differences:
        click.echo("\n".join(["made again, it differs:", *found.differences]))
        sys.exit(1)
    click.echo(f"made again: weights agree to {TOLERANCE:g}" if found.elsewhere else "made again: every file is the same to the byte")


def _reason(why: str | None) -> str | None:
    if why is None:
        return None
    reason = why.encode("utf-8", "replace").decode().strip()
    if not reason:
        raise click.UsageError("--force needs a reason, such as --force 'old labels were wrong'.")
    return reason


def _told(move: Move) -> str:
    ends = " -> ".join(f"{place.folder} ({place.model or 'unknown'})" for place in (move.origin, move.target))
    said = f"{move.time:20}  {move.action:8}  {ends}"
    if move.figures:
        said += f"  compared on {move.figures['stories']} stories, data {move.figures['data'][:12]}"
    if move.why:
        said += f"  forced: {move.why}"
    return said if move.done else f"{said}  (stopped before it took effect)"


def _tell_who_reads(models: Path) -> None:
    """Say so where the service would look for its model elsewhere."""
    from service.model.current import ENVIRONMENT, models_folder

    used = models_folder()
    if used is None or used.resolve() != models.resolve():
        click.echo(f"conflict-service uses it where {ENVIRONMENT}={models.resolve()} is set", err=True)


COMMANDS = (compare, models, promote, rollback, verify)
