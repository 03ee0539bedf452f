"""A conversation in the form in which a chat template takes it, as it is handed over at inference too.

Nulls are left out, and reasoning stands under every name that templates read, as transformers does it (5.23.0, read 2026-11-23:
``apply_chat_template`` of ``tokenization_utils_base.py`` and ``_alias_reasoning_fields`` of ``utils/chat_template_utils.py``).
Arguments of calls and contents have two usual forms each: which one the template wants is found out by asking it.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from ftdata.template import Conversation, Renderer

_KEY, _TEXT = "zqkeyqz", "zqtextqz"
_REASONING = ("reasoning_content", "thinking", "reasoning")
_DEEPEST = 32
Turns = list[dict[str, Any]]


class Forms:
    """What one template wants; asked once, when the first conversation needs it."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._arguments: Literal["text", "object", "either"] | None = None
        self._contents: tuple[bool, bool] | None = None

    def fit(self, turns: Turns) -> tuple[Turns, list[str]]:
        """Return the turns as the template takes them, and notes on what was changed that the data does not say itself."""
        notes: list[str] = []
        turns = [_aliased({key: value for key, value in turn.items() if value is not None}) for turn in turns]
        if any(turn.get("tool_calls") for turn in turns) and self.arguments != "either":
            turns = [_with_arguments(turn, self.arguments == "object") for turn in turns]
        if any(isinstance(turn.get("content"), list) for turn in turns) and self.contents == (True, False):
            made = [_joined(turn) for turn in turns]
            if made != turns:
                notes.append("the template takes no list of parts: their texts are joined by line breaks")
            turns = made
        if self.contents == (False, True):
            turns = [_as_parts(turn) for turn in turns]
        return turns, notes

    @property
    def arguments(self) -> Literal["text", "object", "either"]:
        """How it wants the arguments of a call: an object that it encodes itself, as most do, the text, or either."""
        if self._arguments is None:
            asked = []
            for arguments in ({_KEY: 1}, json.dumps({_KEY: 1})):
                call = {"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": arguments}}
                turns: Turns = [{"role": "user", "content": "zq"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
                asked.append(Conversation(turns))
            mapping, text = self._renderer.render_many(asked)
            if mapping.fault is None and mapping.text == text.text:
                self._arguments = "either"
            else:
                good = mapping.fault is None and _KEY in mapping.text and f"'{_KEY}'" not in mapping.text
                self._arguments = "object" if good else "text"
        return self._arguments

    @property
    def contents(self) -> tuple[bool, bool]:
        """Whether the template prints a text as it stands, and whether it prints the text of a list of parts."""
        if self._contents is None:
            asked = []
            for form in (_TEXT, [{"type": "text", "text": _TEXT}]):
                turns = [{"role": role, "content": form} for role in ("user", "assistant")]
                asked.append(Conversation(turns))
            plain, parts = self._renderer.render_many(asked)
            lists = parts.fault is None and parts.text.count(_TEXT) == 2
            lists = lists and not any(sign in parts.text for sign in ("'type'", '"type"', "&#39;type"))
            self._contents = plain.fault is None and plain.text.count(_TEXT) == 2, lists
        return self._contents


def has_media(turns: Turns) -> str | None:
    """The type of the first part that is no text, which text training cannot show to a model."""
    for turn in turns:
        content = turn.get("content")
        for part in content if isinstance(content, list) else []:
            kind = part.get("type") if isinstance(part, dict) else None
            if isinstance(kind, str) and kind not in ("text", "refusal", "output_text", "input_text", "thinking"):
                return kind
    return None


def texts(value: Any, depth: int = 0) -> list[str]:
    """Every text of a turn or a tool that a template may print: contents, reasoning, names, arguments; not the roles."""
    if isinstance(value, str):
        return [value]
    if depth >= _DEEPEST:
        return []
    if isinstance(value, dict):
        found = []
        for name, inner in value.items():
            if depth == 0 and name == "role":
                continue
            found += ([name] if depth else []) + texts(inner, depth + 1)
        return found
    if isinstance(value, list):
        found = [text for inner in value for text in texts(inner, depth + 1)]
        parts = [part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str)]
        return [*found, "".join(parts)] if len(parts) > 1 else found
    return []


def mapped(value: Any, change: Any, depth: int = 0) -> Any:
    """The turn with ``change`` applied to every text that ``texts`` finds in it."""
    if isinstance(value, str):
        return change(value)
    if depth >= _DEEPEST:
        return value
    if isinstance(value, dict):
        return {
            (change(name) if depth and isinstance(name, str) else name): inner
            if depth == 0 and name == "role"
            else mapped(inner, change, depth + 1)
            for name, inner in value.items()
        }
    return [mapped(inner, change, depth + 1) for inner in value] if isinstance(value, list) else value


def _aliased(turn: dict[str, Any]) -> dict[str, Any]:
    reasoning = next((turn[key] for key in _REASONING if key in turn), None)
    return turn if reasoning is None else {"thinking": reasoning, **turn, "reasoning_content": reasoning}


def _text_of(part: Any) -> str | None:
    text = part.get("text") if isinstance(part, dict) else part
    return text if isinstance(text, str) else None


def _joined(turn: dict[str, Any]) -> dict[str, Any]:
    content = turn.get("content")
    found = [_text_of(part) for part in content] if isinstance(content, list) else [None]
    return turn if None in found else turn | {"content": "\n".join(text for text in found if text is not None)}


def _as_parts(turn: dict[str, Any]) -> dict[str, Any]:
    content = turn.get("content")
    return turn | {"content": [{"type": "text", "text": content}]} if isinstance(content, str) else turn


def _with_arguments(turn: dict[str, Any], objects: bool) -> dict[str, Any]:
    calls = turn.get("tool_calls")
    change = _with_object if objects else _with_text
    return turn | {"tool_calls": [change(call) for call in calls]} if isinstance(calls, list) else turn


def _with_object(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        value = json.loads(function["arguments"] or "{}")
    except (ValueError, RecursionError):
        return call
    return call | {"function": function | {"arguments": value}} if isinstance(value, dict) else call


def _with_text(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), dict):
        return call
    try:
        return call | {"function": function | {"arguments": json.dumps(function["arguments"], ensure_ascii=False)}}
    except (ValueError, RecursionError):
        return call
