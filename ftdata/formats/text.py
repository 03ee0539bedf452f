"""Rows whose conversation is one text: plain text, ChatML, and transcripts with markers before every turn."""

from __future__ import annotations

import json
import re
from typing import Any

from ftdata.formats.chat import turn
from ftdata.formats.decode import decode
from ftdata.formats.fields import field_turn, keep_unused, parser, type_name
from ftdata.formats.sharegpt import SPEAKERS
from ftdata.types import ABSENT, Malformed, Message, Sample, ToolCall

_TURN = {
    "hh-rlhf": re.compile(r"\n\n(Human|Assistant):"), "baize": re.compile(r"\[\|(Human|AI)\|\]"),
    "glaive-text": re.compile(r"(?:^|\n)\s*(USER|ASSISTANT|FUNCTION RESPONSE):"),
    "transcript": re.compile(r"(?:^|\n)(user|assistant|system|tool|function):"),
    "human-bot-text": re.compile(r"<(human|bot)>:"), "metharme": re.compile(r"<\|(system|user|model)\|>"),
}  # fmt: skip
_VOICES = {"human": "user", "user": "user", "ai": "assistant", "assistant": "assistant", "bot": "assistant", "model": "assistant",
           "function response": "tool", "tool": "tool", "function": "tool", "system": "system"}  # fmt: skip
_KEYS = {"glaive-text": "chat", "baize": "input", "transcript": "messages_display", "human-bot-text": "text"}
_CHATML = re.compile(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>|$)", re.S)
_BETWEEN = re.compile(r"\s|<\|endoftext\|>|<\|begin_of_text\|>|</?s>")
_CALLED = re.compile(r"<functioncall>\s*(.*?)\s*(?:</functioncall>)?\s*$", re.S)
_QUOTED = re.compile(r"""\{\s*"name"\s*:\s*"([^"]*)"\s*,\s*"arguments"\s*:\s*'(.*)'\s*\}""", re.S)


def transcript(text: str, name: str, pointer: str, sample: Sample) -> list[Message]:
    """Return the turns of a transcript; what stands before the first marker is kept as the extra key "preamble"."""
    pieces = _TURN[name].split(text)
    turns = []
    for voice, said in zip(pieces[1::2], pieces[2::2], strict=False):
        role = _VOICES.get(voice.lower(), voice.lower())
        turns.append(turn(role, said.replace("<|endoftext|>", "").strip(), pointer, "", voice))
    if turns and pieces[0].strip():
        sample.extra["preamble"] = pieces[0]
    # Baize ends on an empty marker of the next human turn.
    while len(turns) > 1 and turns[-1].role == "user" and not turns[-1].text:
        turns.pop()
    return turns


@parser("glaive", "baize", "transcript", "human-bot-text")
def _spoken(row: dict[str, Any], sample: Sample) -> None:
    key = _KEYS[sample.format]
    text = row.get(key)
    sample.kind = "sft"
    sample.messages = transcript(text, sample.format, f"/{key}", sample) if isinstance(text, str) else []
    if not sample.messages:
        sample.problem = f"{key} holds no turns" if isinstance(text, str) else f"{key} is {type_name(text)}, not a text"
        keep_unused(row, sample, (key,))
    if sample.format == "glaive-text":
        _glaive(row, sample)


def _glaive(row: dict[str, Any], sample: Sample) -> None:
    """Glaive writes calls and definitions into the text (glaive-function-calling-v2)."""
    for message in sample.messages:
        match = _CALLED.search(message.text) if message.role == "assistant" and "<functioncall>" in message.text else None
        if match:
            message.tool_calls = [_glaive_call(match.group(1), message.content_pointer)]
            message.content = message.text[: match.start()].strip() or ABSENT
    system = row.get("system")
    if isinstance(system, str):
        sample.messages.insert(0, turn("system", system.removeprefix("SYSTEM:").strip(), "/system", "", "system"))
        sample.tools = _glaive_tools(system)
    elif system is not None:
        sample.messages.insert(0, field_turn(row, "system", "system"))


def _glaive_call(text: str, pointer: str) -> ToolCall:
    """A call in JSON, but for the arguments: a JSON text in single quotes."""
    match = _QUOTED.fullmatch(text)
    if match:
        return ToolCall(match.group(1), match.group(2).replace("\\'", "'"), None, "function", False, pointer, text)
    try:
        value = decode(text)
    except ValueError:
        value = None
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return ToolCall(value["name"], value.get("arguments", ABSENT), None, "function", False, pointer, value)
    return ToolCall(None, Malformed(text), None, None, False, pointer, text)


def _glaive_tools(system: str) -> list[Any] | None:
    """The definitions after "use them if required -": JSON objects, one after another."""
    decoder, tools, at = json.JSONDecoder(), [], system.find("\n{")
    try:
        while 0 <= at < len(system) and system[at:].strip():
            at += len(system[at:]) - len(system[at:].lstrip())
            tool, at = decoder.raw_decode(system, at)
            tools.append(tool)
    except (ValueError, RecursionError):
        return None
    return tools or None


@parser("text")
def _plain_text(row: dict[str, Any], sample: Sample) -> None:
    key = next((key for key in ("text", "content", "response") if key in row), "text")
    sample.extra.pop(key, None)
    text = row.get(key)
    if sample.format == "chatml-text" and isinstance(text, str):
        turns = _CHATML.findall(text)
        # Prose about ChatML holds its markers too: only a text of nothing else is a conversation.
        if turns and not _BETWEEN.sub("", _CHATML.sub("", text)):
            sample.kind = "sft"
            sample.messages = [turn(SPEAKERS.get(role, role), said.strip(), f"/{key}", "", role) for role, said in turns]
            return
    sample.messages = [field_turn(row, key, "assistant")]
