"""What a sample is, apart from how it is written: its canonical content and hash, its outline and shape."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import orjson

from ftdata.types import ABSENT, Malformed, Message, Part, Sample, ToolCall

# Version 1. A change of the canonical content changes the first character of every hash.
VERSION = "1"
_PERSON = b"ftdata-sample-1"
# A fresh hash is a copy of this one: the constructor costs more than hashing a short sample.
hasher = blake2b(digest_size=16, person=_PERSON).copy
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def canonical(sample: Sample) -> Any:
    """Return the sample's content as JSON, independent of the format it came in.

    Ids of tool calls become their order, arguments are parsed, an empty content beside tool calls equals none, a
    single text part equals a text. Names of metadata and extra keys do not count, reference fields do.
    """
    if sample.kind == "sft" and not sample.tools and all(_is_plain(message) for message in sample.messages):
        return [[message.role, message.content] for message in sample.messages]
    numbers: dict[str, int] = {}
    out: dict[str, Any] = {"messages": [_canonical_message(m, numbers) for m in sample.messages]}
    if sample.chosen:
        out["chosen"] = [_canonical_message(m, numbers) for m in sample.chosen]
    if sample.rejected:
        out["rejected"] = [_canonical_message(m, numbers) for m in sample.rejected]
    if sample.tools:
        out["tools"] = sample.tools
    if sample.label is not None:
        out["label"] = sample.label
    if sample.reference:
        out["reference"] = sample.reference
    if sample.media:
        out["media"] = sample.media
    if sample.kind in ("text", "none"):
        out["kind"] = sample.kind
    if sample.problem is not None or sample.kind == "none":
        out["extra"] = sample.extra
    if list(out) == ["messages"]:
        return out["messages"]
    return out


def _is_plain(message: Message) -> bool:
    return (
        type(message.content) is str and not message.tool_calls and message.reasoning is None and message.weight is None
        and message.tool_call_id is None and message.name is None
    )  # fmt: skip


def _canonical_message(message: Message, numbers: dict[str, int]) -> list[Any]:
    content: Any = message.content
    if isinstance(content, list):
        texts = [
            part.text
            if part.type == "text" and part.text is not None
            else {"part": part.type, "url": part.url, "raw": None if part.url else part.raw}
            for part in content
        ]
        content = texts[0] if len(texts) == 1 and isinstance(texts[0], str) else texts
    elif isinstance(content, Malformed):
        content = {"malformed": content.value}
    elif content is ABSENT:
        content = None
    more: dict[str, Any] = {}
    if message.tool_calls:
        content = content or None
        calls = []
        for call in message.tool_calls:
            if call.id is not None:
                numbers[call.id] = len(numbers)
            calls.append([call.name, _arguments(call.arguments)])
        more["calls"] = calls
    if message.tool_call_id is not None:
        identity = message.tool_call_id
        more["answers"] = numbers.get(identity, identity) if isinstance(identity, str) else repr(identity)
    if message.reasoning:
        more["reasoning"] = message.reasoning
    if message.role == "assistant" and message.weight is not None and message.weight in (0, False):
        more["weight"] = 0
    if message.name is not None:
        more["name"] = message.name
    return [message.role, content, more] if more else [message.role, content]


def _arguments(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return orjson.loads(value)
        except ValueError:
            return value
    if value is ABSENT:
        return None
    return value.value if isinstance(value, Malformed) else value


def sample_id(sample: Sample) -> str:
    """Return the sample's hash: 32 hexadecimal digits of BLAKE2b over the canonical content, version 1."""
    content = canonical(sample)
    try:
        data = orjson.dumps(content, option=_OPTIONS)
    except (TypeError, ValueError, RecursionError):
        data = _slowly(content)
    digest = hasher()
    digest.update(data)
    return VERSION + digest.hexdigest()[1:]


def _slowly(content: Any) -> bytes:
    try:
        return json.dumps(content, sort_keys=True, default=repr, skipkeys=True).encode()
    except (TypeError, ValueError, RecursionError):
        return _flattened(content)


def _flattened(content: Any) -> bytes:
    """The content as bytes without recursion: values nested more deeply than JSON writers go."""
    out: list[str] = []
    waiting: list[Any] = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            keys = sorted(value, key=str)
            out.append("{" + ",".join(map(str, keys)))
            waiting += [value[key] for key in keys]
        elif isinstance(value, list | tuple):
            out.append(f"[{len(value)}")
            waiting += value
        else:
            out.append(repr(value))
    return "\n".join(out).encode("utf-8", "replace")


def _draw(text: str) -> str:
    return "x" if text and not text.isspace() else text[:0] if not text else " "


def outline(sample: Sample) -> Sample:
    """Return the sample with every text drawn as "x", or " " if blank, or "" if empty: its structure alone."""
    return replace(
        sample,
        messages=[_outline_message(m) for m in sample.messages],
        chosen=[_outline_message(m) for m in sample.chosen],
        rejected=[_outline_message(m) for m in sample.rejected],
    )


def _outline_message(message: Message) -> Message:
    content: Any = message.content
    if isinstance(content, str):
        content = _draw(content)
    elif isinstance(content, list):
        content = [replace(part, text=_draw(part.text)) if part.text is not None else part for part in content]
    calls = [replace(call, arguments=_outline_arguments(call.arguments)) for call in message.tool_calls]
    return replace(
        message,
        content=content,
        tool_calls=calls,
        reasoning=_draw(message.reasoning) if message.reasoning else message.reasoning,
    )


def _outline_arguments(value: Any) -> Any:
    if isinstance(value, str):
        return _draw(value)
    if isinstance(value, dict | list):
        return type(value)()
    return value


def shape(sample: Sample) -> Hashable:
    """Return a key that is equal for samples of equal outline. Cheap for plain chats: two look-ups a turn."""
    turns = tuple([_turn_shape(message) for message in sample.messages])
    if not (sample.tools_key or sample.chosen or sample.rejected or sample.extra or sample.media or sample.problem):
        return (sample.format, sample.kind, sample.keys, turns, _scalar(sample.label))
    return (
        sample.format, sample.kind, sample.keys, turns,
        tuple([_turn_shape(message) for message in sample.chosen]),
        tuple([_turn_shape(message) for message in sample.rejected]),
        _scalar(sample.label), sample.tools_key, sample.tools_fault, len(sample.tools or ()), _tools_shape(sample.tools),
        _scalar(sample.parallel_tool_calls), sample.problem, tuple(sample.extra), tuple((k, len(v)) for k, v in sample.media.items()),
    )  # fmt: skip


def _turn_shape(message: Message) -> Hashable:
    content = message.content
    if (
        type(content) is str
        and not message.tool_calls
        and not message.extra
        and message.weight_key is None
        and message.reasoning_key is None
    ):
        # The pointer tells formats with turns under keys of their own apart; among messages it counts the turns.
        kind = "x" if content and not content.isspace() else " " if content else ""
        source = message.source_role
        if message.tool_call_id is None and message.name is None and (type(source) is str or source is None):
            return (message.role, kind, source, message.pointer)
    return (
        message.role, _content_shape(content), _scalar(message.source_role), message.pointer, message.content_key,
        tuple([_call_shape(call) for call in message.tool_calls]), _scalar(message.tool_call_id, text=True), _scalar(message.name),
        message.weight_key, _scalar(message.weight), message.reasoning_key, bool(message.reasoning), tuple(map(str, message.extra)),
    )  # fmt: skip


def _content_shape(content: Any) -> Hashable:
    if isinstance(content, str):
        return _draw(content)
    if isinstance(content, list):
        return tuple([_part_shape(part) for part in content])
    if isinstance(content, Malformed):
        return ("malformed", type(content.value).__name__)
    return "absent" if content is ABSENT else "null"


def _part_shape(part: Part) -> Hashable:
    raw = part.raw
    keys = tuple(sorted((str(k), type(v).__name__) for k, v in raw.items())) if isinstance(raw, dict) else type(raw).__name__
    url = (part.url or "")[:5] if part.url else None
    return (part.type, None if part.text is None else _draw(part.text), url, keys)


def _call_shape(call: ToolCall) -> Hashable:
    arguments: Any = call.arguments
    kind = "absent" if arguments is ABSENT else _draw(arguments) if isinstance(arguments, str) else type(arguments).__name__
    return (call.name is None, kind, call.id is None, call.type, call.legacy, call.pointer)


def _tools_shape(tools: list[Any] | None) -> Hashable:
    return tuple([type(tool).__name__ for tool in tools]) if tools else None


def _scalar(value: Any, text: bool = False) -> Hashable:
    """A value as part of a shape: texts by presence, or as they are where they are short names."""
    if isinstance(value, str):
        return "text" if text else ("str", value[:64])
    if value is None or isinstance(value, bool | int | float):
        return (type(value).__name__, repr(value)[:20])
    return type(value).__name__
