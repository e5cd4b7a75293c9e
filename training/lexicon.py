"""The lexicon: words that behave alike, so that rare words share weight with common ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from service.errors import CorpusError
from service.model.tokens import term


def read_lexicon(path: Path) -> dict[str, str]:
    """Read `class: word, word` lines into (word: class); empty when there is no such file. Lines that begin with `#` are comments.

    Raises CorpusError with every fault: a line without a class, a word in two classes, or one that is not a single folded token.
    """
    if not path.is_file():
        return {}
    lexicon: dict[str, str] = {}
    faults: list[str] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        name, colon, words = line.partition(":")
        if line.strip() and not line.startswith("#"):
            faults += [f"{path}:{number}: {fault}" for fault in _take(lexicon, name.strip(), colon, words)]
    if faults:
        raise CorpusError(faults)
    return lexicon


def _take(lexicon: dict[str, str], name: str, colon: str, words: str) -> Iterator[str]:
    if not colon or not name.isidentifier():
        yield "must be `class: word, word`, the class being one word of letters, digits and _"
        return
    for word in filter(None, map(str.strip, words.split(","))):
        if term(word) != word or " " in word:
            yield f"{word!r} is not one folded token of at least two letters or digits"
        elif lexicon.setdefault(word, name) != name:
            yield f"{word!r} stands under {lexicon[word]!r} already"
