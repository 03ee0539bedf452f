"""Every measure by name: what it is, its type, and how it is computed.

A *measure* is a number (or text) about one sample. Its level says what it is computed from: the outline (once per
distinct shape, so almost free), the table of texts, the last answer or the last question (all vectorised), or the
tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ftdata.measure import style
from ftdata.types import ABSENT, Malformed, Sample

if TYPE_CHECKING:
    import polars as pl

Level = Literal["shape", "text", "answer", "question", "token", "key", "language"]

ROLES = ("system", "developer", "user", "assistant", "tool", "other")
ROLE_NUMBER = {role: number for number, role in enumerate(ROLES)}
CONTENT, REASONING, ARGUMENTS = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure. What ``make`` is called with depends on the level: an outline (shape), nothing (text: it answers a
    polars aggregation), or a column of texts (answer, question)."""

    name: str
    level: Level
    dtype: str
    title: str
    make: Callable[..., Any]


MEASURES: dict[str, Measure] = {}


def _add(name: str, level: Level, dtype: str, title: str, make: Callable[..., Any]) -> None:
    MEASURES[name] = Measure(name, level, dtype, title, make)


def _count(role: str) -> Callable[[Sample], int]:
    return lambda s: sum(message.role == role for message in s.turns())


_add(
    "n_turns",
    "shape",
    "UInt32",
    "messages of every role, chosen and rejected included",
    lambda s: len(s.turns()),
)
_add("n_user", "shape", "UInt32", "user turns", _count("user"))
_add("n_assistant", "shape", "UInt32", "assistant turns", _count("assistant"))
_add(
    "n_system",
    "shape",
    "UInt32",
    "system and developer turns",
    lambda s: _count("system")(s) + _count("developer")(s),
)
_add("n_tool_calls", "shape", "UInt32", "tool calls", lambda s: sum(len(m.tool_calls) for m in s.turns()))
_add("n_tools", "shape", "UInt32", "tool definitions", lambda s: len(s.tools or ()))
_add(
    "has_tools",
    "shape",
    "Boolean",
    "defines or calls a tool",
    lambda s: bool(s.tools or any(m.tool_calls for m in s.turns())),
)
_add(
    "has_media",
    "shape",
    "Boolean",
    "holds an image, audio, video or file",
    lambda s: (
        bool(s.media)
        or any(
            part.type in ("image", "audio", "video", "file")
            for m in s.turns()
            if isinstance(m.content, list)
            for part in m.content
        )
    ),
)
_add(
    "last_role",
    "shape",
    "String",
    "the role of the last turn",
    lambda s: s.messages[-1].role if s.messages else None,
)
_add(
    "kind",
    "shape",
    "String",
    "sft, preference, unpaired-preference, reinforcement, prompt-only, text",
    lambda s: s.kind,
)
_add("format", "shape", "String", "the format's id", lambda s: s.format)


def _types(s: Sample) -> str:
    """The JSON types of the fields that loaders type by column, as "content=text|arguments=an object"."""
    found: set[tuple[str, str]] = set()
    for message in s.turns():
        kind = content_kind(message.content)
        if kind not in ("null", "missing"):
            found.add(("content", kind))
        for call in message.tool_calls:
            if call.arguments is not None and call.arguments is not ABSENT:
                found.add(("arguments", content_kind(call.arguments)))
    return "|".join(f"{field}={kind}" for field, kind in sorted(found))


_add("types", "shape", "String", "JSON types of contents and arguments", _types)


_add(
    "label",
    "shape",
    "Boolean",
    "the label of unpaired preference data",
    lambda s: s.label if isinstance(s.label, bool) else None,
)


def _texts(role: str | None = None, slot: int | None = CONTENT) -> pl.Expr:
    import polars as pl

    text = pl.col("text")
    if slot is not None:
        text = (
            text.filter(pl.col("slot") == slot)
            if role is None
            else text.filter((pl.col("slot") == slot) & (pl.col("role") == ROLE_NUMBER[role]))
        )
    return text


_add("n_chars", "text", "UInt32", "characters of all texts", lambda: _texts(slot=None).str.len_chars().sum())
_add("n_answer_chars", "answer", "UInt32", "characters of the last assistant turn", lambda text: text.str.len_chars())
_add("answer", "answer", "String", "the last assistant turn", lambda text: text)
_add("question", "question", "String", "the last user turn", lambda text: text)
_add("system", "text", "String", "the first system turn", lambda: _texts("system").first())

# Letters by script; Han stands for Chinese, and for Japanese only where there are no kana.
SCRIPTS = {
    "Hangul": "[\uac00-\ud7a3\u3131-\u318e]",
    "Kana": "[\u3041-\u30ff]",
    "Han": "[\u4e00-\u9fff\u3400-\u4dbf]",
    "Cyrillic": "[\u0400-\u04ff]",
    "Arabic": "[\u0600-\u06ff]",
    "Hebrew": "[\u0590-\u05ff]",
    "Greek": "[\u0370-\u03ff]",
    "Devanagari": "[\u0900-\u097f]",
    "Thai": "[\u0e00-\u0e7f]",
    "Latin": "[A-Za-z\u00c0-\u024f]",
}


def script(text: pl.Expr) -> pl.Expr:
    """The script of most letters of a text."""
    import polars as pl

    counts = {name: text.str.count_matches(letters) for name, letters in SCRIPTS.items()}
    most = pl.max_horizontal(*counts.values())
    chosen: Any = pl.when(most == 0).then(pl.lit(None, dtype=pl.String))
    for name, count in counts.items():
        chosen = chosen.when(count == most).then(pl.lit(name))
    found: pl.Expr = chosen.otherwise(None)
    return found


_NAMED = f"the script of most letters of the last assistant turn: {', '.join(SCRIPTS)}"
_add("script", "answer", "String", _NAMED, script)
_add(
    "answer_scripts", "answer", "String", "the scripts with at least a fifth of its letters each, as Hangul+Latin", style.scripts
)
_add("question_scripts", "question", "String", "the same of the last user turn", style.scripts)
_add("persona", "answer", "String", "the name under which the last assistant turn introduces itself", style.persona)
_add("answer_json", "answer", "String", "object or array where the last assistant turn is JSON", style.json_kind)
_add("answer_keys", "answer", "String", "the sorted keys of the last assistant turn where it is a JSON object", style.json_keys)
_add("answer_shape", "answer", "String", "code, table, headings, list, paragraphs or line", style.markdown)
_add("speech_level", "answer", "String", f"Korean: {', '.join(style.SPEECH_LEVELS)}", style.speech_level)
_add("opening", "question", "String", "the first three words of the last user turn", style.opening_words)
_add("answer_start", "answer", "String", f"the first {style.FORMULA} characters of the last assistant turn", style.formula_start)
_add("answer_end", "answer", "String", f"the last {style.FORMULA} characters of the last assistant turn", style.formula_end)
_add("language", "language", "String", "the language of the last assistant turn, as ISO 639-1 (needs ftdata[lang])", lambda: None)

_add("n_tokens", "token", "UInt32", "tokens of the whole sample, the target's overhead included", lambda: None)
_add("n_trained_tokens", "token", "UInt32", "tokens of the assistant turns that are trained on", lambda: None)
_add(
    "n_tokens_before_answer",
    "token",
    "UInt32",
    "tokens before the first trained assistant turn",
    lambda: None,
)

_add("system_key", "key", "UInt64", "64-bit hash of the first system or developer turn", lambda: None)
_add(
    "normal_key",
    "key",
    "UInt64",
    "64-bit hash of the normalised conversation, system turns included",
    lambda: None,
)
_add(
    "prompt_key",
    "key",
    "UInt64",
    "64-bit hash of the normalised turns before the last assistant turn",
    lambda: None,
)
_add("answer_key", "key", "UInt64", "64-bit hash of the normalised last assistant turn", lambda: None)


def content_kind(content: object) -> str:
    """Name the JSON shape of a content value for people: text, null, a list, missing, a number …"""
    if isinstance(content, str):
        return "text"
    if content is None:
        return "null"
    if content is ABSENT:
        return "missing"
    if isinstance(content, list):
        return "a list of parts"
    value = content.value if isinstance(content, Malformed) else content
    if isinstance(value, bool):
        return "a boolean"
    return {int: "a number", float: "a number", dict: "an object", list: "a list"}.get(type(value), "another type")
