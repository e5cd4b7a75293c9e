"""How good a model is on labelled stories, overall, per label and per slice. Scores come from the very path that is served."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.model.artifact import Model
from service.model.labels import LabelScheme
from service.model.tagger import Scores, Tagger
from training.corpus import Corpus
from training.metrics import average_precision, example_f1, interval, macro_f1, micro_f1, precision_recall_f1

Figures = dict[str, Any]
LENGTHS = ((65, "up to 65 words"), (210, "66 to 210 words"), (10**9, "over 210 words"))
FEWEST_IN_SLICE = 10


def evaluate(model: Model, corpus: Corpus) -> Figures:
    """Measure a model on a corpus under its own label scheme."""
    return measure(model, corpus, Tagger(model).score(corpus.texts))


def measure(model: Model, corpus: Corpus, scores: Scores) -> Figures:
    """Turn a corpus's scores into figures, rounded to four places.

    A head (topics, tone) that no story is labelled with is left out. Without a known word a story has no topic and no tone.
    """
    predicted, tones = decided(model, scores)
    everything = np.arange(len(corpus.rows))
    figures = {
        "model": model.name,
        "data": corpus.fingerprint,
        "stories": len(corpus.rows),
        **_head_figures(corpus, predicted, tones, everything),
    }
    figures |= {"labels": dict(_label_figures(corpus, scores, predicted, tones))}
    figures |= {
        "slices": {name: {value: _head_figures(corpus, predicted, tones, rows) for value, rows in parts} for name, parts in _slices(corpus)}
    }
    result: Figures = rounded(figures)
    return result


def decided(model: Model, scores: Scores) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Say which topics each story gets, (stories, topics), and the index of its tone, (stories,), -1 for none."""
    known = scores.tokens[:, 1] > 0
    columns = len(model.labels.topics)
    limits = np.array([model.thresholds[topic] for topic in model.labels.topics])
    topics = (scores.probabilities[:, :columns] >= limits) & known[:, None]
    tones = np.where(known, scores.probabilities[:, columns:].argmax(axis=1), -1) if model.labels.tones else np.full(len(known), -1)
    return topics, tones


def _head_figures(corpus: Corpus, predicted: NDArray[np.bool_], tones: NDArray[np.int64], rows: NDArray[np.int64]) -> Figures:
    figures: Figures = {"stories": len(rows)}
    if corpus.topics.any():
        target, guess = corpus.topics[rows], predicted[rows]
        figures["topics_macro_f1"] = float(np.mean([precision_recall_f1(a, b)[2] for a, b in zip(target.T, guess.T, strict=True)]))
        figures["topics_micro_f1"], figures["topics_example_f1"] = micro_f1(target, guess), example_f1(target, guess)
    if (corpus.tones >= 0).any():
        figures["tone_macro_f1"] = macro_f1(corpus.tones[rows], tones[rows], len(corpus.labels.tones))
        figures["tone_accuracy"] = float(np.mean(corpus.tones[rows] == tones[rows]))
    return figures


def _label_figures(corpus: Corpus, scores: Scores, predicted: NDArray[np.bool_], tones: NDArray[np.int64]) -> Iterator[tuple[str, Figures]]:
    target_of, guess_of = by_label(corpus.labels, corpus.topics, corpus.tones), by_label(corpus.labels, predicted, tones)
    for label in measured_labels(corpus):
        target, guess = target_of[label], guess_of[label]
        column = corpus.labels.columns.index(label)
        yield label, _one_label(target, guess, scores.probabilities[:, column])


def measured_labels(corpus: Corpus) -> tuple[str, ...]:
    """Name the labels of the heads that the corpus is labelled with."""
    topics, tones = (tuple(head) for head in (corpus.labels.topics, corpus.labels.tones))
    return (topics if corpus.topics.any() else ()) + (tones if (corpus.tones >= 0).any() else ())


def by_label(labels: LabelScheme, topics: NDArray[np.bool_], tones: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Say of each label which stories have it, (stories,), from topics (stories, topics) and indices of tones (stories,)."""
    return {topic: topics[:, index] for index, topic in enumerate(labels.topics)} | {
        tone: tones == index for index, tone in enumerate(labels.tones)
    }


def _one_label(target: NDArray[np.bool_], guess: NDArray[np.bool_], probability: NDArray[np.float64]) -> Figures:
    precision, recall, f1 = precision_recall_f1(target, guess)
    low, high = interval(lambda rows: precision_recall_f1(target[rows], guess[rows])[2], len(target))
    figures = {"precision": precision, "recall": recall, "f1": f1, "f1_interval": [low, high]}
    return {**figures, "average_precision": average_precision(target, probability), "support": int(target.sum())}


def _slices(corpus: Corpus) -> Iterator[tuple[str, list[tuple[str, NDArray[np.int64]]]]]:
    """Part the stories by length, and by source where rows name one; small parts are left out."""
    lengths, sources = defaultdict(list), defaultdict(list)
    for index, row in enumerate(corpus.rows):
        words = len(row.story.joined.split())
        lengths[next(name for limit, name in LENGTHS if words <= limit)].append(index)
        if row.extra.get("source"):
            sources[str(row.extra["source"])].append(index)
    ordered = [(name, lengths[name]) for _, name in LENGTHS]
    for title, parts in (("length", ordered), ("source", sorted(sources.items()))):
        large = [(name, np.array(rows)) for name, rows in parts if len(rows) >= FEWEST_IN_SLICE]
        if large:
            yield title, large


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


def table(figures: Figures) -> str:
    """Lay figures out for a terminal."""
    lines = [f"model {figures['model']}  data {figures['data'][:12]}  {figures['stories']} stories", ""]
    heads = [name for name in figures if name.startswith(("topics_", "tone_"))]
    lines += [f"{name.replace('_', ' '):24}{figures[name]:.3f}" for name in heads]
    lines += ["", f"{'label':24}{'precision':>10}{'recall':>8}{'F1':>8}  {'95 % interval':16}{'AP':>6}{'support':>9}"]
    for label, row in figures["labels"].items():
        low, high = row["f1_interval"]
        span = f"{low:.3f} to {high:.3f}"
        shown = f"{row['precision']:>10.3f}{row['recall']:>8.3f}{row['f1']:>8.3f}  {span:16}"
        lines.append(f"{label:24}{shown}{row['average_precision']:>6.3f}{row['support']:>9}")
    for title, parts in figures["slices"].items():
        columns = [name for name in heads if name in ("topics_macro_f1", "topics_micro_f1", "tone_macro_f1", "tone_accuracy")]
        lines += ["", f"{'by ' + title:24}{'stories':>8}" + "".join(f"{name.replace('_', ' '):>18}" for name in columns)]
        lines += [f"{part:24}{row['stories']:>8}" + "".join(f"{row[name]:>18.3f}" for name in columns) for part, row in parts.items()]
    return "\n".join(lines)
