"""What a finding shows of the data: the message's words and a window of the text, secrets and personal data masked."""

from __future__ import annotations

import functools
from typing import Any

from ftdata.measure.batch import call_text
from ftdata.measure.hints import compiled
from ftdata.measure.span import Span, settle
from ftdata.rule import At
from ftdata.types import Message, Sample

EXCERPT = 120
_SHOWN = 4 * EXCERPT


class _Values(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def fill(template: str, values: dict[str, Any], params: Any) -> str:
    """Fill a rule's message; long values are clipped, private ones masked, and a value that is missing stays visible."""
    if "{" not in template:
        return template
    merged = _Values({k: _shown(v) for k, v in params.items()})
    merged.update({k: _shown(v) for k, v in values.items()})
    return template.format_map(merged)


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
