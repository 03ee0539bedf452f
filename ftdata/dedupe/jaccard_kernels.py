"""Shingle hashing and the join of `jaccard.py` as compiled loops. Import this module only where numba is installed."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ftdata.dedupe.codes import Bytes
from ftdata.dedupe.pairs import Floats, Ints
from ftdata.dedupe.ratio_kernels import Int, Positions, _compiled, _inline
from ftdata.dedupe.shingles import Tokens

Points: TypeAlias = Any  # uint8 or uint32, one per character
Counts: TypeAlias = NDArray[np.uint16]

_MIX_A = np.uint64(0x9E3779B97F4A7C15)
_MIX_B = np.uint64(0xC2B2AE3D27D4EB4F)
_SEED = np.uint64(0x27D4EB2F165667C5)
_SHIFT = np.uint64(32)
_CLASS = np.uint64(60)
_HASH = np.uint64((1 << 60) - 1)


@_inline
def _mix(value: Int) -> Int:
    value ^= value >> _SHIFT
    value *= _MIX_B
    value ^= value >> np.uint64(29)
    return value


@_inline
def _sift(tokens: Tokens, start: Int, root: Int, size: Int) -> None:
    value = tokens[start + root]
    while True:
        child = 2 * root + 1
        if child >= size:
            break
        if child + 1 < size and tokens[start + child + 1] > tokens[start + child]:
            child += 1
        if tokens[start + child] <= value:
            break
        tokens[start + root] = tokens[start + child]
        root = child
    tokens[start + root] = value


@_inline
def _sort(tokens: Tokens, start: Int, size: Int) -> None:
    """Heap sort, or insertion sort of a few: no memory, no bad case."""
    if size <= 24:
        for at in range(start + 1, start + size):
            value = tokens[at]
            to = at
            while to > start and tokens[to - 1] > value:
                tokens[to] = tokens[to - 1]
                to -= 1
            tokens[to] = value
        return
    for root in range(size // 2 - 1, -1, -1):
        _sift(tokens, start, root, size)
    for last in range(size - 1, 0, -1):
        value = tokens[start]
        tokens[start] = tokens[start + last]
        tokens[start + last] = value
        _sift(tokens, start, 0, last)


@_inline
def _sort_distinct(tokens: Tokens, start: Int, size: Int) -> Int:
    _sort(tokens, start, size)
    kept = min(size, 1)
    for at in range(start + 1, start + size):
        if tokens[at] != tokens[at - 1]:
            tokens[start + kept] = tokens[at]
            kept += 1
    return kept


@_compiled
def hash_words(
    points: Points, ends: Ints, space: Bytes, size: Int, words: Tokens, tokens: Tokens, room: Ints, sizes: Ints
) -> None:
    """Hash the word shingles of texts, points[ends[i]:ends[i + 1]], to tokens[room[i]:]; sizes gets how many distinct ones.

    space is 1 for white space by code point, uint8[0x110000]. words is scratch as long as the most words of a text.
    """
    for text in range(ends.size - 1):
        found = 0
        at = ends[text]
        stop = ends[text + 1]
        while at < stop:
            if space[points[at]]:
                at += 1
                continue
            value = _SEED
            while at < stop and not space[points[at]]:
                value = (value ^ np.uint64(points[at])) * _MIX_A
                value ^= value >> _SHIFT
                at += 1
            words[found] = _mix(value)
            found += 1
        made = max(found - size + 1, min(found, 1))
        for first in range(made):
            value = _SEED
            for word in range(first, min(first + size, found)):
                value = _mix((value + words[word]) * _MIX_A)
            tokens[room[text] + first] = value & _HASH
        sizes[text] = _sort_distinct(tokens, room[text], made)


@_compiled
def hash_characters(points: Points, ends: Ints, size: Int, tokens: Tokens, room: Ints, sizes: Ints) -> None:
    """Hash the character shingles of texts; see hash_words."""
    for text in range(ends.size - 1):
        found = ends[text + 1] - ends[text]
        made = max(found - size + 1, min(found, 1))
        for first in range(made):
            value = _SEED
            for at in range(ends[text] + first, ends[text] + min(first + size, found)):
                value = (value ^ np.uint64(points[at])) * _MIX_A
                value ^= value >> _SHIFT
            tokens[room[text] + first] = _mix(value) & _HASH
        sizes[text] = _sort_distinct(tokens, room[text], made)


@_compiled
def count_tokens(tokens: Tokens, part: Int, parts: Int, counts: Counts) -> None:
    """Count the tokens whose counter is in one of `parts` equal parts of counts, up to 65,535; a power of two each."""
    mask = np.uint64(counts.size - 1)
    low = np.uint64(part * (counts.size // parts))
    high = np.uint64((part + 1) * (counts.size // parts))
    for at in range(tokens.size):
        slot = tokens[at] & mask
        if low <= slot < high and counts[np.int64(slot)] < 65535:
            counts[np.int64(slot)] += np.uint16(1)


@_compiled
def rank_tokens(tokens: Tokens, ends: Ints, first: Int, last: Int, counts: Counts) -> None:
    """Put the class of rarity, ceil(log2(count)) up to 15, into the top bits of each token, and sort sets first..last."""
    mask = np.uint64(counts.size - 1)
    for one in range(first, last):
        for at in range(ends[one], ends[one + 1]):
            count = np.int64(counts[np.int64(tokens[at] & mask)])
            rarity = 0
            while rarity < 15 and 1 << rarity < count:
                rarity += 1
            tokens[at] |= np.uint64(rarity) << _CLASS
        _sort(tokens, ends[one], ends[one + 1] - ends[one])


@_compiled
def fill_slots(tokens: Tokens, slots: Positions) -> None:
    """Fill the table that finds a token of the index; an empty slot is -1."""
    mask = np.uint64(slots.size - 1)
    for token in range(tokens.size):
        slot = _mix(tokens[token]) & mask
        while slots[np.int64(slot)] >= 0:
            slot = (slot + np.uint64(1)) & mask
        slots[np.int64(slot)] = token


@_inline
def _find(tokens: Tokens, slots: Positions, token: Int) -> Int:
    mask = np.uint64(slots.size - 1)
    slot = _mix(token) & mask
    while True:
        at = np.int64(slots[np.int64(slot)])
        if at < 0 or tokens[at] == token:
            return at
        slot = (slot + np.uint64(1)) & mask


@_inline
def _at_least(value: float) -> Int:
    """jaccard.at_least for one number."""
    return max(np.int64(np.ceil(value - 1e-9 - 1e-12 * value)), 1)


@_inline
def _shared(a: Tokens, i: Int, i_end: Int, b: Tokens, j: Int, j_end: Int, need: Int) -> Int:
    """Number of tokens that two sorted runs share, or less than need as soon as it cannot be reached."""
    found = 0
    while i < i_end and j < j_end:
        if a[i] == b[j]:
            found += 1
            i += 1
            j += 1
        elif a[i] < b[j]:
            i += 1
            if found + i_end - i < need:
                break
        else:
            j += 1
            if found + j_end - j < need:
                break
    return found


@_compiled
def join_sets(
    left: Tokens,
    left_ends: Ints,
    right: Tokens,
    right_ends: Ints,
    itself: bool,
    threshold: float,
    tokens: Tokens,
    slots: Positions,
    starts: Ints,
    sets: Positions,
    places: Positions,
    labels: Positions,
    first: Int,
    last: Int,
    seen: Positions,
    out_left: Positions,
    out_right: Positions,
    out_score: Floats,
    room: Int,
    state: Ints,
) -> Int:
    """Write the pairs of left sets first..last at or above the threshold; return how many were written.

    Stops before a set once `room` pairs are written, so the outputs hold room plus the number of right sets.
    `state` gets the next set, the pairs merged and the index entries read. seen is scratch, int32[right sets]: -1, or
    a left set of this thread.
    """
    count = 0
    merged = np.int64(0)
    read = np.int64(0)
    one = first
    while one < last and count < room:
        start = left_ends[one]
        stop = left_ends[one + 1]
        size = stop - start
        least = _at_least(threshold * size)
        for i in range(size - least + 1 if size else 0):
            token = left[start + i]
            if token >> _CLASS == np.uint64(0):
                continue
            at = _find(tokens, slots, token)
            if at < 0:
                continue
            # Entries are sorted by set, and sets by size: skip those that are too small.
            low = starts[at]
            high = starts[at + 1]
            end = high
            while low < high:
                middle = (low + high) >> 1
                other = sets[middle]
                if right_ends[other + 1] - right_ends[other] < least:
                    low = middle + 1
                else:
                    high = middle
            for entry in range(low, end):
                other = sets[entry]
                if itself and other >= one:
                    break
                begin = right_ends[other]
                length = right_ends[other + 1] - begin
                if _at_least(threshold * length) > size:
                    break
                read += 1
                if seen[other] == one:
                    continue
                seen[other] = one
                if labels.size and labels[one] == labels[other]:
                    continue
                j = np.int64(places[entry])
                need = _at_least(threshold / (1 + threshold) * (size + length))
                if 1 + min(size - i - 1, length - j - 1) < need:
                    continue
                merged += 1
                shared = 1 + _shared(left, start + i + 1, stop, right, begin + j + 1, begin + length, need - 1)
                score = shared / (size + length - shared)
                if score >= threshold:
                    out_left[count] = one
                    out_right[count] = other
                    out_score[count] = score
                    count += 1
        one += 1
    state[0] = one
    state[1] = merged
    state[2] = read
    return count


@_compiled
def score_pairs(left: Tokens, left_ends: Ints, right: Tokens, right_ends: Ints, rows: Ints, others: Ints, scores: Floats) -> None:
    """Fill scores with the Jaccard similarity of the sets rows[i] and others[i]; two empty sets are equal."""
    for pair in range(rows.size):
        i, i_end = left_ends[rows[pair]], left_ends[rows[pair] + 1]
        j, j_end = right_ends[others[pair]], right_ends[others[pair] + 1]
        shared = _shared(left, i, i_end, right, j, j_end, 0)
        union = i_end - i + j_end - j - shared
        scores[pair] = shared / union if union else 1.0
