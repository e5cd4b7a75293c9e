"""The figures of a classifier. Definitions are scikit-learn's; tests hold them against it.

`target` and `predicted` are bool and `probability` float64, all of shape (stories,), unless said otherwise. A ratio without a
denominator is 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def precision_recall_f1(target: Bools, predicted: Bools) -> tuple[float, float, float]:
    """Give precision, recall and F1 of one label."""
    hits, named, wanted = int((target & predicted).sum()), int(predicted.sum()), int(target.sum())
    return _ratio(hits, named), _ratio(hits, wanted), _ratio(2 * hits, named + wanted)


def average_precision(target: Bools, probability: Floats) -> float:
    """Sum the precision at each threshold, weighted by the recall that it adds; 0 without a positive story."""
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(target[order])
    if not len(hits) or not hits[-1]:
        return 0.0
    ranked = probability[order]
    ends = np.flatnonzero(np.append(ranked[:-1] != ranked[1:], True))
    gains = np.diff(hits[ends], prepend=0)
    return float(np.sum(gains * hits[ends] / (ends + 1)) / hits[-1])


def log_loss(target: Bools, probability: Floats) -> float:
    """Average the negative logarithm of the probability given to what was true; probabilities are kept off 0 and 1 by an epsilon."""
    epsilon = np.finfo(np.float64).eps
    given = np.clip(np.where(target, probability, 1 - probability), epsilon, 1 - epsilon)
    return float(-np.mean(np.log(given)))


def brier(target: Bools, probability: Floats) -> float:
    """Average the squared distance of the probability from what was true (Brier 1950)."""
    return float(np.mean((probability - target) ** 2))


def calibration_error(target: Bools, probability: Floats, bins: int = 10) -> float:
    """Average over equal-width bins, by their stories, the distance of the mean probability from the share that was true (ECE)."""
    bin_of = bins_of(probability, bins)
    gaps = [abs(float(np.sum(probability[bin_of == number] - target[bin_of == number]))) for number in range(bins)]
    return sum(gaps) / len(target) if len(target) else 0.0


def bins_of(probability: Floats, bins: int) -> NDArray[np.int64]:
    """Give each probability its equal-width bin, 0 to bins - 1; one on a border belongs to the bin below it."""
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], probability)


def confusion(target: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Count stories by true class (row) and predicted class (column), both 0 to classes - 1; shape (classes, classes)."""
    inside = predicted >= 0
    counts = np.bincount(target[inside] * classes + predicted[inside], minlength=classes**2)
    return counts.reshape(classes, classes)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
