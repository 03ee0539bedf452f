"""A sample's structure without its texts: the outline that structural rules see, and the shape that stands for it.

The two go together: samples of one shape have equal outlines, so what a rule says of the first holds for all of them.
What is not in the shape is therefore not in the outline either; ``tests/formats/test_shape.py`` holds them together.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from ftdata.formats.identity import key_name, safe_repr
from ftdata.types import ABSENT, Malformed, Message, Part, Sample, ToolCall

SHOWN = 48


class _Shown:
    """A value that rules do not read but name in their messages: its repr is what they show."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _draw(text: str) -> str:
    return text if not text else " " if text.isspace() else "x"


def _plainest(value: Any) -> Any:
    """The plainest value of the same JSON type, to stand for it."""
    if value is None or value is ABSENT:
        return value
    if isinstance(value, str):
        return "x"
    return next((kind() for kind in (bool, int, float, list, dict) if isinstance(value, kind)), b"")


def _shown(value: Any) -> Any:
    """A value that rules read and name: as it is where it is short, else what is shown of it."""
    if value is None or value is True or value is False:
        return value
    text = safe_repr(value)
    return value if len(text) <= SHOWN and isinstance(value, str | int | float) else _Shown(text[:SHOWN])


def outline(sample: Sample) -> Sample:
    """Return the sample's structure alone: every text drawn as "x", or " " if blank, or "" if empty.

    What is no structure is drawn too: names, ids and addresses as "x" (``data:`` is kept), the values of extra and
    reference keys as None, tool definitions as empty. Roles, keys, types and counts are kept, and labels and weights as
    far as a message shows them.
    """
    return replace(
        sample,
        messages=[_outline_message(m) for m in sample.messages],
        chosen=[_outline_message(m) for m in sample.chosen],
        rejected=[_outline_message(m) for m in sample.rejected],
        label=_shown(sample.label),
        tools=None if sample.tools is None else [_plainest(tool) for tool in sample.tools],
        parallel_tool_calls=_shown(sample.parallel_tool_calls),
        media={name: [None] * len(items) for name, items in sample.media.items()},
        reference=dict.fromkeys(sample.reference),
        extra=dict.fromkeys(sample.extra),
        kept=None,
    )


def _outline_message(message: Message) -> Message:
    content: Any = message.content
    if isinstance(content, str):
        content = _draw(content)
    elif isinstance(content, list):
        content = [_outline_part(part) for part in content]
    elif isinstance(content, Malformed):
        content = Malformed(_plainest(content.value))
    source = message.source_role
    return replace(
        message,
        content=content,
        tool_calls=[_outline_call(call) for call in message.tool_calls],
        tool_call_id=_plainest(message.tool_call_id),
        name=_plainest(message.name),
        weight=_outline_weight(message),
        reasoning=message.reasoning and _draw(message.reasoning),
        extra=dict.fromkeys(message.extra),
        source_role=source if isinstance(source, str) else _plainest(source),
        kept=None,
    )


def _outline_weight(message: Message) -> Any:
    """Under OpenAI's key the value is judged and shown; under the others it counts only whether the turn is trained."""
    weight = message.weight
    if message.weight_key == "weight" or weight is None:
        return _shown(weight)
    return 0 if weight in (0, False) else 1


def _outline_part(part: Part) -> Part:
    url = part.url and ("data:" if part.url.startswith("data:") else "x")
    return Part(part.type, None if part.text is None else _draw(part.text), url, _outline_raw(part.raw))


def _outline_raw(raw: Any) -> Any:
    """A part as found: its keys in order, its own type, and the types of its values."""
    if not isinstance(raw, dict):
        return _plainest(raw)
    drawn = {key_name(key): _plainest(value) for key, value in raw.items()}
    if isinstance(raw.get("type"), str):
        drawn["type"] = raw["type"]
    return dict(sorted(drawn.items()))


def _outline_call(call: ToolCall) -> ToolCall:
    arguments: Any = call.arguments
    if isinstance(arguments, str):
        arguments = _draw(arguments)
    elif isinstance(arguments, Malformed):
        arguments = Malformed(_plainest(arguments.value))
    else:
        arguments = _plainest(arguments)
    raw: Any = None
    if isinstance(call.raw, dict):
        raw = {"function": {}} if isinstance(call.raw.get("function"), dict) else {}
    return replace(call, name=_plainest(call.name), arguments=arguments, id=_plainest(call.id), raw=raw)


def shape(sample: Sample) -> Hashable:
    """Return a key that is equal for samples of equal outline. Cheap for plain chats: two look-ups a turn."""
    turns = tuple([_turn_shape(message) for message in sample.messages])
    label = sample.label
    known = (sample.format, sample.kind, sample.keys, turns, tuple(sample.extra), None if label is None else _shown_shape(label))
    if (
        sample.tools_key is None and sample.tools is None and not sample.chosen and not sample.rejected and not sample.media
        and not sample.reference and sample.problem is None and sample.parallel_tool_calls is None
    ):  # fmt: skip
        return known
    return (
        *known,
        tuple([_turn_shape(message) for message in sample.chosen]),
        tuple([_turn_shape(message) for message in sample.rejected]),
        sample.tools_key, sample.tools_fault, None if sample.tools is None else tuple([_type(tool) for tool in sample.tools]),
        _shown_shape(sample.parallel_tool_calls), tuple(sample.reference), sample.problem,
        tuple([(name, len(items)) for name, items in sample.media.items()]),
    )  # fmt: skip


def _turn_shape(message: Message) -> Hashable:
    content, source = message.content, message.source_role
    if (
        type(content) is str and not message.tool_calls and not message.extra and message.weight_key is None
        and message.reasoning_key is None and message.reasoning is None and message.tool_call_id is None
        and message.name is None and message.weight is None and (source is None or type(source) is str)
    ):  # fmt: skip
        # The pointer tells formats with turns under keys of their own apart; among messages it counts the turns.
        drawn = content if not content else " " if content.isspace() else "x"
        return (message.role, drawn, source, message.pointer, message.content_key)
    reasoning = message.reasoning
    return (
        message.role, _content_shape(content), source if isinstance(source, str) else (_type(source),), message.pointer,
        message.content_key, tuple([_call_shape(call) for call in message.tool_calls]), _type(message.tool_call_id),
        _type(message.name), message.weight_key, _shown_shape(_outline_weight(message)), message.reasoning_key,
        reasoning and _draw(reasoning), tuple(message.extra),
    )  # fmt: skip


def _type(value: Any) -> str:
    return "absent" if value is ABSENT else type(_plainest(value)).__name__


def _shown_shape(value: Any) -> Hashable:
    """What is shown of a value; the type as well, for 1, 1.0 and true are equal keys."""
    shown = _shown(value)
    return None if shown is None else (type(shown).__name__, repr(shown))


def _content_shape(content: Any) -> Hashable:
    if isinstance(content, str):
        return _draw(content)
    if isinstance(content, list):
        return tuple([_part_shape(part) for part in content])
    return ("malformed", _type(content.value)) if isinstance(content, Malformed) else (_type(content),)


def _part_shape(part: Part) -> Hashable:
    url = part.url and part.url.startswith("data:")
    raw = part.raw
    if not isinstance(raw, dict):
        return (part.type, part.text and _draw(part.text), url, _type(raw))
    keys = tuple(sorted([(key_name(key), _type(value)) for key, value in raw.items()]))
    kind = raw.get("type")
    return (part.type, part.text and _draw(part.text), url, keys, kind if isinstance(kind, str) else None)


def _call_shape(call: ToolCall) -> Hashable:
    arguments: Any = call.arguments
    if isinstance(arguments, str):
        kind: Hashable = _draw(arguments)
    elif isinstance(arguments, Malformed):
        kind = ("malformed", _type(arguments.value))
    else:
        kind = (_type(arguments),)
    raw = call.raw
    standard = isinstance(raw.get("function"), dict) if isinstance(raw, dict) else None
    return (call.name is None, kind, call.id is None, call.type, call.legacy, call.pointer, standard)
