"""Cut a CSV or TSV file into its records, quoted line breaks included."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from ftdata.read.inputs import MAX_ROW, Input, Piece
from ftdata.read.streams import TextStream, truncated
from ftdata.types import Fault

TABLE_ROWS = 20_000
# How often a quote that is never closed is passed over; after that the file is hopeless.
_RETRIES = 50


class _Lines:
    """The lines of a file; those of the record being read are kept, to go back to where its quote is never closed."""

    def __init__(self, stream: TextStream) -> None:
        self.source = _decoded(stream)
        self.kept: list[str] = []
        self.again: list[str] = []
        self.line = 0
        self.broken: Fault | None = None

    def __iter__(self) -> Iterator[str]:
        while True:
            line = self.again.pop() if self.again else next(self.source, None)
            if line is None:
                return
            self.line += 1
            self.kept.append(line)
            yield line


def cut_table(item: Input, piece_bytes: int) -> Iterator[Piece]:
    """Yield the records of the file in pieces; the columns come with each."""
    csv.field_size_limit(MAX_ROW)
    stream = TextStream(item)
    rows: list[tuple[int, None, list[str]]] = []
    faults: list[Fault] = []
    size = 0
    for record in _records(item, stream):
        if isinstance(record, Fault):
            faults.append(record)
            continue
        rows.append(record)
        size += sum(map(len, record[2]))
        if size >= piece_bytes or len(rows) >= TABLE_ROWS:
            yield _piece(item, rows, faults, size)
            rows, faults, size = [], [], 0
    faults += stream.faults
    if rows or faults:
        yield _piece(item, rows, faults, size)


def _piece(item: Input, rows: list[tuple[int, None, list[str]]], faults: list[Fault], size: int) -> Piece:
    return Piece(
        item.path, item.file, item.container, rows=tuple(rows), columns=item.columns, faults=tuple(faults), size=size,
        encoding=item.encoding,
    )  # fmt: skip


def _records(item: Input, stream: TextStream) -> Iterator[tuple[int, None, list[str]] | Fault]:
    """The records with the lines where they start, and what is wrong between them."""
    lines = _Lines(stream)
    header = not any(fault.rule == "missing-header" for fault in item.faults)
    reader, retries = csv.reader(iter(lines), delimiter=item.delimiter), 0
    while True:
        start = lines.line + 1
        lines.kept.clear()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            rule = "row-too-large" if "field larger" in str(error) else "invalid-json"
            size = sum(map(len, lines.kept))
            values = {"size": size, "limit": MAX_ROW} if rule == "row-too-large" else {"reason": f"not a CSV record ({error})"}
            yield Fault(rule, start, 1, lost=True, values=values, excerpt=lines.kept[0][:80] if lines.kept else None)
            cells = []
            if len(lines.kept) > 1 and retries < _RETRIES:
                retries += 1
                _go_back(lines)
            reader = csv.reader(iter(lines), delimiter=item.delimiter)
            continue
        if cells is None:
            break
        if len(lines.kept) > 1 and retries < _RETRIES and _never_closed(lines.kept, item.delimiter, len(item.columns)):
            retries += 1
            excerpt = lines.kept[0].rstrip("\r\n")[:80]
            reason = "a quote is opened here and never closed"
            yield Fault("invalid-json", start, 1, lost=True, values={"reason": reason, "caret": 0}, excerpt=excerpt)
            _go_back(lines)
            reader = csv.reader(iter(lines), delimiter=item.delimiter)
            continue
        if header:
            header = False
        elif cells:
            yield start, None, cells
        elif lines.kept and not "".join(lines.kept).strip():
            yield Fault("blank-line", start, 1)
    if stream.cut_off:
        yield truncated(item, lines.line, 0)


def _go_back(lines: _Lines) -> None:
    """Read the lines after the first of a broken record again."""
    rest = lines.kept[1:]
    lines.again += reversed(rest)
    lines.line -= len(rest)


def _never_closed(kept: list[str], delimiter: str, width: int) -> bool:
    """Whether the quote opened on the first of these lines was not meant to be closed on another."""
    try:
        for _ in csv.reader(kept, delimiter=delimiter, strict=True):
            pass
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return True
        # It was closed by a quote that opens a cell, if the next line reads well alone.
        try:
            return [len(cells) for cells in csv.reader(kept[1:2], delimiter=delimiter, strict=True)] == [width]
        except csv.Error:
            return False
    return False


def _decoded(stream: TextStream) -> Iterator[str]:
    """The text line by line; a piece of text without a line end for 64 MiB is passed on as it is."""
    rest: list[bytes] = []
    size = 0
    for block in stream:
        end = block.rfind(b"\n") + 1
        if not end and size < MAX_ROW:
            rest.append(block)
            size += len(block)
            continue
        data = b"".join([*rest, block[:end]])
        rest, size = [block[end:]], len(block) - end
        yield from io.StringIO(data.decode("utf-8", "replace"), newline="")
    data = b"".join(rest)
    if data:
        yield from io.StringIO(data.decode("utf-8", "replace"), newline="")
