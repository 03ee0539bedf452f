"""What a finding shows of the data: the message's words and a window of the text, secrets and personal data masked."""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

from ftdata.measure.batch import call_text
from ftdata.measure.hints import compiled, hint
from ftdata.measure.span import Span, settle
from ftdata.rule import At
from ftdata.types import Message, Sample

EXCERPT = 120
_SHOWN = 4 * EXCERPT
_FEW = 100


class _Values(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def fill(template: str, values: Mapping[str, Any], params: Any, shown: Mapping[str, str] | None = None) -> str:
    """Fill a rule's message; long values are clipped, private ones masked, and a value that is missing stays visible.

    ``shown`` are values that have been through `shown_all`.
    """
    if "{" not in template:
        return template
    asked = _asked(template)
    merged = _Values({k: _shown(v) for k, v in params.items() if k in asked})
    merged.update({k: _shown(v) for k, v in values.items() if k in asked})
    merged.update(shown or {})
    return template.format_map(merged)


@functools.lru_cache(maxsize=1024)
def _asked(template: str) -> frozenset[str]:
    """The names in a message."""
    names = (name for _, name, _, _ in string.Formatter().parse(template) if name)
    return frozenset(re.split(r"[.\[]", name, maxsplit=1)[0] for name in names)


def shown_all(texts: Sequence[str]) -> list[str]:
    """Each text as a message shows it. Only those that match a hint are searched for what is private, for there may be a million."""
    if len(texts) < _FEW:
        return [_shown(text) for text in texts]
    import polars as pl

    column = pl.Series(texts, dtype=pl.String)
    hinted = column.str.contains(hint("secrets")) | column.str.contains(hint("personal"))
    return [_shown(text) if private else clip(text) for text, private in zip(texts, hinted, strict=True)]


def _shown(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset):
        value = ", ".join(str(item) for item in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return clip(masked(value[:_SHOWN])) if isinstance(value, str) else value


def clip(text: str, width: int = EXCERPT) -> str:
    """The beginning of a text, with an ellipsis if there is more."""
    return text if len(text) <= width else text[: width - 1] + "…"


def describe(message: Message, sample: Sample) -> str:
    """Name a turn for people: "messages[2] assistant"."""
    for side in ("messages", "chosen", "rejected"):
        for index, other in enumerate(getattr(sample, side)):
            if other is message:
                return f"{side}[{index}] {message.role or 'no role'}"
    return message.pointer


def excerpt(place: At, private: bool = True) -> tuple[str | None, tuple[int, int] | None]:
    """Return what to show of the turn at fault, and the characters of it to mark.

    ``private`` is false where it is known that the turn matches no hint of a secret or of personal data.
    """
    message = place.message
    if message is None:
        return None, None
    text = message.text or _called(message)
    if place.span is None:
        return (clip(masked(text) if private else text) if text else None), None
    return window(text, *place.span, private)


def window(text: str, start: int, end: int, private: bool = True) -> tuple[str, tuple[int, int]]:
    """Return the part of a text around a span, and where the span stands in it.

    Private spans are found in the whole text, for a secret that the window cuts in two is one no more, and masked in
    what is shown.
    """
    left = max(0, start - EXCERPT // 3)
    right = min(len(text), max(end, start + 1) + EXCERPT // 2)
    mark = (start, min(max(end, start + 1), right))
    shown, cut = "…" if left else "", left
    places: dict[int, int] = {}

    def note(upto: int, here: int, base: int) -> None:
        """Remember where marked characters between ``here`` and ``upto`` land, which start at ``base`` of what is shown."""
        for side in mark:
            if here <= side <= upto:
                places.setdefault(side, base + side - here)

    for first, last, words in _private(text) if private else ():
        if last <= left or first >= right:
            continue
        note(first, cut, len(shown))
        shown += text[cut:first]
        for side in mark:
            if first < side < last:
                places[side] = len(shown) if side == mark[0] else len(shown) + len(words)
        shown += words
        cut = max(cut, last)
    note(max(right, mark[1]), cut, len(shown))
    shown += text[cut:right]
    begin = places.get(mark[0], 0)
    return shown + ("…" if right < len(text) else ""), (begin, max(places.get(mark[1], len(shown)), begin + 1))


def masked(text: str) -> str:
    """The text with its private spans masked."""
    shown, cut = "", 0
    for first, last, words in _private(text):
        shown += text[cut:first] + words
        cut = last
    return shown + text[cut:]


@functools.lru_cache(maxsize=64)
def _private(text: str) -> list[tuple[int, int, str]]:
    """The private spans of a text: what of each is masked, and by what words.

    An eighth of each stays visible at its beginning, four characters at most, so that a person knows which it is.
    """
    spans: list[Span] = []
    if compiled("secrets").search(text):
        from ftdata.measure.secrets import secrets

        spans += secrets(text)
    if compiled("personal").search(text):
        from ftdata.measure.personal import personal

        spans += personal(text)
    return [(span.start + min(4, (span.end - span.start) // 8), span.end, f"…({span.kind})") for span in settle(spans)]


def _called(message: Message) -> str:
    """The calls of a turn without a text, as a reader would write them."""
    calls = ((call.name or "?", (call_text(call) or "").removeprefix(call.name or "")) for call in message.tool_calls)
    return "; ".join(f"{name}({arguments})" for name, arguments in calls)
