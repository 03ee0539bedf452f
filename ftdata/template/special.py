"""Special tokens spelled out in the texts of the data: the tokenizer makes control tokens of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

_PREFIX = 3


class SpecialTokens:
    """Finds the special tokens of one tokenizer in texts. Any number of them costs little: tokens share prefixes."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._by_prefix: dict[str, list[str]] = {}
        for token in sorted(set(tokens), key=lambda text: (-len(text), text)):
            if token.strip():
                self._by_prefix.setdefault(token[:_PREFIX], []).append(token)
        prefixes = sorted(self._by_prefix, key=lambda text: (-len(text), text))
        self._pattern = re.compile("|".join(map(re.escape, prefixes))) if prefixes else None

    def find(self, text: str) -> Iterator[tuple[str, int]]:
        """Yield each special token in the text with the index of its first character, in order."""
        if self._pattern is None:
            return
        at = 0
        while (match := self._pattern.search(text, at)) is not None:
            start = match.start()
            token = next(
                (token for token in self._starting(text[start : start + _PREFIX]) if text.startswith(token, start)), None
            )
            if token is None:
                at = start + 1
                continue
            yield token, start
            at = start + len(token)

    def _starting(self, prefix: str) -> Iterator[str]:
        for size in range(len(prefix), 0, -1):
            yield from self._by_prefix.get(prefix[:size], ())


def texts_of(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield every string of a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif depth < 32 and isinstance(value, dict):
        for key, item in value.items():
            yield from texts_of(key, depth + 1)
            yield from texts_of(item, depth + 1)
    elif depth < 32 and isinstance(value, list):
        for item in value:
            yield from texts_of(item, depth + 1)
