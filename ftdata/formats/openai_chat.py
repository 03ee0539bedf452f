"""Rows of ``messages``: OpenAI chat and its relatives (Anthropic, Cohere, old Vertex, MS-Swift, LLaMA-Factory v1)."""

from __future__ import annotations

from typing import Any

from ftdata.formats.chat import COHERE, decode_calls, function_tool, merged, parse_messages
from ftdata.formats.fields import field_turn, parser, take_media, take_tools, turn_list
from ftdata.types import ABSENT, Message, Sample

_ROLES = {
    "cohere-chat": COHERE,
    "vertex-messages-old": {"model": "assistant"},
    "swift-messages": {"tool_call": "assistant", "tool_response": "tool"},
}


@parser("openai", "llamafactory-v1")
def _openai(row: dict[str, Any], sample: Sample) -> None:
    sample.messages = parse_messages(turn_list(row, "messages", sample), roles=_ROLES.get(sample.format))
    if sample.format == "swift-messages":
        sample.messages = _one_batch(sample.messages)
    anthropic = sample.format in ("anthropic", "anthropic-tools")
    if anthropic and row.get("system") is not None:
        sample.messages.insert(0, field_turn(row, "system", "system"))
    take_tools(row, sample)
    if anthropic and sample.tools is not None:
        sample.tools = [_custom_tool(tool) for tool in sample.tools]
    take_media(row, sample)
    if sample.kind == "unpaired-preference":
        sample.label = row.get("label", row.get("kto_tag"))
    if sample.kind == "reinforcement":
        sample.reference = sample.extra


def _custom_tool(tool: Any) -> Any:
    """A tool of the customer's own, as OpenAI writes it; Anthropic's own tools, which have no schema, as they are."""
    if isinstance(tool, dict) and tool.get("type") == "custom":
        tool = {key: value for key, value in tool.items() if key != "type"}
    return tool if isinstance(tool, dict) and "type" in tool else function_tool(tool, "input_schema")


def _one_batch(messages: list[Message]) -> list[Message]:
    """Turns of calls joined with the calls and the text of the assistant before them.

    MS-Swift writes one answer so and puts it together again (ms_swift 4.6.0, template/template_inputs.py,
    normalize_openai_tool_calls). Turns of other weights stay apart: they are trained on otherwise.
    """
    turns: list[Message] = []
    for message in messages:
        if message.source_role != "tool_call" or not isinstance(message.content, str):
            turns.append(message)
            continue
        calls = decode_calls(message.content, message.content_pointer)
        before = turns[-1] if turns else None
        if (
            before is not None
            and before.role == "assistant"
            and (before.tool_calls or isinstance(before.content, str))
            and (before.weight, before.weight_key) == (message.weight, message.weight_key)
        ):
            before.tool_calls = [*before.tool_calls, *calls]
            before.extra, before.kept = message.extra | before.extra, merged(message.kept, before.kept)
        else:
            message.tool_calls, message.content = calls, ABSENT
            turns.append(message)
    return turns
