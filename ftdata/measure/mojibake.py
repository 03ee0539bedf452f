"""Find text whose encoding was damaged: where, how, and what it should read.

UTF-8 read as something else (``cafÃ©``, ``浣犲ソ``), older encodings read as Latin-1 (``¾È³çÇÏ¼¼¿ä``), both twice over,
and what a conversion leaves when it gives up: U+FFFD, question marks, lone surrogates, escapes written out.
"""

from __future__ import annotations

import bisect
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from ftdata.measure.legacy import LEGACY_HINT, control_readings, legacy_readings
from ftdata.measure.misread import READERS, Reading, Taken, readings
from ftdata.measure.prose import looks_like_code, without_code
from ftdata.measure.widened import TRIGGERS, wide_readings

__all__ = ["HINTS", "Damage", "damage"]


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged piece of a text, ``text[start:end]`` in characters.

    ``kind`` is what happened: "utf-8 as windows-1252" is UTF-8 that was read as windows-1252. ``repaired`` is what the
    piece should read, where every byte is still there, and else ``None``.
    """

    start: int
    end: int
    kind: str
    repaired: str | None


# U+FFFD in UTF-8, itself read as windows-1252, GBK, cp949, windows-1251, Mac Roman, cp437, cp850 and Shift-JIS.
_SPOILED = "ï¿½|锟斤拷|占쏙옙|пїЅ|ÔøΩ|∩┐╜|´┐¢|・ｿｽ"
_ESCAPE_HINT = (
    r"\\u[0-9a-fA-F]{4}|\\x[89a-fA-F][0-9a-fA-F]|&#[0-9]{3,6};|&#[xX][0-9a-fA-F]{2,5};"
    r"|&[A-Za-z](?:acute|grave|circ|uml|tilde|cedil|ring|caron);|&szlig;|&oslash;|&aelig;|=[C-F][0-9A-F]=[89AB][0-9A-F]"
)
_QUESTION_HINT = r"\?\?+[,.!:]? +\?|\?{6}|[a-z]\?[a-z]|[a-z]\?\?+[a-z]"
HINTS = "|".join(
    ["\ufffd", _SPOILED, _QUESTION_HINT, _ESCAPE_HINT, LEGACY_HINT, *(reader.hint for reader in READERS), *TRIGGERS.values()]
)
"""A pattern, for Python and for Rust, that every text matches in which `damage` finds anything.

It is true of few clean texts. Lone surrogates are not in it: Rust's strings, and so polars, cannot hold them.
"""


@cache
def _hints() -> re.Pattern[str]:
    return re.compile(HINTS)


_SURROGATE = re.compile("[\ud800-\udfff]+")
_ABOUT = re.compile(
    r"(?i)mojibake|garbled|\butf-?8\b|\blatin-?1\b|unicode|U\+[0-9A-F]{4}|replacement character|character encoding|\bescape|\bregex|windows-125"
    r"|\bentit(?:y|ies)\b|\bcodepage|乱码|亂碼|编码|編碼|文字化け|エスケープ|エンコー|인코딩|유니코드|이스케이프|글자가 깨|кодировк|кракозябр|юникод"
)
# One of these is in every text that _ABOUT matches; seeking them takes a twentieth of the time.
_ABOUT_WORDS = (
    "mojibake", "garbled", "utf", "latin", "unicode", "u+", "replacement character", "character encoding", "escape", "regex",
    "windows-125", "entit", "codepage", "乱码", "亂碼", "编码", "編碼", "文字化け", "エスケープ", "エンコー", "인코딩", "유니코드",
    "이스케이프", "글자가 깨", "кодировк", "кракозябр", "юникод",
)  # fmt: skip
_ODD_CASES = re.compile("[ıİſ\u212aᲀ-ᲊ]")
_ROUNDS = 3


def damage(text: str, hinted: bool = False) -> list[Damage]:
    """Return the damaged pieces of a text in order and without overlaps; code in fences and in backticks is left out.

    ``hinted`` says that the text is known to match `HINTS`.
    """
    prose = without_code(text)
    passes: tuple[Callable[[str], Iterator[Damage]], ...] = (_marks, _escapes)
    if not prose.isascii():
        passes = (_surrogates, _misread, _lost, *passes)
    found: list[Damage] = []
    taken = Taken(len(prose))
    for pass_ in passes:
        for piece in pass_(prose):
            if taken.free(piece.start, piece.end):
                taken.take(piece.start, piece.end)
                found.append(piece)
    if found and _speaks_of_encodings(prose):
        found = [piece for piece in found if not _quoted(piece)]
    # The patterns of the passes look around, which Rust cannot: what HINTS does not see is not found.
    if not found or not (hinted or _hinted(text, found[0]) or _SURROGATE.search(text)):
        return []
    return sorted(found, key=lambda piece: piece.start)


def _speaks_of_encodings(text: str) -> bool:
    lowered = text.lower()
    if not any(word in lowered for word in _ABOUT_WORDS) and not _ODD_CASES.search(text):
        return False
    return _ABOUT.search(text) is not None


def _hinted(text: str, piece: Damage) -> bool:
    """Whether `HINTS` matches the text: asked around a piece first, because all of a long text takes long."""
    last = min(len(text), piece.end + _AROUND)
    match = _hints().search(text, max(0, piece.start - _AROUND), last)
    return (match is not None and (match.end() < last or last == len(text))) or _hints().search(text) is not None


_AROUND = 32


def _quoted(piece: Damage) -> bool:
    """Whether a text that speaks of encodings shows this piece as an example."""
    return piece.kind == "literal escapes" or (piece.end - piece.start <= 16 and piece.kind != "surrogate escapes")


def _surrogates(text: str) -> Iterator[Damage]:
    for match in _SURROGATE.finditer(text):
        try:
            repaired = match.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            try:
                repaired = match.group().encode("utf-8", "surrogateescape").decode()
            except (UnicodeDecodeError, UnicodeEncodeError):
                repaired = None
        yield Damage(*match.span(), "surrogate escapes", repaired)


def _misread(text: str) -> Iterator[Damage]:
    """UTF-8 in another encoding, once or twice over, and older encodings in Latin-1: what explains more letters wins."""
    utf8 = sorted([*wide_readings(text), *readings(text)], key=lambda r: r.start)
    old: list[Reading] = []
    explained = Taken(len(text))
    for reading in legacy_readings(text):
        first = bisect.bisect_left(utf8, reading.start, key=lambda r: r.end)
        last = bisect.bisect_left(utf8, reading.end, key=lambda r: r.start)
        inside = sum(_letters(text, other) for other in utf8[first:last])
        if inside < _MOST * _letters(text, reading):
            old.append(reading)
            explained.take(reading.start, reading.end)
    utf8 = [reading for reading in utf8 if explained.free(reading.start, reading.end)]
    pieces = [
        Damage(reading.start, reading.end, reading.kind, reading.repaired)
        for reading in sorted([*utf8, *old, *control_readings(text)], key=lambda r: -r.weight)
    ]
    deeper = [_deepened(text, piece, 1) for piece in pieces]
    again = any(piece != deep for piece, deep in zip(pieces, deeper, strict=True))
    yield from (
        (_deepened(text, piece, 0) if piece == deep else deep) if again else piece
        for piece, deep in zip(pieces, deeper, strict=True)
    )


def _letters(text: str, reading: Reading) -> int:
    return sum(c > "\x7f" for c in text[reading.start : reading.end])


_MOST = 0.7


def _deepened(text: str, piece: Damage, doubt: int) -> Damage:
    """The same piece, repaired again for as long as it is itself damaged; without ``doubt`` as long as it can be."""
    words = ("twice", "three times", "four times")
    before, after = text[max(0, piece.start - 1) : piece.start], text[piece.end : piece.end + 1]
    repaired, rounds = piece.repaired, 0
    while repaired and rounds < _ROUNDS:
        whole = before + repaired + after
        last = len(before) + len(repaired)
        inside = [r for r in (readings(whole) if doubt else readings(whole, 0)) if r.start >= len(before) and r.end <= last]
        if not inside or any(reading.repaired is None for reading in inside):
            break
        for reading in reversed(inside):
            whole = whole[: reading.start] + (reading.repaired or "") + whole[reading.end :]
        repaired = whole[len(before) : len(whole) - len(after)]
        rounds += 1
        if not doubt:
            break
    if not rounds:
        return piece
    return Damage(piece.start, piece.end, f"{words[rounds - 1]} {piece.kind}", repaired)


_LOST = re.compile(f"(?:\ufffd|{_SPOILED})(?:[^\n]{{0,12}}?(?:\ufffd|{_SPOILED}))*")


def _lost(text: str) -> Iterator[Damage]:
    for match in _LOST.finditer(text):
        yield Damage(*match.span(), "replacement characters", None)


_GROUPS = re.compile(r"(?<![\w?!)\]\"'’”])\?+(?:[ ,.;:!()\"–-]{1,4}\?+)+")
_LONG = re.compile(r"(?<![\w?!¿])\?{8,}")
_EMPHATIC = re.compile(r"\w\?{3}")
_INSIDE = re.compile(r"(?<![\w?/&=.%])[A-Za-zÀ-ÿ]{0,20}(?:[a-z]\?{1,3}|\?{1,3}(?=[a-z]))[a-z](?:[a-zA-Z?]{0,20})(?![\w/&=%])")


def _marks(text: str) -> Iterator[Damage]:
    """Question marks where letters were."""
    if "?" not in text:
        return
    for match in _GROUPS.finditer(text):
        lengths = [len(group) for group in re.findall(r"\?+", match.group())]
        if (
            not text[match.end() : match.end() + 1].isalnum()
            and sum(lengths) >= 5
            and max(lengths) >= 2
            and (len(set(lengths)) > 1 or len(lengths) > 6)
        ):
            yield Damage(*match.span(), "question marks", None)
    for match in _LONG.finditer(text) if not _EMPHATIC.search(text) else ():
        yield Damage(*match.span(), "question marks", None)
    inside = [match for match in _INSIDE.finditer(text) if match.group().count("?") <= len(match.group()) / 2]
    if len(inside) >= 2 or any(match.group().count("?") >= 3 for match in inside):
        for match in inside:
            yield Damage(*match.span(), "question marks", None)


_WRITTEN = re.compile(
    r"(?:\\\\?u[0-9a-fA-F]{4}|\\\\?x[0-9a-fA-F]{2}|&#[0-9]{3,6};|&#[xX][0-9a-fA-F]{2,5};"
    r"|&[A-Za-z](?:acute|grave|circ|uml|tilde|cedil|ring|caron);|&(?:szlig|oslash|aelig);|(?:=[0-9A-F]{2}){2,})"
    r"(?:[ ,.]?(?:\\\\?u[0-9a-fA-F]{4}|\\\\?x[0-9a-fA-F]{2}|&#[0-9]{3,6};|&#[xX][0-9a-fA-F]{2,5};))*"
)
_SOURCE = re.compile(
    r"(?m)^[ \t]*[\[{]|[{}][ \t]*$|;[ \t]*\n|\w\([^()\n]{0,80}\)|=[ \t]{0,8}[\"'\[{]|\\[a-tv-wyz]|\bfunction\b|\breturn\b|</?\w+>"
)


def _escapes(text: str) -> Iterator[Damage]:
    """Letters above ASCII that stand as escapes in running text."""
    if not ("\\" in text or "&" in text or "=" in text) or not re.search(_ESCAPE_HINT, text):
        return
    rest = _WRITTEN.sub("x", text)
    if looks_like_code(rest) or _SOURCE.search(rest):
        return
    pieces = [(match, _decoded(match.group())) for match in _WRITTEN.finditer(text)]
    pieces = [(match, repaired) for match, repaired in pieces if repaired and any(c > "\xa0" for c in repaired)]
    # One that touches no letter may be an example of an escape.
    if len(pieces) > 1 or any(
        len(repaired or "") > 1 or text[m.start() - 1 : m.start()].isalpha() or text[m.end() : m.end() + 1].isalpha()
        for m, repaired in pieces
    ):
        for match, repaired in pieces:
            yield Damage(*match.span(), "literal escapes", repaired)


def _decoded(piece: str) -> str | None:
    if piece.startswith("="):
        data = bytes.fromhex(piece.replace("=", ""))
    else:
        piece = html.unescape(piece)
        piece = re.sub(r"\\\\?u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), piece)
        if "\\x" not in piece:
            return piece.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
        plain = re.sub(r"\\\\?x([0-9a-fA-F]{2})", lambda m: chr(int(m[1], 16)), piece)
        if any(ord(c) > 0xFF for c in plain):
            return plain
        data = plain.encode("latin-1")
    for codec in ("utf-8", "cp1252"):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    return None
