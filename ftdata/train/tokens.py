"""Training sequences on disk: token ids and which of them are trained, in one ``.npz`` without pickles."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ftdata.errors import ReadError
from ftdata.write import write_atomically


@dataclass(slots=True)
class TokenSet:
    """Sequences one after the other: ``ids`` int32 and ``trained`` bool of equal length, ``ends`` int64, one per sequence.

    ``pairs`` (int64, one per sequence) is empty for supervised training; for preferences sequences come in twos, the chosen
    one first, and it numbers the pair.
    """

    ids: NDArray[np.int32]
    trained: NDArray[np.bool_]
    ends: NDArray[np.int64]
    pairs: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, number: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        start = int(self.ends[number - 1]) if number else 0
        end = int(self.ends[number])
        return self.ids[start:end], self.trained[start:end]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sequence."""
        return np.diff(self.ends, prepend=np.int64(0))

    @property
    def n_trained(self) -> int:
        """Tokens that are trained on in one epoch. The first of a sequence never is: nothing predicts it."""
        starts = np.concatenate([np.zeros(1, np.int64), self.ends[:-1]]) if len(self) else np.zeros(0, np.int64)
        return int(self.trained.sum()) - int(self.trained[starts].sum())

    def sha256(self) -> str:
        """The hash of all arrays."""
        digest = hashlib.sha256()
        for array in (self.ids, self.trained, self.ends, self.pairs):
            digest.update(np.ascontiguousarray(array).tobytes())
            digest.update(b"|")
        return digest.hexdigest()


def gather(sequences: Iterable[tuple[list[int], list[bool]]], *, paired: bool = False) -> TokenSet:
    """Collect sequences given as (ids, trained)."""
    ids: list[NDArray[np.int32]] = []
    trained: list[NDArray[np.bool_]] = []
    for tokens, mask in sequences:
        ids.append(np.asarray(tokens, np.int32))
        trained.append(np.asarray(mask, np.bool_))
    ends = np.cumsum([len(part) for part in ids], dtype=np.int64)
    pairs = np.arange(len(ids), dtype=np.int64) // 2 if paired else np.zeros(0, np.int64)
    return TokenSet(
        np.concatenate(ids) if ids else np.zeros(0, np.int32),
        np.concatenate(trained) if trained else np.zeros(0, np.bool_),
        ends,
        pairs,
    )


def join(first: TokenSet, second: TokenSet) -> TokenSet:
    """One set after the other."""
    pairs = np.concatenate([first.pairs, second.pairs + (int(first.pairs[-1]) + 1 if len(first.pairs) else 0)])
    ends = np.concatenate([first.ends, second.ends + (int(first.ends[-1]) if len(first) else 0)])
    return TokenSet(np.concatenate([first.ids, second.ids]), np.concatenate([first.trained, second.trained]), ends, pairs)


def save_tokens(path: Path, tokens: TokenSet) -> None:
    """Write a set, atomically."""
    buffer = io.BytesIO()
    np.savez(buffer, ids=tokens.ids, trained=tokens.trained, ends=tokens.ends, pairs=tokens.pairs)
    write_atomically(path, [buffer.getvalue()])


def load_tokens(path: Path) -> TokenSet:
    """Read a set. Raises ReadError where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return TokenSet(file["ids"], file["trained"], file["ends"], file["pairs"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise ReadError(f"{path}: cannot be read ({error})", "Start the run anew in another folder.") from None


def pack(lengths: NDArray[np.int64], capacity: int) -> list[list[int]]:
    """Put sequences into rows of at most ``capacity`` tokens, first fit decreasing: at most 11/9 of the fewest rows and one more.

    (Dósa 2007.) Every sequence is in exactly one row; one that is longer than the capacity has a row of its own. The order of
    rows is that of their longest sequence; equal lengths keep their order, so the same data is packed the same way.
    """
    order = np.argsort(-lengths, kind="stable")
    # A tree over rows with the most room below each node: the first row with room in log(rows).
    size = 1
    while size < max(1, len(lengths)):
        size *= 2
    room = np.zeros(2 * size, np.int64)
    room[size : size + len(lengths)] = capacity
    for node in range(size - 1, 0, -1):
        room[node] = max(room[2 * node], room[2 * node + 1])
    rows: list[list[int]] = []
    for number in order.tolist():
        need = min(int(lengths[number]), capacity)
        node = 1
        while node < size:
            node = 2 * node if room[2 * node] >= need else 2 * node + 1
        row = node - size
        while row >= len(rows):
            rows.append([])
        rows[row].append(number)
        room[node] -= need
        while node > 1:
            node //= 2
            room[node] = max(room[2 * node], room[2 * node + 1])
    return rows
