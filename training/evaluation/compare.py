"""Two models side by side on the same labelled stories: figures, flips, terms that moved, speed and size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from service.errors import ModelError
from service.model.artifact import Model
from service.model.labels import LabelScheme
from service.model.story import Story
from service.model.tagger import Tagger
from training.corpus.stories import Corpus
from training.evaluation.evaluate import rounded
from training.evaluation.outcome import by_label, decided, measured_labels
from training.evaluation.paired import PairedFigures, paired_figures

TURNS = 7
STORIES_A_TURN = 1000
TERMS = 8


@dataclass(frozen=True)
class Flip:
    """A story whose tag changed. `label` is a topic, its tags being truth values, or `tone`, its tags being tones or None."""

    id: str | None
    label: str
    old: bool | str | None
    new: bool | str | None
    truth: bool | str | None


@dataclass(frozen=True)
class Moved:
    """A term's weight for one label in both models, 0 where a model does not know it."""

    term: str
    old: float
    new: float


@dataclass(frozen=True)
class Paired:
    """What two models do on a corpus. data: its fingerprint. cautions: why the figures may flatter one of the two."""

    data: str
    stories: int
    labels: Mapping[str, PairedFigures]
    flips: tuple[Flip, ...]
    cautions: tuple[str, ...]

    @property
    def worse(self) -> list[str]:
        """Name the labels on which the new model is significantly worse."""
        return [label for label, figures in self.labels.items() if figures.verdict == "worse"]

    def to_json(self) -> dict[str, Any]:
        """Give what the history keeps: all but the flips. Figures are rounded, but for p."""
        labels = {label: {**rounded(figures.to_json()), "p": figures.p} for label, figures in self.labels.items()}
        return {"data": self.data, "stories": self.stories, "labels": labels, "cautions": list(self.cautions)}


def pair(old: Model, new: Model, corpus: Corpus) -> Paired:
    """Compare two models story by story. Raises ModelError when their labels differ."""
    refuse_other_labels(old.labels, new.labels)
    truth, (before, after) = (corpus.topics, corpus.tones), (decided(model, Tagger(model).score(corpus.texts)) for model in (old, new))
    target, first, second = by_label(corpus.labels, *truth), by_label(old.labels, *before), by_label(new.labels, *after)
    labels = {label: paired_figures(target[label], first[label], second[label]) for label in measured_labels(corpus)}
    flips = sorted(_flips(corpus, target, first, second), key=lambda flip: (flip.old != flip.truth) + (flip.new == flip.truth))
    return Paired(corpus.fingerprint, len(corpus.rows), labels, tuple(flips), tuple(_cautions(old, new, corpus)))


def refuse_other_labels(old: LabelScheme, new: LabelScheme) -> None:
    """Raise ModelError when two schemes do not have the same topics and tones, whatever their order and definitions."""
    if set(old.topics) == set(new.topics) and set(old.tones) == set(new.tones):
        return
    said = [f"only the {name} has {', '.join(names)}" for name, names in _only(old, new) if names]
    raise ModelError(f"the two models have other labels: {'; '.join(said)}")


def _only(old: LabelScheme, new: LabelScheme) -> Iterator[tuple[str, list[str]]]:
    heads = [{*(f"topic {topic}" for topic in scheme.topics), *(f"tone {tone}" for tone in scheme.tones)} for scheme in (old, new)]
    yield from (("old", sorted(heads[0] - heads[1])), ("new", sorted(heads[1] - heads[0])))


def _flips(corpus: Corpus, *tags: Mapping[str, Any]) -> Iterator[Flip]:
    measured, tones = measured_labels(corpus), tuple(corpus.labels.tones)
    for label in (topic for topic in corpus.labels.topics if topic in measured):
        truth, old, new = (tag[label] for tag in tags)
        for index in np.flatnonzero(old != new):
            yield Flip(corpus.rows[index].story.id, label, bool(old[index]), bool(new[index]), bool(truth[index]))
    if tones and tones[0] in measured:
        truth, old, new = (_tone_names(tag, tones) for tag in tags)
        for index in np.flatnonzero(old != new):
            yield Flip(corpus.rows[index].story.id, "tone", old[index], new[index], truth[index])


def _tone_names(tags: Mapping[str, Any], tones: Sequence[str]) -> Any:
    names = np.full(len(tags[tones[0]]), None, object)
    for tone in tones:
        names[tags[tone]] = tone
    return names


def _cautions(old: Model, new: Model, corpus: Corpus) -> Iterator[str]:
    for which, model in (("old", old), ("new", new)):
        if model.manifest["corpus"]["fingerprint"] == corpus.fingerprint:
            yield f"the {which} model was trained on these very stories: its figures here say little"


def moved_terms(old: Model, new: Model, most: int) -> dict[str, list[Moved]]:
    """Give, per label, up to `most` terms whose weight, idf included, moved most. Raises ModelError when names do not fit the weights."""
    names = [_named(model) for model in (old, new)]
    terms = sorted(names[0].keys() | names[1].keys())
    return {label: list(_moved(terms, names, [_weights(model, label) for model in (old, new)], most)) for label in old.labels.columns}


def _named(model: Model) -> dict[str, int]:
    rows = {term: row for row, term in enumerate(model.terms())}
    if len(rows) != len(model.weights):
        raise ModelError(f"{model.folder}: {len(rows)} terms have a name, but {len(model.weights)} a weight; make the model again")
    return rows


def _weights(model: Model, label: str) -> Any:
    """One label's weights; the last, that of a term without a row, is 0."""
    return np.append(model.label_weights[:, model.labels.columns.index(label)], 0.0)


def _moved(terms: list[str], names: Sequence[Mapping[str, int]], weights: Sequence[Any], most: int) -> Iterator[Moved]:
    old, new = (part[[rows.get(term, -1) for term in terms]] for rows, part in zip(names, weights, strict=True))
    for index in np.argsort(-np.abs(new - old), kind="stable")[:most]:
        if old[index] != new[index]:
            yield Moved(terms[index], float(old[index]), float(new[index]))


def speeds(models: Sequence[Model], stories: Sequence[Story]) -> list[float]:
    """Time models side by side, in turns: median stories per second of each."""
    batch = list(islice(cycle(stories), STORIES_A_TURN))
    taggers = [Tagger(model) for model in models]
    times = [[_seconds(tagger, batch) for tagger in taggers] for _ in range(TURNS + 1)][1:]
    return [len(batch) / median(column) for column in zip(*times, strict=True)]


def _seconds(tagger: Tagger, batch: list[Story]) -> float:
    start = perf_counter()
    tagger.tag(batch)
    return perf_counter() - start


def size(model: Model) -> int:
    """Give the bytes that a model's files take; 0 for a model in memory only."""
    return sum(file.stat().st_size for file in model.folder.iterdir() if file.is_file()) if model.folder else 0


@dataclass(frozen=True)
class Side:
    """One of the two models: its folder and name, its bytes on disk and how many stories it tags per second."""

    folder: str
    model: str
    bytes: int
    stories_per_second: float


@dataclass(frozen=True)
class Comparison:
    """All that `conflict-training compare` shows."""

    old: Side
    new: Side
    paired: Paired
    terms: Mapping[str, list[Moved]]

    def to_json(self, most_flips: int) -> dict[str, Any]:
        flips = {"count": len(self.paired.flips), "shown": [asdict(flip) for flip in self.paired.flips[:most_flips]]}
        sides = {"old": asdict(self.old), "new": asdict(self.new)}
        terms = {label: [asdict(moved) for moved in moves] for label, moves in self.terms.items()}
        return {**sides, **self.paired.to_json(), "flips": flips, "terms": terms}


def compare(old: Model, new: Model, corpus: Corpus) -> Comparison:
    """Compare two models that stand on disk. Raises ModelError."""
    paired = pair(old, new, corpus)
    terms = moved_terms(old, new, TERMS)
    rates = speeds((old, new), [row.story for row in corpus.rows])
    before, after = (
        Side(str(model.folder), model.name, size(model), round(rate, 1)) for model, rate in zip((old, new), rates, strict=True)
    )
    return Comparison(before, after, paired, terms)
