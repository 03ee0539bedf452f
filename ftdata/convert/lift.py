"""A sample with what its format writes into texts and blocks taken out of them, as OpenAI keeps it."""

from __future__ import annotations

import copy
import dataclasses
import re
from typing import Any

from ftdata.convert.details import OPENAI
from ftdata.convert.loss import json_value
from ftdata.convert.parts import lift_media
from ftdata.convert.turns import Ids
from ftdata.formats.registry import FORMATS
from ftdata.types import ABSENT, Message, Sample

# What separates the results of parallel calls in one turn (llamafactory 0.9.5, data/converter.py, its OpenAI converter).
RESULTS = "\n</tool_response>\n<tool_response>\n"
# What stands around definitions in a system turn: the words of Qwen 2.5's template, but for an empty pair of <tools>
# tags in them, where many readers, ours among them, would look for the definitions.
HERMES = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within XML tags:\n<tools>\n{tools}\n</tools>\n\n"
    "For each function call, return a json object with function name and arguments within XML tags:\n"
    '<tool_call>\n{{"name": <function-name>, "arguments": <args-json-object>}}\n</tool_call>'
)
BAIZE = "The conversation between human and AI assistant.\n"
_HERMES = re.compile(
    r"(?:\n\n)?" + re.escape(HERMES.format(tools="\0")).replace(re.escape("\0"), r"(?:(?!</tools>).)*") + r"\Z", re.S
)
_RESPONSE = re.compile(r"<tool_response>\n(.*)\n</tool_response>", re.S)
_BLOCKS = frozenset({"anthropic", "anthropic-tools", "bedrock-converse", "llamafactory-v1", "llamafactory-v1-dpo"})
_OTHERS = frozenset({"trl-prompt-completion-conv", "swift-messages"})


def lift(sample: Sample) -> Sample:
    """Return the sample, or a copy of it without the spelling of its own format. Once only: twice would take off two layers."""
    name = sample.format
    family = FORMATS[name].family if name in FORMATS else "unknown"
    if not (sample.media or name in _BLOCKS or family in ("sharegpt", "gemini", "baize") or name in _OTHERS):
        return sample
    if name in ("sharegpt", "sharegpt-rolecontent") and not sample.media and not any(m.tool_calls for m in sample.messages):
        return sample
    sample = dataclasses.replace(sample)
    for side in ("messages", "chosen", "rejected"):
        setattr(sample, side, [copy.copy(message) for message in getattr(sample, side)])
    if sample.media and lift_media(sample.turns(), sample.media):
        sample.media = {}
    if name in _BLOCKS:
        for message in sample.turns():
            _collapse(message, name)
    if name.startswith("anthropic") and sample.tools is not None:
        sample.tools = [_function(tool) for tool in sample.tools]
    if name == "sharegpt-hermes-tools":
        _lift_hermes(sample)
    elif family == "sharegpt":
        sample.messages = _apart(sample.messages)
    elif family == "gemini":
        sample.messages = _numbered([turn for message in sample.messages for turn in _gemini(message)])
    elif name == "swift-messages":
        sample.messages = _one_batch(sample.messages)
    elif name == "trl-prompt-completion-conv":
        _masked_prompt(sample)
    if sample.extra.get("preamble") == BAIZE and family == "baize":
        sample.extra = {key: value for key, value in sample.extra.items() if key != "preamble"}
    return sample


def _function(tool: Any) -> Any:
    """A definition of Anthropic's as OpenAI writes it."""
    if not isinstance(tool, dict) or not isinstance(tool.get("name"), str) or {"function", "parameters", "type"} & tool.keys():
        return tool
    return {"type": "function", "function": {("parameters" if k == "input_schema" else k): v for k, v in tool.items()}}


def _collapse(message: Message, name: str) -> None:
    """A list of one bare text is a text, where the format has lists only, or had to make one."""
    content = message.content
    if not isinstance(content, list):
        return
    made = not name.startswith("anthropic") or message.tool_calls or message.reasoning is not None
    if not made:
        return
    if not content:
        message.content = ABSENT
    elif len(content) == 1 and content[0].type == "text" and content[0].text is not None and _bare(content[0].raw):
        message.content = content[0].text


def _bare(raw: Any) -> bool:
    return not isinstance(raw, dict) or raw.keys() <= {"type", "text", "value"}


def _lift_hermes(sample: Sample) -> None:
    for message in sample.messages:
        if message.role == "tool" and isinstance(message.content, str):
            match = _RESPONSE.fullmatch(message.content)
            message.content = match[1] if match else message.content
    first = sample.messages[0] if sample.messages else None
    if first is not None and first.role == "system" and sample.tools is not None and isinstance(first.content, str):
        match = _HERMES.search(first.content)
        if match:
            first.content = first.content[: match.start()]
            if not first.content:
                del sample.messages[0]


def _apart(messages: list[Message]) -> list[Message]:
    """Results that share a turn, each in its own, where there are as many as calls before them."""
    turns: list[Message] = []
    for message in messages:
        calls = len(turns[-1].tool_calls) if turns else 0
        content = message.content
        if message.role == "tool" and calls > 1 and isinstance(content, str) and content.count(RESULTS) == calls - 1:
            turns += [dataclasses.replace(message, content=piece) for piece in content.split(RESULTS)]
        else:
            turns.append(message)
    return turns


def _one_batch(messages: list[Message]) -> list[Message]:
    """Calls in turns of their own, together with the text and the calls before them, as MS-Swift puts them together."""
    turns: list[Message] = []
    for message in messages:
        before = turns[-1] if turns else None
        if (
            before is not None
            and message.source_role == "tool_call"
            and before.role == "assistant"
            and (before.tool_calls or isinstance(before.content, str))
            and before.weight == message.weight
        ):
            before.tool_calls = [*before.tool_calls, *message.tool_calls]
            before.extra = {**message.extra, **before.extra}
        else:
            turns.append(message)
    return turns


def _gemini(message: Message) -> list[Message]:
    """Results of functions: each a turn of its own, a text where the response holds nothing but one."""
    if message.role != "tool":
        return [message]
    if isinstance(message.content, str):
        return [dataclasses.replace(message, content=_answer(message.content, json_value(message.content)))]
    parts: list[Any] = message.content if isinstance(message.content, list) else []
    if not parts or not all(isinstance(part.raw, dict) and isinstance(part.raw.get("functionResponse"), dict) for part in parts):
        return [message]
    turns = []
    for part in parts:
        response = part.raw["functionResponse"]
        turns.append(
            dataclasses.replace(message, content=_answer(part.text, response.get("response")), name=response.get("name"))
        )
    return turns


def _numbered(messages: list[Message]) -> list[Message]:
    """Calls and results by ids in place of the functions' names."""
    ids = Ids(messages, OPENAI)
    for message in messages:
        message.tool_calls = [dataclasses.replace(call, id=ids.of_call(call)) for call in message.tool_calls]
        if message.role == "tool":
            message.tool_call_id = ids.of_result(message)
            message.name = message.name if message.tool_call_id is None else None
    return messages


def _answer(text: str | None, response: Any) -> Any:
    if isinstance(response, dict) and response.keys() == {"result"} and isinstance(response["result"], str):
        return response["result"]
    return text


def _masked_prompt(sample: Sample) -> None:
    """Only the completion is trained on: answers in the prompt have weight 0."""
    for message in sample.messages:
        if message.role == "assistant" and message.pointer.startswith("/prompt") and message.weight is None:
            message.weight, message.weight_key = 0, "weight"
