"""Korean particles that follow the last sound of a word, usable in a format string: `{word:을}`."""

import string
from typing import Any

PAIRS = {"은": "는", "이": "가", "을": "를", "과": "와", "이랑": "랑"}


def particle(word: str, after_consonant: str) -> str:
    """The word with its particle: `particle("반품", "을")` is 반품을, `particle("문의", "을")` is 문의를."""
    if after_consonant not in PAIRS:
        return word + after_consonant
    last = ord(word[-1]) - 0xAC00
    open_syllable = not 0 <= last < 11172 or last % 28 == 0
    return word + (PAIRS[after_consonant] if open_syllable else after_consonant)


class _Formatter(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        return particle(str(value), format_spec) if format_spec else str(value)


def fill(template: str, **words: str) -> str:
    """Fill a template whose fields may carry a particle."""
    return _Formatter().format(template, **words)
