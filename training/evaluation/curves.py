"""The points of the usual curves, few enough to be kept beside a model. Definitions are scikit-learn's where it has them.

`target` is bool and `probability` float64, both of shape (stories,).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import Bools, Floats, bins_of, precision_recall_f1

MOST = 100
BINS = 10
TENTHS = tuple(number / 10 for number in range(1, 10))
COVERAGES = tuple(number / 20 for number in range(1, 21))


def precision_recall(target: Bools, probability: Floats) -> tuple[Floats, Floats, Floats]:
    """Give (thresholds, precision, recall), a point per distinct probability, from high to low; empty without a positive story."""
    if not target.any():
        return np.empty(0), np.empty(0), np.empty(0)
    order = np.argsort(-probability, kind="stable")
    ranked, hits = probability[order], np.cumsum(target[order])
    ends = np.flatnonzero(np.append(ranked[:-1] > ranked[1:], True))
    return ranked[ends], hits[ends] / (ends + 1), hits[ends] / hits[-1]


def thinned(x: Floats, y: Floats) -> NDArray[np.int64]:
    """Choose at most 100 points, first and last among them, evenly along the way that the curve goes."""
    if len(x) <= MOST:
        return np.arange(len(x))
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    found = np.searchsorted(way, np.linspace(0, way[-1], MOST))
    return np.unique(np.concatenate([[0], found[1:-1], [len(x) - 1]]))


def precision_recall_points(target: Bools, probability: Floats) -> dict[str, list[float]]:
    """Give the thinned precision-recall curve by columns."""
    thresholds, precision, recall = precision_recall(target, probability)
    kept = thinned(recall, precision)
    return {
        "thresholds": thresholds[kept].tolist(),
        "precision": precision[kept].tolist(),
        "recall": recall[kept].tolist(),
    }


def reliability_points(target: Bools, probability: Floats) -> dict[str, list[Any]]:
    """Give, per equal-width bin that holds a story, the mean probability, the share that was true, and the number of stories."""
    bin_of = bins_of(probability, BINS)
    filled = [np.flatnonzero(bin_of == number) for number in range(BINS) if (bin_of == number).any()]
    return {
        "predicted": [float(probability[rows].mean()) for rows in filled],
        "observed": [float(target[rows].mean()) for rows in filled],
        "stories": [len(rows) for rows in filled],
    }


def at_thresholds(target: Bools, probability: Floats, chosen: float) -> list[dict[str, float]]:
    """Give precision, recall and F1 at the tenths and at the chosen threshold."""
    limits = sorted({*TENTHS, chosen})
    figures = [precision_recall_f1(target, probability >= limit) for limit in limits]
    return [
        {"threshold": limit, "precision": precision, "recall": recall, "f1": f1}
        for limit, (precision, recall, f1) in zip(limits, figures, strict=True)
    ]


def error_by_coverage(wrong: Bools, distance: Floats) -> list[float]:
    """Give the share of wrong decisions among the surest 5 %, 10 %, … 100 % (El-Yaniv and Wiener 2010: risk against coverage).

    distance: how far each decision was from turning. Where it ties, the expectation over the order is taken.
    """
    order = np.argsort(-distance, kind="stable")
    ranked, errors = distance[order], np.cumsum(wrong[order])
    ends = np.flatnonzero(np.append(ranked[:-1] > ranked[1:], True))
    kept = np.array(COVERAGES) * len(wrong)
    met = np.interp(kept, [0, *(ends + 1)], [0, *errors[ends]]) / kept
    return [float(error) for error in met]
