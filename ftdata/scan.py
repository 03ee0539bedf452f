"""Look at every row of some files once: its hash, its format, and what it asks and answers. The texts are not kept."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson

from ftdata.convert.piece import dumped, read_values, why_lost
from ftdata.errors import ReadError
from ftdata.formats import FORMATS, detect_row, parse, read_plain, sample_id
from ftdata.formats.identity import canonical
from ftdata.read import Input, Piece, cut, decode
from ftdata.types import Chunk, Fault
from ftdata.workers import Workers

PIECE_BYTES = 4 << 20
WORTH_WORKERS = 16 << 20
DIGITS = 32
_MAKER = "ftdata.scan:Scanner"
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
_NOTHING = bytes(8)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Look:
    """What to look for: rows read as ``format`` (``None``: each as what it is), and with ``keys`` also what they ask and answer."""

    format: str | None = None
    keys: bool = False


@dataclass(slots=True)
class Found:
    """The rows of a piece: 16 bytes of each row's hash, 8 of its prompt and of its answer (zero where it has none).

    ``formats`` counts rows by format, ``kept`` those that hold a conversation or a text; ``lost`` are lines that hold no row,
    ``faults`` all others, by rule.
    """

    ids: bytes = b""
    prompts: bytes = b""
    answers: bytes = b""
    formats: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    size: int = 0


@dataclass(slots=True)
class Scan:
    """All rows of all files in order. ``ids`` has two 64-bit numbers a row; ``file`` of row i is the last start not after i.

    ``pieces`` holds the number of rows of each piece, file by file: the second pass skips what holds no row it wants.
    """

    inputs: list[Input]
    ids: Any
    prompts: Any
    answers: Any
    starts: list[int]
    pieces: list[list[int]]
    formats: list[Counter[str]]
    lost: list[Counter[str]]
    faults: list[Counter[str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def hash_of(self, index: int) -> str:
        """The hash of a row, as every command prints it."""
        return hash_text(self.ids[index].tobytes())

    def place(self, index: int) -> tuple[int, int]:
        """The file of a row, counted from 0, and its number in that file, counted from 1."""
        file = int(np.searchsorted(self.starts, index, side="right")) - 1
        return file, index - self.starts[file] + 1


def hash_text(sixteen: bytes) -> str:
    """The hash of a sample from its 16 bytes."""
    return sixteen.hex()


class Scanner:
    """One process's scanner. Call it with a piece."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def __call__(self, piece: Piece) -> Found:
        """Look at every row of a piece. Raises ReadError if the file went away."""
        chunk = decode(piece)
        found = Found(size=chunk.size, rows=len(chunk.values))
        found.lost.update(why_lost(fault) for fault in chunk.faults if fault.lost)
        found.faults.update(fault.rule for fault in chunk.faults if not fault.lost)
        ids: list[str] = []
        prompts: list[bytes] = []
        answers: list[bytes] = []
        forced, keys = self._look.format, self._look.keys
        for value in chunk.values:
            plain = read_plain(value) if forced is None else None
            if plain is not None:
                ids.append(plain[2])
                found.formats["openai-chat"] += 1
                turns: Any = [[turn["role"], turn["content"]] for turn in value["messages"]] if keys else None
            else:
                sample = parse(value, forced or detect_row(value))
                ids.append(sample_id(sample))
                found.formats[sample.format] += 1
                turns = canonical(sample) if keys and sample.kind not in ("none", "text") else None
            if keys:
                prompt, answer = _asked(turns)
                prompts.append(prompt)
                answers.append(answer)
        found.ids = bytes.fromhex("".join(ids))
        found.prompts, found.answers = b"".join(prompts), b"".join(answers)
        return found


def _asked(content: Any) -> tuple[bytes, bytes]:
    """Eight bytes each of what a sample asks (its turns before the last answer, tools and media) and of what it answers."""
    more: dict[str, Any] = {}
    if isinstance(content, dict):
        more = {key: value for key, value in content.items() if key != "messages"}
        content = content["messages"]
    if not content:
        return _NOTHING, _NOTHING
    last = next((at for at in range(len(content) - 1, -1, -1) if content[at][0] == "assistant"), None)
    answer: dict[str, Any] = {key: more.pop(key) for key in ("chosen", "rejected", "label", "reference") if key in more}
    asked = content
    if last is not None and "chosen" not in answer and "rejected" not in answer:
        asked, answer["messages"] = content[:last], content[last:]
    return (_short([asked, more]), _short(answer)) if asked and answer else (_NOTHING, _NOTHING)


def _short(value: Any) -> bytes:
    try:
        return blake2b(orjson.dumps(value, option=_OPTIONS), digest_size=8).digest()
    except (TypeError, ValueError, RecursionError):
        return _NOTHING


def scan(inputs: Sequence[Input], look: Look, *, jobs: int | None = None, progress: Progress | None = None) -> Scan:
    """Look at every row of every file, in order; 16 bytes a row are kept, 32 with keys.

    Raises ReadError, with the file's name, where a file can no longer be read.
    """
    total = sum(item.size for item in inputs)
    workers = Workers(jobs or (min(os.cpu_count() or 1, 8) if total >= WORTH_WORKERS else 1), _MAKER)
    parts: list[Found] = []
    counts: list[list[int]] = [[] for _ in inputs]
    formats: list[Counter[str]] = [Counter() for _ in inputs]
    lost: list[Counter[str]] = [Counter() for _ in inputs]
    faults: list[Counter[str]] = [Counter() for _ in inputs]
    owners: list[int] = []
    done = 0
    try:
        for index, (_, found) in enumerate(workers.map(look, _pieces(inputs, owners))):
            owner = owners[index]
            counts[owner].append(found.rows)
            formats[owner] += found.formats
            lost[owner] += found.lost
            faults[owner] += found.faults
            parts.append(found)
            done += found.size
            if progress:
                progress(min(done, total), total)
    finally:
        workers.stop()
    starts, row = [], 0
    for several in counts:
        starts.append(row)
        row += sum(several)
    ids = np.frombuffer(b"".join(part.ids for part in parts), dtype=">u8").reshape(-1, 2)
    prompts = np.frombuffer(b"".join(part.prompts for part in parts), dtype="<u8")
    answers = np.frombuffer(b"".join(part.answers for part in parts), dtype="<u8")
    return Scan(list(inputs), ids, prompts, answers, starts, counts, formats, lost, faults)


def _pieces(inputs: Sequence[Input], owners: list[int]) -> Iterator[Piece]:
    for number, item in enumerate(inputs):
        try:
            for piece in cut(item, PIECE_BYTES):
                owners.append(number)
                yield piece
        except ReadError as error:
            raise ReadError(f"{item.path}: {error.message}", error.hint) from None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the second pass: its number over all files, its file, its number there, its line, its value, and its own text.

    ``line`` is ``None`` where the container has none; ``text`` is the row as one line of JSON without its end.
    """

    index: int
    file: int
    row: int
    line: int | None
    value: dict[str, Any]
    text: bytes


def wanted_rows(
    scan: Scan, wanted: Any = None, *, cells: bool = False, lost: Callable[[int, Fault], None] | None = None
) -> Iterator[Row]:
    """Yield the rows wanted (``None``: all), in order, each with its own bytes as UTF-8 where it is JSON.

    Pieces without a wanted row are not decoded. ``cells`` keeps the cells of tables as the texts that they are; ``lost`` is
    called with the file's number and the fault of each line that holds no row. Raises ReadError where a file changed since it
    was scanned.
    """
    if wanted is None:
        wanted = np.ones(len(scan), dtype=bool)
    for number, item in enumerate(scan.inputs):
        first = scan.starts[number]
        counts = iter(scan.pieces[number])
        row = 0
        try:
            for piece in cut(item, PIECE_BYTES):
                count = next(counts, -1)
                here = np.flatnonzero(wanted[first + row : first + row + max(count, 0)])
                if count < 0 or len(here) or lost is not None:
                    chunk = decode(piece)
                    if len(chunk.values) != count:
                        raise ReadError("changed while it was read", "Run again when nothing writes to it.")
                    for fault in chunk.faults if lost is not None else ():
                        if fault.lost and lost is not None:
                            lost(number, fault)
                    texts = own_lines(chunk, piece.container, cells=cells)
                    for at in here:
                        place = int(at)
                        yield Row(
                            first + row + place, number, row + place + 1, chunk.lines[place], chunk.values[place], texts(place)
                        )
                row += count
        except ReadError as error:
            raise ReadError(f"{item.path}: {error.message}", error.hint) from None


def own_lines(chunk: Chunk, container: str, *, cells: bool = False) -> Callable[[int], bytes]:
    """Return what gives each row of a chunk as one line of JSON: its own bytes where it is JSON and stands alone on its line.

    Line ends inside a row, which JSON allows between tokens only, become spaces. Rows of tables are written as JSON.
    """
    raws = chunk.raws
    values: list[Any] | None = None

    def line(index: int) -> bytes:
        nonlocal values
        raw = raws[index]
        # Several objects on one line share its bytes.
        shared = raw is not None and (
            (index > 0 and raws[index - 1] is raw) or (index + 1 < len(raws) and raws[index + 1] is raw)
        )  # fmt: skip
        if raw is not None and not shared:
            raw = raw.strip(b" \t\r\n").removeprefix(b"\xef\xbb\xbf")
            return raw.translate(_SPACES) if b"\n" in raw or b"\r" in raw else raw
        if cells and container in ("csv", "tsv"):
            return dumped(chunk.values[index])
        if values is None:
            values = read_values(chunk, container)
        return dumped(values[index])

    return line


_SPACES = bytes(0x20 if code in (0x0A, 0x0D) else code for code in range(256))


def kinds_of(formats: Counter[str]) -> Counter[str]:
    """How many rows there are of each kind of sample."""
    kinds: Counter[str] = Counter()
    for name, count in formats.items():
        kinds[FORMATS[name].kind] += count
    return kinds
