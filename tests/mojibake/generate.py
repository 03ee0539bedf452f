"""Combine the sentences into clean and damaged texts, the same ones every time, by Python's own codecs.

Run as a script it prints how many there are of each kind.
"""

from __future__ import annotations

import codecs
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from runpy import run_path

_HERE = run_path(str(Path(__file__).with_name("sentences.py")))
SENTENCES: dict[str, list[str]] = _HERE["SENTENCES"]
APART: dict[str, list[str]] = _HERE["APART"]
HALVES = ("tuned", "held out")


def _c1(error: UnicodeError) -> tuple[str, int]:
    """Read a byte that has no character as the C1 control of its number, as browsers do."""
    assert isinstance(error, UnicodeDecodeError)
    return "".join(map(chr, error.object[error.start : error.end])), error.end


codecs.register_error("c1", _c1)


@dataclass(frozen=True)
class Text:
    """One text of the test set; ``text[start:end]`` is what was damaged, and ``original`` the whole before it was."""

    language: str
    half: str
    kind: str
    text: str
    original: str
    start: int = 0
    end: int = 0
    exact: bool = False


def _read(codec: str, errors: str = "c1") -> Callable[[str], str]:
    return lambda text: text.encode().decode(codec, errors)


def _written(codec: str, read: str, errors: str = "strict") -> Callable[[str], str]:
    return lambda text: text.encode(codec).decode(read, errors)


def _twice(codec: str) -> Callable[[str], str]:
    once = _read(codec)
    return lambda text: once(once(text))


def _lost(codec: str) -> Callable[[str], str]:
    def lose(text: str) -> str:
        spoiled = text.encode(codec, "replace").decode(codec)
        # One or two question marks in place of letters cannot be told from questions.
        return spoiled if spoiled.count("?") - text.count("?") >= 3 else text

    return lose


WEST = "en fr de es pt it nl sv da nb fi is ca ga sq id".split()
SCRIPTS = {
    "cp949": ["ko"], "gbk": ["zh"], "shift_jis": ["ja"], "big5": ["zh-tw"], "euc_jp": ["ja"], "cp1251": ["ru", "uk", "bg", "sr", "be"],
    "koi8_r": ["ru", "bg"], "cp1253": ["el"], "cp1255": ["he"], "cp1256": ["ar"], "cp874": ["th"], "cp1252": WEST,
}  # fmt: skip
ALL = list(SENTENCES)
_NAMES = {"cp1252": "windows-1252", "cp1251": "windows-1251", "cp1250": "windows-1250", "mac_roman": "mac-roman", "cp932": "shift-jis",
          "shift_jis": "shift-jis", "euc_jp": "euc-jp", "koi8_r": "koi8-r", "cp1253": "windows-1253", "cp1255": "windows-1255",
          "cp1256": "windows-1256", "cp874": "tis-620"}  # fmt: skip


def _kinds() -> Iterator[tuple[str, Callable[[str], str], list[str], bool]]:
    """Every kind of damage: its name, how it is done, the languages it happens to, and whether it can be undone."""
    for codec in ("cp1252", "latin-1", "mac_roman", "cp1251", "cp1250", "cp437", "cp850"):
        yield f"utf-8 as {_NAMES.get(codec, codec)}", _read(codec), ALL, True
    for codec in ("cp1252", "mac_roman", "cp1251"):
        yield f"utf-8 as {_NAMES[codec]}, strict or replaced", _read(codec, "replace"), ALL, False
    for codec in ("gbk", "cp949", "cp932", "big5"):
        yield f"utf-8 as {_NAMES.get(codec, codec)}", _read(codec, "replace"), ALL, False
    yield "twice utf-8 as windows-1252", _twice("cp1252"), ALL, True
    yield "twice utf-8 as latin-1", _twice("latin-1"), ALL, True
    yield "question marks", _lost("ascii"), ALL, False
    yield "question marks for what Latin-1 lacks", _lost("latin-1"), ALL, False
    yield "literal escapes", lambda text: text.encode("ascii", "backslashreplace").decode(), ALL, True
    yield "literal entities", lambda text: text.encode("ascii", "xmlcharrefreplace").decode(), ALL, True
    yield (
        "literal bytes",
        lambda text: "".join(c if c < "\x80" else "".join(f"\\x{b:02x}" for b in c.encode()) for c in text),
        ALL,
        True,
    )
    yield "surrogate escapes", _written("utf-8", "ascii", "surrogateescape"), ALL, True
    for codec, languages in SCRIPTS.items():
        name = _NAMES.get(codec, codec)
        yield f"{name} as utf-8, replaced", _written(codec, "utf-8", "replace"), languages, False
        if codec == "cp1252":
            yield f"{name} as latin-1", _written(codec, "latin-1"), languages, True
            continue
        yield f"{name} as latin-1", _written(codec, "latin-1"), languages, True
        yield f"{name} as windows-1252", _written(codec, "cp1252", "c1"), languages, True


def _half(language: str, number: int) -> list[str]:
    return SENTENCES[language][number::2]


def clean() -> list[Text]:
    """Single sentences, and two or three of one half in every order; then everything that is no plain prose."""
    texts = []
    for number, half in enumerate(HALVES):
        for language in SENTENCES:
            for count in (1, 2, 3):
                for some in itertools.permutations(_half(language, number), count):
                    texts.append(Text(language, half, "", " ".join(some), ""))
        for name, pieces in APART.items():
            for at, piece in enumerate(pieces):
                before, after = _half("en", number)[at % 3], _half(ALL[at * 7 % len(ALL)], number)[at % 3]
                if at % 2 == number:
                    texts += [
                        Text(name, half, "", t, "")
                        for t in (piece, f"{before}\n{piece}\n{after}", f"{piece} {before}", f"{after}\n\n{piece}")
                    ]
    return texts


def damaged() -> list[Text]:
    """Every kind in every language it happens to: a sentence alone, two, and one in the middle of a clean text."""
    texts = []
    draw = random.Random("mojibake")
    for number, half in enumerate(HALVES):
        for kind, spoil, languages, exact in _kinds():
            shapes = [0] if len(languages) > 20 else [0, 1, 2] if len(languages) > 1 else [0, 1, 2, 3, 4, 5, 6, 7, 8]
            for language, shape in itertools.product(languages, shapes):
                sentences = _half(language, number)
                some = draw.sample(sentences, 1 + (draw.random() < 0.4))
                original = " ".join(some)
                try:
                    spoiled = spoil(original)
                except UnicodeEncodeError:
                    continue
                if spoiled == original:
                    continue
                before = after = ""
                if draw.random() < 0.4 or shape % 3 == 2:
                    rest = [s for s in sentences if s not in some] + _half("en", number)
                    before, after = f"{draw.choice(rest)} {draw.choice(rest)}\n", f"\n{draw.choice(rest)}"
                whole = before + spoiled + after
                lost = "\ufffd" in spoiled
                texts.append(
                    Text(
                        language,
                        half,
                        kind,
                        whole,
                        before + original + after,
                        len(before),
                        len(before) + len(spoiled),
                        exact and not lost,
                    )
                )
    return texts


if __name__ == "__main__":
    from collections import Counter

    print(len(clean()), "clean", len(damaged()), "damaged")
    for (half, kind), count in Counter((text.half, text.kind) for text in damaged()).items():
        print(f"{count:5} {half:9} {kind}")
