"""How good a model is on labelled stories, overall, per label and per slice. Scores come from the very path that is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.model.artifact import Model
from service.model.tagger import Scores, Tagger
from training.corpus.stories import Corpus
from training.evaluation.bootstrap import interval, resampled_sums
from training.evaluation.curves import COVERAGES, at_thresholds, error_by_coverage, precision_recall_points, reliability_points
from training.evaluation.metrics import average_precision, brier, calibration_error, confusion, log_loss, precision_recall_f1
from training.evaluation.outcome import Decisions, Outcome, outcome
from training.evaluation.signature import signature
from training.evaluation.slices import slices
from training.evaluation.tally import label_f1, tone_figures, tone_tally, topic_figures, topic_tally

Figures = dict[str, Any]
Floats = NDArray[np.float64]


def evaluate(model: Model, corpus: Corpus, by: Sequence[str] | None = None) -> Figures:
    """Measure a model on a corpus under its own label scheme."""
    return measure(model, corpus, Tagger(model).score(corpus.texts), by)


def measure(model: Model, corpus: Corpus, scores: Scores, by: Sequence[str] | None = None) -> Figures:
    """Turn a corpus's scores into figures, rounded to four places; `by` names the columns to slice by.

    A head (topics, tone) that no story is labelled with is left out. Without a known word a story has no topic and no tone.
    """
    found = outcome(model, corpus, scores)
    tallies = Tallies.of(corpus, found)
    samples = resampled_sums(tallies.values)
    result: Figures = rounded(
        {
            "model": model.name,
            "data": corpus.fingerprint,
            "stories": len(corpus.rows),
            **tallies.figures(),
            "intervals": {name: interval(values) for name, values in tallies.head_figures(samples).items()},
            "labels": _label_figures(found, tallies.label_f1(samples)),
            **_confusion(corpus, found),
            "abstaining": _abstaining(found),
            "slices": {column: {name: tallies.figures(rows) for name, rows in parts} for column, parts in slices(corpus, by).items()},
            "thresholds": {
                topic: at_thresholds(one.target, one.probability, model.thresholds[topic])
                for topic, one in found.labels.items()
                if topic in model.thresholds
            },
            "curves": {label: _curves(one) for label, one in found.labels.items()},
            "signature": signature(model, corpus),
        }
    )
    return result


@dataclass(frozen=True, eq=False)
class Tallies:
    """The counts per story, (stories, counts): those of the topics, then those of the tones; of heads that are not measured, none."""

    values: Floats
    topics: tuple[str, ...]
    tones: tuple[str, ...]

    @classmethod
    def of(cls, corpus: Corpus, found: Outcome) -> Tallies:
        topics, tones = (tuple(label for label in head if label in found.labels) for head in (corpus.labels.topics, corpus.labels.tones))
        parts = [topic_tally(corpus.topics, found.topics)] if topics else []
        parts += [tone_tally(corpus.tones, found.tones, len(tones))] if tones else []
        return cls(np.hstack([np.empty((len(corpus.rows), 0)), *parts]), topics, tones)

    def figures(self, rows: NDArray[np.int64] | None = None) -> Figures:
        """Give the figures of both heads over some stories, or all."""
        values = self.values if rows is None else self.values[rows]
        found = self.head_figures(values.sum(axis=0, keepdims=True))
        return {"stories": len(values), **{name: float(figure[0]) for name, figure in found.items()}}

    def head_figures(self, sums: Floats) -> dict[str, Floats]:
        """Give the figures of both heads per row of sums."""
        topics, tones = self._heads(sums)
        return (topic_figures(topics) if self.topics else {}) | (tone_figures(tones) if self.tones else {})

    def label_f1(self, sums: Floats) -> dict[str, Floats]:
        """Give each label's F1 per row of sums."""
        columns = [label_f1(sums, len(head)).T for sums, head in zip(self._heads(sums), (self.topics, self.tones), strict=True) if head]
        return dict(zip((*self.topics, *self.tones), (row for column in columns for row in column), strict=True))

    def _heads(self, sums: Floats) -> list[Floats]:
        return np.hsplit(sums, [3 * len(self.topics) + 2 if self.topics else 0])


def _label_figures(found: Outcome, samples: Mapping[str, Floats]) -> dict[str, Figures]:
    return {label: _one_label(one, samples[label]) for label, one in found.labels.items()}


def _one_label(one: Decisions, samples: Floats) -> Figures:
    precision, recall, f1 = precision_recall_f1(one.target, one.predicted)
    return {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "f1_interval": interval(samples),
        "average_precision": average_precision(one.target, one.probability),
        "brier": brier(one.target, one.probability),
        "log_loss": log_loss(one.target, one.probability),
        "calibration_error": calibration_error(one.target, one.probability),
        "support": int(one.target.sum()),
    }


def _confusion(corpus: Corpus, found: Outcome) -> Figures:
    """Count the tones: a row per true tone, a column per tone given; `untagged` are stories without a known word."""
    tones = [tone for tone in corpus.labels.tones if tone in found.labels]
    if not tones:
        return {}
    rows = corpus.tones >= 0
    true, given = corpus.tones[rows], found.tones[rows]
    untagged = np.bincount(true[given < 0], minlength=len(tones)).tolist()
    return {"confusion": {"tones": tones, "counts": confusion(true, given, len(tones)).tolist(), "untagged": untagged}}


def _abstaining(found: Outcome) -> Figures:
    """Say how errors fall as the least sure decisions are left to people: by label, and by whole stories (any label wrong)."""
    if not found.labels:
        return {}
    labels = {label: _abstained(one.wrong, one.distance, one.flagged) for label, one in found.labels.items()}
    return {"coverage": list(COVERAGES), "stories": _abstained(*found.whole_stories()), "labels": labels}


def _abstained(wrong: NDArray[np.bool_], distance: Floats, flagged: NDArray[np.bool_]) -> Figures:
    kept, left = wrong[~flagged], wrong[flagged]
    return {
        "error": float(wrong.mean()) if len(wrong) else 0.0,
        "flagged": float(flagged.mean()) if len(wrong) else 0.0,
        "error_unflagged": float(kept.mean()) if len(kept) else 0.0,
        "error_flagged": float(left.mean()) if len(left) else 0.0,
        "error_by_coverage": error_by_coverage(wrong, distance),
    }


def _curves(one: Decisions) -> Figures:
    return {
        "precision_recall": precision_recall_points(one.target, one.probability),
        "reliability": reliability_points(one.target, one.probability),
    }


def rounded(value: Any) -> Any:
    """Round every float in a nest of figures to four places."""
    match value:
        case float():
            return round(value, 4)
        case dict():
            return {key: rounded(part) for key, part in value.items()}
        case list():
            return [rounded(part) for part in value]
        case _:
            return value
