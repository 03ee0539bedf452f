"""Write what stays, byte for byte where it is a line, and what goes with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ftdata.dedupe.collect import Collection
from ftdata.dedupe.decide import Match
from ftdata.read import cut, decode


def rows_of(collection: Collection) -> Iterator[tuple[int, int, bytes]]:
    """Yield (file, row, line) of every row that could be read, as one line of JSON without its end.

    A row that is JSON in its file keeps its bytes; line ends inside it, which JSON allows between tokens only, become
    spaces. Cells of a table are written as JSON.
    """
    for number, item in enumerate(collection.inputs):
        row = 0
        for piece in cut(item):
            chunk = decode(piece)
            for value, raw in zip(chunk.values, chunk.raws, strict=True):
                row += 1
                yield number, row, _line(value, raw)


def _line(value: Any, raw: bytes | None) -> bytes:
    if raw is None:
        return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
    return raw.strip().replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in raw or b"\r" in raw else raw.strip()


def kept_lines(collection: Collection, dropped: Mapping[int, Match]) -> Iterator[bytes]:
    """The lines that stay, in their order; rows that hold no sample stay too."""
    gone = {(collection.file[index], collection.row[index]) for index in dropped}
    for number, row, line in rows_of(collection):
        if (number, row) not in gone:
            yield line + b"\n"


def dropped_lines(collection: Collection, dropped: Mapping[int, Match], bases: Mapping[int, str]) -> Iterator[bytes]:
    """What goes, each with the reason, the kept sample and the score; its row stands under "row", byte for byte.

    ``bases`` names the place in other data that a sample matches.
    """
    gone = {(collection.file[index], collection.row[index]): index for index in dropped}
    for number, row, line in rows_of(collection):
        index = gone.get((number, row))
        if index is None:
            continue
        match = dropped[index]
        note = {
            "rule": "exact-duplicate" if match.exact else "near-duplicate", "sample": collection.ids[index],
            "place": collection.place(index), "kept_sample": collection.ids[match.kept], "kept_place": bases.get(index) or collection.place(match.kept),
            "score": round(match.score, 2), "difference": match.judgement.difference,
        }  # fmt: skip
        yield json.dumps(note, ensure_ascii=False)[:-1].encode("utf-8", "backslashreplace") + b', "row": ' + line + b"}\n"
