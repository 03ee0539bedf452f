"""UTF-8 that was read in an encoding of one byte per character: ``cafÃ©`` for café.

The decision is a round trip: characters are encoded in the encoding they were read in and decoded as UTF-8. What comes
out must be letters or signs that people write, and what stands there must not be.
"""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

# By how often it happens: on a tie the first one is named.
CODECS = {
    "windows-1252": "cp1252", "mac-roman": "mac_roman", "windows-1251": "cp1251", "windows-1250": "cp1250",
    "cp437": "cp437", "cp850": "cp850", "windows-1254": "cp1254", "windows-1253": "cp1253", "windows-1257": "cp1257",
}  # fmt: skip

_LOWER = "a-zß-öø-ÿāăąćčďđēęěğīįłńňőœŕřśşšťūůűźżž\u0430-яёђѓєѕіїјљњћќўџґ"
_CLOSERS = "’”…–—»›“‘™®°²³·•\xa0"
_OPENERS = "“‘«‹„‚–—…·’”»›•\xa0°"
_LINKS = "’–—…·“‘«„•›»"
_MATHS = "¬√≈∆÷◊≠∞±≤≥∂∑∏π∫Ωµ°⌐∩αßΓπΣσµτΦΘΩδφε≡⌠⌡√²"


@dataclass(frozen=True, slots=True)
class Reading:
    """A piece of text in the wrong encoding: ``text[start:end]`` should read ``repaired``; ``weight`` is how sure."""

    start: int
    end: int
    kind: str
    repaired: str | None
    weight: float


def characters(codec: str) -> dict[int, str]:
    """The character of each byte above ASCII; bytes without one are C1 controls, as browsers read them.

    Source: WHATWG Encoding Standard, index windows-1252 (2026-11).
    """
    return {byte: bytes([byte]).decode(codec, "ignore") or chr(byte) for byte in range(0x80, 0x100)}


def _inside(signs: Iterable[str]) -> str:
    return "".join(map(re.escape, sorted(set(signs))))


class Codec:
    """One encoding that UTF-8 is read in: the pattern of UTF-8 in its characters, and the way back."""

    def __init__(self, name: str, codec: str) -> None:
        table = characters(codec)
        controls = {byte: chr(byte) for byte in range(0x80, 0xA0)} if codec == "cp1252" else {}
        self.name = name
        self.back = {ord(c): byte for byte, c in (*controls.items(), *table.items())}
        tails = [*(table[byte] for byte in range(0x80, 0xC0)), *controls.values(), "\ufffd"]
        leads = [table[byte] for byte in range(0xC2, 0xE0)]
        # What may follow a letter in a text that is not damaged.
        self.natural = frozenset(c for c in tails if (c.isalpha() and c not in "ƒˆˇªºµ") or c in _CLOSERS)
        tail, even, odd = _inside(tails), _inside(self.natural), _inside(c for c in tails if c not in self.natural)
        lead2, lead3, lead4 = (
            _inside(leads),
            _inside(table[b] for b in range(0xE0, 0xF0)),
            _inside(table[b] for b in range(0xF0, 0xF5)),
        )
        self._sequence = f"[{lead2}][{tail}]|[{lead3}][{tail}]{{2}}|[{lead4}][{tail}]{{3}}"
        upper, marks = _inside(c for c in leads if c.isupper()), _inside(c for c in leads if not c.isalpha() or c == "ƒ")
        after = _inside(c for c in self.natural if not c.isalpha() and c not in _LINKS)
        parts = [
            f"[{lead2}][{odd}]",
            f"[{_LOWER}][{upper}][{even}]" if upper else "",
            f"[A-Z{_LOWER}][{marks}][{even}]" if marks else "",
            f"[{upper}][{after}][{_LOWER}]" if upper and after else "",
            f"[{upper}][{even}][A-Za-z]" if upper[-1:] > "\u036f" else "",
            f"(?:[{lead2}][{even}]){{2}}",
            f"[0-9 ]{re.escape(table[0xC2])}{re.escape(table[0xB0])}[CF]",
            f"{re.escape(table[0xE2])}{re.escape(table[0x80])}[{tail}]",
            f"[{lead3}](?:[{odd}][{tail}]|[{even}][{odd}])",
            f"(?:[{lead3}][{even}]{{2}}){{2}}",
            f"[{lead4}][{tail}]{{3}}",
            "Â[°®·²³]" if codec == "cp1252" else "",
        ]
        self.hint = "|".join(part for part in parts if part)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """UTF-8 for one character, in the characters of this encoding."""
        return re.compile(self._sequence)

    def sequences(self, text: str) -> Iterator[tuple[int, int, str | None]]:
        """Every place that is UTF-8 in this encoding: start, end, and the character, ``None`` where a byte was lost."""
        for match in self.pattern.finditer(text):
            piece = match.group()
            if "\ufffd" in piece:
                yield match.start(), match.end(), None
                continue
            try:
                yield match.start(), match.end(), bytes(self.back[ord(c)] for c in piece).decode()
            except UnicodeDecodeError:
                continue


READERS = [Codec(name, codec) for name, codec in CODECS.items()]


def sense(character: str) -> str:
    """The group that a repaired character belongs to, "" where nobody writes it."""
    point = ord(character)
    for first, last, group in _GROUPS:
        if first <= point <= last:
            return group if group == "control" or unicodedata.category(character) not in ("Cn", "Co", "Cs", "Cc") else ""
    return ""


# Unicode blocks in use (Unicode 16, Blocks.txt); archaic and phonetic blocks need company, see _weigh.
_GROUPS = (
    (0x80, 0x9F, "control"),
    (0xA0, 0xBF, "sign"), (0xC0, 0x17F, "latin"), (0x18F, 0x18F, "latin"), (0x1A0, 0x1A1, "latin"), (0x1AF, 0x1B0, "latin"),
    (0x1CD, 0x1DC, "latin"), (0x1E6, 0x1E7, "latin"), (0x1F4, 0x1FF, "latin"), (0x218, 0x21B, "latin"), (0x192, 0x192, "latin"),
    (0x250, 0x2AF, "phonetic"), (0x2B0, 0x2FF, "phonetic"), (0x300, 0x345, "mark"), (0x386, 0x3CE, "greek"),
    (0x400, 0x52F, "cyrillic"), (0x531, 0x58A, "armenian"), (0x5B0, 0x5F4, "hebrew"), (0x60C, 0x6FF, "arabic"),
    (0x900, 0xDFF, "indic"), (0xE00, 0xEFF, "thai"), (0xF00, 0xFFF, "tibetan"), (0x1000, 0x109F, "burmese"), (0x10A0, 0x10FF, "georgian"),
    (0x1200, 0x137F, "ethiopic"), (0x1780, 0x17FF, "khmer"), (0x1820, 0x18AA, "mongolian"), (0x1E00, 0x1EFF, "wide latin"),
    (0x1F00, 0x1FFF, "wide greek"), (0x2000, 0x206F, "wide sign"), (0x2070, 0x27BF, "wide sign"), (0x2B00, 0x2BFF, "wide sign"),
    (0x3000, 0x303F, "wide sign"), (0x3040, 0x30FF, "kana"), (0x3100, 0x318F, "han"), (0x3190, 0x33FF, "han"), (0x3400, 0x9FFF, "han"),
    (0xAC00, 0xD7A3, "hangul"), (0xF900, 0xFAFF, "han"), (0xFB00, 0xFB4F, "hebrew"), (0xFE0E, 0xFE4F, "wide sign"),
    (0xFE70, 0xFEFF, "arabic"), (0xFF01, 0xFFEE, "wide sign"), (0x1D400, 0x1D7FF, "wide sign"), (0x1F000, 0x1FAFF, "emoji"),
    (0x20000, 0x2FA1F, "han"),
)  # fmt: skip


_ALONE = {"sign", "latin"}
_COMPANY = {"phonetic", "mark", "greek", "cyrillic", "armenian", "hebrew", "arabic"}
# Letters of few languages: where two encodings explain a text, the one without them does.
_SELDOM = frozenset("ĉĝĥĵŝŭĈĜĤĴŜŬĸŀĿŉŋŊŧŦĬĭĔĕŎŏŖŗŴŵŶŷ")
_ENOUGH = 1.5
_GAP = 24


@dataclass(slots=True)
class _Place:
    start: int
    end: int
    character: str | None
    weight: float


class Taken:
    """Which characters of a text are spoken for."""

    def __init__(self, length: int) -> None:
        self._mask = bytearray(length)

    def free(self, start: int, end: int) -> bool:
        """Whether nothing in ``[start, end)`` is taken."""
        return self._mask.find(1, start, end) < 0

    def take(self, start: int, end: int) -> None:
        """Take ``[start, end)``."""
        self._mask[start:end] = b"\x01" * (end - start)


def readings(text: str, enough: float = _ENOUGH) -> list[Reading]:
    """Every piece of the text that is UTF-8 read in one of ``CODECS``, in order and not overlapping.

    ``enough`` is how much must speak for it; with 0 everything that can be UTF-8 is.
    """
    found: list[tuple[float, Codec, list[_Place]]] = []
    # UTF-8 has two bytes and more, all of them above ASCII in all of these encodings: the rest of the text need not be read.
    foreign = "\n".join(_FOREIGN.findall(text))
    for codec in READERS if foreign else ():
        if codec.pattern.search(foreign):
            places = _weighed(text, codec)
            total = sum(place.weight for place in places)
            if places and total >= enough:
                found.append((total + len(places) / 2, codec, places))
    merged: list[Reading] = []
    taken = Taken(len(text) if len(found) > 1 else 0)
    for _, codec, places in sorted(found, key=lambda entry: -entry[0]):
        free = [place for place in places if taken.free(place.start, place.end)] if merged else places
        if sum(place.weight for place in free) >= enough:
            more = _merged(text, codec, free, enough == 0)
            more = [reading for reading in more if taken.free(reading.start, reading.end)] if merged else more
            merged += more
            if len(found) > 1:
                for reading in more:
                    taken.take(reading.start, reading.end)
    return sorted(merged, key=lambda reading: reading.start)


def _weighed(text: str, codec: Codec) -> list[_Place]:
    places: list[_Place] = []
    company = 0
    before = ""
    for start, end, character in codec.sequences(text):
        group = sense(character) if character else "lost"
        if not group:
            continue
        touching = bool(places) and places[-1].end == start
        odd = _odd(text, start, end, character, codec)
        if group in _COMPANY:
            company = company + 1 if touching and before in _COMPANY else 1
            places.append(_Place(start, end, character, float(odd) if company > 1 else 0.0))
            if company == 2:
                places[-2].weight = float(_odd(text, places[-2].start, places[-2].end, places[-2].character, codec))
        elif group == "control":  # half of a sequence that was misread twice
            places.append(_Place(start, end, character, 1.0 if odd else 0.0))
        elif group == "lost":
            places.append(_Place(start, end, None, 1.0 if odd else 0.0))
        elif group in _ALONE:
            places.append(_Place(start, end, character, (1.5 if character in _SELDOM else 2.0) if odd else 0.0))
        else:
            places.append(_Place(start, end, character, 2.0 if odd else 1.0 if touching and before == group else 0.0))
        before = group
    return places


def _odd(text: str, start: int, end: int, character: str | None, codec: Codec) -> bool:
    """Whether nobody would write these characters here, where they stand."""
    lead, tails = text[start], text[start + 1 : end]
    before, after = text[start - 1 : start], text[end : end + 1]
    if any("\x80" <= c <= "\x9f" for c in tails):
        return True
    steps = [ord(b) - ord(a) for a, b in zip(text[start:end], tails, strict=False)]
    if all(1 <= step <= 3 for step in steps):
        return False  # a table of characters in their order
    if character == "°" and after[:1] in ("C", "F") and (before.isdigit() or before == " "):
        return True
    if lead == "Â" and tails in ("°", "®", "·", "²", "³") and not before.isupper():
        return True
    if len(tails) == 2 and (lead, tails[0]) in _PUNCTUATION and not _GERMAN.match(text, start):
        return True
    plain = all(c in codec.natural for c in tails)
    if "\u2500" <= lead <= "\u259f":
        natural = all("\u2500" <= c <= "\u259f" for c in tails) or (plain and not before.isalpha())
        natural = natural and not (lead in "├┬─┼" and (before.isalpha() or after.isalpha()))
    elif lead in _MATHS:
        inside = before.isalpha() and (after.isalpha() or after == lead or tails[-1] not in "πΩµ∑∫∂∆")
        natural = all(c in _MATHS or c in "½¼¾²³£¥€" for c in tails) and not inside
    elif lead in _OPENERS:
        natural = plain
    else:
        natural = plain and lead.isalpha() and lead != "ƒ"
        if natural and lead.isupper():
            last = tails[-1]
            apart = "\u0400" <= lead <= "\u04ff" and before.isascii() and _CYRILLIC.match(after)
            camel = (bool(_IS_LOWER.match(before)) and not apart) or (before.isdigit() and lead in "ÂВĀΒ")
            follows = bool(_IS_LOWER.match(after)) and not last.isalpha() and last not in _LINKS
            mixed = lead > "\u036f" and after.isascii() and after.isalpha()
            natural = not (camel or follows or mixed)
    return not natural


# E2 80, the first two bytes of ’ “ ” – — …, in the encodings whose letters they are.
_PUNCTUATION = {("‚", "Ä"), ("в", "Ђ"), ("Ô", "Ç")}
_GERMAN = re.compile("‚Äöß")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_IS_LOWER = re.compile(f"[{_LOWER}]")


def _merged(text: str, codec: Codec, places: list[_Place], every: bool) -> list[Reading]:
    groups: list[list[_Place]] = []
    sure = [place.start for place in places if place.weight]
    for place in places:
        if not every and not place.weight and not _near(text, place.start, sure):
            continue
        gap = text[groups[-1][-1].end : place.start] if groups else ""
        if groups and len(gap) <= _GAP and gap.isascii() and "\n" not in gap:
            groups[-1].append(place)
        else:
            groups.append([place])
    return [_reading(text, codec, group) for group in groups]


def _near(text: str, at: int, sure: list[int]) -> bool:
    place = bisect.bisect(sure, at)
    around = sure[max(0, place - 1) : place + 1]
    return any(abs(other - at) <= 80 and "\n" not in text[min(other, at) : max(other, at)] for other in around)


def _reading(text: str, codec: Codec, places: list[_Place]) -> Reading:
    start, end = places[0].start, places[-1].end
    name = codec.name
    if name == "windows-1252" and any("\x80" <= c <= "\x9f" for c in text[start:end]) and not _ABOVE.search(text[start:end]):
        name = "latin-1"
    if any(place.character is None for place in places):
        return Reading(start, end, f"utf-8 as {name}", None, sum(place.weight for place in places))
    parts, at = [], start
    for place in places:
        parts += [text[at : place.start], place.character or ""]
        at = place.end
    return Reading(start, end, f"utf-8 as {name}", "".join(parts), sum(place.weight for place in places))


_ABOVE = re.compile("[\u0152-\u2122]")
_FOREIGN = re.compile("[^\x00-\x7f]{2,}")
