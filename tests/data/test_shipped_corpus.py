"""The shipped corpus obeys its own rules."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.conftest import DATASETS
from training.corpus.agreement import agreement
from training.corpus.check import unmarked_duplicates
from training.corpus.lean import leaning_names, repeated_frames
from training.corpus.stories import Corpus, too_few

COMBINATIONS = 8
FEWEST_OF_A_COMBINATION = 150


def share(corpus: Corpus, label: str) -> float:
    return corpus.counts()[label] / len(corpus.rows)


def test_there_are_enough_stories_and_every_label_can_be_learnt(shipped_corpus: Corpus) -> None:
    assert len(shipped_corpus.rows) >= 4000
    assert too_few(shipped_corpus) == []


def test_every_combination_of_topics_is_there_in_numbers(shipped_corpus: Corpus) -> None:
    counts = Counter(row.topics for row in shipped_corpus.rows)
    assert len(counts) == COMBINATIONS
    assert min(counts.values()) >= FEWEST_OF_A_COMBINATION


@pytest.mark.parametrize(
    ("label", "least", "most"),
    [
        ("border_clash", 0.22, 0.30),
        ("diplomacy", 0.35, 0.44),
        ("casualties", 0.33, 0.40),
        ("no topic", 0.25, 0.34),
        ("hostile", 0.37, 0.45),
        ("neutral", 0.36, 0.46),
        ("conciliatory", 0.14, 0.22),
    ],
)
def test_labels_are_mixed_as_meant(shipped_corpus: Corpus, label: str, least: float, most: float) -> None:
    assert least <= share(shipped_corpus, label) <= most


def test_short_middle_and_long_stories_are_all_there(shipped_corpus: Corpus) -> None:
    words = [len(text.split()) for text in shipped_corpus.texts]
    assert 0.35 <= sum(count <= 65 for count in words) / len(words) <= 0.50
    assert sum(count > 210 for count in words) / len(words) >= 0.12


def test_every_story_was_read_twice_and_the_readers_agree(shipped_corpus: Corpus) -> None:
    assert all(len(row.extra["annotations"]) >= 2 for row in shipped_corpus.rows)
    assert all(kappa >= 0.9 for kappa, _ in agreement(shipped_corpus).values())


def test_the_label_is_one_of_the_readings_or_was_settled(shipped_corpus: Corpus) -> None:
    for row in shipped_corpus.rows:
        readings = [(tuple(sorted(reading["topics"])), reading["tone"]) for reading in row.extra["annotations"]]
        assert (tuple(sorted(row.topics)), row.tone) in readings, row.story.id


def test_nothing_is_written_twice(shipped_corpus: Corpus) -> None:
    assert unmarked_duplicates(shipped_corpus) == []


def test_no_frame_recurs(shipped_corpus: Corpus) -> None:
    assert repeated_frames(shipped_corpus) == []


def test_contrast_pairs_are_many_and_differ_in_their_labels(shipped_corpus: Corpus) -> None:
    pairs: dict[str, list[tuple[tuple[str, ...], str | None]]] = {}
    for row in shipped_corpus.rows:
        if row.extra.get("pair"):
            pairs.setdefault(str(row.extra["pair"]), []).append(row.labels)
    whole = [labels for labels in pairs.values() if len(labels) == 2]
    assert len(whole) >= 400
    assert sum(first != second for first, second in whole) / len(whole) >= 0.9


def test_many_disputes_are_told_and_none_dominates(shipped_corpus: Corpus) -> None:
    conflicts = Counter(row.extra["conflict"] for row in shipped_corpus.rows if row.extra.get("conflict"))
    assert len(conflicts) >= 120
    assert max(conflicts.values()) / len(shipped_corpus.rows) <= 0.04


def test_no_name_alone_decides_a_label(shipped_corpus: Corpus) -> None:
    assert leaning_names(shipped_corpus) == []


def test_rows_are_in_the_order_of_their_ids_so_that_changes_can_be_read() -> None:
    ids = [json.loads(line)["id"] for line in (DATASETS / "stories.jsonl").read_text("utf-8").splitlines()]
    assert ids == sorted(ids)
