"""What a table makes of a row: CSV knows texts only, Parquet knows no missing keys."""

from __future__ import annotations

import base64
import datetime
import math
from collections.abc import Mapping
from typing import Any

from ftdata.convert.loss import json_text, json_value
from ftdata.formats.detect import detect_row
from ftdata.formats.fields import MEDIA
from ftdata.formats.registry import FORMATS

# Objects whose keys are free: as columns of Parquet every row would get the keys of all others, null (formats.md C 14).
_FREE = frozenset({"arguments", "args", "parameters", "input", "input_schema", "inputSchema", "response", "json", "toolUse"})
_TOOLS = frozenset({"tools", "functions", "available_tools", "toolConfig"})
_LABELS = frozenset({"label", "kto_tag"})
_DEEPEST = 64
_SIGNS = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"), (b"RIFF", "image/webp"))  # fmt: skip


def cell(value: Any) -> str:
    """A value as the text of a CSV cell: a text as it is, null empty, everything else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    text = json_text(value)
    return str(value) if text is None else text


def from_cells(row: Mapping[str, Any], format: str | None = None) -> dict[str, Any]:
    """A row of CSV without its empty cells, where they are not needed to tell what it is: they are what is missing.

    Labels become booleans, and cells that hold a list or an object in JSON become that.
    """
    made = {key: _decoded(key, value) for key, value in row.items() if value is not None}
    filled = {key: value for key, value in made.items() if value != ""}
    if len(filled) == len(made):
        return made
    name = format or detect_row(made)
    if detect_row(filled) == detect_row(made):
        return filled
    known = FORMATS[name].keys - FORMATS[name].metadata
    return {key: value for key, value in made.items() if value != "" or key in known}


def _decoded(key: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if key in _LABELS and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    if value[:1] in ("[", "{") and (key in _TOOLS or key in MEDIA or key == "history"):
        found = json_value(value)
        return found if isinstance(found, list | dict) else value
    return value


def to_columns(value: Any, depth: int = 0) -> Any:
    """A row as Parquet holds it: objects of free keys and tool definitions as JSON text."""
    if depth > _DEEPEST:
        return json_text(value)
    if isinstance(value, dict):
        return {
            key: json_text(item)
            if isinstance(item, dict | list) and (key in _TOOLS or (depth and key in _FREE) or not item and isinstance(item, dict))
            else to_columns(item, depth + 1)
            for key, item in value.items()
        }
    return [to_columns(item, depth + 1) for item in value] if isinstance(value, list) else value


def from_columns(value: Any, depth: int = 0) -> Any:
    """A row of Parquet as JSON: null fields are missing ones, but for null contents; dates and bytes become texts."""
    if isinstance(value, dict):
        return {
            key: from_columns(item, depth + 1) for key, item in value.items() if item is not None or key in ("content", "value")
        }
    if isinstance(value, list):
        return [from_columns(item, depth + 1) for item in value] if depth < _DEEPEST else []
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
