"""Texts as bytes for the filters: every character becomes one of 256 classes.

Merging characters can only make texts more alike: a common subsequence stays one when both texts are mapped by the same
table, so the Indel distance of the mapped texts is at most that of the texts. Every lower bound on the distance of
mapped texts is therefore one for the texts. Characters are code points; lone surrogates are code points too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ftdata.dedupe.pairs import Ints

Bytes: TypeAlias = NDArray[np.uint8]

CLASSES = 256
BUCKETS = 64  # of the bag of characters: one cache line per text
_POINTS = 0x110000
_OWN = 192  # the most frequent characters have a class of their own; the others share what is left
_SAMPLED = 20_000  # texts that decide the table
_BLOCK = 4 << 20  # characters mapped at once


@dataclass(frozen=True, slots=True)
class Alphabet:
    """`classes` maps a code point to its class, uint8[0x110000]; `buckets` a class to its bag bucket, uint8[256]."""

    classes: Bytes
    buckets: Bytes


@dataclass(frozen=True, slots=True)
class Coded:
    """Mapped texts in one array: text i is data[ends[i] : ends[i + 1]]. `ends` has one entry more than there are texts."""

    data: Bytes
    ends: Ints

    @property
    def lengths(self) -> Ints:
        """Length of each text in characters."""
        return np.diff(self.ends)


def make_alphabet(*collections: Sequence[str]) -> Alphabet:
    """Choose the classes by how often characters occur in a sample of the texts; the same texts give the same table."""
    counts = np.zeros(_POINTS, np.int64)
    for texts in collections:
        step = max(1, len(texts) // _SAMPLED)
        for points in _blocks([text[:4000] for text in texts[::step]]):
            counts += np.bincount(points, minlength=_POINTS)
    seen = np.flatnonzero(counts)
    frequent = seen[np.argsort(-counts[seen], kind="stable")]
    # What the sample does not hold is spread over the shared classes by code point.
    classes = (_OWN + np.arange(_POINTS) % (CLASSES - _OWN)).astype(np.uint8)
    classes[frequent[:_OWN]] = np.arange(min(_OWN, frequent.size), dtype=np.uint8)
    shared = frequent[_OWN:]
    classes[shared] = (_OWN + np.arange(shared.size) % (CLASSES - _OWN)).astype(np.uint8)
    weights = np.zeros(CLASSES)
    np.add.at(weights, classes[frequent], counts[frequent])
    return Alphabet(classes, _balanced(weights))


def _balanced(weights: NDArray[np.float64]) -> Bytes:
    """Spread classes over buckets so that every bucket is about equally full, the fullest bucket first."""
    buckets = np.zeros(CLASSES, np.uint8)
    load = np.zeros(BUCKETS)
    for one in np.argsort(-weights, kind="stable"):
        bucket = int(np.argmin(load))
        buckets[one] = bucket
        load[bucket] += weights[one] + 1
    return buckets


def encode(texts: Sequence[str], alphabet: Alphabet) -> Coded:
    """Map the texts; memory is one byte per character and 4 MB of characters at a time."""
    ends = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=ends[1:])
    data = np.empty(int(ends[-1]), np.uint8)
    at = 0
    for points in _blocks(texts):
        np.take(alphabet.classes, points, out=data[at : at + points.size], mode="clip")
        at += points.size
    return Coded(data, ends)


def _blocks(texts: Sequence[str]) -> Iterator[NDArray[np.uint8] | NDArray[np.uint32]]:
    """Yield the characters of all texts as numbers, in blocks."""
    start = size = 0
    for number, text in enumerate(texts):
        size += len(text)
        if size >= _BLOCK or number + 1 == len(texts):
            yield code_points(texts[start : number + 1])
            start, size = number + 1, 0


def code_points(texts: Sequence[str]) -> NDArray[np.uint8] | NDArray[np.uint32]:
    """Return the characters of texts, one after the other, as code points; uint8 where all are ASCII."""
    joined = "".join(texts)
    if joined.isascii():
        return np.frombuffer(joined.encode("ascii"), np.uint8)
    return np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
