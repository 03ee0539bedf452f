"""Fixes of keys: what a target does not know goes to the sidecar, what was misprinted is renamed."""

from __future__ import annotations

from ftdata.fix.case import Case, pointer_of
from ftdata.fix.edits import Delete, Edit, Raw, Rename, SetValue
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


def without_empty_calls(case: Case) -> list[Edit]:
    """Take out a tool_calls that is null or an empty list."""
    pointers = dict.fromkeys(map(pointer_of, case.places))
    return [Delete(pointer) for pointer in pointers if case.value(pointer) in (None, [])]


def read_reasoning(case: Case) -> list[Edit]:
    """Give reasoning the first key that the target reads; none where it reads none, or where that key says something else."""
    if not case.params["keys"]:
        return []
    key = case.params["keys"][0]
    edits: list[Edit] = []
    for place in case.places:
        message = place.message
        pointer = f"{message.pointer}/{message.reasoning_key}" if message is not None else ""
        if message is None or case.value(pointer) != message.reasoning:
            continue
        found = case.value(f"{message.pointer}/{key}")
        if found is ABSENT:
            edits.append(Rename(pointer, key))
        elif found is None or found == "":
            # Two members cannot bear one name: the empty one takes the text.
            edits += [SetValue(f"{message.pointer}/{key}", Raw(case.document.part(pointer) or "null")), Delete(pointer)]
    return edits
