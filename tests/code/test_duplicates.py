"""Near-duplicates and folds."""

from __future__ import annotations

import itertools

import numpy as np

from training.corpus.duplicates import jaccard, near_duplicates, word_runs
from training.corpus.stories import Corpus
from training.fitting.split import folds, group_near_duplicates

STORY = "Two soldiers were killed on the border on Tuesday when shells fired from the other side hit their post, the ministry said."


def test_a_changed_copy_is_found_and_strangers_are_not(small_corpus: Corpus) -> None:
    texts = [*small_corpus.texts[:50], STORY, STORY.replace("Tuesday", "Monday"), "killed", "killed", "", ""]
    pairs = [(pair.first, pair.second) for pair in near_duplicates(texts, 0.5)]
    assert (50, 51) in pairs
    assert (52, 53) in pairs
    assert (54, 55) not in pairs


def test_minhash_finds_what_comparing_all_pairs_finds(small_corpus: Corpus) -> None:
    bases = small_corpus.texts[:60]
    texts = [*bases, *(f"{base} {other[: len(base) // 4]}" for base, other in zip(bases, reversed(bases), strict=True))]
    sets = list(word_runs(texts))
    expected = {(i, j) for i, j in itertools.combinations(range(len(texts)), 2) if jaccard(sets[i], sets[j]) >= 0.6}
    assert expected
    assert {(pair.first, pair.second) for pair in near_duplicates(texts, 0.6)} == expected


def test_leaks_between_two_sets_are_found() -> None:
    [pair] = near_duplicates(["something else altogether here", STORY], 0.5, against=["not this one", STORY + " More later."])
    assert (pair.first, pair.second) == (1, 1)


def test_near_duplicates_share_a_fold_and_label_mixes_are_even(small_corpus: Corpus) -> None:
    doubled = Corpus(small_corpus.labels, tuple(itertools.chain(*((row, row) for row in small_corpus.rows))))
    fold_of = folds(doubled, 5, 0)
    assert np.array_equal(fold_of[::2], fold_of[1::2])
    sizes = np.bincount(fold_of)
    assert sizes.max() - sizes.min() <= 4
    shares = [doubled.topics[fold_of == fold].mean(axis=0) for fold in range(5)]
    assert np.ptp(shares, axis=0).max() < 0.1


def test_groups_run_over_chains() -> None:
    first = "one two three four five six seven eight nine ten eleven twelve"
    second = first + " thirteen fourteen fifteen sixteen"
    third = second + " seventeen eighteen nineteen twenty one"
    assert group_near_duplicates([first, "else where is it", second, third]) == [0, 1, 0, 0]
