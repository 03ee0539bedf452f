"""JSON texts inside a row, decoded exactly: integers of any length, a bounded depth; half a surrogate pair is U+FFFD."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

# 2**64 has 20 digits, 2**63 has 19: orjson 3.13 makes integers beyond these floats.
_LONG = b"0" * 19
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
# As deep as orjson goes. Python's own decoder goes as deep as the stack.
_DEEPEST = 1024
# Escapes one after another, so that halves of pairs are told from whole ones; the group is a lone half.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.S)
_SURROGATE = re.compile("[\ud800-\udfff]")


def decode(text: str) -> Any:
    """Return the value of a JSON text. Raises ValueError where it is none, or nested more than 1,024 deep.

    NaN, infinities and numbers beyond a double's range are no JSON. Half a surrogate pair becomes U+FFFD, as it does where
    rows are read: no writer and no table takes one.
    """
    try:
        value = orjson.loads(text)
    except ValueError:
        return _exactly(text)
    # A table look-up a byte: a fifth of what a pattern takes.
    if len(text) >= 19 and _LONG in text.encode().translate(_DIGITS):
        try:
            return _exactly(text)
        except ValueError:
            return value
    return value


def _exactly(text: str) -> Any:
    if "\\u" in text:
        text = _ESCAPE.sub(lambda match: "\\ufffd" if match[1] else match[0], text)
    text = text if text.isascii() else _SURROGATE.sub("\ufffd", text)
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text.count("[") + text.count("{") > _DEEPEST and _is_deeper(value):
        raise ValueError("nested too deeply")
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"{number[:40]} is beyond a double's range")
    return value


def _is_deeper(value: Any) -> bool:
    """Whether a value is nested more deeply than orjson reads, level by level."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)
