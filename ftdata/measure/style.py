"""What an answer looks like: JSON or not, its Markdown shape, its first and last words, its Korean speech level.

Every function takes and returns polars expressions over a column of texts, or a list of texts where a parser is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import polars as pl

# How many characters of an answer's beginning and end make up its formula.
FORMULA = 12
_KEYS = 200
_SHAPED = 20_000


def json_kind(texts: Sequence[str | None]) -> list[str | None]:
    """Say of each text whether it is a JSON object or array; ``None`` for all other texts, broken JSON among them."""
    return [None if value is _NOT else "object" if isinstance(value, dict) else "array" for value in map(_container, texts)]


def json_keys(texts: Sequence[str | None]) -> list[str | None]:
    """The sorted keys of each text that is a JSON object, as "city, unit"; ``None`` for all other texts."""
    values = map(_container, texts)
    return [", ".join(sorted(value))[:_KEYS] if isinstance(value, dict) else None for value in values]


class _Not:
    """No JSON container."""


_NOT = _Not()


def _container(text: str | None) -> Any:
    if text is None or text.lstrip()[:1] not in ("{", "["):
        return _NOT
    try:
        return orjson.loads(text)
    except ValueError:
        return _NOT


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
