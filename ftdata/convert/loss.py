"""What a conversion cannot carry: the differences between two rows, as an edit that can be undone exactly.

A row and what came back of it are JSON trees. ``differences`` lists where they differ, ``restore`` puts back what the
list says was lost, and ``without`` takes the same things away. Both are exact: 1, 1.0 and true are three values, null
is not a missing key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ftdata.types import ABSENT

Change = Literal["lost", "changed", "rewritten", "added", "refused"]
_DEEPEST = 24
_MOST_PAIRS = 40_000


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that the target format does not hold as the source does.

    ``field`` names the place without its indices ("messages[].weight"), ``where`` is its JSON pointer in the source's
    canonical row ("" for the whole row), ``value`` what stands there (``ABSENT`` where the target adds something) and
    ``became`` what comes back instead (``ABSENT`` where nothing does). ``kind`` is ``lost``, ``changed``,
    ``rewritten`` (another spelling of the same), ``added`` (the pointer of a list's item then counts in the row that
    comes back) or ``refused`` (the sample cannot be expressed, and there is no row).
    """

    field: str
    where: str
    reason: str
    value: Any
    became: Any = ABSENT
    kind: Change = "lost"

    @property
    def edit(self) -> Change:
        """What happened to the place itself: something was ``added``, ``lost`` or ``changed`` there."""
        if self.value is ABSENT:
            return "added"
        return "lost" if self.became is ABSENT else "changed"


@dataclass(frozen=True, slots=True)
class Edit:
    """One difference: where, what stood there, what stands there now. ``steps`` are the pointer's keys and indices."""

    steps: tuple[str | int, ...]
    value: Any
    became: Any

    @property
    def kind(self) -> Change:
        """Whether something was added, lost or changed."""
        if self.value is ABSENT:
            return "added"
        return "lost" if self.became is ABSENT else "changed"


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal in value and type, key order aside. Without recursion, for values may be deep."""
    waiting = [(one, other)]
    while waiting:
        a, b = waiting.pop()
        if a is b:
            continue
        if type(a) is not type(b):
            return False
        if type(a) is dict:
            if a.keys() != b.keys():
                return False
            waiting += [(a[key], b[key]) for key in a]
        elif type(a) is list:
            if len(a) != len(b):
                return False
            waiting += zip(a, b, strict=True)
        elif type(a) is float:
            if a.hex() != b.hex():
                return False
        elif a != b:
            return False
    return True


def pointer(steps: Iterable[str | int]) -> str:
    """The JSON pointer of some keys and indices (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def field_name(steps: Iterable[str | int]) -> str:
    """The name of a place for people and for counting: its keys joined by dots, indices as []."""
    name = ""
    for step in steps:
        name += "[]" if isinstance(step, int) else f".{step}" if name else str(step)
    return name


def differences(one: Any, other: Any) -> list[Edit]:
    """List how ``other`` differs from ``one``. Lists of different lengths are aligned at the least cost."""
    edits: list[Edit] = []
    _compare(one, other, (), edits)
    return edits


def _compare(one: Any, other: Any, steps: tuple[str | int, ...], edits: list[Edit]) -> None:
    if one is other or (type(one) is str and one == other and type(other) is str):
        return
    if type(one) is dict and type(other) is dict and len(steps) < _DEEPEST:
        for key, value in one.items():
            there = other.get(key, ABSENT)
            if not (type(value) is str and type(there) is str and value == there):
                _compare(value, there, (*steps, key), edits)
        edits += [Edit((*steps, key), ABSENT, value) for key, value in other.items() if key not in one]
    elif type(one) is list and type(other) is list and len(steps) < _DEEPEST:
        _compare_lists(one, other, steps, edits)
    elif not same(one, other):
        edits.append(Edit(steps, one, other))


def _compare_lists(one: list[Any], other: list[Any], steps: tuple[str | int, ...], edits: list[Edit]) -> None:
    if len(one) == len(other):
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            _compare(a, b, (*steps, index), edits)
        return
    start = 0
    while start < min(len(one), len(other)) and same(one[start], other[start]):
        start += 1
    if (len(one) - start) * (len(other) - start) > _MOST_PAIRS or any(not isinstance(x, dict) for x in (*one, *other)):
        edits.append(Edit(steps, one, other))
        return
    for a, b in _align(one[start:], other[start:]):
        if a is None and b is not None:
            edits.append(Edit((*steps, start + b), ABSENT, other[start + b]))
        elif b is None and a is not None:
            edits.append(Edit((*steps, start + a), one[start + a], ABSENT))
        elif a is not None and b is not None:
            _compare(one[start + a], other[start + b], (*steps, start + a), edits)


def _cost(one: dict[str, Any], other: dict[str, Any]) -> float:
    """How unlike two objects are, from 0 to below 2: dearer than one deletion, cheaper than one and an insertion."""
    keys = one.keys() | other.keys()
    unlike = sum(not same(one.get(key, ABSENT), other.get(key, ABSENT)) for key in keys)
    return 1.9 * unlike / len(keys) if keys else 0.0


def _align(one: list[Any], other: list[Any]) -> list[tuple[int | None, int | None]]:
    rows, columns = len(one), len(other)
    best = [[float(i + j) if not i or not j else 0.0 for j in range(columns + 1)] for i in range(rows + 1)]
    costs = [[_cost(a, b) for b in other] for a in one]
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            best[i][j] = min(best[i - 1][j - 1] + costs[i - 1][j - 1], best[i - 1][j] + 1, best[i][j - 1] + 1)
    pairs: list[tuple[int | None, int | None]] = []
    i, j = rows, columns
    while i or j:
        if i and j and best[i][j] == best[i - 1][j - 1] + costs[i - 1][j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and best[i][j] == best[i - 1][j] + 1:
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    return pairs[::-1]


def sidecar(losses: Iterable[Loss]) -> dict[str, Any]:
    """What ``restore`` needs of some losses, as JSON. Write it with ``json``: orjson refuses integers beyond 64 bits."""
    entries = []
    for loss in losses:
        if loss.kind != "refused":
            entry: dict[str, Any] = {"where": loss.where, "edit": loss.edit}
            entries.append(entry if loss.value is ABSENT else entry | {"value": loss.value})
    return {"losses": entries}


_Groups = dict[tuple[str, ...], dict[str, tuple[str, Any]]]


def _grouped(entries: Iterable[tuple[str, str, Any]]) -> tuple[_Groups, _Groups]:
    """Edits by the steps of their parent: those in the source's coordinates, and additions in those of what came back."""
    placed: _Groups = {}
    added: _Groups = {}
    for where, kind, value in entries:
        steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in where.split("/")[1:])
        if steps:
            (added if kind == "added" else placed).setdefault(steps[:-1], {})[steps[-1]] = (kind, value)
    return placed, added


def restore(row: dict[str, Any], sidecar: Mapping[str, Any]) -> dict[str, Any]:
    """Put back into an OpenAI row what a sidecar says was lost on the way to it. Entries that fit nowhere are ignored."""
    entries = sidecar.get("losses")
    found = [
        (entry["where"], entry.get("edit", "changed"), entry.get("value", ABSENT))
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict) and isinstance(entry.get("where"), str)
    ]
    placed, added = _grouped(found)
    row = next((value for where, _, value in found if where == "" and isinstance(value, dict)), row)
    mended: dict[str, Any] = _mend(row, (), placed, added, _children(placed, added))
    return mended


def without(row: dict[str, Any], losses: Iterable[Loss]) -> dict[str, Any]:
    """Take from a source's canonical row what the losses say does not arrive: what is left is what comes back."""
    found = [(loss.where, loss.edit, loss.became) for loss in losses if loss.kind != "refused"]
    placed, added = _grouped(found)
    row = next((value for where, _, value in found if where == ""), row)
    left: dict[str, Any] = _strip(row, (), placed, added, _children(placed, added))
    return left


def _children(*groups: _Groups) -> dict[tuple[str, ...], set[str]]:
    """Which items of a place hold edits further down."""
    below: dict[tuple[str, ...], set[str]] = {}
    for group in groups:
        for steps in group:
            for end in range(len(steps)):
                below.setdefault(steps[:end], set()).add(steps[end])
    return below


_Below = dict[tuple[str, ...], set[str]]


def _index(step: str) -> int:
    return int(step) if step.isdecimal() and len(step) < 10 else -1


def _descend(value: Any, steps: tuple[str, ...], below: _Below, go: Callable[[Any, tuple[str, ...]], Any]) -> None:
    for step in below.get(steps, ()):
        if isinstance(value, list) and 0 <= _index(step) < len(value):
            value[_index(step)] = go(value[_index(step)], (*steps, step))
        elif isinstance(value, dict) and step in value:
            value[step] = go(value[step], (*steps, step))


def _mend(value: Any, steps: tuple[str, ...], placed: _Groups, added: _Groups, below: _Below) -> Any:
    if not isinstance(value, dict | list):
        return value
    value = value.copy()
    here, new = placed.get(steps, {}), added.get(steps, {})
    if isinstance(value, list):
        for index in sorted(map(_index, new), reverse=True):
            if 0 <= index < len(value):
                del value[index]
        for index, (kind, old) in sorted((_index(step), edit) for step, edit in here.items() if _index(step) >= 0):
            if kind == "lost":
                value.insert(index, old)
            elif index < len(value):
                value[index] = old
    else:
        for step in new:
            value.pop(step, None)
        value |= {step: old for step, (_, old) in here.items()}
    _descend(value, steps, below, lambda item, at: _mend(item, at, placed, added, below))
    return value


def _strip(value: Any, steps: tuple[str, ...], placed: _Groups, added: _Groups, below: _Below) -> Any:
    if not isinstance(value, dict | list):
        return value
    value = value.copy()
    _descend(value, steps, below, lambda item, at: _strip(item, at, placed, added, below))
    here, new = placed.get(steps, {}), added.get(steps, {})
    if isinstance(value, list):
        for step, (kind, left) in here.items():
            if kind != "lost":
                value[int(step)] = left
        for index in sorted((int(step) for step, (kind, _) in here.items() if kind == "lost"), reverse=True):
            del value[index]
        for index, item in sorted((int(step), item) for step, (_, item) in new.items()):
            value.insert(index, item)
        return value
    for step, (kind, left) in here.items():
        if kind == "lost":
            value.pop(step, None)
        else:
            value[step] = left
    return value | {step: item for step, (_, item) in new.items()}


def json_text(value: Any) -> str | None:
    """A value as JSON text as Python writes it, ``None`` where JSON cannot hold it or it is nested too deeply."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None


def json_value(text: str, **options: Any) -> Any:
    """The value of a JSON text with its integers exact, ``ABSENT`` where it is none."""
    try:
        return json.loads(text, parse_constant=_refuse, **options)
    except (ValueError, RecursionError):
        return ABSENT


def _refuse(name: str) -> Any:
    raise ValueError(name)
