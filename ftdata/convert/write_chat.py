"""Writers of rows of messages: OpenAI's formats and their relatives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ftdata.convert.canonical import spelled_row
from ftdata.convert.details import Details
from ftdata.convert.loss import json_text
from ftdata.convert.parts import CannotHold, llamafactory_part, lower, plain
from ftdata.convert.turns import Ids, bare, object_arguments, openai_messages, says_weight, spelled_weight, written_tools
from ftdata.convert.writer import answers_from, no_calls, writer
from ftdata.types import ABSENT, Malformed, Message, Sample, ToolCall


@writer("openai-chat", "openai-chat-tools", "openai-chat-vision", "openai-dpo")
def _openai(sample: Sample, details: Details) -> dict[str, Any]:
    return _renamed_tools(spelled_row(sample, details), details)


def _renamed_tools(row: dict[str, Any], details: Details) -> dict[str, Any]:
    if details.tools_key != "tools" and "tools" in row:
        row[details.tools_key] = row.pop("tools")
    return row


@writer("openai-chat-reasoning")
def _reasoning(sample: Sample, details: Details) -> dict[str, Any]:
    key = details.reasoning_key if details.reasoning_key in ("reasoning", "reasoning_content") else "reasoning_content"
    return _openai(sample, replace(details, reasoning_key=key))


@writer("openai-chat-think")
def _think(sample: Sample, details: Details) -> dict[str, Any]:
    return _openai(sample, replace(details, reasoning_key="think"))


@writer("trl-harmony")
def _harmony(sample: Sample, details: Details) -> dict[str, Any]:
    return _openai(sample, replace(details, reasoning_key="thinking"))


@writer("messages-kto")
def _kto(sample: Sample, details: Details) -> dict[str, Any]:
    return _openai(sample, details)


@writer("openai-rft")
def _rft(sample: Sample, details: Details) -> dict[str, Any]:
    """The prompt, and what the grader reads beside it; the answer of a chat becomes ``reference_answer``."""
    row = spelled_row(sample, replace(details, system="developer"))
    start = answers_from(sample.messages)
    if start < len(sample.messages):
        if len(sample.messages) - start > 1 or sample.messages[start].tool_calls:
            raise CannotHold("only an answer of one text can be a reference for the grader")
        row["messages"] = row["messages"][:start]
        if "reference_answer" in row:
            raise CannotHold("the key reference_answer is in use")
        said = plain(sample.messages[start].content)
        if not isinstance(said, str):
            raise CannotHold("only an answer of one text can be a reference for the grader")
        row["reference_answer"] = said
    return row


@writer("openai-chat-functions")
def _functions(sample: Sample, details: Details) -> dict[str, Any]:
    """OpenAI's old functions: one call a turn, results by name."""
    names: dict[str, str] = {}
    row = spelled_row(sample, details)
    for message in row["messages"]:
        if not isinstance(message, dict):
            continue
        calls = message.pop("tool_calls", None)
        if isinstance(calls, list) and calls:
            if len(calls) > 1:
                raise CannotHold("the old function_call holds one call a turn")
            call = calls[0]["function"] if isinstance(calls[0], dict) else calls[0]
            if isinstance(call, dict) and isinstance(calls[0].get("id"), str) and isinstance(call.get("name"), str):
                names[calls[0]["id"]] = call["name"]
            message["function_call"] = call
        elif calls is not None:
            message["tool_calls"] = calls
        if message.get("role") == "tool":
            identity = message.pop("tool_call_id", None)
            message["role"] = "function"
            if "name" not in message and isinstance(identity, str) and identity in names:
                message["name"] = names[identity]
    if isinstance(row.get("tools"), list):
        row["functions"] = [bare(tool) for tool in row.pop("tools")]
    return row


@writer("messages-mm-columns")
def _columns(sample: Sample, details: Details) -> dict[str, Any]:
    """Placeholders in the texts, paths in columns (LLaMA-Factory, MS-Swift, TRL)."""
    texts, columns = lower(sample.messages)
    row = spelled_row(sample, details)
    for message, text in zip(row["messages"], texts.values(), strict=True):
        if isinstance(message, dict) and "content" in message:
            message["content"] = text
    return row | sample.media | columns


@writer("cohere-chat", extra=False)
def _cohere(sample: Sample, details: Details) -> dict[str, Any]:
    roles = {"system": "System", "developer": "System", "user": "User", "assistant": "Chatbot"}
    return {"messages": _renamed(sample, roles)}


@writer("vertex-messages-old", extra=False)
def _vertex(sample: Sample, details: Details) -> dict[str, Any]:
    return {"messages": _renamed(sample, {"system": "system", "developer": "system", "user": "user", "assistant": "model"})}


def _renamed(sample: Sample, roles: dict[str, str]) -> list[dict[str, Any]]:
    no_calls(sample.messages)
    rows = []
    for message in sample.messages:
        if message.role not in roles:
            raise CannotHold(f"the format has no role {message.role}", message.pointer, "role")
        row = {"role": roles[message.role]}
        text = plain(message.content)
        rows.append(row if text is ABSENT else {**row, "content": text})
    return rows


def written_call(call: ToolCall) -> dict[str, Any]:
    """A call as {name, arguments}, the arguments an object where they are one."""
    row: dict[str, Any] = {} if call.name is None else {"name": call.name}
    if call.arguments is not ABSENT:
        row["arguments"] = object_arguments(call.arguments)
    return row


def calls_text(calls: list[ToolCall]) -> str:
    """Calls as the JSON text of one object, or of a list where there are several."""
    if len(calls) == 1 and isinstance(calls[0].arguments, Malformed) and isinstance(calls[0].raw, str):
        return calls[0].raw
    made = [written_call(call) for call in calls]
    text = json_text(made[0] if len(made) == 1 else made)
    if text is None:
        raise CannotHold("the arguments of a call cannot be written as JSON")
    return text


@writer("swift-messages")
def _swift(sample: Sample, details: Details) -> dict[str, Any]:
    """MS-Swift's own turns: one ``tool_call`` a call, after the text beside it (ms_swift 4.6.0, template_inputs.py)."""
    ordered = in_order(sample.messages)
    texts, columns = lower(ordered)
    rows: list[dict[str, Any]] = []
    for index, message in enumerate(ordered):
        mask = _swift_mask(message)
        text = texts[index] if message.role != "tool" else plain(message.content)
        role = {"tool": "tool_response", "developer": "system"}.get(message.role or "", message.role)
        if role is None:
            raise CannotHold("a turn has no role", message.pointer, "role")
        if not message.tool_calls or text not in (None, ABSENT, ""):
            rows.append({"role": role} | ({} if text is ABSENT else {"content": text}) | mask)
        rows += [{"role": "tool_call", "content": calls_text([call])} | mask for call in message.tool_calls]
    row: dict[str, Any] = {"messages": rows}
    if sample.tools is not None:
        row["tools"] = written_tools(sample.tools, details)
    return row | sample.media | columns


def in_order(turns: list[Message]) -> list[Message]:
    """Results of parallel calls in the order of the calls, for a format without ids."""
    ordered = list(turns)
    for index, message in enumerate(turns):
        order = {call.id: at for at, call in enumerate(message.tool_calls)}
        end = index + 1
        while end < len(turns) and turns[end].role == "tool":
            end += 1
        results = turns[index + 1 : end]
        if len(order) > 1 and len(order) == len(results) and {m.tool_call_id for m in results if _hashable(m)} == order.keys():
            ordered[index + 1 : end] = sorted(results, key=lambda result: order[result.tool_call_id])
    return ordered


def _hashable(message: Message) -> bool:
    return isinstance(message.tool_call_id, str)


def _swift_mask(message: Message) -> dict[str, Any]:
    if message.weight is None or not says_weight(message):
        return {}
    loss = spelled_weight(message.weight, "loss")
    if isinstance(loss, bool):
        return {"loss": loss}
    return {"loss_scale": float(loss)} if isinstance(loss, int | float) else {}


@writer("llamafactory-v1")
def _llamafactory(sample: Sample, details: Details) -> dict[str, Any]:
    row: dict[str, Any] = {"messages": _weighted(sample.messages, sample, details)}
    return row | _text_tools(sample, details)


@writer("llamafactory-v1-dpo")
def _llamafactory_preference(sample: Sample, details: Details) -> dict[str, Any]:
    row: dict[str, Any] = {
        "chosen_messages": _weighted([*sample.messages, *sample.chosen], sample, details),
        "rejected_messages": _weighted([*sample.messages, *sample.rejected], sample, details),
    }
    return row | _text_tools(sample, details)


def _text_tools(sample: Sample, details: Details) -> dict[str, Any]:
    return {} if sample.tools is None else {"tools": written_tools(sample.tools, replace(details, tools="text"))}


def _weighted(turns: list[Message], sample: Sample, details: Details) -> list[dict[str, Any]]:
    """Turns of {type, value} parts, each with its weight (llamafactory 0.9.5, v1/plugins/data_plugins/converter.py)."""
    rows = []
    for message in in_order(turns):
        if message.role is None:
            raise CannotHold("a turn has no role", message.pointer, "role")
        content = message.content
        parts: list[Any] = []
        if message.reasoning is not None and details.reasoning_key is not None:
            parts.append({"type": "reasoning", "value": message.reasoning})
        if isinstance(content, str):
            parts.append({"type": "text", "value": content})
        elif isinstance(content, list):
            parts += [made for made in map(llamafactory_part, content) if made is not None]
        parts += [{"type": "tool_call", "value": calls_text([call])} for call in message.tool_calls]
        weight = message.weight
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            weight = bool(weight) if isinstance(weight, bool) else message.role == "assistant"
        rows.append({"role": message.role, "content": parts, "loss_weight": float(weight)})
    return rows


def conversation(turns: list[Message], details: Details, sample: Sample) -> list[Any]:
    """Turns of role and content, with the ids of the whole sample."""
    return openai_messages(turns, details, Ids(sample.turns(), details))
