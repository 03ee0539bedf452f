"""Where in the raw JSON of a row the value of a JSON pointer stands."""

from __future__ import annotations

import re

_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.S)
_SCALAR = re.compile(rb'[^ \t\r\n,:\[\]{}"]+')
_NESTED = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.S)


def find_pointer(raw: bytes, pointer: str) -> int | None:
    """Return the byte offset of the value at ``pointer``, or ``None`` where there is none.

    The last of duplicate keys counts, as in every JSON parser that ftdata meets.
    """
    at = _skip_space(raw, 0)
    for part in pointer.split("/")[1:]:
        found = _step(raw, at, part.replace("~1", "/").replace("~0", "~"))
        if found is None:
            return None
        at = found
    return at


def line_and_column(raw: bytes, offset: int, first_line: int) -> tuple[int, int]:
    """Return the 1-based line and character column of a byte offset within a row that starts on a line."""
    start = raw.rfind(b"\n", 0, offset) + 1
    line = first_line + raw.count(b"\n", 0, offset)
    return line, len(raw[start:offset].decode("utf-8", "replace")) + 1


def _skip_space(raw: bytes, at: int) -> int:
    match = _SPACE.match(raw, at)
    return match.end() if match else at


def _skip_value(raw: bytes, at: int) -> int | None:
    first = raw[at : at + 1]
    if first == b'"':
        match = _STRING.match(raw, at)
        return match.end() if match else None
    if first not in (b"{", b"["):
        match = _SCALAR.match(raw, at)
        return match.end() if match else None
    depth = 0
    for token in _NESTED.finditer(raw, at):
        text = token.group()
        if text in (b"{", b"["):
            depth += 1
        elif text in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return token.end()
    return None


def _step(raw: bytes, at: int, part: str) -> int | None:
    opening = raw[at : at + 1]
    if opening not in (b"{", b"["):
        return None
    index, found = 0, None
    at = _skip_space(raw, at + 1)
    while at < len(raw) and raw[at : at + 1] not in (b"}", b"]"):
        if opening == b"{":
            key = _STRING.match(raw, at)
            if key is None:
                return found
            name = _unquote(key.group())
            at = _skip_space(raw, _skip_space(raw, key.end()) + 1)
            if name == part:
                found = at
        elif str(index) == part:
            return at
        end = _skip_value(raw, at)
        if end is None:
            return found
        at = _skip_space(raw, end)
        if raw[at : at + 1] == b",":
            at = _skip_space(raw, at + 1)
        index += 1
    return found


def _unquote(text: bytes) -> str:
    if b"\\" not in text:
        return text[1:-1].decode("utf-8", "replace")
    import json

    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1].decode("utf-8", "replace")
