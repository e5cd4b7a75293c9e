"""The lexicon: words that behave alike, so that rare words share weight with common ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from service.errors import CorpusError, FileError
from service.model.tokens import term

NAME = "lexicon.txt"
NONE = "none"


def find_lexicon(given: Path | None, corpus_folder: Path) -> Path | None:
    """Say which lexicon to use: the given one (`none` for none), the one beside the corpus, or the one that is shipped."""
    if given is not None:
        return None if str(given) == NONE else given
    own = corpus_folder / NAME
    return own if own.is_file() else shipped_lexicon()


def shipped_lexicon() -> Path:
    """Find the lexicon that is shipped: inside the installed package, or in a checkout's `datasets/`."""
    installed = Path(__file__).with_name(NAME)
    return installed if installed.is_file() else Path(__file__).parent.parent.parent / "datasets" / NAME


def read_lexicon(path: Path) -> dict[str, str]:
    """Read `class: word, word` lines into (word: class). Lines that begin with `#` are comments.

    Raises FileError when it cannot be read, CorpusError with every fault: a line without a class, a word in two classes, or one that is
    not a single folded token.
    """
    lexicon: dict[str, str] = {}
    faults: list[str] = []
    for number, line in enumerate(_lines(path), 1):
        name, colon, words = line.partition(":")
        if line.strip() and not line.startswith("#"):
            faults += [f"{path}:{number}: {fault}" for fault in _take(lexicon, name.strip(), colon, words)]
    if faults:
        raise CorpusError(faults)
    return lexicon


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path}: cannot be read: {error}") from error


def _take(lexicon: dict[str, str], name: str, colon: str, words: str) -> Iterator[str]:
    if not colon or not name.isidentifier():
        yield "must be `class: word, word`, the class being one word of letters, digits and _"
        return
    for word in filter(None, map(str.strip, words.split(","))):
        if term(word) != word or " " in word:
            yield f"{word!r} is not one folded token of at least two letters or digits"
        elif lexicon.setdefault(word, name) != name:
            yield f"{word!r} stands under {lexicon[word]!r} already"
