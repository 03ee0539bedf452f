"""A sample as one row in OpenAI's shape: exactly as it was read, and as it comes back from another format."""

from __future__ import annotations

from typing import Any

from ftdata.convert.details import OPENAI, Details
from ftdata.convert.lift import lift
from ftdata.convert.turns import Ids, exact_message, openai_messages, written_tools
from ftdata.formats.registry import FORMATS
from ftdata.types import Message, Sample


def canonical_row(sample: Sample) -> dict[str, Any]:
    """The sample as it was read, in OpenAI's shape. Losses point into this row.

    Preference data takes the shape of OpenAI's preference format, everything else that of its chat format, with
    ``label`` and media columns beside the messages. A row of OpenAI's own formats comes out as it was, but for what
    its parser does not keep (see ``render``).
    """
    family = FORMATS[sample.format].family if sample.format in FORMATS else "unknown"

    def turns(messages: list[Message]) -> list[Any]:
        return [exact_message(message, family) for message in messages]

    row: dict[str, Any] = {}
    inner = row
    if _has_sides(sample):
        inner = row["input"] = {}
    inner["messages"] = turns(sample.messages)
    if _has_sides(sample):
        old = "preferred_completion" in sample.keys
        row["preferred_completion" if old else "preferred_output"] = turns(sample.chosen)
        row["non_preferred_completion" if old else "non_preferred_output"] = turns(sample.rejected)
    tools_key = (sample.tools_key or "tools").rpartition(".")[2]
    if sample.tools is not None or (sample.tools_key is not None and sample.tools_fault is None):
        inner[tools_key if tools_key == "functions" else "tools"] = sample.tools
    if _says_parallel(sample):
        inner["parallel_tool_calls"] = sample.parallel_tool_calls
    if sample.label is not None or sample.kind == "unpaired-preference":
        row["kto_tag" if "kto_tag" in sample.keys and "label" not in sample.keys else "label"] = sample.label
    row |= {key: value for key, value in sample.media.items() if key not in row}
    _put_extra(row, inner, sample)
    return row


def _says_parallel(sample: Sample) -> bool:
    """Whether the row has that setting; in formats that do not know it the key is one of the row's own."""
    own = "parallel_tool_calls" in sample.extra
    return sample.parallel_tool_calls is not None or ("parallel_tool_calls" in sample.keys and not own)


def _has_sides(sample: Sample) -> bool:
    return sample.kind == "preference" or bool(sample.chosen or sample.rejected)


def _put_extra(row: dict[str, Any], inner: dict[str, Any], sample: Sample) -> None:
    for key, value in (sample.extra | (sample.kept or {})).items():
        if key == "input" and inner is not row and isinstance(value, dict):
            inner |= {name: item for name, item in value.items() if name not in inner}
        elif key.startswith("input.") and sample.tools_key and key.rpartition(".")[0] == "input":
            inner.setdefault(key.removeprefix("input."), value)
        elif key not in row:
            row[key] = value
        else:
            row.setdefault("kept aside", {})[key] = value


def openai_row(sample: Sample) -> dict[str, Any]:
    """The sample as OpenAI's own formats write it: what a conversion back to OpenAI gives, and ``restore`` mends."""
    return spelled_row(lift(sample))


def spelled_row(sample: Sample, details: Details = OPENAI) -> dict[str, Any]:
    """A lifted sample in OpenAI's shape, spelled as a target wants it."""
    ids = Ids(sample.turns(), details)
    row: dict[str, Any] = {}
    inner = row
    sides = _has_sides(sample)
    if sides:
        inner = row["input"] = {}
    inner["messages"] = openai_messages(sample.messages, details, ids)
    if sides:
        row["preferred_output"] = openai_messages(sample.chosen, details, Ids(sample.turns(), details))
        row["non_preferred_output"] = openai_messages(sample.rejected, details, Ids(sample.turns(), details))
    if sample.tools is not None:
        inner["tools"] = written_tools(sample.tools, details)
    elif sample.tools_key is not None and sample.tools_fault is None and sample.tools_key.endswith("tools"):
        inner["tools"] = None
    if _says_parallel(sample):
        inner["parallel_tool_calls"] = sample.parallel_tool_calls
    if sample.label is not None or sample.kind == "unpaired-preference":
        row["label"] = sample.label
    if details.extra == "keep":
        row |= {key: value for key, value in sample.media.items() if key not in row}
        _put_extra(row, inner, sample)
    elif sample.kind == "reinforcement":
        row |= {key: value for key, value in sample.reference.items() if key not in row}
    return row
