"""Decode one row exactly, with every fault it has: for rows that the fast way cannot read or does not trust."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from ftdata.read.inputs import MAX_ROW
from ftdata.read.reasons import explain, place
from ftdata.types import Chunk, Fault

SPACE = " \t\r\n"
_SHOWN = 40
_ESCAPED_CONTROL = re.compile(r"(?<!\\)(?:\\\\)*+(\\u00(?:0[0-8bBcCeEfF]|1[0-9a-fA-F])|\\[bf])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_RAW_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.S)
_LITERAL = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(-?Infinity|NaN)', re.S)


@dataclass(slots=True)
class _Row:
    """The text of a row and where it begins; faults found in it get their line and column from here."""

    text: str
    line: int | None
    offset: int | None
    lead: int
    faults: list[Fault]
    doubles: list[str] = field(default_factory=list)
    literals: list[str] = field(default_factory=list)

    def add(self, rule: str, at: int, lost: bool = False, **values: Any) -> None:
        """Add a fault at a position of the text."""
        text, start = self.text, self.text.rfind("\n", 0, at) + 1
        column = at - start + 1 + (0 if start else self.lead)
        line = self.line + text.count("\n", 0, at) if self.line is not None else None
        excerpt, caret = around(text, at)
        self.faults.append(Fault(rule, line, column, self.offset, lost, values | {"caret": caret}, excerpt))


def around(text: str, at: int) -> tuple[str, int]:
    """The part of a line around a position, for printing, and the position within it."""
    start, stop = text.rfind("\n", 0, at) + 1, text.find("\n", at)
    left = max(start, at - 40)
    excerpt = text[left : min(at + 60, stop if stop >= 0 else len(text))]
    return _SURROGATE.sub("\ufffd", excerpt), at - left


def decode_row(raw: bytes, line: int | None, offset: int | None, chunk: Chunk) -> None:
    """Decode one row into the chunk: kept where it can be read at all, with its faults."""
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
        _Row(text, line, offset, 0, faults).add("invalid-bytes", at, bytes=found)
        raw = text.encode()
    inner = text.strip(SPACE + "\ufeff")
    row = _Row(inner, line, offset, text.index(inner), faults)
    if inner.startswith(("#", "//")):
        row.add("invalid-json", 0, True, reason="a comment; JSON has none", kind="comment")
        return
    for value in _parse(row):
        if isinstance(value, dict):
            chunk.values.append(value)
            chunk.lines.append(line)
            chunk.offsets.append(offset)
            chunk.raws.append(raw)
        else:
            row.add("not-an-object", 0, True, found=_kind(value))


def exact_decoder(row: _Row | None = None) -> json.JSONDecoder:
    """A decoder that keeps whatever can be kept; the row collects duplicate keys and literals met."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if row is not None and len(made) < len(items):
            seen: set[str] = set()
            for key, _ in items:
                if key in seen:
                    row.doubles.append(key)
                seen.add(key)
        return made

    def constant(name: str) -> float:
        if row is not None:
            row.literals.append(name)
        return {"NaN": math.nan, "Infinity": math.inf}.get(name, -math.inf)

    def whole(number: str) -> int | float:
        # Python refuses integers of more than 4,300 digits; nothing in training data needs them exactly.
        try:
            return int(number)
        except ValueError:
            return real(number)

    def real(number: str) -> float:
        found = float(number)
        if row is not None and math.isinf(found):
            row.literals.append(number)
        return found

    return json.JSONDecoder(object_pairs_hook=pairs, parse_constant=constant, parse_int=whole, parse_float=real, strict=False)


def _parse(row: _Row) -> list[Any]:
    """Parse one or, by mistake, several values; the faults are added as they are met."""
    decoder, text = exact_decoder(row), row.text
    values: list[Any] = []
    at = 0
    try:
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            values.append(value)
            while at < len(text) and text[at] in SPACE:
                at += 1
            if at < len(text) and not (isinstance(value, dict) and text[at] == "{"):
                raise json.JSONDecodeError("Extra data", text, at)
    except json.JSONDecodeError as error:
        _refuse(row, error, not values)
    except RecursionError:
        row.add("too-deep", 0, True)
        return []
    if len(values) > 1:
        row.add("several-objects", 0, count=len(values))
    _minor_faults(row)
    try:
        return [_without_surrogates(v) if _SURROGATE.search(json.dumps(v, ensure_ascii=False)) else v for v in values]
    except RecursionError:
        row.add("too-deep", 0, True)
        return []


def _refuse(row: _Row, error: json.JSONDecodeError, lost: bool) -> None:
    text, at = row.text, place(error)
    start = text.rfind("\n", 0, at) + 1
    stop = text.find("\n", at)
    # A reason needs the words around, not a line of 60 MB.
    left = max(start, at - 200)
    line = text[left : min(at + 200, stop if stop >= 0 else len(text))]
    row.add("invalid-json", at, lost, reason=explain(error, line, at - left))


def _minor_faults(row: _Row) -> None:
    text = row.text
    for key in dict.fromkeys(row.doubles):
        shown = _SURROGATE.sub("\ufffd", key)
        row.add("duplicate-key", _last_key(text, key), key=shown)
    if row.literals:
        for literal in dict.fromkeys(row.literals):
            named = literal in ("NaN", "Infinity", "-Infinity")
            at = next((m.start(1) for m in _LITERAL.finditer(text) if m.group(1) == literal), 0) if named else text.find(literal)
            row.add("nan-literal", at, literal=literal if len(literal) <= _SHOWN else f"{literal[:_SHOWN]}…")
    raw_break = _raw_break(text)
    if raw_break is not None:
        row.add("invalid-json", raw_break, reason="a raw line break or tab inside a text; write \\n or \\t")
    control = _RAW_CONTROL.search(text)
    if control:
        row.add("control-character", control.start(), escape=f"\\u{ord(control.group()):04x}")
    elif escaped := _ESCAPED_CONTROL.search(text):
        row.add("control-character", escaped.start(1), escape=escaped.group(1))
    lone = _lone_surrogate(text)
    if lone is not None:
        row.add("lone-surrogate", lone, escape=text[lone : lone + 6])


def _last_key(text: str, key: str) -> int:
    """Where a key stands for the last time; 0 where it is written in escapes that we do not guess."""
    found = 0
    for written in {json.dumps(key, ensure_ascii=False), json.dumps(key)}:
        for match in re.finditer(re.escape(written) + r"\s*:", text):
            found = max(found, match.start())
    return found


def _lone_surrogate(text: str) -> int | None:
    """Where the first half of a pair without its other half is written."""
    if "\\u" not in text:
        return None
    for match in re.finditer(r"\\(?:u([dD][89a-fA-F][0-9a-fA-F]{2})|.)", text, re.S):
        code = match.group(1)
        if code is None:
            continue
        first, at = code[1] in "89abAB", match.start()
        if first and re.match(r"\\u[dD][c-fC-F][0-9a-fA-F]{2}", text[at + 6 : at + 12]):
            continue
        if not first and re.match(r"\\u[dD][89abAB][0-9a-fA-F]{2}", text[max(0, at - 6) : at]):
            continue
        return at
    return None


def _raw_break(text: str) -> int | None:
    """Where a raw tab or line break stands inside a text, which strict parsers refuse."""
    if not any(sign in text for sign in "\t\n\r"):
        return None
    for match in _STRING.finditer(text):
        found = re.search(r"[\t\n\r]", match.group())
        if found:
            return match.start() + found.start()
    return None


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
