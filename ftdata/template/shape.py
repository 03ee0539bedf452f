"""The shape of a conversation: every text replaced by a sentinel that can be found again in the rendering.

What a template looks at is kept: roles, keys, which values are null or empty, the white space around a text, and the
markers that the template searches for, such as ``</think>``. So samples of one shape are treated alike by the template,
and one rendering speaks for all of them.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Place = Literal["content", "reasoning", "call", "arguments", "tool"]
Style = Literal["text", "key", "value"]

_ALWAYS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
_LITERAL = r"'((?:[^'\\\n]|\\.){3,60})'|\"((?:[^\"\\\n]|\\.){3,60})\""
_SEARCHED = re.compile(
    rf"(?:split|startswith|endswith|replace|find|count|index)\(\s*(?:{_LITERAL})|(?:{_LITERAL})\s+(?:not\s+)?in\s"
)
_TAG = re.compile(r"['\"](</?[^\s<>'\"]{1,40}>|\[/?[A-Z_]{2,30}\])")
_MOST_MARKERS = 100
_REASONING = ("reasoning_content", "reasoning", "thinking", "thought", "reasoning_details")
# Words of JSON Schema and of tool definitions that a template may look at; all other strings are texts.
_SCHEMA_VALUES = frozenset({"type", "format", "$ref", "role"})
_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Mark:
    """One sentinel: where it stands for what. ``head`` and ``tail`` are its ends, unchanged by any escaping."""

    number: int
    message: int | None
    place: Place
    style: Style = "text"
    lead: str = ""
    trail: str = ""

    @property
    def head(self) -> str:
        """The first characters of the sentinel, letters and digits only."""
        return f"zq{self.number:05d}h"

    @property
    def tail(self) -> str:
        """The last characters of the sentinel."""
        return f"zq{self.number:05d}t"

    @property
    def core(self) -> str:
        """The sentinel; a text's also holds what JSON, HTML and Python would escape."""
        return f"{self.head}\"'<&é{self.tail}" if self.style == "text" else f"{self.head}{self.tail}"

    @property
    def whole(self) -> str:
        """The sentinel with the white space that stood around the text."""
        return f"{self.lead}{self.core}{self.trail}"


@dataclass(slots=True)
class Shape:
    """A conversation of sentinels, ready to render. Equal ``key`` means equal treatment by the template."""

    messages: list[dict[str, Any]]
    tools: list[Any] | None
    marks: list[Mark] = field(default_factory=list)
    key: str = ""


@functools.lru_cache(maxsize=64)
def markers(template: str) -> tuple[str, ...]:
    """Return the strings that a template may search for in a text, the longest first."""
    found = set(_ALWAYS)
    for match in _SEARCHED.finditer(template):
        literal = next(group for group in match.groups() if group is not None)
        text = literal.replace("\\n", "\n").replace("\\'", "'").replace('\\"', '"').strip()
        if len(text) >= 3 and re.search(r"[^\w\s]", text):
            found.add(text)
    found.update(_TAG.findall(template))
    return tuple(sorted(found, key=lambda text: (-len(text), text))[:_MOST_MARKERS])


def split_at_markers(text: str, template: str) -> list[str]:
    """Return the stretches of a text between the template's markers, the markers left out."""
    return _pattern(markers(template)).split(text)[::2]


def shape_of(messages: list[dict[str, Any]], tools: list[Any] | None, template: str) -> Shape:
    """Return the shape of a conversation for a template."""
    drawer = _Drawer(template)
    drawn = [drawer.message(index, message) for index, message in enumerate(messages)]
    shape = Shape(drawn, None if tools is None else [drawer.tool(tool) for tool in tools], drawer.marks)
    shape.key = json.dumps([shape.messages, shape.tools], ensure_ascii=False)
    return shape


class _Drawer:
    """Draws one conversation; names and ids that are equal in it stay equal."""

    def __init__(self, template: str) -> None:
        self._markers = markers(template)
        self._pattern = _pattern(self._markers)
        self._firsts = "".join(sorted({marker[0] for marker in self._markers}))
        self.marks: list[Mark] = []
        self._names: dict[str, Mark] = {}
        self._ids: dict[str, str] = {}

    def _mark(self, message: int | None, place: Place, style: Style, lead: str = "", trail: str = "") -> Mark:
        mark = Mark(len(self.marks), message, place, style, lead, trail)
        self.marks.append(mark)
        return mark

    # --- Messages ---

    def message(self, index: int, message: Mapping[str, Any]) -> dict[str, Any]:
        drawn: dict[str, Any] = {}
        for key, value in message.items():
            if key == "role":
                drawn[key] = value
            elif key == "content":
                drawn[key] = self._content(index, value)
            elif key in _REASONING and isinstance(value, str):
                drawn[key] = self._text(index, value, "reasoning")
            elif key == "tool_calls" and isinstance(value, list):
                drawn[key] = [self._call(index, call) for call in value]
            elif key == "function_call" and isinstance(value, dict):
                drawn[key] = self._function(index, value)
            elif key == "tool_call_id":
                drawn[key] = self._id(value)
            elif key == "name" and isinstance(value, str):
                drawn[key] = self._names[value].core if value in self._names else "x"
            else:
                drawn[key] = _plain(value)
        return drawn

    def _content(self, index: int, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(index, value, "content")
        if not isinstance(value, list):
            return _plain(value)
        drawn: list[Any] = []
        for part in value:
            if isinstance(part, dict):
                drawn.append({key: self._part_value(index, key, item) for key, item in part.items()})
            else:
                drawn.append(self._text(index, part, "content") if isinstance(part, str) else _plain(part))
        return drawn

    def _part_value(self, index: int, key: str, value: Any) -> Any:
        if key == "type":
            return value
        return self._text(index, value, "content") if key == "text" and isinstance(value, str) else _plain(value)

    def _text(self, index: int, text: str, place: Place) -> str:
        """Return a text of sentinels: one for each stretch between the template's markers."""
        if not any(first in text for first in self._firsts) or not any(marker in text for marker in self._markers):
            return self._stretch(index, text, place)
        drawn = []
        pieces = self._pattern.split(text)[:41]
        for at, piece in enumerate(pieces):
            if at % 2:
                drawn.append(piece)
                continue
            before = pieces[at - 1] if at else ""
            after = pieces[at + 1] if at + 1 < len(pieces) else ""
            thought = place == "content" and (before == "<think>" or (after == "</think>" and "<think>" not in pieces[:at]))
            drawn.append(self._stretch(index, piece, "reasoning" if thought else place))
        return "".join(drawn)

    def _stretch(self, index: int, text: str, place: Place) -> str:
        bare = text.strip()
        if not bare:
            return _blank(text)
        lead, trail = _blank(text[: len(text) - len(text.lstrip())]), _blank(text[len(text.rstrip()) :])
        return self._mark(index, place, "text", lead, trail).whole

    # --- Calls and tools ---

    def _call(self, index: int, call: Any) -> Any:
        if not isinstance(call, dict):
            return _plain(call)
        drawn: dict[str, Any] = {}
        for key, value in call.items():
            if key == "function" and isinstance(value, dict):
                drawn[key] = self._function(index, value)
            elif key == "id":
                drawn[key] = self._id(value)
            elif key == "type":
                drawn[key] = value
            else:
                drawn[key] = self._function(index, {key: value})[key]
        return drawn

    def _function(self, index: int, function: Mapping[str, Any]) -> dict[str, Any]:
        drawn: dict[str, Any] = {}
        for key, value in function.items():
            if key == "name" and isinstance(value, str) and value:
                known = self._names.get(value)
                mark = self._mark(index, "call", "value")
                self._names.setdefault(value, known or mark)
                drawn[key] = mark.core
            elif key in ("arguments", "parameters"):
                drawn[key] = self._arguments(index, value)
            else:
                drawn[key] = _plain(value)
        return drawn

    def _arguments(self, index: int, value: Any) -> Any:
        if not isinstance(value, str):
            return self._argument(index, value, 0)
        try:
            decoded = json.loads(value)
        except (ValueError, RecursionError):
            decoded = None
        if not isinstance(decoded, dict | list):
            return self._text(index, value, "arguments")
        return json.dumps(self._argument(index, decoded, 0))

    def _argument(self, index: int, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            if depth >= _DEEPEST:
                return {}
            return {
                self._mark(index, "arguments", "key").core: self._argument(index, item, depth + 1)
                for item in list(value.values())[:32]
            }
        if isinstance(value, list):
            return [] if depth >= _DEEPEST else [self._argument(index, item, depth + 1) for item in value[:1]]
        if isinstance(value, str) and value:
            return self._mark(index, "arguments", "value").core
        return _plain(value)

    def tool(self, tool: Any) -> Any:
        """Return a tool definition with its names and texts replaced; the words of JSON Schema stay."""
        return self._schema(tool, "", 0)

    def _schema(self, value: Any, key: str, depth: int) -> Any:
        if depth > _DEEPEST:
            return None
        if isinstance(value, dict):
            if key == "properties":
                return {f"p{at}": self._schema(item, "", depth + 1) for at, item in enumerate(list(value.values())[:32])}
            return {name: self._schema(item, name, depth + 1) for name, item in value.items()}
        if isinstance(value, list):
            return [self._schema(item, key, depth + 1) for item in (value if key == "type" else value[:1])]
        if isinstance(value, str):
            if key == "name" and value and depth <= 2:
                return self._mark(None, "tool", "value").core
            return value if key in _SCHEMA_VALUES else ("x" if value else "")
        return _plain(value)

    def _id(self, value: Any) -> Any:
        """Return an id of the same length and kind: Mistral's templates want nine letters and digits."""
        if not isinstance(value, str) or not value:
            return _plain(value)
        if value not in self._ids:
            length = min(len(value), 64)
            filler = "c" if value.isalnum() else "_"
            self._ids[value] = f"{len(self._ids)}".rjust(length, filler)[-length:]
        return self._ids[value]


@functools.lru_cache(maxsize=64)
def _pattern(found: Iterable[str]) -> re.Pattern[str]:
    return re.compile("(" + "|".join(map(re.escape, found)) + ")")


def _blank(text: str) -> str:
    """Return white space as short as it can be: spaces and line breaks are told apart, since templates strip either."""
    if not text:
        return ""
    breaks = "\n" in text
    others = text.strip("\n") != ""
    return "\n" if breaks and not others else " " if not breaks else " \n" if text[-1] == "\n" else "\n "


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a value of the same type that says nothing."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return "x" if value else ""
    if isinstance(value, int):
        return 1 if value else 0
    if isinstance(value, float):
        return 1.5
    if depth < _DEEPEST and isinstance(value, dict):
        return {str(key): _plain(item, depth + 1) for key, item in list(value.items())[:32]}
    if depth < _DEEPEST and isinstance(value, list):
        return [_plain(item, depth + 1) for item in value[:1]]
    return None
