"""A story cut into passages, each with what its words add to one label: evidence laid over the text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

SHADES = 5
Items = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Reading:
    """A word or phrase of the evidence, what it adds in all, and in how many places it stands."""

    text: str
    weight: float
    places: int

    @property
    def here(self) -> float:
        """What it adds in each of its places: alike in all of them."""
        return self.weight / self.places


class Laid(NamedTuple):
    """A reading over one place of a field, in code points."""

    start: int
    end: int
    reading: Reading


@dataclass(frozen=True)
class Passage:
    """A piece of a field over which the same readings lie, heaviest first; none for plain text."""

    text: str
    readings: tuple[Reading, ...] = ()

    @property
    def weight(self) -> float:
        return sum(reading.here for reading in self.readings)

    @property
    def has_words(self) -> bool:
        return any(map(str.isalnum, self.text))


@dataclass(frozen=True)
class Highlighted:
    """Both fields of a story in passages. Joined, those of a field are the field."""

    title: tuple[Passage, ...]
    text: tuple[Passage, ...]
    readings: int = 0

    @property
    def strongest(self) -> float:
        """The most that any passage adds, 0 when none adds anything."""
        return max((passage.weight for passage in (*self.title, *self.text)), default=0.0)

    def shade(self, passage: Passage) -> int:
        """Grade a passage from 1 to SHADES by its share of the strongest, 0 for plain text."""
        return math.ceil(SHADES * passage.weight / self.strongest - 1e-9) if passage.readings else 0


def highlight(title: str, text: str, items: Items) -> Highlighted:
    """Lay the evidence of one label, as `/classify` gives it, over the story's fields. Weights of readings that overlap add up."""
    spans: dict[str, list[Laid]] = {"title": [], "text": []}
    for item in items:
        places = [item, *item.get("also", ())]
        reading = Reading(" ".join(item["text"].split()), item["weight"], len(places))
        for place in places:
            spans[place.get("field", "text")].append(Laid(place["start"], place["end"], reading))
    return Highlighted(tuple(_passages(title, spans["title"])), tuple(_passages(text, spans["text"])), len(items))


def _passages(field: str, spans: list[Laid]) -> Iterator[Passage]:
    """Cut a field wherever a span begins or ends."""
    starts: dict[int, list[Reading]] = {}
    ends: dict[int, list[Reading]] = {}
    for span in spans:
        starts.setdefault(span.start, []).append(span.reading)
        ends.setdefault(span.end, []).append(span.reading)
    over: list[Reading] = []
    before = 0
    for place in sorted({*starts, *ends, len(field)}):
        if place > before:
            yield Passage(field[before:place], tuple(sorted(over, key=lambda reading: -reading.here)))
        for reading in ends.get(place, ()):
            over.remove(reading)
        over += starts.get(place, ())
        before = place
