"""Writers of conversations as one text, and of trees: transcripts with markers, ChatML, ranked answers, OpenAssistant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftdata.convert.details import Details
from ftdata.convert.lift import BAIZE
from ftdata.convert.loss import json_text
from ftdata.convert.parts import CannotHold, plain
from ftdata.convert.turns import bare, text_arguments
from ftdata.convert.writer import answer, dialogue, no_calls, writer
from ftdata.formats.identity import sample_id
from ftdata.types import ABSENT, Message, Sample

_DEEPEST_TREE = 200


def _text(message: Message) -> str:
    """The text of a turn in a transcript, where there is no way to say that there is none."""
    text = plain(message.content)
    if text is None or text is ABSENT:
        return ""
    if not isinstance(text, str):
        raise CannotHold("a content that is no text", message.pointer, "content", text)
    return text


def _spoken(turns: Sequence[Message], markers: dict[str, str], between: str) -> str:
    """Turns as a transcript, each after its marker."""
    no_calls(turns)
    lines = []
    for message in turns:
        if message.role not in markers:
            raise CannotHold(f"the transcript has no voice for {message.role}", message.pointer, "role")
        lines.append(f"{markers[message.role]}{_text(message)}")
    return between.join(lines)


def _asked(turns: Sequence[Message]) -> Sequence[Message]:
    """The turns after a system prompt, for which these transcripts have no place."""
    return turns[1:] if turns and turns[0].role in ("system", "developer") else turns


@writer("chatml-text")
def _chatml(sample: Sample, details: Details) -> dict[str, Any]:
    no_calls(sample.messages)
    lines = []
    for message in sample.messages:
        if not isinstance(message.role, str):
            raise CannotHold("a turn has no role", message.pointer, "role")
        lines.append(f"<|im_start|>{message.role}\n{_text(message)}<|im_end|>\n")
    return {"text": "".join(lines)}


@writer("human-bot-text")
def _human_bot(sample: Sample, details: Details) -> dict[str, Any]:
    return {"text": _spoken(_asked(sample.messages), {"user": "<human>: ", "assistant": "<bot>: "}, "\n")}


@writer("transcript")
def _transcript(sample: Sample, details: Details) -> dict[str, Any]:
    markers = {role: f"{role}: " for role in ("user", "assistant", "system")}
    return {"messages_display": _spoken(sample.messages, markers, "\n")}


@writer("baize")
def _baize(sample: Sample, details: Details) -> dict[str, Any]:
    text = _spoken(_asked(sample.messages), {"user": "[|Human|] ", "assistant": "[|AI|] "}, "\n")
    preamble = sample.extra.get("preamble")
    return {"input": f"{preamble if isinstance(preamble, str) else BAIZE}{text}\n[|Human|] "}


@writer("glaive-text")
def _glaive(sample: Sample, details: Details) -> dict[str, Any]:
    """Calls after <functioncall>, their arguments as JSON text in single quotes (glaive-function-calling-v2)."""
    turns = list(sample.messages)
    said = _text(turns.pop(0)) if turns and turns[0].role in ("system", "developer") else None
    lines = []
    for message in turns:
        marker = {"user": "USER", "assistant": "ASSISTANT", "tool": "FUNCTION RESPONSE"}.get(message.role or "")
        if marker is None:
            raise CannotHold(f"the transcript has no voice for {message.role}", message.pointer, "role")
        text = _text(message)
        if len(message.tool_calls) > 1:
            raise CannotHold("the transcript has one call a turn", message.pointer, "tool_calls")
        for call in message.tool_calls:
            arguments = text_arguments(call.arguments)
            if not isinstance(arguments, str) or not isinstance(call.name, str) or '"' in call.name:
                raise CannotHold("a call without a name, or without arguments as text", call.pointer, "tool_calls")
            quoted = arguments.replace("'", "\\'")
            text = f'{text} <functioncall> {{"name": "{call.name}", "arguments": \'{quoted}\'}}'.lstrip()
        lines.append(f"{marker}: {text} <|endoftext|>" if marker == "ASSISTANT" else f"{marker}: {text}")
    row: dict[str, Any] = {"chat": "\n\n\n".join(lines) + "\n"}
    if said is None and sample.tools is None:
        return row
    text = f"SYSTEM: {said or ''}"
    if sample.tools is not None:
        tools = [json_text(bare(tool)) for tool in sample.tools]
        if any(tool is None for tool in tools):
            raise CannotHold("a tool definition cannot be written as JSON", "/tools", "tools")
        text += "\n" + "\n\n".join(tool or "" for tool in tools)
    return {"system": text, **row}


def _human_assistant(turns: Sequence[Message]) -> str:
    return _spoken(_asked(turns), {"user": "\n\nHuman: ", "assistant": "\n\nAssistant: "}, "")


@writer("hh-rlhf")
def _hh(sample: Sample, details: Details) -> dict[str, Any]:
    prompt = _asked(sample.messages)
    if not prompt or prompt[-1].role == "assistant":
        raise CannotHold("the prompt does not end on a question")
    answer(sample.chosen), answer(sample.rejected)
    return {
        "chosen": _human_assistant([*prompt, *sample.chosen]),
        "rejected": _human_assistant([*prompt, *sample.rejected]),
    }


@writer("ranked-nectar")
def _nectar(sample: Sample, details: Details) -> dict[str, Any]:
    ranked = [{"answer": answer(sample.chosen), "rank": 1}, {"answer": answer(sample.rejected), "rank": 2}]
    if any(entry["answer"] is ABSENT for entry in ranked):
        raise CannotHold("an answer without a text")
    return {"prompt": _human_assistant(sample.messages) + "\n\nAssistant: ", "answers": ranked}


@writer("metharme")
def _metharme(sample: Sample, details: Details) -> dict[str, Any]:
    found = dialogue(sample.messages)
    markers = {"system": "<|system|>", "developer": "<|system|>", "user": "<|user|>", "assistant": "<|model|>"}
    prompt = _spoken(sample.messages[:-1], markers, "") + "<|model|>"
    answered = found.pairs[-1][1]
    return {"prompt": prompt} | ({} if answered is ABSENT else {"generation": answered})


@writer("text-lm")
def _plain_text(sample: Sample, details: Details) -> dict[str, Any]:
    return {"text": _text(sample.messages[0])}


@writer("response-only")
def _response(sample: Sample, details: Details) -> dict[str, Any]:
    return {"response": _text(sample.messages[0])}


@writer("oasst-tree")
def _oasst(sample: Sample, details: Details) -> dict[str, Any]:
    """A tree of one path. Its ids are made of the sample's hash."""
    turns = list(_asked(sample.messages))
    no_calls(turns)
    if not turns or turns[0].role != "user" or len(turns) > _DEEPEST_TREE:
        raise CannotHold(f"a tree begins with a question and holds up to {_DEEPEST_TREE} turns")
    tree = sample_id(sample)
    node: dict[str, Any] | None = None
    for index in range(len(turns) - 1, -1, -1):
        message = turns[index]
        if message.role not in ("user", "assistant"):
            raise CannotHold(f"the tree has no role {message.role}", message.pointer, "role")
        made: dict[str, Any] = {"message_id": f"{tree}-{index}" if index else tree}
        if index:
            made["parent_id"] = f"{tree}-{index - 1}" if index > 1 else tree
        text = plain(message.content)
        if text is not ABSENT:
            made["text"] = text
        made |= {"role": "prompter" if message.role == "user" else "assistant", "replies": [] if node is None else [node]}
        node = made
    return {"message_tree_id": tree, "tree_state": "ready_for_export", "prompt": node}
