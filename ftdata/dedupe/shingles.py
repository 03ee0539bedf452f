"""Texts as sets of shingles, each shingle a 64-bit number.

Word shingles are `size` neighbouring words (str.split, so any white space parts words); character shingles are `size`
neighbouring code points. A text with fewer is one shingle, all of it; a text with none is the empty set. The numba path
hashes to 60 bits: among 100 million different shingles, two share a number with a chance of about 1 in 230. The other
path numbers shingles by a dictionary and has no such chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ftdata.dedupe.pairs import Ints

Tokens: TypeAlias = NDArray[np.uint64]
Unit = Literal["word", "character"]


@dataclass(frozen=True, slots=True)
class Sets:
    """Shingle sets in one array: set i is tokens[ends[i] : ends[i + 1]], each token once, the rarest first.

    The order of tokens is the same in all sets: by number, whose top four bits are the class of rarity. Class 0 is
    what only one set holds.
    """

    tokens: Tokens
    ends: Ints

    @property
    def sizes(self) -> Ints:
        """Number of shingles of each set."""
        return np.diff(self.ends)


CLASS_SHIFT = 60


def shingles_of(text: str, size: int, unit: Unit) -> set[str]:
    """Return the shingles of one text: the definition."""
    parts = text.split() if unit == "word" else list(text)
    between = " " if unit == "word" else ""
    if not parts:
        return set()
    return {between.join(parts[at : at + size]) for at in range(max(1, len(parts) - size + 1))}


def jaccard(left: str, right: str, size: int, unit: Unit) -> float:
    """Return the Jaccard similarity of two texts' shingle sets, 0..1; two empty sets are equal."""
    a, b = shingles_of(left, size, unit), shingles_of(right, size, unit)
    return len(a & b) / len(a | b) if a or b else 1.0


def number_sets(collections: Sequence[Sequence[str]], size: int, unit: Unit) -> list[Sets]:
    """Number the shingles of all collections by a dictionary; the numpy path."""
    numbers: dict[str, int] = {}
    parts = [list(_numbered(texts, size, unit, numbers)) for texts in collections]
    counts = np.zeros(len(numbers), np.int64)
    for rows in parts:
        for row in rows:
            counts[row] += 1
    # ceil(log2(count)) in 0..15
    classes = np.minimum(np.ceil(np.log2(np.maximum(counts, 1))), 15).astype(np.uint64)
    ranked = np.arange(len(numbers), dtype=np.uint64) | (classes << np.uint64(CLASS_SHIFT))
    return [_sets([np.sort(ranked[row]) for row in rows]) for rows in parts]


def _numbered(texts: Sequence[str], size: int, unit: Unit, numbers: dict[str, int]) -> Iterator[Ints]:
    for text in texts:
        found = shingles_of(text, size, unit)
        yield np.fromiter((numbers.setdefault(one, len(numbers)) for one in sorted(found)), np.int64, len(found))


def _sets(rows: Sequence[Tokens]) -> Sets:
    ends = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([row.size for row in rows], out=ends[1:])
    return Sets(np.concatenate([np.empty(0, np.uint64), *rows]), ends)
