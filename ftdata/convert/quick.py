"""The way most rows take: plain texts in turn, ShareGPT to OpenAI chat, converted without making a sample.

Everything here must equal what the general way gives; ``tests/convert/test_quick.py`` holds the two together. It is apart because
it is hot: a row costs 3 microseconds instead of 50.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ftdata.convert.details import Details

MOST_TURNS = 512
TARGETS = frozenset({"openai-chat", "openai-chat-tools"})
_SPEAKERS = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "system": "system",
}
_ROLES = frozenset({"system", "user", "assistant"})
# What readers of either format look for in texts; the bracket may be written as an escape.
_MARKS = re.compile(rb"<(?:/?tool|think)|\\u003[cC]")

Quick = Callable[[dict[str, Any], bytes], tuple[str, dict[str, Any]] | None]


def quick_way(format: str, details: Details) -> Quick | None:
    """Return what converts plain rows to the format, ``None`` if the format has no such way.

    What is returned gives the source's format and the row, or ``None`` for a row that must go the general way.
    """
    if format not in TARGETS or details.system == "developer":
        return None
    return _chat if details.extra == "keep" else _bare


def _bare(row: dict[str, Any], raw: bytes) -> tuple[str, dict[str, Any]] | None:
    """As ``_chat``, but of rows without keys of their own: where those are dropped, the report has to say so."""
    return _chat(row, raw) if len(row) == 1 else None


def _chat(row: dict[str, Any], raw: bytes) -> tuple[str, dict[str, Any]] | None:
    if len(row) > 2 or _MARKS.search(raw):
        return None
    turns = row.get("conversations")
    if type(turns) is not list:
        turns = row.get("messages")
        return ("openai-chat", row) if len(row) == 1 and type(turns) is list and _plain(turns) else None
    if not 0 < len(turns) <= MOST_TURNS or (len(row) == 2 and type(row.get("id")) is not str):
        return None
    messages = []
    for turn in turns:
        if type(turn) is not dict or len(turn) != 2:
            return None
        speaker, text = turn.get("from"), turn.get("value")
        if type(text) is not str or type(speaker) is not str or speaker not in _SPEAKERS:
            return None
        messages.append({"role": _SPEAKERS[speaker], "content": text})
    return "sharegpt", {"messages": messages} if len(row) == 1 else {"messages": messages, "id": row["id"]}


def _plain(turns: list[Any]) -> bool:
    """Whether these are turns of texts under role and content, in that order, and nothing else."""
    if not 0 < len(turns) <= MOST_TURNS:
        return False
    for turn in turns:
        if type(turn) is not dict or list(turn) != ["role", "content"] or type(turn["content"]) is not str:
            return False
        if type(turn["role"]) is not str or turn["role"] not in _ROLES:
            return False
    return True
