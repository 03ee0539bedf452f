"""Fixes of keys: what a target does not know goes to the sidecar, what was misprinted is renamed."""

from __future__ import annotations

from ftdata.fix.case import Case, pointer_of
from ftdata.fix.edits import Delete, Edit, Rename
from ftdata.types import ABSENT

_MISPRINTS = {"preferred_completion": "preferred_output", "non_preferred_completion": "non_preferred_output"}


def set_aside(case: Case) -> list[Edit]:
    """Take extra keys out of the row; their values go to the sidecar. A row without a conversation may hold it under them."""
    if case.sample.problem is not None or not case.sample.turns():
        return []
    pointers = dict.fromkeys(map(pointer_of, case.places))
    return [Delete(pointer, keep=True) for pointer in pointers if pointer and case.value(pointer) is not ABSENT]


def right_preference_keys(case: Case) -> list[Edit]:
    """Give the sides of a pair the names that providers read."""
    return [Rename(f"/{old}", new) for old, new in _MISPRINTS.items() if old in case.row and new not in case.row]
