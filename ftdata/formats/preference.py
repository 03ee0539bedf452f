"""Rows of a better and a worse continuation: DPO pairs in every spelling, transcripts, ranked answers."""

from __future__ import annotations

from typing import Any

from ftdata.formats.chat import parse_messages
from ftdata.formats.completion import side
from ftdata.formats.fields import (
    field_turn,
    keep_unused,
    messages_cell,
    parser,
    take_media,
    take_system,
    take_tools,
    turn_list,
    type_name,
)
from ftdata.formats.identity import safe_repr
from ftdata.formats.text import transcript
from ftdata.types import ABSENT, Malformed, Message, Sample

_QUESTIONS = ("prompt", "question", "instruction", "input")


def _parts(message: Message) -> list[Any]:
    """What a turn holds beside its text: media, odd parts, a value of the wrong type."""
    content = message.content
    if isinstance(content, list):
        return [(part.type, part.url or safe_repr(part.raw)) for part in content if part.type != "text"]
    return [safe_repr(content.value)] if isinstance(content, Malformed) else []


def _says_same(one: Message, other: Message) -> bool:
    """Whether two turns are one turn written twice: role, text, reasoning, parts and tool calls."""
    if (one.role, one.text, one.reasoning, len(one.tool_calls)) != (
        other.role,
        other.text,
        other.reasoning,
        len(other.tool_calls),
    ):
        return False
    return _parts(one) == _parts(other) and all(
        a.name == b.name and safe_repr(a.arguments) == safe_repr(b.arguments)
        for a, b in zip(one.tool_calls, other.tool_calls, strict=True)
    )


def _share_prompt(sample: Sample, chosen: list[Message], rejected: list[Message]) -> None:
    """Split two conversations into their longest common beginning and two endings."""
    shared = 0
    for one, other in zip(chosen[:-1], rejected[:-1], strict=False):
        if not _says_same(one, other):
            break
        shared += 1
    sample.messages, sample.chosen, sample.rejected = chosen[:shared], chosen[shared:], rejected[shared:]


def _drop_repeated_prompt(sample: Sample) -> None:
    """Chosen and rejected may repeat the prompt's turns before their own."""
    size = len(sample.messages)
    for name in ("chosen", "rejected"):
        turns: list[Message] = getattr(sample, name)
        if len(turns) > size and all(map(_says_same, sample.messages, turns)):
            setattr(sample, name, turns[size:])


@parser("openai-preference")
def _openai_preference(row: dict[str, Any], sample: Sample) -> None:
    old = "preferred_completion" in row or "non_preferred_completion" in row
    yes, no = ("preferred_completion", "non_preferred_completion") if old else ("preferred_output", "non_preferred_output")
    prompt = row.get("input")
    if isinstance(prompt, dict):
        sample.messages = parse_messages(_nested(prompt, sample), "/input/messages")
        take_tools(prompt, sample, "input.")
        more = {
            key: value for key, value in prompt.items() if key not in ("messages", "tools", "functions", "parallel_tool_calls")
        }
        if more:
            sample.extra.setdefault("input", more)
    else:
        sample.problem = "the key 'input' is missing" if "input" not in row else f"input is {type_name(prompt)}, not an object"
        keep_unused(row, sample, ("input",))
    for name, key in (("chosen", yes), ("rejected", no)):
        value = row.get(key)
        if value is not None and not isinstance(value, list):
            sample.problem = sample.problem or f"{key} is {type_name(value)}, not a list"
            sample.extra[key] = value
        setattr(sample, name, parse_messages(value, f"/{key}"))


def _nested(prompt: dict[str, Any], sample: Sample) -> list[Any]:
    turns = turn_list(prompt, "messages", sample)
    if "messages" in sample.extra:
        sample.extra["input"] = {"messages": sample.extra.pop("messages")}
    return turns


@parser("llamafactory-v1-dpo")
def _llamafactory_preference(row: dict[str, Any], sample: Sample) -> None:
    chosen = parse_messages(turn_list(row, "chosen_messages", sample), "/chosen_messages")
    rejected = parse_messages(turn_list(row, "rejected_messages", sample), "/rejected_messages")
    _share_prompt(sample, chosen, rejected)
    take_tools(row, sample)


@parser("preference")
def _preference(row: dict[str, Any], sample: Sample) -> None:
    prompt, chosen, rejected = (messages_cell(row.get(key, ABSENT)) for key in ("prompt", "chosen", "rejected"))
    take_tools(row, sample)
    take_media(row, sample)
    if isinstance(prompt, list):
        sample.messages = parse_messages(prompt, "/prompt")
    elif isinstance(chosen, list) and isinstance(rejected, list):
        # A full conversation on both sides repeats a prompt that may stand beside it as a text.
        yes, no = parse_messages(chosen, "/chosen"), parse_messages(rejected, "/rejected")
        if len(yes) > 1 or prompt is ABSENT:
            take_system(row, sample, "system")
            system = sample.messages
            _share_prompt(sample, yes, no)
            sample.messages = system + sample.messages
            return
        sample.messages = side(row, "prompt", "user")
    else:
        take_system(row, sample, "system")
        key = next((k for k in _QUESTIONS if k in row), "prompt")
        sample.messages += side(row, key, "user")
        sample.extra.pop(key, None)
        keep_unused(row, sample, _QUESTIONS, key)
    for name in ("chosen", "rejected"):
        key = name if name in row or f"{name}_response" not in row else f"{name}_response"
        setattr(sample, name, side(row, key, "assistant"))
    _drop_repeated_prompt(sample)


@parser("preference-messages-axolotl", "preference-messages-swift")
def _preference_messages(row: dict[str, Any], sample: Sample) -> None:
    sample.messages = parse_messages(turn_list(row, "messages", sample))
    take_tools(row, sample)
    take_media(row, sample)
    if sample.format == "preference-messages-axolotl":
        sample.chosen, sample.rejected = side(row, "chosen", "assistant"), side(row, "rejected", "assistant")
        _drop_repeated_prompt(sample)
    elif isinstance(row.get("rejected_messages"), list):
        keep_unused(row, sample, ("rejected_response",))
        _share_prompt(sample, sample.messages, parse_messages(row["rejected_messages"], "/rejected_messages"))
    else:
        keep_unused(row, sample, ("rejected_messages",))
        sample.messages, sample.chosen = sample.messages[:-1], sample.messages[-1:]
        sample.rejected = side(row, "rejected_response", "assistant")


@parser("preference-paired-se")
def _paired(row: dict[str, Any], sample: Sample) -> None:
    sample.messages = [field_turn(row, "question", "user")]
    sample.chosen, sample.rejected = [field_turn(row, "response_j", "assistant")], [field_turn(row, "response_k", "assistant")]


@parser("preference-implicit")
def _implicit(row: dict[str, Any], sample: Sample) -> None:
    sample.chosen, sample.rejected = [field_turn(row, "chosen", "assistant")], [field_turn(row, "rejected", "assistant")]


@parser("hh-rlhf")
def _hh(row: dict[str, Any], sample: Sample) -> None:
    sides = []
    for name in ("chosen", "rejected"):
        text = row.get(name)
        turns = transcript(text, "hh-rlhf", f"/{name}", sample) if isinstance(text, str) else []
        sides.append(turns or [field_turn(row, name, "assistant")])
    _share_prompt(sample, *sides)


@parser("ranked-nectar")
def _ranked(row: dict[str, Any], sample: Sample) -> None:
    """The best and the worst of several answers; those between them are kept as an extra key."""
    sample.messages = _asked(row, sample)
    found = row.get("answers")
    answers = [(a.get("rank", 0), i) for i, a in enumerate(found if isinstance(found, list) else ()) if isinstance(a, dict)]
    try:
        answers.sort()
    except (TypeError, RecursionError):
        sample.problem = "ranks that cannot be compared"
    if not isinstance(found, list):
        sample.problem = f"answers is {type_name(found)}, not a list"
    elif len(answers) < 2:
        sample.problem = "fewer than two ranked answers"
    if sample.problem is not None:
        keep_unused(row, sample, ("answers",))
        return
    best, worst = answers[0][1], answers[-1][1]
    sample.chosen, sample.rejected = [_answer(row, best)], [_answer(row, worst)]
    between = [row["answers"][i] for _, i in answers[1:-1]] + [item for item in row["answers"] if not isinstance(item, dict)]
    if between:
        sample.extra["answers"] = between


def _answer(row: dict[str, Any], index: int) -> Message:
    item = row["answers"][index]
    message = field_turn(item, "answer", "assistant", f"/answers/{index}")
    message.extra = {key: value for key, value in item.items() if key not in ("answer", "rank")}
    return message


def _asked(row: dict[str, Any], sample: Sample) -> list[Message]:
    """Nectar's prompts are transcripts that end on the assistant's marker."""
    prompt = row.get("prompt")
    turns = transcript(prompt, "hh-rlhf", "/prompt", sample) if isinstance(prompt, str) and "\n\nHuman:" in prompt else []
    if len(turns) > 1 and turns[-1].role == "assistant" and not turns[-1].text:
        turns.pop()
    return turns or side(row, "prompt", "user")
