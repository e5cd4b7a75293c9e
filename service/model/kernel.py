"""The compiled inner loops: text to tokens, tokens to n-grams, n-grams to scores. One pass, no strings, no matrices.

Words here: a *code* is a code point; a *hash* is 64 bits made from the folded codes of a token or n-gram; a *row* is an n-gram's
place in the model's weights; a *class* is a word class of the lexicon, 0 for none. An entry of the table packs both: row + 2 in the
lower half, class in the upper. All functions but the shortest release the GIL, and all write only to the arrays handed to them.

All of them stand in this one file, since what is compiled is kept on disk by the date of its own file alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

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
PAGE = np.uint32(8)
IN_PAGE = np.uint32(255)
MIN_LENGTH = 2
LANES = 8
TF = np.append(0.0, 1.0 + np.log(np.arange(1, 65)))


def compiled(nogil=True, **options):
    """Compile on first call and keep the result on disk; where no place for that can be written, compile in every process."""

    def decorate(function):
        try:
            return njit(nogil=nogil, cache=True, **options)(function)
        except RuntimeError:
            return njit(nogil=nogil, **options)(function)

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


class Space(NamedTuple):
    """Room for the tokens of one story, made once for many."""

    folded: NDArray[np.uint32]
    sums: NDArray[np.uint64]
    hashes: NDArray[np.uint64]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    entries: NDArray[np.uint64]
    rows: NDArray[np.int32]
    tfs: NDArray[np.float64]


@compiled()
def make_space(size, longest):
    """Make room for a story of so many folded codes. Tokens have two codes at least and one between; the last place is but scratch."""
    tokens = size // 2 + 2
    rows = (size // 3 + 2) * (longest + 2) + 3
    return Space(
        np.empty(size + 1, np.uint32),
        np.empty(size + 1, np.uint64),
        np.empty(tokens, np.uint64),
        np.empty(tokens, np.int32),
        np.empty(tokens, np.int32),
        np.empty(tokens, np.uint64),
        np.empty(rows, np.int32),
        np.empty(rows, np.float64),
    )


@compiled()
def longest_of(bounds):
    """Say how many codes the longest story has."""
    longest = 0
    for i in range(bounds.shape[0] - 1):
        longest = max(longest, bounds[i + 1] - bounds[i])
    return longest


@compiled(inline="always")
def fold_code(code, fold):
    """Look a code up in the fold table."""
    return fold[1][np.uint32(fold[0][code >> PAGE]) << PAGE | (code & IN_PAGE)]


@compiled()
def fold_codes(codes, start, stop, fold, folded):
    """Write the folded codes of codes[start:stop], 0 where words part. False when some vanish or become several: then all are wrong."""
    lowest = np.int32(0)
    for i in range(stop - start):
        value = fold_code(codes[start + i], fold)
        folded[i] = np.uint32(value)
        lowest = min(lowest, value)
    return lowest == 0


@compiled()
def expand_codes(codes, start, stop, fold):
    """Give the folded codes of codes[start:stop], and of each the place it comes from; the end's last."""
    expansions, size = fold[2], 0
    for i in range(start, stop):
        value = fold_code(codes[i], fold)
        size += 1 if value >= 0 else 0 if value == -1 else expansions[-2 - value]
    folded, places = np.empty(size + 1, np.uint32), np.empty(size + 1, np.int32)
    size = 0
    for i in range(start, stop):
        value = fold_code(codes[i], fold)
        several = expansions[-2 - value] if value < -1 else 0
        for j in range(several):
            folded[size], places[size] = expansions[-1 - value + j], i - start
            size += 1
        if value >= 0:
            folded[size], places[size] = value, i - start
            size += 1
    places[size] = stop - start
    return folded, places


@compiled(inline="always")
def power(powers, exponent):
    """Take a power from the table of the first ones, or go on from its last."""
    known = min(exponent, powers.shape[0] - 1)
    result = powers[known]
    for _ in range(exponent - known):
        result *= powers[1]
    return result


@compiled()
def split(folded, size, powers, space):
    """Write the tokens of folded codes: hash, place of the first code and place after the last. Returns how many there are.

    A token is a run of at least two codes that are not 0. Its hash is a polynomial in its codes, taken as the difference of sums over the
    text, so that reading a code never waits to know whether a word ends there.
    """
    sums, hashes, starts, ends = space.sums, space.hashes, space.starts, space.ends
    opened, closed, within, total = 0, 0, False, np.uint64(0)
    for i in range(size):
        code = folded[i]
        word = code != 0
        sums[i], starts[opened], ends[closed] = total, i, i
        total = total * powers[1] + np.uint64(code)
        opened += word and not within
        closed += within and not word
        within = word
    sums[size], ends[closed] = total, size
    count = 0
    for i in range(opened):
        first, last = starts[i], ends[i]
        hashes[count] = sums[last] - sums[first] * power(powers, last - first)
        starts[count], ends[count] = first, last
        count += last - first >= MIN_LENGTH
    return count


@compiled()
def tokenise(codes, start, stop, rule, space):
    """Write the tokens of codes[start:stop]: hash, first code and code after the last, relative to start; stop words are left out.

    Returns how many there are, and the space, which is a larger one when the given one was too small.
    """
    fold, powers, table, longest, _ = rule
    if fold_codes(codes, start, stop, fold, space.folded):
        count = split(space.folded, stop - start, powers, space)
    else:
        folded, places = expand_codes(codes, start, stop, fold)
        if folded.shape[0] > space.folded.shape[0]:
            space = make_space(folded.shape[0], longest)
        count = split(folded, folded.shape[0] - 1, powers, space)
        for i in range(count):
            last = space.ends[i]
            space.starts[i] = places[space.starts[i]]
            space.ends[i] = max(places[last - 1] + 1, places[last])
    hashes, starts, ends, entries = space.hashes, space.starts, space.ends, space.entries
    kept = 0
    for i in range(count):
        entry = find(table, finish(hashes[i]))
        hashes[kept], starts[kept], ends[kept], entries[kept] = hashes[i], starts[i], ends[i], entry
        kept += row_of(entry) != STOP
    return kept, space


@compiled()
def ngrams(codes, bounds, rule, hashes, stories, starts, ends):
    """Write every n-gram of words, and of word classes, of every story: finished hash, story, and span relative to the story's start.

    Story i is codes[bounds[i]:bounds[i + 1]]. `rule` is `TokenRule.compiled`. Returns how many n-grams there are; past the end of the
    arrays they are only counted.
    """
    longest, class_hashes = rule[3], rule[4]
    found, space = 0, make_space(longest_of(bounds), longest)
    for story in range(bounds.shape[0] - 1):
        count, space = tokenise(codes, bounds[story], bounds[story + 1], rule, space)
        earlier, before = 0, 0
        for i in range(count):
            chained = np.uint64(0)
            for j in range(i, min(i + longest, count)):
                chained = (chained * CHAIN) ^ space.hashes[j]
                if found < hashes.shape[0]:
                    hashes[found], stories[found] = finish(chained), story
                    starts[found], ends[found] = space.starts[i], space.ends[j]
                found += 1
            own = class_of(space.entries[i])
            if own:
                for first in range(2 if earlier else 1):
                    chained = class_hashes[own] if first == 0 else (class_hashes[earlier] * CHAIN) ^ class_hashes[own]
                    if found < hashes.shape[0]:
                        hashes[found], stories[found] = finish(chained), story
                        starts[found], ends[found] = space.starts[before if first else i], space.ends[i]
                    found += 1
                earlier, before = own, i
    return found


@compiled(inline="always")
def may_hold(sieve, key):
    """Say that a table surely does not hold a key, or that it may: one bit, so that most unknown n-grams never reach the table."""
    return np.int64((sieve[(key >> BYTES) & np.uint64(sieve.shape[0] - 1)] >> (key >> TOP)) & ONE)


@compiled()
def known_rows(rule, tables, space, count):
    """Write the row of every known n-gram of one story's tokens, in any order. Returns how many there are, and how many known tokens.

    One pass for each kind, so that look-ups that must wait for memory wait together.
    """
    table, longest = rule[2], rule[3]
    sieve, class_rows, pair_rows = tables
    hashes, entries, rows = space.hashes, space.entries, space.rows
    found, known, earlier = 0, 0, 0
    for i in range(count):
        row, own = row_of(entries[i]), class_of(entries[i])
        known += row >= 0 or own > 0
        rows[found] = row
        found += row >= 0
        rows[found] = class_rows[own]
        found += class_rows[own] >= 0
        rows[found] = pair_rows[earlier, own]
        found += pair_rows[earlier, own] >= 0
        earlier = own if own else earlier
    likely = entries
    for length in range(2, longest + 1):
        kept = 0
        for i in range(count - length + 1):
            chained = hashes[i]
            for j in range(i + 1, i + length):
                chained = (chained * CHAIN) ^ hashes[j]
            key = finish(chained)
            likely[kept] = key
            kept += may_hold(sieve, key)
        for i in range(kept):
            row = row_of(find(table, likely[i]))
            rows[found] = row
            found += row >= 0
    return found, known


@compiled()
def weigh(weights, counts, space, found):
    """Keep each row once, and write its tf; `counts` is all 0 before and after. Returns how many rows remain, and their tf-idf's norm."""
    rows, tfs = space.rows, space.tfs
    distinct = 0
    for k in range(found):
        row = np.uint32(rows[k])
        times = counts[row]
        counts[row] = times + 1
        rows[distinct] = row
        distinct += times == 0
    squares = 0.0
    for k in range(distinct):
        row = np.uint32(rows[k])
        times = np.uint32(counts[row])
        counts[row] = 0
        tf = TF[times] if times < TF.shape[0] else 1.0 + np.log(times)
        tfs[k] = tf
        squares += (tf * weights[row, 0]) ** 2
    return distinct, np.sqrt(squares) if squares > 0.0 else 1.0


@compiled()
def add_up(weights, lane, space, distinct):
    """Give the sums of tf times weight in eight lanes, kept in registers."""
    a, b, c, d, e, f, g, h = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(distinct):
        row, tf = np.uint32(space.rows[k]), space.tfs[k]
        a += tf * weights[row, lane]
        b += tf * weights[row, lane + 1]
        c += tf * weights[row, lane + 2]
        d += tf * weights[row, lane + 3]
        e += tf * weights[row, lane + 4]
        f += tf * weights[row, lane + 5]
        g += tf * weights[row, lane + 6]
        h += tf * weights[row, lane + 7]
    return a, b, c, d, e, f, g, h


@compiled()
def score(codes, bounds, rule, tables, model, counts, scores, tokens):
    """Write each story's decision scores, its number of tokens, and how many of them the model knows.

    `rule` is `TokenRule.compiled`, `tables` what `make_tables` gives. `model` is weights and bias; the weights have a row an n-gram: its
    idf, then its weight per column with the idf folded in, then zeros up to a multiple of LANES. `counts` is scratch, one zero a row, and
    is left so.
    """
    weights, bias = model
    longest = rule[3]
    space = make_space(longest_of(bounds), longest)
    for story in range(bounds.shape[0] - 1):
        count, space = tokenise(codes, bounds[story], bounds[story + 1], rule, space)
        found, known = known_rows(rule, tables, space, count)
        distinct, norm = weigh(weights, counts, space, found)
        for lane in range(0, weights.shape[1], LANES):
            sums = add_up(weights, lane, space, distinct)
            for i in range(LANES):
                column = lane + i - 1
                if 0 <= column < bias.shape[0]:
                    scores[story, column] = sums[i] / norm + bias[column]
        tokens[story, 0], tokens[story, 1] = count, known


@compiled(nogil=False)
def calibrate(decisions, slopes, topics, probabilities):
    """Write 1 / (1 + exp(a * score + b)) per column, (a, b) being its row of `slopes`; columns from `topics` on are made to add up to 1.

    This is too short to be worth releasing the GIL, and waiting for it again.
    """
    columns = decisions.shape[1]
    for story in range(decisions.shape[0]):
        total = 0.0
        for column in range(columns):
            value = 1.0 / (1.0 + np.exp(min(decisions[story, column] * slopes[column, 0] + slopes[column, 1], 700.0)))
            probabilities[story, column] = value
            total += value if column >= topics else 0.0
        for column in range(topics, columns):
            probabilities[story, column] /= total


@compiled()
def fill(table, keys, entries):
    """Put finished hashes and their entries into an empty open-addressing table (capacity a power of two, at most two thirds full)."""
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
