"""Two models side by side on the same stories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.errors import ModelError
from service.model.artifact import Model, read
from service.model.labels import LabelScheme
from service.model.tagger import Tagger
from training.corpus.stories import Corpus
from training.evaluation.compare import Flip, compare, moved_terms, pair, refuse_other_labels
from training.evaluation.compared import describe
from training.evaluation.evaluate import evaluate


@pytest.fixture(scope="module")
def old(small_model_dir: Path) -> Model:
    return read(small_model_dir)


@pytest.fixture(scope="module")
def new(misled_dir: Path) -> Model:
    return read(misled_dir)


@pytest.fixture(scope="module")
def unseen(shipped_corpus: Corpus, small_corpus: Corpus) -> Corpus:
    """Make a corpus that neither model was trained on."""
    return Corpus(small_corpus.labels, shipped_corpus.rows[7 :: len(shipped_corpus.rows) // 150], small_corpus.lexicon)


def test_f1_is_what_evaluate_says(old: Model, new: Model, small_corpus: Corpus) -> None:
    found = pair(old, new, small_corpus).labels
    for model, figure in ((old, "old_f1"), (new, "new_f1")):
        expected = {label: row["f1"] for label, row in evaluate(model, small_corpus)["labels"].items()}
        assert {label: getattr(row, figure) for label, row in found.items()} == pytest.approx(expected, abs=1e-4)


def test_flips_are_the_tags_that_differ_story_by_story(old: Model, new: Model, unseen: Corpus) -> None:
    found = pair(old, new, unseen)
    expected = []
    stories = [row.story for row in unseen.rows]
    for row, before, after in zip(unseen.rows, Tagger(old).tag(stories), Tagger(new).tag(stories), strict=True):
        for topic in unseen.labels.topics:
            tags = [topic in topics for topics in (before.topics, after.topics, row.topics)]
            expected += [Flip(row.story.id, topic, *tags)] if tags[0] != tags[1] else []
        expected += [Flip(row.story.id, "tone", before.tone, after.tone, row.tone)] if before.tone != after.tone else []
    assert set(found.flips) == set(expected)
    assert len(found.flips) == len(expected) > 100
    for topic in unseen.labels.topics:
        flips = [flip for flip in expected if flip.label == topic]
        assert found.labels[topic].losses == sum(flip.old == flip.truth for flip in flips)
        assert found.labels[topic].gains == sum(flip.new == flip.truth for flip in flips)


def test_losses_are_listed_before_gains(old: Model, new: Model, unseen: Corpus) -> None:
    ranks = [(flip.old != flip.truth) + (flip.new == flip.truth) for flip in pair(new, old, unseen).flips]
    assert ranks == sorted(ranks)
    assert set(ranks) == {0, 1, 2}


def test_terms_that_moved_are_found_by_name(old: Model, new: Model) -> None:
    weights = [dict(zip(model.terms(), model.weights[:, 2], strict=True)) for model in (old, new)]
    moves = {term: abs(weights[1].get(term, 0) - weights[0].get(term, 0)) for term in weights[0] | weights[1]}
    found = moved_terms(old, new, 5)[old.labels.columns[1]]
    assert [abs(moved.new - moved.old) for moved in found] == pytest.approx(sorted(moves.values(), reverse=True)[:5])
    assert all(moves[moved.term] == pytest.approx(abs(moved.new - moved.old)) for moved in found)


def test_a_model_compared_with_itself_shows_no_change(old: Model, small_corpus: Corpus) -> None:
    found = compare(old, old, small_corpus)
    assert not found.paired.flips
    assert not any(found.terms.values())
    assert {row.p for row in found.paired.labels.values()} == {1.0}
    assert "0 tags flip" in describe(found, 5)


def test_the_comparison_tells_speed_size_and_who_was_trained_on_these_stories(old: Model, new: Model, small_corpus: Corpus) -> None:
    found = compare(old, new, small_corpus)
    assert old.folder is not None
    assert found.old.bytes == sum(len(file.read_bytes()) for file in old.folder.iterdir())
    assert 1 / 20 < found.new.stories_per_second / found.old.stories_per_second < 20
    assert found.paired.cautions == ("the old model was trained on these very stories: its figures here say little",)
    said = describe(found, 3)
    assert "3 shown, losses first" in said
    assert "worse" in said


def test_the_json_caps_flips_and_counts_them(old: Model, new: Model, small_corpus: Corpus) -> None:
    found = compare(old, new, small_corpus)
    said = json.loads(json.dumps(found.to_json(2), allow_nan=False))
    assert said["flips"]["count"] == len(found.paired.flips)
    assert len(said["flips"]["shown"]) == 2
    assert set(said["labels"]) == set(small_corpus.labels.columns)
    assert said["data"] == small_corpus.fingerprint


def test_stories_labelled_with_tone_only_are_compared_on_tone(old: Model, new: Model, small_corpus: Corpus) -> None:
    rows = tuple(type(row)(row.story, (), row.tone, row.place) for row in small_corpus.rows)
    found = pair(old, new, Corpus(small_corpus.labels, rows))
    assert set(found.labels) == set(small_corpus.labels.tones)
    assert {flip.label for flip in found.flips} == {"tone"}


def test_models_with_other_labels_are_refused_by_name() -> None:
    first = LabelScheme({"war": "", "sport": ""}, {"good": "", "bad": ""})
    refuse_other_labels(first, LabelScheme({"sport": "reworded", "war": ""}, {"bad": "", "good": ""}))
    with pytest.raises(ModelError, match="only the old has topic war; only the new has topic peace"):
        refuse_other_labels(first, LabelScheme({"sport": "", "peace": ""}, {"good": "", "bad": ""}))
