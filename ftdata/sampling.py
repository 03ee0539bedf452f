"""Draw samples by hash: the same ones again and again, and almost the same ones when the data has grown.

Every row gets a number: the keyed BLAKE2b of its sample's hash, with the seed as key. The rows with the smallest numbers are
drawn. So a row is drawn or not by its content alone, wherever it stands; a larger draw holds every smaller one; and rows
that are added change the draw only by entering it, each pushing out the one with the largest number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from ftdata.scan import Scan

_PERSON = b"ftdata-draw-1"


@dataclass(frozen=True, slots=True)
class Draw:
    """What was drawn: ``chosen`` says so of each row, ``count`` of ``of`` rows, with the ``seed`` that repeats it."""

    chosen: Any
    count: int
    of: int
    seed: int


def rank(seed: int, sample: bytes, copy: int = 0) -> int:
    """The number by which a row is drawn, 0 to 2**64 - 1: of its sample's 16 bytes, and of which copy of them it is."""
    key = seed.to_bytes(32, "little", signed=True)
    counted = copy.to_bytes(8, "little") if copy else b""
    return int.from_bytes(blake2b(sample + counted, digest_size=8, key=key, person=_PERSON).digest(), "little")


def draw(scan: Scan, wanted: int | None, seed: int = 0, fraction: float | None = None) -> Draw:
    """Draw so many rows, or this fraction of them (rounded up); all of them where there are no more.

    Copies of one sample are drawn one by one, each by a number of its own, so that a draw holds as many of them as its size
    makes likely. ``seed`` may be any whole number of 255 bits.
    """
    total = len(scan)
    count = min(total, wanted if wanted is not None else _share(fraction or 0.0, total))
    chosen = np.zeros(total, dtype=bool)
    if count < total:
        ranks = _ranks(scan.ids, seed)
        order = np.lexsort((np.arange(total), ranks))
        chosen[order[:count]] = True
    else:
        chosen[:] = True
    return Draw(chosen, count, total, seed)


def _share(fraction: float, total: int) -> int:
    """So many rows a fraction is; 0.1 of 30 is 3, though 0.1 * 30 is a little more."""
    return int(np.ceil(round(fraction * total, 6)))


def _ranks(ids: Any, seed: int) -> Any:
    rows: Sequence[bytes] = [ids[at : at + 1].tobytes() for at in range(len(ids))]
    ranks = np.fromiter((rank(seed, row) for row in rows), dtype=np.uint64, count=len(rows))
    # Equal hashes have equal numbers: sorted by it, copies stand together.
    order = np.argsort(ranks, kind="stable")
    same = np.flatnonzero(ranks[order][1:] == ranks[order][:-1]) + 1
    copies: dict[bytes, int] = {}
    for at in same:
        row = rows[order[at]]
        copies[row] = copies.get(row, 0) + 1
        ranks[order[at]] = rank(seed, row, copies[row])
    return ranks
