"""The command `conflict-training`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli import says_errors
from training import cli_models

if TYPE_CHECKING:
    from service.model.artifact import Model
    from training.corpus.stories import Corpus
    from training.fitting.fit import Settings
    from training.report.page import Measured

paths = click.Path(path_type=Path)
lexicon_option = click.option(
    "--lexicon", type=paths, help="Word classes; by default the lexicon.txt beside the corpus, or else the shipped one; `none` for none."
)
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
    from training.corpus.check import report
    from training.corpus.stories import read_corpus

    lines, faults = report(read_corpus(corpus, labels))
    click.echo("\n".join(lines))
    if faults:
        click.echo("\n".join(["", *faults]), err=True)
        sys.exit(1)


@main.command()
@click.argument("corpus", nargs=-1, required=True, type=paths)
@click.option("--out", required=True, type=paths, help="Folder to write the model to; a model that is there is replaced.")
@labels_option
@lexicon_option
@click.option("--test", type=paths, help="Labelled stories to measure the finished model on; near-duplicates of the corpus are counted.")
@click.option("--strict", is_flag=True, help="Refuse, before training, a --test that holds near-duplicates of the corpus.")
@click.option("--settings", type=paths, help="JSON file that fixes settings; by default the settings.json beside the corpus, if any.")
@click.option("--target", help="What thresholds are chosen for: f1 (default), precision=P or recall=R.")
@click.option("--budget", type=click.FloatRange(min=0), default=600, show_default=True, help="Seconds to search settings for, at most.")
@click.option("--seed", type=int, help="Which stories share a fold of the cross-validation.")
@click.option("--dask", metavar="ADDRESS", help="Search on the workers of this Dask cluster instead of this machine's cores.")
@says_errors
def train(
    corpus: tuple[Path, ...],
    out: Path,
    labels: Path | None,
    lexicon: Path | None,
    test: Path | None,
    strict: bool,
    budget: float,
    **options: Any,
) -> None:
    """Train a model on a labelled corpus: files, or folders of them.

    Settings that are not fixed are searched by cross-validation; an interrupted search goes on where it was. The same corpus and settings
    give the same bytes.
    """
    from training.corpus.leakage import leaks, refuse
    from training.corpus.stories import read_corpus
    from training.evaluation.table import table
    from training.train import train as run

    stories = read_corpus(corpus, labels, lexicon=lexicon)
    for line in stories.contradictions:
        _say(f"warning: {line}")
    measured = _test(test, stories)
    if strict and measured is not None:
        refuse(stories, measured, leaks(stories, measured))
    settings = _settings(stories, corpus[0], out, budget, options)
    trained = run(stories, settings, test=measured, say=_say)
    trained.write(out)
    for name, figures in trained.metrics.items():
        click.echo(f"{name.replace('_', ' ')}\n{table(figures)}\n")
    click.echo(f"written to {out}")


def _say(line: str) -> None:
    click.echo(line, err=True)


def _settings(stories: Corpus, corpus: Path, out: Path, budget: float, options: dict[str, Any]) -> Settings:
    """Take what is given by file and options; search the rest."""
    from service.errors import CorpusError
    from training.corpus.stories import beside, too_few
    from training.fitting.cluster import fits_on
    from training.fitting.search import Search
    from training.fitting.settings import read_settings, settings_from

    file = options["settings"] or beside(corpus).with_name("settings.json")
    given = read_settings(file) | {name: options[name] for name in ("target", "seed") if options[name] is not None}
    start = settings_from(given)
    faults = too_few(stories)
    if faults:
        raise CorpusError(faults)
    log = out.with_name(f".{out.name}.search.jsonl")
    out.parent.mkdir(parents=True, exist_ok=True)
    with fits_on(options["dask"]):
        best, _ = Search(stories, given, budget, log, _say).run(start)
    log.unlink(missing_ok=True)
    return best


def _test(path: Path | None, stories: Corpus) -> Corpus | None:
    from training.corpus.stories import read_corpus

    return read_corpus([path], stories.labels, heads_may_lack=True) if path else None


@main.command()
@click.argument("model", type=paths)
@click.argument("files", nargs=-1, required=True, type=paths)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option(
    "--by", multiple=True, metavar="COLUMN", help="Slice by a column of FILES, dates by year or decade; by default length and source."
)
@click.option("--train", "learnt", type=paths, help="The corpus that MODEL was trained on: near-duplicates of it are counted.")
@click.option("--strict", is_flag=True, help="With --train: refuse FILES that hold near-duplicates of the training corpus.")
@click.option("--report", type=paths, metavar="FILE", help="Write figures, curves and worst mistakes to FILE, one HTML page.")
@click.option("--learning-curve", type=paths, metavar="FILE", help='For the report: JSONL of {"stories": N, "FIGURE": value, ...}.')
@says_errors
def evaluate(
    model: Path, files: tuple[Path, ...], as_json: bool, by: tuple[str, ...], learnt: Path | None, strict: bool, **outputs: Any
) -> None:
    """Measure MODEL on labelled stories: overall, per label, and by length and source.

    Labels are those of the model's own scheme. FILES may be labelled with topics only or with tone only. Without --report nothing is
    written.
    """
    from service.model.artifact import read
    from training.corpus.stories import read_corpus
    from training.evaluation.table import table
    from training.report.page import measured_on

    if strict and learnt is None:
        raise click.UsageError("--strict needs --train CORPUS to compare with")
    loaded = read(model)
    corpus = read_corpus(files, loaded.labels, heads_may_lack=True)
    trained_on = read_corpus([learnt], loaded.labels, heads_may_lack=True) if learnt else None
    measured = measured_on("evaluation", loaded, corpus, by=by, leakage=_leakage(loaded, trained_on, corpus, strict))
    if outputs["report"]:
        _write_report(loaded, measured, trained_on, outputs)
    click.echo(json.dumps(measured.figures, ensure_ascii=False, indent=1) if as_json else table(measured.figures))


def _leakage(model: Model, learnt: Corpus | None, measured: Corpus, strict: bool) -> dict[str, Any] | None:
    from training.corpus.leakage import leakage, leaks, refuse

    if learnt is None:
        return None
    if learnt.fingerprint != model.manifest["corpus"]["fingerprint"]:
        _say(f"warning: the --train corpus is not the one that model {model.name} was trained on, or has changed since")
    pairs = leaks(learnt, measured)
    if strict:
        refuse(learnt, measured, pairs)
    return leakage(learnt, measured, pairs)


def _write_report(model: Model, measured: Measured, learnt: Corpus | None, outputs: dict[str, Any]) -> None:
    from training.report.page import page_of, read_learning_curve, write_page

    curve = read_learning_curve(outputs["learning_curve"]) if outputs["learning_curve"] else ()
    write_page(outputs["report"], page_of(model, model.terms(), [measured], learnt.lexicon if learnt else {}, curve))
    _say(f"report written to {outputs['report']}")
