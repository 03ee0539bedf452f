"""Fix a whole file, piece by piece in bounded memory: what stands in it, and what is to be written instead.

Joined, the ``old`` bytes of all changes are the (decompressed) input and the ``new`` bytes the output: nothing stands
between them, and where no fix has anything to do the two are equal byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftdata.errors import ReadError
from ftdata.fix.document import Document
from ftdata.fix.engine import FixedRow, Fixer
from ftdata.read import Input, Piece, cut, decode
from ftdata.read.encodings import BOMS, WIDE
from ftdata.read.streams import CutOff, TextStream, raw_blocks

PIECE_BYTES = 4 << 20
_LINES_RULES = ("not-json-lines", "json-container")


@dataclass(slots=True)
class Change:
    """A stretch of the input with what becomes of it. ``line`` is where it begins, ``rows`` are the rows in it.

    ``fixed`` are the fixes of the file as a whole that show here, by rule and title.
    """

    old: bytes
    new: bytes
    line: int | None = None
    rows: list[FixedRow] = field(default_factory=list)
    fixed: list[tuple[str, str]] = field(default_factory=list)


class Copies:
    """The samples seen so far, in one file or several: a later copy is dropped, the first one stays."""

    def __init__(self, fixer: Fixer) -> None:
        self._exact: dict[int, str] | None = {} if "exact-duplicate" in fixer.rules else None
        self._near: dict[int, str] | None = {} if "normalised-duplicate" in fixer.rules else None

    def check(self, row: FixedRow, place: str) -> None:
        """Drop the row if it is a copy, as it now is; ``place`` names it to those that come after it."""
        if row.row is None or row.sample is None or not row.turns:
            return
        for rule, seen, key in (
            ("exact-duplicate", self._exact, int(row.sample, 16)),
            ("normalised-duplicate", self._near, row.normal_key),
        ):
            if seen is None or key is None:
                continue
            if key in seen and rule not in row.spared:
                row.row, row.left, row.dropped = None, [], (rule, f"the same sample as {seen[key]}")
                row.tokens = (row.tokens[0], 0) if row.tokens else None
                return
            seen[key] = place


def fix_file(item: Input, fixer: Fixer, copies: Copies | None = None, *, lines: bool = False) -> Iterator[Change]:
    """Yield the changes of a file from its beginning to its end, in order, those that change nothing too.

    ``lines``: rows of an array are written one a line, whether or not a rule asks for it.

    Rows of CSV, TSV and Parquet become JSON Lines: their ``old`` is empty. Raises ReadError where the file can no
    longer be read.
    """
    copies = copies or Copies(fixer)
    if item.container in ("csv", "tsv", "parquet"):
        yield from _table(item, fixer, copies)
        return
    encoding = _Encoding(item, fixer)
    yield from encoding.mark()
    if item.container == "jsonl":
        yield from _lines(item, fixer, copies, encoding)
    elif lines or any(fault.rule in fixer.rules for fault in item.faults if fault.rule in _LINES_RULES):
        yield from _elements_as_lines(item, fixer, copies, encoding)
    else:
        yield from _elements(item, fixer, copies, encoding)


def why_no_patch(item: Input) -> str | None:
    """Why the changes of a file make no patch that could be applied to it; ``None`` if they make one."""
    if item.compression:
        return "the file is compressed"
    if item.encoding in WIDE:
        return f"the file is in {item.encoding[:-3].upper()}"
    return f"the file is {item.container.upper()}" if item.container in ("csv", "tsv", "parquet") else None


class _Encoding:
    """How text is read from the file and written: as it was, or as UTF-8 where that is asked for."""

    def __init__(self, item: Input, fixer: Fixer) -> None:
        self.item = item
        self.to_utf8 = "non-utf8-encoding" in fixer.rules
        self.plain_mark = "byte-order-mark" in fixer.rules
        self.fix = ("non-utf8-encoding", "written as UTF-8")

    def mark(self) -> Iterator[Change]:
        """The byte order mark, if the file has one."""
        if not self.item.skip:
            return
        mark = next(mark for mark, encoding in BOMS if encoding == self.item.encoding)
        old = mark * (self.item.skip // len(mark))
        if self.item.encoding == "utf-8":
            gone, fixed = self.plain_mark, ("byte-order-mark", "byte order mark removed")
        else:
            gone, fixed = self.to_utf8, self.fix
        yield Change(old, b"" if gone else old, 1, fixed=[fixed] if gone else [])

    def read(self, data: bytes, encoding: str) -> bytes:
        """Bytes of the file as UTF-8; what is UTF-8 already stays."""
        if encoding == "utf-8" or encoding in WIDE or data.isascii():
            return data
        try:
            data.decode("utf-8")
            return data
        except UnicodeDecodeError:
            return data.decode(encoding, "replace").encode()

    def source(self, data: bytes, encoding: str) -> bytes:
        """UTF-8 that was read from the file as it stands there."""
        return data if encoding == "utf-8" else data.decode("utf-8", "replace").encode(encoding, "replace")

    def write(self, data: bytes, encoding: str) -> bytes:
        """UTF-8 as it is to be written; a character that the encoding lacks is escaped as JSON does."""
        if encoding == "utf-8" or self.to_utf8 or (data.isascii() and encoding not in WIDE):
            return data
        text = data.decode("utf-8", "replace")
        try:
            return text.encode(encoding)
        except UnicodeEncodeError:
            return "".join(c if _fits(c, encoding) else json.dumps(c)[1:-1] for c in text).encode(encoding)


def _fits(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _lines(item: Input, fixer: Fixer, copies: Copies, encoding: _Encoding) -> Iterator[Change]:
    """JSON Lines: every line is a row, or none, and keeps its end unless all ends are to be one."""
    unify = "mixed-newlines" in fixer.rules and item.newline == "\n" and _mixed(item)
    at = item.skip
    for piece in cut(item, PIECE_BYTES):
        ranged = piece.data is None and piece.rows is None
        if ranged and piece.start > at:
            # A row that is larger than any row may be, or a blank file's end: it stays as it is.
            yield from _copied(item, at, piece.start)
        for fault in piece.faults:
            if fault.rule == "row-too-large" and not ranged:
                raise ReadError(f"line {fault.line} is too large to be kept", "Decompress the file, or write it as UTF-8 first.")
        at = max(at, piece.end)
        data = _bytes_of(item, piece) if ranged else piece.data or b""
        if not data:
            continue
        rows = data.split(b"\n")
        ends = [b"\n"] * (len(rows) - 1) + [b""]
        if not rows[-1]:
            rows.pop()
            ends.pop()
        olds = [(row, end) for row, end in zip(rows, ends, strict=True)]
        raws = [encoding.read(row.removesuffix(b"\r"), piece.encoding) for row in rows]
        results: list[list[FixedRow]] = [[] for _ in raws]
        for fixed in fixer.fix_rows(raws):
            results[fixed.source].append(fixed)
        for number, (old, end) in enumerate(olds):
            returned = b"\r" if old.endswith(b"\r") else b""
            line = piece.first_line + number
            stop = b"\n" if unify and end else returned + end
            source = encoding.source(old + end, piece.encoding) if piece.encoding in WIDE else old + end
            if item.newline == "\r":
                source, stop = source.replace(b"\n", b"\r"), stop.replace(b"\n", b"\r")
            change = _change(source, raws[number], results[number], line, stop, encoding, piece.encoding, copies)
            if unify and returned and end:
                change.fixed.append(("mixed-newlines", "every line ends with \\n"))
            yield change
    if not item.compression and item.encoding not in WIDE and item.newline == "\n":
        yield from _copied(item, at, item.size)


def _change(
    source: bytes, raw: bytes, rows: list[FixedRow], line: int, end: bytes, encoding: _Encoding, name: str, copies: Copies
) -> Change:
    for row in rows:
        copies.check(row, f"line {line}")
    kept = [row.row for row in rows if row.row is not None]
    out: list[bytes] = []
    for number, text in enumerate(kept):
        stop = end if end or number == len(kept) - 1 else b"\n"
        out.append(_written(text, stop, encoding, name))
    new = b"".join(out)
    fixed = []
    if name != "utf-8" and encoding.to_utf8 and (raw != source.rstrip(b"\r\n") or name in WIDE):
        fixed.append(encoding.fix)
    elif kept == [raw] and end == source[len(source.rstrip(b"\r\n")) :]:
        new = source  # exactly, whatever the encoding makes of it
    return Change(source, new, line, rows, fixed)


def _written(text: bytes, end: bytes, encoding: _Encoding, name: str) -> bytes:
    return encoding.write(text + end, name)


def _mixed(item: Input) -> bool:
    """Whether the lines of a file end in different ways."""
    returns = total = 0
    last = b""
    try:
        for block in raw_blocks(item):
            returns += block.count(b"\r\n") + (last == b"\r" and block[:1] == b"\n")
            total += block.count(b"\n")
            last = block[-1:]
    except CutOff:
        pass
    return 0 < returns < total


def _bytes_of(item: Input, piece: Piece) -> bytes:
    try:
        with Path(item.file).open("rb") as file:
            file.seek(piece.start)
            return file.read(piece.end - piece.start)
    except OSError as error:
        raise ReadError(f"cannot be read ({error.strerror})", "Was it moved meanwhile?") from None


def _copied(item: Input, start: int, end: int) -> Iterator[Change]:
    """A stretch of a plain file as it is."""
    with Path(item.file).open("rb") as file:
        file.seek(start)
        while start < end:
            data = file.read(min(PIECE_BYTES, end - start))
            if not data:
                return
            start += len(data)
            yield Change(data, data)


def _elements_as_lines(item: Input, fixer: Fixer, copies: Copies, encoding: _Encoding) -> Iterator[Change]:
    """An array, or objects that follow each other, as one object a line."""
    rule = next((fault.rule for fault in item.faults if fault.rule in _LINES_RULES), "json-container")
    fixes = [(rule, "written one object a line")]
    if item.encoding != "utf-8" and encoding.to_utf8:
        fixes.append(encoding.fix)
    head = item.container == "json-array"
    for gap, raw, line, rows in _cut(item, fixer, copies):
        # What could not be read is kept on a line of its own, and is still found there.
        kept = [_lost(gap.lstrip().removeprefix(b"[") if head else gap, tail=not rows)]
        kept += [_on_one_line(row.row) for row in rows if row.row is not None]
        new = b"".join(text + b"\n" for text in kept if text)
        head = False
        yield Change(
            encoding.source(gap + raw, item.encoding), encoding.write(new, item.encoding), line, rows, fixes if rows else []
        )


def _lost(gap: bytes, tail: bool = False) -> bytes:
    """What stands between two rows and is no row: a broken one."""
    gap = gap.strip(b" \t\r\n,")
    if tail:
        gap = gap.removesuffix(b"]").strip(b" \t\r\n,")
    return b" ".join(gap.split())


def _on_one_line(row: bytes) -> bytes:
    if b"\n" not in row and b"\r" not in row:
        return row
    try:
        return Document(row.decode("utf-8", "surrogateescape")).flat().encode("utf-8", "surrogateescape")
    except ValueError:
        return b" ".join(row.split())


def _elements(item: Input, fixer: Fixer, copies: Copies, encoding: _Encoding) -> Iterator[Change]:
    """An array that stays one: rows are replaced where they stand, all that is between them stays."""
    written = skip = False
    for gap, raw, line, rows in _cut(item, fixer, copies):
        kept = [row.row for row in rows if row.row is not None]
        plain = not gap.strip(b" \t\r\n,")
        if kept or not rows:
            between = b",\n" if item.container == "json-array" else b"\n"
            new = (b"" if skip and plain and rows else gap) + (between.join(kept) if rows else raw)
            written, skip = True, False
        else:
            # With a row goes the comma before it; with the first row the one after it.
            new = b"" if plain and (written or skip) else gap
            skip = skip or not written
        yield Change(encoding.source(gap + raw, item.encoding), encoding.write(new, item.encoding), line, rows)


def _cut(item: Input, fixer: Fixer, copies: Copies) -> Iterator[tuple[bytes, bytes, int | None, list[FixedRow]]]:
    """What stands before each row, the row, its line and what became of it; at the end the rest, without a row."""
    cursor = _Cursor(item)
    for piece in cut(item, PIECE_BYTES):
        elements = list(piece.rows or ())
        results: list[list[FixedRow]] = [[] for _ in elements]
        for fixed in fixer.fix_rows([raw for _, _, raw in elements]):
            results[fixed.source].append(fixed)
        for (line, offset, raw), rows in zip(elements, results, strict=True):
            for row in rows:
                copies.check(row, f"line {line}")
            yield cursor.upto(offset, raw), raw, line, rows
    yield cursor.rest(), b"", None, []


class _Cursor:
    """Reads the text of a file from its beginning to its end, next to the rows that were cut out of it."""

    def __init__(self, item: Input) -> None:
        self._blocks = iter(TextStream(item))
        self._data = b""
        self._at = 0
        self._offset = item.skip

    def upto(self, offset: int | None, raw: bytes) -> bytes:
        """The text before the row that begins at this offset of the file; it goes on after the row."""
        size = (offset or 0) - self._offset
        while len(self._data) - self._at < size + len(raw) and self._more():
            pass
        at = self._at + size
        if size < 0 or self._data[at : at + len(raw)] != raw:
            # Offsets count other bytes where the text was transcoded: the row itself is sought.
            while (at := self._data.find(raw, self._at)) < 0:
                if not self._more():
                    return b""
        gap = self._data[self._at : at]
        self._at = at + len(raw)
        self._offset = (offset or 0) + len(raw)
        return gap

    def _more(self) -> bool:
        block = next(self._blocks, None)
        if block is None:
            return False
        self._data, self._at = self._data[self._at :] + block, 0
        return True

    def rest(self) -> bytes:
        """The text after the last row."""
        return self._data[self._at :] + b"".join(self._blocks)


def _table(item: Input, fixer: Fixer, copies: Copies) -> Iterator[Change]:
    """Rows of a table as JSON Lines; cells beyond the header go to the sidecar."""
    number = 0
    for piece in cut(item, PIECE_BYTES):
        chunk = decode(piece)
        raws = [json.dumps(value, ensure_ascii=False, default=_plain).encode("utf-8", "replace") for value in chunk.values]
        cells = [row[2] for row in piece.rows or ()] if item.container != "parquet" else []
        for row in fixer.fix_rows(raws):
            number += 1
            line = chunk.lines[row.source]
            copies.check(row, f"line {line}" if line is not None else f"row {number}")
            if cells:
                width = len(piece.columns)
                for index, cell in enumerate(cells[row.source][width:], width + 1):
                    row.sidecar.setdefault(f"/column_{index}", json.dumps(cell, ensure_ascii=False))
            yield Change(b"", b"" if row.row is None else row.row + b"\n", line, [row])


def _plain(value: Any) -> Any:
    """What JSON has no type for: bytes as text where they are some, all else as Python writes it."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
