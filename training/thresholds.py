"""From cross-validated probabilities to the threshold of each topic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best_f1_threshold(target: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """Find the threshold with the highest F1 on held-out probabilities; both of shape (stories,).

    It lies midway between the two probabilities that it parts. Without a positive story it is 1.0.
    """
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(target[order])
    if not len(order) or not hits[-1]:
        return 1.0
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + hits[-1])
    ranked = probability[order]
    parts = np.append(ranked[:-1] > ranked[1:], True)
    best = int(np.argmax(np.where(parts, f1, -1.0)))
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)
