"""A piece of a text with its kind, and what to do where pieces overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """The characters ``text[start:end]`` and what they are.

    ``kind`` is a key of ``TITLES``. ``certain`` says that form, check digit or label leave no reasonable doubt;
    where it is false a person should look.
    """

    start: int
    end: int
    kind: str
    certain: bool


def settle(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order of their start, without overlaps: the certain one stays, then the longer, then the first."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, not s.certain, s.start - s.end)):
        if not kept or kept[-1].end <= span.start:
            kept.append(span)
        elif _rank(span) > _rank(kept[-1]):
            kept[-1] = span
    return kept


def _rank(span: Span) -> tuple[bool, int]:
    return span.certain, span.end - span.start
