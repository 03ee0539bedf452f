"""Read a row for conversion: parsed, with the metadata that its parser knows but has no use for."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from ftdata.formats.parse import parse
from ftdata.formats.registry import FORMATS
from ftdata.types import Sample

# Keys that a format knows, so that they are no extra keys, and that none of its parsers reads.
_UNREAD = {
    "sharegpt": ("id",),
    "alpaca": ("category",),
    "self-instruct": ("id", "name", "is_classification"),
    "baize": ("topic",),
    "nemo": ("type",),
    "gemini": ("generationConfig",),
    "openai": ("tool_choice", "function_call"),
    "mistral": ("tool_choice", "function_call"),
    "swift-messages": ("channel", "objects", "label"),
}


@functools.cache
def unread(format: str) -> tuple[str, ...]:
    """The metadata keys that a format knows and its parser does not read."""
    family = FORMATS[format].family if format in FORMATS else ""
    names = _UNREAD.get(format, ()) + (_UNREAD.get(family, ()) if format not in ("self-instruct",) else ())
    known = FORMATS[format].keys if format in FORMATS else frozenset()
    return tuple(name for name in names if name in known)


def read_row(row: Any, format: str, columns: Mapping[str, str] | None = None) -> Sample:
    """Return the sample of a row as ``parse`` does, its metadata under its extra keys. Never raises.

    What some parsers read and keep as an extra key too (media columns, parallel_tool_calls) is kept once.
    """
    sample = parse(row, format, columns)
    if not isinstance(row, dict) or sample.problem is not None:
        return sample
    names = unread(sample.format)
    if not sample.extra and (not names or row.keys().isdisjoint(names)):
        return sample
    extra = {key: value for key, value in sample.extra.items() if key not in sample.media}
    extra |= {key: row[key] for key in names if key in row and key not in extra}
    setting = sample.parallel_tool_calls
    if "parallel_tool_calls" in extra and FORMATS[sample.format].family != "openai-preference":
        setting = extra.pop("parallel_tool_calls")
    if len(extra) == len(sample.extra):
        return sample
    reference = extra if sample.reference else {}
    return dataclasses.replace(sample, extra=extra, reference=reference, parallel_tool_calls=setting)
