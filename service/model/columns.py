"""What a model says of a story, as columns of a table: their names and kinds, and a story's values."""

from __future__ import annotations

from typing import Any, NamedTuple

from service.model.artifact import Model
from service.model.tagger import Tags


class Added(NamedTuple):
    """A column that tagging adds; its kind is `text`, `texts` (a list of them) or `number`."""

    name: str
    kind: str


def added_columns(model: Model, prefix: str = "") -> list[Added]:
    """Name the columns in their order: `topics`, `tone`, `score_LABEL` for every label, `review`, `coverage`, `model`."""
    heads = [("topics", "texts")] * bool(model.labels.topics) + [("tone", "text")] * bool(model.labels.tones)
    scores = [(f"score_{label}", "number") for label in model.labels.columns]
    tail = [("review", "texts"), ("coverage", "number"), ("model", "text")]
    return [Added(prefix + name, kind) for name, kind in (*heads, *scores, *tail)]


def values(model: Model, tags: Tags) -> list[Any]:
    """Give a story's values in the order of `added_columns`; a score is None where no word is known."""
    topics = [list(tags.topics)] if model.labels.topics else []
    tone = [tags.tone] if model.labels.tones else []
    scores = {**tags.topic_scores, **tags.tone_scores}
    return [*topics, *tone, *map(scores.get, model.labels.columns), list(tags.review), tags.coverage, model.name]
