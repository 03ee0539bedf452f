"""A sample as transformers' ``apply_chat_template`` gets it: dicts with role and content, values as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftdata.types import ABSENT, Malformed, Message, Part, Sample, ToolCall


def to_messages(sample: Sample) -> list[dict[str, Any]]:
    """Return the conversation for a template; of preference data the prompt with the chosen continuation."""
    return as_dicts([*sample.messages, *sample.chosen])


def conversations(sample: Sample) -> list[tuple[list[dict[str, Any]], list[int]]]:
    """Return each conversation of the sample with the index of every message in ``sample.turns()``.

    Preference data has two, one a side; text and what holds no conversation has none.
    """
    if sample.kind in ("text", "none") or not sample.turns():
        return []
    first, second = len(sample.messages), len(sample.messages) + len(sample.chosen)
    shared = list(range(first))
    found = []
    if sample.chosen or not sample.rejected:
        found.append(([*sample.messages, *sample.chosen], [*shared, *range(first, second)]))
    if sample.rejected:
        found.append(([*sample.messages, *sample.rejected], [*shared, *range(second, second + len(sample.rejected))]))
    return [(as_dicts(messages), at) for messages, at in found]


def as_dicts(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages as dicts. Reasoning stays under the key it was found under, an explicit null stays null."""
    return [_message(message) for message in messages]


def _message(message: Message) -> dict[str, Any]:
    # Our format layer reads OpenAI's old role "function" as tool; a trainer hands it on as written.
    role = "function" if message.source_role == "function" and message.content_key == "content" else message.role
    shown: dict[str, Any] = {}
    if role is not None:
        shown["role"] = role
    content = message.content
    if isinstance(content, list):
        shown["content"] = [_part(part) for part in content]
    elif isinstance(content, Malformed):
        shown["content"] = content.value
    elif content is not ABSENT:
        shown["content"] = content
    if message.reasoning is not None:
        shown[message.reasoning_key or "reasoning_content"] = message.reasoning
    calls = [_call(call) for call in message.tool_calls if not call.legacy]
    if calls:
        shown["tool_calls"] = calls
    for call in message.tool_calls:
        if call.legacy:
            shown["function_call"] = call.raw if isinstance(call.raw, dict) else _call(call)["function"]
    for key, value in (("tool_call_id", message.tool_call_id), ("name", message.name)):
        if value is not None:
            shown[key] = value
    for key, value in message.extra.items():
        shown.setdefault(key, value)
    return shown


def _part(part: Part) -> Any:
    if part.raw is not None and not isinstance(part.raw, str):
        return part.raw
    return {"type": part.type, "text": part.text} if part.text is not None else {"type": part.type}


def _call(call: ToolCall) -> Any:
    if "/tool_calls/" in call.pointer and isinstance(call.raw, dict):
        return call.raw
    function: dict[str, Any] = {"name": call.name}
    if isinstance(call.arguments, Malformed):
        function["arguments"] = call.arguments.value
    elif call.arguments is not ABSENT:
        function["arguments"] = call.arguments
    shown: dict[str, Any] = {"type": "function", "function": function}
    return {"id": call.id} | shown if call.id is not None else shown
