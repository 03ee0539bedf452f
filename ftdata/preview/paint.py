"""Lines of styled spans as text: with the colours of a terminal, or plain."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Literal

from ftdata.preview.cells import Line

When = Literal["auto", "always", "never"]

# Select Graphic Rendition parameters, by style.
STYLES: Mapping[str, str] = {
    "bold": "1", "dim": "2", "title": "1;7", "role.system": "35", "role.developer": "35", "role.user": "32", "role.assistant": "34",
    "role.tool": "33", "role.other": "31", "reasoning": "2;3", "call": "36", "medium": "4", "note": "2", "fault": "31", "key": "36",
    "error": "31;1", "warning": "33;1", "info": "34;1", "added": "32;1;4", "removed": "31;1;9", "trained": "30;42", "masked": "2",
    "control": "35", "control.trained": "30;42;1;4",
}  # fmt: skip
# Styles of a text in which every blank counts.
_EXACT = frozenset({"trained", "masked", "control", "control.trained"})


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of the frame: line drawing where the output can hold it, ASCII elsewhere."""

    gutter: str = "│ "
    thin: str = "┊ "
    rule: str = "─"
    between: str = " ║ "
    more: str = "…"
    newline: str = "↵"
    dot: str = "·"


LINES = Glyphs()
ASCII = Glyphs("| ", ": ", "-", " # ", "...", "\\n", "-")


def paint(line: Line, colours: bool) -> str:
    """A line as text."""
    if not colours:
        text = "".join(text for text, _ in line)
        return text if line and line[-1][1] in _EXACT else text.rstrip(" ")
    out = []
    for text, style in line:
        code = STYLES.get(style, "")
        out.append(f"\x1b[{code}m{text}\x1b[0m" if code and text else text)
    return "".join(out)


def wants_colours(when: When, sink: IO[str]) -> bool:
    """Whether to colour: as asked, else on a terminal unless NO_COLOR is set, or where FORCE_COLOR is."""
    if when != "auto":
        return when == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (sink.isatty() and os.environ.get("TERM") != "dumb")


def glyphs_for(sink: IO[str]) -> Glyphs:
    """Line drawing where the encoding of the output has it."""
    try:
        "│┊─║…↵·⟦⟧‹›".encode(getattr(sink, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return LINES
