"""Why a story got its tags: the exact contribution of every span of its text.

For a linear model this is no estimate: the bias and all contributions add up to the decision score. A term that stands in several places
contributes as much in each; what a word adds as itself and as a member of its word class is one contribution, that of its span.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.model.artifact import Model
from service.model.kernel import lookup
from service.model.story import Story
from service.model.tagger import Tags
from service.model.tokens import term


@dataclass(frozen=True)
class Span:
    """A place in a story: one of its fields, and code points in it."""

    field: str
    start: int
    end: int


@dataclass(frozen=True)
class Evidence:
    """Spans that read alike, and what they add to one label's score together."""

    weight: float
    spans: tuple[Span, ...]


@dataclass(frozen=True, eq=False)
class Contributions:
    """What every span of one story adds to each column's decision score, in reading order.

    spans: (spans, 2) int32, start and end in the joined text. weights: (spans, columns) float64, which with `Model.bias` add up to the
    decision scores.
    """

    spans: NDArray[np.int32]
    weights: NDArray[np.float64]


def contributions(model: Model, story: Story) -> Contributions:
    """Take one story's scores apart."""
    ngrams = model.tokens.ngrams([story.joined])
    rows = lookup(model.tokens.table, ngrams.hashes)
    known = rows >= 0
    terms, term_of, counts = np.unique(rows[known], return_inverse=True, return_counts=True)
    tf = 1 + np.log(counts)
    norm = np.sqrt(np.sum((tf * model.weights[terms, 0]) ** 2)) or 1.0
    each = model.label_weights[terms] * (tf / counts / norm)[:, None]
    spans, span_of = np.unique(np.column_stack([ngrams.starts, ngrams.ends])[known], axis=0, return_inverse=True)
    weights = np.zeros((len(spans), each.shape[1]))
    np.add.at(weights, span_of.ravel(), each[term_of.ravel()])
    return Contributions(spans, weights)


def evidence(model: Model, story: Story, tags: Tags, most: int) -> dict[str, list[Evidence]]:
    """Give, for every topic that was set and for the tone, up to `most` readings that spoke for it.

    Heaviest first. The key of the tone's evidence is `tone`. A tone's contributions are relative to the mean of all tones.
    """
    parts = contributions(model, story)
    columns = {name: index for index, name in enumerate(model.labels.columns)}
    wanted = {topic: columns[topic] for topic in tags.topics}
    if tags.tone is not None:
        wanted["tone"] = columns[tags.tone]
    readings = _readings(story, parts)
    return {name: _heaviest(story, parts, readings, column, most=most) for name, column in wanted.items()}


def _readings(story: Story, parts: Contributions) -> list[list[int]]:
    """Group the spans that read alike, by index."""
    text, groups = story.joined, dict[str, list[int]]()
    for index, (start, end) in enumerate(parts.spans.tolist()):
        groups.setdefault(term(text[start:end]), []).append(index)
    return list(groups.values())


def _heaviest(story: Story, parts: Contributions, readings: list[list[int]], column: int, *, most: int) -> list[Evidence]:
    weights = parts.weights[:, column]
    totals = sorted(((float(weights[group].sum()), group) for group in readings), key=lambda pair: -pair[0])
    return [
        Evidence(weight, tuple(Span(*story.locate(*parts.spans[index].tolist())) for index in group))
        for weight, group in totals[:most]
        if weight > 0
    ]
