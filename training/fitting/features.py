"""Texts become n-gram counts, with the very tokens that the served model reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from service.model.tokens import Ngrams, TokenRule, term

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BATCH = 2000


class HashCollisionError(Exception):
    """Two different n-grams share a hash under this seed."""


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each n-gram stands in each text.

    matrix: (texts, terms) float64 CSR. hashes: (terms,) uint64. terms: their names; those of word classes stand in brackets. Terms are
    ordered by document frequency, highest first, then by name.
    """

    matrix: csr_matrix
    hashes: NDArray[np.uint64]
    terms: tuple[str, ...]

    @property
    def of_classes(self) -> NDArray[np.bool_]:
        """Which terms are word classes or pairs of them; shape (terms,)."""
        return np.array([name.startswith("[") for name in self.terms], bool)

    def columns_of(self, part: Counts) -> NDArray[np.int64]:
        """Say which of the columns are those of a part."""
        order = np.argsort(self.hashes)
        result: NDArray[np.int64] = order[np.searchsorted(self.hashes, part.hashes, sorter=order)]
        return result

    def part(self, texts: NDArray[np.int64], min_df: int) -> Counts:
        """Keep only some texts, and the n-grams that stand in at least `min_df` of these."""
        matrix = self.matrix[texts]
        kept = np.flatnonzero(np.bincount(matrix.indices, minlength=len(self.terms)) >= min_df)
        return Counts(matrix[:, kept], self.hashes[kept], tuple(self.terms[column] for column in kept))


def count_ngrams(texts: Sequence[str], rule: TokenRule, check: TokenRule, *, min_df: int, stop_words: Sequence[str] = ()) -> Counts:
    """Count all n-grams that stand in at least `min_df` texts.

    `check` is the same rule under another hash seed: what shares a hash under both is taken to be the same n-gram.
    Raises HashCollisionError when that is not so; then take other seeds.
    """
    from scipy.sparse import csr_matrix

    ngrams = read_ngrams(texts, rule)
    hashes, first, columns = np.unique(ngrams.hashes, return_index=True, return_inverse=True)
    _refuse_collisions(read_ngrams(texts, check).hashes, first, columns)
    matrix = csr_matrix((np.ones(len(columns)), (ngrams.stories, columns)), shape=(len(texts), len(hashes)))
    frequency = np.bincount(matrix.indices, minlength=len(hashes))
    kept = np.flatnonzero(frequency >= min_df)
    names = np.array(_names(texts, ngrams, first[kept], rule.class_terms(), frozenset(stop_words)), object)
    order = sorted(range(len(kept)), key=lambda place: (-frequency[kept[place]], names[place]))
    chosen = kept[order]
    matrix = matrix[:, chosen]
    matrix.sort_indices()
    return Counts(matrix, hashes[chosen], tuple(names[order]))


def read_ngrams(texts: Sequence[str], rule: TokenRule) -> Ngrams:
    """Read the n-grams of any number of texts, some at a time."""
    parts = []
    for start in range(0, len(texts), BATCH):
        part = rule.ngrams(texts[start : start + BATCH])
        parts.append(part._replace(stories=part.stories + np.int32(start)))
    return Ngrams(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _refuse_collisions(again: NDArray[np.uint64], first: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
    if not np.array_equal(again, again[first][columns]):
        raise HashCollisionError("two n-grams share a hash")


def _names(
    texts: Sequence[str], ngrams: Ngrams, places: NDArray[np.int64], class_terms: Mapping[int, str], stop_words: frozenset[str]
) -> list[str]:
    spans = zip(ngrams.hashes[places].tolist(), ngrams.stories[places], ngrams.starts[places], ngrams.ends[places], strict=True)
    return [class_terms.get(key) or term(texts[story][start:end], stop_words) for key, story, start, end in spans]
