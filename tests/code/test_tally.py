"""F1 in its kinds, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from training.evaluation.bootstrap import resampled_sums
from training.evaluation.tally import label_f1, tone_figures, tone_tally, topic_figures, topic_tally

topics = st.lists(st.tuples(*[st.booleans()] * 6), min_size=1, max_size=30)


@given(topics)
def test_macro_micro_and_example_f1_equal_scikit_learns(rows: list[tuple[bool, ...]]) -> None:
    target, predicted = np.hsplit(np.array(rows), 2)
    found = topic_figures(topic_tally(target, predicted).sum(axis=0, keepdims=True))
    for kind in ("macro", "micro"):
        assert found[f"topics_{kind}_f1"][0] == pytest.approx(oracle.f1_score(target, predicted, average=kind, zero_division=0))
    some = target.any(axis=1) | predicted.any(axis=1)
    expected = oracle.f1_score(target[some], predicted[some], average="samples", zero_division=0) if some.any() else 0
    assert found["topics_example_f1"][0] == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 2)), min_size=1, max_size=40))
def test_tone_figures_equal_scikit_learns(rows: list[tuple[int, int]]) -> None:
    target, predicted = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = tone_figures(tone_tally(target, predicted, 3).sum(axis=0, keepdims=True))
    occurring = sorted({*target, *predicted} - {-1})
    expected = oracle.f1_score(target, predicted, labels=occurring, average="macro", zero_division=0)
    assert found["tone_macro_f1"][0] == pytest.approx(expected)
    assert found["tone_accuracy"][0] == pytest.approx(oracle.accuracy_score(target, predicted))


def test_stories_without_a_true_tone_count_for_nothing() -> None:
    with_them = tone_tally(np.array([0, 1, -1, -1]), np.array([0, 0, 1, -1]), 2)
    without = tone_tally(np.array([0, 1]), np.array([0, 0]), 2)
    np.testing.assert_array_equal(with_them.sum(axis=0), without.sum(axis=0))


def test_a_bootstrap_sample_gives_the_figures_of_the_stories_drawn() -> None:
    generator = np.random.Generator(np.random.PCG64(5))
    target, predicted = generator.random((60, 3)) < 0.3, generator.random((60, 3)) < 0.3
    sums = resampled_sums(topic_tally(target, predicted), seed=9)
    drawn = np.random.Generator(np.random.PCG64(9)).integers(0, 60, 60)
    expected = oracle.f1_score(target[drawn], predicted[drawn], average=None, zero_division=0)
    np.testing.assert_allclose(label_f1(sums, 3)[0], expected)
    assert topic_figures(sums)["topics_macro_f1"][0] == pytest.approx(expected.mean())
