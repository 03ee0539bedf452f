"""What rows show besides their texts: the fields that name where they come from, and their shape. One pass over the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ftdata.dedupe.collect import Collection
from ftdata.errors import UsageError, suggest
from ftdata.formats import detect_row, parse, read_plain
from ftdata.read import cut, decode

# Keys that name what a sample was cut out of, as exports call them, in any spelling: conversation_id, conversationId.
GROUP_FIELDS = frozenset(
    ("conversationid", "convid", "dialogueid", "dialogid", "sessionid", "threadid", "chatid", "ticketid", "documentid", "docid",
     "groupid", "group")
)  # fmt: skip
# Where exports keep what says nothing of the conversation.
NESTS = ("metadata", "meta")
# A value that so many samples share names a category, not a conversation; a field is not taken for a group by itself then.
MOST_SHARED = 0.3
_LEAST = 20  # below so many samples a share says nothing


@dataclass(slots=True)
class Outline:
    """For each sample of a collection: the values of each field in ``fields``, and its ``shape`` in words ("tools", "several turns").

    ``passed`` names fields that look like groups and are none, with the reason.
    """

    shape: list[tuple[str, ...]]
    fields: dict[str, list[str | None]] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)


def outline(collection: Collection, fields: Sequence[str] | None = None, format: str | None = None) -> Outline:
    """Read the rows once more. ``fields`` names the group fields, as "a" or "a.b"; ``None`` finds those of GROUP_FIELDS.

    Raises UsageError where a named field stands in no row.
    """
    rows = {(file, row): index for index, (file, row) in enumerate(zip(collection.file, collection.row, strict=True))}
    found = Outline([()] * len(collection), {name: [None] * len(collection) for name in fields or ()})
    seen: Counter[str] = Counter()
    formats: list[str] = [""] * len(collection)
    for number, item in enumerate(collection.inputs):
        row = 0
        for piece in cut(item):
            for value in decode(piece).values:
                row += 1
                index = rows.get((number, row))
                if index is None:
                    continue
                found.shape[index], formats[index] = _shape_of(value, format)
                if not isinstance(value, dict):
                    continue
                if fields is None:
                    for name, held in _named(value):
                        found.fields.setdefault(name, [None] * len(collection))[index] = held
                else:
                    seen.update(value.keys())
                    for name in fields:
                        found.fields[name][index] = _scalar(_at(value, name))
    for name in fields or ():
        if len(collection) and all(held is None for held in found.fields[name]):
            raise UsageError(f"--group {name}: no row has this field.{suggest(name, seen)}", _known(seen))
    if fields is None:
        _pass_over(found, len(collection))
    if len(set(formats)) > 1:
        found.shape = [(*shape, name) if name else shape for shape, name in zip(found.shape, formats, strict=True)]
    return found


def _known(seen: Counter[str]) -> str:
    names = [name for name, _ in seen.most_common(12)]
    return f"Fields: {', '.join(names)}; metadata.x for a field inside another one." if names else "The rows are no objects."


def _pass_over(found: Outline, total: int) -> None:
    """Leave out fields that say nothing of what belongs together."""
    for name, column in list(found.fields.items()):
        counts = Counter(value for value in column if value is not None)
        shared = max(counts.values(), default=0)
        if shared < 2:
            del found.fields[name]
        elif total >= _LEAST and shared > total * MOST_SHARED:
            del found.fields[name]
            found.passed.append(
                f"{name} is not taken for a group: {shared:,} samples have one value; --group {name} keeps them together"
            )


@lru_cache(maxsize=4096)
def _plain_name(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _named(value: dict[str, Any]) -> list[tuple[str, str]]:
    """The group fields of a row with their values, by their path."""
    found = []
    for nest in ("", *NESTS):
        place = value.get(nest) if nest else value
        if not isinstance(place, dict):
            continue
        for name in place:
            if isinstance(name, str) and len(name) <= 40 and _plain_name(name) in GROUP_FIELDS:
                held = _scalar(place[name])
                if held is not None:
                    found.append((f"{nest}.{name}" if nest else name, held))
    return found


def _at(value: dict[str, Any], path: str) -> Any:
    if path in value:
        return value[path]
    place: Any = value
    for name in path.split("."):
        if not isinstance(place, dict):
            return None
        place = place.get(name)
    if place is None and "." not in path:
        place = next((value[nest][path] for nest in NESTS if isinstance(value.get(nest), dict) and path in value[nest]), None)
    return place


def _scalar(value: Any) -> str | None:
    """A value that can name a group; 7 and "7" are one."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def _shape_of(value: Any, format: str | None) -> tuple[tuple[str, ...], str]:
    """The words for a row's shape, and its format."""
    if format is None and read_plain(value) is not None:
        users = sum(message["role"] == "user" for message in value["messages"])
        return (("several turns",) if users > 1 else ()), "openai-chat"
    sample = parse(value, format or detect_row(value))
    turns = sample.turns()
    words: list[str] = [] if sample.kind == "sft" else [sample.kind]
    words += ["several turns"] if sum(turn.role == "user" for turn in sample.messages) > 1 else []
    words += ["tools"] if sample.tools or any(turn.tool_calls for turn in turns) else []
    media = sample.media or any(part.text is None for turn in turns if isinstance(turn.content, list) for part in turn.content)
    words += ["media"] if media else []
    return tuple(words), sample.format
