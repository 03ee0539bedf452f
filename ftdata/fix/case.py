"""What a fixer is given: one row, its sample, and the places where its rule finds fault; and how to find them again."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from ftdata.fix.document import Document
from ftdata.fix.edits import Delete, Edit, ReplaceSpan
from ftdata.formats import outline
from ftdata.measure.batch import call_text, is_trained
from ftdata.rule import At, Rule
from ftdata.types import ABSENT, Message, Sample, ToolCall

_LETTERS = str.maketrans("", "", "+/=")


@dataclass(slots=True)
class Case:
    """A row that a rule finds fault with.

    ``row`` is its value and ``document`` its text; ``places`` are the rule's findings, ``identity`` the sample's hash,
    ``tokens`` its length where the rule asked for it.
    """

    row: dict[str, Any]
    document: Document
    sample: Sample
    identity: str
    rule: Rule
    params: Mapping[str, Any]
    unsafe: bool = False
    tokens: int | None = None
    _places: list[At] | None = field(default=None, repr=False)

    @property
    def places(self) -> list[At]:
        """Where a rule over structure or content finds fault."""
        if self._places is None:
            self._places = find_places(self.rule, self.sample, self.params)
        return self._places

    def value(self, pointer: str) -> Any:
        """The value at a pointer, also inside a text that holds JSON; ``ABSENT`` where there is none."""
        return value_at(self.row, pointer)

    def mint(self, *of: object) -> str:
        """A new id for a tool call: nine letters and digits, which every target takes; the same in every run."""
        return mint(self.identity, *of)


def mint(*of: object) -> str:
    """Nine letters and digits that depend on these values alone: the form that Mistral's tokenizers ask for."""
    seed = "\x1f".join(map(str, of)).encode("utf-8", "replace")
    for salt in range(100):
        text = base64.b64encode(blake2b(seed, digest_size=24, salt=salt.to_bytes(2, "big")).digest()).decode()
        text = text.translate(_LETTERS)
        if len(text) >= 9:
            return text[:9]
    raise AssertionError("a hash of nothing but signs")


def value_at(value: Any, pointer: str) -> Any:
    """The value at a JSON pointer, also inside texts that hold JSON; ``ABSENT`` where there is none."""
    for step in pointer.split("/")[1:]:
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            try:
                value = json.loads(value, strict=False)
            except (ValueError, RecursionError):
                return ABSENT
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isascii() and key.isdigit() and len(key) < 10 and int(key) < len(value):
            value = value[int(key)]
        else:
            return ABSENT
    return value


def pointer_of(place: At) -> str:
    """The JSON pointer of a place, as the report names it."""
    message = place.message
    if place.pointer is not None:
        return place.pointer
    if message is None:
        return ""
    if place.key == "content":
        return message.content_pointer
    key = "from" if place.key == "role" and message.content_key == "value" else place.key
    return f"{message.pointer}/{key}" if key else message.pointer


def find_places(rule: Rule, sample: Sample, params: Mapping[str, Any]) -> list[At]:
    """Where a rule over structure or content finds fault with a sample, as the judge finds it."""
    if sample.kind not in rule.kinds:
        return []
    drawn = outline(sample)
    if rule.scope == "content":
        return list(rule.check(sample, params)) if rule.when is None or rule.when(drawn) else []
    if rule.scope != "structure":
        return []
    turns, places = drawn.turns(), []
    for place in rule.check(drawn, params):
        turn = next((number for number, message in enumerate(turns) if message is place.message), -1)
        found = sample.turns()[turn] if turn >= 0 else None
        places.append(At(found, place.key, place.span, place.pointer, place.values))
    return places


@dataclass(slots=True)
class Piece:
    """One text of a turn where it stands in the row: ``start`` to ``end`` of the text at ``pointer``.

    A turn may be put together of several; ``first`` and ``last`` say which end of it this one is. ``call`` is the tool
    call whose arguments the text belongs to.
    """

    message: Message
    slot: str
    pointer: str
    start: int
    text: str
    first: bool = True
    last: bool = True

    def becomes(self, text: str) -> list[Edit]:
        """The edit that makes this text of the piece; only what differs is replaced."""
        old, head = self.text, 0
        if old == text:
            return []
        most = min(len(old), len(text))
        while head < most and old[head] == text[head]:
            head += 1
        tail = 0
        while tail < most - head and old[-1 - tail] == text[-1 - tail]:
            tail += 1
        return [ReplaceSpan(self.pointer, self.start + head, self.start + len(old) - tail, text[head : len(text) - tail])]


def judged_turns(case: Case) -> Iterator[Message]:
    """The turns whose texts a text rule looks at."""
    rule, sample = case.rule, case.sample
    if sample.kind not in rule.kinds or (rule.when is not None and not rule.when(outline(sample))):
        return
    rejected = {id(message) for message in sample.rejected}
    for message in sample.turns():
        if rule.roles and message.role not in rule.roles:
            continue
        if not rule.trained or (is_trained(message) and id(message) not in rejected):
            yield message


def judged_calls(case: Case) -> Iterator[tuple[Message, ToolCall, str]]:
    """The tool calls that a text rule looks at, with their text."""
    if "arguments" in case.rule.slots:
        for message in judged_turns(case):
            for call in message.tool_calls:
                text = call_text(call)
                if text is not None:
                    yield message, call, text


def pieces(case: Case) -> Iterator[list[Piece]]:
    """The texts a text rule looks at, each as the pieces it stands in; a text that is not found in the row is left out."""
    for message in judged_turns(case):
        if "content" in case.rule.slots and message.text:
            found = content_pieces(case.row, message)
            if found:
                yield found
        if "reasoning" in case.rule.slots and message.reasoning and message.reasoning_key:
            pointer = f"{message.pointer}/{message.reasoning_key}"
            if value_at(case.row, pointer) == message.reasoning:
                yield [Piece(message, "reasoning", pointer, 0, message.reasoning)]


def content_pieces(row: Any, message: Message) -> list[Piece]:
    """Where the text of a turn stands in the row: in one text, in the parts of a list, in an instruction and its input."""
    pointer = message.content_pointer
    value = value_at(row, pointer)
    if isinstance(message.content, list):
        return _of_parts(message, pointer, value)
    text = message.text
    if not isinstance(value, str):
        return []
    if value == text:
        return [Piece(message, "content", pointer, 0, text)]
    above = pointer.rpartition("/")[0]
    if pointer.endswith("/instruction") and text.startswith(value + "\n"):
        rest = text[len(value) + 1 :]
        for key in ("input", "context"):
            for holder in (above, f"{above}/instances/0"):
                if value_at(row, f"{holder}/{key}") == rest:
                    return [
                        Piece(message, "content", pointer, 0, value, last=False),
                        Piece(message, "content", f"{holder}/{key}", 0, rest, first=False),
                    ]
        return []
    # A turn of a transcript: a short text may stand in several places.
    if len(text) >= 8 and value.count(text) == 1:
        return [Piece(message, "content", pointer, value.index(text), text)]
    return []


def _of_parts(message: Message, pointer: str, value: Any) -> list[Piece]:
    assert isinstance(message.content, list)
    if not isinstance(value, list):
        return []
    found: list[Piece] = []
    at = 0
    for part in message.content:
        while at < len(value) and value[at] is not part.raw and value[at] != part.raw:
            at += 1
        if at == len(value):
            return []
        raw, place = value[at], f"{pointer}/{at}"
        at += 1
        if part.text is None:
            continue
        if isinstance(raw, dict):
            key = next((key for key in ("text", "value", part.type) if raw.get(key) == part.text), None)
            if key is None:
                return []
            place = f"{place}/{key}"
        found.append(Piece(message, "content", place, 0, part.text, first=not found, last=False))
    if found:
        found[-1].last = True
    return found


def is_item(case: Case, pointer: str) -> bool:
    """Whether a pointer names an item of a list."""
    above, _, last = pointer.rpartition("/")
    return last.isdigit() and isinstance(value_at(case.row, above), list | str) and not isinstance(case.value(above), dict)


def remove_turns(case: Case, turns: list[Message]) -> list[Edit]:
    """The edits that take these turns out; none where one of them is no item of a list of turns."""
    places = list(dict.fromkeys(message.pointer for message in turns))
    if not all(is_item(case, place) for place in places):
        return []
    # A result inside a turn goes with it.
    return [Delete(place) for place in places if not any(place.startswith(f"{other}/") for other in places)]
