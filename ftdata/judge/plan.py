"""The plan of a run: what every worker needs to judge a piece, small enough to send to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ftdata.measure.batch import Overhead
from ftdata.rule import RULES, Rule


@dataclass(frozen=True, slots=True)
class Step:
    """One selected rule as a worker sees it. ``tokens`` names the tokenizer key, ``where`` a custom
    rule's SQL; ``skip`` keeps the place of a rule that cannot run."""

    rule: str
    params: Mapping[str, Any]
    tokens: str | None = None
    where: str | None = None
    message: str = ""
    skip: bool = False

    def find(self) -> Rule | None:
        """Return the declared rule; ``None`` for a custom rule."""
        return RULES.get(self.rule) if self.where is None else None


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, the columns the dataset rules need, the tokenizers, how to read rows, and the plugins to load."""

    steps: tuple[Step, ...]
    columns: tuple[str, ...] = ()
    tokenizers: Mapping[str, tuple[str, Overhead]] = field(default_factory=dict)
    format: str | None = None
    mapping: Mapping[str, str] | None = None
    text_bytes: int = 0
    plugins: tuple[str, ...] = ()
