"""Rows of one prompt and one answer under keys of their own, as texts or as messages."""

from __future__ import annotations

from typing import Any

from ftdata.formats.chat import parse_message, parse_messages
from ftdata.formats.fields import field_turn, keep_unused, messages_cell, parser, take_media, take_pair, take_system, take_tools
from ftdata.formats.text import transcript
from ftdata.types import ABSENT, Message, Sample

_QUESTIONS = ("query", "prompt", "question", "instruction", "input")
_ANSWERS = ("response", "answer", "output")
_PAIRS = (
    ("question", "answer"), ("q", "a"), ("text_input", "output"), ("input", "output"), ("prompt", "generation"),
    ("column_1", "column_2"),
)  # fmt: skip


def side(row: dict[str, Any], key: str, role: str) -> list[Message]:
    """The turns under a key: messages, one message, or a text of the role."""
    value = messages_cell(row.get(key, ABSENT))
    if isinstance(value, list) and (not isinstance(row[key], list) or _turns(value)):
        return parse_messages(value, f"/{key}")
    if isinstance(value, dict) and "role" in value:
        return parse_message(value, f"/{key}")
    return [field_turn(row, key, role)]


def _turns(items: list[Any]) -> bool:
    """Whether a list holds turns: a list of content parts has types and no roles."""
    return not items or not all(isinstance(item, dict) and "role" not in item and "type" in item for item in items)


@parser("prompt-completion")
def _prompt_completion(row: dict[str, Any], sample: Sample) -> None:
    take_tools(row, sample)
    take_media(row, sample)
    if type(row.get("prompt")) is str and type(row.get("completion")) is str and row["prompt"][:1] != "[":
        sample.messages = [field_turn(row, "prompt", "user"), field_turn(row, "completion", "assistant")]
    else:
        sample.messages = side(row, "prompt", "user")
        if sample.kind != "prompt-only" and ("completion" in row or not isinstance(row.get("prompt"), list)):
            sample.messages += side(row, "completion", "assistant")
    if sample.kind == "unpaired-preference":
        sample.label = row.get("label")


@parser("query-response")
def _query_response(row: dict[str, Any], sample: Sample) -> None:
    question = next((key for key in _QUESTIONS if key in row), "query")
    answer = next((key for key in _ANSWERS if key in row), "response")
    take_pair(row, sample, question, answer, "system")
    take_media(row, sample)
    if sample.kind == "preference":
        sample.chosen = [sample.messages.pop()]
        sample.rejected = [field_turn(row, "rejected_response", "assistant")]
    sample.extra.pop(question, None)
    keep_unused(row, sample, _ANSWERS, answer)


@parser("question-answer")
def _question_answer(row: dict[str, Any], sample: Sample) -> None:
    if sample.format == "orca":
        keep_unused(row, sample, ("system", "answer"))
        return take_pair(row, sample, "question", "response", "system_prompt")
    names = {key.lower(): key for key in row if isinstance(key, str)}
    prompt, answer = next((pair for pair in _PAIRS if pair[0] in names and pair[1] in names), ("question", "answer"))
    prompt, answer = names.get(prompt, prompt), names.get(answer, answer)
    sample.extra.pop(prompt, None)
    sample.extra.pop(answer, None)
    keep_unused(row, sample, ("response", "system_prompt"), prompt, answer)
    if sample.format == "metharme":
        spoken = transcript(row[prompt], "metharme", f"/{prompt}", sample) if isinstance(row.get(prompt), str) else []
        if spoken:
            take_system(row, sample, "system")
            # The prompt ends on the marker of the answer.
            if spoken[-1].role == "assistant" and not spoken[-1].text:
                spoken.pop()
            sample.messages += [*spoken, field_turn(row, answer, "assistant")]
            return None
    return take_pair(row, sample, prompt, answer, "system")
