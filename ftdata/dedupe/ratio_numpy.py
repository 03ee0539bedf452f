"""The filters of `ratio.py` in numpy: the length and the bag bound. The same pairs as the numba kernel, found slower."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ftdata.dedupe.codes import BUCKETS, Bytes, Coded
from ftdata.dedupe.pairs import Labels
from ftdata.dedupe.ratio import Candidates, Finder, Piece, Task, most_edits

_BLOCK = 1 << 20  # characters counted at once
_ROOM = 1 << 17  # pairs per result


def count_bags(coded: Coded, buckets: Bytes) -> Bytes:
    """Count the characters of each text by bucket, up to 255: uint8[texts, 64]."""
    bags = np.zeros((coded.ends.size - 1, BUCKETS), np.uint8)
    start = 0
    while start < bags.shape[0]:
        stop = int(np.searchsorted(coded.ends, coded.ends[start] + _BLOCK, side="right")) - 1
        stop = min(max(stop, start + 1), bags.shape[0], start + _BLOCK)
        data = coded.data[coded.ends[start] : coded.ends[stop]]
        text = np.repeat(np.arange(stop - start), np.diff(coded.ends[start : stop + 1]))
        counts = np.bincount(text * BUCKETS + buckets[data], minlength=(stop - start) * BUCKETS)
        bags[start:stop] = np.minimum(counts, 255).reshape(-1, BUCKETS)
        start = stop
    return bags


def make_finder(task: Task) -> Finder:
    """Return the function that finds the candidates of one piece of rows."""
    ours = np.ascontiguousarray(count_bags(task.left.coded, task.alphabet.buckets).T)
    theirs = ours if task.right is task.left else np.ascontiguousarray(count_bags(task.right.coded, task.alphabet.buckets).T)
    sizes = theirs.sum(axis=0, dtype=np.int64)

    def find(piece: Piece, labels: Labels | None) -> Candidates:
        left: list[NDArray[np.int32]] = []
        right: list[NDArray[np.int32]] = []
        found = compared = 0
        row = int(piece.state[1])
        while row < piece.last and found < _ROOM:
            start, stop = int(task.starts[row]), int(task.stops[row])
            compared += stop - start
            # With counts clipped or not: sum(max(a, b)) - sum(b) characters of a have no partner and must be deleted.
            larger = np.maximum(ours[:, row, None], theirs[:, start:stop]).sum(axis=0, dtype=np.int64)
            lengths = task.right.lengths[start:stop]
            length = int(task.left.lengths[row])
            allowed = (most_edits(lengths + length, task.share) + length - lengths) // 2
            keep = larger - sizes[start:stop] <= allowed
            if labels is not None:
                keep &= labels[start:stop] != labels[row]
            others = np.flatnonzero(keep)
            if others.size:
                left.append(np.full(others.size, row, np.int32))
                right.append((others + start).astype(np.int32))
                found += others.size
            row += 1
        rest = Piece(row, piece.last, np.array([0, row, 0], np.int64)) if row < piece.last else None
        none = np.empty(0, np.int32)
        return Candidates(np.concatenate([none, *left]), np.concatenate([none, *right]), compared, rest)

    return find
