"""The filters of `ratio.py` as compiled loops. Import this module only where numba is installed.

Every function releases the GIL and allocates nothing; several threads share the tables and bring their own scratch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from ftdata.dedupe.codes import BUCKETS, Bytes
from ftdata.dedupe.pairs import Ints
from ftdata.dedupe.vectors import (
    LANES,
    SIDE,
    WORDS,
    advance_tables,
    differing_bits,
    lanes_within,
    lowest_bit,
    tables_within,
)

Words: TypeAlias = NDArray[np.uint64]
Positions: TypeAlias = NDArray[np.int32]
Int: TypeAlias = Any  # an int in Python, a machine integer of some width once compiled
Kernel = TypeVar("Kernel", bound=Callable[..., Any])

TILES = 8  # tiles compared with one row before the next row: 32 KB, which stays in the first-level cache
COUNTERS = 1 << 16  # hashed q-grams whose occurrences are numbered
LENGTHY = 1 << 15  # characters from which a narrow band of the subsequence table is tried first
NARROW = 128  # the part of a text that this band is wide, to a side
WIDEST = np.int64(1 << 40)
CHECKED = 64  # rows of the subsequence table between two looks at whether the rest can still be enough

_ONE = np.uint64(1)
_ZERO = np.uint64(0)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MIX_B = np.uint64(0xC2B2AE3D27D4EB4F)

# Without _nrt=False every call counts references atomically: measured five times slower (see ftdata/measure/bpe.py).
_OPTIONS: dict[str, Any] = {"nogil": True, "_nrt": False}
_inline: Callable[[Kernel], Kernel] = numba.njit(**_OPTIONS)
_compiled: Callable[[Kernel], Any] = numba.njit(cache=True, **_OPTIONS)


@_inline
def _most_edits(total: Int, share: float) -> Int:
    """D(s) of ratio.py: the most edits that a pair of this total length may need."""
    most = np.int64(share * total + 1e-6 + 1e-12 * total)
    return most - ((most ^ total) & 1)


@_compiled
def fill_bags(data: Bytes, ends: Ints, buckets: Bytes, first: Int, last: Int, bags: Bytes) -> None:
    """Count the characters of texts first..last by bucket, up to 255; bags is uint8[texts, 64], zeros."""
    for text in range(first, last):
        for at in range(ends[text], ends[text + 1]):
            bucket = buckets[data[at]]
            if bags[text, bucket] < 255:
                bags[text, bucket] += np.uint8(1)


@_inline
def _gram(data: Bytes, at: Int, q: Int) -> Int:
    value = _ZERO
    for i in range(q):
        value = (value << np.uint64(8)) | np.uint64(data[at + i])
    return (value * _MIX) >> np.uint64(48)


@_inline
def _add_token(grams: Words, start: Int, words: Int, token: Int) -> None:
    """Add one to a token's counter, which stops at two: bits "at least one" in the first half, "two" in the second."""
    half = words // 2
    slot = np.int64((token >> np.uint64(40)) & np.uint64(half * 64 - 1))
    place = start + (slot >> 6)
    bit = _ONE << np.uint64(slot & 63)
    if grams[place] & bit:
        grams[place + half] |= bit
    else:
        grams[place] |= bit


@_compiled
def fill_grams(
    data: Bytes, ends: Ints, q: Int, first: Int, last: Int, tiers: Bytes, places: Ints, counters: Bytes, grams: Words
) -> None:
    """Sketch the q-gram bags of texts first..last: WORDS << tier words at places[text, 0], half as many at places[text, 1].

    The k-th occurrence (k up to 255) of each of 65,536 hashed q-grams is one token, and each token adds to one counter of
    the sketch. A place of -1 is not filled. counters is scratch, uint8[65,536], zeros on entry and on return.
    """
    for text in range(first, last):
        words = WORDS << tiers[text]
        own = places[text, 0]
        low = places[text, 1]
        start = ends[text]
        stop = ends[text + 1] - q + 1
        for at in range(start, stop):
            gram = np.int64(_gram(data, at, q))
            if counters[gram] == 255:
                continue
            counters[gram] += np.uint8(1)
            token = ((np.uint64(gram) << np.uint64(8)) | np.uint64(counters[gram])) * _MIX_B
            _add_token(grams, own, words, token)
            if low >= 0:
                _add_token(grams, low, words // 2, token)
        for at in range(start, stop):
            counters[np.int64(_gram(data, at, q))] = 0


@_compiled
def find_candidates(
    tiles: Bytes,
    bags: Bytes,
    grams_left: Words,
    grams_right: Words,
    tiers_left: Bytes,
    tiers_right: Bytes,
    places_left: Ints,
    places_right: Ints,
    lengths_left: Ints,
    lengths_right: Ints,
    starts: Ints,
    stops: Ints,
    labels_left: Positions,
    labels_right: Positions,
    share: float,
    q: Int,
    first: Int,
    last: Int,
    left: Positions,
    right: Positions,
    state: Ints,
) -> Int:
    """Write the pairs of rows first..last that pass the length, bag and q-gram bounds; return how many were written.

    `tiles` holds the right bags by bucket, uint8[tiles, 64, 64], `bags` the left ones, uint8[rows, 64]; `share` is 1 - r. Where labels are
    given, rows with the same label are in one cluster already and are left out. `state` is where to go on: tile, row,
    pairs compared so far; the tile is -1 when all is done. left and right must hold a row's TILES * 64 pairs.
    """
    per_row = TILES * LANES
    room = left.size - per_row
    base_tiles = np.uint64(tiles.ctypes.data)
    base_bags = np.uint64(bags.ctypes.data)
    base_left = np.uint64(grams_left.ctypes.data)
    base_right = np.uint64(grams_right.ctypes.data)
    edits_per_gram = 2 * q - 1
    last_tile = (stops[last - 1] + LANES - 1) // LANES
    count = 0
    tile = state[0]
    row = state[1]
    compared = state[2]
    while tile < last_tile:
        low_tile = tile * LANES
        high_tile = low_tile + per_row
        while row < last:
            if count > room:
                state[0] = tile
                state[1] = row
                state[2] = compared
                return count
            low = max(starts[row], low_tile)
            high = min(stops[row], high_tile)
            if low < high:
                compared += high - low
                length = lengths_left[row]
                bag = base_bags + np.uint64(row * BUCKETS)
                for one in range(low // LANES, (high + LANES - 1) // LANES):
                    begin = one * LANES
                    end = min(begin + LANES, high)
                    shortest = lengths_right[begin]
                    longest = lengths_right[end - 1]
                    limit = (_most_edits(length + longest, share) + length - shortest + 1) // 2
                    mask: Int = lanes_within(
                        base_tiles + np.uint64(one * LANES * BUCKETS), bag, np.uint64(min(max(limit, 0), 65535))
                    )
                    if begin < low:
                        mask &= _ALL << np.uint64(low - begin)
                    if end < begin + LANES:
                        mask &= _ALL >> np.uint64(begin + LANES - end)
                    while mask:
                        other = begin + lowest_bit(mask)
                        mask &= mask - _ONE
                        if labels_left.size and labels_left[row] == labels_right[other]:
                            continue
                        most = _most_edits(length + lengths_right[other], share) * edits_per_gram
                        # Texts of two tiers are compared in the lower one's sketch, which both have.
                        tier: Int = np.int64(tiers_left[row])
                        above: Int = np.int64(tiers_right[other]) - tier
                        ours = base_left + np.uint64(places_left[row, 1 if above < 0 else 0] * 8)
                        theirs = base_right + np.uint64(places_right[other, 1 if above > 0 else 0] * 8)
                        different = 0
                        for part in range(1 << (tier + min(above, 0))):
                            skip = np.uint64(part * WORDS * 8)
                            different += differing_bits(ours + skip, theirs + skip)
                            if different > most:
                                break
                        if different <= most:
                            left[count] = row
                            right[count] = other
                            count += 1
            row += 1
        tile += TILES
        row = first
    state[0] = -1
    state[2] = compared
    return count


@_inline
def _fill_masks(data: Bytes, start: Int, stop: Int, masks: Words) -> None:
    """Set in masks, uint64[words, SYMBOLS], the positions of each character of one text."""
    for at in range(start, stop):
        place = at - start
        masks[place >> 6, data[at]] |= _ONE << np.uint64(place & 63)


@_inline
def _clear_masks(data: Bytes, start: Int, stop: Int, masks: Words) -> None:
    for at in range(start, stop):
        masks[(at - start) >> 6, data[at]] = _ZERO


@_inline
def _reach(masks: Words, size: Int, data: Bytes, lanes: Ints, count: Int, rows: Words, widest: Int) -> Int:
    """Which of `count` texts can have a common subsequence of the length they need with the text in masks: a bit mask.

    Hyyrö's bit-parallel recurrence for SIDE texts at once, in the band that the needed length cannot leave: a 0 bit in
    rows, uint64[words, SIDE], is a column where the table's value grows by one. lanes holds in its rows the start, the
    length and the needed length of each text, and scratch. Given up when no text can reach what it needs. A band of at most
    `widest` columns to a side finds texts that can, and of the others it says nothing.
    """
    starts, lengths, needs, texts, remaining = lanes[0], lanes[1], lanes[2], lanes[3], lanes[4]
    words = np.int64((size + 63) >> 6)
    drop_left: Int = np.int64(0)
    drop_right: Int = np.int64(0)
    longest: Int = 0
    for lane in range(SIDE):
        if lane < count:
            longest = lane if lengths[lane] > lengths[longest] else longest
            drop_left = max(drop_left, size - needs[lane])
            drop_right = max(drop_right, lengths[lane] - needs[lane])
        else:
            lengths[lane] = -1
    drop_left, drop_right = min(drop_left, widest), min(drop_right, widest)
    for lane in range(SIDE):
        texts[lane] = np.int64(data.ctypes.data) + starts[lane if lane < count else longest]
    for word in range(words):
        for lane in range(SIDE):
            rows[word, lane] = _ALL
    base_rows = np.uint64(rows.ctypes.data)
    base_masks = np.uint64(masks.ctypes.data)
    base_texts = np.uint64(texts.ctypes.data)
    base_needs = np.uint64(needs.ctypes.data)
    base_remaining = np.uint64(remaining.ctypes.data)
    reached = np.int64(0)
    row: Int = np.int64(0)
    height = lengths[longest]
    while row < height:
        # Up to the next look: in a while, or where a text ends.
        stop = min(row + CHECKED, height)
        for lane in range(count):
            if row < lengths[lane] < stop:
                stop = lengths[lane]
        while row < stop:
            first = max(row - drop_right, 0) >> 6
            last = min(words, (row + drop_left + 64) >> 6)
            advance_tables(base_rows, base_masks, base_texts, row, first, last)
            row += 1
        last = min(words, (row + drop_left + 63) >> 6)
        for lane in range(SIDE):
            remaining[lane] = lengths[lane] - row
            # A text that has ended, or a lane without one, goes on with the longest one and is not looked at again.
            if remaining[lane] < 0:
                needs[lane] = size + 1
        alive: Int = tables_within(base_rows, last, np.int64(size), base_remaining, base_needs)
        for lane in range(count):
            if remaining[lane] == 0:
                reached |= alive & (1 << lane)
                alive &= ~(1 << lane)
                texts[lane] = texts[longest]
        if alive == 0:
            return reached
    return reached


@_inline
def _fill_lanes(ends: Ints, right: Positions, pair: Int, group: Int, size: Int, share: float, lanes: Ints) -> None:
    """Write start, length and needed length of the right texts of `group` pairs into the lanes."""
    for lane in range(group):
        theirs = right[pair + lane]
        length = ends[theirs + 1] - ends[theirs]
        lanes[0, lane] = ends[theirs]
        lanes[1, lane] = length
        lanes[2, lane] = (size + length - _most_edits(size + length, share)) // 2


@_compiled
def keep_common(
    data_left: Bytes,
    ends_left: Ints,
    data_right: Bytes,
    ends_right: Ints,
    share: float,
    left: Positions,
    right: Positions,
    count: Int,
    masks: Words,
    rows: Words,
    lanes: Ints,
) -> Int:
    """Keep, in place, the first `count` pairs whose common subsequence can be long enough; return how many they are.

    Pairs with the same left row must stand together. Scratch: masks is uint64[words, SYMBOLS], zeros on entry and
    on return; rows uint64[words, SIDE], lanes int64[5, SIDE]. Left texts longer than the scratch are kept without a look.
    """
    kept = 0
    pair = 0
    room = masks.shape[0] * 64
    while pair < count:
        ours = left[pair]
        start = ends_left[ours]
        size = ends_left[ours + 1] - start
        if size <= room:
            _fill_masks(data_left, start, start + size, masks)
        while pair < count and left[pair] == ours:
            group = 0
            while group < SIDE and pair + group < count and left[pair + group] == ours:
                group += 1
            reached = (1 << group) - 1
            if 0 < size <= room:
                # Long texts that are alike mostly are so by far: a narrow band is enough to see it.
                if size >= LENGTHY:
                    _fill_lanes(ends_right, right, pair, group, size, share, lanes)
                    reached = _reach(masks, size, data_right, lanes, group, rows, size // NARROW)
                    for lane in range(group):
                        if not reached >> lane & 1:
                            _fill_lanes(ends_right, right, pair + lane, 1, size, share, lanes)
                            reached |= _reach(masks, size, data_right, lanes, 1, rows, WIDEST) << lane
                else:
                    _fill_lanes(ends_right, right, pair, group, size, share, lanes)
                    reached = _reach(masks, size, data_right, lanes, group, rows, WIDEST)
            for lane in range(group):
                if reached >> lane & 1:
                    left[kept] = ours
                    right[kept] = right[pair + lane]
                    kept += 1
            pair += group
        if size <= room:
            _clear_masks(data_left, start, start + size, masks)
    return kept
