"""What reading a row drops before any conversion begins: values of the row that its sample does not hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ftdata.convert.canonical import canonical_row
from ftdata.convert.loss import Loss, field_name, json_value, pointer
from ftdata.formats.identity import safe_repr
from ftdata.formats.registry import FORMATS
from ftdata.types import ABSENT, Sample

# Keys whose text is a conversation between markers: what is read of it is no longer one string of the row.
_TEXTS = {
    "glaive-text": frozenset({"chat", "system"}), "baize": frozenset({"input"}), "transcript": frozenset({"messages_display"}),
    "human-bot-text": frozenset({"text"}), "chatml-text": frozenset({"text"}), "hh-rlhf": frozenset({"chosen", "rejected"}),
    "metharme": frozenset({"prompt", "generation"}), "ranked-nectar": frozenset({"prompt"}),
}  # fmt: skip
# Words of the formats themselves, and what they say where they say nothing of the row.
_STRUCTURE = frozenset("role from type format media_type mimeType mask only_last loss rank".split())
_USUAL = {"schemaVersion": "bedrock-conversation-2024", "tree_state": "ready_for_export"}
_WORD = re.compile(r"[A-Za-z][\w/.+-]{0,63}")
_MOST = 20_000
_DEEPEST = 200
# Shorter texts may stand in another by chance.
_SURE = 8


def unkept(row: dict[str, Any], sample: Sample) -> list[Loss]:
    """List the values of a row that are nowhere in its sample: they are lost whatever the row becomes.

    ``where`` points into the row itself. Found by looking for each value in the sample's canonical row, so a value
    that stands there twice hides the loss of one. Nothing is said of samples without a conversation, of the texts of
    transcripts and of rows of more than 20,000 values.
    """
    if sample.problem is not None:
        return []
    texts = _TEXTS.get(sample.format, frozenset())
    keeper = _Keeper(sample)
    waiting, found = [*_leaves(row)], []
    if len(waiting) > _MOST:
        return []
    while waiting:
        steps, value = waiting.pop(0)
        if value is None or (steps[0] in texts and len(steps) == 1) or _structural(steps[-1], value) or keeper.has(value):
            continue
        inner = _decoded(value)
        if inner is not ABSENT:
            waiting[:0] = [((*steps, *more), item) for more, item in _leaves(inner)]
            continue
        reason = f"reading {FORMATS[sample.format].title} does not keep it"
        found.append(Loss(field_name(steps), pointer(steps), reason, value))
    return found


def _structural(key: str | int, value: Any) -> bool:
    """Whether a value is a word of the format, such as a role or the type of a part, and says nothing beyond it."""
    if key in _STRUCTURE:
        return not isinstance(value, str) or _WORD.fullmatch(value) is not None
    return isinstance(key, str) and key in _USUAL and value == _USUAL[key]


class _Keeper:
    """What a sample holds: its texts, their lines, its keys, and its other values."""

    def __init__(self, sample: Sample) -> None:
        self._texts: set[str] = set()
        self._others: set[str] = set()
        waiting = list(_leaves(canonical_row(sample)))
        whole = []
        while waiting:
            steps, value = waiting.pop()
            self._texts.update(step for step in steps if isinstance(step, str))
            if isinstance(value, str):
                whole.append(value)
                self._texts.update((value, value.strip(), *map(str.strip, value.split("\n"))))
                inner = _decoded(value)
                waiting += _leaves(inner) if inner is not ABSENT else ()
            else:
                self._others.add(safe_repr(value))
        self._whole = "\0".join(whole)

    def has(self, value: Any) -> bool:
        if not isinstance(value, str):
            return safe_repr(value) in self._others
        said = value.strip()
        if not said or said in self._texts or (len(said) >= _SURE and said in self._whole) or "<tool" in said:
            return True
        return "\n" in said and all(line.strip() in self._texts for line in said.split("\n"))


def _decoded(value: Any) -> Any:
    """The object or list that a text holds as JSON."""
    found = json_value(value) if isinstance(value, str) and value[:1] in ("{", "[") else ABSENT
    return found if isinstance(found, dict | list) else ABSENT


def _leaves(value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value that is no object and no list, with the steps that lead to it."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while waiting:
        steps, item = waiting.pop()
        if len(steps) > _DEEPEST:
            continue
        if isinstance(item, dict):
            waiting += [((*steps, key), inner) for key, inner in reversed(item.items())]
        elif isinstance(item, list):
            waiting += [((*steps, index), inner) for index, inner in reversed(list(enumerate(item)))]
        elif steps:
            yield steps, item
