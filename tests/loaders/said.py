"""One form for conversations, to compare what a loader makes of a row with what the row says.

A turn is its role, its text, its calls as (name, arguments) with the arguments parsed, and its reasoning. A result names the
place of the call it answers, for loaders that keep ids. Whether content is null, missing or "" is one, as is developer or system.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Turn:
    """One turn. ``answers`` is the number of the call in the conversation that a result belongs to, ``None`` if unknown."""

    role: str
    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    thought: str = ""
    answers: int | None = None


@dataclass(frozen=True)
class Said:
    """A conversation and its tools; of a preference the prompt, the better and the worse answer; a label where there is one."""

    turns: tuple[Turn, ...]
    tools: tuple[str, ...] = ()
    chosen: tuple[Turn, ...] = ()
    rejected: tuple[Turn, ...] = ()
    label: bool | None = None


def canonical(value: Any) -> str:
    """JSON text with sorted keys: equal for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def text_of(content: Any) -> str:
    """The text of a content: a text, the texts of parts, nothing for null."""
    if isinstance(content, list):
        return "".join(part.get("text") or part.get("content") or "" for part in content)
    return content or ""


def call_of(call: Mapping[str, Any]) -> tuple[str, str]:
    """A call as its name and arguments, whether those are an object or JSON text."""
    function = call.get("function") or call
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        arguments = json.loads(arguments)
    return function["name"], canonical(arguments)


def tools_of(tools: Any) -> tuple[str, ...]:
    """Definitions, bare, as JSON; of a list or of JSON text."""
    if isinstance(tools, str):
        tools = json.loads(tools) if tools else []
    return tuple(canonical(tool.get("function") or tool) for tool in tools or ())


def without_nulls(definition: str) -> str:
    """A definition without the keys that are null, and without null in lists."""

    def stripped(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: stripped(item) for key, item in value.items() if item is not None}
        return [stripped(item) for item in value if item is not None] if isinstance(value, list) else value

    return canonical(stripped(json.loads(definition)))


def openai_turns(messages: Iterable[Mapping[str, Any]], *, ids: bool = True) -> tuple[Turn, ...]:
    """Turns of messages in OpenAI's shape."""
    turns: list[Turn] = []
    calls: list[Any] = []
    for message in messages:
        role = "system" if message["role"] == "developer" else message["role"]
        found = message.get("tool_calls") or []
        calls += [call.get("id") for call in found]
        answered = message.get("tool_call_id")
        answers = len(calls) - 1 - calls[::-1].index(answered) if ids and answered in calls else None
        thought = message.get("reasoning_content") or ""
        turns.append(Turn(role, text_of(message.get("content")), tuple(map(call_of, found)), thought, answers))
    return tuple(turns)


def openai_said(row: Mapping[str, Any], *, ids: bool = True) -> Said:
    """What a row in OpenAI's shape says: a chat, a preference pair, or a chat with a label."""
    inner = row.get("input") or row

    def side(key: str) -> tuple[Turn, ...]:
        return openai_turns(row.get(key) or (), ids=ids)

    return Said(
        openai_turns(inner["messages"], ids=ids), tools_of(row.get("tools") or inner.get("tools")),
        side("preferred_output"), side("non_preferred_output"), row.get("label"),
    )  # fmt: skip


def split(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Text beside calls as a turn of its own, for loaders that write it so."""
    made: list[Turn] = []
    for turn in turns:
        both = turn.calls and turn.text
        made += [replace(turn, calls=()), replace(turn, text="", thought="")] if both else [turn]
    return tuple(made)


def difference(one: Said, other: Said) -> str:
    """Where two differ first, in words; "" where they do not."""
    for name in ("tools", "label"):
        if getattr(one, name) != getattr(other, name):
            return f"{name}: {str(getattr(one, name))[:400]} / {str(getattr(other, name))[:400]}"
    for name in ("turns", "chosen", "rejected"):
        a, b = getattr(one, name), getattr(other, name)
        for index, (here, there) in enumerate(zip(a, b, strict=False)):
            if here != there:
                return f"{name}[{index}]: {str(here)[:500]} / {str(there)[:500]}"
        if len(a) != len(b):
            return f"{name}: {len(a)} / {len(b)} turns: {str(a[-1:])[:200]} / {str(b[-1:])[:200]}"
    return ""
