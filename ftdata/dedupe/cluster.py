"""Clusters of near-duplicates: connected components, and complete linkage against chains."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from ftdata.dedupe.pairs import Ints, Labels, Pairs


@dataclass(frozen=True, slots=True)
class Clusters:
    """For each row the first row of its cluster, int64; a row alone is its own. And the work done to find them."""

    label: Ints
    verified: int = 0
    compared: int = 0

    def members(self) -> list[Ints]:
        """Return the rows of each cluster of two or more, sorted, the cluster with the first row first."""
        order = np.argsort(self.label, kind="stable")
        starts = np.flatnonzero(np.diff(self.label[order], prepend=-1))
        return [rows for rows in np.split(order, starts[1:]) if rows.size > 1]


class Union:
    """Union-find over positions 0..size - 1; the label of a cluster is its least position."""

    def __init__(self, size: int) -> None:
        self._parent: list[int] = list(range(size))
        self._labels: Labels = np.arange(size, dtype=np.int32)
        self._stale = False

    def join(self, left: Ints, right: Ints) -> None:
        """Put left[i] and right[i] into one cluster, for each i."""
        parent = self._parent
        labels = self._labels
        # Pairs that were in one cluster at the last look are most of a large cluster's.
        apart = labels[left] != labels[right]
        for a, b in zip(left[apart].tolist(), right[apart].tolist(), strict=True):
            while parent[a] != a:
                parent[a] = parent[parent[a]]
                a = parent[a]
            while parent[b] != b:
                parent[b] = parent[parent[b]]
                b = parent[b]
            if a != b:
                parent[max(a, b)] = min(a, b)
                self._stale = True

    def labels(self) -> Labels:
        """Return the label of each position, int32; the array never changes, later calls return another."""
        if self._stale:
            labels = np.array(self._parent, np.int32)
            while True:
                further = labels[labels]
                if (further == labels).all():
                    break
                labels = further
            self._labels, self._stale = labels, False
        return self._labels


def components(pairs: Pairs) -> Clusters:
    """Return the connected components (single linkage) of the pairs of one collection, copies of a text included."""
    union = Union(pairs.first.size)
    union.join(np.arange(pairs.first.size), pairs.first)
    union.join(pairs.left, pairs.right)
    return Clusters(union.labels().astype(np.int64), pairs.verified, pairs.compared)


def complete(pairs: Pairs) -> Clusters:
    """Return clusters in which every two rows are near-duplicates (complete linkage), copies of a text included.

    The two clusters whose worst pair is best are merged while that pair was found, ties by the least first rows; the
    same pairs give the same clusters. Time and memory are those of the pairs, times the logarithm of their number.
    """
    # For each cluster, by its least row: the worst score with each cluster all of whose pairs were found.
    near: dict[int, dict[int, float]] = {}
    for a, b, score in zip(pairs.left.tolist(), pairs.right.tolist(), pairs.score.tolist(), strict=True):
        near.setdefault(a, {})[b] = score
        near.setdefault(b, {})[a] = score
    heap = [(-score, a, b) for a, others in near.items() for b, score in others.items() if a < b]
    heapq.heapify(heap)
    parent: dict[int, int] = {}
    while heap:
        negative, a, b = heapq.heappop(heap)
        if near.get(a, {}).get(b) != -negative:
            continue
        ours, theirs = near[a], near.pop(b)
        del ours[b], theirs[a]
        parent[b] = a
        for other in set(ours) - set(theirs):
            del ours[other], near[other][a]
        for other, score in theirs.items():
            del near[other][b]
            if other in ours and score < ours[other]:
                ours[other] = near[other][a] = score
                heapq.heappush(heap, (-score, min(a, other), max(a, other)))
    label = np.array([_root(parent, row) for row in pairs.first.tolist()], np.int64)
    return Clusters(label, pairs.verified, pairs.compared)


def _root(parent: dict[int, int], row: int) -> int:
    top = row
    while top in parent:
        top = parent[top]
    while row in parent and parent[row] != top:
        parent[row], row = top, parent[row]
    return top
