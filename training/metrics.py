"""The figures of a classifier. Definitions are scikit-learn's; tests hold them against it.

`target` and `predicted` are bool and `probability` float64, all of shape (stories,), unless said otherwise. A ratio without a
denominator is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
RESAMPLES = 1000


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
    bin_of = np.minimum((probability * bins).astype(np.int64), bins - 1)
    gaps = [abs(float(np.sum(probability[bin_of == number] - target[bin_of == number]))) for number in range(bins)]
    return sum(gaps) / len(target) if len(target) else 0.0


def macro_f1(target: NDArray[Any], predicted: NDArray[Any], classes: int) -> float:
    """Average F1 over classes 0 to classes - 1, targets and predictions being class indices; classes that occur in neither are left out."""
    scores = [
        precision_recall_f1(target == index, predicted == index)[2]
        for index in range(classes)
        if ((target == index) | (predicted == index)).any()
    ]
    return float(np.mean(scores)) if scores else 0.0


def micro_f1(target: Bools, predicted: Bools) -> float:
    """F1 over all (story, topic) pairs together; shapes (stories, topics)."""
    return precision_recall_f1(target.ravel(), predicted.ravel())[2]


def example_f1(target: Bools, predicted: Bools) -> float:
    """Average over stories of F1 between true and predicted topics, stories with neither left out; shapes (stories, topics)."""
    sizes = target.sum(axis=1) + predicted.sum(axis=1)
    some = sizes > 0
    hits = (target & predicted).sum(axis=1)
    return float(np.mean(2 * hits[some] / sizes[some])) if some.any() else 0.0


def interval(figure: Callable[[NDArray[np.int64]], float], stories: int, seed: int = 0) -> tuple[float, float]:
    """Give the 95 % percentile bootstrap interval of a figure over resampled story indices (Efron and Tibshirani 1993, ch. 13)."""
    generator = np.random.Generator(np.random.PCG64(seed))
    figures = [figure(generator.integers(0, stories, stories)) for _ in range(RESAMPLES)]
    low, high = np.quantile(figures, [0.025, 0.975])
    return float(low), float(high)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
