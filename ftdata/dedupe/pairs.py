"""What a search gives back: the pairs at or above the threshold, and which rows are the same text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ftdata.errors import FtdataError

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]
Progress: TypeAlias = Callable[[int, int], None]


def nothing() -> None:
    """What is known of clusters where none are looked for."""


class TooManyPairs(FtdataError):
    """More near-duplicate pairs than the caller has room for: nearly always one giant cluster."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Near-duplicate pairs between distinct texts, sorted by left, then right.

    `left` and `right` are row numbers, int64, of the first row that holds each text; left < right within one
    collection. Against a base, left is a row of the new collection and right a row of the base. `score` is float64:
    0..100 for ratio, 0..1 for Jaccard. `first` and `first_right` map each row to the first row of its collection with
    the same text, so that a text written 100,000 times costs one comparison; without a base they are the same array.
    `verified` counts the pairs that reached the scorer, `compared` those that only the bag or prefix filter saw.
    """

    left: Ints
    right: Ints
    score: Floats
    first: Ints
    first_right: Ints
    against: bool
    verified: int
    compared: int

    def __len__(self) -> int:
        return int(self.left.size)

    def at_least(self, threshold: float) -> Pairs:
        """Return the pairs at or above a higher threshold, without searching again."""
        keep = self.score >= threshold
        return Pairs(
            self.left[keep],
            self.right[keep],
            self.score[keep],
            self.first,
            self.first_right,
            self.against,
            self.verified,
            self.compared,
        )

    def expanded(self, best: float, limit: int = 10_000_000) -> tuple[Ints, Ints, Floats]:
        """Return the pairs of all rows, copies of one text included, with the score `best` (100 or 1) for copies.

        Raises TooManyPairs where they would be more than `limit`: copies alone are quadratic.
        """
        rows_left, rows_right = _rows_by_first(self.first), _rows_by_first(self.first_right)
        wanted = self._expanded_count(rows_left, rows_right)
        if wanted > limit:
            raise TooManyPairs(
                f"{wanted:,} pairs with all copies, more than the limit of {limit:,}.", "Use clusters instead of pairs."
            )
        found: list[tuple[int, int, float]] = []
        for a, b, score in zip(self.left.tolist(), self.right.tolist(), self.score.tolist(), strict=True):
            found += [(*_ordered(x, y, self.against), score) for x in rows_left[a] for y in rows_right[b]]
        if not self.against:
            for rows in rows_left.values():
                found += [(x, y, best) for at, x in enumerate(rows) for y in rows[at + 1 :]]
        found.sort()
        return (
            np.array([row[0] for row in found], np.int64),
            np.array([row[1] for row in found], np.int64),
            np.array([row[2] for row in found], np.float64),
        )

    def _expanded_count(self, rows_left: dict[int, list[int]], rows_right: dict[int, list[int]]) -> int:
        total = sum(len(rows_left[a]) * len(rows_right[b]) for a, b in zip(self.left.tolist(), self.right.tolist(), strict=True))
        if not self.against:
            total += sum(len(rows) * (len(rows) - 1) // 2 for rows in rows_left.values())
        return total


def _ordered(x: int, y: int, against: bool) -> tuple[int, int]:
    return (x, y) if against or x < y else (y, x)


def _rows_by_first(first: Ints) -> dict[int, list[int]]:
    rows: dict[int, list[int]] = {}
    for row, one in enumerate(first.tolist()):
        rows.setdefault(one, []).append(row)
    return rows


@dataclass(frozen=True, slots=True)
class Block:
    """One block of found pairs, as positions in the sorted collections, and the work done for it."""

    left: Ints
    right: Ints
    score: Floats
    verified: int
    compared: int


def gather(blocks: Iterable[Block], limit: int | None) -> Block:
    """Join blocks into one, or raise TooManyPairs past the limit."""
    parts: list[Block] = []
    found = verified = compared = 0
    for block in blocks:
        verified += block.verified
        compared += block.compared
        found += block.left.size
        if limit is not None and found > limit:
            raise TooManyPairs(
                f"More than {limit:,} near-duplicate pairs: many rows are near-duplicates of many others.",
                "Search in cluster mode, which needs no pair list, or raise the limit.",
            )
        if block.left.size:
            parts.append(block)
    return Block(
        np.concatenate([part.left for part in parts] or [np.empty(0, np.int64)]),
        np.concatenate([part.right for part in parts] or [np.empty(0, np.int64)]),
        np.concatenate([part.score for part in parts] or [np.empty(0, np.float64)]),
        verified,
        compared,
    )


def first_rows(texts: Iterable[str]) -> tuple[list[str], Ints, Ints]:
    """Group equal texts: the distinct texts in order, the first row of each, and for each row the first row of its text."""
    seen: dict[str, int] = {}
    first = np.fromiter(_firsts(texts, seen), np.int64)
    return list(seen), np.fromiter(seen.values(), np.int64, len(seen)), first


def _firsts(texts: Iterable[str], seen: dict[str, int]) -> Iterator[int]:
    for row, text in enumerate(texts):
        yield seen.setdefault(text, row)
