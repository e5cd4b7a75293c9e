"""Figures, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from training.evaluation.bootstrap import interval, resampled_sums
from training.evaluation.metrics import average_precision, bins_of, brier, calibration_error, confusion, log_loss, precision_recall_f1
from training.fitting.thresholds import best_f1_threshold

scored = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0])), min_size=1, max_size=60)


@given(scored)
def test_precision_recall_f1_and_average_precision_equal_scikit_learns(rows: list[tuple[bool, float]]) -> None:
    target, probability = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    predicted = probability >= 0.5
    expected = oracle.precision_recall_fscore_support(target, predicted, average="binary", zero_division=0)[:3]
    assert precision_recall_f1(target, predicted) == pytest.approx(expected)
    if target.any():
        assert average_precision(target, probability) == pytest.approx(oracle.average_precision_score(target, probability))
    else:
        assert average_precision(target, probability) == 0


@given(scored)
def test_brier_log_loss_and_calibration_error_equal_scikit_learns(rows: list[tuple[bool, float]]) -> None:
    target, probability = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    assert brier(target, probability) == pytest.approx(oracle.brier_score_loss(target, probability, pos_label=True))
    assert log_loss(target, probability) == pytest.approx(oracle.log_loss(target, probability, labels=[False, True]))
    observed, predicted = calibration_curve(target, probability, n_bins=10)
    sizes = np.array([(bins_of(probability, 10) == number).sum() for number in range(10)])
    expected = np.sum(np.abs(observed - predicted) * sizes[sizes > 0]) / len(rows)
    assert calibration_error(target, probability) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 2)), min_size=1, max_size=40))
def test_the_confusion_matrix_equals_scikit_learns(rows: list[tuple[int, int]]) -> None:
    target, predicted = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    expected = oracle.confusion_matrix(target, predicted, labels=[-1, 0, 1, 2])[1:, 1:]
    np.testing.assert_array_equal(confusion(target, predicted, 3), expected)


@given(scored)
def test_no_other_threshold_has_a_higher_f1(rows: list[tuple[bool, float]]) -> None:
    target, probability = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    chosen = precision_recall_f1(target, probability >= best_f1_threshold(target, probability))[2]
    for other in (*probability, 0.0, 1.1):
        assert chosen >= precision_recall_f1(target, probability >= other)[2] - 1e-12


def test_the_bootstrap_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    generator = np.random.Generator(np.random.PCG64(3))
    covered = 0
    for _ in range(100):
        sample = generator.random(80) < 0.6
        low, high = interval(resampled_sums(sample[:, None].astype(float))[:, 0] / 80)
        covered += low <= 0.6 <= high
    assert 88 <= covered <= 100
