"""Fixes of how a row is written: NaN, doubled keys, characters that are none, rows that are no JSON or several."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable
from typing import Any

from ftdata.fix.document import Document, rewrite
from ftdata.fix.tree import Container, Scalar, decode
from ftdata.read.encodings import guess_encoding

_LONE = re.compile(
    r"(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.S
)
_NUMBER = frozenset("-0123456789")
_MOST_DIGITS = 4300
_CONTROL = re.compile(r"(?P<out>[\x00-\x08\x0b\x0c\x0e-\x1f]|\\(?:u00(?:0[0-8bBcCeEfF]|1[0-9a-fA-F])|[bf]))|\\.", re.S)
_BREAK = re.compile(r"\\.|(?P<out>[\t\n\r])", re.S)
# A comma before a closing bracket, outside of strings.
_COMMA = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|,(\s*[}\]])', re.S)
_BREAKS = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_LARGEST = 1 << 20


def null_for_nan(document: Document) -> None:
    """Write null where NaN or an infinity stands, or a number that is read as one."""
    for slot in document.slots():
        if isinstance(slot.node, Scalar) and _is_no_number(slot.node.text):
            slot.node = Scalar("null")


def _is_no_number(text: str) -> bool:
    if text in ("NaN", "Infinity", "-Infinity"):
        return True
    # Whole numbers are exact up to the 4,300 digits that Python reads (sys.int_info, 3.11).
    read_as_float = len(text) > _MOST_DIGITS or not text.lstrip("-").isdecimal()
    return text[:1] in _NUMBER and read_as_float and math.isinf(float(text))


def last_of_doubles(document: Document) -> None:
    """Keep the last of several members of one name, which is the one that parsers keep."""
    for container in document.containers():
        if container.opening == "{":
            _keep_last(container)


def _keep_last(container: Container) -> None:
    seen: set[str] = set()
    kept = []
    for slot in reversed(container.slots):
        key = decode(slot.key or '""')
        if key not in seen:
            seen.add(key)
            kept.append(slot)
    if len(kept) < len(container.slots):
        lead, trail = container.slots[0].lead, container.slots[-1].trail
        container.slots = kept[::-1]
        container.slots[0].lead, container.slots[-1].trail = lead, trail


def without_half_pairs(document: Document) -> None:
    """Take out what is left of a character that was cut in two."""
    _rewrite(document, lambda inside: _LONE.sub(lambda m: "" if m.group("lone") else m.group(), inside))


def without_controls(document: Document) -> None:
    """Take out control characters, raw or escaped."""
    _rewrite(document, lambda inside: _CONTROL.sub(lambda m: "" if m.group("out") else m.group(), inside))


def escape_breaks(document: Document) -> None:
    """Escape raw tabs and line breaks inside texts, which strict parsers refuse."""
    _rewrite(document, lambda inside: _BREAK.sub(lambda m: _BREAKS[m.group()] if m.group("out") else m.group(), inside))


def _rewrite(document: Document, change: Callable[[str], str]) -> None:
    for slot in document.slots():
        if slot.key is not None:
            slot.key = rewrite(slot.key, change)
        if isinstance(slot.node, Scalar) and slot.node.text[:1] == '"':
            slot.node = Scalar(rewrite(slot.node.text, change))


def split_values(text: str) -> tuple[list[str], str]:
    """The JSON objects that stand one after the other in a text, and what follows them and is none."""
    found: list[str] = []
    rest = text.strip(" \t\r\n\ufeff")
    while rest[:1] == "{":
        try:
            end = _end(rest)
        except ValueError:
            break
        found.append(rest[:end])
        rest = rest[end:].lstrip(" \t\r\n")
    return found, rest


def _end(text: str) -> int:
    decoder = json.JSONDecoder(strict=False)
    try:
        return decoder.raw_decode(text)[1]
    except RecursionError:
        raise ValueError("nested too deeply") from None


def guess_row(text: str) -> str | None:
    """A row that is no JSON as what was probably meant: one object of Python's, or JSON but for its commas; else nothing."""
    values, rest = split_values(text)
    if values and rest:
        return values[0] if len(values) == 1 else None
    text = text.strip(" \t\r\n\ufeff,")
    if not text.startswith("{") or len(text) > _LARGEST:
        return None
    without = _COMMA.sub(lambda match: match.group(1) or match.group(), text)
    if without != text and _reads(json.loads, without) is not None:
        return without
    value = _reads(ast.literal_eval, text)
    return None if value is None else json.dumps(value, ensure_ascii=False, allow_nan=False)


def _reads(read: Callable[[str], Any], text: str) -> dict[str, Any] | None:
    """The object that a reader finds in a text, if it is one that JSON can hold."""
    try:
        value = read(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, dict) else None


def guess_bytes(raw: bytes) -> bytes | None:
    """A line that is not UTF-8 in UTF-8, where it reads plausibly in another encoding; else nothing."""
    encoding = guess_encoding(raw)
    if encoding == "utf-8":
        return None
    try:
        return raw.decode(encoding).encode()
    except UnicodeDecodeError:
        return None
