"""Calibration, thresholds and review bands, against scikit-learn and against their own promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from service.errors import ConflictError
from service.model import artifact
from service.model.calibration import Isotonic, Sigmoid, from_json, probabilities
from service.model.tagger import Tagger
from tests.code.test_scoring import oracle_decisions
from training.corpus.stories import Corpus
from training.evaluation.metrics import brier, calibration_error, log_loss, precision_recall_f1
from training.fitting.calibrate import calibrators, choose_calibrator, fit_calibrator, least_of_tone, review_band
from training.fitting.export import arrays_of, describe
from training.fitting.fit import Settings
from training.fitting.prepare import prepare
from training.fitting.thresholds import Target, best_f1_threshold, smooth_f1_threshold
from training.train import Trained


class Decisions(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose decision scores are its features."""

    def __init__(self, classes: int = 2) -> None:
        self.classes = classes
        self.classes_ = np.arange(classes)

    def fit(self, *_: object) -> Decisions:
        return self

    def decision_function(self, features: np.ndarray) -> np.ndarray:
        return features[:, 0] if self.classes == 2 else features

    def predict(self, features: np.ndarray) -> np.ndarray:
        return (features[:, 0] > 0).astype(int) if self.classes == 2 else features.argmax(axis=1)


def drawn(stories: int, slope: float = 2.0, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.Generator(np.random.PCG64(seed))
    scores = generator.normal(0, 2, stories)
    return scores, generator.random(stories) < 1 / (1 + np.exp(-slope * scores - 0.5))


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_a_calibrated_topic_equals_scikit_learns(method: str) -> None:
    scores, target = drawn(800)
    expected = CalibratedClassifierCV(FrozenEstimator(Decisions()), method=method).fit(scores[:, None], target.astype(int))
    points = np.linspace(-9, 9, 500)
    found = fit_calibrator(scores, target, method)(points)
    np.testing.assert_allclose(found, expected.predict_proba(points[:, None])[:, 1], rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_tones_equal_scikit_learns_one_against_the_rest(method: str) -> None:
    generator = np.random.Generator(np.random.PCG64(2))
    decisions = generator.normal(0, 1.5, (900, 3))
    target = (decisions + generator.normal(0, 1, (900, 3))).argmax(axis=1)
    expected = CalibratedClassifierCV(FrozenEstimator(Decisions(3)), method=method).fit(decisions, target)
    fitted = [fit_calibrator(decisions[:, tone], target == tone, method) for tone in range(3)]
    points = generator.normal(0, 3, (300, 3))
    np.testing.assert_allclose(probabilities(points, 0, fitted), expected.predict_proba(points), rtol=0, atol=1e-9)


def test_a_whole_models_probabilities_are_the_calibrated_scores_of_scikit_learns_estimators(small_corpus: Corpus) -> None:
    prepared = prepare(small_corpus, Settings(naive_bayes=0.3, balanced=True))
    fitted = prepared.fit()
    decisions = oracle_decisions(prepared, fitted, small_corpus.texts)
    chosen = calibrators(decisions, small_corpus.targets)
    manifest = describe(prepared) | {
        "calibration": {label: one.to_json() for label, one in zip(small_corpus.labels.columns, chosen, strict=True)}
    }
    tagger = Tagger(artifact.in_memory(manifest, arrays_of(prepared, fitted)))
    expected = probabilities(decisions, len(small_corpus.labels.topics), chosen)
    np.testing.assert_allclose(tagger.score(small_corpus.texts).probabilities, expected, rtol=0, atol=1e-9)


def test_sigmoid_is_taken_where_the_scores_are_logistic_and_isotonic_where_they_are_not() -> None:
    assert isinstance(choose_calibrator(*drawn(3000)), Sigmoid)
    scores, _ = drawn(3000)
    stepped = np.random.Generator(np.random.PCG64(5)).random(3000) < np.where(np.abs(scores) > 2, 0.95, 0.02) * (scores > -4)
    assert isinstance(choose_calibrator(scores, stepped), Isotonic)


def test_calibration_lowers_the_error_of_overconfident_scores() -> None:
    scores, target = drawn(4000, slope=0.4)
    raw = 1 / (1 + np.exp(-scores))
    fitted = fit_calibrator(scores[:2000], target[:2000], "sigmoid")(scores[2000:])
    assert calibration_error(target[2000:], fitted) < 0.5 * calibration_error(target[2000:], raw[2000:])


@pytest.mark.parametrize("one", [Sigmoid(-1.5, 0.2), Isotonic(np.array([-1.0, 0.5]), np.array([0.1, 0.9]))])
def test_a_calibrator_read_back_is_the_same(one: Sigmoid | Isotonic) -> None:
    points = np.linspace(-3, 3, 50)
    np.testing.assert_array_equal(from_json(one.to_json())(points), one(points))


@pytest.mark.parametrize(
    "entry", [{"method": "magic"}, {"method": "isotonic", "x": [1, 0], "y": [0, 1]}, {"method": "isotonic", "x": [], "y": []}]
)
def test_an_unusable_calibration_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"unknown|rise"):
        from_json(entry)


rows = st.lists(st.tuples(st.booleans(), st.floats(0.01, 0.99)), min_size=1, max_size=50)


@given(rows)
def test_log_loss_and_brier_equal_scikit_learns(cells: list[tuple[bool, float]]) -> None:
    target, given_ = np.array([cell[0] for cell in cells]), np.array([cell[1] for cell in cells])
    assert log_loss(target, given_) == pytest.approx(sklearn_log_loss(target, given_, labels=[False, True]))
    assert brier(target, given_) == pytest.approx(brier_score_loss(target, given_))


@given(rows, st.floats(0.05, 1.0))
def test_a_target_is_reached_where_it_can_be(cells: list[tuple[bool, float]], least: float) -> None:
    target, given_ = np.array([cell[0] for cell in cells]), np.array([cell[1] for cell in cells])
    if not target.any():
        assert Target("recall", least).threshold(target, given_) == 1.0
        return
    reached = precision_recall_f1(target, given_ >= Target("recall", least).threshold(target, given_))[1]
    assert reached >= least - 1e-12
    possible = max(precision_recall_f1(target, given_ >= cut)[0] for cut in given_)
    found = precision_recall_f1(target, given_ >= Target("precision", least).threshold(target, given_))[0]
    assert found >= min(least, possible) - 1e-12


def test_the_smoothed_threshold_is_near_the_best_and_steadier() -> None:
    """Over fresh samples it varies less, and costs hardly any F1."""
    best, smooth = [], []
    for seed in range(12):
        scores, target = drawn(200, slope=0.8, seed=seed)
        given_ = 1 / (1 + np.exp(-scores))
        best.append(best_f1_threshold(target, given_))
        smooth.append(smooth_f1_threshold(target, given_))
    assert np.std(smooth) < np.std(best)
    assert abs(np.mean(smooth) - np.mean(best)) < 0.05


@pytest.mark.parametrize("text", ["f2", "precision", "precision=", "precision=x", "recall=0", "recall=1.1", "precision=nan"])
def test_a_target_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ConflictError, match="write f1, precision=P or recall=R"):
        Target.parse(text)


@pytest.mark.parametrize("error", [0.05, 0.1])
def test_outside_the_review_band_no_more_than_the_stated_share_is_wrong(error: float) -> None:
    wrong = []
    for seed in range(20):
        scores, target = drawn(1000, slope=1.0, seed=seed)
        given_ = 1 / (1 + np.exp(-scores))
        low, high = review_band(target[:500], given_[:500], error)
        fresh, fresh_target = given_[500:], target[500:]
        wrong.append([np.mean(fresh[fresh_target] <= low), np.mean(fresh[~fresh_target] >= high)])
    assert np.mean(wrong, axis=0).max() <= error * 1.2


def test_a_tone_stays_possible_for_all_but_the_stated_share_of_its_stories() -> None:
    scores, target = drawn(2000)
    given_ = 1 / (1 + np.exp(-scores))
    least = least_of_tone(target[:1000], given_[:1000], 0.1)
    assert np.mean(given_[1000:][target[1000:]] < least) == pytest.approx(0.1, abs=0.04)


def test_review_comes_from_the_models_bands(small_trained: Trained) -> None:
    bands = dict.fromkeys(small_trained.manifest["labels"]["topics"], (0.0, 1.0))
    manifest = small_trained.manifest | {"review": small_trained.manifest["review"] | {"bands": bands}}
    model = artifact.in_memory(manifest, small_trained.arrays)
    assert replace(model.review).bands["diplomacy"] == (0.0, 1.0)
    reasons = list(model.review.reasons({"diplomacy": 0.4}, {"hostile": 0.98, "neutral": 0.01, "conciliatory": 0.01}, 1.0))
    assert reasons == ["close:diplomacy"]
    assert list(model.review.reasons({}, {"hostile": 0.4, "neutral": 0.35, "conciliatory": 0.25}, 0.0)) == ["close:tone", "unfamiliar"]
