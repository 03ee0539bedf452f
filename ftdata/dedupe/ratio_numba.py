"""The filters of `ratio.py` on numba: all four bounds, on all processors. Import only where numba is installed."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ftdata.dedupe import ratio_kernels as kernels
from ftdata.dedupe.codes import BUCKETS, Bytes
from ftdata.dedupe.pairs import Ints, Labels
from ftdata.dedupe.ratio import Candidates, Finder, Piece, Shelf, Task
from ftdata.dedupe.vectors import LANES, SIDE, SYMBOLS, WORDS
from ftdata.dedupe.work import for_all

_ROOM = (1 << 17) + kernels.TILES * LANES  # pairs per result
_LONGEST = 1 << 22  # characters up to which the common subsequence is computed here: 32 bytes of scratch per character and thread
_TIERS = 8  # sketch sizes: 256 bytes to 32 KB
_TEXTS = 4096  # texts sketched at once


class Scratch(threading.local):
    """What a thread needs and does not share."""

    def __init__(self, longest: int) -> None:
        words = (min(longest, _LONGEST) + 63) // 64
        self.left = np.empty(_ROOM, np.int32)
        self.right = np.empty(_ROOM, np.int32)
        self.masks = np.zeros((words, SYMBOLS), np.uint64)
        self.rows = np.empty((words, SIDE), np.uint64)
        self.lanes = np.empty((5, SIDE), np.int64)


def gram_size(share: float) -> int:
    """Choose q: the longer, the fewer texts agree by chance, but (2q - 1) * share must stay well below one half to cut."""
    return 4 if share <= 0.055 else 3 if share <= 0.12 else 2


@dataclass(frozen=True, slots=True)
class Sketches:
    """Bags, uint8[texts, 64], and q-gram sketches of all texts, one after the other in `grams`; see kernels.fill_grams."""

    bags: Bytes
    grams: NDArray[np.uint64]
    tiers: Bytes
    places: Ints


def place_sketches(lengths: Ints, share: float) -> tuple[Bytes, Ints, int]:
    """Give each text a sketch of four counters or more per character, and say where it stands.

    A text of tier k has at least WORDS * 8 * 2^(k-1) characters. Two texts that are compared differ in length by the
    factor (1 + share) / (1 - share), at most 1.5, so they are of the same tier or of neighbouring ones; those that can
    meet shorter ones of the tier below have a sketch of that tier too. Returns tiers, places and the words in all.
    """
    steps = WORDS * 8 << np.arange(_TIERS)
    tiers = np.searchsorted(steps[:-1], lengths, side="right")
    reach = np.concatenate([[0], steps[:-1]]) * (1 + share) / (1 - share) + 1
    sizes = np.zeros((lengths.size, 2), np.int64)
    sizes[:, 0] = WORDS << tiers
    sizes[:, 1] = np.where((tiers > 0) & (lengths <= reach[tiers]), sizes[:, 0] // 2, 0)
    ends = np.cumsum(sizes.ravel())
    places = np.where(sizes > 0, (ends - sizes.ravel()).reshape(-1, 2), -1)
    return tiers.astype(np.uint8), places, int(ends[-1]) if ends.size else 0


def sketch(shelf: Shelf, buckets: Bytes, q: int, share: float) -> Sketches:
    """Fill the bags and the q-gram sketches of all texts."""
    texts = len(shelf.texts)
    tiers, places, words = place_sketches(shelf.lengths, share)
    made = Sketches(np.zeros((texts, BUCKETS), np.uint8), np.zeros(words, np.uint64), tiers, places)

    def fill(first: int) -> None:
        last = min(first + _TEXTS, texts)
        data, ends = shelf.coded.data, shelf.coded.ends
        kernels.fill_bags(data, ends, buckets, first, last, made.bags)
        counters = np.zeros(kernels.COUNTERS, np.uint8)
        kernels.fill_grams(data, ends, q, first, last, tiers, places, counters, made.grams)

    for_all(range(0, texts, _TEXTS), fill)
    return made


def make_tiles(bags: Bytes) -> Bytes:
    """Lay the bags out by bucket, 64 texts together: uint8[tiles, 64 buckets, 64 texts], missing texts empty."""
    tiles = -(-bags.shape[0] // LANES)
    padded = np.zeros((tiles * LANES, BUCKETS), np.uint8)
    padded[: bags.shape[0]] = bags
    return np.ascontiguousarray(padded.reshape(tiles, LANES, BUCKETS).transpose(0, 2, 1))


def make_finder(task: Task) -> Finder:
    """Return the function that finds the candidates of one piece of rows."""
    q = gram_size(task.share)
    ours = sketch(task.left, task.alphabet.buckets, q, task.share)
    theirs = ours if task.right is task.left else sketch(task.right, task.alphabet.buckets, q, task.share)
    tiles = make_tiles(theirs.bags)
    no_labels = np.empty(0, np.int32)
    scratch = Scratch(int(task.left.lengths[-1]) if task.left.lengths.size else 0)
    left, right = task.left, task.right

    def find(piece: Piece, labels: Labels | None) -> Candidates:
        own = no_labels if labels is None else labels
        state = piece.state.copy()
        count = kernels.find_candidates(
            tiles, ours.bags, ours.grams, theirs.grams, ours.tiers, theirs.tiers, ours.places, theirs.places,
            left.lengths, right.lengths, task.starts, task.stops, own, own, task.share, q, piece.first, piece.last, scratch.left, scratch.right, state,
        )  # fmt: skip
        order = np.argsort(scratch.left[:count], kind="stable")
        mine, others = scratch.left[order], scratch.right[order]
        kept = kernels.keep_common(
            left.coded.data, left.coded.ends, right.coded.data, right.coded.ends,
            task.share, mine, others, count, scratch.masks, scratch.rows, scratch.lanes,
        )  # fmt: skip
        compared = int(state[2])
        rest = None
        if state[0] >= 0:
            rest = Piece(piece.first, piece.last, np.array([state[0], state[1], 0], np.int64))
        return Candidates(mine[:kept], others[:kept], compared, rest)

    return find
