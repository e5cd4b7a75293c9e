"""From held-out decision scores to calibrators, thresholds and the bands within which a person should look."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.model.calibration import Calibrator, Floats, Isotonic, Sigmoid, probabilities
from training.evaluation.metrics import log_loss

Bools = NDArray[np.bool_]
PARTS = 5
FEWEST_FOR_ISOTONIC = 100


def calibrators(decisions: Floats, targets: Bools) -> list[Calibrator]:
    """Choose and fit a calibrator per column from held-out scores and what was true; both of shape (stories, columns)."""
    return [choose_calibrator(scores, target) for scores, target in zip(decisions.T, targets.T, strict=True)]


def choose_calibrator(scores: Floats, target: Bools) -> Calibrator:
    """Take sigmoid or isotonic, whichever has the lower cross-fitted log loss; isotonic needs 100 stories on either side."""
    if min(target.sum(), (~target).sum()) < FEWEST_FOR_ISOTONIC:
        return fit_calibrator(scores, target, "sigmoid")
    losses = {method: _held_out_loss(scores, target, method) for method in ("sigmoid", "isotonic")}
    return fit_calibrator(scores, target, min(losses, key=losses.__getitem__))


def fit_calibrator(scores: Floats, target: Bools, method: str) -> Calibrator:
    """Fit by scikit-learn; shapes (stories,)."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    frozen = FrozenEstimator(_scorer())
    fitted = CalibratedClassifierCV(frozen, method=method).fit(scores[:, None], target)
    [calibrator] = fitted.calibrated_classifiers_[0].calibrators
    if method == "sigmoid":
        return Sigmoid(float(calibrator.a_), float(calibrator.b_))
    return Isotonic(np.array(calibrator.X_thresholds_, float), np.array(calibrator.y_thresholds_, float))


def _scorer() -> Any:
    """Make the classifier whose decision score is its only feature."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Scorer(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
        def __init__(self) -> None:
            self.classes_ = np.array([False, True])

        def fit(self, *_: Any) -> Any:
            return self

        def decision_function(self, features: Floats) -> Floats:
            return features[:, 0]

        def predict(self, features: Floats) -> Bools:
            return features[:, 0] > 0

    return Scorer()


def _held_out_loss(scores: Floats, target: Bools, method: str) -> float:
    part = np.argsort(np.argsort(scores, kind="stable")) % PARTS
    held_out = np.zeros(len(scores))
    for number in range(PARTS):
        held_out[part == number] = fit_calibrator(scores[part != number], target[part != number], method)(scores[part == number])
    return log_loss(target, held_out)


def cross_fitted(decisions: Floats, targets: Bools, topics: int) -> Floats:
    """Give every story probabilities from calibrators that have not seen it; for honest figures about calibration."""
    part = np.arange(len(decisions)) % PARTS
    result = np.zeros(decisions.shape)
    for number in range(PARTS):
        fitted = calibrators(decisions[part != number], targets[part != number])
        result[part == number] = probabilities(decisions[part == number], topics, fitted)
    return result


def review_band(target: Bools, probability: Floats, error: float) -> tuple[float, float]:
    """Give the band of probabilities within which a topic is not decided, at a stated error (class-conditional split-conformal).

    Of the stories with the topic, and likewise of those without it, at most a share of about `error` is decided wrongly outside the band
    (Vovk, Gammerman and Shafer 2005, ch. 4).
    """
    low = -_quantile(-probability[target], error)
    high = _quantile(probability[~target], error)
    return min(low, high), max(low, high)


def least_of_tone(target: Bools, probability: Floats, error: float) -> float:
    """Give the least probability at which a tone stays possible: all but a share `error` of its stories reach it."""
    return -_quantile(-probability[target], error)


def _quantile(values: Floats, error: float) -> float:
    """Take the conformal quantile: the ceil((n + 1) (1 - error))-th smallest of n values, the largest if there is none."""
    rank = min(int(np.ceil((len(values) + 1) * (1 - error))), len(values))
    return float(np.sort(values)[rank - 1])
