"""How far two readers agree: Cohen's kappa per label (Cohen 1960)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from training.corpus.stories import Corpus

ANNOTATIONS = "annotations"


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Give the agreement beyond chance of two readings of the same items; 1 when both only ever say one and the same thing."""
    total = len(first)
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / total
    ours, theirs = Counter(first), Counter(second)
    expected = sum(ours[value] * theirs[value] for value in ours) / total**2
    return 1.0 if expected == 1 else (observed - expected) / (1 - expected)


def agreement(corpus: Corpus) -> dict[str, tuple[float, int]]:
    """Give kappa and the number of differing stories per topic, and for the tone, over the rows that keep two readings in `annotations`."""
    pairs = [row.extra[ANNOTATIONS][:2] for row in corpus.rows if len(row.extra.get(ANNOTATIONS) or ()) >= 2]
    if not pairs:
        return {}
    readings = {topic: [[topic in reading["topics"] for reading in pair] for pair in pairs] for topic in corpus.labels.topics}
    if corpus.labels.tones:
        readings["tone"] = [[reading["tone"] for reading in pair] for pair in pairs]
    return {name: _agreement([pair[0] for pair in found], [pair[1] for pair in found]) for name, found in readings.items()}


def _agreement(first: Sequence[Hashable], second: Sequence[Hashable]) -> tuple[float, int]:
    return cohen_kappa(first, second), sum(a != b for a, b in zip(first, second, strict=True))
