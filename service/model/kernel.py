"""The compiled inner loops: text to tokens, tokens to n-grams, n-grams to scores. One pass, no strings, no matrices.

Words here: a *code* is a code point; a *hash* is 64 bits made from the folded codes of a token or n-gram; a *row* is an n-gram's
place in the model's weights; a *class* is a word class of the lexicon, 0 for none. An entry of the table packs both: row + 2 in the
lower half, class in the upper. All functions release the GIL and write only to the arrays handed to them.
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
ROW = np.uint64(0xFFFFFFFF)
NOT_THERE = np.uint64(1)
TOP = np.uint64(58)
BYTES = np.uint64(34)
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
    """Look a finished hash up in the open-addressing table; NOT_THERE, which is row UNKNOWN and no class, when it is not."""
    mask = np.uint64(table.shape[0] - 1)
    place = key & mask
    while table[place, 0] != EMPTY:
        if table[place, 0] == key:
            return table[place, 1]
        place = (place + ONE) & mask
    return NOT_THERE


@compiled(inline="always")
def row_of(entry):
    """Take the row out of a table entry."""
    return np.int64(entry & ROW) + STOP


@compiled(inline="always")
def class_of(entry):
    """Take the class out of a table entry."""
    return np.int64(entry >> HALF)


@compiled()
def tokenise(codes, start, stop, fold, seed, token_space):
    """Write the tokens of codes[start:stop]: chained hash, first code and code after the last, relative to start.

    A token is a run of at least two folded letters or digits. Returns how many there are; past the end of `token_space` they are only
    counted.
    """
    pages, values, expansions = fold
    hashes, starts, ends = token_space
    ascii_page = pages[0] << 8
    count, length, hashed, first, last = 0, 0, seed, start, start
    for i in range(start, stop + 1):
        code = codes[i] if i < stop else np.uint32(0)
        page = ascii_page if code < np.uint32(128) else pages[code >> np.uint32(8)] << 8
        value = values[page | np.int64(code & np.uint32(255))]
        more, place = 0, 0
        if value < 0:
            if value == -1:
                last = i + 1 if length else last
                continue
            place = -2 - value
            more, value = expansions[place], expansions[place + 1]
        while True:
            if value > 0:
                first = i if length == 0 else first
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
def resolve(table, token_space, count, entries):
    """Look up every token; take stop words out of the token arrays in place. Returns how many tokens remain."""
    hashes, starts, ends = token_space
    kept = 0
    for i in range(count):
        entry = find(table, finish(hashes[i]))
        if row_of(entry) != STOP:
            hashes[kept], starts[kept], ends[kept], entries[kept] = hashes[i], starts[i], ends[i], entry
            kept += 1
    return kept


@compiled()
def ngrams(codes, bounds, rule, token_space, hashes, stories, starts, ends):
    """Write every n-gram of words, and of word classes, of every story: finished hash, story, and span relative to the story's start.

    Story i is codes[bounds[i]:bounds[i + 1]]. `rule` is `TokenRule.compiled`. Returns how many n-grams there are, or minus the number of
    tokens that a story needs when `token_space` is too short for it.
    """
    fold, seed, table, longest, class_hashes = rule
    found, entries = 0, np.empty(token_space[0].shape[0], np.uint64)
    for story in range(bounds.shape[0] - 1):
        count = tokenise(codes, bounds[story], bounds[story + 1], fold, seed, token_space)
        if count > token_space[0].shape[0]:
            return -count
        count = resolve(table, token_space, count, entries)
        earlier, before = 0, 0
        for i in range(count):
            chained = np.uint64(0)
            for j in range(i, min(i + longest, count)):
                chained = (chained * CHAIN) ^ token_space[0][j]
                if found < hashes.shape[0]:
                    hashes[found], stories[found] = finish(chained), story
                    starts[found], ends[found] = token_space[1][i], token_space[2][j]
                found += 1
            own = class_of(entries[i])
            if own:
                for first in range(2 if earlier else 1):
                    chained = class_hashes[own] if first == 0 else (class_hashes[earlier] * CHAIN) ^ class_hashes[own]
                    if found < hashes.shape[0]:
                        hashes[found], stories[found] = finish(chained), story
                        starts[found], ends[found] = token_space[1][before if first else i], token_space[2][i]
                    found += 1
                earlier, before = own, i
    return found


@compiled(inline="always")
def tally(row, counts, touched, used):
    """Count one occurrence of a row, if it is one. Returns how many different rows have been counted."""
    if row >= 0:
        if counts[row] == 0:
            touched[used] = row
            used += 1
        counts[row] += 1
    return used


@compiled(inline="always")
def may_hold(sieve, key):
    """Say that a table surely does not hold a key, or that it may: one bit, so that most unknown n-grams never reach the table."""
    return (sieve[(key >> BYTES) & np.uint64(sieve.shape[0] - 1)] >> (key >> TOP)) & ONE


@compiled()
def count_rows(rule, tables, hashes, entries, count, counts, touched):
    """Count the known n-grams of one story's tokens by row. Returns how many different rows, and how many known tokens, there are."""
    table, longest = rule[2], rule[3]
    sieve, class_rows, pair_rows = tables
    used, known, earlier = 0, 0, 0
    for i in range(count):
        entry = entries[i]
        used = tally(row_of(entry), counts, touched, used)
        chained = hashes[i]
        for j in range(i + 1, min(i + longest, count)):
            chained = (chained * CHAIN) ^ hashes[j]
            key = finish(chained)
            if may_hold(sieve, key):
                used = tally(row_of(find(table, key)), counts, touched, used)
        own = class_of(entry)
        if own:
            used = tally(class_rows[own], counts, touched, used)
            used = tally(pair_rows[earlier, own], counts, touched, used)
            earlier = own
        known += row_of(entry) >= 0 or own > 0
    return used, known


@compiled()
def score(codes, bounds, rule, tables, model, token_space, counts, scores, tokens):
    """Write each story's decision scores, its number of tokens, and how many of them the model knows.

    `rule` is `TokenRule.compiled`, `tables` what `make_tables` gives. `model` is weights and bias; the weights have a row an n-gram: its
    idf, then its weight per column with the idf folded in. `counts` is scratch, one zero a row, and is left so. Returns 0, or the number
    of tokens that a story needs when `token_space` is too short for it.
    """
    fold, seed, table, longest, _ = rule
    weights, bias = model
    entries = np.empty(token_space[0].shape[0], np.uint64)
    touched = np.empty(token_space[0].shape[0] * (longest + 2), np.int64)
    for story in range(bounds.shape[0] - 1):
        count = tokenise(codes, bounds[story], bounds[story + 1], fold, seed, token_space)
        if count > token_space[0].shape[0]:
            return count
        count = resolve(table, token_space, count, entries)
        used, known = count_rows(rule, tables, token_space[0], entries, count, counts, touched)
        squares = 0.0
        scores[story, :] = 0.0
        for k in range(used):
            row = touched[k]
            times = counts[row]
            counts[row] = 0
            tf = 1.0 if times == 1 else 1.0 + (KNOWN_LOGS[times - 1] if times <= 64 else np.log(times))
            weighted = tf * weights[row, 0]
            squares += weighted * weighted
            for column in range(bias.shape[0]):
                scores[story, column] += tf * weights[row, column + 1]
        norm = np.sqrt(squares) if squares > 0.0 else 1.0
        for column in range(bias.shape[0]):
            scores[story, column] = scores[story, column] / norm + bias[column]
        tokens[story, 0], tokens[story, 1] = count, known
    return 0


@compiled()
def fill(table, keys, entries):
    """Put finished hashes and their entries into an empty open-addressing table (capacity a power of two, at most half full)."""
    mask = np.uint64(table.shape[0] - 1)
    for i in range(keys.shape[0]):
        place = keys[i] & mask
        while table[place, 0] != EMPTY:
            place = (place + ONE) & mask
        table[place, 0], table[place, 1] = keys[i], entries[i]


@compiled()
def lookup(table, hashes):
    """Find the row of each finished hash; UNKNOWN where it has none."""
    rows = np.empty(hashes.shape[0], np.int64)
    for i in range(hashes.shape[0]):
        rows[i] = row_of(find(table, hashes[i]))
    return rows


@compiled()
def fill_sieve(table, sieve):
    """Set the bit of every key of a table."""
    for i in range(table.shape[0]):
        key = table[i, 0]
        if key != EMPTY:
            sieve[(key >> BYTES) & np.uint64(sieve.shape[0] - 1)] |= ONE << (key >> TOP)


@compiled()
def finish_all(chained):
    """Finish an array of chained hashes."""
    finished = np.empty_like(chained)
    for i in range(chained.shape[0]):
        finished[i] = finish(chained[i])
    return finished


def make_table(keys: NDArray[np.uint64], rows: NDArray[np.int64], classes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Make the open-addressing table for distinct finished hashes; shape (capacity, 2): hash, entry."""
    table = np.zeros((max(16, 1 << (2 * len(keys)).bit_length()), 2), np.uint64)
    entries = (rows - STOP).astype(np.uint64) | classes.astype(np.uint64) << HALF
    fill(table, keys, entries)
    return table


def make_tables(table: NDArray[np.uint64], class_hashes: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], ...]:
    """Make what scoring looks up beside the table, small enough to stay in the cache: (sieve, class rows, pair rows).

    sieve: (words,) uint64, four bits a place of the table. class_rows: (classes + 1,) int64, the row of each class. pair_rows:
    (classes + 1, classes + 1) int32, the row of each pair of classes.
    """
    sieve = np.zeros(max(1, len(table) // 16), np.uint64)
    fill_sieve(table, sieve)
    rows = lookup(table, finish_all(class_hashes)).astype(np.int32)
    pairs = class_hashes[:, None] * CHAIN ^ class_hashes[None, :]
    pair_rows = lookup(table, finish_all(pairs.ravel())).astype(np.int32).reshape(pairs.shape)
    rows[0], pair_rows[0], pair_rows[:, 0] = UNKNOWN, UNKNOWN, UNKNOWN
    return sieve, rows, pair_rows
