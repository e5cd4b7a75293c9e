"""The compiled inner loops: text to tokens, tokens to n-grams, n-grams to scores. One pass, no strings, no matrices.

Words here: a *code* is a code point; a *hash* is 64 bits made from the folded codes of a token or n-gram; a *row* is an n-gram's
place in the model's weights. All functions release the GIL and write only to the arrays handed to them.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

PRIME = np.uint64(0x00000100000001B3)
CHAIN = np.uint64(0x9E3779B97F4A7C15)
MIX = np.uint64(0xD6E8FEB86659FD93)
HALF = np.uint64(32)
EMPTY = np.uint64(0)
ONE = np.uint64(1)
UNKNOWN = -1
STOP = -2
MIN_LENGTH = 2
KNOWN_LOGS = np.log(np.arange(1, 65))


def compiled(**options):
    """Compile on first call and keep the result on disk; where no place for that can be written, compile in every process."""

    def decorate(function):
        try:
            return njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:
            return njit(nogil=True, **options)(function)

    return decorate


@compiled(inline="always")
def finish(value):
    """Spread a chained hash over all 64 bits; never EMPTY."""
    value ^= value >> HALF
    value *= MIX
    value ^= value >> HALF
    return value if value != EMPTY else ONE


@compiled(inline="always")
def find(table, key):
    """Look a finished hash up in the open-addressing table; UNKNOWN when it is not there."""
    mask = np.uint64(table.shape[0] - 1)
    place = key & mask
    while table[place, 0] != EMPTY:
        if table[place, 0] == key:
            return np.int64(table[place, 1])
        place = (place + ONE) & mask
    return np.int64(UNKNOWN)


@compiled()
def tokenise(codes, start, stop, fold, seed, token_space):
    """Write the tokens of codes[start:stop]: chained hash, first code and code after the last, relative to start.

    A token is a run of at least two folded letters or digits. Returns how many there are; past the end of `token_space` they are only
    counted.
    """
    hashes, starts, ends = token_space
    pages, values, expansions = fold
    count, length, hashed, first, last = 0, 0, seed, start, start
    for i in range(start, stop + 1):
        value, more = np.int32(0), 0
        if i < stop:
            code = codes[i]
            value = values[(pages[code >> np.uint32(8)] << 8) | np.int64(code & np.uint32(255))]
        place = -2 - value
        if value < -1:
            more = expansions[place]
            value = expansions[place + 1]
        elif value == -1:
            if length:
                last = i + 1
            continue
        while True:
            if value > 0:
                if length == 0:
                    first = i
                hashed = (hashed ^ np.uint64(value)) * PRIME
                length += 1
                last = i + 1
            else:
                if length >= MIN_LENGTH:
                    if count < hashes.shape[0]:
                        hashes[count], starts[count], ends[count] = hashed, first - start, last - start
                    count += 1
                length, hashed = 0, seed
            more -= 1
            if more <= 0:
                break
            place += 1
            value = expansions[place + 1]
    return count


@compiled()
def drop_stops(table, token_space, count, rows):
    """Take stop words out of the token arrays in place; write each remaining token's row. Returns how many remain."""
    hashes, starts, ends = token_space
    kept = 0
    for i in range(count):
        row = find(table, finish(hashes[i]))
        if row != STOP:
            hashes[kept], starts[kept], ends[kept], rows[kept] = hashes[i], starts[i], ends[i], row
            kept += 1
    return kept


@compiled()
def ngrams(codes, bounds, fold, seed, table, longest, token_space, hashes, stories, starts, ends):
    """Write every n-gram of every story: finished hash, story, and span relative to the story's start.

    Story i is codes[bounds[i]:bounds[i + 1]]. `table` holds the stop words. Returns how many n-grams there are, or minus the number of
    tokens that a story needs when `token_space` is too short for it.
    """
    found, rows = 0, np.empty(token_space[0].shape[0], np.int64)
    for story in range(bounds.shape[0] - 1):
        count = tokenise(codes, bounds[story], bounds[story + 1], fold, seed, token_space)
        if count > token_space[0].shape[0]:
            return -count
        count = drop_stops(table, token_space, count, rows)
        for i in range(count):
            chained = np.uint64(0)
            for j in range(i, min(i + longest, count)):
                chained = (chained * CHAIN) ^ token_space[0][j]
                if found < hashes.shape[0]:
                    hashes[found], stories[found] = finish(chained), story
                    starts[found], ends[found] = token_space[1][i], token_space[2][j]
                found += 1
    return found


@compiled()
def score(codes, bounds, fold, seed, table, longest, weights, bias, token_space, counts, scores, tokens):
    """Write each story's decision scores, its number of tokens, and how many of them the model knows.

    `weights` has a row an n-gram: its idf, then its weight per column with the idf folded in. `counts` is scratch, one zero a row, and is
    left so. Returns 0, or the number of tokens that a story needs when `token_space` is too short for it.
    """
    columns = bias.shape[0]
    rows = np.empty(token_space[0].shape[0], np.int64)
    touched = np.empty(token_space[0].shape[0] * longest, np.int64)
    for story in range(bounds.shape[0] - 1):
        count = tokenise(codes, bounds[story], bounds[story + 1], fold, seed, token_space)
        if count > token_space[0].shape[0]:
            return count
        count = drop_stops(table, token_space, count, rows)
        used, known = 0, 0
        for i in range(count):
            row = rows[i]
            if row >= 0:
                known += 1
                if counts[row] == 0:
                    touched[used] = row
                    used += 1
                counts[row] += 1
            chained = token_space[0][i]
            for j in range(i + 1, min(i + longest, count)):
                chained = (chained * CHAIN) ^ token_space[0][j]
                row = find(table, finish(chained))
                if row >= 0:
                    if counts[row] == 0:
                        touched[used] = row
                        used += 1
                    counts[row] += 1
        squares = 0.0
        scores[story, :] = 0.0
        for k in range(used):
            row = touched[k]
            times = counts[row]
            counts[row] = 0
            tf = 1.0 + (KNOWN_LOGS[times - 1] if times <= 64 else np.log(times))
            squares += (tf * weights[row, 0]) ** 2
            for column in range(columns):
                scores[story, column] += tf * weights[row, column + 1]
        norm = np.sqrt(squares) if squares > 0.0 else 1.0
        for column in range(columns):
            scores[story, column] = scores[story, column] / norm + bias[column]
        tokens[story, 0], tokens[story, 1] = count, known
    return 0


@compiled()
def fill(table, keys, rows):
    """Put finished hashes and their rows into an empty open-addressing table (capacity a power of two, at most half full)."""
    mask = np.uint64(table.shape[0] - 1)
    for i in range(keys.shape[0]):
        place = keys[i] & mask
        while table[place, 0] != EMPTY:
            place = (place + ONE) & mask
        table[place, 0], table[place, 1] = keys[i], np.uint64(rows[i])


def make_table(keys: NDArray[np.uint64], rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Make the open-addressing table for distinct finished hashes; shape (capacity, 2): hash, row."""
    table = np.zeros((max(16, 1 << (2 * len(keys)).bit_length()), 2), np.uint64)
    fill(table, keys, rows)
    return table


@compiled()
def lookup(table, hashes):
    """Find the row of each finished hash; UNKNOWN where it has none."""
    rows = np.empty(hashes.shape[0], np.int64)
    for i in range(hashes.shape[0]):
        rows[i] = find(table, hashes[i])
    return rows
