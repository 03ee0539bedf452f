"""Text as a terminal lays it out: what is one character there, how wide it is, and where a line breaks."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

Span = tuple[str, str]
"""A text and the name of its style."""
Line = list[Span]

_JOINER, _EMOJI = "\u200d", "\ufe0f"
_TONES = range(0x1F3FB, 0x1F400)
_FLAGS = range(0x1F1E6, 0x1F200)
_TAGS = range(0xE0020, 0xE0080)
TAB = 4
# What no line begins with in Chinese and Japanese typesetting (the closing marks of JIS X 4051).
_NO_START = frozenset("，。、．：；？！）］｝」』】》〉〕…‥・ー々’”,.:;?!)]}")


@lru_cache(maxsize=8192)
def _width(character: str) -> int:
    """Cells of one code point: 2 for wide ones, 0 for those that join the one before."""
    number = ord(character)
    # Vowels and finals of decomposed Hangul are drawn into the syllable that the initial began.
    if 0x1160 <= number <= 0x11FF or 0xD7B0 <= number <= 0xD7FF or number in _TAGS:
        return 0
    if character in (_JOINER, _EMOJI, "\u200b", "\ufe0e") or unicodedata.combining(character):
        return 0
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clusters(text: str) -> Iterator[tuple[str, int]]:
    """Yield what is drawn as one character, with its cells: a base with its marks, a joined emoji, a flag.

    An approximation of Unicode's extended grapheme clusters (UAX 29, Unicode 16), close enough to count cells.
    """
    if text.isascii():
        for character in text:
            yield character, 1
        return
    current, cells, joined, flags = "", 0, False, 0
    for character in text:
        wide = _width(character)
        number = ord(character)
        is_flag = number in _FLAGS
        extends = joined or wide == 0 or number in _TONES or (is_flag and flags == 1)
        if current and extends:
            current += character
            if character == _EMOJI and cells == 1:
                cells = 2
            if is_flag:
                cells = 2
            flags = 2 if is_flag else flags
        else:
            if current:
                yield current, cells
            current, cells, flags = character, wide, 1 if is_flag else 0
        joined = character == _JOINER
    if current:
        yield current, cells


def width(text: str) -> int:
    """How many cells a text takes."""
    return len(text) if text.isascii() else sum(cells for _, cells in clusters(text))


def expand(text: str) -> str:
    """A line with its tabs as spaces, to the next multiple of four."""
    if "\t" not in text:
        return text
    out = ""
    for part in text.split("\t")[:-1]:
        out += part
        out += " " * (TAB - width(out) % TAB)
    return out + text.rsplit("\t", 1)[1]


def _breaks_anywhere(character: str) -> bool:
    """Chinese and Japanese break between any two characters; Korean is written with spaces and breaks there."""
    number = ord(character[0])
    return (
        0x2E80 <= number <= 0x30FF
        or 0x3400 <= number <= 0x9FFF
        or 0xF900 <= number <= 0xFAFF
        or 0xFF00 <= number <= 0xFF60
        or number >= 0x20000
    )


def _tokens(line: Iterable[Span]) -> Iterator[tuple[list[tuple[str, str, int]], bool]]:
    """Yield what is not broken (words, runs of spaces), as characters with style and cells, and whether it is space."""
    word: list[tuple[str, str, int]] = []
    space = before = False
    for text, style in line:
        for character, cells in clusters(text):
            here = character == " "
            alone = not here and _breaks_anywhere(character)
            if word and (here != space or ((alone or before) and character[0] not in _NO_START)):
                yield word, space
                word = []
            word.append((character, style, cells))
            space, before = here, alone
    if word:
        yield word, space


def wrap(line: Line, cells: int) -> list[Line]:
    """Break one line into lines of at most so many cells: at spaces, between Chinese or Japanese characters, else anywhere.

    The spaces at which a line is broken are left out; no other character is.
    """
    cells = max(cells, 2)
    if sum(width(text) for text, _ in line) <= cells:
        return [line]
    lines: list[list[tuple[str, str]]] = [[]]
    used = 0
    for token, space in _tokens(line):
        size = sum(cells_of for _, _, cells_of in token)
        if used and used + size > cells:
            if space and used <= cells:
                # The break takes the place of the spaces.
                lines.append([])
                used = 0
                continue
            lines.append([])
            used = 0
        for character, style, wide in token:
            if used and used + wide > cells:
                lines.append([])
                used = 0
            lines[-1].append((character, style))
            used += wide
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    return [_joined(found) for found in lines]


def _joined(characters: list[tuple[str, str]]) -> Line:
    out: Line = []
    for character, style in characters:
        if out and out[-1][1] == style:
            out[-1] = (out[-1][0] + character, style)
        else:
            out.append((character, style))
    return out


def pad(line: Line, cells: int) -> Line:
    """A line filled with spaces to so many cells."""
    missing = cells - sum(width(text) for text, _ in line)
    return [*line, (" " * missing, "")] if missing > 0 else line
