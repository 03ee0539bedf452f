"""The way most rows take: a plain OpenAI chat, detected, parsed, outlined and hashed in one pass.

Everything here must equal what the general way gives; ``tests/formats/test_plain.py`` holds the two together. It is
apart because it is hot: a row costs 3 microseconds instead of 10.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import orjson

from ftdata.formats.chat import POINTERS
from ftdata.formats.identity import VERSION, hasher
from ftdata.types import Message, Sample

_ROLES = frozenset({"system", "user", "assistant"})
_KEYS = ("messages",)


def read_plain(row: Any) -> tuple[Sample, Hashable, str] | None:
    """Return (sample, shape, hash) of a plain chat, or ``None`` if the row is anything else."""
    if type(row) is not dict or len(row) != 1:
        return None
    items = row.get("messages")
    if type(items) is not list or not items or len(items) > len(POINTERS):
        return None
    messages: list[Message] = []
    shape: list[Hashable] = ["plain"]
    content: list[list[str]] = []
    for item, pointer in zip(items, POINTERS, strict=False):
        if type(item) is not dict or len(item) != 2:
            return None
        role, text = item.get("role"), item.get("content")
        if type(text) is not str or type(role) is not str or role not in _ROLES or (role == "assistant" and "<think>" in text):
            return None
        messages.append(Message(role, text, pointer, "content", [], None, None, None, None, None, None, {}, role))
        shape.append(role)
        if not text or text.isspace():
            shape.append(" " if text else "")
        content.append([role, text])
    digest = hasher()
    digest.update(orjson.dumps(content))
    sample = Sample("openai-chat", "sft", messages, keys=_KEYS)
    return sample, tuple(shape), VERSION + digest.hexdigest()[1:]
