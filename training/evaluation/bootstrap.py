"""How far a figure may be off: bootstrap intervals (Efron and Tibshirani 1993, ch. 13).

Every figure here is made of sums over stories, so a sample drawn with replacement is but a count per story, and one set of samples serves
all figures.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 1000
SEED = 0


def resampled_sums(values: Floats, seed: int = SEED) -> Floats:
    """Sum the values (stories, figures) over each of 1,000 samples of the stories; shape (1000, figures)."""
    generator = np.random.Generator(np.random.PCG64(seed))
    stories = len(values)
    sums = np.empty((RESAMPLES, values.shape[1]))
    for sample in range(RESAMPLES):
        sums[sample] = np.bincount(generator.integers(0, stories, stories), minlength=stories) @ values
    return sums


def interval(figures: Floats) -> list[float]:
    """Give the 95 % percentile interval of a figure from its values on the samples."""
    low, high = np.quantile(figures, [0.025, 0.975])
    return [float(low), float(high)]
