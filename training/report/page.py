"""The report page: one HTML file without anything from elsewhere, the same bytes for the same figures."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.errors import CorpusError, FileError
from service.model.artifact import Model
from service.model.tagger import Tagger
from service.rows import read_rows
from training.corpus.agreement import agreement
from training.corpus.stories import Corpus
from training.corpus.summary import length_counts, mix_counts
from training.evaluation.evaluate import measure, rounded
from training.evaluation.outcome import outcome
from training.evaluation.signature import signature_line
from training.evaluation.table import head_names
from training.report.mistakes import Mistake, worst_mistakes
from training.report.plots import abstaining_plot, learning_plot, precision_recall_plots, reliability_plots
from training.report.terms import Heaviest, heaviest_terms, named_classes

if TYPE_CHECKING:
    from jinja2 import Environment

HEAVIEST = 15
SCRIPT = "report.js"
TITLES = {
    "cross_validation": "Cross-validation on the training corpus",
    "test": "Test stories",
    "evaluation": "Labelled stories",
}


@dataclass(frozen=True, eq=False)
class Measured:
    """One measurement: a key of TITLES, its figures, its worst mistakes, and the corpus that it was made on."""

    name: str
    figures: Mapping[str, Any]
    mistakes: tuple[Mistake, ...]
    corpus: Corpus


def measured_on(
    name: str, model: Model, corpus: Corpus, *, by: Sequence[str] | None = None, leakage: Mapping[str, Any] | None = None
) -> Measured:
    """Measure a finished model on labelled stories."""
    scores = Tagger(model).score(corpus.texts)
    figures = measure(model, corpus, scores, by) | ({"leakage": rounded(dict(leakage))} if leakage else {})
    return Measured(name, figures, worst_mistakes(outcome(model, corpus, scores), corpus, lambda _: model), corpus)


@dataclass(frozen=True, eq=False)
class Page:
    """What a page shows.

    classes: words of the lexicon, for each class that stands in a term. learning: points of a curve, `stories` and figures by name.
    """

    manifest: Mapping[str, Any]
    measured: Sequence[Measured]
    terms: Mapping[str, Heaviest]
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    learning: Sequence[Mapping[str, float]] = ()


def page_of(
    model: Model,
    terms: Sequence[str],
    measured: Sequence[Measured],
    lexicon: Mapping[str, str],
    learning: Sequence[Mapping[str, float]] = (),
) -> Page:
    """Put a page together; the lexicon may be empty, its classes then go without examples."""
    heaviest = heaviest_terms(model.labels.columns, model.weights, terms, HEAVIEST) if terms else {}
    shown = [name for found in heaviest.values() for name, _ in (*found.towards, *found.against)]
    return Page(model.manifest, measured, heaviest, named_classes(shown, lexicon), learning)


def render(page: Page) -> str:
    """Write the page. All text from stories, labels and files is escaped; a content policy forbids any other script and any request."""
    environment = _environment()
    script = _source(environment, SCRIPT)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        manifest=page.manifest,
        sections=[_section(one, page.manifest) for one in page.measured],
        terms=page.terms,
        classes=page.classes,
        heaviest=max((abs(weight) for found in page.terms.values() for side in _sides(found) for _, weight in side), default=1.0),
        learning=learning_plot(page.learning) if page.learning else None,
        script=script,
        style=_source(environment, "report.css"),
        policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
    )


def read_learning_curve(path: Path) -> list[dict[str, float]]:
    """Read the points of a learning curve, one JSON object a line: `stories` and the same figures in each. Raises CorpusError."""
    rows = [(row.place, row.record or {}) for row in read_rows(path)]
    names = set(rows[0][1]) if rows else set()
    faults = [
        f"{place}: write numbers only, `stories` and the same figures in every line"
        for place, point in rows
        if set(point) != names or "stories" not in names or not all(type(value) in (int, float) for value in point.values())
    ]
    if faults or not rows:
        raise CorpusError(faults or [f"{path}: no points"])
    return [point for _, point in rows]


def write_page(path: Path, page: Page) -> None:
    """Write the page to a file, whole or not at all. Raises FileError."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(render(page), "utf-8", newline="\n")
        os.replace(part, path)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror}") from error


def _section(one: Measured, manifest: Mapping[str, Any]) -> dict[str, Any]:
    figures, scheme = one.figures, manifest["labels"]
    topics, tones = ([label for label in scheme.get(head, {}) if label in figures["labels"]] for head in ("topics", "tone"))
    heads = [head for head in (topics, tones) if head]
    return {
        "key": one.name.replace("_", "-"),
        "title": TITLES[one.name],
        "figures": figures,
        "heads": head_names(figures),
        "precision_recall": [plot for head in heads for plot in precision_recall_plots(figures["curves"], head, one.name)],
        "reliability": [plot for head in heads for plot in reliability_plots(figures["curves"], head, one.name)],
        "abstaining": abstaining_plot(figures["abstaining"], one.name) if heads else None,
        "thresholds": manifest["thresholds"],
        "sliders": {topic: _slider(figures["curves"][topic]["precision_recall"], figures["thresholds"][topic]) for topic in topics},
        "mistakes": {label: [mistake for mistake in one.mistakes if mistake.label == label] for label in figures["labels"]},
        "counts": {
            "Labels": one.corpus.counts(),
            **({"Mixes of topics": mix_counts(one.corpus)} if topics else {}),
            "Lengths": length_counts(one.corpus),
        },
        "agreement": agreement(one.corpus),
        "signature": signature_line(figures["signature"]),
    }


def _slider(curve: Mapping[str, Sequence[float]], rows: Sequence[Mapping[str, float]]) -> str:
    """Give the points of the curve and of the table, from the lowest threshold to the highest, as the page's script reads them."""
    points = {threshold: (precision, recall) for threshold, precision, recall in zip(*curve.values(), strict=True)}
    points |= {row["threshold"]: (row["precision"], row["recall"]) for row in rows}
    table = [(threshold, precision, recall, _f1(precision, recall)) for threshold, (precision, recall) in sorted(points.items())]
    return json.dumps(dict(zip(("thresholds", "precision", "recall", "f1"), zip(*table, strict=True), strict=True)))


def _f1(precision: float, recall: float) -> float:
    return round(2 * precision * recall / (precision + recall), 4) if precision + recall else 0.0


def _sides(found: Heaviest) -> tuple[Sequence[tuple[str, float]], ...]:
    return found.towards, found.against


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("training.report", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _source(environment: Environment, name: str) -> Any:
    """Read a file of our own, to stand in the page as it is."""
    from markupsafe import Markup

    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])
