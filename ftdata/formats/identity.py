"""What a sample is, apart from how it is written: its canonical content and its hash."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import orjson

from ftdata.formats.decode import decode
from ftdata.types import ABSENT, Malformed, Message, Sample

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
    plain = _plain_turns(sample)
    if plain is not None:
        return plain
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


def _plain_turns(sample: Sample) -> list[list[Any]] | None:
    """The content of a chat of texts alone, which is most of them; ``None`` for any other sample."""
    if sample.kind != "sft" or sample.tools or sample.chosen or sample.rejected or sample.media or sample.label is not None:
        return None
    if sample.reference or sample.problem is not None:
        return None
    turns: list[list[Any]] = []
    for message in sample.messages:
        content = message.content
        if (
            type(content) is not str or message.tool_calls or message.reasoning is not None or message.weight is not None
            or message.tool_call_id is not None or message.name is not None
        ):  # fmt: skip
            return None
        turns.append([message.role, content])
    return turns


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
                numbers.setdefault(call.id, len(numbers))
            calls.append([call.name, _arguments(call.arguments)])
        more["calls"] = calls
    if message.tool_call_id is not None:
        identity = message.tool_call_id
        more["answers"] = numbers.get(identity, identity) if isinstance(identity, str) else safe_repr(identity)
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
            return decode(value)
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
        return json.dumps(content, sort_keys=True, default=safe_repr, skipkeys=True).encode()
    except (TypeError, ValueError, RecursionError):
        return _flattened(content)


def _flattened(content: Any) -> bytes:
    """The content as bytes without recursion: values nested more deeply than JSON writers go."""
    out: list[str] = []
    waiting: list[Any] = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            keys = sorted(value, key=safe_repr)
            out.append("{" + ",".join(map(safe_repr, keys)))
            waiting += [value[key] for key in keys]
        elif isinstance(value, list | tuple):
            out.append(f"[{len(value)}")
            waiting += value
        else:
            out.append(safe_repr(value))
    return "\n".join(out).encode("utf-8", "replace")


def safe_repr(value: Any) -> str:
    """``repr`` that never raises: values nested beyond Python's stack and integers of thousands of digits are named."""
    try:
        return repr(value)
    except (RecursionError, ValueError):
        return hex(value) if isinstance(value, int) else type(value).__name__


def key_name(key: Any) -> str:
    """A key as text; JSON has no others, Python has."""
    return key if isinstance(key, str) else safe_repr(key)
