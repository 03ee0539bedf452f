"""Run a rule so that a plugin's mistake costs only that rule: its verdict is *skipped*. A mistake of ours is a bug."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ftdata.rule import Rule

Found = TypeVar("Found")


class Guard:
    """Remembers which rules failed, by step number, and why."""

    def __init__(self) -> None:
        self.failed: dict[int, str] = {}

    def run(self, number: int, rule: Rule | None, call: Callable[..., Iterable[Found]], *arguments: Any) -> list[Found]:
        """Return all that a rule yields; nothing once it has failed."""
        if number in self.failed:
            return []
        try:
            return list(call(*arguments))
        except Exception as error:
            if rule is None or rule.ours:
                raise
            words = " ".join(str(error).split())[:200]
            self.failed[number] = f"the plugin's rule failed: {type(error).__name__}: {words}"
            return []
