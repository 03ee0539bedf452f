"""Run the text rules: their hints over the table of texts at once, their checks over the few texts that remain."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ftdata.judge.guard import Guard
from ftdata.judge.literals import required, without_boundaries
from ftdata.measure.batch import call_text
from ftdata.measure.registry import ARGUMENTS, CONTENT, REASONING, ROLE_NUMBER
from ftdata.rule import At, Rule, Spot
from ftdata.types import Message

if TYPE_CHECKING:
    import polars as pl

_SLOTS = {"content": CONTENT, "reasoning": REASONING, "arguments": ARGUMENTS}
_REMEMBERED = 512
# Rules whose hint says which turns may hold something private.
_PRIVATE = {"secret": "secrets", "possible-secret": "secrets", "personal-data": "personal", "possible-personal-data": "personal"}


class TextRules:
    """The text rules of a plan, grouped by the texts that they see."""

    def __init__(
        self, rules: Sequence[tuple[int, Rule, Mapping[str, Any]]], guard: Guard | None = None, many: bool = False
    ) -> None:
        """``rules`` are (step number, rule, parameters); with ``many`` texts to come, preparing for them pays."""
        self._guard = guard or Guard()
        self.private: set[tuple[int, int]] | None = None
        self._rules = {number: rule for number, rule, _ in rules}
        self._groups: dict[tuple[Any, ...], list[int]] = {}
        self._stages: dict[int, list[pl.Expr]] = {}
        self._shared: dict[int, Any] = {}
        self._checks: dict[int, Callable[[str], list[Spot]]] = {}
        for number, rule, params in rules:
            group = (rule.roles, rule.trained, tuple(sorted(_SLOTS[slot] for slot in rule.slots)), rule.foreign)
            self._groups.setdefault(group, []).append(number)
            made = self._guard.run(number, rule, _stages, rule, params, many)
            # A hint that failed lets nothing through; a rule without one sees all.
            self._stages[number] = made if number not in self._guard.failed else [_nothing()]
            self._checks[number] = _remembering(rule, params)
            # Rules that come in pairs, certain and possible, share their hint.
            self._shared[number] = (rule.gate, rule.hint, repr(params)) if rule.ours and rule.hint else number

    def hits(self, texts: pl.DataFrame) -> Iterator[tuple[int, int, int, int, str, list[Spot]]]:
        """Yield (step number, sample, turn, slot, text, spots) for every text in which a rule finds something.

        Afterwards ``private`` holds the (sample, turn) that match a hint of a secret or of personal data, if both are among
        the rules: what is shown of all other turns needs no masking.
        """
        import polars as pl

        private: set[tuple[int, int]] = set()
        looked: set[str] = set()

        asked = (pl.col("sample") == pl.col("sample").shift(1)) & (pl.col("role").shift(1) == ROLE_NUMBER["user"])
        texts = texts.with_columns(
            question=pl.when(asked).then(pl.col("text").shift(1)),
            foreign=pl.col("text").str.len_bytes() != pl.col("text").str.len_chars(),
        )
        for (roles, trained, slots, foreign), numbers in self._groups.items():
            where = pl.col("slot").is_in(slots) if len(slots) < len(_SLOTS) else pl.lit(True)
            if roles:
                where &= pl.col("role").is_in([ROLE_NUMBER[role] for role in roles])
            for column, wanted in (("trained", trained), ("foreign", foreign)):
                if wanted:
                    where &= pl.col(column)
            seen = texts.lazy().filter(where).select("sample", "turn", "slot", "text", "question").collect()
            passed = self._passed(numbers, seen)
            for number in numbers:
                check, rule, left = self._checks[number], self._rules[number], passed[self._shared[number]]
                if rule.name in _PRIVATE:
                    looked.add(_PRIVATE[rule.name])
                    private.update(zip(left["sample"], left["turn"], strict=True))
                for sample, turn, slot, text in zip(*(left[name] for name in ("sample", "turn", "slot", "text")), strict=True):
                    spots = self._guard.run(number, rule, check, text)
                    if spots:
                        yield number, sample, turn, slot, text, spots

        self.private = private if len(looked) == len(set(_PRIVATE.values())) else None

    def _passed(self, numbers: Sequence[int], texts: pl.DataFrame) -> dict[Any, pl.DataFrame]:
        """The texts that pass gate and hint, for each distinct pair of them. All first looks are taken at once, for every
        question to polars has its price; a plugin's is asked by itself, for it may fail."""
        distinct = {self._shared[number]: number for number in reversed(numbers)}
        ours = {
            str(number): self._stages[number][0].fill_null(False)
            for number in distinct.values()
            if self._stages[number] and self._rules[number].ours
        }
        flags = texts.select(**ours) if ours else texts
        passed: dict[Any, pl.DataFrame] = {}
        for key, number in distinct.items():
            rule, left = self._rules[number], texts
            for at, stage in enumerate(self._stages[number]):
                if at == 0 and str(number) in ours:
                    found = [flags[str(number)]]
                else:
                    found = self._guard.run(number, rule, _flags, left, stage) if left.height else []
                left = left[found[0].arg_true()] if found and found[0].any() else left.clear()
            passed[key] = left
        return passed


def _flags(texts: pl.DataFrame, expression: pl.Expr) -> list[pl.Series]:
    return [texts.select(expression.fill_null(False)).to_series()]


def _nothing() -> pl.Expr:
    import polars as pl

    return pl.col("text").is_null()


def _stages(rule: Rule, params: Mapping[str, Any], many: bool) -> list[pl.Expr]:
    """What a text must pass for the rule to look at it, one after the other: each is asked only of what the last one left."""
    import polars as pl

    text = pl.col("text")
    stages = [text.str.contains("|".join(map(re.escape, rule.gate)))] if rule.gate else []
    made = rule.hint if isinstance(rule.hint, str) or rule.hint is None else rule.hint(text, params)
    for hint in made if isinstance(made, list) else [made]:
        if isinstance(hint, str):
            literals, loose = (required(hint), without_boundaries(hint)) if many else (None, None)
            if literals:
                stages.insert(0, text.str.contains(literals))
            stages += [text.str.contains(pattern) for pattern in (loose, hint) if pattern]
        elif hint is not None:
            stages.append(hint)
    return stages


def _remembering(rule: Rule, params: Mapping[str, Any]) -> Callable[[str], list[Spot]]:
    """The rule's check, which looks only once at the system prompt that a thousand samples share."""

    @lru_cache(maxsize=_REMEMBERED)
    def check(text: str) -> list[Spot]:
        return list(rule.check(text, params))

    return check


def place(message: Message, slot: int, text: str, spot: Spot) -> At:
    """Return the place of a spot in its turn; inside tool arguments the call is named, without the characters."""
    if slot == REASONING:
        return At(message, key=message.reasoning_key or "content", values=spot.values)
    if slot == ARGUMENTS:
        pointer = next((call.pointer for call in message.tool_calls if call_text(call) == text), message.pointer)
        return At(message, pointer=pointer, values=spot.values)
    return At(message, span=(spot.start, spot.end), values=spot.values)
