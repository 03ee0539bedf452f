"""Decode the rows of a piece: the fast way for good lines, an exact way for every other."""

from __future__ import annotations

import gc
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import orjson

from ftdata.errors import ReadError
from ftdata.read.encodings import WIDE
from ftdata.read.exact import decode_row
from ftdata.read.inputs import MAX_ROW, Piece
from ftdata.types import Chunk, Fault

# What a fast parser reads without a word, though something is wrong: escaped control characters; and what would
# make the count of keys below inexact: space before a colon, and a quote or a colon in disguise.
# Patterns begin with one literal byte each, which makes searching four times as fast as one pattern for both.
_ESCAPES = re.compile(rb"\\(?:u00(?:0[0-8bBcCeEfF]|1|22|3[aA])|[bf])")
_SPACED_COLON = re.compile(rb'"[ \t\r\n]+:')
_KEY = b'":'


def decode(piece: Piece) -> Chunk:
    """Return the rows of a piece with their places, and the faults met. Raises ReadError if the file went away.

    A whole number beyond 64 bits arrives as a float: exact enough to judge, and not to write the row again.
    """
    chunk = Chunk(piece.path, [], [], [], [], list(piece.faults), piece.size)
    # Thousands of new dicts would start the garbage collector again and again, for nothing.
    collecting = gc.isenabled()
    gc.disable()
    try:
        if piece.container == "parquet":
            _decode_parquet(piece, chunk)
        elif piece.container in ("csv", "tsv"):
            _decode_table(piece, chunk)
        elif piece.rows is not None:
            _decode_elements(piece.rows, chunk)
        else:
            _decode_lines(piece, chunk)
    finally:
        if collecting:
            gc.enable()
    return chunk


def _bytes_of(piece: Piece) -> bytes:
    if piece.data is not None:
        return piece.data
    try:
        with Path(piece.file).open("rb") as file:
            file.seek(piece.start)
            return file.read(piece.end - piece.start)
    except OSError as error:
        raise ReadError(f"cannot be read ({error.strerror})", "Was it moved meanwhile?") from None


def _decode_lines(piece: Piece, chunk: Chunk) -> None:
    data = _bytes_of(piece)
    rows = data.split(b"\n")
    if not rows[-1]:
        rows.pop()  # what follows the last newline is no row
    widths: list[int] = []
    if piece.encoding in WIDE:
        unit = 4 if "32" in piece.encoding else 2
        widths = [len(row.decode("utf-8", "replace").encode(piece.encoding, "replace")) + unit for row in rows]
    elif piece.encoding != "utf-8":
        widths = [len(row) + 1 for row in rows]
        rows = [_transcoded(row, piece.encoding) for row in rows]
        data = b"\n".join(rows)
    offsets = list(accumulate(widths or (len(row) + 1 for row in rows), initial=piece.start))[: len(rows)]
    lines = list(range(piece.first_line, piece.first_line + len(rows)))
    _decode_rows(data, rows, lines, offsets, chunk)


def _transcoded(row: bytes, encoding: str) -> bytes:
    """A line as UTF-8, which it may be already: files of two encodings exist."""
    if row.isascii():
        return row
    try:
        row.decode("utf-8")
        return row
    except UnicodeDecodeError:
        return row.decode(encoding, "replace").encode("utf-8", "replace")


def _decode_elements(rows: Sequence[tuple[int | None, int | None, bytes]], chunk: Chunk) -> None:
    raws = [raw for _, _, raw in rows]
    _decode_rows(b"\n".join(raws), raws, [line for line, _, _ in rows], [offset for _, offset, _ in rows], chunk)


def _decode_rows(
    data: bytes, rows: list[bytes], lines: Sequence[int | None], offsets: Sequence[int | None], chunk: Chunk
) -> None:
    """Decode rows; ``data`` is all of them with one byte between two."""
    suspects = _suspects(data, rows)
    loads: Callable[[bytes], Any] = orjson.loads
    values: list[Any] = []
    if not suspects:
        try:
            values = [loads(row) for row in rows]
        except (ValueError, RecursionError):
            values = []
    if values and all(type(value) is dict for value in values) and _no_key_lost(values, data.count(_KEY)):
        chunk.values, chunk.raws = values, list(rows)
        chunk.lines, chunk.offsets = list(lines), list(offsets)
        return
    for number, (row, line, offset) in enumerate(zip(rows, lines, offsets, strict=True)):
        value = None
        if number not in suspects:
            try:
                value = loads(row)
            except (ValueError, RecursionError):
                value = None
        if type(value) is dict and _no_key_lost([value], row.count(_KEY)):
            chunk.values.append(value)
            chunk.lines.append(line)
            chunk.offsets.append(offset)
            chunk.raws.append(row)
        elif row.strip(b" \t\r"):
            decode_row(row, line, offset, chunk)
        else:
            chunk.faults.append(Fault("blank-line", line, 1, offset))


def _suspects(data: bytes, rows: list[bytes]) -> set[int]:
    """The numbers of the rows that only the exact way may decode."""
    found: set[int] = set()
    if len(data) > MAX_ROW:
        found.update(number for number, row in enumerate(rows) if len(row) > MAX_ROW)
    places = [match.start() for match in _SPACED_COLON.finditer(data)]
    places += [match.start() for match in _ESCAPES.finditer(data) if not _escaped(data, match.start())]
    if places:
        ends = list(accumulate(len(row) + 1 for row in rows))
        found.update(bisect_right(ends, place) for place in places)
    return found


def _escaped(data: bytes, at: int) -> bool:
    """Whether the backslash here is itself escaped, so that it escapes nothing."""
    before = at
    while before and data[before - 1] == 0x5C:
        before -= 1
    return (at - before) % 2 == 1


def _no_key_lost(values: list[Any], count: int) -> bool:
    """Whether no duplicate key was dropped from these objects, whose text has ``count`` times '":'.

    A dropped key takes its '":' with it; every other one stands in both texts, as suspects are left out. So the
    counts are equal only if nothing was dropped: for all rows together as for each of them.
    """
    if sum(map(len, values)) == count:
        return True
    try:
        return orjson.dumps(values).count(_KEY) == count
    except (TypeError, RecursionError):
        return False


def _decode_table(piece: Piece, chunk: Chunk) -> None:
    columns = piece.columns
    width = len(columns)
    for line, _, cells in piece.rows or ():
        row: dict[str, Any] = dict(zip(columns, cells, strict=False))
        if len(cells) != width:
            values: dict[str, Any] = {"found": len(cells), "expected": width}
            if len(cells) > width:
                values["extra"] = [cell[:80] for cell in cells[width : width + 3]]
            excerpt = ",".join(cell[:80] for cell in cells[:20])[:80]
            chunk.faults.append(Fault("ragged-row", line, 1, values=values, excerpt=excerpt))
            for column in columns[len(cells) :]:
                row[column] = None
        chunk.values.append(row)
        chunk.lines.append(line)
    chunk.offsets = [None] * len(chunk.values)
    chunk.raws = [None] * len(chunk.values)


def _decode_parquet(piece: Piece, chunk: Chunk) -> None:
    chunk.values = list(_parquet_rows(piece))
    chunk.lines = [None] * len(chunk.values)
    chunk.offsets = [None] * len(chunk.values)
    chunk.raws = [None] * len(chunk.values)


def _parquet_rows(piece: Piece) -> Iterator[dict[str, Any]]:
    import polars as pl

    try:
        frame = pl.scan_parquet(piece.file, glob=False).slice(piece.start, piece.end - piece.start).collect()
        yield from frame.iter_rows(named=True)
    except BaseException as error:  # polars panics are no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
            raise
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ReadError(f"is a damaged Parquet file ({reason})", "Write it again.") from None
