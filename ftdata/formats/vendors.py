"""Rows of the formats of single vendors: Bedrock Converse, Gemini, mistral-finetune."""

from __future__ import annotations

import json
from typing import Any

import orjson

from ftdata.formats.chat import address, parse_messages, parse_part, take_thoughts
from ftdata.formats.fields import field_turn, keep_unused, parser, take_media, take_system, take_tools, turn_list, type_name
from ftdata.formats.identity import safe_repr
from ftdata.types import ABSENT, Malformed, Message, Part, Sample, ToolCall

_GEMINI_ROLES = {"model": "assistant", "function": "tool"}
_TURN_KEYS = ("role", "parts")
_THOUGHT_KEYS = frozenset({"text", "thought"})
_RESPONSE_KEYS = frozenset({"id", "name", "response"})


@parser("bedrock")
def _bedrock(row: dict[str, Any], sample: Sample) -> None:
    system = row.get("system")
    if isinstance(system, list):
        for index, block in enumerate(system):
            if isinstance(block, dict) and "text" in block:
                message = field_turn(block, "text", "system", f"/system/{index}")
                message.extra = {key: value for key, value in block.items() if key not in ("text", "type")}
                sample.messages.append(message)
            else:
                sample.messages.append(Message("system", Malformed(block), f"/system/{index}", "", source_role="system"))
    else:
        take_system(row, sample, "system")
    sample.messages += parse_messages(turn_list(row, "messages", sample))
    config = row.get("toolConfig")
    if isinstance(config, dict) and isinstance(config.get("tools"), list):
        sample.tools, sample.tools_key = [_bedrock_tool(tool) for tool in config["tools"]], "toolConfig.tools"
    elif config is not None:
        sample.extra["toolConfig"] = config


def _bedrock_tool(tool: Any) -> Any:
    """A definition as OpenAI writes it; one of another shape as it is."""
    spec = tool.get("toolSpec") if isinstance(tool, dict) else None
    if not isinstance(spec, dict):
        return tool
    function = {key: value for key, value in spec.items() if key != "inputSchema"}
    schema = spec.get("inputSchema")
    if schema is not None:
        function["parameters"] = schema["json"] if isinstance(schema, dict) and "json" in schema else schema
    return {"type": "function", "function": function}


@parser("gemini")
def _gemini(row: dict[str, Any], sample: Sample) -> None:
    key = "systemInstruction" if "systemInstruction" in row else "system_instruction"
    system = row.get(key)
    if key == "systemInstruction":
        keep_unused(row, sample, ("system_instruction",))
    if isinstance(system, dict):
        sample.messages += _gemini_turns(system, "system", f"/{key}")
    else:
        take_system(row, sample, key)
    for index, item in enumerate(turn_list(row, "contents", sample)):
        if not isinstance(item, dict):
            sample.messages.append(Message(None, Malformed(item), f"/contents/{index}", ""))
            continue
        role = item.get("role")
        named = _GEMINI_ROLES.get(role, role) if isinstance(role, str) else None
        sample.messages += _gemini_turns(item, named, f"/contents/{index}")
    tools = row.get("tools")
    if isinstance(tools, list):
        sample.tools = [tool for item in tools for tool in _declared(item)]
        sample.tools_key = "tools"
    elif tools is not None:
        sample.tools_key, sample.tools_fault, sample.extra["tools"] = "tools", f"{type_name(tools)}, not a list", tools


def _declared(tool: Any) -> list[Any]:
    """The functions that one entry declares, as OpenAI writes them; an entry that declares none (a search) as it is."""
    if not isinstance(tool, dict):
        return [tool]
    found = tool.get("functionDeclarations", tool.get("function_declarations"))
    return [{"type": "function", "function": function} for function in found] if isinstance(found, list) else [tool]


def _gemini_turns(item: dict[str, Any], role: str | None, pointer: str) -> list[Message]:
    """The turn, after the turns of the results that stand in it: each function's result is one of its own."""
    message = Message(role, ABSENT, pointer, "parts", source_role=item.get("role"))
    message.extra = {key: value for key, value in item.items() if key not in _TURN_KEYS}
    found = item.get("parts", ABSENT)
    if not isinstance(found, list):
        message.content = found if found is None or found is ABSENT else Malformed(found)
        return [message]
    parts: list[Part] = []
    thoughts: list[Part] = []
    results: list[Message] = []
    for index, part in enumerate(found):
        place = f"{pointer}/parts/{index}"
        if not isinstance(part, dict):
            parts.append(parse_part(part))
        elif isinstance(part.get("functionCall"), dict):
            message.tool_calls.append(_gemini_call(part, place))
        elif isinstance(part.get("functionResponse"), dict):
            results.append(_gemini_result(part, place, message.source_role))
        elif part.get("thought") is True and isinstance(part.get("text"), str):
            thoughts.append(parse_part(part))
        elif "fileData" in part or "inlineData" in part:
            parts.append(_medium(part))
        else:
            parts.append(parse_part(part))
    if thoughts:
        take_thoughts(message, thoughts, _THOUGHT_KEYS)
    # One text part and a text mean the same.
    if len(parts) == 1 and parts[0].type == "text" and parts[0].text is not None and _only_text(parts[0].raw):
        message.content = parts[0].text
        at = next(index for index, part in enumerate(found) if part is parts[0].raw)
        message.content_key = f"parts/{at}/text" if isinstance(found[at], dict) and "text" in found[at] else f"parts/{at}"
    else:
        message.content = parts or ABSENT
    if not results:
        return [message]
    if parts or thoughts or message.tool_calls:
        return [*results, message]
    results[0].extra = message.extra | results[0].extra
    return results


def _gemini_call(part: dict[str, Any], pointer: str) -> ToolCall:
    call = part["functionCall"]
    name, identity = call.get("name"), call.get("id")
    return ToolCall(
        name if isinstance(name, str) else None, call.get("args", ABSENT), identity if isinstance(identity, str) else None,
        "function", False, pointer, part,
    )  # fmt: skip


def _gemini_result(part: dict[str, Any], pointer: str, source: Any) -> Message:
    """A function's result; what its response says is JSON, here as text."""
    answer = part["functionResponse"]
    message = Message("tool", _compact(answer.get("response")), pointer, "functionResponse/response", source_role=source)
    message.name, message.tool_call_id = answer.get("name"), answer.get("id")
    notes = {key: value for key, value in part.items() if key != "functionResponse"}
    notes |= {key: value for key, value in answer.items() if key not in _RESPONSE_KEYS}
    message.kept = notes or None
    return message


def _only_text(raw: Any) -> bool:
    """Whether a part says nothing but its text."""
    return not isinstance(raw, dict) or len(raw) == 1


def _medium(part: dict[str, Any]) -> Part:
    data = part.get("fileData") or part.get("inlineData")
    data = data if isinstance(data, dict) else {}
    mime = data.get("mimeType")
    kind = mime.split("/")[0] if isinstance(mime, str) else "file"
    return Part(kind if kind in ("image", "audio", "video") else "file", None, address(data), part)


def _compact(value: Any) -> str:
    """Any value as JSON text; what JSON cannot write becomes what Python prints."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        # orjson writes neither integers beyond 64 bits nor lone surrogates.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return safe_repr(value)


@parser("mistral")
def _mistral(row: dict[str, Any], sample: Sample) -> None:
    key = "interactions" if "interactions" in row else "messages"
    turns = turn_list(row, key, sample)
    keep_unused(row, sample, ("messages",), key)
    take_system(row, sample, "system_prompt")
    texts = any(isinstance(turn, dict) and "text" in turn and "content" not in turn for turn in turns)
    sample.messages += parse_messages(turns, f"/{key}", text_key="text" if texts else "content")
    take_tools(row, sample)
    take_media(row, sample)
    if row.get("only_last"):
        answers = [message for message in sample.messages if message.role == "assistant"]
        for message in answers[:-1]:
            message.weight, message.weight_key = 0, "only_last"
