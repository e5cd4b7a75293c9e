"""Why a story got its tags: the exact contribution of every n-gram, as spans in the caller's own text.

For a linear model this is no estimate: the bias and all contributions add up to the decision score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.model.artifact import Model
from service.model.kernel import lookup
from service.model.story import Story
from service.model.tagger import Tags


@dataclass(frozen=True)
class Span:
    """Where an n-gram stands: a field of the story, and code points in it."""

    field: str
    start: int
    end: int


@dataclass(frozen=True)
class Evidence:
    """One n-gram's part in one label's score: `weight` is the contribution of all its occurrences together."""

    term: str
    weight: float
    spans: tuple[Span, ...]


@dataclass(frozen=True, eq=False)
class Contributions:
    """What every known n-gram of one story adds to each column's decision score.

    weights: (terms, columns) float64, which with `Model.bias` add up to the decision scores. spans: per term, its places in the joined
    text.
    """

    weights: NDArray[np.float64]
    spans: tuple[tuple[tuple[int, int], ...], ...]


def contributions(model: Model, story: Story) -> Contributions:
    """Take one story's scores apart, term by term, in the order in which the terms first occur."""
    ngrams = model.tokens.ngrams([story.joined])
    rows = lookup(model.table, ngrams.hashes)
    known = np.flatnonzero(rows >= 0)
    distinct, first, places, counts = np.unique(rows[known], return_index=True, return_inverse=True, return_counts=True)
    tf = 1 + np.log(counts)
    norm = np.sqrt(np.sum((tf * model.weights[distinct, 0]) ** 2)) or 1.0
    weights = model.weights[distinct, 1:] * (tf / norm)[:, None]
    spans: list[list[tuple[int, int]]] = [[] for _ in distinct]
    for term, place in zip(places, known, strict=True):
        spans[term].append((int(ngrams.starts[place]), int(ngrams.ends[place])))
    order = np.argsort(first)
    return Contributions(weights[order], tuple(tuple(spans[term]) for term in order))


def evidence(model: Model, story: Story, tags: Tags, most: int) -> dict[str, list[Evidence]]:
    """Give, for every topic that was set and for the tone, up to `most` terms that spoke for it.

    Heaviest first.
    The key of the tone's evidence is `tone`. A tone's contributions are relative to the mean of all tones.
    """
    parts = contributions(model, story)
    columns = {name: index for index, name in enumerate(model.labels.columns)}
    wanted = {topic: columns[topic] for topic in tags.topics}
    if tags.tone is not None:
        wanted["tone"] = columns[tags.tone]
    return {name: _heaviest(model, story, parts, column, most) for name, column in wanted.items()}


def _heaviest(model: Model, story: Story, parts: Contributions, column: int, most: int) -> list[Evidence]:
    weights = parts.weights[:, column]
    heaviest = np.argsort(-weights, kind="stable")[:most]
    order = [term for term in heaviest if weights[term] > 0]
    return [_evidence(model, story, parts.spans[term], float(weights[term])) for term in order]


def _evidence(model: Model, story: Story, spans: tuple[tuple[int, int], ...], weight: float) -> Evidence:
    start, end = spans[0]
    term = model.tokens.term(story.joined[start:end])
    return Evidence(term, weight, tuple(Span(*story.locate(*span)) for span in spans))
