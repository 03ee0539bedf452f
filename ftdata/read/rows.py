"""Decode the rows of a piece: the fast way for good lines, an exact way for every other."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from ftdata.errors import ReadError
from ftdata.read.inputs import MAX_ROW, Piece
from ftdata.read.reasons import explain
from ftdata.types import Chunk, Fault

_ESCAPED_CONTROL = re.compile(rb"(?<!\\)(?:\\\\)*\\u00(?:0[0-8bBcCeEfF]|1[0-9a-fA-F])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_RAW_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def decode(piece: Piece) -> Chunk:
    """Return the rows of a piece with their places, and the faults met. Raises ReadError if the file went away."""
    chunk = Chunk(piece.path, [], [], [], [], list(piece.faults), piece.size)
    if piece.container == "parquet":
        _decode_parquet(piece, chunk)
    elif piece.container in ("csv", "tsv"):
        _decode_table(piece, chunk)
    elif piece.rows is not None:
        for line, offset, raw in piece.rows:
            _decode_row(raw, line, offset, chunk)
    else:
        _decode_lines(piece, chunk)
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
    if rows and not rows[-1]:
        rows.pop()  # what follows the last newline is no row
    if _all_good(rows, data, piece, chunk):
        return
    line, offset = piece.first_line, piece.start
    for raw in rows:
        value = _good(raw)
        if value is not None:
            _keep(value, raw, line, offset, chunk)
        elif raw.strip(b" \t\r"):
            _decode_row(raw, line, offset, chunk)
        else:
            chunk.faults.append(Fault("blank-line", line, 1, offset))
        offset += len(raw) + 1
        line += 1


def _all_good(rows: list[bytes], data: bytes, piece: Piece, chunk: Chunk) -> bool:
    """Decode a piece at once, if every row of it is a plain good object; the usual case, at twice the speed.

    A dropped duplicate key takes its colon with it, and every other colon stands both in the file and in what the
    values write (an escaped one would be ``\\u003a``), so equal counts mean that no row has a key twice.
    """
    if b"\\u00" in data:
        return False
    try:
        values = [*map(orjson.loads, rows)]
        if not all([type(value) is dict for value in values]) or data.count(b":") != orjson.dumps(values).count(b":"):
            return False
    except (orjson.JSONDecodeError, TypeError, RecursionError):
        return False
    chunk.values = values
    chunk.raws = rows  # type: ignore[assignment]
    chunk.lines = list(range(piece.first_line, piece.first_line + len(rows)))
    lengths = [len(raw) + 1 for raw in rows]
    chunk.offsets = list(itertools.accumulate(lengths[:-1], initial=piece.start)) if rows else []
    return True


def _good(raw: bytes) -> Any:
    """The row's value if it is a good object, by the same tests; else ``None``."""
    try:
        value = orjson.loads(raw)
        if type(value) is dict and b"\\u00" not in raw and raw.count(b":") == orjson.dumps(value).count(b":"):
            return value
    except (orjson.JSONDecodeError, TypeError, RecursionError):
        pass
    return None


def _keep(value: Any, raw: bytes, line: int | None, offset: int | None, chunk: Chunk) -> None:
    chunk.values.append(value)
    chunk.lines.append(line)
    chunk.offsets.append(offset)
    chunk.raws.append(raw)


def _decode_row(raw: bytes, line: int | None, offset: int | None, chunk: Chunk) -> None:
    """Decode one row exactly, with every fault it has."""
    faults = chunk.faults
    if len(raw) > MAX_ROW:
        faults.append(Fault("row-too-large", line, 1, offset, True, {"size": len(raw), "limit": MAX_ROW}))
        return
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        text = raw.decode("utf-8", "replace")
        at = len(raw[: error.start].decode("utf-8", "replace"))
        found = " ".join(f"{byte:02X}" for byte in raw[error.start : min(error.end, error.start + 4)])
        excerpt, caret = _around(text, at)
        faults.append(
            Fault(
                "invalid-bytes",
                *_line_of(text, at, line),
                offset,
                values={"bytes": found, "caret": caret},
                excerpt=excerpt,
            )
        )
        raw = text.encode()
    text = text.strip(" \t\r\n\ufeff")
    lead = raw.decode().index(text) if text else 0
    if text.startswith(("#", "//")):
        faults.append(
            Fault(
                "invalid-json",
                line,
                1,
                offset,
                True,
                {"reason": "a comment; JSON has none", "caret": 0, "kind": "comment"},
                text[:80],
            )
        )
        return
    values = _parse(text, lead, line, offset, faults)
    for value in values:
        if isinstance(value, dict):
            _keep(value, raw, line, offset, chunk)
        else:
            faults.append(Fault("not-an-object", line, lead + 1, offset, True, {"found": _kind(value)}, text[:80]))


def _line_of(text: str, at: int, line: int | None) -> tuple[int | None, int]:
    start = text.rfind("\n", 0, at) + 1
    return (line + text.count("\n", 0, at) if line is not None else None), at - start + 1


def _around(text: str, at: int) -> tuple[str, int]:
    start, stop = text.rfind("\n", 0, at) + 1, text.find("\n", at)
    left = max(start, at - 40)
    return text[left : min(at + 60, stop if stop >= 0 else len(text))], at - left


def _parse(text: str, lead: int, line: int | None, offset: int | None, faults: list[Fault]) -> list[Any]:
    """Parse one or, by mistake, several values; the faults are added as they are met."""
    doubles: list[str] = []
    literals: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) < len(items):
            seen: set[str] = set()
            for key, _ in items:
                if key in seen:
                    doubles.append(key)
                seen.add(key)
        return made

    def constant(name: str) -> float:
        literals.append(name)
        return {"NaN": math.nan, "Infinity": math.inf}.get(name, -math.inf)

    def whole(number: str) -> int | float:
        # Python refuses integers of more than 4,300 digits; nothing in training data needs them exactly.
        try:
            return int(number)
        except ValueError:
            return float(number)

    decoder = json.JSONDecoder(object_pairs_hook=pairs, parse_constant=constant, parse_int=whole, strict=False)
    values: list[Any] = []
    at = 0
    try:
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            values.append(value)
            while at < len(text) and text[at] in " \t\r\n":
                at += 1
            if at < len(text) and not (isinstance(value, dict) and text[at] == "{"):
                raise json.JSONDecodeError("Extra data", text, at)
    except json.JSONDecodeError as error:
        where = _line_of(text, error.pos, line)
        excerpt, caret = _around(text, error.pos)
        column = where[1] + (lead if where[0] == line else 0)
        start = text.rfind("\n", 0, error.pos) + 1
        reason = explain(error, text[start:].split("\n", 1)[0], error.pos - start)
        faults.append(
            Fault(
                "invalid-json",
                where[0],
                column,
                offset,
                not values,
                {"reason": reason, "caret": caret},
                excerpt,
            )
        )
    except RecursionError:
        faults.append(Fault("too-deep", line, 1, offset, True, excerpt=text[:60]))
        return []
    if len(values) > 1:
        faults.append(Fault("several-objects", line, 1, offset, values={"count": len(values)}, excerpt=text[:80]))
    _minor_faults(text, lead, line, offset, faults, doubles, literals)
    try:
        return [
            _without_surrogates(value) if _SURROGATE.search(json.dumps(value, ensure_ascii=False)) else value for value in values
        ]
    except RecursionError:
        faults.append(Fault("too-deep", line, 1, offset, True, excerpt=text[:60]))
        return []


def _minor_faults(
    text: str,
    lead: int,
    line: int | None,
    offset: int | None,
    faults: list[Fault],
    doubles: list[str],
    literals: list[str],
) -> None:
    def add(rule: str, at: int, **values: Any) -> None:
        excerpt, caret = _around(text, at)
        where, column = _line_of(text, at, line)
        faults.append(
            Fault(rule, where, column + (lead if where == line else 0), offset, values=values | {"caret": caret},
                  excerpt=_SURROGATE.sub("\ufffd", excerpt))
        )  # fmt: skip

    for key in dict.fromkeys(doubles):
        quoted = json.dumps(key, ensure_ascii=False)
        ascii_quoted = json.dumps(key)
        at = max(text.rfind(quoted + ":"), text.rfind(ascii_quoted + ":"), text.rfind(quoted), 0)
        add("duplicate-key", at, key=_SURROGATE.sub("\ufffd", key))
    for literal in dict.fromkeys(literals):
        match = re.search(rf"[:\[,]\s*({re.escape(literal)})", text)
        add("nan-literal", match.start(1) if match else 0, literal=literal)
    raw_break = _raw_break(text)
    if raw_break is not None:
        add("invalid-json", raw_break, reason="a raw line break or tab inside a text; write \\n or \\t")
    match = _RAW_CONTROL.search(text)
    if match:
        add("control-character", match.start(), escape=f"\\u{ord(match.group()):04x}")
    else:
        escaped = _ESCAPED_CONTROL.search(text.encode("utf-8", "replace"))
        if escaped:
            at = len(text.encode("utf-8", "replace")[: escaped.end() - 6].decode("utf-8", "replace"))
            add("control-character", at, escape=text[at : at + 6])
    for found in re.finditer(r"(?<!\\)(?:\\\\)*(\\u[dD][89a-fA-F][0-9a-fA-F]{2})", text):
        if not _paired(text, found.start(1)):
            add("lone-surrogate", found.start(1), escape=found.group(1))
            break


def _raw_break(text: str) -> int | None:
    """Where a raw tab or line break stands inside a text, which strict parsers refuse."""
    if not re.search(r"[\t\n\r]", text):
        return None
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"', text, re.S):
        found = re.search(r"[\t\n\r]", match.group())
        if found:
            return match.start() + found.start()
    return None


def _paired(text: str, at: int) -> bool:
    code = int(text[at + 2 : at + 6], 16)
    if code < 0xDC00:
        return re.match(r"\\u[dD][c-fC-F][0-9a-fA-F]{2}", text[at + 6 : at + 12]) is not None
    return re.search(r"\\u[dD][89abAB][0-9a-fA-F]{2}$", text[max(0, at - 6) : at]) is not None


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    return {str: "a text", int: "a number", float: "a number", list: "a list", type(None): "null"}.get(type(value), "a value")


def _decode_table(piece: Piece, chunk: Chunk) -> None:
    columns = piece.columns
    for line, _, cells in piece.rows or ():
        if len(cells) != len(columns):
            chunk.faults.append(
                Fault(
                    "ragged-row",
                    line,
                    1,
                    values={"found": len(cells), "expected": len(columns)},
                    excerpt=",".join(cells)[:80],
                )
            )
        row: dict[str, Any] = dict(zip(columns, cells, strict=False))
        for column in columns[len(cells) :]:
            row[column] = None
        chunk.values.append(row)
        chunk.lines.append(line)
        chunk.offsets.append(None)
        chunk.raws.append(None)


def _decode_parquet(piece: Piece, chunk: Chunk) -> None:
    for row in _parquet_rows(piece):
        chunk.values.append(row)
        chunk.lines.append(None)
        chunk.offsets.append(None)
        chunk.raws.append(None)


def _parquet_rows(piece: Piece) -> Iterator[dict[str, Any]]:
    import polars as pl

    try:
        frame = pl.scan_parquet(piece.file).slice(piece.start, piece.end - piece.start).collect()
        yield from frame.iter_rows(named=True)
    except Exception as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ReadError(f"is a damaged Parquet file ({reason})", "Write it again.") from None
