"""The one rule for how text becomes tokens and n-grams, in training and in use.

A token is a run of two or more letters or digits, after folding (see `fold`); the underscore and all else separate. Stop words are
taken out, then runs of up to `longest` neighbouring tokens make the n-grams. An n-gram is known by a 64-bit hash of its folded code points.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.model import kernel
from service.model.fold import FoldTable, fold_text

FIRST_ROOM = 1024

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
    """The settings of the rule that a model carries with it."""

    fold: FoldTable
    longest: int = 2
    stop_words: tuple[str, ...] = ()
    seed: int = 0

    @cached_property
    def start_hash(self) -> np.uint64:
        return np.uint64(0xCBF29CE484222325 + self.seed * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)

    @cached_property
    def stop_hashes(self) -> NDArray[np.uint64]:
        """The finished hashes of the stop words; words that are no single token are without effect."""
        plain = TokenRule(self.fold, longest=1, seed=self.seed)
        return np.unique(plain.ngrams(self.stop_words).hashes) if self.stop_words else np.empty(0, np.uint64)

    @cached_property
    def stop_table(self) -> NDArray[np.uint64]:
        return read_only(kernel.make_table(self.stop_hashes, np.full(len(self.stop_hashes), kernel.STOP)))

    def ngrams(self, texts: Sequence[str]) -> Ngrams:
        """Read all n-grams of the texts, stop words left out."""
        codes, bounds = encode(texts)
        room = (len(codes) // 2 + len(texts)) * self.longest
        while True:
            found, space = self._ngrams(codes, bounds, room)
            if found <= room:
                return Ngrams(space.hashes[:found], space.stories[:found], space.starts[:found], space.ends[:found])
            room = found

    def _ngrams(self, codes: NDArray[np.uint32], bounds: NDArray[np.int64], room: int) -> tuple[int, Ngrams]:
        space = Ngrams(np.empty(room, np.uint64), *(np.empty(room, np.int32) for _ in range(3)))
        while True:
            arguments = (codes, bounds, self.fold, self.start_hash, self.stop_table, self.longest, token_space(), *space)
            found = int(kernel.ngrams(*arguments))
            if found >= 0:
                return found, space
            grow(-found)

    def term(self, text: str) -> str:
        """Name the n-gram that a span of text holds: its folded tokens, one space between."""
        words = "".join(char if char.isalnum() else " " for char in fold_text(text)).split()
        return " ".join(word for word in words if len(word) >= kernel.MIN_LENGTH and word not in self.stop_set)

    @cached_property
    def stop_set(self) -> frozenset[str]:
        return frozenset(self.stop_words)


def encode(texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Lay texts end to end as code points: (codes, bounds), text i being codes[bounds[i]:bounds[i + 1]]."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    bounds = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=bounds[1:])
    return codes, bounds


class Tokens(NamedTuple):
    """Room for the tokens of one story: chained hash, span; all of one length."""

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.make(FIRST_ROOM)

    def make(self, room: int) -> None:
        self.tokens = Tokens(np.empty(room, np.uint64), np.empty(room, np.int32), np.empty(room, np.int32))


_scratch = _Scratch()


def token_space() -> Tokens:
    """Give this thread's own room for tokens."""
    return _scratch.tokens


def grow(tokens: int) -> None:
    """Make this thread's room large enough for a story of so many tokens."""
    _scratch.make(tokens)


def read_only(array: Array) -> Array:
    """Mark an array as never written, as memory-mapped ones are: the kernel is then compiled for one kind of array only."""
    array.setflags(write=False)
    return array
