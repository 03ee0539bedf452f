"""The Jaccard join in numpy: size and prefix bounds. The same pairs as the numba kernel, found slower."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ftdata.dedupe.jaccard import Finder, Found, Join, Piece, at_least
from ftdata.dedupe.pairs import Floats, Ints, Labels
from ftdata.dedupe.shingles import number_sets as make_sets

__all__ = ["make_finder", "make_sets", "score_sets"]


def score_sets(join: Join, left: Ints, right: Ints) -> Floats:
    """Return the Jaccard similarity of the sets left[i] and right[i], float64."""
    scores = np.ones(left.size)
    for at, (a, b) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        mine = join.left.tokens[join.left.ends[a] : join.left.ends[a + 1]]
        other = join.right.tokens[join.right.ends[b] : join.right.ends[b + 1]]
        shared = np.intersect1d(mine, other, True).size
        if mine.size + other.size:
            scores[at] = shared / (mine.size + other.size - shared)
    return scores


def make_finder(join: Join) -> Finder:
    """Return the function that finds the pairs of one piece, a text at a time."""
    sizes = join.right.sizes
    index, t = join.index, join.threshold

    def find_one(row: int, labels: Labels | None) -> tuple[NDArray[np.int32], Floats, int]:
        mine = join.left.tokens[join.left.ends[row] : join.left.ends[row + 1]]
        prefix = mine[: mine.size - int(at_least(np.array([t * mine.size]))[0]) + 1] if mine.size else mine
        at = np.searchsorted(index.tokens, prefix)
        known = at < index.tokens.size
        at = at[known][index.tokens[at[known]] == prefix[known]]
        parts = [index.sets[index.starts[k] : index.starts[k + 1]] for k in at.tolist()]
        others = np.unique(np.concatenate([np.empty(0, np.int32), *parts]))
        others = others[(sizes[others] >= t * mine.size * (1 - 1e-12)) & (sizes[others] * t * (1 - 1e-12) <= mine.size)]
        if join.itself:
            others = others[others < row]
        if labels is not None:
            others = others[labels[others] != labels[row]]
        shared = np.array(
            [
                np.intersect1d(mine, join.right.tokens[join.right.ends[one] : join.right.ends[one + 1]], True).size
                for one in others.tolist()
            ],
            np.int64,
        )
        scores = shared / np.maximum(mine.size + sizes[others] - shared, 1)
        keep = scores >= t
        return others[keep], scores[keep], int(others.size)

    def find(piece: Piece, labels: Labels | None) -> Found:
        parts = [find_one(row, labels) for row in range(piece.first, piece.last)]
        return Found(
            np.repeat(np.arange(piece.first, piece.last, dtype=np.int32), [part[0].size for part in parts]),
            np.concatenate([np.empty(0, np.int32), *(part[0] for part in parts)]),
            np.concatenate([np.empty(0, np.float64), *(part[1] for part in parts)]),
            sum(part[2] for part in parts),
            sum(part[2] for part in parts),
            None,
        )

    return find
