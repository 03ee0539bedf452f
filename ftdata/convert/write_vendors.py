"""Writers of the formats of single vendors: Anthropic, Bedrock Converse, Gemini, mistral-finetune."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ftdata.convert.details import Details
from ftdata.convert.loss import json_value
from ftdata.convert.parts import CannotHold, anthropic_part, bedrock_part, gemini_part, plain
from ftdata.convert.turns import Ids, bare, object_arguments, openai_messages, wrapped, written_tools
from ftdata.convert.writer import writer
from ftdata.types import ABSENT, Message, Part, Sample, ToolCall


def _system(turns: list[Message], most: int = 1) -> tuple[list[Message], list[Message]]:
    """System turns at the front, and the rest. Raises CannotHold for system turns elsewhere, and for more than ``most``."""
    count = next((index for index, message in enumerate(turns) if message.role not in ("system", "developer")), len(turns))
    if count > most:
        raise CannotHold("the format has one system prompt")
    for message in turns[count:]:
        if message.role not in ("user", "assistant", "tool"):
            found = message.role if isinstance(message.role, str) else "no role"
            raise CannotHold(f"the format has user and assistant turns after the system prompt, and here stands {found}",
                             message.pointer, "role")  # fmt: skip
    return turns[:count], turns[count:]


def _input(call: ToolCall) -> dict[str, Any]:
    """Arguments as the object that the format wants."""
    found = object_arguments(call.arguments)
    if not isinstance(found, dict):
        raise CannotHold("the format wants arguments as an object", call.pointer, "arguments")
    return found


def _blocks(content: Any, made: Any) -> list[Any]:
    """Content as a list of blocks; parts that have none are left out."""
    parts = content if isinstance(content, list) else [Part("text", content)] if isinstance(content, str) and content else []
    return [block for block in map(made, parts) if block is not None]


@writer("anthropic", "anthropic-tools", extra=False)
def _anthropic(sample: Sample, details: Details) -> dict[str, Any]:
    """System prompt beside the turns, calls and results as blocks; results stand in a user turn."""
    system, turns = _system(sample.messages)
    ids = Ids(turns, replace(details, call_ids="keep"))
    rows: list[dict[str, Any]] = []
    for index, message in enumerate(turns):
        if message.role == "tool":
            block: dict[str, Any] = {"type": "tool_result", "tool_use_id": ids.of_result(message)}
            content = message.content
            if isinstance(content, list):
                content = _blocks(content, anthropic_part)
            if isinstance(content, str | list):
                block["content"] = content
            block |= _noted(message, "is_error", "cache_control")
            if index and turns[index - 1].role == "tool":
                rows[-1]["content"].append(block)
            else:
                rows.append({"role": "user", "content": [block]})
            continue
        thought = message.reasoning if details.reasoning_key is not None else None
        row: dict[str, Any] = {"role": message.role}
        if message.tool_calls or thought is not None:
            blocks = [{"type": "thinking", "thinking": thought, **_noted(message, "signature")}] if thought is not None else []
            row["content"] = [
                *blocks,
                *_blocks(message.content, anthropic_part),
                *(_used(call, ids) for call in message.tool_calls),
            ]
        elif isinstance(message.content, list):
            row["content"] = _blocks(message.content, anthropic_part)
        elif message.content is not ABSENT:
            row["content"] = plain(message.content)
        rows.append(row)
    made: dict[str, Any] = {"messages": rows}
    if system and plain(system[0].content) is not ABSENT:
        made = {"system": plain(system[0].content), **made}
    if sample.tools is not None:
        made["tools"] = [_schema(tool) for tool in sample.tools]
    return made


def _noted(message: Message, *keys: str) -> dict[str, Any]:
    """What was kept of a block beside its text. The signatures of several thoughts are a list, and fit none."""
    kept = message.kept or {}
    return {key: kept[key] for key in keys if key in kept and not isinstance(kept[key], list)}


def _schema(tool: Any) -> Any:
    """A definition as Anthropic writes it; one of another shape as it is."""
    function = bare(wrapped(tool))
    if not isinstance(function, dict) or "function" in function:
        return tool
    return {("input_schema" if key == "parameters" else key): value for key, value in function.items()}


def _used(call: ToolCall, ids: Ids) -> dict[str, Any]:
    name = {} if call.name is None else {"name": call.name}
    return {"type": "tool_use", "id": ids.of_call(call), **name, "input": _input(call)}


@writer("bedrock-converse", extra=False)
def _bedrock(sample: Sample, details: Details) -> dict[str, Any]:
    """Blocks without types, the system prompt as blocks, tools under toolConfig (Amazon Nova)."""
    system, turns = _system(sample.messages, most=64)
    ids = Ids(turns, replace(details, call_ids="keep"))
    rows: list[dict[str, Any]] = []
    for index, message in enumerate(turns):
        blocks = _blocks(message.content, bedrock_part)
        if message.role == "tool":
            result = {"toolResult": {"toolUseId": ids.of_result(message), "content": blocks, **_noted(message, "status")}}
            if index and turns[index - 1].role == "tool":
                rows[-1]["content"].append(result)
            else:
                rows.append({"role": "user", "content": [result]})
            continue
        if not blocks and isinstance(message.content, str) and not message.tool_calls:
            blocks = [{"text": ""}]
        for call in message.tool_calls:
            identity = ids.of_call(call)
            name = {} if call.name is None else {"name": call.name}
            blocks.append({"toolUse": {"toolUseId": identity, **name, "input": _input(call)}})
        rows.append({"role": message.role, "content": blocks})
    row: dict[str, Any] = {"schemaVersion": "bedrock-conversation-2024"}
    if system:
        row["system"] = [{"text": plain(message.content)} for message in system if plain(message.content) is not ABSENT]
    row["messages"] = rows
    if sample.tools is not None:
        row["toolConfig"] = {"tools": [_spec(tool) for tool in sample.tools]}
    return row


def _spec(tool: Any) -> Any:
    tool = wrapped(tool)
    function = tool.get("function") if isinstance(tool, dict) and tool.keys() == {"type", "function"} else None
    if not isinstance(function, dict):
        return tool
    spec = {key: value for key, value in function.items() if key != "parameters"}
    return {"toolSpec": spec | ({"inputSchema": {"json": function["parameters"]}} if "parameters" in function else {})}


@writer("gemini", extra=False)
def _gemini(sample: Sample, details: Details) -> dict[str, Any]:
    """Parts without types, roles user and model; results go by the function's name, there are no ids."""
    system, turns = _system(sample.messages)
    row: dict[str, Any] = {}
    if system:
        row["systemInstruction"] = {"role": "system", "parts": _blocks(system[0].content, gemini_part) or [{"text": ""}]}
    names = {call.id: call.name for message in turns for call in message.tool_calls if call.id is not None}
    rows: list[dict[str, Any]] = []
    asked: list[str | None] = []
    for index, message in enumerate(turns):
        if message.role == "tool":
            identity = message.tool_call_id
            known = names.get(identity) if isinstance(identity, str) else None
            name = known or message.name or next(iter(asked), None)
            asked = [other for at, other in enumerate(asked) if at != (asked.index(name) if name in asked else 0)]
            part = {"functionResponse": {"name": name, "response": _response(plain(message.content))}}
            if index and turns[index - 1].role == "tool":
                rows[-1]["parts"].append(part)
            else:
                rows.append({"role": "user", "parts": [part]})
            continue
        parts = _blocks(message.content, gemini_part)
        if not parts and isinstance(message.content, str) and not message.tool_calls:
            parts = [{"text": ""}]
        asked = [call.name for call in message.tool_calls]
        for call in message.tool_calls:
            parts.append({"functionCall": ({} if call.name is None else {"name": call.name}) | {"args": _input(call)}})
        rows.append({"role": "model" if message.role == "assistant" else message.role, "parts": parts})
    row["contents"] = rows
    if sample.tools is not None:
        row["tools"] = [{"functionDeclarations": [_declared(tool) for tool in sample.tools]}]
    return row


def _response(text: Any) -> Any:
    """What a function gave, as the object that the format wants."""
    found = json_value(text) if isinstance(text, str) else ABSENT
    return found if isinstance(found, dict) else {"result": None if text is ABSENT else text}


def _declared(tool: Any) -> Any:
    tool = wrapped(tool)
    function = tool.get("function") if isinstance(tool, dict) and tool.keys() == {"type", "function"} else None
    if not isinstance(function, dict):
        raise CannotHold("a tool is no function, and the format declares functions only", "/tools", "tools")
    return function


@writer("mistral-instruct")
def _mistral(sample: Sample, details: Details) -> dict[str, Any]:
    """mistral-finetune's ``interactions``: texts under ``text`` where there are no tools, ids of nine characters."""
    turns = list(sample.messages)
    row: dict[str, Any] = {}
    if turns and turns[0].role == "system" and isinstance(turns[0].content, str) and turns[0].content:
        row["system_prompt"] = turns.pop(0).content
    own = replace(details, call_ids="9 characters", system="system", arguments="text")
    rows = openai_messages(turns, own, Ids(turns, own))
    if not any(message.tool_calls or message.role == "tool" for message in turns):
        rows = [{("text" if key == "content" else key): value for key, value in item.items()} if isinstance(item, dict) else item
                for item in rows]  # fmt: skip
    if sample.tools is not None:
        row["tools"] = written_tools(sample.tools, replace(details, tools="list"))
    return {"interactions": rows, **row}
