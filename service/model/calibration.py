"""From decision scores to probabilities that mean what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.model import kernel

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sigmoid:
    """Platt scaling (Platt 1999): 1 / (1 + exp(a * score + b))."""

    a: float
    b: float

    def __call__(self, scores: Floats) -> Floats:
        return logistic(-(self.a * scores + self.b))

    def to_json(self) -> dict[str, Any]:
        return {"method": "sigmoid", "a": self.a, "b": self.b}


@dataclass(frozen=True, eq=False)
class Isotonic:
    """Isotonic regression (Zadrozny and Elkan 2002): straight lines between the points (x, y), flat beyond them."""

    x: Floats
    y: Floats

    def __call__(self, scores: Floats) -> Floats:
        return np.interp(scores, self.x, self.y)

    def to_json(self) -> dict[str, Any]:
        return {"method": "isotonic", "x": self.x.tolist(), "y": self.y.tolist()}


Calibrator = Sigmoid | Isotonic


def from_json(entry: Mapping[str, Any]) -> Calibrator:
    """Read what `to_json` wrote. Raises ValueError on an unknown method or points that do not rise."""
    if entry["method"] == "sigmoid":
        return Sigmoid(float(entry["a"]), float(entry["b"]))
    if entry["method"] != "isotonic":
        raise ValueError(f"unknown calibration method {entry['method']!r}")
    x, y = np.array(entry["x"], float), np.array(entry["y"], float)
    if len(x) != len(y) or not len(x) or (np.diff(x) < 0).any() or (np.diff(y) < 0).any():
        raise ValueError("the points of an isotonic calibration must rise")
    return Isotonic(x, y)


def logistic(scores: Floats) -> Floats:
    """Give 1 / (1 + exp(-score)); below a score of -700, where it is next to nothing, that of -700."""
    result: Floats = 1 / (1 + np.exp(np.minimum(-scores, 700.0)))
    return result


def softmax(scores: Floats) -> Floats:
    """Give each row's exponentials as shares of their sum."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


def probabilities(decisions: Floats, topics: int, calibrators: Sequence[Calibrator] = ()) -> Floats:
    """Turn decision scores (stories, columns) into probabilities; the first `topics` columns are topics, the rest tones.

    Without calibrators: the logistic function per topic, the softmax over tones. With one per column: its calibrated probability, those of
    the tones made to add up to 1 (even shares where all are 0), as scikit-learn's one-vs-rest calibration does.
    """
    tones = decisions[:, topics:]
    if not calibrators:
        return np.hstack([logistic(decisions[:, :topics]), softmax(tones) if tones.size else tones])
    slopes = _slopes(tuple(calibrators))
    if slopes is not None:
        result = np.empty(decisions.shape)
        kernel.calibrate(decisions, slopes, topics, result)
        return result
    result = np.column_stack([calibrate(column) for calibrate, column in zip(calibrators, decisions.T, strict=True)])
    if tones.size:
        sums = result[:, topics:].sum(axis=1, keepdims=True)
        result[:, topics:] = np.where(sums > 0, result[:, topics:], 1.0) / np.where(sums > 0, sums, tones.shape[1])
    return result


@lru_cache(maxsize=16)
def _slopes(calibrators: tuple[Calibrator, ...]) -> Floats | None:
    """Lay (a, b) of every sigmoid in a row, (columns, 2), for all to be reckoned in one step; None where not all are sigmoids."""
    lines = [(one.a, one.b) for one in calibrators if isinstance(one, Sigmoid)]
    return np.array(lines) if len(lines) == len(calibrators) else None
