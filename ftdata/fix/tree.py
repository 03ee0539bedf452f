"""The text of a JSON value as a tree that keeps every byte of it: tokens as they are written, and the space between.

It is read and written without recursion, for rows may be nested a thousand deep.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftdata.fix.document import Document

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.S)
_SCALAR = re.compile(r'[^ \t\r\n,:\[\]{}"]+')
_SURROGATE = re.compile("[\ud800-\udfff]")
_CLOSING = {"{": "}", "[": "]"}


class Scalar:
    """A string, a number or a literal as it is written. A string that holds JSON may be opened as ``inner``."""

    __slots__ = ("inner", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.inner: Document | None = None


class Slot:
    """An item or a member: white space, key, colon, value, white space."""

    __slots__ = ("key", "lead", "mid", "node", "trail")

    def __init__(self, lead: str, key: str | None, mid: str, node: Node, trail: str = "") -> None:
        self.lead, self.key, self.mid, self.node, self.trail = lead, key, mid, node, trail


class Container:
    """An object or a list. ``inner`` is the white space between the brackets of an empty one."""

    __slots__ = ("inner", "names", "opening", "slots")

    def __init__(self, opening: str) -> None:
        self.opening = opening
        self.slots: list[Slot] = []
        self.inner = ""
        self.names: dict[str, Slot] | None = None


Node = Scalar | Container


def decode(string: str) -> str:
    """The text of a JSON string; half a surrogate pair is U+FFFD, as the reader has it."""
    text = json.loads(string, strict=False)
    assert isinstance(text, str)
    return _SURROGATE.sub("\ufffd", text)


def parse_json(text: str, at: int) -> tuple[Node, int]:
    """Parse one value without recursion: rows may be nested a thousand deep."""
    root, at = _start(text, at)
    if isinstance(root, Scalar):
        return root, at
    stack = [root]
    while stack:
        top = stack[-1]
        begin, at = at, _skip(text, at)
        sign = text[at : at + 1]
        if sign == _CLOSING[top.opening]:
            if top.slots:
                top.slots[-1].trail = text[begin:at]
            else:
                top.inner = text[begin:at]
            stack.pop()
            at += 1
            continue
        if top.slots:
            if sign != ",":
                raise ValueError(f"a comma is missing at {at}")
            top.slots[-1].trail = text[begin:at]
            begin, at = at + 1, _skip(text, at + 1)
        lead, key, mid = text[begin:at], None, ""
        if top.opening == "{":
            match = _STRING.match(text, at)
            if match is None:
                raise ValueError(f"a key is missing at {at}")
            key, begin = match.group(), match.end()
            at = _skip(text, begin)
            if text[at : at + 1] != ":":
                raise ValueError(f"a colon is missing at {at}")
            at = _skip(text, at + 1)
            mid = text[begin:at]
        node, at = _start(text, at)
        top.slots.append(Slot(lead, key, mid, node))
        if isinstance(node, Container):
            stack.append(node)
    return root, at


def _start(text: str, at: int) -> tuple[Node, int]:
    sign = text[at : at + 1]
    if sign in ("{", "["):
        return Container(sign), at + 1
    match = (_STRING if sign == '"' else _SCALAR).match(text, at)
    if match is None:
        raise ValueError(f"a value is missing at {at}")
    return Scalar(match.group()), match.end()


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def slots_below(root: Node) -> Iterator[Slot]:
    """Yield every item and member at any depth."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Container):
            yield from node.slots
            waiting += [slot.node for slot in reversed(node.slots)]


def render(root: Node, flat: bool = False) -> str:
    """Return the text of a value; ``flat`` puts it on one line and leaves the tokens as they are."""
    out: list[str] = []
    waiting: list[Node | str] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            out.append(node)
        elif isinstance(node, Scalar):
            out.append(scalar_text(node))
        else:
            out.append(node.opening)
            pieces: list[Node | str] = [] if node.slots else [_gap(node.inner, "") if flat else node.inner]
            for number, slot in enumerate(node.slots):
                lead, mid, trail = slot.lead, slot.mid, slot.trail
                if flat:
                    lead, mid, trail = _gap(lead, " " if number else ""), _gap(mid, ": "), _gap(trail, "")
                pieces += ["," + lead if number else lead, (slot.key or "") + mid, slot.node, trail]
            waiting += [_CLOSING[node.opening], *reversed(pieces)]
    return "".join(out)


def _gap(space: str, instead: str) -> str:
    return instead if "\n" in space or "\r" in space else space


def scalar_text(node: Scalar) -> str:
    """The string, written again only where the JSON inside it has changed."""
    if node.inner is None:
        return node.text
    inner = node.inner.text
    return node.text if inner == decode(node.text) else json.dumps(inner, ensure_ascii=node.text.isascii())
