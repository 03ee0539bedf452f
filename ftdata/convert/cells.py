"""What a table makes of a row: CSV knows texts only, Parquet has one type for each place and no missing keys."""

from __future__ import annotations

import base64
import datetime
import math
from collections.abc import Mapping
from typing import Any

from ftdata.convert.loss import json_text, json_value
from ftdata.formats.detect import detect_row
from ftdata.formats.registry import FORMATS

_TOOLS = frozenset({"tools", "functions", "available_tools", "toolConfig"})
_LABELS = frozenset({"label", "kto_tag"})
# Where lists and objects have keys that formats know. Anywhere else Parquet would give every row the keys of all others,
# null (formats.md C 14), so that JSON text is written there.
_KNOWN = frozenset(
    """messages conversations conversation contents parts content tool_calls function function_call image_url input_audio video_url
    audio_url file source image s3Location fileData inlineData functionCall functionResponse toolUse toolResult chosen rejected
    chosen_messages rejected_messages preferred_output non_preferred_output preferred_completion non_preferred_completion prompt
    completion history images videos audios instances answers replies system systemInstruction interactions""".split()
)
_DEEPEST = 64
_SIGNS = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"), (b"RIFF", "image/webp"))


def cell(value: Any) -> str:
    """A value as the text of a CSV cell: a text as it is, null empty, everything else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    text = json_text(value)
    return str(value) if text is None else text


def from_cells(row: Mapping[str, Any], exact: str | None = None) -> dict[str, Any]:
    """A row of CSV without its empty cells, unless they are needed to tell what it is: empty is what is missing.

    Cells that hold turns, tools, media or history as JSON become that. A row that is known to be of the format ``exact``
    loses every empty cell: what they were stands in a sidecar.
    """
    made = {key: _decoded(key, value) for key, value in row.items() if value is not None}
    filled = {key: value for key, value in made.items() if value != ""}
    if exact is not None:
        return with_label(filled) if FORMATS[exact].kind == "unpaired-preference" else filled
    if len(filled) == len(made):
        return made
    name = detect_row(made)
    if detect_row(filled) == name:
        return filled
    known = FORMATS[name].keys - FORMATS[name].metadata
    return {key: value for key, value in made.items() if value != "" or key in known}


def with_label(row: dict[str, Any]) -> dict[str, Any]:
    """A row of labelled answers from a table, whose labels are texts there, with booleans."""
    labels = {
        key: row[key].lower() in ("true", "1") for key in _LABELS
        if isinstance(row.get(key), str) and row[key].lower() in ("true", "false", "1", "0")
    }  # fmt: skip
    return {**row, **labels} if labels else row


def _decoded(key: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if key == "parallel_tool_calls" and value in ("true", "false"):
        return value == "true"
    if value[:1] in ("[", "{") and (key in _TOOLS or key in _KNOWN or key == "input"):
        found = json_value(value)
        if key in ("prompt", "completion", "chosen", "rejected", "input", "system", "source", "file", "function"):
            return found if _turns(found) else value
        return found if isinstance(found, list | dict) else value
    return value


def _turns(value: Any) -> bool:
    """Whether this is a turn, a list of turns, or an object that holds some, and no text that looks like JSON."""
    if isinstance(value, dict):
        return "role" in value or "from" in value or isinstance(value.get("messages"), list)
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and "role" in item for item in value)


def to_columns(value: Any, depth: int = 0) -> Any:
    """A row as Parquet holds it: what has keys of its own, and tool definitions, as JSON text."""
    if isinstance(value, dict):
        return {key: _column(key, item, depth) for key, item in value.items()}
    return [to_columns(item, depth + 1) for item in value] if isinstance(value, list) else value


def _column(key: str, value: Any, depth: int) -> Any:
    if not isinstance(value, dict | list):
        return value
    if depth > _DEEPEST or not (key in _KNOWN or (key == "input" and not depth)) or value == {}:
        return json_text(value)
    return to_columns(value, depth + 1)


def from_columns(value: Any, depth: int = 0) -> Any:
    """A row of Parquet as JSON: a null field is a missing one, JSON text of tools a list; dates and bytes become texts."""
    if isinstance(value, dict):
        return {
            key: _decoded(key, item) if key in _TOOLS else from_columns(item, depth + 1)
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, list):
        return [from_columns(item, depth + 1) for item in value]
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        kind = next((kind for sign, kind in _SIGNS if value.startswith(sign)), "application/octet-stream")
        return f"data:{kind};base64,{base64.b64encode(value).decode()}"
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def finite(value: Any, depth: int = 0) -> Any:
    """A row without NaN and infinity, which JSON does not have: null stands in their place."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth > _DEEPEST * 8:
        return value
    if isinstance(value, dict):
        return {key: finite(item, depth + 1) for key, item in value.items()}
    return [finite(item, depth + 1) for item in value] if isinstance(value, list) else value
