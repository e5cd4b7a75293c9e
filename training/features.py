"""Texts become n-gram counts, with the very tokens that the served model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from service.model.tokens import Ngrams, TokenRule

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BATCH = 2000


class HashCollisionError(Exception):
    """Two different n-grams share a hash under this seed."""


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each n-gram stands in each text.

    matrix: (texts, terms) float64 CSR. hashes: (terms,) uint64. terms: their names. Terms are ordered by document frequency, highest
    first, then by name.
    """

    matrix: csr_matrix
    hashes: NDArray[np.uint64]
    terms: tuple[str, ...]

    def part(self, texts: NDArray[np.int64], min_df: int) -> Counts:
        """Keep only some texts, and the n-grams that stand in at least `min_df` of these."""
        matrix = self.matrix[texts]
        kept = np.flatnonzero(np.bincount(matrix.indices, minlength=len(self.terms)) >= min_df)
        return Counts(matrix[:, kept], self.hashes[kept], tuple(self.terms[column] for column in kept))


def count_ngrams(texts: Sequence[str], rule: TokenRule, min_df: int) -> Counts:
    """Count all n-grams that stand in at least `min_df` texts. Raises HashCollisionError; then take another hash seed."""
    from scipy.sparse import csr_matrix

    ngrams = read_ngrams(texts, rule)
    hashes, first, columns = np.unique(ngrams.hashes, return_index=True, return_inverse=True)
    _refuse_collisions(texts, rule, first, columns)
    matrix = csr_matrix((np.ones(len(columns)), (ngrams.stories, columns)), shape=(len(texts), len(hashes)))
    frequency = np.bincount(matrix.indices, minlength=len(hashes))
    kept = np.flatnonzero(frequency >= min_df)
    names = np.array([rule.term(texts[ngrams.stories[i]][ngrams.starts[i] : ngrams.ends[i]]) for i in first[kept]], object)
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


def _refuse_collisions(texts: Sequence[str], rule: TokenRule, first: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
    """Hash everything again from another seed: what shares a hash under both is taken to be the same n-gram."""
    other = TokenRule(rule.fold, rule.longest, rule.stop_words, rule.seed + 1)
    again = read_ngrams(texts, other).hashes
    if not np.array_equal(again, again[first][columns]):
        raise HashCollisionError(f"two n-grams share a hash under seed {rule.seed}")
