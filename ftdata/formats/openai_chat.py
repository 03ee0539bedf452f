"""Rows of ``messages``: OpenAI chat and its relatives (Anthropic, Cohere, old Vertex, MS-Swift, LLaMA-Factory v1)."""

from __future__ import annotations

from typing import Any

from ftdata.formats.chat import COHERE, decode_calls, parse_messages
from ftdata.formats.fields import field_turn, parser, take_media, take_tools, turn_list
from ftdata.types import ABSENT, Sample

_ROLES = {
    "cohere-chat": COHERE,
    "vertex-messages-old": {"model": "assistant"},
    "swift-messages": {"tool_call": "assistant", "tool_response": "tool"},
}


@parser("openai", "llamafactory-v1")
def _openai(row: dict[str, Any], sample: Sample) -> None:
    sample.messages = parse_messages(turn_list(row, "messages", sample), roles=_ROLES.get(sample.format))
    if sample.format == "swift-messages":
        for message in sample.messages:
            if message.source_role == "tool_call" and isinstance(message.content, str):
                message.tool_calls, message.content = decode_calls(message.content, message.content_pointer), ABSENT
    if sample.format in ("anthropic", "anthropic-tools") and row.get("system") is not None:
        sample.messages.insert(0, field_turn(row, "system", "system"))
    take_tools(row, sample)
    take_media(row, sample)
    if sample.kind == "unpaired-preference":
        sample.label = row.get("label", row.get("kto_tag"))
    if sample.kind == "reinforcement":
        sample.reference = sample.extra
