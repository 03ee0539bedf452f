"""All pairs of texts with rapidfuzz.fuzz.ratio at or above a threshold: exact candidates, then rapidfuzz decides.

The definition. fuzz.ratio(a, b) = 100 * (1 - d / s), where s = len(a) + len(b) in code points and d is the Indel
distance, the least number of insertions and deletions that turn a into b; d = s - 2 * LCS(a, b). A pair is found when
the float that rapidfuzz returns is at least the threshold t. With r = t / 100 that needs d <= (1 - r) * s, and because
d is a whole number and rapidfuzz rounds in double precision, d <= D(s) = floor((1 - r) * s + slack), where the slack
of 1e-6 + 1e-12 * s is far above rapidfuzz's rounding error (a few units in the last place of numbers below s) and
only ever lets more pairs through. d and s are both even or both odd, so D(s) is lowered by one where they differ.

A pair is left out only where one of these lower bounds on d exceeds D(s):

1. Length. Each edit changes the length by one: d >= |len(a) - len(b)|. With len(a) <= len(b) this gives
   len(b) <= len(a) * (2 - r) / r, so texts sorted by length need only be compared inside a window.
2. Bag of characters. Each edit changes one character's count by one, so d >= L1(bag(a), bag(b)). Counting several
   characters together, or counting only up to a limit, can only lower the L1 distance (|x + y| <= |x| + |y|, and
   clipping is 1-Lipschitz), so 64 buckets of saturating bytes are a lower bound still.
3. Bag of q-grams. An insertion or a deletion takes away at most q and adds at most q - 1 q-grams, or the reverse, so
   (2q - 1) * d >= L1 of the q-gram bags. Hashing into buckets and clipping lower it again, as in 2.
4. The common subsequence itself, of texts whose characters are mapped to 256 classes: mapping keeps every common
   subsequence, so LCS(mapped) >= LCS. Computed bit-parallel inside the band that an LCS of (s - D(s)) / 2 cannot
   leave, and given up as soon as even matching all that is left would not reach it.

What is left is scored by rapidfuzz.process.cpdist in blocks: precision 1.0 because it decides, recall 1.0 by the bounds.
The numpy kernel uses 1 and 2, the numba kernel all four; they return the same pairs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ftdata.dedupe.codes import Alphabet, Coded, encode, make_alphabet
from ftdata.dedupe.pairs import Block, Ints, Labels, Progress, nothing
from ftdata.dedupe.work import in_order, interruptible, threads

_ROWS = 256  # left rows per piece of work
_CHARACTERS = 1 << 19  # of the left rows of a piece, at least one row
_SCORED = 1 << 16  # pairs given to rapidfuzz at once
_LENGTHY = 1 << 16  # characters of a pair from which high scores are looked for first, in the narrow band that they allow
_HIGH = (99.99, 99.9, 99.0, 97.0)
_RATE = 5e8  # words of 64 table cells a second and processor (rapidfuzz 3.14.6 on x86-64 with AVX2, 2026-11-23)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Distinct texts sorted by length, with what the filters need. `rows` are their places before sorting."""

    texts: list[str]
    rows: Ints
    lengths: Ints
    coded: Coded


@dataclass(frozen=True, slots=True)
class Task:
    """What is compared with what: left row i with right rows starts[i] to stops[i] - 1, all of them in length windows."""

    left: Shelf
    right: Shelf
    alphabet: Alphabet
    share: float
    starts: Ints
    stops: Ints


@dataclass(slots=True)
class Piece:
    """A range of left rows, and where the search in it goes on."""

    first: int
    last: int
    state: Ints


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of positions that passed the filters, pairs looked at, and the piece that is left, if the room ran out."""

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    compared: int
    rest: Piece | None


Finder = Callable[[Piece, Labels | None], Candidates]


def most_edits(totals: Ints, share: float) -> Ints:
    """Return D(s) for each total length s: the most edits a pair may need and still reach the threshold."""
    most = np.floor(share * totals + 1e-6 + 1e-12 * totals).astype(np.int64)
    return most - ((most ^ totals) & 1)


def make_shelf(texts: Sequence[str], alphabet: Alphabet) -> Shelf:
    """Sort distinct texts by length, equal lengths as they come, and map their characters."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    order = np.argsort(lengths, kind="stable")
    ordered = [texts[row] for row in order.tolist()]
    return Shelf(ordered, order, lengths[order], encode(ordered, alphabet))


def make_task(left: Sequence[str], right: Sequence[str] | None, threshold: float) -> Task:
    """Sort the texts and find the length windows; without `right`, left is compared with itself, each pair once."""
    share = 1 - threshold / 100
    alphabet = make_alphabet(left, right or ())
    ours = make_shelf(left, alphabet)
    theirs = ours if right is None else make_shelf(right, alphabet)
    # From |len(a) - len(b)| <= D(s); the 1e-3 is more than the slack of D(s) and the rounding of this line.
    slack = 1e-3 + 1e-9 * ours.lengths
    low = np.ceil((ours.lengths * (1 - share) - slack) / (1 + share))
    high = np.floor((ours.lengths * (1 + share) + slack) / (1 - share))
    starts = np.searchsorted(theirs.lengths, low, side="left").astype(np.int64)
    stops = np.searchsorted(theirs.lengths, high, side="right").astype(np.int64)
    if right is None:
        starts = np.arange(1, len(ours.texts) + 1, dtype=np.int64)
        stops = np.maximum(stops, starts)
    return Task(ours, theirs, alphabet, share, starts, stops)


def search(
    task: Task, threshold: float, find: Finder, progress: Progress | None = None, known: Callable[[], Labels | None] = nothing
) -> Generator[Block, None, None]:
    """Yield blocks of verified pairs; positions are those of the shelves.

    `known` gives the cluster of each text, by position, where pairs inside a cluster may be left out. The array it returns
    must not change; a new one takes its place.
    """
    volume = np.cumsum(task.stops - task.starts)
    total = int(volume[-1]) if volume.size else 0
    pieces = deque(Piece(first, last, np.zeros(3, np.int64)) for first, last in _ranges(task.left.lengths))
    for piece in pieces:
        piece.state[1] = piece.first
    waiting: list[Candidates] = []
    pending = done = 0
    with closing(in_order(pieces, find, known)) as results:
        for found in results:
            if found.rest is not None:
                pieces.appendleft(found.rest)
            waiting.append(found)
            pending += found.left.size
            done += found.compared
            if pending >= _SCORED:
                yield from _verify(task, threshold, waiting)
                waiting, pending = [], 0
            if progress is not None:
                progress(min(done, total), total)
    yield from _verify(task, threshold, waiting)


def _ranges(lengths: Ints) -> Iterator[tuple[int, int]]:
    """Ranges of rows that make a piece: so many rows, fewer where the texts are long, so that all processors have work."""
    ends = np.cumsum(lengths)
    first = 0
    while first < lengths.size:
        before = int(ends[first - 1]) if first else 0
        last = int(np.searchsorted(ends, before + _CHARACTERS, side="right"))
        last = max(first + 1, min(last, first + _ROWS))
        yield first, min(last, lengths.size)
        first = last


def slow_seconds(texts: Sequence[str], threshold: float) -> float:
    """An upper estimate, for this machine, of the seconds that comparing the long ones of these texts takes."""
    share = 1 - threshold / 100
    ordered = np.sort(np.fromiter(map(len, set(texts)), np.int64))
    ordered = ordered[np.searchsorted(ordered, _LENGTHY) :]
    sums = np.concatenate([[0], np.cumsum(ordered)])
    stops = np.searchsorted(ordered, ordered * (1 + share) / (1 - share), side="right")
    others = sums[stops] - sums[1:][: ordered.size]
    return float((ordered * np.maximum(others, 0) * 2.0 * share).sum() / 64 / _RATE / threads())


def _verify(task: Task, threshold: float, waiting: list[Candidates]) -> Generator[Block, None, None]:
    compared = sum(one.compared for one in waiting)
    left = np.concatenate([one.left for one in waiting] or [np.empty(0, np.int32)])
    right = np.concatenate([one.right for one in waiting] or [np.empty(0, np.int32)])
    for start in range(0, max(left.size, 1), _SCORED):
        a, b = left[start : start + _SCORED], right[start : start + _SCORED]
        scores = score_pairs(
            [task.left.texts[row] for row in a.tolist()], [task.right.texts[row] for row in b.tolist()], threshold
        )
        keep = scores >= threshold
        yield Block(a[keep].astype(np.int64), b[keep].astype(np.int64), scores[keep], int(a.size), compared)
        compared = 0


def score_pairs(left: Sequence[str], right: Sequence[str], threshold: float = 0.0) -> NDArray[np.float64]:
    """Return fuzz.ratio of left[i] and right[i], float64, 0 where it is below the threshold; on all processors.

    rapidfuzz's own cutoff is not used to decide: with score_cutoff=93, or 92.999999 in cpdist, version 3.14.6 drops
    pairs whose ratio it gives as 93.0 (14 edits in 200 characters; found 2026-11-23). It gets a slightly lower one, and
    the score it returns decides.
    """
    if not left:
        return np.empty(0, np.float64)
    cutoff = max(threshold - 1e-3, 0.0)
    lengths = np.fromiter((len(one) + len(other) for one, other in zip(left, right, strict=True)), np.int64, len(left))
    if not (lengths >= _LENGTHY).any():
        scores = interruptible(lambda: _ratios(left, right, cutoff))
    else:
        # The band of the table, and with it the time, shrinks with the edits that a score allows.
        scores = np.zeros(len(left), np.float64)
        short = np.flatnonzero(lengths < _LENGTHY)
        waiting = np.flatnonzero(lengths >= _LENGTHY)
        for rows, bar in [(short, cutoff), *((None, high) for high in _HIGH if high > cutoff), (None, cutoff)]:
            asked = waiting if rows is None else rows
            pairs = [left[row] for row in asked.tolist()], [right[row] for row in asked.tolist()]
            scores[asked] = interruptible(partial(_ratios, *pairs, bar))
            waiting = waiting[scores[waiting] == 0]
    scores[scores < threshold] = 0
    return scores


def _ratios(left: Sequence[str], right: Sequence[str], cutoff: float) -> NDArray[np.float64]:
    from rapidfuzz import fuzz, process

    return process.cpdist(left, right, scorer=fuzz.ratio, score_cutoff=cutoff, workers=-1, dtype=np.float64)
