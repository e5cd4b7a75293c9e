"""How single characters are folded before they are compared: case, accents, compatibility forms.

The rule is `fold_text`; `fold_table` is the same rule as arrays, one look-up a character, so that tokens can be read from the
caller's raw text without ever making a folded copy. A model carries its table: the same model reads text alike on
every Python, whatever version of Unicode that knows.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BREAK, DROPPED = 0, -1


class FoldTable(NamedTuple):
    """A two-stage look-up from code point to folded form.

    `values[pages[c >> 8] << 8 | c & 255]` is, for the code point c: the folded code point; 0 when c separates words; -1 when c
    vanishes (an accent); or -2 - i when c becomes several, `expansions[i]` of them (0 among them separates), which follow there.
    Shapes: pages (4352,), values (256 * distinct pages,), expansions (any,).
    """

    pages: NDArray[np.int32]
    values: NDArray[np.int32]
    expansions: NDArray[np.int32]


def fold_text(text: str) -> str:
    """Fold case, accents and compatibility forms (Unicode NFKD and full case folding; all marks dropped).

    >>> fold_text("Ángström ﬁre ΣΑΣ")
    'angstrom fire σασ'
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in folded if unicodedata.category(char)[0] != "M")


@cache
def fold_table() -> FoldTable:
    """Tabulate `fold_text` for every code point, as this Python's Unicode version has it."""
    expansions: list[int] = []
    flat = np.fromiter((_folded(chr(code), expansions) for code in range(sys.maxunicode + 1)), np.int32, sys.maxunicode + 1)
    values, pages = np.unique(flat.reshape(-1, 256), axis=0, return_inverse=True)
    table = FoldTable(pages.astype(np.int32).ravel(), values.ravel(), np.array(expansions, np.int32))
    for array in table:
        array.setflags(write=False)
    return table


def _folded(char: str, expansions: list[int]) -> int:
    if char < "\x80":
        return ord(char.lower()) if char.isalnum() else BREAK
    category = unicodedata.category(char)
    if category in ("Lo", "Cn", "Co", "Cs") and unicodedata.is_normalized("NFKD", char):
        return ord(char) if category == "Lo" else BREAK
    folded = fold_text(char)
    if not folded:
        return DROPPED
    codes = [ord(part) if part.isalnum() else BREAK for part in folded]
    if not any(codes):
        return BREAK
    if len(codes) == 1:
        return codes[0]
    expansions += [len(codes), *codes]
    return -2 - (len(expansions) - len(codes) - 1)
