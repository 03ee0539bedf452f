"""Which sample of a cluster stays: a rank for each, the least one is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ftdata.dedupe.collect import Collection
from ftdata.errors import UsageError, suggest

POLICIES = {
    "best": "the one with fewest findings (errors, then warnings, then information), then the longest answer",
    "first": "the first in the order of files and rows",
    "last": "the last one",
    "longest": "the one with most characters",
    "newest:FIELD": "the one with the greatest value of this field of its row; a row without it is the oldest",
}
# Counts the findings of every sample: (path, row) to errors, warnings and information.
Count = Callable[[Collection], Mapping[tuple[str, int], Sequence[int]]]
Rank = Callable[[Sequence[int]], Mapping[int, Any]]


def make_rank(policy: str, collection: Collection, count: Count | None = None) -> Rank:
    """Return the ranking of a policy. Raises UsageError for an unknown one. ``count`` counts findings, for best."""
    if policy == "first":
        return lambda indexes: dict.fromkeys(indexes, 0)
    if policy == "last":
        return lambda indexes: {index: -index for index in indexes}
    if policy == "longest":
        return lambda indexes: {index: -_length(collection, index) for index in indexes}
    if policy == "best":
        return lambda indexes: _by_findings(collection, indexes, count or (lambda _: {}))
    name, _, field = policy.partition(":")
    if name == "newest" and field:
        return lambda indexes: _by_field(collection, indexes, field)
    raise UsageError(f"unknown policy '{policy}'.{suggest(policy, POLICIES)}", f"Policies: {', '.join(POLICIES)}.")


def _length(collection: Collection, index: int) -> int:
    return len(collection.prompt[index]) + len(collection.answer[index])


def _by_findings(collection: Collection, indexes: Sequence[int], count: Count) -> Mapping[int, Any]:
    counts = count(collection) if indexes else {}
    paths = [item.path for item in collection.inputs]
    return {
        index: (*counts.get((paths[collection.file[index]], collection.row[index]), (0, 0, 0)), -len(collection.answer[index]))
        for index in indexes
    }


def _by_field(collection: Collection, indexes: Sequence[int], field: str) -> Mapping[int, Any]:
    ranks: dict[int, Any] = {}
    for index, row in zip(indexes, collection.fetch(indexes), strict=True):
        value: Any = row
        for step in field.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        ranks[index] = _Newest(value)
    if ranks and not any(rank.known for rank in ranks.values()):
        raise UsageError(f"no row has the field '{field}'", "Name a field of the row, nested ones with a dot.")
    return ranks


class _Newest:
    """A value that sorts before lesser ones; numbers before texts, and nothing at the end."""

    def __init__(self, value: Any) -> None:
        self.known = isinstance(value, int | float | str) and not isinstance(value, bool)
        self._value = (
            (2, value, "") if isinstance(value, int | float) and self.known else (1, 0, str(value)) if self.known else (0, 0, "")
        )

    def __lt__(self, other: _Newest) -> bool:
        return self._value > other._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Newest) and self._value == other._value

    __hash__ = None  # type: ignore[assignment]
