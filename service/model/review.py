"""What a person should look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NO_KNOWN_WORDS = "no_known_words"
UNFAMILIAR = "unfamiliar"
CLOSE = "close:"


@dataclass(frozen=True)
class Review:
    """When an answer is put up for review.

    bands: per topic the probabilities (low, high) within which it is not decided at the stated error. tones: per tone the least
    probability at which it stays possible; unless just one is, the tone is not decided. coverage: share of known words under which a text
    is unfamiliar.
    """

    bands: Mapping[str, tuple[float, float]]
    tones: Mapping[str, float]
    coverage: float

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Review:
        bands = {topic: (float(low), float(high)) for topic, (low, high) in entry["bands"].items()}
        return cls(bands, {tone: float(least) for tone, least in entry["tones"].items()}, float(entry["coverage"]))

    def reasons(self, topics: Mapping[str, float], tones: Mapping[str, float], coverage: float) -> Iterator[str]:
        """Name what to look at, given the probabilities of a story with known words: `close:TOPIC`, `close:tone`, `unfamiliar`."""
        for topic, probability in topics.items():
            low, high = self.bands[topic]
            if low < probability < high:
                yield CLOSE + topic
        if tones and sum(probability >= self.tones[tone] for tone, probability in tones.items()) != 1:
            yield CLOSE + "tone"
        if coverage < self.coverage:
            yield UNFAMILIAR
