"""Two models on the same stories, label by label: whether they differ by more than chance.

`target`, `old` and `new` are bool, of shape (stories,): whether a story has the label, and whether each model gives it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import Bools, precision_recall_f1

RESAMPLES = 10_000
LEVEL = 0.05


@dataclass(frozen=True)
class PairedFigures:
    """One label under two models.

    difference: new F1 minus old. interval: its 95 % paired bootstrap interval. gains, losses: stories that only the new, or only the old
    model gets right. p: of McNemar's exact test, two-sided.
    """

    old_f1: float
    new_f1: float
    difference: float
    interval: tuple[float, float]
    gains: int
    losses: int
    p: float

    @property
    def verdict(self) -> str:
        """Say `worse` or `better` where McNemar's test or the interval shows it, else nothing; `worse` wins where they disagree."""
        low, high = self.interval
        if high < 0 or (self.p < LEVEL and self.losses > self.gains):
            return "worse"
        return "better" if low > 0 or (self.p < LEVEL and self.gains > self.losses) else ""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "interval": list(self.interval), "verdict": self.verdict}


def paired_figures(target: Bools, old: Bools, new: Bools) -> PairedFigures:
    """Compare two models on one label."""
    old_f1, new_f1 = (precision_recall_f1(target, guess)[2] for guess in (old, new))
    gains, losses = int(((new == target) & (old != target)).sum()), int(((old == target) & (new != target)).sum())
    interval = f1_difference_interval(target, old, new)
    return PairedFigures(old_f1, new_f1, new_f1 - old_f1, interval, gains, losses, mcnemar_exact(gains, losses))


def mcnemar_exact(gains: int, losses: int) -> float:
    """Give the two-sided exact p of McNemar's test (McNemar 1947): how likely chance alone parts the discordant stories so unevenly."""
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(gains, losses), gains + losses, 0.5)))


def f1_difference_interval(target: Bools, old: Bools, new: Bools, seed: int = 0) -> tuple[float, float]:
    """Give the 95 % percentile interval of new F1 minus old over resampled stories (paired bootstrap; Efron and Tibshirani 1993, ch. 13).

    A story matters by nothing but (target, old, new), so resampling stories is one multinomial draw over these eight kinds: the same
    distribution, and as fast for a million stories as for ten.
    """
    kinds = np.bincount(target * 4 + old * 2 + new, minlength=8)
    generator = np.random.Generator(np.random.PCG64(seed))
    draws = generator.multinomial(len(target), kinds / len(target), RESAMPLES).reshape(-1, 2, 2, 2)
    differences = _f1(draws.sum(axis=2)) - _f1(draws.sum(axis=3))
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def _f1(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 per draw from counts (draws, target, guess); 0 without a positive."""
    hits = counts[:, 1, 1]
    whole = 2 * hits + counts[:, 0, 1] + counts[:, 1, 0]
    f1: NDArray[np.float64] = 2.0 * hits / np.maximum(whole, 1)
    return f1
