"""Cut a file into pieces at the ends of rows, in one pass and bounded memory, whatever its size."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ftdata.errors import ReadError
from ftdata.read.inputs import MAX_ROW, Input, Piece
from ftdata.read.reasons import explain
from ftdata.read.streams import CutOff, raw_blocks, text_blocks, truncated
from ftdata.types import Fault

PARQUET_ROWS = 20_000
TABLE_ROWS = 20_000


def cut(item: Input, piece_bytes: int = 8 << 20) -> Iterator[Piece]:
    """Yield the pieces of a file. The faults of the file as a whole come with the first one.

    Raises ReadError where a file can no longer be read, or is no Parquet inside.
    """
    ways = {"jsonl": _lines, "json-array": _values, "json-objects": _values, "parquet": _parquet}
    faults, yielded = item.faults, False
    for piece in ways.get(item.container, _table)(item, piece_bytes):
        yield replace(piece, faults=(*faults, *piece.faults)) if faults else piece
        faults, yielded = (), True
    if not yielded and faults:
        yield Piece(item.path, item.file, item.container, rows=(), faults=faults)


def _lines(item: Input, piece_bytes: int) -> Iterator[Piece]:
    """Lines, by byte range where the worker can read the file itself, by data otherwise."""
    by_range = item.compression is None and item.encoding == "utf-8" and item.newline == "\n"
    # Blocks as large as the pieces: most then become a piece as they are.
    blocks = raw_blocks(item, piece_bytes) if by_range else text_blocks(item)
    buffer = bytearray()
    start, line, skip = 0, 1, item.skip if by_range else 0
    faults: list[Fault] = []
    skipping = 0
    mixed = None
    try:
        for block in blocks:
            if skip:
                start, block, skip = start + min(skip, len(block)), block[skip:], max(0, skip - len(block))
            if skipping:
                end = block.find(b"\n") + 1
                if not end:
                    skipping += len(block)
                    continue
                skipping += end
                faults.append(_too_large(line, start, skipping))
                start, line, block, skipping = start + skipping, line + 1, block[end:], 0
            buffer += block
            while len(buffer) >= piece_bytes:
                end = buffer.rfind(b"\n", 0, None) + 1
                if end == 0:
                    if len(buffer) > MAX_ROW:
                        skipping = len(buffer)
                        buffer.clear()
                    break
                mixed = mixed or _mixed_newlines(buffer, line, start)
                yield _line_piece(item, bytes(buffer[:end]), start, line, by_range, faults, mixed)
                mixed = (mixed[0], None) if mixed else None
                faults = []
                line += buffer.count(b"\n", 0, end)
                start += end
                del buffer[:end]
    except CutOff:
        faults.append(replace_line(truncated(item), line + buffer.count(b"\n"), start + len(buffer)))
    if skipping:
        faults.append(_too_large(line, start, skipping))
    if buffer or faults:
        mixed = mixed or _mixed_newlines(buffer, line, start)
        yield _line_piece(item, bytes(buffer), start, line, by_range, faults, mixed)


def replace_line(fault: Fault, line: int, offset: int) -> Fault:
    """The fault with its place filled in."""
    fault.line, fault.offset, fault.column = line, offset, 1
    return fault


def _line_piece(
    item: Input,
    data: bytes,
    start: int,
    line: int,
    by_range: bool,
    faults: list[Fault],
    mixed: tuple[bool, Fault | None] | None,
) -> Piece:
    found = (*faults, *((mixed[1],) if mixed and mixed[1] else ()))
    end = start + len(data)
    return Piece(
        item.path,
        item.file,
        "jsonl",
        start,
        end,
        line,
        None if by_range else data,
        faults=found,
        size=len(data),
    )


def _mixed_newlines(buffer: bytearray, line: int, start: int) -> tuple[bool, Fault | None] | None:
    """The first line that ends otherwise than the first one of these lines does."""
    returns = buffer.count(b"\r\n")
    if not returns or returns == buffer.count(b"\n"):
        return None
    first = buffer.find(b"\n")
    crlf = buffer[first - 1 : first] == b"\r"
    match = re.search(rb"[^\r]\n" if crlf else rb"\r\n", buffer)
    if match is None:
        return None
    return True, Fault("mixed-newlines", line + buffer.count(b"\n", 0, match.end() - 1), 1, start + match.start())


def _too_large(line: int, start: int, size: int) -> Fault:
    return Fault("row-too-large", line, 1, start, lost=True, values={"size": size, "limit": MAX_ROW})


class _Window:
    """A sliding window of text over a file, with the byte offset and line of its beginning."""

    def __init__(self, item: Input) -> None:
        self.blocks = text_blocks(item)
        self.text = ""
        self.offset = item.skip if item.encoding == "utf-8" else 0
        self.line = 1
        self.ended = False
        self.cut_off = False
        self.rest = b""

    def more(self) -> bool:
        """Read another block; False at the end."""
        if self.ended:
            return False
        try:
            block = next(self.blocks, None)
        except CutOff:
            self.cut_off, block = True, None
        if block is None:
            self.ended = True
            self.text += self.rest.decode("utf-8", "surrogateescape")
            self.rest = b""
            return bool(self.text)
        data = self.rest + block
        # Keep an unfinished character for the next block.
        whole = len(data)
        for back in range(1, min(4, len(data)) + 1):
            byte = data[-back]
            if byte >= 0xC0:
                width = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2
                whole = len(data) - back if back < width else len(data)
                break
            if byte < 0x80:
                break
        self.rest = data[whole:]
        self.text += data[:whole].decode("utf-8", "surrogateescape")
        return True

    def drop(self, end: int) -> bytes:
        """Drop the text before ``end`` and return its bytes."""
        gone = self.text[:end]
        data = gone.encode("utf-8", "surrogateescape")
        self.line += gone.count("\n")
        self.offset += len(data)
        self.text = self.text[end:]
        return data


_SKIP = re.compile(r"[\s,]*")
_SPACE = re.compile(r"\s*")


def _values(item: Input, piece_bytes: int) -> Iterator[Piece]:
    """The elements of an array, or objects that follow each other; each may span many lines."""
    window = _Window(item)
    array = item.container == "json-array"
    decoder = json.JSONDecoder(strict=False)
    rows: list[tuple[int, int, bytes]] = []
    faults: list[Fault] = []
    size, closed = 0, not array
    if array:
        while window.more() and not window.text.strip("\ufeff \t\r\n"):
            pass
        window.drop(window.text.index("[") + 1)
    expected = 0
    while True:
        at = _skip(window, _SKIP)
        if at is None:
            break
        commas = window.text.count(",", 0, at)
        ends = array and window.text[at] == "]"
        wrong = _wrong_commas(commas, ends, array, expected)
        if wrong:
            faults.append(_separator(window, at, wrong))
        expected = 1
        if ends:
            window.drop(at + 1)
            closed = True
            rest = _skip(window, _SPACE)
            if rest is not None:
                faults.append(_after_end(window, rest))
            break
        window.drop(at)
        end, error = _end_of_value(window, decoder)
        if error is None:
            line, offset = window.line, window.offset
            raw = window.drop(end)
            rows.append((line, offset, raw))
            size += len(raw)
        else:
            found, start = _broken(window, error)
            faults.append(found)
            if found.rule == "row-too-large":
                break
            expected = -1
            if not _resynchronise(window, start):
                closed = True
                break
        if size >= piece_bytes:
            yield Piece(item.path, item.file, item.container, rows=tuple(rows), faults=tuple(faults), size=size)
            rows, faults, size = [], [], 0
    if window.cut_off:
        faults.append(replace_line(truncated(item), window.line, window.offset))
    elif not closed:
        faults.append(
            Fault(
                "invalid-json", window.line, 1, window.offset,
                values={"reason": "the file ends before the array is closed with ]"},
            )
        )  # fmt: skip
    if rows or faults:
        yield Piece(item.path, item.file, item.container, rows=tuple(rows), faults=tuple(faults), size=size)


def _wrong_commas(commas: int, ends: bool, array: bool, expected: int) -> str | None:
    """What is wrong with the commas before an element; ``expected`` is -1 after a broken element: anything goes."""
    if expected < 0 or (not array and not commas):
        return None
    if not array:
        return "a comma between two objects; without a list around them there is none"
    if ends:
        return "a comma before the closing bracket" if commas else None
    if commas > expected:
        return "one comma too many"
    return "a comma is missing between two rows" if commas < expected else None


def _separator(window: _Window, at: int, reason: str) -> Fault:
    start, stop = window.text.rfind("\n", 0, at) + 1, window.text.find("\n", at)
    line = window.line + window.text.count("\n", 0, at)
    excerpt = window.text[start : stop if stop >= 0 else None][:80].encode("utf-8", "replace").decode()
    values = {"reason": reason, "caret": min(at - start, len(excerpt))}
    offset = window.offset + len(window.text[:at].encode("utf-8", "surrogateescape"))
    return Fault("invalid-json", line, at - start + 1, offset, values=values, excerpt=excerpt)


def _skip(window: _Window, pattern: re.Pattern[str]) -> int | None:
    """The first position that the pattern does not skip; ``None`` at the end of the file."""
    while True:
        match = pattern.match(window.text)
        at = match.end() if match else 0
        if at < len(window.text):
            return at
        if len(window.text) > MAX_ROW:
            window.drop(at)
        if not window.more():
            window.drop(len(window.text))
            return None


def _after_end(window: _Window, at: int) -> Fault:
    line = window.line + window.text.count("\n", 0, at)
    text = window.text[at : at + 80]
    return Fault(
        "invalid-json", line, 1, window.offset, excerpt=text.split("\n")[0],
        values={"reason": "there is text after the end of the array", "caret": 0},
    )  # fmt: skip


def _end_of_value(window: _Window, decoder: json.JSONDecoder) -> tuple[int, Exception | None]:
    """Where the value at the beginning of the window ends; reads on until it is whole or surely broken."""
    while True:
        try:
            _, end = decoder.raw_decode(window.text)
            if end < len(window.text) or window.text[end - 1] in '}]"' or not window.more():
                return end, None
        except json.JSONDecodeError as error:
            near_end = error.pos >= len(window.text) - 64 or error.msg.startswith("Unterminated string")
            if near_end and not window.ended and len(window.text) < MAX_ROW:
                grown = len(window.text)
                while len(window.text) < 2 * grown and window.more():
                    pass
                continue
            return 0, error
        except RecursionError as error:
            return 0, error


def _broken(window: _Window, error: Exception) -> tuple[Fault, int]:
    """The fault of a value that does not parse, and from where to look for the next one."""
    if isinstance(error, RecursionError):
        return Fault("too-deep", window.line, 1, window.offset, lost=True, excerpt=window.text[:60]), 1
    assert isinstance(error, json.JSONDecodeError)
    if len(window.text) >= MAX_ROW and not window.ended:
        return _too_large(window.line, window.offset, len(window.text)), len(window.text)
    text, at = window.text, error.pos
    start = text.rfind("\n", 0, at) + 1
    stop = text.find("\n", at)
    line = text[start : stop if stop >= 0 else len(text)]
    left = max(0, at - start - 40)
    values: dict[str, Any] = {"reason": explain(error, line, at - start), "caret": at - start - left}
    offset = window.offset + len(text[:at].encode("utf-8", "surrogateescape"))
    fault = Fault(
        "invalid-json", window.line + text.count("\n", 0, at), at - start + 1, offset, lost=True, values=values,
        excerpt=line[left : left + 100].encode("utf-8", "replace").decode(),
    )  # fmt: skip
    return fault, max(at, 1)


def _resynchronise(window: _Window, start: int) -> bool:
    """Drop text up to where the next element most likely begins: a brace that opens a line after one that closes."""
    pattern = re.compile(r"\n([ \t]*)\}[ \t]*,?[ \t]*\n\1(?=\{)|\}[ \t]*,[ \t]*(?=\{[ \t]*\")|\n(?=\{)")
    while True:
        match = pattern.search(window.text, min(start, len(window.text)))
        if match:
            window.drop(match.end())
            return True
        if len(window.text) >= MAX_ROW:
            window.drop(len(window.text) - 4096)
            start = 0
        if not window.more():
            return False


def _table(item: Input, piece_bytes: int) -> Iterator[Piece]:
    """Records of a CSV or TSV, quoted line breaks included."""
    csv.field_size_limit(MAX_ROW)
    lines = _decoded_lines(item)
    reader = csv.reader(lines, delimiter=item.delimiter)
    header_is_data = any(fault.rule == "missing-header" for fault in item.faults)
    rows: list[tuple[int, None, list[str]]] = []
    faults: list[Fault] = []
    size, first, line = 0, not header_is_data, 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            faults.append(Fault("invalid-json", line, 1, lost=True, values={"reason": f"not a CSV record ({error})"}))
            line = reader.line_num + 1
            continue
        except CutOff:
            faults.append(replace_line(truncated(item), line, 0))
            break
        start, line = line, reader.line_num + 1
        if first:
            first = False
            continue
        if not cells:
            continue
        rows.append((start, None, cells))
        size += sum(map(len, cells))
        if size >= piece_bytes or len(rows) >= TABLE_ROWS:
            yield Piece(
                item.path,
                item.file,
                item.container,
                rows=tuple(rows),
                columns=item.columns,
                faults=tuple(faults),
                size=size,
            )
            rows, faults, size = [], [], 0
    if rows or faults:
        yield Piece(
            item.path,
            item.file,
            item.container,
            rows=tuple(rows),
            columns=item.columns,
            faults=tuple(faults),
            size=size,
        )


def _decoded_lines(item: Input) -> Iterator[str]:
    buffer = b""
    for block in text_blocks(item):
        buffer += block
        end = buffer.rfind(b"\n") + 1
        if end:
            yield from io.StringIO(buffer[:end].decode("utf-8", "replace"), newline="")
            buffer = buffer[end:]
    if buffer:
        yield from io.StringIO(buffer.decode("utf-8", "replace"), newline="")


def _parquet(item: Input, piece_bytes: int) -> Iterator[Piece]:
    import polars as pl

    try:
        count = pl.scan_parquet(item.file).select(pl.len()).collect().item()
    except Exception as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ReadError(f"is a damaged Parquet file ({reason})", "Write it again.") from None
    for start in range(0, count, PARQUET_ROWS):
        end = min(start + PARQUET_ROWS, count)
        size = item.size * (end - start) // max(count, 1)
        yield Piece(item.path, item.file, "parquet", start, end, size=size)
