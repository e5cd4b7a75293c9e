"""The tables that the kernel looks n-grams up in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.model import kernel


def make_table(keys: NDArray[np.uint64], rows: NDArray[np.int64], classes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Make the open-addressing table for distinct finished hashes; shape (capacity, 2): hash, entry.

    Each goes where it is found first unless an earlier one is there already: give the frequent ones first.
    """
    table = np.zeros((max(16, 1 << (len(keys) * 3 // 2).bit_length()), 2), np.uint64)
    entries = (rows - kernel.STOP).astype(np.uint64) | classes.astype(np.uint64) << kernel.HALF
    kernel.fill(table, keys, entries)
    return table


def make_tables(table: NDArray[np.uint64], class_hashes: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], ...]:
    """Make what scoring looks up beside the table, small enough to stay in the cache: (sieve, class rows, pair rows).

    sieve: (words,) uint64, four bits a place of the table. class_rows: (classes + 1,) int64, the row of each class. pair_rows:
    (classes + 1, classes + 1) int32, the row of each pair of classes.
    """
    sieve = np.zeros(max(1, len(table) // 16), np.uint64)
    kernel.fill_sieve(table, sieve)
    rows = kernel.lookup(table, kernel.finish_all(class_hashes)).astype(np.int32)
    pairs = class_hashes[:, None] * kernel.CHAIN ^ class_hashes[None, :]
    pair_rows = kernel.lookup(table, kernel.finish_all(pairs.ravel())).astype(np.int32).reshape(pairs.shape)
    rows[0], pair_rows[0], pair_rows[:, 0] = kernel.UNKNOWN, kernel.UNKNOWN, kernel.UNKNOWN
    return sieve, rows, pair_rows
