"""What the page shows of an answer, ready for its template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.http.highlight import Highlighted, highlight
from service.model.artifact import Model
from service.model.review import CLOSE, NO_KNOWN_WORDS, UNFAMILIAR
from service.model.story import Story

TONE = "tone"


@dataclass(frozen=True)
class Bar:
    """One label's probability, 0 to 1. Tones have no threshold: the likeliest is chosen."""

    label: str
    probability: float
    threshold: float | None
    chosen: bool


@dataclass(frozen=True)
class Why:
    """The story with the words that led to one label."""

    label: str
    definition: str
    story: Highlighted


@dataclass(frozen=True)
class Shown:
    """One answer: bars per head, what to review in sentences, and the story once per label that has evidence."""

    topics: tuple[Bar, ...]
    tones: tuple[Bar, ...]
    review: tuple[str, ...]
    coverage: float
    whys: tuple[Why, ...]
    plain: Highlighted

    @property
    def chosen_topics(self) -> list[str]:
        return [bar.label for bar in self.topics if bar.chosen]

    @property
    def tone(self) -> str | None:
        return next((bar.label for bar in self.tones if bar.chosen), None)


def readable(label: str) -> str:
    """Write a label for reading: spaces for underscores."""
    return label.replace("_", " ")


def percent(probability: float) -> str:
    """Write a probability as a percentage that never claims certainty."""
    shown = f"{probability:.1%}"
    return {"100.0%": ">99.9%", "0.0%": "<0.1%"}.get(shown, shown)


def show(model: Model, story: Story, said: Mapping[str, Any]) -> Shown:
    """Lay out what `answer` said of a story."""
    scores, definitions = said["scores"], {**model.labels.topics, **model.labels.tones}
    topics = tuple(Bar(label, score, model.thresholds[label], label in said["topics"]) for label, score in scores["topics"].items())
    tones = tuple(Bar(label, score, None, label == said["tone"]) for label, score in scores["tone"].items())
    labels = {key: said["tone"] if key == TONE else key for key in said["evidence"]}
    whys = tuple(
        Why(labels[key], definitions[labels[key]], highlight(story.title, story.text, items)) for key, items in said["evidence"].items()
    )
    review = tuple(_sentence(reason, said["coverage"]) for reason in said["review"])
    return Shown(topics, tones, review, said["coverage"], whys, highlight(story.title, story.text, ()))


def _sentence(reason: str, coverage: float) -> str:
    if reason.startswith(CLOSE):
        return f"The {'' if reason == CLOSE + TONE else 'topic '}{readable(reason.removeprefix(CLOSE))} is too close to call."
    if reason == UNFAMILIAR:
        return f"Only {coverage:.0%} of the words are known to the model."
    return "The model knows no word of this story, so it gives no tags." if reason == NO_KNOWN_WORDS else readable(reason)
