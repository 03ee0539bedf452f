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
_BLOCKS = frozenset({"anthropic", "anthropic-tools", "bedrock-converse", "llamafactory-v1", "llamafactory-v1-dpo"})
_OTHERS = frozenset({"trl-prompt-completion-conv", "sharegpt-hermes-tools"})


def lift(sample: Sample) -> Sample:
    """Return the sample, or a copy of it without the spelling of its own format. Once only: twice would take off two layers."""
    name = sample.format
    family = FORMATS[name].family if name in FORMATS else "unknown"
    if not (sample.media or name in _BLOCKS or family in ("gemini", "baize") or name in _OTHERS):
        return sample
    sample = dataclasses.replace(sample)
    for side in ("messages", "chosen", "rejected"):
        setattr(sample, side, [copy.copy(message) for message in getattr(sample, side)])
    if sample.media and lift_media(sample.turns(), sample.media):
        sample.media = {}
    if name in _BLOCKS:
        for message in sample.turns():
            _collapse(message, name)
    if name == "sharegpt-hermes-tools":
        _lift_hermes(sample)
    elif family == "gemini":
        sample.messages = _numbered([_unwrapped(message) for message in sample.messages])
    elif name == "trl-prompt-completion-conv":
        _masked_prompt(sample)
    if sample.extra.get("preamble") == BAIZE and family == "baize":
        sample.extra = {key: value for key, value in sample.extra.items() if key != "preamble"}
    return sample


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
    first = sample.messages[0] if sample.messages else None
    if first is not None and first.role == "system" and sample.tools is not None and isinstance(first.content, str):
        match = _HERMES.search(first.content)
        if match:
            first.content = first.content[: match.start()]
            if not first.content:
                del sample.messages[0]


def _unwrapped(message: Message) -> Message:
    """A function's result as a text, where its response holds nothing but one."""
    if message.role != "tool" or not isinstance(message.content, str):
        return message
    response = json_value(message.content)
    if isinstance(response, dict) and response.keys() == {"result"} and isinstance(response["result"], str):
        return dataclasses.replace(message, content=response["result"])
    return message


def _numbered(messages: list[Message]) -> list[Message]:
    """Calls and results by ids in place of the functions' names."""
    ids = Ids(messages, OPENAI)
    for message in messages:
        message.tool_calls = [dataclasses.replace(call, id=ids.of_call(call)) for call in message.tool_calls]
        if message.role == "tool":
            message.tool_call_id = ids.of_result(message)
            message.name = message.name if message.tool_call_id is None else None
    return messages


def _masked_prompt(sample: Sample) -> None:
    """Only the completion is trained on: answers in the prompt have weight 0."""
    for message in sample.messages:
        if message.role == "assistant" and message.pointer.startswith("/prompt") and message.weight is None:
            message.weight, message.weight_key = 0, "weight"
