"""Which stories are held out together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from service.errors import CorpusError
from training.corpus.duplicates import near_duplicates
from training.corpus.stories import Corpus

SAME = 0.5


def folds(corpus: Corpus, count: int, seed: int) -> NDArray[np.int64]:
    """Give each story a fold, 0 to count - 1: label mixes are spread evenly, and near-duplicates share a fold.

    Depends on the stories' contents and the seed only, not on their order. Raises CorpusError when near-duplicates leave too few different
    stories: a fold without stories, or a label that cannot be learnt without one of the folds.
    """
    groups = group_near_duplicates(corpus.texts)
    order = sorted(range(len(groups)), key=lambda index: (_mix(corpus, index), _draw(corpus.texts[groups[index]], seed), index))
    fold_of: dict[int, int] = {}
    for index in order:
        if groups[index] == index:
            fold_of[index] = len(fold_of) % count
    result = np.array([fold_of[group] for group in groups], np.int64)
    faults = [*_unlearnable(corpus, result, count)]
    if faults:
        raise CorpusError(faults)
    return result


def _unlearnable(corpus: Corpus, fold_of: NDArray[np.int64], count: int) -> Iterator[str]:
    """Say what cannot be cross-validated: every label needs stories with it and without it beside each fold."""
    if len(np.unique(fold_of)) < count:
        yield f"the stories are near-duplicates of fewer than {count} different ones: too few to hold some out for cross-validation"
        return
    for label, applies in zip(corpus.labels.columns, corpus.targets.T, strict=True):
        lacking = next((fold for fold in range(count) if len(np.unique(applies[fold_of != fold])) < 2), None)
        if lacking is not None:
            yield f"label {label!r}: the stories with it, or those without it, are all near-duplicates of one another; add different ones"


def group_near_duplicates(texts: Sequence[str]) -> list[int]:
    """Give each text its group: the index of the first text that it is a near-duplicate of, directly or over others."""
    first_of: dict[str, int] = {}
    groups = [first_of.setdefault(text, index) for index, text in enumerate(texts)]
    distinct = list(first_of.values())

    def root(index: int) -> int:
        while groups[index] != index:
            index = groups[index]
        return index

    for pair in near_duplicates(list(first_of), SAME):
        first, second = sorted((root(distinct[pair.first]), root(distinct[pair.second])))
        groups[second] = first
    return [root(index) for index in range(len(texts))]


def _mix(corpus: Corpus, index: int) -> tuple[tuple[str, ...], str]:
    row = corpus.rows[index]
    return row.topics, row.tone or ""


def _draw(text: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}\n{text}".encode(errors="surrogatepass")).hexdigest()
