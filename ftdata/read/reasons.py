"""Say in plain words why a text is no JSON."""

from __future__ import annotations

import json
import re

_LITERAL = re.compile(r"(None|True|False)\b")


def place(error: json.JSONDecodeError) -> int:
    """Return where the fault is. Python 3.13 puts a trailing comma at the comma, earlier ones at the bracket: so do we."""
    at = min(error.pos, len(error.doc))
    if error.msg.startswith("Illegal trailing comma"):
        match = re.compile(r",\s*").match(error.doc, at)
        at = match.end() if match else at
    return at


def explain(error: json.JSONDecodeError, line: str, at: int) -> str:
    """Return the likely reason, from the parser's message and the text around position ``at`` of the line."""
    before, here, rest = line[:at].rstrip(), line[at : at + 1], line[at:]
    message = error.msg
    if message.startswith("Unterminated string"):
        return "the text that starts here is never closed with a quote"
    if message.startswith("Invalid control character"):
        return "a raw line break or control character inside a text; write \\n"
    if message.startswith(("Invalid \\escape", "Invalid \\\\")):
        return "a backslash that starts no escape; write \\\\"
    if message.startswith("Invalid \\u"):
        return "\\u wants four hexadecimal digits"
    if here == "'":
        return "single quotes; JSON wants double quotes"
    if here in ("“", "”", "‘", "’"):
        return "a typographic quote; JSON wants the plain double quote"
    if here in ("}", "]") and before.endswith(","):
        return "a comma before the closing bracket"
    literal = _LITERAL.match(rest)
    if literal:
        return f"{literal.group()} is Python; JSON writes null, true, false"
    if rest.startswith("undefined"):
        return "undefined is JavaScript; JSON writes null"
    if rest.startswith(("//", "/*", "#")):
        return "a comment; JSON has none"
    if not rest.strip():
        return "the row ends in the middle of a value"
    if message.startswith("Expecting ',' delimiter"):
        return "a comma is missing here, or a quote inside the text is not escaped"
    if message.startswith("Expecting property name"):
        return "a key in double quotes is missing here"
    if message.startswith("Expecting ':'"):
        return "a colon is missing here"
    if message.startswith("Extra data"):
        return "text after the end of the row"
    return "a value is missing here"
