"""Fetch some rows a second time, to show them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftdata.errors import ReadError
from ftdata.read.cut import cut
from ftdata.read.encodings import WIDE
from ftdata.read.inputs import MAX_ROW, Input, Piece
from ftdata.read.rows import decode


def read_rows(item: Input, wanted: Sequence[tuple[int | None, int | None, int]]) -> list[Any]:
    """Return the rows at these (line, offset, row counted from 1), in that order; ``None`` for one not there.

    Lines of a plain file are sought by their offset; every other container is streamed up to the last row wanted.
    """
    plain = item.container == "jsonl" and item.compression is None and item.encoding not in WIDE and item.newline == "\n"
    found: dict[int, Any] = {}
    if plain:
        for line, offset, row in wanted:
            values = _line_at(item, offset, line) if offset is not None else []
            if len(values) == 1:
                found[row] = values[0]
    missing = {row for _, _, row in wanted} - found.keys()
    if missing:
        found |= _streamed(item, missing)
    return [found.get(row) for _, _, row in wanted]


def _line_at(item: Input, offset: int, line: int | None) -> list[Any]:
    try:
        with Path(item.file).open("rb") as file:
            file.seek(offset)
            data = file.readline(MAX_ROW + 1)
    except OSError as error:
        raise ReadError(f"cannot be read ({error.strerror})", "Was it moved meanwhile?") from None
    encoding = item.encoding
    piece = Piece(item.path, item.file, "jsonl", offset, offset + len(data), line or 1, data, encoding=encoding)
    return decode(piece).values


def _streamed(item: Input, rows: set[int]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    first, last = 1, max(rows)
    for piece in cut(item):
        if piece.container == "parquet":
            count = piece.end - piece.start
            values = decode(piece).values if any(first <= row < first + count for row in rows) else None
        else:
            values = decode(piece).values
            count = len(values)
        if values is not None:
            found |= {row: values[row - first] for row in rows if first <= row < first + count}
        first += count
        if first > last:
            break
    return found
