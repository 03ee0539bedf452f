"""Rows of ``conversations``: ShareGPT with its tool roles and Hermes tags, NeMo, pairs of human and assistant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ftdata.formats.chat import decode_calls, decode_tools, parse_message, pointers, turn
from ftdata.formats.decode import decode
from ftdata.formats.fields import field_turn, json_cell, keep_unused, parser, take_media, take_system, take_tools, turn_list
from ftdata.types import ABSENT, Malformed, Message, Sample, ToolCall

SPEAKERS = {
    "human": "user", "user": "user", "User": "user", "gpt": "assistant", "assistant": "assistant", "Assistant": "assistant",
    "chatgpt": "assistant", "bing": "assistant", "bard": "assistant", "model": "assistant", "bot": "assistant",
    "system": "system", "System": "system", "function_call": "assistant", "tool_call": "assistant", "observation": "tool",
    "tool": "tool", "tool_response": "tool", "function_response": "tool", "function": "tool",
}  # fmt: skip
_CALLERS = ("function_call", "tool_call")
_OPEN, _CLOSE = "<tool_response>", "</tool_response>"
_RESPONSE = re.compile("</?tool_response>")
# What separates the results of parallel calls in one turn (llamafactory 0.9.5, data/converter.py, its OpenAI converter).
RESULTS = f"\n{_CLOSE}\n{_OPEN}\n"
# The real prompts name the empty pair in their prose, then write the definitions.
_MOST_TRIES = 16
_PAIR = {"system": "system", "human": "user", "input": "user", "assistant": "assistant", "output": "assistant"}


def speaker_turns(turns: Any, base: str) -> list[Message]:
    """Return turns of {from, value}, tool roles and Hermes tags included."""
    messages: list[Message] = []
    results = False
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
            if role == "user" or role == "system":
                messages.append(message)
                continue
            if role != "assistant" or (source not in _CALLERS and "<tool_call>" not in value):
                results = results or (role == "tool" and _CLOSE in value)
                messages.append(message)
                continue
        elif isinstance(item, dict) and "from" not in item and "role" in item:
            messages += parse_message(item, pointer, SPEAKERS, "content" if "content" in item else "value")
            results = True
            continue
        else:
            messages += parse_message(item, pointer, SPEAKERS, "value")
            if not isinstance(item, dict):
                continue
            message = messages.pop()
            results = True
        if message.source_role in _CALLERS and isinstance(message.content, str):
            message.tool_calls, message.content = decode_calls(message.content, message.content_pointer), ABSENT
        elif message.role == "assistant" and isinstance(message.content, str) and "<tool_call>" in message.content:
            _lift_hermes(message)
        messages.append(message)
    return _apart(messages) if results else messages


def _between(text: str, opening: str, closing: str) -> Iterator[tuple[int, int, str]]:
    """What stands between each opening tag and the next closing one, with where the pair begins and ends."""
    start = text.find(opening)
    while start >= 0:
        stop = text.find(closing, start + len(opening))
        if stop < 0:
            return
        yield start, stop + len(closing), text[start + len(opening) : stop]
        start = text.find(opening, stop + len(closing))


def _lift_hermes(message: Message) -> None:
    text = message.text
    calls: list[ToolCall] = []
    rest, at = [], 0
    for start, stop, inner in _between(text, "<tool_call>", "</tool_call>"):
        calls += decode_calls(inner.strip(), message.content_pointer)
        rest.append(text[at:start])
        at = stop
    if calls:
        message.tool_calls = calls
        message.content = "".join([*rest, text[at:]]).strip() or ABSENT


def _apart(messages: list[Message]) -> list[Message]:
    """Results without their tags, each in a turn of its own; several may share a turn of the file."""
    turns: list[Message] = []
    for message in messages:
        content = message.content
        if message.role == "tool" and isinstance(content, str) and _CLOSE in content:
            found = _responses(content, len(turns[-1].tool_calls) if turns else 0)
            turns += [replace(message, content=said, extra=message.extra.copy()) for said in found]
        else:
            turns.append(message)
    return turns


def _responses(text: str, calls: int) -> list[str]:
    """The results in a turn: between Hermes' tags, or joined by LLaMA-Factory, which leaves the outer tags to its template.

    A text that is anything else is one result as it stands.
    """
    pairs = _pairs(text)
    if pairs:
        return pairs
    joined = text.split(RESULTS)
    return joined if 1 < len(joined) == calls else [text]


def _pairs(text: str) -> list[str]:
    """What is in the outermost pairs of tags, if the text is nothing but such pairs and white space. One layer is taken off."""
    found: list[str] = []
    depth = start = stop = 0
    for match in _RESPONSE.finditer(text):
        if match.group() == _OPEN:
            if depth == 0 and text[stop : match.start()].strip():
                return []
            depth += 1
            start = match.end() if depth == 1 else start
            continue
        depth -= 1
        if depth < 0:
            return []
        if depth == 0:
            inner, stop = text[start : match.start()], match.end()
            found.append(inner[1:-1] if len(inner) > 1 and inner[0] == inner[-1] == "\n" else inner)
    return [] if depth or text[stop:].strip() else found


def _written_tools(text: str) -> list[Any] | None:
    """The definitions between <tools> tags: a JSON list (Hermes), or one JSON object a line (Qwen).

    Of several pairs the first that holds JSON counts: the prose before them names the tags (NousResearch's Hermes prompt:
    "function signatures within <tools></tools> XML tags").
    """
    before, stop = 0, text.find("</tools>")
    for _ in range(_MOST_TRIES):
        if stop < 0:
            break
        # Prose may name the opening tag alone, and a description may name either.
        for start in (text.find("<tools>", before, stop), text.rfind("<tools>", 0, stop)):
            inner = text[start + len("<tools>") : stop].strip() if start >= 0 else ""
            found = _definitions(inner) if inner[:1] in ("[", "{") else None
            if found is not None:
                return found
        before, stop = stop, text.find("</tools>", stop + 1)
    return None


def _definitions(text: str) -> list[Any] | None:
    found, fault = decode_tools(text)
    if fault is None:
        return found
    try:
        return [decode(line) for line in text.splitlines() if line.strip()]
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
    if sample.format == "nemo-conversations" and not isinstance(row.get("mask"), str):
        keep_unused(row, sample, ("mask",))
    elif sample.format == "nemo-conversations":
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
