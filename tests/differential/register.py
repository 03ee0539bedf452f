"""The register of faults, and what they share: how a row's turns and calls are found and changed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from shapes import Row, Style, Turn

Fault = Callable[[random.Random, Row, Style], bool]
FAULTS: dict[str, Fault] = {}


def fault(function: Fault) -> Fault:
    """Register a fault; it changes the row in place and says whether it found something to change."""
    FAULTS[function.__name__] = function
    return function


def turns_of(row: Row) -> list[Turn]:
    """Return the row's list of turns, or an empty list where it has none (any more)."""
    holder = row["input"] if isinstance(row.get("input"), dict) else row
    for key in ("messages", "prompt", "chosen"):
        if isinstance(holder.get(key), list):
            return [turn for turn in holder[key] if isinstance(turn, dict)]
    return []


def list_of(row: Row) -> list[Any] | None:
    holder = row["input"] if isinstance(row.get("input"), dict) else row
    return next((holder[key] for key in ("messages", "prompt", "chosen") if isinstance(holder.get(key), list)), None)


def pick(rng: random.Random, row: Row, *roles: str) -> Turn | None:
    found = [turn for turn in turns_of(row) if not roles or turn.get("role") in roles]
    return rng.choice(found) if found else None


def calls_of(row: Row) -> Iterator[Turn]:
    for turn in turns_of(row):
        if isinstance(turn.get("tool_calls"), list):
            yield from (made for made in turn["tool_calls"] if isinstance(made, dict))


def put(turn: Turn | None, **values: Any) -> bool:
    if turn is not None:
        turn.update(values)
    return turn is not None


def drop(turn: Turn | None, key: str) -> bool:
    return turn is not None and turn.pop(key, None) is not None


def change_call(rng: random.Random, row: Row, change: Callable[[Turn], Any]) -> bool:
    calls = list(calls_of(row))
    if calls:
        change(rng.choice(calls))
    return bool(calls)


def function_of(made: Turn) -> Row:
    return made["function"] if isinstance(made.get("function"), dict) else {}
