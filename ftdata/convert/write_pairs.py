"""Writers of one question and one answer under keys of their own: Alpaca and its relatives, prompt and completion."""

from __future__ import annotations

from typing import Any

from ftdata.convert.details import Details
from ftdata.convert.parts import CannotHold, lower
from ftdata.convert.turns import written_tools
from ftdata.convert.write_chat import conversation
from ftdata.convert.writer import Dialogue, answer, answers_from, dialogue, keyed, no_calls, question, single, writer
from ftdata.types import ABSENT, Malformed, Message, Sample


@writer("alpaca", "alpaca-history", "alpaca-kto")
def _alpaca(sample: Sample, details: Details) -> dict[str, Any]:
    asked, answered, around = _last(dialogue(sample.messages))
    row = keyed(instruction=asked, input="", output=answered, **around)
    return row | ({"kto_tag": sample.label} if sample.kind == "unpaired-preference" else {})


def _last(found: Dialogue) -> tuple[Any, Any, dict[str, Any]]:
    """The last question and answer, and what stands around them: the system prompt, and earlier pairs as history."""
    *earlier, (asked, answered) = found.pairs or [(ABSENT, ABSENT)]
    history: Any = [[None if item is ABSENT else item for item in pair] for pair in earlier] or ABSENT
    return asked, answered, {"system": found.system, "history": history}


def _asked(sample: Sample) -> tuple[Any, dict[str, Any]]:
    """The last question of a prompt, and what stands around it."""
    asked, answered, around = _last(dialogue(sample.messages, answered=False))
    if answered is not ABSENT:
        raise CannotHold("the prompt does not end on a question")
    return asked, around


@writer("query-response")
def _query_response(sample: Sample, details: Details) -> dict[str, Any]:
    asked, answered, around = _last(dialogue(sample.messages))
    return keyed(query=asked, response=answered, **around)


@writer("alpaca-mm")
def _media(sample: Sample, details: Details) -> dict[str, Any]:
    texts, columns = lower(sample.messages)
    turns = [_said(message, texts[index]) for index, message in enumerate(sample.messages)]
    row = _alpaca(Sample(sample.format, "sft", turns), details)
    return row | sample.media | columns


def _said(message: Message, text: Any) -> Message:
    content = Malformed(text) if isinstance(text, list) else text
    return Message(message.role, content, message.pointer, tool_calls=message.tool_calls)


@writer("alpaca-ranking")
def _ranking(sample: Sample, details: Details) -> dict[str, Any]:
    asked, around = _asked(sample)
    return keyed(instruction=asked, input="", chosen=answer(sample.chosen), rejected=answer(sample.rejected), **around)


@writer("dolly")
def _dolly(sample: Sample, details: Details) -> dict[str, Any]:
    system, asked, answered = single(sample.messages)
    return keyed(instruction=asked, context="", response=answered, system=system)


@writer("instruction-response")
def _instruction(sample: Sample, details: Details) -> dict[str, Any]:
    system, asked, answered = single(sample.messages)
    return keyed(instruction=asked, response=answered, system=system)


@writer("self-instruct")
def _self_instruct(sample: Sample, details: Details) -> dict[str, Any]:
    _, asked, answered = single(sample.messages)
    return keyed(instruction=asked, instances=[keyed(input="", output=answered)])


@writer("question-answer")
def _question(sample: Sample, details: Details) -> dict[str, Any]:
    system, asked, answered = single(sample.messages)
    return keyed(question=asked, answer=answered, system=system)


@writer("orca")
def _orca(sample: Sample, details: Details) -> dict[str, Any]:
    system, asked, answered = single(sample.messages)
    return keyed(system_prompt="" if system is ABSENT else system, question=asked, response=answered)


@writer("input-output")
def _input(sample: Sample, details: Details) -> dict[str, Any]:
    system, asked, answered = single(sample.messages)
    return keyed(input=asked, output=answered, system=system)


@writer("gemini-inline")
def _inline(sample: Sample, details: Details) -> dict[str, Any]:
    _, asked, answered = single(sample.messages)
    return keyed(text_input=asked, output=answered)


@writer("prompt-completion")
def _completion(sample: Sample, details: Details) -> dict[str, Any]:
    _, asked, answered = single(sample.messages)
    return keyed(prompt=asked, completion=answered)


@writer("trl-prompt-completion-conv")
def _turns(sample: Sample, details: Details) -> dict[str, Any]:
    """The last answers are the completion, all before them the prompt, which TRL does not train on."""
    start = answers_from(sample.messages)
    row = {
        "prompt": conversation(sample.messages[:start], details, sample),
        "completion": conversation(sample.messages[start:], details, sample),
    }
    return row | _tools(sample, details)


@writer("unpaired-kto")
def _kto(sample: Sample, details: Details) -> dict[str, Any]:
    """Turns in every row: TRL looks at the first one to know whether all are texts (trl 1.16.0, kto_trainer.py)."""
    if details.prompt == "own":
        return _turns(sample, details) | {"label": sample.label}
    # What is read of a turn there is its role and its text (axolotl 0.19.0, prompt_strategies/kto/chatml.py).
    no_calls(sample.messages)
    return {"prompt": [], "completion": conversation(sample.messages, details, sample), "label": sample.label}


@writer("trl-prompt-only")
def _prompt(sample: Sample, details: Details) -> dict[str, Any]:
    """The turns up to the last answers, which are left out."""
    turns = sample.messages[: answers_from(sample.messages)]
    return {"prompt": conversation(turns, details, sample)} | _tools(sample, details)


def _tools(sample: Sample, details: Details) -> dict[str, Any]:
    return {} if sample.tools is None else {"tools": written_tools(sample.tools, details)}


@writer("preference-explicit")
def _explicit(sample: Sample, details: Details) -> dict[str, Any]:
    system, asked = question(sample.messages)
    return keyed(system=system, prompt=asked, chosen=answer(sample.chosen), rejected=answer(sample.rejected))


@writer("preference-intel")
def _intel(sample: Sample, details: Details) -> dict[str, Any]:
    system, asked = question(sample.messages)
    return keyed(system=system, question=asked, chosen=answer(sample.chosen), rejected=answer(sample.rejected))


@writer("preference-paired-se")
def _paired(sample: Sample, details: Details) -> dict[str, Any]:
    _, asked = question(sample.messages)
    return keyed(question=asked, response_j=answer(sample.chosen), response_k=answer(sample.rejected))


@writer("preference-swift-qr")
def _query(sample: Sample, details: Details) -> dict[str, Any]:
    asked, around = _asked(sample)
    return keyed(query=asked, response=answer(sample.chosen), rejected_response=answer(sample.rejected), **around)


@writer("preference-implicit")
def _implicit(sample: Sample, details: Details) -> dict[str, Any]:
    if sample.messages:
        raise CannotHold("the format has two answers and no prompt")
    return keyed(chosen=answer(sample.chosen), rejected=answer(sample.rejected))


@writer("preference-explicit-conv")
def _sides(sample: Sample, details: Details) -> dict[str, Any]:
    row = {
        "prompt": conversation(sample.messages, details, sample),
        "chosen": conversation(sample.chosen, details, sample),
        "rejected": conversation(sample.rejected, details, sample),
    }
    return row | _tools(sample, details) | sample.media


@writer("preference-implicit-conv")
def _full_sides(sample: Sample, details: Details) -> dict[str, Any]:
    row = {
        "chosen": conversation([*sample.messages, *sample.chosen], details, sample),
        "rejected": conversation([*sample.messages, *sample.rejected], details, sample),
    }
    return row | _tools(sample, details) | sample.media


@writer("preference-messages-axolotl")
def _axolotl(sample: Sample, details: Details) -> dict[str, Any]:
    if len(sample.chosen) != 1 or len(sample.rejected) != 1:
        raise CannotHold("the format has one turn on each side")
    row = {
        "messages": conversation(sample.messages, details, sample),
        "chosen": conversation(sample.chosen, details, sample)[0],
        "rejected": conversation(sample.rejected, details, sample)[0],
    }
    return row | _tools(sample, details) | sample.media


@writer("preference-messages-swift")
def _swift(sample: Sample, details: Details) -> dict[str, Any]:
    """A text where the worse answer is one, else the whole worse conversation (MS-Swift, Custom-dataset.md)."""
    row: dict[str, Any] = {"messages": conversation([*sample.messages, *sample.chosen], details, sample)}
    worse = sample.rejected[0] if len(sample.rejected) == 1 else None
    plain_text = worse is not None and isinstance(worse.content, str) and not worse.tool_calls and worse.role == "assistant"
    if worse is not None and plain_text and len(sample.chosen) == 1:
        row["rejected_response"] = worse.content
    else:
        row["rejected_messages"] = conversation([*sample.messages, *sample.rejected], details, sample)
    return row | _tools(sample, details) | sample.media
