"""What a corpus holds, in counts."""

from __future__ import annotations

from collections import Counter

from training.corpus.stories import Corpus
from training.evaluation.slices import LENGTHS, length_of

MOST = 20


def mix_counts(corpus: Corpus) -> dict[str, int]:
    """Count the stories under each mix of topics, the 20 most frequent ones."""
    return dict(Counter("; ".join(row.topics) or "none" for row in corpus.rows).most_common(MOST))


def length_counts(corpus: Corpus) -> dict[str, int]:
    """Count the stories by length."""
    counts = Counter(length_of(text) for text in corpus.texts)
    return {name: counts[name] for _, name in LENGTHS}
