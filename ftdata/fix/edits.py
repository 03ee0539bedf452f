"""Edits of a row as data. Every pointer is a JSON pointer into the row as it was before any of the edits.

A pointer may go on through a text that itself holds JSON: ``/messages/0/content`` also where ``messages`` is a text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Raw:
    """A value given as JSON text, which is written as it stands: its numbers and the order of its keys stay exact."""

    text: str


@dataclass(frozen=True, slots=True)
class SetValue:
    """Put a value where one stands, or under a key that its object lacks: it then comes last."""

    pointer: str
    value: Any


@dataclass(frozen=True, slots=True)
class Delete:
    """Take a member out of its object or an item out of its list. ``keep``: its value goes to the sidecar."""

    pointer: str
    keep: bool = False


@dataclass(frozen=True, slots=True)
class ReplaceSpan:
    """Replace the characters ``start`` to ``end`` of the text at the pointer, counted in code points."""

    pointer: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a member of an object another key; it keeps its place."""

    pointer: str
    key: str


@dataclass(frozen=True, slots=True)
class Insert:
    """Put a value before item ``index`` of the list at the pointer, or as the member ``key`` there of an object."""

    pointer: str
    index: int
    value: Any
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Leave the row out, and say why."""

    reason: str


Edit = SetValue | Delete | ReplaceSpan | Rename | Insert | Drop


class EditConflict(ValueError):
    """Edits that do not go together, or an edit of what is not there. Nothing has been changed then."""
