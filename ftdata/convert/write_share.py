"""Writers of conversations: ShareGPT with its tool roles and Hermes tags, NeMo, pairs of human and assistant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ftdata.convert.details import Details
from ftdata.convert.lift import HERMES
from ftdata.convert.loss import json_text
from ftdata.convert.parts import CannotHold, lower, plain
from ftdata.convert.turns import bare, says_weight, spelled_weight, think, wrapped, written_tools
from ftdata.convert.write_chat import calls_text, conversation, in_order, written_call
from ftdata.convert.writer import dialogue, keyed, no_calls, writer
from ftdata.formats.sharegpt import RESULTS
from ftdata.types import ABSENT, Message, Sample

_SPEAKERS = {"user": "human", "assistant": "gpt", "tool": "observation", "developer": "system"}


@writer("sharegpt", "sharegpt-tools-lf", "sharegpt-kto", "sharegpt-ranking")
def _sharegpt(sample: Sample, details: Details) -> dict[str, Any]:
    """Turns of {from, value}; a call is a turn ``function_call`` of JSON text, a result an ``observation``."""
    ordered = in_order(sample.messages)
    texts, columns = lower([*ordered, *sample.chosen, *sample.rejected])
    row: dict[str, Any] = {"conversations": _joined(ordered, _spoken(ordered, list(texts.values())[: len(ordered)], details))}
    if sample.kind == "preference":
        for key, turns in (("chosen", sample.chosen), ("rejected", sample.rejected)):
            if len(turns) != 1:
                raise CannotHold("the format has one turn on each side", "", key)
            at = len(ordered) + (key == "rejected") * len(sample.chosen)
            row[key] = _spoken(turns, [texts[at]], details)[0]
    if sample.tools is not None:
        row["tools"] = written_tools(sample.tools, replace(details, tools="text", nested=False))
    if sample.kind == "unpaired-preference":
        row["kto_tag"] = sample.label
    return row | sample.media | columns


def _spoken(turns: Sequence[Message], texts: Sequence[Any], details: Details) -> list[dict[str, Any]]:
    rows = []
    for message, text in zip(turns, texts, strict=True):
        if message.role is None:
            raise CannotHold("a turn has no role", message.pointer, "role")
        row: dict[str, Any] = {"from": _SPEAKERS.get(message.role, message.role)}
        if message.tool_calls:
            row = {"from": "function_call", "value": calls_text(message.tool_calls)}
        elif details.reasoning_key == "think":
            row["value"] = think(text, message.reasoning)
        elif text is not ABSENT:
            row["value"] = text
        rows.append(row | _turn_keys(message, details))
    return rows


def _turn_keys(message: Message, details: Details) -> dict[str, Any]:
    """What a turn may hold beside its text: a mask under Axolotl's key, and keys that no format knows."""
    row: dict[str, Any] = {}
    if details.mask_key in ("train", "training") and says_weight(message):
        trained = spelled_weight(message.weight, details.mask_key)
        if isinstance(trained, bool):
            row[details.mask_key] = trained
    if details.extra == "keep":
        row |= {key: value for key, value in message.extra.items() if key not in _TAKEN}
    return row


_TAKEN = frozenset("from value role content tool_calls function_call".split())


def _joined(turns: Sequence[Message], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results of parallel calls in one turn, as LLaMA-Factory joins them: it wants sides to alternate."""
    joined: list[dict[str, Any]] = []
    for index, row in enumerate(rows):
        before = turns[index - 1] if index else None
        both = before is not None and before.role == turns[index].role == "tool"
        if both and isinstance(row.get("value"), str) and isinstance(joined[-1].get("value"), str):
            joined[-1] = {**joined[-1], "value": joined[-1]["value"] + RESULTS + row["value"]}
        else:
            joined.append(row)
    return joined


@writer("sharegpt-rolecontent")
def _rolecontent(sample: Sample, details: Details) -> dict[str, Any]:
    row: dict[str, Any] = {"conversations": conversation(sample.messages, details, sample)}
    if sample.tools is not None:
        row["tools"] = written_tools(sample.tools, details)
    return row | sample.media


@writer("sharegpt-hermes-tools")
def _hermes(sample: Sample, details: Details) -> dict[str, Any]:
    """Definitions in the system turn, calls and results between tags (Hermes function calling)."""
    turns = in_order(sample.messages)
    rows: list[dict[str, Any]] = []
    if sample.tools is not None:
        texts = [json_text(wrapped(tool) if details.nested else bare(tool)) for tool in sample.tools]
        if any(text is None for text in texts):
            raise CannotHold("a tool definition cannot be written as JSON", "/tools", "tools")
        said = ""
        if turns and turns[0].role in ("system", "developer"):
            said = plain(turns[0].content) or ""
            turns = turns[1:]
        around = HERMES.format(tools="\n".join(text or "" for text in texts))
        rows.append({"from": "system", "value": f"{said}\n\n{around}" if said else around})
    for message in turns:
        if message.role is None:
            raise CannotHold("a turn has no role", message.pointer, "role")
        speaker = "tool" if message.role == "tool" else _SPEAKERS.get(message.role, message.role)
        rows.append(keyed(from_=speaker, value=_tagged(message, details)) | _turn_keys(message, details))
    return {"conversations": rows} | sample.media


def _tagged(message: Message, details: Details) -> Any:
    text = plain(message.content)
    if message.role == "tool" and isinstance(text, str):
        return f"<tool_response>\n{text}\n</tool_response>"
    if details.reasoning_key == "think":
        text = think(text, message.reasoning)
    if not message.tool_calls:
        return text
    calls = [json_text(written_call(call)) for call in message.tool_calls]
    if any(call is None for call in calls):
        raise CannotHold("the arguments of a call cannot be written as JSON", message.pointer, "arguments")
    said = [text] if isinstance(text, str) and text else []
    return "\n".join([*said, *(f"<tool_call>\n{call}\n</tool_call>" for call in calls)])


@writer("nemo-conversations")
def _nemo(sample: Sample, details: Details) -> dict[str, Any]:
    """``mask`` names the speaker that is not trained on."""
    no_calls(sample.messages)
    turns = list(sample.messages)
    system: Any = ABSENT
    if turns and turns[0].role in ("system", "developer"):
        system = plain(turns.pop(0).content)
    rows = []
    for message in turns:
        if message.role not in ("user", "assistant"):
            raise CannotHold(f"the format has no role {message.role} there", message.pointer, "role")
        speaker = "User" if message.role == "user" else "Assistant"
        rows.append(keyed(from_=speaker, value=plain(message.content)) | _turn_keys(message, details))
    return keyed(mask="User", system=system, conversations=rows)


@writer("swift-pairs")
def _pairs(sample: Sample, details: Details) -> dict[str, Any]:
    found = dialogue(sample.messages)
    pairs = [keyed(human=asked, assistant=answered) for asked, answered in found.pairs]
    return keyed(system=found.system, conversation=pairs)


@writer("xtuner")
def _xtuner(sample: Sample, details: Details) -> dict[str, Any]:
    found = dialogue(sample.messages)
    pairs = [keyed(input=asked, output=answered) for asked, answered in found.pairs]
    if found.system is not ABSENT:
        pairs[0] = {"system": found.system, **pairs[0]}
    return {"conversation": pairs}
