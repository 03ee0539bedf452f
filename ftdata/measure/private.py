"""Secrets and personal data in a text: find them, name them, mask them."""

from __future__ import annotations

from ftdata.measure.personal import PERSONAL_HINTS, PERSONAL_TITLES, personal
from ftdata.measure.secrets import SECRET_HINTS, SECRET_TITLES, secrets
from ftdata.measure.span import Span, settle

__all__ = ["PERSONAL_HINTS", "SECRET_HINTS", "TITLES", "Span", "mask", "personal", "secrets"]

TITLES = {**SECRET_TITLES, **PERSONAL_TITLES}
"""What each kind of span is, in words for people: "an OpenAI key"."""

_EDGE = 4
_ROUNDS = 8


def mask(text: str) -> str:
    """Return the text with every secret and every piece of personal data replaced: ``sk-p…(openai-key)``.

    An eighth of each is kept at its beginning, four characters at most, so that a person can tell which it was.
    Masking a masked text changes nothing.
    """
    for _ in range(_ROUNDS):
        spans = settle([*secrets(text), *personal(text)])
        if not spans:
            break
        parts, at = [], 0
        for span in spans:
            edge = min(_EDGE, (span.end - span.start) // 8)
            parts += [text[at : span.start + edge], f"…({span.kind})"]
            at = span.end
        text = "".join([*parts, text[at:]])
    return text
