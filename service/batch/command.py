"""The command `conflict-service score`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.errors import ConflictError

if TYPE_CHECKING:
    from service.batch.score import Summary, Watcher

REJECTED = 3
INTERRUPTED = 130


@click.command()
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@click.argument("output", metavar="OUT")
@click.option("--model", type=click.Path(path_type=Path), help="Model folder; by default the current one.")
@click.option("--text-column", "text", default="text", show_default=True, help="Column of the text.")
@click.option("--title-column", "title", default="title", show_default=True, help="Column of the title.")
@click.option("--id-column", "id", default="id", show_default=True, help="Column of the id, which rejects are named by.")
@click.option("--columns", "kept", metavar="A,B", help="Columns of the input to keep; all by default.")
@click.option("--prefix", default="", help="Put before the names of added columns, such as predicted_.")
@click.option("--format", "streamed", type=click.Choice(["jsonl", "csv"]), help="What `-` holds.")
@click.option("--processes", type=click.IntRange(1, 1024), help="Processes; one per core by default.")
@click.option("--dask", metavar="ADDRESS", help="Work on the Dask cluster whose scheduler is there, such as tcp://host:8786.")
@click.option("--restart", is_flag=True, help="Begin again where an unfinished run into OUT cannot be gone on with.")
def score(
    inputs: tuple[str, ...],
    output: str,
    model: Path | None,
    streamed: str | None,
    processes: int | None,
    dask: str | None,
    restart: bool,
    kept: str | None,
    title: str,
    text: str,
    id: str,
    prefix: str,
) -> None:
    """Tag every story of IN (files, folders, globs, or `-`) into OUT.

    Files are JSONL, CSV or Parquet, by their names, also .gz or .zst. All columns and the order are kept; topics, tone, a score per label,
    review, coverage and model are added. Rows that cannot be scored go to OUT.rejects.jsonl, and the exit code is then 3. A run that was
    stopped goes on when the same command is given again.
    """
    from service.batch.job import Options
    from service.batch.score import How, score_files

    names = None if kept is None else tuple(filter(None, kept.split(",")))
    options = Options(title, text, id, names, prefix, streamed)
    try:
        with progress() as watch:
            how = How(processes, dask, restart, watch)
            summary = score_files(inputs, output, model=model, options=options, how=how)
    except ConflictError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("interrupted; the same command goes on where this stopped", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    conclude(summary, output)


def conclude(summary: Summary, output: str) -> None:
    """Print the summary line; exit with REJECTED when rows were rejected."""
    shares = "".join(f"; {label} {count / summary.stories:.0%}" for label, count in sorted(summary.labels.items()))
    earlier = f" ({summary.earlier} of them before)" if summary.earlier else ""
    stories = f"{summary.stories} {'story' if summary.stories == 1 else 'stories'}"
    rejects = f"{summary.rejects} reject" + "s" * (summary.rejects != 1)
    click.echo(f"{stories}{earlier}, {rejects}, {summary.rate:,.0f} stories/s{shares}", err=True)
    if summary.rejects:
        click.echo(f"rejected rows: {'above' if output == '-' else output + '.rejects.jsonl'}", err=True)
        sys.exit(REJECTED)


@contextmanager
def progress() -> Iterator[Watcher]:
    """Show a bar with rate and time left on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda done, total, stories: None
        return
    bar = Bar()
    try:
        yield bar
    finally:
        bar.close()


class Bar:
    """A progress bar over bytes of input; without a known end, only the stories are counted."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.rate = Rate()

    def __call__(self, done: int, total: int, stories: int) -> None:
        if self.bar is None:
            self.bar = click.progressbar(length=max(total, 1), item_show_func=lambda _: self.rate.said, file=sys.stderr, show_pos=False)
            self.bar.__enter__()
        self.rate.count(stories)
        self.bar.update(min(done, total) - self.bar.pos, self.rate)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.__exit__(None, None, None)


class Rate:
    """Stories a second since the first count."""

    def __init__(self) -> None:
        import time

        self.clock = time.perf_counter
        self.begun, self.first, self.said = self.clock(), -1, ""

    def count(self, stories: int) -> None:
        if self.first < 0:
            self.first, self.begun = stories, self.clock()
        passed = self.clock() - self.begun
        rate = f", {(stories - self.first) / passed:,.0f} stories/s" if passed else ""
        self.said = f"{stories:,} stories{rate}"
