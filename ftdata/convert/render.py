"""Turn a sample into a row of another format, with an exact account of what does not arrive.

The account does not depend on the writers: the row is parsed again, and what comes back is compared with the source.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ftdata.convert import write_chat, write_pairs, write_share, write_text, write_vendors  # noqa: F401
from ftdata.convert.account import added_turns, losses
from ftdata.convert.canonical import canonical_row, openai_row, spelled_row
from ftdata.convert.details import OPENAI, Details
from ftdata.convert.lift import lift
from ftdata.convert.loss import Loss, same
from ftdata.convert.parts import CannotHold
from ftdata.convert.writer import WRITERS, no_calls
from ftdata.formats.detect import detect_row
from ftdata.formats.parse import parse
from ftdata.formats.registry import FORMATS
from ftdata.types import Sample

WRITABLE: tuple[str, ...] = tuple(name for name in FORMATS if name in WRITERS)
UNWRITABLE: Mapping[str, str] = {
    "openai-dpo-oldspec": "its keys are a misprint that nothing reads; write openai-dpo",
    "column-pairs": "it is a table without a header; write question-answer",
    "oasst-flat": "one row is one message; write oasst-tree",
    "stepwise": "it labels steps of a solution, which no conversation has",
    "segments": "its segments are the text of one chat template, which only the trainer knows",
    "pretokenized": "its token ids belong to one tokenizer and one chat template",
    "openai-batch-request": "it is a request, not training data",
    "batch-output": "it is a result, not training data",
    "evaluation-item": "it is a question of an evaluation, not training data",
    "model-answers": "it is an answer of a model under evaluation, not training data",
    "tool-definition": "it is a tool definition, not a conversation",
    "dataset-config": "it is a dataset configuration, not data",
    "span-labels": "it labels spans of text, not conversations",
    "unknown": "it is no format",
}
# Formats whose rows are in OpenAI's shape, so that a row can be its own canonical row.
OPENAI_SHAPED = frozenset(
    """openai-chat openai-chat-tools openai-chat-functions openai-chat-vision openai-chat-reasoning openai-chat-think trl-harmony
    messages-kto openai-rft openai-dpo openai-dpo-oldspec""".split()
)
# Formats that hold conversations although the registry files them under texts.
_TALKS = frozenset({"chatml-text", "human-bot-text"})
_MOST_EXTRA = 64


def render(
    sample: Sample, format: str, details: Details = OPENAI, *, row: dict[str, Any] | None = None
) -> tuple[dict[str, Any] | None, list[Loss]]:
    """Return the sample as a row of the format, and everything of it that does not arrive there as it was.

    The row is ``None`` where the format cannot express the sample at all; the one loss then says why. ``row`` is the
    source row itself, if its format is ``OPENAI_SHAPED``: the account is then against the row, and holds what parsing it does
    not keep too (null beside missing keys). Raises KeyError for a format that is not ``WRITABLE``.
    """
    writer = WRITERS[format]
    source = canonical_row(sample) if row is None else row
    refusal = _unfit(sample, format)
    if refusal is not None:
        return None, [Loss("", "", refusal, source, kind="refused")]
    lifted = lift(sample)
    try:
        if details.calls == "refuse":
            no_calls(lifted.turns(), "the target stops at tool calls and results")
            lifted = dataclasses.replace(lifted, tools=None)
        made = writer.write(lifted, details)
    except CannotHold as error:
        loss = error.loss
        return None, [dataclasses.replace(loss, where=_known(loss.where, source), value=source)]
    if writer.extra and (details.extra == "keep" or FORMATS[format].kind in ("reinforcement", "prompt-only")):
        setting = {} if FORMATS[format].family == "openai-preference" else {"parallel_tool_calls": lifted.parallel_tool_calls}
        extra = lifted.extra | (lifted.kept or {})
        made = _with_extra(made, extra if lifted.parallel_tool_calls is None else setting | extra, format)
    returned = parse(made, format)
    if returned.problem is not None:
        return None, [Loss("", "", f"written so, {returned.problem}", source, kind="refused")]
    back = openai_row(returned)
    seen = detect_row(made)
    if seen != format and not same(canonical_row(parse(made, seen)), canonical_row(returned)):
        return None, [Loss("", "", f"the row would be read as {FORMATS[seen].title}", source, kind="refused")]
    found = losses(source, back, lambda: spelled_row(lifted), format)
    broken = added_turns(found)
    if broken is not None:
        return None, [Loss("messages", broken, "a text in it would be read as turns of its own", source, kind="refused")]
    return made, found


def _known(where: str, source: Any) -> str:
    """A pointer into the source's own row, if the canonical row has that place too; else the whole row."""
    value = source
    for step in where.split("/")[1:]:
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return ""
    return where


def _unfit(sample: Sample, format: str) -> str | None:
    """Why a format of this kind cannot hold a sample of that kind, if so."""
    if sample.problem is not None or sample.kind == "none":
        return sample.problem or "the row holds no conversation"
    kind = "sft" if format in _TALKS else FORMATS[format].kind
    if kind == sample.kind:
        return None
    prompts = ("reinforcement", "prompt-only")
    if kind in prompts and sample.kind in ("sft", *prompts):
        return None
    return {
        "preference": "a preference needs a better and a worse answer",
        "unpaired-preference": "the format needs a label for each answer",
        "reinforcement": "the format holds prompts; drop the answers first",
        "prompt-only": "the format holds prompts; drop the answers first",
        "text": "the format holds plain text; write chatml-text for a conversation",
    }.get(kind) or {
        "preference": "the worse answer would be lost, and with it what the sample teaches",
        "unpaired-preference": "the label would be lost, and bad answers trained on as good ones",
        "text": "a plain text has no turns",
    }.get(sample.kind, "there is no answer to train on")


def _with_extra(row: dict[str, Any], extra: Mapping[str, Any], format: str) -> dict[str, Any]:
    """The row with the keys that no format knows, as far as it is still read as what it is."""
    keys = (FORMATS[format].keys - {"parallel_tool_calls"} - FORMATS[format].metadata) | (
        {"preamble"} if format == "baize" else set()
    )
    free = {key: value for key, value in extra.items() if key not in row and key not in keys}
    if not free:
        return row
    whole = row | free
    if _read_alike(whole, row, format):
        return whole
    for key, value in list(free.items())[:_MOST_EXTRA]:
        more = row | {key: value}
        row = more if _read_alike(more, row, format) else row
    return row


def _read_alike(more: dict[str, Any], row: dict[str, Any], format: str) -> bool:
    seen, known = detect_row(more), detect_row(row)
    return seen == known or (FORMATS[seen].family == FORMATS[known].family and FORMATS[seen].kind == FORMATS[known].kind)
