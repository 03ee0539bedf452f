"""Losses of many rows, added up: by field and reason, each with a count and its first example."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ftdata.convert.loss import Change, Loss, json_text
from ftdata.formats.identity import safe_repr
from ftdata.types import ABSENT

# Hostile data may have a million fields of its own: the rest is counted together.
MOST_FIELDS = 500
OTHERS = "other fields"
_SHOWN = 400

Key = tuple[Change, str, str]


@dataclass(slots=True)
class Example:
    """One place: the file, its line (``None`` where the container has none), the row from 1, and both values as text."""

    path: str
    line: int | None
    row: int
    value: str | None
    became: str | None


@dataclass(slots=True)
class Entry:
    """How often something happened to a field, in how many rows, and where first."""

    count: int
    rows: int
    example: Example


@dataclass(slots=True)
class Tally:
    """Counts by (kind, field, reason). ``rows`` counts the rows that have any loss by kind."""

    entries: dict[Key, Entry] = field(default_factory=dict)
    rows: dict[Change, int] = field(default_factory=dict)

    def add(self, found: Iterable[Loss], path: str, line: int | None, row: int) -> None:
        """Count the losses of one row."""
        seen: set[Key] = set()
        kinds: set[Change] = set()
        for loss in found:
            key: Key = (loss.kind, _once(loss.field), loss.reason)
            entry = self.entries.get(key)
            if entry is None:
                if len(self.entries) >= MOST_FIELDS:
                    key = (loss.kind, OTHERS, "as above")
                    entry = self.entries.get(key)
                if entry is None:
                    example = Example(path, line, row, *_shown_apart(loss.value, loss.became))
                    entry = self.entries[key] = Entry(0, 0, example)
            entry.count += 1
            if key not in seen:
                seen.add(key)
                entry.rows += 1
            kinds.add(loss.kind)
        for kind in kinds:
            self.rows[kind] = self.rows.get(kind, 0) + 1

    def merge(self, other: Tally, first_row: int) -> None:
        """Add what a later piece counted; its rows come after ``first_row`` others."""
        for key, found in other.entries.items():
            if key not in self.entries and len(self.entries) >= MOST_FIELDS:
                key = (key[0], OTHERS, "as above")
            entry = self.entries.get(key)
            if entry is None:
                found.example.row += first_row
                self.entries[key] = found
            else:
                entry.count += found.count
                entry.rows += found.rows
        for kind, count in other.rows.items():
            self.rows[kind] = self.rows.get(kind, 0) + count

    def of(self, *kinds: Change) -> list[tuple[Key, Entry]]:
        """The entries of some kinds, the most frequent first."""
        found = [(key, entry) for key, entry in self.entries.items() if key[0] in kinds]
        return sorted(found, key=lambda pair: (kinds.index(pair[0][0]), -pair[1].rows, pair[0]))


_AGAIN = re.compile(r"([^.\[\]]{1,64}\[\])(?:\.\1)+")


def _once(name: str) -> str:
    """The name of a place in a tree without its depth: "prompt.replies[].replies[].lang" and "prompt.replies[].lang" are one."""
    return _AGAIN.sub(r"\1", name) if name.count("[]") > 1 else name


def _shown_apart(value: object, became: object) -> tuple[str | None, str | None]:
    """Both values as text; a text in quotes where it would look like the number or the object beside it."""
    one, other = shown(value), shown(became)
    if one is None or one != other:
        return one, other
    return _quoted(value, one), _quoted(became, one)


def _quoted(value: object, text: str) -> str:
    return (json_text(value) or text)[:_SHOWN] if isinstance(value, str) else text


def shown(value: object) -> str | None:
    """The beginning of a value as text, ``None`` where there is none. Long enough to find a secret in it; mask it, then cut it."""
    if value is ABSENT:
        return None
    if isinstance(value, str):
        return value[:_SHOWN]
    text = json_text(value)
    return (safe_repr(value) if text is None else text)[:_SHOWN]
