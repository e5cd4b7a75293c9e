"""What a model decided on labelled stories, beside what is true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.model.artifact import Model
from service.model.labels import LabelScheme
from service.model.review import CLOSE, NO_KNOWN_WORDS
from service.model.tagger import Scores
from training.corpus.stories import Corpus

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Decisions:
    """One label's decisions, over the stories that are labelled in its head; all of shape (stories,).

    stories: their indices in the corpus. distance: how far the probability is from where the decision would turn: a topic's threshold, or
    the likeliest other tone; 0 without a known word. flagged: whether the decision is put up for review.
    """

    stories: Indices
    target: Bools
    predicted: Bools
    probability: Floats
    distance: Floats
    flagged: Bools

    @property
    def wrong(self) -> Bools:
        wrong: Bools = self.target != self.predicted
        return wrong


@dataclass(frozen=True, eq=False)
class Outcome:
    """All decisions of a model on a corpus.

    topics: (stories, topics), those that were set; tones: (stories,), indices, -1 for none; probabilities: (stories, columns).
    labels: per label of the heads that the corpus is labelled with.
    """

    topics: Bools
    tones: Indices
    probabilities: Floats
    labels: Mapping[str, Decisions]

    def whole_stories(self) -> tuple[Bools, Floats, Bools]:
        """Say of each story whether any decision is wrong, how near the nearest is to turning, and whether any is flagged.

        Covers the stories that are labelled in every head.
        """
        stories = np.arange(len(self.tones))
        for label in self.labels.values():
            stories = np.intersect1d(stories, label.stories)
        rows = [np.searchsorted(label.stories, stories) for label in self.labels.values()]
        pairs = list(zip(self.labels.values(), rows, strict=True))
        wrong = np.any([label.wrong[row] for label, row in pairs], axis=0)
        distance = np.min([label.distance[row] for label, row in pairs], axis=0)
        return wrong, distance, np.any([label.flagged[row] for label, row in pairs], axis=0)


def outcome(model: Model, corpus: Corpus, scores: Scores) -> Outcome:
    """Decide by the model's own rules. A head that no story of the corpus is labelled with is left out."""
    topics, tones = decided(model, scores)
    return Outcome(topics, tones, scores.probabilities, dict(_labels(model, corpus, scores)))


def decided(model: Model, scores: Scores) -> tuple[Bools, Indices]:
    """Say which topics each story gets, (stories, topics), and the index of its tone, (stories,), -1 for none."""
    known = scores.tokens[:, 1] > 0
    columns = len(model.labels.topics)
    topics = (scores.probabilities[:, :columns] >= _thresholds(model)) & known[:, None]
    tones = np.where(known, scores.probabilities[:, columns:].argmax(axis=1), -1) if model.labels.tones else np.full(len(known), -1)
    return topics, tones


def measured_labels(corpus: Corpus) -> tuple[str, ...]:
    """Name the labels of the heads that the corpus is labelled with."""
    topics, tones = (tuple(head) for head in (corpus.labels.topics, corpus.labels.tones))
    return (topics if corpus.topics.any() else ()) + (tones if (corpus.tones >= 0).any() else ())


def by_label(labels: LabelScheme, topics: Bools, tones: Indices) -> dict[str, Bools]:
    """Say of each label which stories have it, (stories,), from topics (stories, topics) and indices of tones (stories,)."""
    return {topic: topics[:, index] for index, topic in enumerate(labels.topics)} | {
        tone: tones == index for index, tone in enumerate(labels.tones)
    }


def distances(model: Model, scores: Scores) -> Floats:
    """Give how far every decision is from turning; shape (stories, columns)."""
    columns = len(model.labels.topics)
    topics, tones = np.hsplit(scores.probabilities, [columns])
    nearest = [np.abs(topics - _thresholds(model))]
    if tones.size:
        others = [np.delete(tones, column, axis=1).max(axis=1) for column in range(tones.shape[1])]
        nearest.append(np.abs(tones - np.column_stack(others)))
    return np.hstack(nearest) * (scores.tokens[:, 1] > 0)[:, None]


def flags(model: Model, scores: Scores) -> Bools:
    """Say which decisions are put up for review: those that are close, and all of an unfamiliar story; shape (stories, columns)."""
    labels = model.labels
    marks = {label: CLOSE + (label if label in labels.topics else "tone") for label in labels.columns}
    reasons = list(_reasons(model, scores))
    return np.array(
        [[marks[label] in found or any(not name.startswith(CLOSE) for name in found) for label in labels.columns] for found in reasons]
    ).reshape(scores.probabilities.shape)


def _reasons(model: Model, scores: Scores) -> Iterator[set[str]]:
    labels = model.labels
    for row, coverage in zip(scores.probabilities.tolist(), scores.coverage.tolist(), strict=True):
        topics = dict(zip(labels.topics, row, strict=False))
        tones = dict(zip(labels.tones, row[len(topics) :], strict=True))
        yield set(model.review.reasons(topics, tones, coverage)) if coverage else {NO_KNOWN_WORDS}


def _labels(model: Model, corpus: Corpus, scores: Scores) -> Iterator[tuple[str, Decisions]]:
    target, predicted = by_label(corpus.labels, corpus.topics, corpus.tones), by_label(model.labels, *decided(model, scores))
    distance, flagged = distances(model, scores), flags(model, scores)
    everything, toned = np.arange(len(corpus.rows)), np.flatnonzero(corpus.tones >= 0)
    for label in measured_labels(corpus):
        rows, column = everything if label in corpus.labels.topics else toned, model.labels.columns.index(label)
        parts = (scores.probabilities[rows, column], distance[rows, column], flagged[rows, column])
        yield label, Decisions(rows, target[label][rows], predicted[label][rows], *parts)


def _thresholds(model: Model) -> Floats:
    return np.array([model.thresholds[topic] for topic in model.labels.topics])
