"""Columns that no format knows: their names mapped to those of a format, and defaults for what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ftdata.convert.loss import json_value
from ftdata.errors import UsageError, suggest
from ftdata.formats.registry import FORMATS
from ftdata.types import ABSENT


def read_mapping(values: Iterable[str]) -> dict[str, str]:
    """Read "prompt=question,response=answer": a format's own name, then the column's. Raises UsageError.

    A format's name may stand once, and so may a column.
    """
    known = {key for found in FORMATS.values() for key in found.keys}
    made: dict[str, str] = {}
    for part in (part.strip() for value in values for part in value.split(",")):
        if not part:
            continue
        name, sign, column = (piece.strip() for piece in part.partition("="))
        if not sign or not name or not column:
            raise UsageError(
                f"--map: '{part}' is no mapping", "Write --map NAME=COLUMN, such as prompt=question,response=answer."
            )
        if name not in known:
            if column in known:
                raise UsageError(
                    f"--map: no format has a field '{name}'", f"Did you mean {column}={name}? The format's name comes first."
                )
            raise UsageError(f"--map: no format has a field '{name}'.{suggest(name, known)}", "Names are those of a format: messages, prompt, response, instruction, output ...")  # fmt: skip
        if name in made or column in made.values():
            raise UsageError(f"--map: '{name if name in made else column}' is mapped twice", "Map every column once.")
        made[name] = column
    return made


def read_defaults(values: Iterable[str]) -> dict[str, Any]:
    """Read "label=true" or "system=Be brief.": the value is JSON if it can be read as such, else a text. Raises UsageError."""
    made: dict[str, Any] = {}
    for part in values:
        name, sign, value = part.partition("=")
        name = name.strip()
        if not sign or not name:
            raise UsageError(f"--default: '{part}' is no default", "Write --default KEY=VALUE, such as label=true.")
        found = json_value(value)
        made[name] = value if found is ABSENT else found
    return made


def renamed(row: dict[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """The row under the format's names. A column that bears the name of another one's mapping gives way to it."""
    renames = {own: name for name, own in columns.items() if own in row}
    return {renames.get(key, key): value for key, value in row.items() if key in renames or key not in renames.values()}


def filled(row: dict[str, Any], defaults: Mapping[str, Any], empty: bool) -> dict[str, Any]:
    """The row with defaults where a key is missing or null, or, in a table, empty."""
    missing = {
        key: value
        for key, value in defaults.items()
        if (there := row.get(key)) is None or (empty and isinstance(there, str) and not there)
    }
    return {**row, **missing} if missing else row
