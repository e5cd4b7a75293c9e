"""What a caller gets for a story, as JSON: the same over HTTP and from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.model.evidence import Evidence, Span, evidence
from service.model.story import Story
from service.model.tagger import Tagger, Tags

PLACES = 6


def answer(tagger: Tagger, stories: Sequence[Story], terms: int = 0) -> list[dict[str, Any]]:
    """Tag stories; with `terms` above 0 show up to so many readings that led to each tag."""
    answers = []
    for story, tags in zip(stories, tagger.tag(stories), strict=True):
        said = _tags(tags, tagger.model.name)
        if terms:
            found = evidence(tagger.model, story, tags, terms)
            said["evidence"] = {label: [_evidence(story, item) for item in items] for label, items in found.items()}
        answers.append(said)
    return answers


def _tags(tags: Tags, model: str) -> dict[str, Any]:
    scores = {"topics": _rounded(tags.topic_scores), "tone": _rounded(tags.tone_scores)}
    said = {"id": tags.id, "topics": list(tags.topics), "tone": tags.tone, "scores": scores}
    return {**said, "review": list(tags.review), "coverage": round(tags.coverage, PLACES), "model": model}


def _rounded(scores: Any) -> dict[str, float]:
    return {label: round(score, PLACES) for label, score in scores.items()}


def _evidence(story: Story, item: Evidence) -> dict[str, Any]:
    first, *more = (_span(span) for span in item.spans)
    field = story.title if item.spans[0].field == "title" else story.text
    said = {**first, "text": field[first["start"] : first["end"]], "weight": round(item.weight, PLACES)}
    return {**said, "also": more} if more else said


def _span(span: Span) -> dict[str, Any]:
    place: dict[str, Any] = {"start": span.start, "end": span.end}
    return {"field": "title", **place} if span.field == "title" else place
