"""Turns written as messages: role and content, tool calls, parts, weights, reasoning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ftdata.formats.decode import decode
from ftdata.types import ABSENT, Malformed, Message, Part, ToolCall

_CACHED = 512
_BASES = ("/messages", "/conversations", "/prompt", "/completion", "/chosen", "/rejected")
_POINTERS = {base: tuple(f"{base}/{index}" for index in range(_CACHED)) for base in _BASES}
PLAIN_ROLES = frozenset({"system", "user", "assistant", "developer", "tool"})
WEIGHT_KEYS = ("weight", "loss_weight", "loss", "loss_scale", "train", "training")
REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
COHERE = {"System": "system", "User": "user", "Chatbot": "assistant", "Tool": "tool"}
_PARTS = {
    "text": "text", "input_text": "text", "output_text": "text", "image_url": "image", "image": "image", "input_image": "image",
    "input_audio": "audio", "audio": "audio", "audio_url": "audio", "video": "video", "video_url": "video", "file": "file",
    "document": "file", "refusal": "refusal", "reasoning": "reasoning", "thinking": "thinking",
}  # fmt: skip
_RESULT_KEYS = frozenset("type tool_use_id toolUseId content".split())
# What Anthropic's and Bedrock's result blocks say beside the result.
_RESULT_NOTES = frozenset("is_error status cache_control".split())
_THOUGHT_KEYS = frozenset("type text value reasoning thinking".split())
# Where a medium has its address: OpenAI, Anthropic and Bedrock sources, Gemini's file data.
_ADDRESSES = ("url", "uri", "fileUri", "file_url", "file_id")
# Bedrock names a medium by its kind and a format (API reference of Converse: ImageBlock, VideoBlock, DocumentBlock).
_DOCUMENTS = {"txt": "text/plain", "md": "text/markdown", "html": "text/html", "csv": "text/csv"}


def pointers(base: str, count: int) -> Sequence[str]:
    """Return the pointers of the items of a list, made once for the usual lists."""
    known = _POINTERS.get(base)
    return known if known is not None and count <= _CACHED else [f"{base}/{index}" for index in range(count)]


def turn(role: str | None, content: Any, pointer: str, key: str = "", source: Any = None) -> Message:
    """Return a turn of text. Giving every field spares the constructor its factories, a third of its time."""
    return Message(role, content, pointer, key, [], None, None, None, None, None, None, {}, source)


def parse_messages(
    value: Any, base: str = "/messages", roles: Mapping[str, str] | None = None, text_key: str = "content"
) -> list[Message]:
    """Return the turns of a list of messages. A turn that is no object becomes a message without a role."""
    if not isinstance(value, list):
        return []
    messages = []
    for item, pointer in zip(value, pointers(base, len(value)), strict=False):
        if type(item) is dict and len(item) == 2 and roles is None:
            role, content = item.get("role"), item.get(text_key)
            if type(content) is str and type(role) is str and role in PLAIN_ROLES:
                messages.append(turn(role, content, pointer, text_key, role))
                continue
        messages += parse_message(item, pointer, roles, text_key)
    return messages


def parse_message(item: Any, pointer: str, roles: Mapping[str, str] | None = None, text_key: str = "content") -> list[Message]:
    """Return the turn, or the turns that one message of tool results stands for."""
    if not isinstance(item, dict):
        return [Message(None, Malformed(item), pointer, "")]
    source = item.get("role", item.get("from") if text_key == "value" else None)
    role = source if isinstance(source, str) else None
    if role is not None and roles is not None:
        role = roles.get(role, role)
    content, calls, results = _content(item.get(text_key, ABSENT), f"{pointer}/{text_key}")
    message = Message(role, content, pointer, text_key, calls, source_role=source)
    for key, value in item.items():
        if key in ("role", text_key) or (key == "from" and text_key == "value"):
            continue
        # Tables and Arrow write every key into every row: a null says nothing, and undoes nothing.
        if key == "tool_calls":
            message.tool_calls = [*message.tool_calls, *_tool_calls(value, f"{pointer}/tool_calls")]
            if value is None or value == []:
                keep(message, key, value)
            elif not isinstance(value, list):
                message.extra[key] = value
        elif key == "function_call":
            if isinstance(value, dict):
                message.tool_calls = [*message.tool_calls, _legacy_call(value, f"{pointer}/function_call")]
            elif value is None:
                keep(message, key, value)
            else:
                message.extra[key] = value
        elif key == "tool_call_id":
            message.tool_call_id = value
            if value is None:
                keep(message, key, value)
        elif key == "name":
            message.name = value
            if value is None:
                keep(message, key, value)
        elif key in WEIGHT_KEYS:
            _take_weight(message, key, value)
        elif key in REASONING_KEYS and (value is None or isinstance(value, str)):
            _take_reasoning(message, key, value)
        else:
            message.extra[key] = value
    if role == "function" and roles is None:
        message.role = "tool"
    if message.reasoning is None and isinstance(content, list):
        _lift_reasoning(message)
    if not results:
        return [message]
    if content or message.tool_calls:
        return [*results, message]
    results[0].extra |= message.extra
    results[0].kept = merged(message.kept, results[0].kept)
    results[0].weight, results[0].weight_key = message.weight, message.weight_key
    return results


def keep(message: Message, key: str, value: Any) -> None:
    """Keep a value that the format knows and no field can say."""
    if message.kept is None:
        message.kept = {}
    message.kept[key] = value


def merged(one: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, Any] | None:
    """What is kept of two turns that become one; the second's counts where both say something."""
    return {**one, **other} if one and other else one or other


def _take_weight(message: Message, key: str, value: Any) -> None:
    """The first weight counts, another trainer's beside it is kept. Only OpenAI's own key is judged when it is null."""
    if message.weight is None and (value is not None or (key == "weight" and message.weight_key is None)):
        if message.weight_key is not None:
            keep(message, message.weight_key, None)
        message.weight, message.weight_key = value, key
    elif value is None:
        keep(message, key, value)
    else:
        message.extra[key] = value


def _take_reasoning(message: Message, key: str, value: str | None) -> None:
    """The first reasoning that says something counts. Empty ones and repetitions are kept, another one is an extra key."""
    if message.reasoning is None and (value or message.reasoning_key is None):
        if message.reasoning_key is not None and message.reasoning_key not in (message.kept or ()):
            keep(message, message.reasoning_key, None)
        message.reasoning, message.reasoning_key = value or None, key
        if value == "":
            keep(message, key, value)
    elif value and value != message.reasoning:
        message.extra[key] = value
    else:
        keep(message, key, value)


def _lift_reasoning(message: Message) -> None:
    content = message.content
    assert isinstance(content, list)
    thoughts = [part for part in content if part.type in ("reasoning", "thinking") and part.text is not None]
    if thoughts:
        take_thoughts(message, thoughts, _THOUGHT_KEYS)
        taken = set(map(id, thoughts))
        message.content = [part for part in content if id(part) not in taken]


def take_thoughts(message: Message, thoughts: Sequence[Part], known: frozenset[str]) -> None:
    """Make parts the reasoning of a turn. What they say beside their text, a signature say, is kept: of several as a list."""
    message.reasoning = "\n".join(part.text for part in thoughts if part.text is not None)
    notes = [{k: v for k, v in part.raw.items() if k not in known} if isinstance(part.raw, dict) else {} for part in thoughts]
    for key in dict.fromkeys(key for note in notes for key in note):
        said = [note.get(key) for note in notes]
        keep(message, key, said if len(said) > 1 else said[0])


def _content(value: Any, pointer: str) -> tuple[Any, list[ToolCall], list[Message]]:
    if isinstance(value, str) or value is None or value is ABSENT:
        return value, [], []
    if not isinstance(value, list) or (value and not any(isinstance(item, dict) for item in value)):
        return Malformed(value), [], []
    parts: list[Part] = []
    calls: list[ToolCall] = []
    results: list[Message] = []
    for index, item in enumerate(value):
        place = f"{pointer}/{index}"
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "tool_use" or (isinstance(item, dict) and "toolUse" in item):
            raw = item.get("toolUse", item)
            raw = raw if isinstance(raw, dict) else {}
            identity = raw.get("id", raw.get("toolUseId"))
            calls.append(
                ToolCall(
                    _text(raw.get("name")),
                    raw.get("input", ABSENT),
                    _text(identity),
                    "function",
                    False,
                    place,
                    item,
                )
            )
        elif kind == "tool_result" or (isinstance(item, dict) and "toolResult" in item):
            raw = item.get("toolResult", item)
            raw = raw if isinstance(raw, dict) else {}
            results.append(_tool_result(raw, place))
        elif kind == "tool_call" and isinstance(item.get("value"), str):
            calls += decode_calls(item["value"], place)
        else:
            parts.append(parse_part(item))
    return parts, calls, results


def _tool_result(raw: dict[str, Any], pointer: str) -> Message:
    content = raw.get("content")
    if isinstance(content, list):
        content = [parse_part(part) for part in content]
    elif not isinstance(content, str | None):
        content = Malformed(content)
    message = Message("tool", content, pointer, "content", source_role="tool_result")
    message.tool_call_id = raw.get("tool_use_id", raw.get("toolUseId"))
    for key, value in raw.items():
        if key not in _RESULT_KEYS:
            if key in _RESULT_NOTES:
                keep(message, key, value)
            else:
                message.extra[key] = value
    return message


def parse_part(item: Any) -> Part:
    """Return a content part; one of unknown type keeps its raw value."""
    if isinstance(item, str):
        return Part("text", item, None, item)
    if not isinstance(item, dict):
        return Part("", None, None, item)
    kind = item.get("type")
    if kind is None:
        if isinstance(item.get("text"), str):
            return Part("text", item["text"], None, item)
        media = next((key for key in ("image", "video", "audio", "document") if key in item), None)
        return Part(media, None, address(item[media], media), item) if media else Part("", None, None, item)
    name = _PARTS.get(kind, kind) if isinstance(kind, str) else ""
    if name in ("text", "refusal", "reasoning", "thinking"):
        text = item.get("text", item.get("value", item.get(name)))
        return Part(name, text if isinstance(text, str) else None, None, item)
    value = item.get("value", item.get(kind) if isinstance(kind, str) else None)
    return Part(name, None, address(item.get("source") if value is None else value), item)


def address(value: Any, kind: str | None = None) -> str | None:
    """Return the address of a medium: as it stands, inside an object, or as a data URL of the data that is given.

    ``kind`` is that of a Bedrock block (image, video, audio, document), whose format stands beside its source.
    """
    outer = ""
    while isinstance(value, dict):
        found = next((value[key] for key in _ADDRESSES if isinstance(value.get(key), str)), None)
        if found is not None:
            return str(found)
        data = next((value[key] for key in ("data", "bytes", "file_data") if isinstance(value.get(key), str)), None)
        if data is not None:
            mime = next((value[key] for key in ("media_type", "mimeType", "format") if isinstance(value.get(key), str)), outer)
            return data if data.startswith("data:") else f"data:{mime};base64,{data}"
        if kind is not None and isinstance(value.get("format"), str):
            named = value["format"]
            outer = _DOCUMENTS.get(named, f"application/{named}") if kind == "document" else f"{kind}/{named}"
        value = value.get("source", value.get("s3Location"))
    return value if isinstance(value, str) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _tool_calls(value: Any, pointer: str) -> list[ToolCall]:
    if not isinstance(value, list):
        return []
    calls = []
    for index, item in enumerate(value):
        place = f"{pointer}/{index}"
        if not isinstance(item, dict):
            calls.append(ToolCall(None, ABSENT, None, None, False, place, item))
            continue
        function = item.get("function")
        if not isinstance(function, dict):
            function = item if "name" in item else {}
        calls.append(
            ToolCall(
                _text(function.get("name")), function.get("arguments", ABSENT), _text(item.get("id")), _text(item.get("type")),
                False, place, item,
            )
        )  # fmt: skip
    return calls


def _legacy_call(value: dict[str, Any], pointer: str) -> ToolCall:
    return ToolCall(_text(value.get("name")), value.get("arguments", ABSENT), None, None, True, pointer, value)


def decode_calls(text: str, pointer: str) -> list[ToolCall]:
    """Return the calls written as JSON text: one object, or a list of them. Undecodable text is one nameless call."""
    try:
        value = decode(text)
    except ValueError:
        return [ToolCall(None, Malformed(text), None, None, False, pointer, text)]
    items = value if isinstance(value, list) else [value]
    calls = []
    for item in items:
        if isinstance(item, dict):
            arguments = item.get("arguments", item.get("parameters", ABSENT))
            calls.append(ToolCall(_text(item.get("name")), arguments, None, "function", False, pointer, item))
        else:
            calls.append(ToolCall(None, Malformed(item), None, None, False, pointer, item))
    return calls


def function_tool(tool: Any, schema: str) -> Any:
    """Return a bare definition as OpenAI writes it, its schema under ``parameters``; one without that schema as it is."""
    if not isinstance(tool, dict) or schema not in tool or "parameters" in tool or "function" in tool:
        return tool
    return {"type": "function", "function": {("parameters" if key == schema else key): value for key, value in tool.items()}}


def decode_tools(value: Any) -> tuple[list[Any] | None, str | None]:
    """Return the tool definitions and why they could not be read, if not. A JSON string is decoded."""
    if value is None:
        return None, None
    if isinstance(value, str):
        if not value.strip():
            return None, None
        try:
            value = decode(value)
        except ValueError:
            return None, "a text that is not JSON"
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return None, "not a list"
    return value, None
