"""UTF-8 that was read in an East Asian encoding of two bytes per character: ``浣犲ソ`` for 你好, ``don鈥檛`` for don't.

A line is put back into bytes; where these are UTF-8 for several characters on end, and the characters that stand there
are ones that hardly anybody writes, the line was read wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from ftdata.measure.legacy import HAN
from ftdata.measure.misread import Reading, sense

_SEQUENCE = (
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
# One sequence (RFC 3629, section 4), or what is left of one after a byte was lost to U+FFFD or to a question mark.
_LOST = rb"[\xe0-\xef][\x80-\xbf]?[\xff?]|[\xff?][\x80-\xbf]{2}|\xff[\x80-\xbf]?"
_CHAIN = re.compile(b"(?:" + _SEQUENCE + b"|" + _LOST + b")+")
_TOKEN = re.compile(b"(" + _SEQUENCE + b")|" + _LOST)
_ASCII_TRAILS = (*range(0x40, 0x7F),)
_TAILS = range(0x80, 0xC0)
_LEADS3 = range(0xE0, 0xF0)

# Encoding, its codecs, and the lead bytes of its common characters: GB 2312 level 1, KS X 1001 syllables, JIS X 0208
# level 1, Big5 level 1. Source: the standards' own division of characters by use.
CODECS = {
    "gbk": ("gbk", range(0xB0, 0xD8)),
    "cp949": ("cp949", range(0xB0, 0xC9)),
    "shift-jis": ("cp932", range(0x88, 0x99)),
    "big5": ("big5", range(0xA4, 0xC7)),
}


_above_ascii = "\x7f".__lt__


def characters(codec: str, leads: Iterable[int], trails: Iterable[int]) -> str:
    """The characters above ASCII whose two bytes are one of ``leads`` and one of ``trails``, as a regex class's inside."""
    tails = [bytes((trail, 0x0A)) for trail in trails]
    pairs = b"".join(bytes((lead,)) + tail for lead in leads for tail in tails)
    points = sorted(map(ord, filter(_above_ascii, set(pairs.decode(codec, "ignore")))))
    ranges: list[list[int]] = []
    for point in points:
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(chr(first) if first == last else f"{chr(first)}-{chr(last)}" for first, last in ranges)


def _trigger(codec: str) -> str:
    """UTF-8 for one character of three bytes with what must follow it, or for one of two between Latin letters."""
    begin = characters(codec, _LEADS3, _TAILS)
    quoted = characters(codec, (0xE1,), (0xBA, 0xBB)) + characters(codec, (0xE2,), (0x80, 0x82))  # Vietnamese, “ ” ’ –
    ascii_next = characters(codec, _TAILS, _ASCII_TRAILS)
    lead_next = characters(codec, _TAILS, (*range(0xC2, 0xE0), *_LEADS3))
    inner = characters(codec, _TAILS, _TAILS)
    latin = characters(codec, range(0xC2, 0xC6), _TAILS)
    twos = characters(codec, (0xCE, 0xCF, 0xD0, 0xD1, 0xD7, 0xD8, 0xD9), _TAILS)
    armenian = characters(codec, (0xD4, 0xD5, 0xD6), _TAILS)
    short = f"[{quoted}][{ascii_next}]|" if quoted else ""
    if codec == "cp932":
        kana = "\uff61-\uff9f"
        return (
            f"{short}[{begin}](?:[{kana}\uf8f0]|[{lead_next}][{inner}{kana}])|[a-z][\uff82-\uff85][{kana}\uf8f0]"
            f"|[\uff82-\uff85][{kana}\uf8f0][a-z]"
            "|(?:[\uff8e-\uff91\uff97-\uff99][\uff61-\uff7f]){2}"
        )
    # Kana are also tail bytes in cp949: there a second character must begin.
    again = f"[{begin}]" if codec == "cp949" else ""
    return f"{short}[{begin}](?:\u20ac|[{lead_next}][{inner}\u20ac]{again})|[a-z][{latin}](?:[a-z ,.]|$)|(?:^| )[{latin}]{{1,2}}[a-z]|[{twos}]{{4}}|[{armenian}]{{5}}"


# Syllables outside the 2,350 of KS X 1001 whose bytes in cp949 are two UTF-8 continuation bytes.
RARE = characters("cp949", range(0x81, 0xA1), range(0x81, 0xC0)) + characters("cp949", range(0xA1, 0xC0), range(0x81, 0xA1))
TRIGGERS = {name: _trigger(codec) for name, (codec, _) in CODECS.items()}
TRIGGERS["cp949"] += f"|[{RARE}][^\n]{{0,2}}[{RARE}][^\n]{{0,2}}[{RARE}]"
_RARE = f"[{RARE}]"
_EASTERN = re.compile("[\u0370-\u04ff\u2e80-\ud7a3\ue000-\uffff]")
_SURE = 4.0


@cache
def _compiled(name: str) -> re.Pattern[str]:
    """The pattern of an encoding; the first use compiles it, 5 to 10 ms, so that importing this module takes none."""
    return re.compile(f"{TRIGGERS[name]}|\ufffd")


@cache
def _back(codec: str) -> dict[str, bytes]:
    """The bytes of every character; where there are several, the lower ones: UTF-8 has no lead above 0xF4."""
    table: dict[str, bytes] = {"\ufffd": b"\xff"}
    for lead in range(0x80, 0x100):
        single = bytes([lead]).decode(codec, "ignore")
        if single:
            table.setdefault(single, bytes([lead]))
            continue
        for trail in (*_ASCII_TRAILS, *range(0x80, 0xFF)):
            try:
                table.setdefault(bytes((lead, trail)).decode(codec), bytes((lead, trail)))
            except UnicodeDecodeError:
                continue
    if codec == "gbk":
        table.setdefault("\u20ac", b"\x80")
    return table


def wide_readings(text: str) -> list[Reading]:
    """Every piece of the text that is UTF-8 read in one of ``CODECS``, in order and not overlapping."""
    if not _EASTERN.search(text):
        return []
    names = [name for name in CODECS if _compiled(name).search(text)]
    best: list[Reading] = []
    at = 0
    for line in text.split("\n") if names else ():
        if not line.isascii():
            choices = [_in_line(line, at, name) for name in names]
            best += max(choices, key=lambda found: sum(reading.weight for reading in found), default=[])
        at += len(line) + 1
    return best


def _in_line(line: str, at: int, name: str) -> list[Reading]:
    """The readings of one line in one encoding."""
    if not _compiled(name).search(line):
        return []
    codec, common = CODECS[name]
    table = _back(codec)
    pieces = [table.get(c) or (c.encode() if c < "\x80" else b"\xfe") for c in line]
    data = b"".join(pieces)
    home = [n for n, piece in enumerate(pieces) for _ in piece]
    chains = []
    for match in _CHAIN.finditer(data):
        first, last = match.span()
        if first and home[first - 1] == home[first]:
            continue
        start, end = home[first], home[last - 1] + 1
        weight = _weight(match.group(), line[start - 1 : start], line[end : end + 1])
        if weight:
            chains.append((start, end, weight))
    found = []
    for start, end, weight in _joined(line, chains):
        if weight < _SURE or _share(line, start, end) < _MOST:
            continue
        if weight >= 2 * _SURE or _unusual(line[start:end], pieces[start:end], name, common):
            try:
                repaired = b"".join(pieces[start:end]).decode()
            except UnicodeDecodeError:
                repaired = None
            found.append(Reading(at + start, at + end, f"utf-8 as {name}", repaired, weight))
    return found


def _unusual(piece: str, codes: list[bytes], name: str, common: range) -> bool:
    """Whether hardly anybody writes these characters in a row."""
    pairs = [code for code in codes if len(code) == 2 and not 0xC2 <= code[0] <= 0xDF]
    usual = sum(code[0] in common and code[1] >= 0xA1 for code in pairs)
    if name == "cp949" and _FEW_HANJA.search(piece) is None and len(set(re.findall(_RARE, piece))) < 3:
        return ("\ufffd" not in piece and usual < len(pairs)) or not pairs
    return usual <= 0.6 * len(pairs)


_FEW_HANJA = re.compile("[\u4e00-\u9fff]")
_MODERN = re.compile("[\u0386-\u03ce\u0401-\u045f\u0490-\u0493\u0531-\u058a\u05d0-\u05ea\u060c-\u064a\u0660-\u06d3]")


def _weight(chain: bytes, before: str, after: str) -> float:
    """How much a run of UTF-8 sequences speaks for itself: two for a character in use, one for one that lost a byte."""
    tokens = [(match.group(1), match.group()) for match in _TOKEN.finditer(chain)]
    beside = (before.isascii() and before.isalpha()) + (after.isascii() and after.isalpha())
    score, whole = 0.0, 0
    groups, han = set(), ""
    for one, piece in tokens:
        if one is None:
            score += 1.0 if len(piece) == 3 and piece[0] in b"\xff?" else 0.2
            whole += len(piece) > 1
            continue
        whole += 1
        character = one.decode()
        group = sense(character)
        if not group:
            return 0.0
        if group in ("latin", "sign"):
            score += (0.0, 2.0, 4.0)[beside]
        elif len(one) == 2:
            groups.add(group)
            score += 1.0 if len(tokens) >= 3 and _MODERN.match(character) else 0.0
        elif group == "wide latin" or "\u2010" <= character <= "\u2026":
            score += (1.0, 4.0, 4.0)[beside]
        elif _COMMON.match(character):
            score += 2.0
        elif group in ("han", "hangul"):
            han += character if group == "han" else ""
            score += 2.0 if _level_one(character) else 0.5
        else:
            score += 0.5
    # A few rare characters, or letters of several alphabets in a row, are what any two-byte text decodes to by chance.
    if len(groups) > 1 or (0 < len(han) == whole < 4 and HAN.isdisjoint(han)):
        return 0.0
    return score if whole else 0.0


# Scripts of three bytes whose characters are all in use, and the punctuation of East Asia.
_COMMON = re.compile(
    "[\u0900-\u1fff\u3001-\u3011\u3041-\u30fe\uff01\uff08\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\U0001f300-\U0001faff]"
)


def _level_one(character: str) -> bool:
    """Whether a standard of China, Japan or Korea counts the character among the common ones."""
    for codec, leads in CODECS.values():
        code = character.encode(codec, "ignore")
        if len(code) == 2 and code[0] in leads and (code[1] >= 0xA1 or codec == "cp932" or codec == "big5"):
            return True
    return False


def _share(line: str, start: int, end: int) -> float:
    """How much of the run of letters above ASCII around a piece the piece is: damage does not stop within a word."""
    left, right = start, end
    while left and line[left - 1] > "\x7f" and start - left < _LOOK:
        left -= 1
    while right < len(line) and line[right] > "\x7f" and right - end < _LOOK:
        right += 1
    return (end - start) / (right - left)


_LOOK = 200
_MOST = 0.6


def _joined(line: str, chains: list[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    out: list[tuple[int, int, float]] = []
    for start, end, weight in chains:
        gap = line[out[-1][1] : start] if out else ""
        if out and len(gap) <= 24 and all(c < "\x80" or c in "\ufffd\u20ac" for c in gap):
            out[-1] = out[-1][0], end, out[-1][2] + weight
        else:
            out.append((start, end, weight))
    return out
