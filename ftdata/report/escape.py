"""Make hostile text harmless on a terminal and in a CI log, and measure how wide it prints."""

from __future__ import annotations

import re
import unicodedata

# C0, DEL, C1, line separators, bidirectional overrides and isolates, zero-width and tag characters, surrogates.
_HOSTILE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\x1b"}
_JOINER = "\u200d"


def _name(character: str) -> str:
    if character in _NAMES:
        return _NAMES[character]
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def escape(text: str) -> str:
    """Return the text on one line, with everything that acts on a terminal or a CI log made visible.

    Newlines, terminal escapes, bidirectional controls and GitHub's ``::`` and ``##[`` commands lose their effect;
    a zero-width joiner inside an emoji stays.
    """
    if text.isascii() and text.isprintable() and "::" not in text and "##[" not in text:
        return text
    out = _HOSTILE.sub(lambda m: m.group() if _joins(text, m) else _name(m.group()), text)
    out = out.replace("##[", "#\\x23[")
    return re.sub(r"^(\s*):(?=:)", r"\1\\x3a", out)


def _joins(text: str, match: re.Match[str]) -> bool:
    if match.group() != _JOINER or match.start() == 0 or match.end() >= len(text):
        return False
    return unicodedata.category(text[match.start() - 1]) in ("So", "Sk", "Mn") and (
        unicodedata.category(text[match.end()]) == "So"
    )


def escape_marked(text: str, mark: tuple[int, int] | None) -> tuple[str, tuple[int, int] | None]:
    """Escape a text and move the marked span along with it."""
    if mark is None:
        return escape(text), None
    start, end = mark
    head, body, rest = escape(text[:start]), escape(text[start:end]), escape(text[end:])
    return head + body + rest, (len(head), len(head) + len(body))


def width(text: str) -> int:
    """Return how many terminal cells the text takes: 2 for wide characters, 0 for combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) or c == _JOINER else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
