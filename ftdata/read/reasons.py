"""Say in plain words why a text is no JSON."""

from __future__ import annotations

import json
import re


def explain(error: json.JSONDecodeError, line: str, at: int) -> str:
    """Return the likely reason, from the parser's message and the text around position ``at`` of the line."""
    before, here, rest = line[:at].rstrip(), line[at : at + 1], line[at:]
    if error.msg.startswith("Unterminated string"):
        return "the text that starts here is never closed with a quote"
    if error.msg.startswith("Invalid control character"):
        return "a raw line break or control character inside a text; write \\n"
    if error.msg.startswith("Invalid \\escape") or error.msg.startswith("Invalid \\\\"):
        return "a backslash that starts no escape; write \\\\"
    if here == "'":
        return "single quotes; JSON wants double quotes"
    if here in "}]" and here and before.endswith(","):
        return "a comma before the closing bracket"
    if re.match(r"(None|True|False)\b", rest):
        return f"{rest[: rest.find('e') + 1]} is Python; JSON writes null, true, false"
    if not rest.strip():
        return "the row ends in the middle of a value"
    if error.msg.startswith("Expecting ',' delimiter"):
        return "a comma is missing here, or a quote inside the text is not escaped"
    if error.msg.startswith("Expecting property name"):
        return "a key in double quotes is missing here"
    if error.msg.startswith("Expecting ':'"):
        return "a colon is missing here"
    if error.msg.startswith("Extra data"):
        return "text after the end of the row"
    return "a value is missing here"
