"""From held-out probabilities to the threshold of each topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import ConflictError

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
RESAMPLES = 40


@dataclass(frozen=True)
class Target:
    """What a threshold is chosen for: the best F1, or a precision or recall that must be reached. Written `f1` or `precision=0.9`."""

    figure: str = "f1"
    least: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read `f1`, `precision=P` or `recall=R`. Raises ConflictError."""
        figure, _, value = text.partition("=")
        if text == "f1":
            return cls()
        try:
            least = float(value)
        except ValueError:
            least = -1.0
        if figure not in ("precision", "recall") or not 0 < least <= 1:
            raise ConflictError(f"target {text!r}: write f1, precision=P or recall=R with a number over 0 and up to 1")
        return cls(figure, least)

    def threshold(self, target: Bools, probability: Floats) -> float:
        """Choose the threshold on held-out probabilities, both of shape (stories,)."""
        if self.figure == "precision":
            return threshold_for_precision(target, probability, self.least)
        if self.figure == "recall":
            return threshold_for_recall(target, probability, self.least)
        return smooth_f1_threshold(target, probability)


def best_f1_threshold(target: Bools, probability: Floats) -> float:
    """Find the threshold with the highest F1. It lies midway between the two probabilities that it parts; 1.0 without a positive story."""
    hits, named, cuts = _ranked(target, probability)
    if not len(cuts):
        return 1.0
    return float(cuts[np.argmax(2 * hits / (named + target.sum()))])


def smooth_f1_threshold(target: Bools, probability: Floats) -> float:
    """Average the best-F1 thresholds of bootstrap samples: steadier than the best one of the sample at hand."""
    generator = np.random.Generator(np.random.PCG64(0))
    samples = generator.integers(0, len(target), (RESAMPLES, len(target)))
    return float(np.mean([best_f1_threshold(target[rows], probability[rows]) for rows in samples]))


def threshold_for_precision(target: Bools, probability: Floats, least: float) -> float:
    """Find the lowest threshold whose precision is at least so much; if none has, the one with the highest precision."""
    hits, named, cuts = _ranked(target, probability)
    if not len(cuts):
        return 1.0
    precision = hits / named
    enough = np.flatnonzero(precision >= least)
    return float(cuts[enough[-1] if len(enough) else np.argmax(precision)])


def threshold_for_recall(target: Bools, probability: Floats, least: float) -> float:
    """Find the highest threshold whose recall is at least so much."""
    hits, _, cuts = _ranked(target, probability)
    if not len(cuts):
        return 1.0
    return float(cuts[np.argmax(hits >= least * target.sum())])


def _ranked(target: Bools, probability: Floats) -> tuple[NDArray[Any], NDArray[Any], Floats]:
    """Give every possible cut from high to low: hits and stories at or over it, and its threshold; empty without a positive story."""
    order = np.argsort(-probability, kind="stable")
    ranked = probability[order]
    if not target.any():
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    ends = np.flatnonzero(np.append(ranked[:-1] > ranked[1:], True))
    below = np.append(ranked[ends[:-1] + 1], 0.0)
    return np.cumsum(target[order])[ends], ends + 1, (ranked[ends] + below) / 2
