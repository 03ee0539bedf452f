"""The Jaccard join on numba, on all processors. Import only where numba is installed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ftdata.dedupe import jaccard_kernels as kernels
from ftdata.dedupe.codes import code_points
from ftdata.dedupe.jaccard import Finder, Found, Join, Piece
from ftdata.dedupe.pairs import Floats, Ints, Labels
from ftdata.dedupe.shingles import Sets, Unit
from ftdata.dedupe.work import for_all

_ROOM = 1 << 17  # pairs per result, and more where one set has more
_TEXTS = 4096  # texts hashed at once
_SETS = 16384  # sets ranked at once
_PARTS = 16
_MOST_COUNTERS = 1 << 27
_SPACES = [point for point in range(0x3001) if chr(point).isspace()]  # U+3000 is the last one


def make_sets(collections: Sequence[Sequence[str]], size: int, unit: Unit) -> list[Sets]:
    """Hash the shingles of all collections; see shingles.number_sets."""
    made = [_hash(texts, size, unit) for texts in collections]
    total = sum(sets.tokens.size for sets in made)
    counts = np.zeros(min(1 << max(int(total * 2).bit_length(), 10), _MOST_COUNTERS), np.uint16)
    for sets in made:
        for_all(range(_PARTS), partial(_count, sets, counts))
    for sets in made:
        for_all(range(0, sets.ends.size - 1, _SETS), partial(_rank, sets, counts))
    return made


def _count(sets: Sets, counts: kernels.Counts, part: int) -> None:
    kernels.count_tokens(sets.tokens, part, _PARTS, counts)


def _rank(sets: Sets, counts: kernels.Counts, first: int) -> None:
    kernels.rank_tokens(sets.tokens, sets.ends, first, min(first + _SETS, sets.ends.size - 1), counts)


def _hash(texts: Sequence[str], size: int, unit: Unit) -> Sets:
    space = np.zeros(0x110000, np.uint8)
    space[_SPACES] = 1

    def fill(first: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        block = texts[first : first + _TEXTS]
        ends = np.zeros(len(block) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, block), np.int64, len(block)), out=ends[1:])
        points = code_points(block)
        tokens = np.empty(int(ends[-1]), np.uint64)
        sizes = np.zeros(len(block), np.int64)
        if unit == "word":
            words = np.empty(int(np.diff(ends).max(initial=0)) + 1, np.uint64)
            kernels.hash_words(points, ends, space, size, words, tokens, ends, sizes)
        else:
            kernels.hash_characters(points, ends, size, tokens, ends, sizes)
        kept = np.repeat(ends[:-1] - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        return tokens[kept], sizes

    parts = for_all(range(0, len(texts), _TEXTS), fill)
    ends = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.concatenate([np.empty(0, np.int64), *(part[1] for part in parts)]), out=ends[1:])
    return Sets(np.concatenate([np.empty(0, np.uint64), *(part[0] for part in parts)]), ends)


def score_sets(join: Join, left: Ints, right: Ints) -> Floats:
    """Return the Jaccard similarity of the sets left[i] and right[i], float64."""
    scores = np.empty(left.size)
    kernels.score_pairs(join.left.tokens, join.left.ends, join.right.tokens, join.right.ends, left, right, scores)
    return scores


class Scratch(threading.local):
    """What a thread needs and does not share."""

    def __init__(self, sets: int) -> None:
        self.seen = np.full(sets, -1, np.int32)
        self.left = np.empty(_ROOM + sets, np.int32)
        self.right = np.empty(_ROOM + sets, np.int32)
        self.score = np.empty(_ROOM + sets, np.float64)


def make_finder(join: Join) -> Finder:
    """Return the function that finds the pairs of one piece."""
    index = join.index
    slots = np.full(1 << (index.tokens.size * 2).bit_length(), -1, np.int32)
    kernels.fill_slots(index.tokens, slots)
    scratch = Scratch(join.right.sizes.size)
    no_labels = np.empty(0, np.int32)

    def find(piece: Piece, labels: Labels | None) -> Found:
        own = no_labels if labels is None else labels
        state = np.zeros(3, np.int64)
        count = kernels.join_sets(
            join.left.tokens, join.left.ends, join.right.tokens, join.right.ends, join.itself, join.threshold,
            index.tokens, slots, index.starts, index.sets, index.places, own, piece.first, piece.last,
            scratch.seen, scratch.left, scratch.right, scratch.score, _ROOM, state,
        )  # fmt: skip
        rest = Piece(int(state[0]), piece.last) if state[0] < piece.last else None
        return Found(
            scratch.left[:count].copy(), scratch.right[:count].copy(), scratch.score[:count].copy(),
            int(state[1]), int(state[2]), rest,
        )  # fmt: skip

    return find
