"""Which samples belong together: they go to the same side, whatever the chance says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ftdata.dedupe.collect import Collection, make_views
from ftdata.dedupe.pairs import Ints
from ftdata.dedupe.search import find_clusters

# Keys that name what a sample was cut out of, as exports call them.
GROUP_FIELDS = (
    "conversation_id", "conv_id", "dialogue_id", "dialog_id", "session_id", "thread_id", "chat_id", "ticket_id", "document_id",
    "doc_id", "group_id", "group",
)  # fmt: skip
STEPS = ("nfkc", "case", "whitespace")
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Groups:
    """``label`` names for each sample the first sample of its group (int64). ``joined`` counts the samples that are not alone,
    by reason; ``fields`` are the group fields that were used."""

    label: Ints
    joined: Counter[str] = field(default_factory=Counter)
    fields: tuple[str, ...] = ()

    def sizes(self) -> Counter[int]:
        """Samples of each group by its label."""
        return Counter(self.label.tolist())


def find_groups(
    collection: Collection,
    *,
    threshold: float = 90.0,
    fields: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Groups:
    """Group samples that are the same, ask the same, are near-duplicates at the threshold (exact search on conversations), or share
    the value of a group field. ``fields`` names these fields; ``None`` takes those of GROUP_FIELDS that are there."""
    views = make_views(collection, "conversation", STEPS)
    union = _Union(len(collection))
    counts: Counter[str] = Counter()
    counts["same sample"] = union.by_key(collection.ids)
    counts["same question"] = union.by_key(
        views.prompt[index] if views.prompt[index].strip() else None for index in range(len(collection))
    )
    used, values = _group_values(collection, fields)
    for name in used:
        counts[f"same {name}"] = union.by_key(values[name])
    if len(collection):
        labels = find_clusters(views.text, threshold, progress=progress).label
        counts["near-duplicate"] = union.by_key(labels.tolist())
    return Groups(np.array([union.find(index) for index in range(len(collection))], np.int64), +counts, tuple(used))


def _group_values(collection: Collection, fields: Sequence[str] | None) -> tuple[list[str], dict[str, list[Hashable]]]:
    from ftdata.read import cut, decode

    wanted = tuple(fields) if fields is not None else GROUP_FIELDS
    if not wanted:
        return [], {}
    found: dict[tuple[int, int], dict[str, Hashable]] = {}
    for number, item in enumerate(collection.inputs):
        row = 0
        for piece in cut(item):
            for value in decode(piece).values:
                row += 1
                held = _values_of(value, wanted)
                if held:
                    found[number, row] = held
    places = list(zip(collection.file, collection.row, strict=True))
    columns: dict[str, list[Hashable]] = {name: [found.get(place, {}).get(name) for place in places] for name in wanted}
    # A field with one value in all samples, or another one in each, says nothing of what belongs together.
    used = []
    for name, column in columns.items():
        told = [value for value in column if value is not None]
        distinct = len(set(told))
        if fields is not None or (distinct < len(told) and not (distinct == 1 and len(told) == len(column))):
            used.append(name)
    return used, columns


def _values_of(value: object, wanted: Sequence[str]) -> dict[str, Hashable]:
    if not isinstance(value, dict):
        return {}
    metadata = value.get("metadata")
    held: dict[str, Hashable] = {}
    for name in wanted:
        for place in (value, metadata if isinstance(metadata, dict) else {}):
            found = place.get(name)
            if isinstance(found, str | int) and not isinstance(found, bool) and found != "":
                held.setdefault(name, str(found))
    return held


class _Union:
    """Union-find; the label of a group is its least member."""

    def __init__(self, size: int) -> None:
        self.parent = list(range(size))

    def find(self, index: int) -> int:
        parent = self.parent
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def by_key(self, keys: Iterable[Hashable | None]) -> int:
        """Join what has the same key; ``None`` joins nothing. Returns how many samples share a key with another one."""
        first: dict[Hashable, int] = {}
        shared: set[int] = set()
        for index, key in enumerate(keys):
            if key is None:
                continue
            other = first.setdefault(key, index)
            if other != index:
                a, b = self.find(other), self.find(index)
                self.parent[max(a, b)] = min(a, b)
                shared |= {other, index}
        return len(shared)
