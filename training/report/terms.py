"""The heaviest terms of a model, for and against each label."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Term = tuple[str, float]
CLASS = re.compile(r"\[([^\]]+)\]")
EXAMPLES = 8


@dataclass(frozen=True)
class Heaviest:
    """The terms with the largest weights for a label, and with the smallest, heaviest first."""

    towards: tuple[Term, ...]
    against: tuple[Term, ...]


def heaviest_terms(labels: Sequence[str], weights: NDArray[np.float64], terms: Sequence[str], most: int) -> dict[str, Heaviest]:
    """Give up to `most` terms on either side per label. `weights` is the artifact's array, a row a term: idf, then a column a label."""
    found = {}
    for column, label in enumerate(labels, 1):
        order = np.argsort(weights[:, column], kind="stable")
        sides = [tuple((terms[row], float(weights[row, column])) for row in rows) for rows in (order[::-1][:most], order[:most])]
        found[label] = Heaviest(*sides)
    return found


def named_classes(terms: Sequence[str], lexicon: Mapping[str, str]) -> dict[str, list[str]]:
    """Give, for the word classes that stand in terms as `[class]`, up to 8 words of the lexicon."""
    wanted = sorted({name for term in terms for name in CLASS.findall(term)})
    words: dict[str, list[str]] = {name: [] for name in wanted}
    for word, name in lexicon.items():
        if name in words and len(words[name]) < EXAMPLES:
            words[name].append(word)
    return words
