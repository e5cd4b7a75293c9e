"""What evaluation reports beside the plain figures."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from service.errors import CorpusError
from service.model import artifact
from service.model.story import Story
from service.model.tagger import Tagger
from training.corpus.leakage import leakage, leaks, refuse
from training.corpus.stories import Corpus, LabelledStory
from training.evaluation.evaluate import evaluate
from training.evaluation.outcome import flags, outcome
from training.evaluation.signature import signature_line
from training.evaluation.slices import grouped_dates, slices
from training.evaluation.table import table


def dated(corpus: Corpus, column: str, values: list[object]) -> Corpus:
    rows = tuple(replace(row, extra={column: value}) for row, value in zip(corpus.rows, values, strict=False))
    return replace(corpus, rows=rows)


def test_figures_are_plain_json_and_the_same_each_time(small_tagger: Tagger, small_corpus: Corpus) -> None:
    first, again = (json.dumps(evaluate(small_tagger.model, small_corpus), allow_nan=False) for _ in range(2))
    assert first == again


def test_every_head_figure_lies_in_its_interval(small_tagger: Tagger, small_corpus: Corpus) -> None:
    figures = evaluate(small_tagger.model, small_corpus)
    assert {"topics_macro_f1", "topics_micro_f1", "topics_example_f1", "tone_macro_f1", "tone_accuracy"} == set(figures["intervals"])
    for name, (low, high) in figures["intervals"].items():
        assert low <= figures[name] <= high


def test_the_confusion_of_tones_adds_up_to_the_stories(small_tagger: Tagger, small_corpus: Corpus) -> None:
    figures = evaluate(small_tagger.model, small_corpus)
    found = figures["confusion"]
    assert np.sum(found["counts"]) + sum(found["untagged"]) == len(small_corpus.rows)
    assert np.trace(found["counts"]) / len(small_corpus.rows) == pytest.approx(figures["tone_accuracy"], abs=1e-4)


def test_tone_figures_cover_only_stories_that_are_labelled_with_a_tone(small_tagger: Tagger, small_corpus: Corpus) -> None:
    half = replace(small_corpus, rows=tuple(replace(row, tone=None) if index % 2 else row for index, row in enumerate(small_corpus.rows)))
    toned = replace(small_corpus, rows=small_corpus.rows[::2])
    mixed, alone = evaluate(small_tagger.model, half), evaluate(small_tagger.model, toned)
    assert mixed["tone_accuracy"] == alone["tone_accuracy"]
    assert mixed["labels"]["hostile"]["brier"] == alone["labels"]["hostile"]["brier"]


def test_flags_and_decisions_are_those_of_the_answers(small_tagger: Tagger, small_corpus: Corpus) -> None:
    stories = [*(row.story for row in small_corpus.rows), Story(id="x", text="qqqq zzzz")]
    rows = (*small_corpus.rows, LabelledStory(stories[-1], (), "neutral", "x:1"))
    corpus = replace(small_corpus, rows=rows)
    scores, labels = small_tagger.score(corpus.texts), corpus.labels
    found, flagged = outcome(small_tagger.model, corpus, scores), flags(small_tagger.model, scores)
    for index, tags in enumerate(small_tagger.tag(stories)):
        whole = any(not reason.startswith("close:") for reason in tags.review)
        assert [topic for topic, is_set in zip(labels.topics, found.topics[index], strict=True) if is_set] == list(tags.topics)
        assert (list(labels.tones)[found.tones[index]] if found.tones[index] >= 0 else None) == tags.tone
        assert flagged[index].tolist() == [
            whole or f"close:{label if label in labels.topics else 'tone'}" in tags.review for label in labels.columns
        ]


def test_abstaining_on_all_but_the_surest_lowers_the_error(default_scores: dict[str, list[float]]) -> None:
    for errors in default_scores.values():
        assert errors[9] <= errors[-1]


@pytest.fixture
def default_scores(small_tagger: Tagger, shipped_corpus: Corpus) -> dict[str, list[float]]:
    """Errors by coverage on stories that the small model has not seen."""
    unseen = replace(shipped_corpus, rows=shipped_corpus.rows[5::17])
    found = evaluate(small_tagger.model, unseen)["abstaining"]
    return {label: row["error_by_coverage"] for label, row in found["labels"].items()}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2001", "2002"], ["2001", "2002"]),
        ([f"{year}-03-04" for year in range(1990, 2010)], ["1990s"] * 10 + ["2000s"] * 10),
        (["2001-05", "2001-06-07T10:00:00Z"], ["2001", "2001"]),
        (["2001", "unknown"], ["2001", "unknown"]),
        (["20010", "2001x"], ["20010", "2001x"]),
    ],
)
def test_dates_are_grouped_and_other_values_kept(values: list[str], expected: list[str]) -> None:
    assert list(grouped_dates(dict(enumerate(values))).values()) == expected


def test_any_column_parts_the_stories(small_corpus: Corpus) -> None:
    count = len(small_corpus.rows)
    corpus = dated(small_corpus, "desk", [["north", "south", ""][index % 3] for index in range(count)])
    found = dict(slices(corpus, ["desk"])["desk"])
    assert set(found) == {"north", "south"}
    assert found["south"].tolist() == list(range(1, count, 3))
    years = dated(small_corpus, "year", [1990 + index % 30 for index in range(count)])
    assert [name for name, _ in slices(years, ["year"])["year"]] == ["1990s", "2000s", "2010s"]


def test_an_unknown_column_is_an_error_that_names_the_known_ones(small_corpus: Corpus) -> None:
    with pytest.raises(CorpusError, match=r"column 'dask': .*; there are desk, length"):
        slices(dated(small_corpus, "desk", ["a"] * len(small_corpus.rows)), ["dask"])


def test_stories_that_were_learnt_from_are_counted_and_refused(small_corpus: Corpus) -> None:
    shown = replace(small_corpus, rows=small_corpus.rows[:40])
    learnt = replace(small_corpus, rows=small_corpus.rows[38:80])
    pairs = leaks(learnt, shown)
    found = leakage(learnt, shown, pairs)
    assert found["stories"] >= 2
    assert found["closest"][0]["similarity"] == 1
    with pytest.raises(CorpusError, match="in the training corpus"):
        refuse(learnt, shown, pairs)
    refuse(learnt, shown, [])


def test_the_signature_names_what_figures_depend_on(small_tagger: Tagger, small_corpus: Corpus) -> None:
    figures = evaluate(small_tagger.model, small_corpus)
    line = signature_line(figures["signature"])
    for part in (small_corpus.fingerprint[:16], small_tagger.model.name, f"format {artifact.FORMAT}", "seed 0", "scikit-learn", "numpy"):
        assert part in line
    assert table(figures).endswith(line)
