"""Is the difference between two models more than chance? Against scipy, and against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap
from sklearn.metrics import f1_score

from training.evaluation.paired import PairedFigures, f1_difference_interval, mcnemar_exact, paired_figures

counts = st.integers(0, 300)


def bools(share: float, stories: int, seed: int) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(seed)).random(stories) < share


@given(counts, counts)
def test_mcnemars_p_is_that_of_the_exact_binomial_test(gains: int, losses: int) -> None:
    expected = binomtest(gains, gains + losses, 0.5).pvalue if gains + losses else 1.0
    assert mcnemar_exact(gains, losses) == pytest.approx(expected, rel=1e-9)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemars_p_is_the_formula_in_exact_fractions(gains: int, losses: int) -> None:
    whole = gains + losses
    tail = Fraction(sum(comb(whole, count) for count in range(min(gains, losses) + 1)), 2**whole)
    assert mcnemar_exact(gains, losses) == pytest.approx(float(min(Fraction(1), 2 * tail)), rel=1e-9)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_figures_are_scikit_learns_and_gains_and_losses_are_counted(rows: list[tuple[bool, bool, bool]]) -> None:
    target, old, new = np.array(rows).T
    found = paired_figures(target, old, new)
    assert found.old_f1 == pytest.approx(f1_score(target, old, zero_division=0))
    assert found.new_f1 == pytest.approx(f1_score(target, new, zero_division=0))
    assert found.difference == pytest.approx(found.new_f1 - found.old_f1)
    assert found.gains == sum(truth == after != before for truth, before, after in rows)
    assert found.losses == sum(truth == before != after for truth, before, after in rows)


@pytest.mark.parametrize(("stories", "seed"), [(60, 1), (250, 2), (400, 3)])
def test_the_interval_is_that_of_resampling_story_by_story(stories: int, seed: int) -> None:
    target = bools(0.3, stories, seed)
    old, new = target ^ bools(0.2, stories, seed + 10), target ^ bools(0.1, stories, seed + 20)

    def difference(target: np.ndarray, old: np.ndarray, new: np.ndarray) -> float:
        before, after = (2 * (target & guess).sum() / (target.sum() + guess.sum()) for guess in (old, new))
        return float(after - before)

    expected = bootstrap(
        (target, old, new), difference, paired=True, vectorized=False, method="percentile", n_resamples=2000, rng=np.random.default_rng(5)
    ).confidence_interval
    width = expected.high - expected.low
    assert f1_difference_interval(target, old, new) == pytest.approx((expected.low, expected.high), abs=0.06 * width)


def test_alike_models_differ_in_nothing() -> None:
    target, guess = bools(0.4, 90, 1), bools(0.5, 90, 2)
    found = paired_figures(target, guess, guess)
    assert (found.difference, found.interval, found.gains, found.losses, found.p, found.verdict) == (0, (0, 0), 0, 0, 1, "")


def test_equally_good_models_are_seldom_called_worse() -> None:
    worse = 0
    for seed in range(200):
        target = bools(0.3, 300, seed)
        old, new = (target ^ bools(0.1, 300, 1000 * part + seed) for part in (1, 2))
        worse += paired_figures(target, old, new).verdict == "worse"
    assert worse <= 16


@pytest.mark.parametrize(
    ("interval", "gains", "losses", "p", "verdict"),
    [
        ((-0.1, 0.1), 5, 5, 1.0, ""),
        ((-0.1, -0.01), 5, 5, 1.0, "worse"),
        ((-0.1, 0.0), 5, 9, 0.2, ""),
        ((-0.1, 0.1), 2, 15, 0.01, "worse"),
        ((-0.1, 0.1), 15, 2, 0.01, "better"),
        ((0.01, 0.1), 9, 5, 0.2, "better"),
        ((0.01, 0.1), 2, 15, 0.01, "worse"),
    ],
)
def test_either_test_alone_can_show_that_a_model_is_worse(
    interval: tuple[float, float], gains: int, losses: int, p: float, verdict: str
) -> None:
    assert PairedFigures(0.5, 0.5, 0.0, interval, gains, losses, p).verdict == verdict
