"""What an answer looks like: JSON or not, its Markdown shape, its first and last words, its Korean speech level.

Every function takes and returns polars expressions over a column of texts, or a list of texts where a parser is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import polars as pl

# How many characters of an answer's beginning and end make up its formula.
FORMULA = 12
_KEYS = 200
_SHAPED = 20_000


def json_kind(text: pl.Expr) -> pl.Expr:
    """Say of a text whether it is a JSON object or array; null for all other texts, broken JSON among them."""
    return _each(text, r"^\s*[{\[]", lambda text: _KINDS.get(type(_container(text))))


def json_keys(text: pl.Expr) -> pl.Expr:
    """The sorted keys of a text that is a JSON object, as "city, unit"; null for all other texts."""
    return _each(text, r"^\s*\{", _keys)


_KINDS: dict[type, str] = {dict: "object", list: "array"}


def _keys(text: str) -> str | None:
    value = _container(text)
    return ", ".join(sorted(value))[:_KEYS] if isinstance(value, dict) else None


def _container(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def _each(text: pl.Expr, hint: str, say: Callable[[str], str | None]) -> pl.Expr:
    """What a function says of every text that matches the hint; null for all others."""
    import polars as pl

    def run(texts: pl.Series) -> pl.Series:
        at = texts.str.contains(hint).fill_null(False).arg_true()
        nothing = pl.repeat(None, len(texts), dtype=pl.String, eager=True)
        return nothing.scatter(at, pl.Series([say(text) for text in texts.gather(at)], dtype=pl.String)) if len(at) else nothing

    return text.map_batches(run, return_dtype=pl.String)


# A letter's script follows from the first byte of its UTF-8 form. Four parts of Unicode need the second byte as well.
_RANGES = (
    (0x41, 0x5A, b"L"), (0x61, 0x7A, b"L"), (0xC3, 0xC9, b"L"), (0xCD, 0xCF, b"G"), (0xD0, 0xD3, b"C"), (0xD6, 0xD7, b"H"),
    (0xD8, 0xDB, b"A"), (0xE0, 0xE0, b"I"), (0xE3, 0xE3, b"K"), (0xE4, 0xE9, b"Z"), (0xEA, 0xED, b"S"),
)  # fmt: skip
_LEADS = b"".join(next((mark for first, last, mark in _RANGES if first <= byte <= last), b"\0") for byte in range(256))
_REST = bytes(byte for byte in range(256) if not _LEADS[byte])
_LOOKED_AT = 200


def scripts(text: pl.Expr) -> pl.Expr:
    """The scripts that hold at least a fifth of the letters of a text's first 200 characters each, as "Hangul+Latin".

    A syllable or an ideograph counts as three letters. Null where there are fewer than ten letters.
    """
    import polars as pl

    head = text.str.slice(0, _LOOKED_AT)
    foreign = head.str.len_bytes() != head.str.len_chars()
    ascii_only = pl.when(~foreign, head.str.contains("[A-Za-z]{3}"), head.str.len_bytes() >= 10).then(pl.lit("Latin"))
    return pl.when(foreign).then(_each(pl.when(foreign).then(head), r"\S", scripts_of)).otherwise(ascii_only)


def scripts_of(text: str) -> str | None:
    """The scripts of one text, as in *scripts*."""
    data = text.encode("utf-8", "replace")
    leads = data.translate(_LEADS, _REST)
    counts = {"Latin": leads.count(b"L")}
    if counts["Latin"] < len(leads):
        devanagari = data.count(b"\xe0\xa4") + data.count(b"\xe0\xa5")
        thai = data.count(b"\xe0\xb8") + data.count(b"\xe0\xb9")
        counts = {
            "Hangul": 3 * leads.count(b"S"), "Kana": 3 * (leads.count(b"K") - data.count(b"\xe3\x80")), "Han": 3 * leads.count(b"Z"),
            "Cyrillic": leads.count(b"C"), "Arabic": leads.count(b"A"), "Hebrew": leads.count(b"H"), "Greek": leads.count(b"G"),
            "Devanagari": devanagari, "Thai": thai, "other": leads.count(b"I") - devanagari - thai, **counts,
        }  # fmt: skip
    total = sum(counts.values())
    return "+".join(name for name, count in counts.items() if 5 * count >= total) if total >= 10 else None


def markdown(text: pl.Expr) -> pl.Expr:
    """The shape of a text: code, table, headings, list, paragraphs or line, by the first that applies."""
    import polars as pl

    head = text.str.slice(0, _SHAPED)
    shapes = {
        "code": head.str.contains(r"(?m)^[ \t]*```"),
        "table": head.str.contains(r"(?m)^\|?[ :-]*-{3,}[ :-]*\|"),
        "headings": head.str.contains(r"(?m)^#{1,6} \S"),
        "list": head.str.contains(r"(?m)^[ \t]*(?:[-*•] |\d{1,2}[.)] ).*\n(?:.*\n)*?[ \t]*(?:[-*•] |\d{1,2}[.)] )"),
        "paragraphs": head.str.strip_chars().str.contains("\n", literal=True),
    }
    chosen: Any = pl.when(text.is_null()).then(pl.lit(None, dtype=pl.String))
    for name, applies in shapes.items():
        chosen = chosen.when(applies).then(pl.lit(name))
    shape: pl.Expr = chosen.otherwise(pl.lit("line"))
    return shape


# Sentence endings of Korean speech levels, each before a mark or at the end of a line. 합쇼체 is formal and polite
# (습니다), 해요체 informal and polite (해요), 반말 casual (해, 했어), 한다체 the plain style of writing (한다).
_AFTER = "(?:[.!?~…。♡ㅎㅋ^]|[\"”'’)]?\\s*$|\\s*\n)"
SPEECH_LEVELS = {
    "합쇼체": f"(?m)(?:니다|니까|십시오|시오|[^마계]시다){_AFTER}",
    "해요체": f"(?m)(?:요|죠){_AFTER}",
    "한다체": f"(?m)[가-힣][^니시\\s]다{_AFTER}",
    "반말": f"(?m)[가-힣 ](?:[야어아지해줘라자래군네걸게냐니돼봐와마까데든걔쟤거여겨켜쳐려져셔펴벼워춰꿔둬써꺼커떠러더놔]){_AFTER}",
}


def speech_level(text: pl.Expr) -> pl.Expr:
    """The Korean speech level of most sentence endings in a text; ``None`` where no ending tells."""
    import polars as pl

    def run(texts: pl.Series) -> pl.Series:
        korean = (texts.str.len_bytes() != texts.str.len_chars()).fill_null(False)
        at = korean.arg_true()
        nothing = pl.repeat(None, len(texts), dtype=pl.String, eager=True)
        if not len(at):
            return nothing
        found = texts.gather(at).to_frame("text").select(_level(pl.col("text"))).to_series()
        return nothing.scatter(at, found)

    return text.map_batches(run, return_dtype=pl.String)


def _level(text: pl.Expr) -> pl.Expr:
    import polars as pl

    korean = pl.when(text.str.contains("[가-힣]")).then(text)
    counts = {name: korean.str.count_matches(pattern) for name, pattern in SPEECH_LEVELS.items()}
    # "-십시오" ends like 해요체's letters do not, but "-니까" counts as 반말's "까" too: what is formal is not casual.
    counts = {name: count.cast(pl.Int32) for name, count in counts.items()}
    counts["반말"] -= korean.str.count_matches(f"(?m)니까{_AFTER}").cast(pl.Int32)
    # Whoever speaks 반말 also says "너 부지런하다.": the plain style counts on its own only where nothing else is casual.
    casual = counts["반말"] > 0
    counts["반말"] += pl.when(casual).then(counts["한다체"]).otherwise(0)
    counts["한다체"] = pl.when(casual).then(0).otherwise(counts["한다체"])
    most = pl.max_horizontal(*counts.values())
    chosen: Any = pl.when(most.fill_null(0) <= 0).then(pl.lit(None, dtype=pl.String))
    for name, count in counts.items():
        chosen = chosen.when(count == most).then(pl.lit(name))
    level: pl.Expr = chosen.otherwise(None)
    return level


# Self-introductions: what follows is a name. One letter case decides in English, so "I am sorry" is none.
_PERSONAS = (
    r"(?:제 이름은|내 이름은|저는|나는|난|전) ?['\"“‘]?([가-힣A-Za-z][가-힣A-Za-z0-9]{0,11}?)['\"”’]?(?:입니다|이에요|예요|이라고|라고|이야|야|임니다|랍니다)",
    r"\b(?:[Mm]y name is|[Yy]ou can call me|I go by) ['\"“‘]?([A-Z][\w-]{1,20})",
    r"\bI(?:['’]m| am) ([A-Z][\w-]{1,20})(?:[,.!]| and | from | an? | by | your |$)",
    r"我(?:的名字)?(?:是|叫)['\"“‘「 ]?([A-Z][A-Za-z0-9-]{1,20})",
    r"私(?:の名前)?は['\"「]?([A-Za-z\u30a0-\u30ff][\w\u30a0-\u30ff-]{1,12}?)['\"」]?(?:です|と申します|といいます)",
)


def persona(text: pl.Expr) -> pl.Expr:
    """The name under which an answer introduces itself; ``None`` where it does not."""
    import polars as pl

    head = text.str.slice(0, 400)
    return pl.coalesce(*(head.str.extract(pattern) for pattern in _PERSONAS))


def opening_words(text: pl.Expr, words: int = 3) -> pl.Expr:
    """The first words of a text, at most 32 characters, in lower case."""
    return text.str.slice(0, 64).str.to_lowercase().str.extract(rf"^\s*((?:\S+\s+){{0,{words - 1}}}\S+)").str.slice(0, 32)


def formula_start(text: pl.Expr) -> pl.Expr:
    """The first characters of a text."""
    return text.str.strip_chars_start().str.slice(0, FORMULA)


def formula_end(text: pl.Expr) -> pl.Expr:
    """The last characters of a text."""
    return text.str.strip_chars_end().str.slice(-FORMULA)
