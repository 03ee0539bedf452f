"""A compiled token counter for tiktoken's two chat encodings: the same numbers, several times faster.

Three ideas make it fast: the split pattern is written out as loops over a table of character classes, a
piece seen before is counted by one look-up, and merges look up pairs of token ids instead of bytes. The
kernel releases the GIL, so threads share the tables. Import this module only where numba is installed.
"""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]
Ints: TypeAlias = NDArray[np.int32]
Longs: TypeAlias = NDArray[np.int64]
Words: TypeAlias = NDArray[np.uint64]
Int: TypeAlias = Any  # an int in Python, a machine integer of some width once compiled
Kernel = TypeVar("Kernel", bound=Callable[..., Any])

# What a character is, as bits of one byte in the class table; see ftdata/_vocab/classes.gz.
UPPER = 1  # Lu Lt Lm Lo M: what o200k's words may start with
LOWER = 2  # Ll Lm Lo M: what they may end with
NUMBER = 4
SPACE = 8
NEWLINE = 16  # CR, LF
OTHER = 32  # neither space nor letter nor number; marks are in it too
LETTER = 64
_NO_PREFIX = LETTER | NUMBER | NEWLINE

PADDING = 32  # bytes past the last text that a load of eight may touch
_CACHED = 24  # longest piece, in bytes, that the cache holds: three words
_SHORT = 96  # longest piece, in bytes, merged by scanning; longer ones use a heap, to stay n log n

_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_NO_RANK = np.int32(0x7FFFFFFF)
_MIX_A = np.uint64(0x9E3779B97F4A7C15)
_MIX_B = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX_C = np.uint64(0x165667B19E3779F9)
_ID_BITS = np.uint64(18)
_ID_MASK = np.uint64((1 << 18) - 1)
_ZERO = np.uint64(0)
_SHIFT = np.uint64(32)
_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(9)], dtype=np.uint64)

# Without _nrt=False every call counts references atomically: measured five times slower.
_OPTIONS: dict[str, Any] = {"nogil": True, "_nrt": False}
_inline: Callable[[Kernel], Kernel] = numba.njit(**_OPTIONS)
_compiled: Callable[[Kernel], Any] = numba.njit(cache=True, **_OPTIONS)


# --- Splitting ------------------------------------------------------------------------------------


@_inline
def _char(data: Bytes, p: Int, classes: Bytes) -> tuple[Int, int]:
    """Class and length in bytes of the character at p."""
    first = np.int64(data[p])
    if first < 0x80:
        return classes[first], 1
    if first < 0xE0:
        return classes[(first & 0x1F) << 6 | np.int64(data[p + 1]) & 0x3F], 2
    if first < 0xF0:
        return (
            classes[(first & 0x0F) << 12 | (np.int64(data[p + 1]) & 0x3F) << 6 | np.int64(data[p + 2]) & 0x3F],
            3,
        )
    return (
        classes[
            (first & 0x07) << 18
            | (np.int64(data[p + 1]) & 0x3F) << 12
            | (np.int64(data[p + 2]) & 0x3F) << 6
            | np.int64(data[p + 3]) & 0x3F
        ],
        4,
    )


@_inline
def _run(data: Bytes, p: Int, end: Int, classes: Bytes, wanted: Int) -> Int:
    """End of the run of characters from p that have a wanted bit."""
    while p < end:
        kind, size = _char(data, p, classes)
        if not kind & wanted:
            break
        p += size
    return p


@_inline
def _contraction(data: Bytes, p: Int, end: Int) -> Int:
    """End of (?i:'s|'t|'re|'ve|'m|'ll|'d) at p, or p. Case folding takes U+017F for an s."""
    if p + 1 >= end or data[p] != 0x27:
        return p
    first = data[p + 1] | 0x20
    if first == 0x73 or first == 0x74 or first == 0x6D or first == 0x64:
        # | 0x20 also maps control characters and 0x53.., none of which reach these four values.
        return p + 2
    if p + 2 >= end:
        return p
    if data[p + 1] == 0xC5 and data[p + 2] == 0xBF:
        return p + 3
    second = data[p + 2] | 0x20
    if (first == 0x72 or first == 0x76) and second == 0x65:
        return p + 3
    if first == 0x6C and second == 0x6C:
        return p + 3
    return p


@_inline
def _cased_word(data: Bytes, p: Int, end: Int, classes: Bytes) -> tuple[Int, bool]:
    """End of o200k's two word alternatives at p, and whether the first of them (a lower-case end) matched."""
    last_both = np.int64(-1)
    while p < end:
        kind, size = _char(data, p, classes)
        if not kind & UPPER:
            if kind & LOWER:
                return _run(data, p, end, classes, LOWER), True
            break
        p += size
        if kind & LOWER:
            last_both = p
    if last_both >= 0:
        return last_both, True
    return p, False


@_inline
def _next_o200k_word(data: Bytes, p: Int, kind: Int, size: Int, end: Int, classes: Bytes) -> Int:
    """End of the word at p under o200k_base, or p where there is none."""
    if kind & _NO_PREFIX:
        if not kind & LETTER:
            return p
        stop, _ = _cased_word(data, p, end, classes)
        return _contraction(data, stop, end)
    start = p + size
    if start < end:
        stop, lower = _cased_word(data, start, end, classes)
        if lower:
            return _contraction(data, stop, end)
        if kind & LOWER:
            return _contraction(data, start, end)
        if stop > start:
            return _contraction(data, stop, end)
        return p
    return start if kind & LOWER else p


@_inline
def _next_cl100k_word(data: Bytes, p: Int, kind: Int, size: Int, end: Int, classes: Bytes) -> Int:
    """End of the contraction or word at p under cl100k_base, or p where there is none."""
    stop = _contraction(data, p, end)
    if stop > p:
        return stop
    start = p if kind & LETTER else p + size
    if kind & (NUMBER | NEWLINE):
        return p
    stop = _run(data, start, end, classes, LETTER)
    return stop if stop > start else p


@_inline
def _next_space(data: Bytes, p: Int, end: Int, classes: Bytes, modern: bool) -> Int:
    """End of the piece that starts with white space at p and is neither a word nor punctuation."""
    q = p
    newline = last = np.int64(-1)
    while q < end:
        kind, size = _char(data, q, classes)
        if not kind & SPACE:
            break
        last = q
        q += size
        if kind & NEWLINE:
            newline = q
    if not modern and q == end:
        return q
    if newline >= 0:
        return newline
    if q == end or last == p:
        return q
    return last


@_inline
def _next_piece(data: Bytes, p: Int, end: Int, classes: Bytes, modern: bool) -> Int:
    """End of the piece that the encoding's pattern matches at p."""
    kind, size = _char(data, p, classes)
    if modern:
        stop = _next_o200k_word(data, p, kind, size, end, classes)
    else:
        stop = _next_cl100k_word(data, p, kind, size, end, classes)
    if stop > p:
        return stop
    if kind & NUMBER:
        stop = p + size
        for _ in range(2):
            if stop >= end:
                break
            kind, size = _char(data, stop, classes)
            if not kind & NUMBER:
                break
            stop += size
        return stop
    start = p + 1 if data[p] == 0x20 else p
    stop = _run(data, start, end, classes, OTHER)
    if stop > start:
        while stop < end and (data[stop] == 0x0A or data[stop] == 0x0D or (modern and data[stop] == 0x2F)):
            stop += 1
        return stop
    return _next_space(data, p, end, classes, modern)


# --- Merging --------------------------------------------------------------------------------------


@_inline
def _hash_bytes(data: Bytes, start: Int, stop: Int) -> Int:
    value = np.uint64(stop - start) * _MIX_A
    for i in range(start, stop):
        value = (value ^ np.uint64(data[i])) * _MIX_B
        value ^= value >> _SHIFT
    return value


@_inline
def _find_token(data: Bytes, start: Int, stop: Int, tokens: Bytes, token_ends: Longs, slots: Ints) -> Int:
    """Index of the token with these bytes, or -1."""
    mask = np.uint64(slots.size - 1)
    slot = _hash_bytes(data, start, stop) & mask
    size = stop - start
    while True:
        token = slots[np.int64(slot)]
        if token < 0:
            return -1
        first = token_ends[token - 1] if token else np.int64(0)
        if token_ends[token] - first == size:
            same = True
            for i in range(size):
                if tokens[first + i] != data[start + i]:
                    same = False
                    break
            if same:
                return np.int64(token)
        slot = (slot + np.uint64(1)) & mask


@_inline
def _pair_slot(key: Int, pairs: Words) -> Int:
    value = key * _MIX_A
    value ^= value >> _SHIFT
    return value & np.uint64(pairs.size - 1)


@_inline
def _find_pair(left: Int, right: Int, pairs: Words) -> Int:
    """Rank of the token that two neighbouring tokens merge to, or _NO_RANK."""
    key = np.uint64(left) << _ID_BITS | np.uint64(right)
    slot = _pair_slot(key, pairs)
    mask = np.uint64(pairs.size - 1)
    while True:
        entry = pairs[np.int64(slot)]
        if entry == _EMPTY:
            return _NO_RANK
        if entry >> _ID_BITS == key:
            return np.int32(entry & _ID_MASK)
        slot = (slot + np.uint64(1)) & mask


@_inline
def _merge_short(
    data: Bytes,
    start: Int,
    size: Int,
    byte_tokens: Ints,
    byte_pairs: Ints,
    pairs: Words,
    ids: Ints,
    ranks: Ints,
) -> Int:
    """Number of tokens of a short piece: merge the lowest rank, leftmost first, until none is left."""
    for i in range(size):
        ids[i] = byte_tokens[data[start + i]]
    for i in range(size - 1):
        ranks[i] = byte_pairs[np.int64(data[start + i]) << 8 | np.int64(data[start + i + 1])]
    while size > 1:
        best = _NO_RANK
        at = 0
        for i in range(size - 1):
            if ranks[i] < best:
                best = ranks[i]
                at = i
        if best == _NO_RANK:
            break
        size -= 1
        ids[at] = best
        for i in range(at + 1, size):
            ids[i] = ids[i + 1]
        for i in range(at, size - 1):
            ranks[i] = ranks[i + 1]
        if at < size - 1:
            ranks[at] = _find_pair(ids[at], ids[at + 1], pairs)
        if at > 0:
            ranks[at - 1] = _find_pair(ids[at - 1], ids[at], pairs)
    return size


@_inline
def _push(heap: Longs, size: Int, value: Int) -> None:
    i = size
    while i > 0:
        parent = (i - 1) >> 1
        if heap[parent] <= value:
            break
        heap[i] = heap[parent]
        i = parent
    heap[i] = value


@_inline
def _pop(heap: Longs, size: Int) -> None:
    """Remove the least entry of a heap of that size."""
    value = heap[size - 1]
    size -= 1
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if value <= heap[child]:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = value


@_inline
def _merge_long(
    data: Bytes,
    start: Int,
    size: Int,
    byte_tokens: Ints,
    byte_pairs: Ints,
    pairs: Words,
    ids: Ints,
    ranks: Ints,
    after: Ints,
    before: Ints,
    heap: Longs,
) -> Int:
    """Number of tokens of a long piece, by a heap of merges over a linked list: n log n."""
    filled = 0
    for i in range(size):
        ids[i] = byte_tokens[data[start + i]]
        after[i] = i + 1
        before[i] = i - 1
        ranks[i] = _NO_RANK
        if i + 1 < size:
            ranks[i] = byte_pairs[np.int64(data[start + i]) << 8 | np.int64(data[start + i + 1])]
        if ranks[i] != _NO_RANK:
            _push(heap, filled, np.int64(ranks[i]) << 32 | i)
            filled += 1
    count = size
    while filled:
        entry = heap[0]
        _pop(heap, filled)
        filled -= 1
        at = entry & 0xFFFFFFFF
        if np.int64(ranks[at]) != entry >> 32:
            continue
        gone = after[at]
        ids[at] = ranks[at]
        ranks[gone] = -1
        following = after[gone]
        after[at] = following
        count -= 1
        ranks[at] = _NO_RANK
        if following < size:
            before[following] = at
            ranks[at] = _find_pair(ids[at], ids[following], pairs)
            if ranks[at] != _NO_RANK:
                _push(heap, filled, np.int64(ranks[at]) << 32 | at)
                filled += 1
        previous = before[at]
        if previous >= 0:
            ranks[previous] = _find_pair(ids[previous], ids[at], pairs)
            if ranks[previous] != _NO_RANK:
                _push(heap, filled, np.int64(ranks[previous]) << 32 | previous)
                filled += 1
    return count


# --- The kernel -----------------------------------------------------------------------------------


@_compiled
def count_texts(
    data: Bytes,
    words: Words,
    first: Int,
    ends: Longs,
    modern: bool,
    classes: Bytes,
    tokens: Bytes,
    token_ends: Longs,
    slots: Ints,
    byte_tokens: Ints,
    byte_pairs: Ints,
    pairs: Words,
    cache: Words,
    ids: Ints,
    ranks: Ints,
    after: Ints,
    before: Ints,
    heap: Longs,
    counts: Ints,
) -> None:
    """Fill counts with the number of tokens of each text; text i is data[ends[i - 1]:ends[i]].

    `words` is data seen as one overlapping 64-bit word per byte; `cache` remembers counts of pieces by
    their bytes (three words, then length and count), two per bucket, and belongs to one thread.
    """
    buckets = np.uint64(cache.shape[0] // 2 - 1)
    p = np.int64(first)
    for text in range(ends.size):
        end = ends[text]
        total: Int = 0
        while p < end:
            stop = _next_piece(data, p, end, classes, modern)
            size = stop - p
            if size > _CACHED:
                if _find_token(data, p, stop, tokens, token_ends, slots) >= 0:
                    total += 1
                elif size <= _SHORT:
                    total += _merge_short(data, p, size, byte_tokens, byte_pairs, pairs, ids, ranks)
                else:
                    total += _merge_long(data, p, size, byte_tokens, byte_pairs, pairs, ids, ranks, after, before, heap)
                p = stop
                continue
            a = words[p]
            b = _ZERO
            c = _ZERO
            if size <= 8:
                a &= _MASKS[size]
            elif size <= 16:
                b = words[p + 8] & _MASKS[size - 8]
            else:
                b = words[p + 8]
                c = words[p + 16] & _MASKS[size - 16]
            mixed = (a ^ np.uint64(size)) * _MIX_A
            if size > 8:
                mixed ^= (b + _MIX_A) * _MIX_B ^ (c * _MIX_C)
            mixed ^= mixed >> _SHIFT
            mixed *= _MIX_C
            slot = np.int64((mixed >> _SHIFT) & buckets) * 2
            for way in range(2):
                meta = cache[slot + way, 3]
                if (
                    cache[slot + way, 0] == a
                    and cache[slot + way, 1] == b
                    and cache[slot + way, 2] == c
                    and np.int64(meta >> _SHIFT) == size
                ):
                    total += np.int64(meta & np.uint64(0xFFFFFFFF))
                    break
            else:
                if _find_token(data, p, stop, tokens, token_ends, slots) >= 0:
                    made = 1
                else:
                    made = _merge_short(data, p, size, byte_tokens, byte_pairs, pairs, ids, ranks)
                total += made
                for column in range(4):
                    cache[slot + 1, column] = cache[slot, column]
                cache[slot, 0] = a
                cache[slot, 1] = b
                cache[slot, 2] = c
                cache[slot, 3] = np.uint64(size) << _SHIFT | np.uint64(made)
            p = stop
        counts[text] = total


@_compiled
def build_slots(tokens: Bytes, token_ends: Longs, slots: Ints) -> None:
    """Fill the table that finds a token by its bytes; an empty slot is -1."""
    mask = np.uint64(slots.size - 1)
    start: Int = np.int64(0)
    for token in range(token_ends.size):
        slot = _hash_bytes(tokens, start, token_ends[token]) & mask
        while slots[np.int64(slot)] >= 0:
            slot = (slot + np.uint64(1)) & mask
        slots[np.int64(slot)] = token
        start = token_ends[token]


@_compiled
def build_pairs(tokens: Bytes, token_ends: Longs, slots: Ints, byte_pairs: Ints, pairs: Words) -> int:
    """Fill the table of merges: every way to make a token out of two tokens. Returns how many there are.

    tiktoken merges any two neighbours whose bytes together are a token, however that token came about
    in training; therefore every split of every token belongs here, not only the training merges.
    """
    start = np.int64(0)
    made = 0
    mask = np.uint64(pairs.size - 1)
    for token in range(token_ends.size):
        end = token_ends[token]
        for middle in range(start + 1, end):
            left = _find_token(tokens, start, middle, tokens, token_ends, slots)
            if left < 0:
                continue
            right = _find_token(tokens, middle, end, tokens, token_ends, slots)
            if right < 0:
                continue
            if end - start == 2:
                byte_pairs[np.int64(tokens[start]) << 8 | np.int64(tokens[middle])] = token
            key = np.uint64(left) << _ID_BITS | np.uint64(right)
            slot = _pair_slot(key, pairs)
            while pairs[np.int64(slot)] != _EMPTY:
                slot = (slot + np.uint64(1)) & mask
            pairs[np.int64(slot)] = key << _ID_BITS | np.uint64(token)
            made += 1
        start = end
    return made


@_compiled
def find_ends(data: Bytes, lengths: Longs, ends: Longs) -> None:
    """Fill ends with the byte offset at which each text ends, given the texts' lengths in characters."""
    p = np.int64(0)
    for text in range(lengths.size):
        for _ in range(lengths[text]):
            first = data[p]
            p += 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
        ends[text] = p


# --- Tables ---------------------------------------------------------------------------------------

_CACHE_ENTRIES = 1 << 17  # 32 bytes each; measured best between 2**14 and 2**19


_PORTION = 1 << 22  # characters counted at a time


def is_compiled() -> bool:
    """Whether an earlier run on this machine left the compiled kernel, so that it starts fast."""
    folder = Path(count_texts.stats.cache_path or "")
    stamp = Path(__file__).stat().st_mtime
    return any(found.stat().st_mtime >= stamp for found in folder.glob("bpe.count_texts-*.nbi"))


def _scrub(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def read_classes() -> NDArray[np.uint8]:
    """Return the class of every code point, as tiktoken's regular expressions see it."""
    packed = (resources.files("ftdata") / "_vocab" / "classes.gz").read_bytes()
    return np.frombuffer(gzip.decompress(packed), dtype=np.uint8)


class PieceCounter:
    """Counts tokens of UTF-8 text with tables made once; safe to call from several threads at a time."""

    def __init__(self, tokens: Sequence[bytes], modern: bool) -> None:
        """Take the tokens in rank order, each rank being its index; `modern` is o200k's pattern."""
        self._modern = modern
        self._classes = read_classes()
        self._tokens = np.frombuffer(b"".join(tokens), dtype=np.uint8)
        self._token_ends = np.cumsum(np.fromiter(map(len, tokens), np.int64, len(tokens)))
        self._slots = np.full(1 << (2 * len(tokens)).bit_length(), -1, dtype=np.int32)
        build_slots(self._tokens, self._token_ends, self._slots)
        self._byte_tokens = np.empty(256, dtype=np.int32)
        for rank, token in enumerate(tokens[:256]):
            self._byte_tokens[token[0]] = rank
        self._byte_pairs = np.full(1 << 16, _NO_RANK, dtype=np.int32)
        self._pairs = np.full(1 << 21, _EMPTY, dtype=np.uint64)
        self.n_pairs = build_pairs(self._tokens, self._token_ends, self._slots, self._byte_pairs, self._pairs)
        self._caches: SimpleQueue[NDArray[np.uint64]] = SimpleQueue()

    def count_strings(self, texts: Sequence[str], threads: int = 1) -> list[int]:
        """Return the token count of each text, in portions that keep memory small."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        portion = np.cumsum(lengths) // _PORTION
        cuts = [0, *(np.flatnonzero(np.diff(portion)) + 1).tolist(), len(texts)]
        spans = list(itertools.pairwise(cuts))

        def count(span: tuple[int, int]) -> NDArray[np.int32]:
            return self._count_portion(texts[slice(*span)], lengths[slice(*span)])

        if threads == 1 or len(spans) == 1:
            return [number for span in spans for number in count(span).tolist()]
        with ThreadPoolExecutor(threads) as pool:
            return [number for counts in pool.map(count, spans) for number in counts.tolist()]

    def _count_portion(self, texts: Sequence[str], lengths: NDArray[np.int64]) -> NDArray[np.int32]:
        joined = "".join([*texts, "\0" * PADDING])
        try:
            data = joined.encode()
        except UnicodeEncodeError:
            texts = [_scrub(text) for text in texts]
            return self._count_portion(texts, np.fromiter(map(len, texts), np.int64, len(texts)))
        if len(data) == len(joined):
            return self.count(data, np.cumsum(lengths))
        ends = np.empty_like(lengths)
        find_ends(np.frombuffer(data, dtype=np.uint8), lengths, ends)
        return self.count(data, ends)

    def count(self, data: bytes, ends: NDArray[np.int64], first: int = 0) -> NDArray[np.int32]:
        """Return the token count of each text; text i is data[ends[i - 1]:ends[i]], the first from `first`.

        `data` must be valid UTF-8 and end with PADDING bytes that belong to no text.
        """
        buffer = np.frombuffer(data, dtype=np.uint8)
        words: NDArray[np.uint64] = np.ndarray((len(data) - 7,), dtype=np.uint64, buffer=data, strides=(1,))
        counts = np.zeros(ends.size, dtype=np.int32)
        longest = max(_SHORT, int(np.diff(ends, prepend=first).max(initial=0)))
        scratch = [np.empty(longest + 1, dtype=np.int32) for _ in range(4)]
        heap = np.empty(3 * longest, dtype=np.int64)
        try:
            cache = self._caches.get_nowait()
        except Empty:
            cache = np.zeros((_CACHE_ENTRIES, 4), dtype=np.uint64)
        count_texts(
            buffer, words, first, ends, self._modern, self._classes, self._tokens, self._token_ends,
            self._slots, self._byte_tokens, self._byte_pairs, self._pairs, cache, *scratch, heap, counts,
        )  # fmt: skip
        self._caches.put(cache)
        return counts
