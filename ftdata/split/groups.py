"""Which samples belong together: they go to the same side, whatever the chance says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ftdata.dedupe.collect import Collection, Views, make_views
from ftdata.dedupe.pairs import Ints
from ftdata.dedupe.search import find_clusters

STEPS = ("nfkc", "case", "whitespace")
# A conversation that another one begins with is a part of it. Shorter ones are greetings, with which many begin.
LEAST_OPENING = 80
_DEPTH = 64
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

    @property
    def reasons(self) -> str:
        """Why samples are together, the most common reason first: "near-duplicate 120, same question 7"."""
        return ", ".join(f"{name} {count:,}" for name, count in sorted(self.joined.items(), key=lambda item: (-item[1], item[0])))


def find_groups(
    collection: Collection,
    *,
    threshold: float = 90.0,
    fields: Mapping[str, Sequence[Hashable | None]] | None = None,
    questions: bool = True,
    progress: Progress | None = None,
) -> Groups:
    """Group samples that are the same, ask the same (unless ``questions`` is false), are near-duplicates at the threshold (exact
    search on conversations), are the beginning of one another, or share a value in one of ``fields`` (a column each)."""
    views = make_views(collection, "conversation", STEPS)
    union = _Union(len(collection))
    counts: Counter[str] = Counter()
    counts["same sample"] = union.by_key(collection.ids)
    if questions:
        counts["same question"] = union.by_key(
            views.prompt[index] if views.prompt[index].strip() else None for index in range(len(collection))
        )
    for name, column in (fields or {}).items():
        counts[f"same {name}"] = union.by_key(column)
    if len(collection):
        counts["same conversation"] = union.by_key(_openings(views, collection.answer))
        counts["near-duplicate"] = union.by_key(find_clusters(views.text, threshold, progress=progress).label.tolist())
    return Groups(np.array([union.find(index) for index in range(len(collection))], np.int64), +counts, tuple(fields or ()))


def _openings(views: Views, answers: Sequence[str]) -> list[Hashable | None]:
    """A key for each sample: that of the conversation with an answer that it begins with, as exports write a conversation once for
    each of its turns. ``None`` where there is none.

    In sorted order all that begins with a text stands behind it, so one pass finds it.
    """
    texts = [text.replace("\n", " ") for text in views.text]
    keys: list[Hashable | None] = [None] * len(texts)
    begun: list[int] = []
    for index in sorted(range(len(texts)), key=texts.__getitem__):
        text = texts[index]
        while begun and not text.startswith(texts[begun[-1]]):
            begun.pop()
        for other in reversed(begun[-_DEPTH:]):
            length = len(texts[other])
            if length < len(text) and text[length] == " ":
                if keys[other] is None:
                    keys[other] = other
                keys[index] = keys[other]
                break
        if len(text) >= LEAST_OPENING and answers[index].strip() and views.prompt[index]:
            begun.append(index)
    return keys


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
