"""Messages and rows in OpenAI's shape: exactly as they were read, or spelled as a target wants them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from ftdata.convert.details import Details
from ftdata.convert.loss import json_text, json_value
from ftdata.convert.parts import openai_content, raw_content
from ftdata.formats.chat import REASONING_KEYS, WEIGHT_KEYS
from ftdata.types import ABSENT, Malformed, Message, ToolCall

_NINE = re.compile(r"[a-zA-Z0-9]{9}")
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PLAIN = frozenset({"user", "assistant"})
_NO_CALL = frozenset({"name", "arguments", "parameters", "id", "type", "input", "toolUse", "functionCall", "value"})
# Families whose parsers keep the role "function" only as the source's spelling.
_OWN_ROLES = frozenset({"openai", "openai-preference", "preference", "prompt-completion", "mistral"})


def text_arguments(value: Any) -> Any:
    """Arguments as JSON text; what is no object or list stays as found."""
    if isinstance(value, Malformed):
        return value.value
    if isinstance(value, dict | list):
        text = json_text(value)
        return value if text is None else text
    return value


def object_arguments(value: Any) -> Any:
    """Arguments as an object where their text is one; what is none stays as found."""
    if isinstance(value, Malformed):
        return value.value
    if isinstance(value, str):
        found = json_value(value)
        return found if isinstance(found, dict) else value
    return value


def spelled_weight(value: Any, key: str) -> Any:
    """A weight under a trainer's key (formats.md B.6): 0 and 1 as integers, booleans or floats, others as they are."""
    if isinstance(value, bool | int | float) and value in (0, 1):
        if key in ("train", "training", "loss"):
            return bool(value)
        return float(value) if key in ("loss_weight", "loss_scale") else int(value)
    return value


def exact_call(call: ToolCall) -> Any:
    """A call as it stood in the file, if it stood there in OpenAI's shape; else in that shape with all that is known."""
    raw = call.raw
    if "/tool_calls/" in call.pointer or call.legacy:
        return raw
    row: dict[str, Any] = {}
    if call.id is not None:
        row["id"] = call.id
    if call.type is not None:
        row["type"] = call.type
    if isinstance(raw, dict):
        row |= {key: value for key, value in raw.items() if key not in _NO_CALL}
    return row | {"function": _function(call, Details(arguments="object"), exact=True)}


def _function(call: ToolCall, details: Details, exact: bool = False) -> dict[str, Any]:
    function: dict[str, Any] = {} if call.name is None else {"name": call.name}
    if call.arguments is not ABSENT:
        function["arguments"] = raw_content(call.arguments) if exact else _arguments(call.arguments, details)
    return function


def _arguments(value: Any, details: Details) -> Any:
    return object_arguments(value) if details.arguments == "object" else text_arguments(value)


def _plain_turn(message: Message) -> bool:
    """Whether a turn is no more than its role and content."""
    return not (
        message.extra
        or message.kept
        or message.tool_calls
        or message.reasoning is not None
        or message.weight_key is not None
        or message.weight is not None
        or message.name is not None
        or message.tool_call_id is not None
        or message.reasoning_key is not None
    )


def exact_message(message: Message, family: str) -> Any:
    """A message in OpenAI's shape, as it was read."""
    role, content = message.role, message.content
    if type(content) is str and role in _PLAIN and _plain_turn(message):
        return {"role": role, "content": content}
    if message.role is None and isinstance(message.content, Malformed) and not message.content_key:
        return message.content.value
    legacy = message.source_role == "function" and family in _OWN_ROLES
    role = "function" if legacy else message.role if message.role is not None else message.source_role
    row: dict[str, Any] = {} if role is None else {"role": role}
    if message.content is not ABSENT:
        row["content"] = raw_content(message.content)
    if message.reasoning is not None or message.reasoning_key is not None:
        row[message.reasoning_key or REASONING_KEYS[0]] = message.reasoning
    for call in message.tool_calls:
        if call.legacy:
            row["function_call"] = call.raw
        else:
            row.setdefault("tool_calls", []).append(exact_call(call))
    if message.tool_call_id is not None:
        row["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        row["name"] = message.name
    if message.weight_key is not None or message.weight is not None:
        row[message.weight_key if message.weight_key in WEIGHT_KEYS else "weight"] = message.weight
    row |= {key: value for key, value in message.extra.items() if key not in row}
    # An empty reasoning is null in its own field.
    return row | {key: value for key, value in (message.kept or {}).items() if row.get(key) is None}


class Ids:
    """The ids of a conversation's calls: kept, shortened to nine characters, or made where there are none.

    A result without an id answers the first open call of its name, else the first open call.
    """

    def __init__(self, messages: Sequence[Message], details: Details) -> None:
        self._how = details.call_ids
        self._used = {call.id for message in messages for call in message.tool_calls if call.id is not None}
        self._open: list[tuple[str, str | None]] = []
        self._made = 0
        self._short: dict[str, str] = {}

    def of_call(self, call: ToolCall) -> str | None:
        """The id of the next call."""
        identity = call.id
        if identity is None:
            self._made += 1
            while f"call_{self._made}" in self._used:
                self._made += 1
            identity = f"call_{self._made}"
        identity = self._spelled(identity)
        self._open.append((identity, call.name))
        return None if self._how == "none" else identity

    def of_result(self, message: Message) -> Any:
        """The id that the next result answers; what stands there already is kept."""
        identity = message.tool_call_id
        if isinstance(identity, str):
            identity = self._spelled(identity)
            self._open = [pair for pair in self._open if pair[0] != identity]
        elif identity is None:
            at = next((i for i, (_, name) in enumerate(self._open) if name is not None and name == message.name), 0)
            identity = self._open.pop(at)[0] if self._open else None
        return None if self._how == "none" else identity

    def _spelled(self, identity: str) -> str:
        if self._how != "9 characters" or _NINE.fullmatch(identity):
            return identity
        salt = 0
        while identity not in self._short:
            short = nine(identity, salt)
            if short not in self._used and short not in self._short.values():
                self._short[identity] = short
            salt += 1
        return self._short[identity]


def nine(identity: str, salt: int = 0) -> str:
    """Nine letters and digits made from an id, always the same (mistral-common wants ``^[a-zA-Z0-9]{9}$``)."""
    number = int.from_bytes(blake2b(f"{salt}:{identity}".encode("utf-8", "surrogatepass"), digest_size=8).digest())
    letters = []
    for _ in range(9):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return "".join(letters)


def openai_call(call: ToolCall, details: Details, ids: Ids) -> Any:
    """A call as OpenAI writes it, with whatever else stood beside it."""
    raw = call.raw
    if not isinstance(raw, dict) and call.name is None and call.arguments is ABSENT:
        return raw
    shaped = isinstance(raw, dict) and isinstance(raw.get("function"), dict)
    identity = ids.of_call(call)
    row: dict[str, Any] = {} if identity is None else {"id": identity}
    row["type"] = call.type or "function"
    if isinstance(raw, dict) and details.extra == "keep" and not call.legacy:
        known = ("id", "type", "function") if shaped else _NO_CALL
        row |= {key: value for key, value in raw.items() if key not in known}
    function = _function(call, details)
    if shaped and isinstance(raw, dict) and details.extra == "keep":
        function = {**raw["function"], **function}
    return row | {"function": function}


def openai_message(message: Message, details: Details, ids: Ids) -> Any:
    """A message as a target of OpenAI's shape wants it."""
    role, content = message.role, message.content
    if type(content) is str and role in _PLAIN and _plain_turn(message):
        # Most turns: this is what the rest makes of them, in a third of the time.
        return {"role": role, "content": content}
    if message.role is None and isinstance(message.content, Malformed) and not message.content_key:
        return message.content.value
    role = message.role if message.role is not None else message.source_role
    if role in ("system", "developer") and details.system != "keep":
        role = details.system
    row: dict[str, Any] = {} if role is None else {"role": role}
    content = _beside_calls(message, openai_content(message.content), details)
    reasoning = message.reasoning
    if details.reasoning_key == "think":
        content, reasoning = think(content, reasoning), None
    if content is not ABSENT:
        row["content"] = content
    if details.reasoning_key is not None and details.reasoning_key != "think" and message.reasoning_key is not None:
        row[details.reasoning_key] = reasoning
    elif details.reasoning_key not in (None, "think") and reasoning is not None:
        row[str(details.reasoning_key)] = reasoning
    if message.tool_calls:
        row["tool_calls"] = [openai_call(call, details, ids) for call in message.tool_calls]
    if role in ("tool", "function") or message.tool_call_id is not None:
        identity = ids.of_result(message)
        if identity is not None:
            row["tool_call_id"] = identity
    if message.name is not None:
        row["name"] = message.name
    _put_weight(row, message, details)
    if details.extra == "keep":
        row |= {key: value for key, value in message.extra.items() if key not in row}
        row |= {k: value for k, value in (message.kept or {}).items() if value not in (None, "", []) and k not in row}
    elif isinstance(message.extra.get("refusal"), str):
        row["refusal"] = message.extra["refusal"]
    return row


def _beside_calls(message: Message, content: Any, details: Details) -> Any:
    """What stands beside tool calls that have no text."""
    if not message.tool_calls or details.empty == "keep" or content not in (None, ABSENT, ""):
        return content
    return {"empty": "", "null": None, "missing": ABSENT}[details.empty]


def think(content: Any, reasoning: str | None) -> Any:
    """Content with its reasoning before it, between the tags of Qwen 3 and DeepSeek R1."""
    if reasoning is None or not (isinstance(content, str) or content is None or content is ABSENT):
        return content
    return f"<think>\n{reasoning}\n</think>\n\n{content or ''}"


def says_weight(message: Message) -> bool:
    """Whether a turn has a weight that says something: LLaMA-Factory v1 writes one on every turn, mostly the usual one."""
    if message.weight_key == "loss_weight" and message.weight == (message.role == "assistant"):
        return False
    return message.weight_key is not None or message.weight is not None


def _put_weight(row: dict[str, Any], message: Message, details: Details) -> None:
    key = details.mask_key
    if key is None or not says_weight(message):
        return
    weight = spelled_weight(message.weight, key)
    if key in ("train", "training", "loss") and not isinstance(weight, bool):
        # MS-Swift has a key of its own for what lies between; Axolotl has none.
        if key != "loss" or not isinstance(weight, int | float):
            return
        key, weight = "loss_scale", float(weight)
    row[key] = weight


def openai_messages(messages: Sequence[Message], details: Details, ids: Ids | None = None) -> list[Any]:
    """Messages as a target of OpenAI's shape wants them."""
    ids = ids or Ids(messages, details)
    return [openai_message(message, details, ids) for message in messages]


def written_tools(tools: list[Any], details: Details) -> Any:
    """Tool definitions: wrapped or bare, as a list or as JSON text."""
    found: Any = [wrapped(tool) if details.nested else bare(tool) for tool in tools]
    if details.tools == "text":
        text = json_text(found)
        return found if text is None else text
    return found


def wrapped(tool: Any) -> Any:
    """A definition as OpenAI's tools hold it; a bare function is wrapped."""
    if isinstance(tool, dict) and "function" not in tool and isinstance(tool.get("name"), str) and "type" not in tool:
        return {"type": "function", "function": tool}
    return tool


def bare(tool: Any) -> Any:
    """A definition without its wrapping, if the wrapping says nothing else."""
    if isinstance(tool, dict) and tool.keys() == {"type", "function"} and tool["type"] == "function":
        function = tool["function"]
        if isinstance(function, dict) and isinstance(function.get("name"), str) and not {"type", "function"} & function.keys():
            return function
    return tool
