"""F1 in its kinds, from counts per story: what is summed over all stories, a slice or a bootstrap sample gives the figures of it.

Definitions are scikit-learn's; tests hold them against it. A ratio without a denominator is 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def topic_tally(target: Bools, predicted: Bools) -> Floats:
    """Count per story hits, named and wanted topics, its own F1, and whether it has one; both (stories, topics)."""
    hits, sizes = target & predicted, target.sum(axis=1) + predicted.sum(axis=1)
    return np.column_stack([hits, predicted, target, ratio(2 * hits.sum(axis=1), sizes), sizes > 0]).astype(np.float64)


def topic_figures(sums: Floats) -> dict[str, Floats]:
    """Give macro, micro and example-based F1 of summed tallies, a row a sample. Stories without any topic have no F1 of their own."""
    hits, named, wanted = parts = np.split(sums[:, :-2], 3, axis=1)
    return {
        "topics_macro_f1": f1(hits, named, wanted).mean(axis=1),
        "topics_micro_f1": f1(*(part.sum(axis=1) for part in parts)),
        "topics_example_f1": ratio(sums[:, -2], sums[:, -1]),
    }


def tone_tally(target: NDArray[np.int64], predicted: NDArray[np.int64], tones: int) -> Floats:
    """Count per story the hits, named and wanted tones; both (stories,), -1 for none. A story without a true tone counts for nothing."""
    numbers = np.arange(tones)
    wanted, named = target[:, None] == numbers, (predicted[:, None] == numbers) & (target >= 0)[:, None]
    return np.column_stack([wanted & named, named, wanted]).astype(np.float64)


def tone_figures(sums: Floats) -> dict[str, Floats]:
    """Give macro F1 over the tones that occur, and accuracy, of summed tallies, a row a sample."""
    hits, named, wanted = np.split(sums, 3, axis=1)
    occurs = named + wanted > 0
    return {
        "tone_macro_f1": ratio(f1(hits, named, wanted).sum(axis=1), occurs.sum(axis=1)),
        "tone_accuracy": ratio(hits.sum(axis=1), wanted.sum(axis=1)),
    }


def label_f1(sums: Floats, labels: int) -> Floats:
    """Give each label's F1 of summed tallies; shape (samples, labels)."""
    return f1(*np.split(sums[:, : 3 * labels], 3, axis=1))


def f1(hits: Floats, named: Floats, wanted: Floats) -> Floats:
    """Give F1 from counts of any one shape."""
    return ratio(2 * hits, named + wanted)


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Floats:
    """Divide; 0 where there is nothing to divide by."""
    result: Floats = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)
    return result
