"""A row of JSON kept as its own text, so that an edit changes what it names and not one byte more.

Numbers keep their digits (``1.0``, ``1e400``, integers of any length), strings their escapes, objects their order and
their duplicate keys. Whatever ``ftdata.read`` reads, this reads: NaN and raw control characters too.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ftdata.fix.edits import Delete, Drop, Edit, EditConflict, Insert, Raw, Rename, ReplaceSpan, SetValue
from ftdata.fix.tree import Container, Node, Scalar, Slot, decode, parse_json, render, scalar_text, slots_below
from ftdata.read.exact import exact_decoder

_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.S)
_SURROGATE = re.compile("[\ud800-\udfff]")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
# Two edits of the same place: whether they may go together is decided by what they do to it.
_WHOLE = (SetValue, Delete)


class Document:
    """One JSON value with the text around it. Raises ValueError where the text is none."""

    def __init__(self, text: str) -> None:
        # A mark or white space may stand around a row; readers skip it, and it stays.
        start = len(text) - len(text.lstrip(" \t\r\n\ufeff"))
        self.lead = text[:start]
        self.root, end = parse_json(text, start)
        self.rest = text[end:]
        self.ascii = text.isascii()
        self._spaced = '": ' in text or ":" not in text
        if self.rest.strip(" \t\r\n\ufeff"):
            raise ValueError("more than one JSON value")

    @property
    def text(self) -> str:
        """The whole text, edits applied."""
        return self.lead + render(self.root) + self.rest

    def flat(self) -> str:
        """The text on one line and without what stands around it; the tokens are as they were."""
        return render(self.root, flat=True)

    def value(self) -> Any:
        """The value as Python has it: of duplicate keys the last, numbers as near as they go, half a surrogate pair U+FFFD."""
        value = exact_decoder().decode(text := render(self.root))
        return _whole(value) if _SURROGATE.search(text) or _HALF.search(text) else value

    def part(self, pointer: str) -> str | None:
        """The text of the value at a pointer on one line, ``None`` where there is none."""
        try:
            found = self._find(pointer)[-1][1]
        except EditConflict:
            return None
        return None if found is None else render(found.node, flat=True)

    def slots(self) -> Iterator[Slot]:
        """Every item and member at any depth."""
        return slots_below(self.root)

    def containers(self) -> Iterator[Container]:
        """Every object and list at any depth."""
        if isinstance(self.root, Container):
            yield self.root
        yield from (slot.node for slot in slots_below(self.root) if isinstance(slot.node, Container))

    def apply(self, edits: list[Edit]) -> dict[str, str]:
        """Apply the edits, all or none; returns the JSON texts that were deleted to be kept, by pointer.

        Raises EditConflict for a pointer that leads nowhere and for edits that overlap: a value and something in it,
        one value twice, spans of a text that share characters. ``Drop`` is for the caller and refused here.
        """
        edits = list(dict.fromkeys(edits)) if all(_hashable(edit) for edit in edits) else list(edits)
        resolved = [self._resolve(edit) for edit in edits]
        _check(resolved)
        kept: dict[str, str] = {}
        spans: dict[int, tuple[Slot, list[ReplaceSpan]]] = {}
        deleted: dict[int, tuple[Container, set[int]]] = {}
        # Places are those of the list as it was, so the last ones are filled first.
        inserts = [(edit, path[-1][1]) for edit, path in resolved if isinstance(edit, Insert)]
        inserts.reverse()
        for new, above in sorted(inserts, key=lambda pair: -pair[0].index):
            self._insert(new, above)
        for edit, path in resolved:
            holder, slot = path[-1]
            if isinstance(edit, Insert):
                continue
            if isinstance(edit, SetValue) and slot is None:
                assert holder is not None
                self._add(holder, len(holder.slots), _last(edit.pointer), edit.value)
            elif isinstance(edit, SetValue):
                assert slot is not None
                slot.node = _node(edit.value, self.ascii)
            elif isinstance(edit, Rename):
                assert slot is not None
                slot.key = json.dumps(edit.key, ensure_ascii=self.ascii)
            elif isinstance(edit, Delete):
                assert slot is not None and holder is not None
                if edit.keep:
                    kept[edit.pointer] = render(slot.node, flat=True)
                deleted.setdefault(id(holder), (holder, set()))[1].add(id(slot))
            elif isinstance(edit, ReplaceSpan):
                assert slot is not None
                spans.setdefault(id(slot), (slot, []))[1].append(edit)
        for slot, found in spans.values():
            assert isinstance(slot.node, Scalar)
            slot.node = Scalar(_splice(slot.node.text, found, self.ascii))
        for holder, gone in deleted.values():
            _remove(holder, gone)
        self._settle()
        return kept

    def _settle(self) -> None:
        """Forget what was looked up for these edits; a JSON text that was opened is closed again."""
        if isinstance(self.root, Container):
            self.root.names = None
        for slot in slots_below(self.root):
            if isinstance(slot.node, Container):
                slot.node.names = None
            elif slot.node.inner is not None:
                slot.node.inner._settle()
                slot.node.text, slot.node.inner = scalar_text(slot.node), None

    def _resolve(self, edit: Edit) -> tuple[Edit, list[tuple[Container | None, Slot | None]]]:
        if isinstance(edit, Drop):
            raise EditConflict("a row that is dropped is not edited")
        path = self._find(edit.pointer, missing=isinstance(edit, SetValue))
        holder, slot = path[-1]
        if isinstance(edit, Insert):
            target = slot.node if slot is not None else self.root
            if not isinstance(target, Container) or (edit.key is None) != (target.opening == "["):
                raise EditConflict(f"{edit.pointer}: neither a list nor an object with a new key")
            if not 0 <= edit.index <= len(target.slots) or (edit.key is not None and edit.key in _names(target)):
                raise EditConflict(f"{edit.pointer}: no such place")
        elif slot is None and not (isinstance(edit, SetValue) and holder is not None):
            raise EditConflict(f"{edit.pointer or 'the whole row'}: cannot be edited so")
        elif isinstance(edit, Rename) and (holder is None or holder.opening != "{" or edit.key in _names(holder)):
            raise EditConflict(f"{edit.pointer}: no member, or the key {edit.key} is taken")
        elif isinstance(edit, ReplaceSpan):
            assert slot is not None
            if not isinstance(slot.node, Scalar) or slot.node.text[:1] != '"' or slot.node.inner is not None:
                raise EditConflict(f"{edit.pointer}: no text")
            if not 0 <= edit.start <= edit.end <= len(decode(slot.node.text)):
                raise EditConflict(f"{edit.pointer}: no such span")
        return edit, path

    def _find(self, pointer: str, missing: bool = False) -> list[tuple[Container | None, Slot | None]]:
        """The containers and slots on the way to a pointer; the last slot may be missing where that is asked for."""
        path: list[tuple[Container | None, Slot | None]] = [(None, None)]
        node: Node = self.root
        steps = pointer.split("/")[1:]
        for number, step in enumerate(steps):
            if isinstance(node, Scalar):
                node = _opened(node, pointer)
            key = step.replace("~1", "/").replace("~0", "~")
            slot = _child(node, key)
            if slot is None:
                if missing and number == len(steps) - 1 and node.opening == "{":
                    path.append((node, None))
                    return path
                raise EditConflict(f"{pointer}: not there")
            path.append((node, slot))
            node = slot.node
        if not steps and missing:
            raise EditConflict("the whole row cannot be replaced")
        return path

    def _insert(self, edit: Insert, slot: Slot | None) -> None:
        target = slot.node if slot is not None else self.root
        assert isinstance(target, Container)
        self._add(target, edit.index, edit.key, edit.value)

    def _add(self, holder: Container, index: int, key: str | None, value: Any) -> None:
        """Put in a new slot, spaced as its siblings are."""
        slots = holder.slots
        between = next((slot.lead for slot in slots[1:]), None)
        if between is None:
            between = slots[0].lead if slots and "\n" in slots[0].lead else (" " if self._spaced else "")
        mid = next((slot.mid for slot in slots), ": " if self._spaced else ":") if key is not None else ""
        new = Slot(between, None if key is None else json.dumps(key, ensure_ascii=self.ascii), mid, _node(value, self.ascii))
        if not slots:
            new.lead = ""
        elif index == 0:
            new.lead, slots[0].lead = slots[0].lead, between
        elif index == len(slots):
            new.trail, slots[-1].trail = slots[-1].trail, ""
        slots.insert(index, new)


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value


def rewrite(string: str, change: Callable[[str], str]) -> str:
    """Change a JSON string's inside as it is written, between the quotes."""
    return f'"{change(string[1:-1])}"'


def _opened(node: Scalar, pointer: str) -> Container:
    if node.inner is None:
        text = decode(node.text) if node.text[:1] == '"' else ""
        try:
            if text.lstrip()[:1] not in ("{", "["):
                raise ValueError(text)
            node.inner = Document(text)
        except ValueError:
            raise EditConflict(f"{pointer}: goes through a text that is not JSON") from None
    root = node.inner.root
    assert isinstance(root, Container)
    return root


def _child(node: Container, key: str) -> Slot | None:
    if node.opening == "[":
        index = int(key) if key.isascii() and key.isdigit() and len(key) < 10 else -1
        return node.slots[index] if 0 <= index < len(node.slots) else None
    return _names(node).get(key)


def _names(node: Container) -> dict[str, Slot]:
    """The members of an object by key; of several of one name the last counts, as in every parser."""
    if node.names is None:
        node.names = {decode(slot.key): slot for slot in node.slots if slot.key is not None}
    return node.names


def _last(pointer: str) -> str:
    return pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")


def _hashable(edit: Edit) -> bool:
    try:
        hash(edit)
    except TypeError:
        return False
    return True


def _check(resolved: list[tuple[Edit, list[tuple[Container | None, Slot | None]]]]) -> None:
    """Refuse edits that overlap."""
    owners: dict[int, list[Edit]] = {}
    added: set[tuple[int, str]] = set()
    for edit, path in resolved:
        holder, slot = path[-1]
        if slot is not None and not isinstance(edit, Insert):
            owners.setdefault(id(slot), []).append(edit)
        name = edit.key if isinstance(edit, Insert | Rename) else _last(edit.pointer) if slot is None else None  # type: ignore[union-attr]
        if name is not None:
            target = slot.node if isinstance(edit, Insert) and slot is not None else holder
            if (id(target), name) in added:
                raise EditConflict(f"the key {name} would stand twice")
            added.add((id(target), name))
    for edits in owners.values():
        kinds = [type(edit) for edit in edits]
        if len(edits) > 1 and (
            Delete in kinds or kinds.count(SetValue) > 1 or kinds.count(Rename) > 1 or {SetValue, ReplaceSpan} <= set(kinds)
        ):
            raise EditConflict(f"{edits[0].pointer}: edited twice")  # type: ignore[union-attr]
        spans = sorted((edit.start, edit.end) for edit in edits if isinstance(edit, ReplaceSpan))
        if any(later[0] < before[1] or later == before for before, later in itertools.pairwise(spans)):
            raise EditConflict(f"{edits[0].pointer}: spans overlap")  # type: ignore[union-attr]
    for edit, path in resolved:
        above = path if isinstance(edit, Insert) else path[:-1]
        for _, slot in above:
            others = owners.get(id(slot), ()) if slot is not None else ()
            if any(isinstance(other, (*_WHOLE, ReplaceSpan)) for other in others):
                raise EditConflict(f"{edit.pointer}: stands in what another edit replaces")  # type: ignore[union-attr]


def _remove(holder: Container, gone: set[int]) -> None:
    """Take slots out; what is left keeps its spacing."""
    lead, trail = holder.slots[0].lead, holder.slots[-1].trail
    holder.slots = [slot for slot in holder.slots if id(slot) not in gone]
    if holder.slots:
        holder.slots[0].lead, holder.slots[-1].trail = lead, trail
    else:
        holder.inner = ""


def _splice(string: str, edits: list[ReplaceSpan], ascii: bool) -> str:
    """Replace spans of a JSON string; what lies between them stays as it is written."""
    inside = string[1:-1]
    wanted = sorted({place for edit in edits for place in (edit.start, edit.end)})
    places: dict[int, int] = {}
    count = at = 0
    matches = iter(_ESCAPE.finditer(inside))
    following = next(matches, None)
    for place in wanted:
        while following is not None and count + following.start() - at < place:
            count += following.start() - at + 1
            at = following.end()
            following = next(matches, None)
        places[place] = at + place - count
    out, done = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        out += [inside[done : places[edit.start]], json.dumps(edit.text, ensure_ascii=ascii)[1:-1]]
        done = places[edit.end]
    return '"' + "".join([*out, inside[done:]]) + '"'


def _node(value: Any, ascii: bool) -> Node:
    text = value.text if isinstance(value, Raw) else json.dumps(value, ensure_ascii=ascii)
    node, end = parse_json(text, 0)
    if end != len(text):
        raise ValueError("not one JSON value")
    return node
