"""Which stories are held out together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.corpus.duplicates import near_duplicates
from training.corpus.stories import Corpus

SAME = 0.5


def folds(corpus: Corpus, count: int, seed: int) -> NDArray[np.int64]:
    """Give each story a fold, 0 to count - 1: label mixes are spread evenly, and near-duplicates share a fold.

    Depends on the stories' contents and the seed only, not on their order.
    """
    groups = group_near_duplicates(corpus.texts)
    order = sorted(range(len(groups)), key=lambda index: (_mix(corpus, index), _draw(corpus.texts[groups[index]], seed), index))
    fold_of: dict[int, int] = {}
    for index in order:
        if groups[index] == index:
            fold_of[index] = len(fold_of) % count
    return np.array([fold_of[group] for group in groups], np.int64)


def group_near_duplicates(texts: Sequence[str]) -> list[int]:
    """Give each text its group: the index of the first text that it is a near-duplicate of, directly or over others."""
    groups = list(range(len(texts)))

    def root(index: int) -> int:
        while groups[index] != index:
            index = groups[index]
        return index

    for pair in near_duplicates(texts, SAME):
        first, second = sorted((root(pair.first), root(pair.second)))
        groups[second] = first
    return [root(index) for index in range(len(texts))]


def _mix(corpus: Corpus, index: int) -> tuple[tuple[str, ...], str]:
    row = corpus.rows[index]
    return row.topics, row.tone or ""


def _draw(text: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}\n{text}".encode(errors="surrogatepass")).hexdigest()
