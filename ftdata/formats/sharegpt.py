"""Rows of ``conversations``: ShareGPT with its tool roles and Hermes tags, NeMo, pairs of human and assistant."""

from __future__ import annotations

import re
from typing import Any

import orjson

from ftdata.formats.chat import decode_calls, decode_tools, parse_message, pointers, turn
from ftdata.formats.fields import field_turn, json_cell, keep_unused, parser, take_media, take_system, take_tools, turn_list
from ftdata.types import ABSENT, Malformed, Message, Sample, ToolCall

SPEAKERS = {
    "human": "user", "user": "user", "User": "user", "gpt": "assistant", "assistant": "assistant", "Assistant": "assistant",
    "chatgpt": "assistant", "bing": "assistant", "bard": "assistant", "model": "assistant", "bot": "assistant",
    "system": "system", "System": "system", "function_call": "assistant", "tool_call": "assistant", "observation": "tool",
    "tool": "tool", "tool_response": "tool", "function_response": "tool", "function": "tool",
}  # fmt: skip
_CALLERS = ("function_call", "tool_call")
_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.S)
_TOOLS = re.compile(r"<tools>\s*(.*?)\s*</tools>", re.S)
_PAIR = {"system": "system", "human": "user", "input": "user", "assistant": "assistant", "output": "assistant"}


def speaker_turns(turns: Any, base: str) -> list[Message]:
    """Return turns of {from, value}, tool roles and Hermes tags included."""
    messages: list[Message] = []
    if not isinstance(turns, list):
        return messages
    for item, pointer in zip(turns, pointers(base, len(turns)), strict=False):
        if (
            type(item) is dict
            and len(item) == 2
            and type(value := item.get("value")) is str
            and type(source := item.get("from")) is str
        ):
            role = SPEAKERS.get(source, source)
            message = turn(role, value, pointer, "value", source)
            if source not in _CALLERS and not (role == "assistant" and "<tool_call>" in value):
                messages.append(message)
                continue
        elif isinstance(item, dict) and "from" not in item and "role" in item:
            messages += parse_message(item, pointer, SPEAKERS, "content" if "content" in item else "value")
            continue
        else:
            messages += parse_message(item, pointer, SPEAKERS, "value")
            if not isinstance(item, dict):
                continue
            message = messages.pop()
        if message.source_role in _CALLERS and isinstance(message.content, str):
            message.tool_calls, message.content = decode_calls(message.content, message.content_pointer), ABSENT
        elif message.role == "assistant" and isinstance(message.content, str) and "<tool_call>" in message.content:
            _lift_hermes(message)
        messages.append(message)
    return messages


def _lift_hermes(message: Message) -> None:
    text = message.text
    calls: list[ToolCall] = []
    for match in _CALL.finditer(text):
        calls += decode_calls(match.group(1), message.content_pointer)
    if calls:
        message.tool_calls = calls
        message.content = _CALL.sub("", text).strip() or ABSENT


def _written_tools(text: str) -> list[Any] | None:
    """The definitions between <tools> tags: a JSON list (Hermes), or one JSON object a line (Qwen)."""
    match = _TOOLS.search(text)
    if match is None:
        return None
    found, fault = decode_tools(match.group(1))
    if fault is None:
        return found
    try:
        return [orjson.loads(line) for line in match.group(1).splitlines() if line.strip()]
    except ValueError:
        return None


@parser("sharegpt", "nemo")
def _sharegpt(row: dict[str, Any], sample: Sample) -> None:
    key = "conversations" if "conversations" in row else "conversation"
    turns = turn_list(row, key, sample)
    take_system(row, sample, "system")
    sample.messages += speaker_turns(turns, f"/{key}")
    if key == "conversations" and "conversation" in row:
        keep_unused(row, sample, ("conversation",))
    take_tools(row, sample)
    take_media(row, sample)
    if sample.tools is None and sample.messages:
        first = sample.messages[0].content
        if isinstance(first, str) and "<tools>" in first:
            sample.tools = _written_tools(first)
    if sample.kind == "preference":
        sample.chosen, sample.rejected = _side(row, "chosen"), _side(row, "rejected")
    if sample.kind == "unpaired-preference":
        sample.label = row.get("kto_tag", row.get("label"))
    if sample.format == "nemo-conversations" and isinstance(row.get("mask"), str):
        for message in sample.messages:
            if message.source_role == row["mask"] and message.role == "assistant":
                message.weight, message.weight_key = 0, "mask"


def _side(row: dict[str, Any], key: str) -> list[Message]:
    """One ending of a preference row: a turn, several, or only its text."""
    value = json_cell(row.get(key))
    if isinstance(value, list):
        return speaker_turns(value, f"/{key}")
    if not isinstance(value, dict):
        return [field_turn(row, key, "assistant")] if key in row else []
    made = speaker_turns([value], f"/{key}")
    for message in made:
        message.pointer = message.pointer.replace(f"/{key}/0", f"/{key}", 1)
        for call in message.tool_calls:
            call.pointer = call.pointer.replace(f"/{key}/0", f"/{key}", 1)
    return made


@parser("swift-pairs")
def _swift_pairs(row: dict[str, Any], sample: Sample) -> None:
    key = "conversation" if "conversation" in row else "conversations"
    turns = turn_list(row, key, sample)
    if key == "conversation" and "conversations" in row:
        keep_unused(row, sample, ("conversations",))
    take_system(row, sample, "system")
    for index, item in enumerate(turns):
        place = f"/{key}/{index}"
        if not isinstance(item, dict) or _PAIR.keys().isdisjoint(item):
            sample.messages.append(Message(None, Malformed(item), place, ""))
            continue
        made = [
            field_turn(item, name, role, place)
            for name, role in _PAIR.items()
            if name in item and not (name == "system" and not item[name])
        ]
        if made:
            made[-1].extra = {name: value for name, value in item.items() if name not in _PAIR}
        sample.messages += made
