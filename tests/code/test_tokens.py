"""The token rule, against scikit-learn's CountVectorizer over text folded by the standard library."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from service.model.fold import fold_table, fold_text
from service.model.tokens import TokenRule, term

PATTERN = r"[^\W_]{2,}"
AWKWARD = [
    "UN and EU envoys met; IS did not.",
    "e\u0301migre\u0301s, ÉMIGRÉS and émigrés",
    "\u0130stanbul \u0131s not istanbul",
    "Stra\u00dfe, STRASSE, \ufb01re, ΣΊΣΥΦΟΣ, \ufdfa ends",
    "a b c 1 2 3 12 x1 1x",
    "under_score and_more __init__",
    "don't won’t U.S. 9mm M-16",
    "\ud800 lone \udfff surrogates",
    "NUL\x00inside and\u200bzero width",
    "👩‍👩‍👧 emoji 🚀🚀 and ½ ⅓ ² ℕ ℌello",
    "한국어 조선 각 हिन्दी किताब 国境 紛争 ไทย",
    "x" * 100_000,
    "",
]


LEXICON = {"fire": "shoot", "fired": "shoot", "border": "line", "frontier": "line", "village": "place", "the": "noise"}


def names(rule: TokenRule, text: str, stop_words: frozenset[str] = frozenset()) -> list[str]:
    ngrams, classes = rule.ngrams([text]), rule.class_terms()
    spans = zip(ngrams.hashes.tolist(), ngrams.starts, ngrams.ends, strict=True)
    return [classes.get(key) or term(text[start:end], stop_words) for key, start, end in spans]


def test_a_text_becomes_folded_tokens_and_pairs_in_reading_order() -> None:
    rule = TokenRule(fold_table())
    assert names(rule, "UN envoys met") == ["un", "un envoys", "envoys", "envoys met", "met"]


def test_stop_words_are_taken_out_before_pairs_are_made() -> None:
    rule = TokenRule.make(fold_table(), stop_words=("the", "at"))
    assert names(rule, "Fire at THE border", frozenset(["the", "at"])) == ["fire", "fire border", "border"]


def test_words_of_the_lexicon_count_as_their_class_and_as_pairs_of_classes_too() -> None:
    rule = TokenRule.make(fold_table(), longest=1, lexicon=LEXICON)
    assert names(rule, "Fired over a FRONTIER village") == [
        "fired",
        "[shoot]",
        "over",
        "frontier",
        "[line]",
        "[shoot] [line]",
        "village",
        "[place]",
        "[line] [place]",
    ]


def test_a_stop_word_has_no_class() -> None:
    rule = TokenRule.make(fold_table(), longest=1, stop_words=("the",), lexicon=LEXICON)
    assert names(rule, "fire the border") == ["fire", "[shoot]", "border", "[line]", "[shoot] [line]"]


def test_the_span_of_a_pair_of_classes_runs_from_the_first_word_to_the_second() -> None:
    rule, text = TokenRule.make(fold_table(), longest=1, lexicon=LEXICON), "They fired across a long border."
    ngrams, classes = rule.ngrams([text]), rule.class_terms()
    [place] = [index for index, key in enumerate(ngrams.hashes.tolist()) if classes.get(key) == "[shoot] [line]"]
    assert text[ngrams.starts[place] : ngrams.ends[place]] == "fired across a long border"


def test_spans_index_the_callers_own_string_whatever_folding_does() -> None:
    text = "— Émigre\u0301s flee Straße"
    ngrams = TokenRule(fold_table(), longest=1).ngrams([text])
    assert [text[start:end] for start, end in zip(ngrams.starts, ngrams.ends, strict=True)] == ["Émigre\u0301s", "flee", "Straße"]


@pytest.mark.parametrize("text", AWKWARD)
def test_fold_table_says_of_every_character_what_fold_text_says(text: str) -> None:
    assert hash_counts(text) == oracle_counts(text)


@given(st.text(max_size=200))
@example("ǅ ﷺ ﷺ a\u0300\u0301b")
def test_counts_equal_scikit_learns_over_arbitrary_unicode(text: str) -> None:
    assert hash_counts(text) == oracle_counts(text)


@given(st.lists(st.text(max_size=40), max_size=6))
def test_a_batch_reads_each_text_as_if_alone(texts: list[str]) -> None:
    rule = TokenRule(fold_table())
    together = rule.ngrams(texts)
    for index, text in enumerate(texts):
        mine = together.stories == index
        alone = rule.ngrams([text])
        assert np.array_equal(together.hashes[mine], alone.hashes)
        assert np.array_equal(together.starts[mine], alone.starts)


def oracle_counts(text: str) -> list[int]:
    """How often each n-gram stands in the text, in the order of the n-grams' first places."""
    vectorizer = CountVectorizer(lowercase=False, preprocessor=fold_text, token_pattern=PATTERN, ngram_range=(1, 2))
    tokens = vectorizer.build_tokenizer()(fold_text(text))
    ordered = [gram for i in range(len(tokens)) for gram in (tokens[i], " ".join(tokens[i : i + 2]))[: 2 if i + 1 < len(tokens) else 1]]
    counts: dict[str, int] = {}
    for gram in vectorizer.build_analyzer()(text):
        counts[gram] = counts.get(gram, 0) + 1
    return [counts[gram] for gram in dict.fromkeys(ordered)]


def hash_counts(text: str) -> list[int]:
    hashes = TokenRule(fold_table()).ngrams([text]).hashes.tolist()
    counts: dict[int, int] = {}
    for value in hashes:
        counts[value] = counts.get(value, 0) + 1
    return list(counts.values())


def test_every_code_point_is_folded_as_the_standard_library_folds_it() -> None:
    """Between two letters each character must join, vanish or separate exactly as folded text does."""
    rule = TokenRule(fold_table(), longest=1)
    characters = [chr(code) for code in range(0x30000) if not 0xD800 <= code < 0xE000]
    for start in range(0, len(characters), 20_000):
        chunk = [f"ab{char}cd" for char in characters[start : start + 20_000]]
        found = np.bincount(rule.ngrams(chunk).stories, minlength=len(chunk))
        expected = [len([word for word in split(fold_text(text)) if len(word) > 1]) for text in chunk]
        assert found.tolist() == expected


def split(text: str) -> list[str]:
    return "".join(char if char.isalnum() else " " for char in text).split()
