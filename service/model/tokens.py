"""The one rule for how text becomes tokens and n-grams, in training and in use.

A token is a run of two or more letters or digits, after folding (see `fold`); the underscore and all else separate. Stop words are
taken out, then runs of up to `longest` neighbouring tokens make the n-grams. Where a lexicon gives words a class, each such word counts as
its class too, and as a pair with the class before it in the text. An n-gram is known by a 64-bit hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.model import kernel
from service.model.fold import FoldTable, fold_text
from service.model.table import make_table

BITS = 0xFFFFFFFFFFFFFFFF
BASE = 0xD1342543DE82EF95
POWERS = 64

Array = TypeVar("Array", bound=NDArray[Any])


class Ngrams(NamedTuple):
    """Every n-gram of a batch of texts, in reading order; all arrays of one length.

    `stories` is the index of the text, `starts` and `ends` the span in it, in code points.
    """

    hashes: NDArray[np.uint64]
    stories: NDArray[np.int32]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class TokenRule:
    """The settings of the rule. `table` says of each stop word that it is one, and of each word of the lexicon its class.

    `classes` are the names of the lexicon's classes, in order; class 0 is none. A trained model's table serves as `table` too.
    """

    fold: FoldTable
    longest: int = 2
    classes: tuple[str, ...] = ()
    seed: int = 0
    table: NDArray[np.uint64] = field(default_factory=lambda: read_only(np.zeros((2, 2), np.uint64)))

    @classmethod
    def make(
        cls, fold: FoldTable, *, longest: int = 2, stop_words: Sequence[str] = (), lexicon: Mapping[str, str] | None = None, seed: int = 0
    ) -> TokenRule:
        """Make the rule from stop words and a lexicon (word: class). Words that are no single token are without effect."""
        words = lexicon or {}
        classes = tuple(dict.fromkeys(words.values()))
        plain = cls(fold, 1, seed=seed)
        number = {name: index for index, name in enumerate(classes, 1)}
        table = np.zeros((2, 2), np.uint64)
        if words or stop_words:
            keys, first = np.unique(plain.hashes_of([*stop_words, *words]), return_index=True)
            stops = first < len(stop_words)
            class_of = np.array([0] * len(stop_words) + [number[name] for name in words.values()], np.int64)[first]
            table = make_table(keys, np.where(stops, kernel.STOP, kernel.UNKNOWN), np.where(stops, 0, class_of))
        return cls(fold, longest, classes, seed, read_only(table))

    def hashes_of(self, words: Sequence[str]) -> NDArray[np.uint64]:
        """Give each word's finished hash; 1, which no token has, for what is no single token."""
        tokens = self.ngrams(words)
        counts = np.bincount(tokens.stories, minlength=len(words))
        result = np.ones(len(words), np.uint64)
        single = counts[tokens.stories] == 1
        result[tokens.stories[single]] = tokens.hashes[single]
        return result

    @cached_property
    def compiled(self) -> tuple[FoldTable, NDArray[np.uint64], NDArray[np.uint64], int, NDArray[np.uint64]]:
        """Give the rule as the kernel takes it: fold table, powers of the hash's base, table, longest, and the hash of every class."""
        base = BASE + 2 * self.seed * int(kernel.CHAIN) & BITS
        powers = np.array([pow(base, exponent, BITS + 1) for exponent in range(POWERS)], np.uint64)
        hashes = np.array([0, *(_polynomial(base, f"#{name}") for name in self.classes)], np.uint64)
        return self.fold, read_only(powers), self.table, self.longest, read_only(hashes)

    def class_terms(self) -> dict[int, str]:
        """Name every class and pair of classes by its finished hash."""
        chained = self.compiled[-1][1:]
        names = [f"[{name}]" for name in self.classes]
        single = dict(zip(kernel.finish_all(chained).tolist(), names, strict=True))
        pairs = kernel.finish_all((chained[:, None] * kernel.CHAIN ^ chained[None, :]).ravel()).tolist()
        return single | dict(zip(pairs, (f"{first} {second}" for first in names for second in names), strict=True))

    def ngrams(self, texts: Sequence[str]) -> Ngrams:
        """Read all n-grams of the texts."""
        codes, bounds = encode(texts)
        room = (len(codes) // 2 + len(texts)) * (self.longest + 2)
        while True:
            space = Ngrams(np.empty(room, np.uint64), *(np.empty(room, np.int32) for _ in range(3)))
            found = int(kernel.ngrams(codes, bounds, self.compiled, *space))
            if found <= room:
                return Ngrams(space.hashes[:found], space.stories[:found], space.starts[:found], space.ends[:found])
            room = found


def term(text: str, stop_words: frozenset[str] = frozenset()) -> str:
    """Name the n-gram of words that a span of text holds: its folded tokens, one space between."""
    words = "".join(char if char.isalnum() else " " for char in fold_text(text)).split()
    return " ".join(word for word in words if len(word) >= kernel.MIN_LENGTH and word not in stop_words)


def _polynomial(base: int, name: str) -> int:
    total = 0
    for char in name:
        total = (total * base + ord(char)) & BITS
    return total


def encode(texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Lay texts end to end as code points: (codes, bounds), text i being codes[bounds[i]:bounds[i + 1]]."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    bounds = np.fromiter(accumulate(map(len, texts), initial=0), np.int64, len(texts) + 1)
    return codes, bounds


def read_only(array: Array) -> Array:
    """Mark an array as never written, as memory-mapped ones are: the kernel is then compiled for one kind of array only."""
    array.setflags(write=False)
    return array
