"""Write what stays, byte for byte where it is a line, and what goes with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ftdata.dedupe.collect import Collection
from ftdata.dedupe.decide import Match
from ftdata.read import Input, cut, decode
from ftdata.read.encodings import WIDE
from ftdata.read.streams import CutOff, raw_blocks


def rows_of(collection: Collection) -> Iterator[tuple[int, int | None, bytes]]:
    """Yield (file, row, line) of everything that stands in the files, each as one line without its end.

    ``row`` is ``None`` for what holds no row: blank and broken lines of a JSON Lines file, which are passed on as they stand.
    A row that is JSON in another container keeps its bytes; line ends inside it, which JSON allows between tokens only,
    become spaces. Cells of a table are written as JSON.
    """
    for number, item in enumerate(collection.inputs):
        if item.container == "jsonl" and item.encoding not in WIDE and item.newline == "\n":
            yield from ((number, row, line) for row, line in _lines(item))
            continue
        row = 0
        for piece in cut(item):
            chunk = decode(piece)
            for value, raw in zip(chunk.values, chunk.raws, strict=True):
                row += 1
                yield number, row, _line(value, raw)


def _lines(item: Input) -> Iterator[tuple[int | None, bytes]]:
    """The lines of a JSON Lines file with the number of their row: those that the reader reads are counted."""
    rows: dict[int, int] = {}
    count = 0
    for piece in cut(item):
        for at in decode(piece).lines:
            count += 1
            if at is not None:
                rows[at] = count
    for number, line in enumerate(_split(item), 1):
        yield rows.get(number), line


def _split(item: Input) -> Iterator[bytes]:
    rest = b""
    try:
        for block in raw_blocks(item):
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
    except CutOff:
        # A compressed file that breaks off: what came before it stays.
        pass
    if rest:
        yield rest


def _line(value: Any, raw: bytes | None) -> bytes:
    if raw is None:
        return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
    return raw.strip().replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in raw or b"\r" in raw else raw.strip()


def kept_lines(collection: Collection, dropped: Mapping[int, Match]) -> Iterator[bytes]:
    """The lines that stay, in their order; lines that hold no sample stay too."""
    gone = {(collection.file[index], collection.row[index]) for index in dropped}
    for number, row, line in rows_of(collection):
        if row is None or (number, row) not in gone:
            yield line + b"\n"


def dropped_lines(collection: Collection, dropped: Mapping[int, Match], bases: Mapping[int, str]) -> Iterator[bytes]:
    """What goes, each with the reason, the kept sample and the score; its row stands under "row", byte for byte.

    ``bases`` names the place in other data that a sample matches.
    """
    gone = {(collection.file[index], collection.row[index]): index for index in dropped}
    for number, row, line in rows_of(collection):
        index = gone.get((number, row)) if row is not None else None
        if index is None:
            continue
        match = dropped[index]
        note = {
            "rule": "exact-duplicate" if match.exact else "near-duplicate", "sample": collection.ids[index],
            "place": collection.place(index), "kept_sample": collection.ids[match.kept], "kept_place": bases.get(index) or collection.place(match.kept),
            "score": round(match.score, 2), "difference": match.judgement.difference,
        }  # fmt: skip
        yield json.dumps(note, ensure_ascii=False)[:-1].encode("utf-8", "backslashreplace") + b', "row": ' + line.strip() + b"}\n"
