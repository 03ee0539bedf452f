"""All pairs of texts whose shingle sets have a Jaccard similarity at or above a threshold, exactly.

The definition: J(x, y) = |x & y| / |x | y| as a float64 division, found when it is at least t; shingles are those of
`shingles.py`. The search is AllPairs with PPJoin's bounds (Bayardo, Ma, Srikant 2007; Xiao, Wang, Lin, Yu 2008).
J(x, y) >= t means |x & y| >= t / (1 + t) * (|x| + |y|), and with |x & y| <= |y| that |y| >= t * |x|, and |x| >= t * |y|.

1. Size. Only sets with t * |x| <= |y| <= |x| / t are looked at; sets are sorted by size.
2. Prefix. Let all sets be sorted by one order of the shingles. Of two sets that share at least o shingles, the first
   |x| - o + 1 of x and the first |y| - o + 1 of y share one: the first common shingle has o - 1 common ones behind it.
   o is at least t * |x| for x and t * |y| for y, and where |y| <= |x| it is at least 2t / (1 + t) * |y|.
   The order is from rare to frequent, so that prefixes meet seldom; any order would be exact. A shingle that only one
   set holds meets nothing.
3. Position. At their first common shingle, place i of x and j of y, the sets can share at most
   1 + min(|x| - i - 1, |y| - j - 1).

What is left is counted by merging the two sets from there on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ftdata.dedupe.pairs import Block, Floats, Ints, Labels, Progress, nothing
from ftdata.dedupe.shingles import CLASS_SHIFT, Sets, Tokens
from ftdata.dedupe.work import in_order

_ROWS = 2048  # left sets per piece of work


@dataclass(frozen=True, slots=True)
class Index:
    """Where the shingles of the right sets' prefixes stand: for token k, entries starts[k] to starts[k + 1] - 1."""

    tokens: Tokens
    starts: Ints
    sets: NDArray[np.int32]
    places: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Join:
    """Sets of both sides sorted by size, `rows` their places before sorting, and the index of the right side.

    `itself` says that both sides are one collection; each set is then compared with those before it.
    """

    left: Sets
    right: Sets
    left_rows: Ints
    right_rows: Ints
    index: Index
    threshold: float
    itself: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """Left sets first..last - 1."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Found:
    """Pairs of positions at or above the threshold, how many were merged, and the piece that is left, if any."""

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    score: Floats
    verified: int
    compared: int
    rest: Piece | None


Finder = Callable[[Piece, Labels | None], Found]


def at_least(values: NDArray[np.floating[Any]]) -> Ints:
    """Round up to whole numbers, but never past what rounding errors made too large."""
    return np.maximum(np.ceil(values - 1e-9 - 1e-12 * values), 1).astype(np.int64)


def sort_sets(sets: Sets) -> tuple[Sets, Ints]:
    """Sort sets by size, equal sizes as they come."""
    sizes = sets.sizes
    order = np.argsort(sizes, kind="stable")
    ends = np.zeros(sizes.size + 1, np.int64)
    np.cumsum(sizes[order], out=ends[1:])
    tokens = np.empty_like(sets.tokens)
    block = 1 << 14
    for first in range(0, sizes.size, block):
        rows = order[first : first + block]
        last = first + rows.size
        # The places of all tokens of these rows: each row's start, and on from there.
        places = np.repeat(sets.ends[rows] - ends[first:last], sizes[rows]) + np.arange(ends[first], ends[last])
        tokens[ends[first] : ends[last]] = sets.tokens[places]
    return Sets(tokens, ends), order


def make_join(left: Sets, right: Sets | None, threshold: float) -> Join:
    """Sort the sets and index the prefixes of the right ones; without `right`, left is joined with itself."""
    ours, our_rows = sort_sets(left)
    theirs, their_rows = (ours, our_rows) if right is None else sort_sets(right)
    share = 2 * threshold / (1 + threshold) if right is None else threshold
    sizes = theirs.sizes
    prefixes = np.where(sizes > 0, sizes - at_least(share * sizes) + 1, 0).astype(np.int64)
    return Join(ours, theirs, our_rows, their_rows, make_index(theirs, prefixes), threshold, right is None)


def make_index(sets: Sets, prefixes: Ints) -> Index:
    """Index the first prefixes[i] tokens of each set, but for those that only one set holds."""
    sizes = prefixes
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    places = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes)
    owners = np.repeat(np.arange(sizes.size, dtype=np.int32), sizes)
    tokens = sets.tokens[sets.ends[:-1][owners] + places]
    shared = tokens >> np.uint64(CLASS_SHIFT) > 0
    tokens, owners, places = tokens[shared], owners[shared], places[shared].astype(np.int32)
    order = np.argsort(tokens, kind="stable")
    tokens = tokens[order]
    first = np.flatnonzero(np.concatenate([[True], tokens[1:] != tokens[:-1]])) if tokens.size else np.empty(0, np.int64)
    return Index(tokens[first], np.append(first, tokens.size).astype(np.int64), owners[order], places[order])


def search(
    join: Join, find: Finder, progress: Progress | None = None, known: Callable[[], Labels | None] = nothing
) -> Generator[Block, None, None]:
    """Yield blocks of pairs; positions are those of the sorted sets. `known` as in ratio.search."""
    total = int(join.left.sizes.size)
    yield from _empty_pairs(join)
    pieces = deque(Piece(first, min(first + _ROWS, total)) for first in range(0, total, _ROWS))
    with closing(in_order(pieces, find, known)) as results:
        for found in results:
            if found.rest is not None:
                pieces.appendleft(found.rest)
            left, right = found.left.astype(np.int64), found.right.astype(np.int64)
            yield Block(left, right, found.score, found.verified, found.compared)
            if progress is not None:
                progress(total - sum(piece.last - piece.first for piece in pieces), total)


def _empty_pairs(join: Join) -> Generator[Block, None, None]:
    """Sets without a shingle equal each other; they are the first ones."""
    ours = int(np.searchsorted(join.left.sizes, 0, side="right"))
    theirs = int(np.searchsorted(join.right.sizes, 0, side="right"))
    for one in range(ours):
        others = np.arange(one if join.itself else theirs, dtype=np.int64)
        if others.size:
            yield Block(np.full(others.size, one, np.int64), others, np.ones(others.size), 0, 0)
