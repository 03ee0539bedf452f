"""Generated rows, with and without faults, for judging by ftdata and by the real thing. The same rows in every run.

A row is a clean conversation (plain, with tools, with parts, or a preference pair) with none to three faults put in.
Texts are short and harmless: only structure is in question here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import call_faults
import turn_faults
from register import FAULTS
from shapes import Row, Style

Base = Callable[[random.Random, Style], Row]

OPENAI = Style()
assert turn_faults and call_faults  # they register their faults when they are imported


@dataclass(frozen=True)
class Case:
    """One generated row and the names of the faults put into it."""

    row: Row
    faults: tuple[str, ...]


def generate(
    count: int,
    *,
    seed: int,
    bases: Mapping[Base, int],
    style: Style = OPENAI,
    faults: tuple[str, ...] | None = None,
    mixed: float = 0.2,
) -> list[Case]:
    """Return so many rows. ``bases`` gives the weight of each clean shape; a share ``mixed`` of rows has two or three faults.

    One row in eight has no fault; every fault that applies to a shape comes about equally often.
    """
    names = faults or tuple(sorted(FAULTS))
    made = []
    for number in range(count):
        rng = random.Random(f"{seed}:{number}")
        base = rng.choices(list(bases), list(bases.values()))[0]
        row = base(rng, style)
        wanted = 0 if number % 8 == 0 else 1 if rng.random() >= mixed else rng.choice((2, 3))
        put: list[str] = []
        for _ in range(60):
            if len(put) >= wanted:
                break
            name = rng.choice(names)
            if name not in put and FAULTS[name](rng, row, style):
                put.append(name)
        made.append(Case(row, tuple(put)))
    return made
