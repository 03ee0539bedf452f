"""Rules about a whole set or a whole file, whose findings stand at a sample only because they must stand somewhere."""

from __future__ import annotations

import re
from typing import Literal

Worse = Literal["more", "less", "any"]

# Which way their first number gets worse. Every other dataset rule is about the sample that its finding stands at.
WHOLE: dict[str, Worse] = {
    "mixed-formats": "any",
    "format-not-accepted": "any",
    "file-too-large": "more",
    "target-ends": "any",
    "target-ended": "any",
    "single-class-labels": "any",
    "answer-template": "more",
    "too-few-samples": "less",
    "few-samples": "less",
    "sample-count": "less",
    "too-few-for-target": "less",
    "too-many-for-target": "more",
    "prompt-template": "more",
    "low-diversity": "any",
    "single-turn-only": "any",
    "always-calls-tool": "any",
    "repeated-phrases": "any",
}
_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")


def value_of(name: str, message: str, path: str) -> float | None:
    """The number of a finding that may get worse; ``None`` where the rule has none."""
    if WHOLE.get(name, "any") == "any":
        return None
    found = _NUMBER.search(message.replace(path, " "))
    return float(found.group().replace(",", "")) if found else None


def is_worse(name: str, now: float | None, known: float | None) -> bool:
    """Whether a number is worse than one that was accepted; one that cannot be compared is."""
    way = WHOLE.get(name, "any")
    if way == "any":
        return False
    if now is None or known is None:
        return now is not known
    return now > known if way == "more" else now < known
