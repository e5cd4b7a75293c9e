"""The checks of a corpus, against scikit-learn and by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from service.model.story import Story
from training.corpus.agreement import agreement, cohen_kappa
from training.corpus.check import report, unmarked_duplicates
from training.corpus.lean import leaning_names, repeated_frames, wilson_low
from training.corpus.stories import Corpus, LabelledStory


def story(number: int, text: str, *topics: str, **extra: object) -> LabelledStory:
    return LabelledStory(Story(id=f"s{number}", text=text), topics, "neutral", f"x:{number}", extra)


def corpus_of(corpus: Corpus, *rows: LabelledStory) -> Corpus:
    return replace(corpus, rows=rows)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=40))
def test_kappa_equals_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if len({*first, *second}) > 1:
        assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))
    else:
        assert cohen_kappa(first, second) == 1


@given(st.integers(1, 200).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_wilson_interval_equals_scipys(sample: tuple[int, int]) -> None:
    expected = binomtest(*sample).proportion_ci(method="wilson").low
    assert wilson_low(*sample) == pytest.approx(expected, abs=1e-4)


def test_agreement_is_counted_over_the_rows_that_keep_two_readings(small_corpus: Corpus) -> None:
    same = [{"topics": ["diplomacy"], "tone": "neutral"}] * 2
    other = [{"topics": ["diplomacy"], "tone": "neutral"}, {"topics": [], "tone": "hostile"}]
    rows = [story(number, f"t{number}", annotations=same if number else other) for number in range(4)]
    found = agreement(corpus_of(small_corpus, *rows, story(9, "unread")))
    assert {name: differing for name, (_, differing) in found.items()} == {"border_clash": 0, "diplomacy": 1, "casualties": 0, "tone": 1}


def test_near_duplicates_are_reported_unless_marked_as_a_contrast_pair(small_corpus: Corpus) -> None:
    text = "Two soldiers were killed on the border on Tuesday when shells hit their post, the ministry said in a statement."
    plain = corpus_of(small_corpus, story(1, text), story(2, text.replace("Two", "Three")), story(3, "Something else entirely happened."))
    [pair] = unmarked_duplicates(plain)
    assert (pair.first, pair.second) == (0, 1)
    marked = corpus_of(small_corpus, *(replace(row, extra={"pair": "p1"}) for row in plain.rows))
    assert unmarked_duplicates(marked) == []


def test_a_name_that_decides_a_label_and_a_frame_that_recurs_are_reported(small_corpus: Corpus) -> None:
    rows = [story(number, f"On day {number} people in Xanadu met again to talk about it all", "diplomacy") for number in range(30)]
    rows += [story(100 + number, f"Team {number} won in Rivertown after a late goal, fans of Xanth said") for number in range(30)]
    corpus = corpus_of(small_corpus, *rows)
    leans = {(lean.name, lean.label) for lean in leaning_names(corpus)}
    assert ("Xanadu", "diplomacy") in leans
    assert ("Rivertown", "neutral") in leans
    assert ("again", "diplomacy") not in leans
    assert ("people in xanadu met again to", 30) in repeated_frames(corpus)
    text = "\n".join(report(corpus)[0])
    assert "Xanadu: diplomacy in 100% of 30 stories" in text
    assert "people in xanadu met again to: 30 stories" in text
