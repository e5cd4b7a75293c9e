"""Curves, against scikit-learn's and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from training.evaluation.curves import (
    COVERAGES,
    MOST,
    at_thresholds,
    error_by_coverage,
    precision_recall,
    precision_recall_points,
    reliability_points,
)

scored = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 1.0])), min_size=1, max_size=60)


def arrays(rows: list[tuple[bool, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


@given(scored)
def test_the_precision_recall_curve_equals_scikit_learns(rows: list[tuple[bool, float]]) -> None:
    target, probability = arrays(rows)
    if not target.any():
        assert precision_recall_points(target, probability) == {"thresholds": [], "precision": [], "recall": []}
        return
    precision, recall, thresholds = oracle.precision_recall_curve(target, probability)
    found = precision_recall(target, probability)
    for ours, theirs in zip(found, (thresholds, precision[:-1], recall[:-1]), strict=True):
        np.testing.assert_allclose(ours, theirs[::-1])


@given(scored)
def test_the_reliability_curve_equals_scikit_learns(rows: list[tuple[bool, float]]) -> None:
    target, probability = arrays(rows)
    observed, predicted = calibration_curve(target, probability, n_bins=10)
    found = reliability_points(target, probability)
    np.testing.assert_allclose(found["observed"], observed)
    np.testing.assert_allclose(found["predicted"], predicted)
    assert sum(found["stories"]) == len(rows)


def test_a_thinned_curve_keeps_its_ends_and_its_shape() -> None:
    generator = np.random.Generator(np.random.PCG64(1))
    target = generator.random(5000) < 0.3
    probability = np.clip(generator.normal(0.3 + 0.3 * target, 0.2), 0, 1)
    points = precision_recall_points(target, probability)
    _, precision, recall = precision_recall(target, probability)
    assert MOST / 2 < len(points["recall"]) <= MOST
    assert (points["recall"][0], points["recall"][-1]) == (recall[0], recall[-1])
    steady = recall > 0.05
    drawn = np.interp(recall[steady], points["recall"], points["precision"])
    assert np.abs(drawn - precision[steady]).max() < 0.03


@given(scored)
def test_the_row_of_a_threshold_holds_its_precision_and_recall(rows: list[tuple[bool, float]]) -> None:
    target, probability = arrays(rows)
    found = at_thresholds(target, probability, 0.42)
    assert [row["threshold"] for row in found] == sorted([*(number / 10 for number in range(1, 10)), 0.42])
    [chosen] = [row for row in found if row["threshold"] == 0.42]
    assert chosen["precision"] == pytest.approx(oracle.precision_score(target, probability >= 0.42, zero_division=0))


def test_errors_among_the_surest() -> None:
    wrong = np.array([True, *[False] * 18, True])
    distance = np.linspace(0, 1, 20)
    points = dict(zip(COVERAGES, error_by_coverage(wrong, distance), strict=True))
    assert points[0.05] == 1
    assert points[0.1] == pytest.approx(1 / 2)
    assert points[0.95] == pytest.approx(1 / 19)
    assert points[1.0] == pytest.approx(2 / 20)


def test_tied_decisions_share_their_errors_evenly() -> None:
    assert error_by_coverage(np.array([True, False, False, False]), np.zeros(4)) == pytest.approx([0.25] * 20)
