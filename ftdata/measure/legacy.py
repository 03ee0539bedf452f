"""Bytes of an older encoding that were read as Latin-1 or windows-1252: ``¾È³çÇÏ¼¼¿ä`` for 안녕하세요.

The bytes are decoded in each encoding that they may have been written in. The one whose result reads like its language,
by how many of its characters are among that language's most frequent, is the one; where none does, nothing is found.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from ftdata.measure.misread import Reading, characters

# Counted on songys/Chatbot_data and nlpai-lab/KULLM (105,000 syllables, 74 % of them these), 2026-11.
_SYLLABLES = frozenset(
    "요이어는하다지가아을고해세사에나도니보게있거한은기자좋로면를의서시만까그네수리데예인마주일야정으들겠라제람무랑생구할여같스대음친안내연말없남간싶봐것신"
    "각상진죠드려오바힘습잘했부더너많모합적전되않문별화운장과저애분비었건소때트성러금심당중우작녕"
)
# Counted on LLaMA-Factory's alpaca_zh and dpo_zh demos and EmoLLM (1.1 million characters, 55 % of them these), 2026-11;
# with the traditional forms and some forty characters of everyday talk added by hand.
HAN = frozenset(
    "的我一是你和可在有个这们心理以不自人能到感对生时过解会些了为己得情用来力好中要并关知现他如问出学题想种作无于或识步您常帮实成方定行度觉让请都下通同试"
    "法应提面地也更很但分认医体动受与而上信活近每决业起重助大表工先压需进最间件样就正者爱其确國個這們對時過會為無現問學題種實覺讓請試應認醫體動與業壓進"
    "間樣愛確來說她那子去年多家天后後没沒么麼里裡小日今明天气氣水吃喝走店买買开開早晚见見本月"
)
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fc]")
# The ten or so most frequent letters of the language, accented vowels with them; chosen by hand, checked on tests/mojibake.
_LETTERS = {
    "windows-1251": "оеаинтсрвлкміј", "koi8-r": "оеаинтсрвлкм", "windows-1253": "αοιετσνηυρςάέήίόύ", "windows-1255": "יוהלאמרבתשנ",
    "windows-1256": "اليمنتروبهةد", "tis-620": "านรอกเงมยลวดทสตะปบ่้ั",
}  # fmt: skip
_SCRIPTS = {
    "windows-1251": re.compile("[\u0401-\u045f\u0490\u0491«»–—“”„’…№\xa0]"), "koi8-r": re.compile("[\u0401-\u0451]"),
    "windows-1253": re.compile("[\u0384-\u03ce«»·\xa0]"), "windows-1255": re.compile("[\u05b0-\u05f4]"),
    "windows-1256": re.compile("[\u060c-\u06d2\u200c]"), "tis-620": re.compile("[\u0e01-\u0e5b]"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Written:
    """An encoding that text may have been written in, and how much a decoded text reads like its language, 0 to 1."""

    name: str
    codec: str
    likeness: Callable[[str], float]


def _korean(text: str) -> float:
    high = [c for c in text if c > "\x7f"]
    hangul = [c for c in high if "가" <= c <= "힣"]
    if not hangul or len(hangul) < 0.8 * len(high) or any(not _plain_hangul(c) for c in hangul):
        return 0.0
    return sum(c in _SYLLABLES for c in hangul) / len(hangul) / 0.7 * len(hangul) / len(high)


def _plain_hangul(character: str) -> bool:
    code = character.encode("cp949", "ignore")
    return len(code) == 2 and code[0] >= 0xB0 and code[1] >= 0xA1


def _chinese(text: str) -> float:
    high = [c for c in text if c > "\x7f"]
    han = [c for c in high if "\u4e00" <= c <= "\u9fff"]
    if not han or len(han) + sum(c in "，。！？、：；“”（）《》…—" for c in high) < 0.9 * len(high):
        return 0.0
    return sum(c in HAN for c in han) / len(han) / 0.5


def _japanese(text: str) -> float:
    high = [c for c in text if c > "\x7f"]
    kana = len(_KANA.findall(text))
    known = sum("\u3000" <= c <= "\u30ff" or "\u4e00" <= c <= "\u9fff" or "\uff01" <= c <= "\uff5e" for c in high)
    if not high or known < 0.95 * len(high):
        return 0.0
    return min(1.3, kana / len(high) / 0.45)


def _alphabet(name: str) -> Callable[[str], float]:
    top, script = frozenset(_LETTERS[name]), _SCRIPTS[name]

    def likeness(text: str) -> float:
        high = [c for c in text if c > "\x7f"]
        inside = sum(script.match(c) is not None for c in high)
        if len(high) < 5 or inside < 0.97 * len(high):
            return 0.0
        words = re.findall(r"[^\W\d_]{2,}", text)
        if any(not word.isascii() and _LATIN.search(word) for word in words):
            return 0.0
        if len(words) < 2 and len(high) < 12 and not any(word[0].isupper() and word[1:].islower() for word in words):
            return 0.0
        if name in ("windows-1251", "koi8-r", "windows-1253") and any(w[1:] != w[1:].lower() and not w.isupper() for w in words):
            return 0.0
        return max(0.0, sum(c.lower() in top for c in high) / len(high) - 0.3) / 0.35

    return likeness


_WRITTEN = (
    _Written("cp949", "cp949", _korean),
    _Written("gbk", "gbk", _chinese),
    _Written("shift-jis", "cp932", _japanese),
    _Written("big5", "big5", _chinese),
    _Written("euc-jp", "euc_jp", _japanese),
    *(_Written(name, {"koi8-r": "koi8_r", "tis-620": "cp874"}.get(name, name), _alphabet(name)) for name in _LETTERS),
)
_LATIN = re.compile("[A-Za-z]")
_LIKE = 0.55
_TABLE = {ord(character): byte for byte, character in characters("cp1252").items()} | {
    point: point for point in range(0x80, 0x100)
}
_HIGH = "\x80-\xff" + "".join(chr(point) for point in sorted(_TABLE) if point > 0xFF)
LEGACY_HINT = (
    "[\xb0-\xc8][\xa1-\xfe][\xb0-\xc8][\xa1-\xfe]|[\xa1-\xff]{5}|[\xc0-\xff]{3} [\xc0-\xff]{3}"
    "|\u201a[\u0178\xa0-\xf1]\u201a|\u0192[@-Z\\[-~\u20ac-\u2122]\u0192|\x82[\x9f-\xf1]\x82|[\x80-\x84\x86-\x9f]"
)
_TRIGGER = re.compile(LEGACY_HINT)
_STRETCH = re.compile(f"[{_HIGH}](?:[ -~]{{0,12}}[{_HIGH}])*[@-~]?")
_C1 = re.compile("[\x80-\x9f]")


def legacy_readings(text: str) -> list[Reading]:
    """Every piece of the text that was written in an older encoding and read as Latin-1 or windows-1252."""
    found: list[Reading] = []
    if not _TRIGGER.search(text):
        return found
    for match in _STRETCH.finditer(text):
        if _TRIGGER.search(match.group()):
            reading = _read(text, *match.span())
            if reading:
                found.append(reading)
    return found


def _read(text: str, start: int, end: int) -> Reading | None:
    best: tuple[float, str, str, int] | None = None
    for cut in (end, end - 1) if "@" <= text[end - 1] <= "~" else (end,):
        piece = text[start:cut]
        if _listed(piece):
            return None
        data = bytes(_TABLE.get(ord(c), ord(c)) for c in piece)
        for written in _WRITTEN:
            try:
                decoded = data.decode(written.codec)
            except UnicodeDecodeError:
                continue
            value = written.likeness(decoded)
            if value >= _LIKE and (best is None or value > best[0]):
                best = value, written.name, decoded, cut
    if best is None:
        return None
    _, name, decoded, cut = best
    read = "latin-1" if all(ord(c) < 0x100 for c in text[start:cut]) else "windows-1252"
    return Reading(start, cut, f"{name} as {read}", decoded, 4.0)


def _listed(piece: str) -> bool:
    """Whether these characters are a table in order, such as ``ÀÁÂÃÄÅ``."""
    high = [ord(c) for c in piece if c > "\x7f"]
    rising = sum(0 < b - a <= 4 for a, b in pairwise(high))
    return len(set(high)) < 3 or rising >= 0.7 * (len(high) - 1)


def control_readings(text: str) -> list[Reading]:
    """Every C1 control character, which is windows-1252 read as Latin-1: ``\\x93`` for an opening quotation mark."""
    found = []
    for match in _C1.finditer(text):
        meant = match.group().encode("latin-1").decode("cp1252", "ignore")
        found.append(Reading(match.start(), match.end(), "windows-1252 as latin-1", meant or None, 0.5))
    return found
