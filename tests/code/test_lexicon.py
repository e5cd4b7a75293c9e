"""The lexicon file: one class a word, every fault named."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import CorpusError, FileError
from training.corpus.lexicon import find_lexicon, read_lexicon, shipped_lexicon


def test_classes_and_words_are_read_and_comments_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text("# what shoots\nshoot: fire, fired,\n\nline: border\n", "utf-8")
    assert read_lexicon(path) == {"fire": "shoot", "fired": "shoot", "border": "line"}


def test_the_lexicon_is_the_given_one_else_the_corpus_own_else_the_shipped_one(tmp_path: Path) -> None:
    assert find_lexicon(None, tmp_path) == shipped_lexicon()
    (tmp_path / "lexicon.txt").write_text("a: bb\n")
    assert find_lexicon(None, tmp_path) == tmp_path / "lexicon.txt"
    assert find_lexicon(Path("mine.txt"), tmp_path) == Path("mine.txt")
    assert find_lexicon(Path("none"), tmp_path) is None
    with pytest.raises(FileError, match=r"gone\.txt: cannot be read"):
        read_lexicon(tmp_path / "gone.txt")


def test_all_faults_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text("no class here\nshoot: fire, Fired, open fire, x\nline: border, fire\ntwo words: a\n", "utf-8")
    with pytest.raises(CorpusError) as caught:
        read_lexicon(path)
    found = "\n".join(caught.value.faults)
    for fault in (
        f"{path}:1: must be `class: word, word`",
        f"{path}:2: 'Fired' is not one folded token",
        f"{path}:2: 'open fire' is not one folded token",
        f"{path}:2: 'x' is not one folded token",
        f"{path}:3: 'fire' stands under 'shoot' already",
        f"{path}:4: must be",
    ):
        assert fault in found
