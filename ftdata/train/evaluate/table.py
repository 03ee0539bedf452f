"""A comparison as lines of text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ftdata.report.escape import width
from ftdata.train.evaluate.checks import CHECKS
from ftdata.train.evaluate.compare import Comparison
from ftdata.train.evaluate.statistics import Difference


def render(made: Comparison) -> Iterator[str]:
    """Yield the lines for a terminal."""
    count = len(made.items.items)
    yield f"{count:,} sample{'s' * (count != 1)}: {made.items.origin}"
    if made.slices:
        yield ""
        rows = [("loss (nats a token)", "samples", "base", "tuned", "difference", "95 % interval", "perplexity")]
        rows += [(name, *_cells(entry, "{:.4f}"), f"{_perplexity(entry.base)} → {_perplexity(entry.tuned)}") for name, entry in made.slices.items()]  # fmt: skip
        yield from _aligned(rows)
    if made.checks:
        yield ""
        rows = [
            (f"first {len(made.heard[0].answers)} answers", "samples", "base", "tuned", "difference", "95 % interval", "applies")
        ]
        rows += [(name, *_cells(entry, "{:.0%}"), CHECKS[name]) for name, entry in made.checks.items()]
        yield from _aligned(rows)
    if made.lengths is not None:
        yield f"answers are as long as {made.lengths[0]:.2f} references (base), {made.lengths[1]:.2f} (tuned), in the middle"
    yield ""
    for note in made.notes:
        yield f"note: {note}"
    yield verdict(made)


def verdict(made: Comparison) -> str:
    """What the numbers allow to say."""
    entry = made.slices.get("all")
    if entry is None:
        better = [name for name, found in made.checks.items() if found.sure and found.value > 0]
        worse = [name for name, found in made.checks.items() if found.sure and found.value < 0]
        words = [f"better at: {', '.join(better)}"] * bool(better) + [f"worse at: {', '.join(worse)}"] * bool(worse)
        return "; ".join(words) or "no check differs by more than chance"
    if entry.interval is None:
        return "too few samples to say whether the tuned model is better"
    if not entry.sure:
        return "the difference in loss could be chance: the interval holds 0"
    worse = [name for name, found in made.slices.items() if found.sure and found.value > 0 and name != "all"]
    worse += [name for name, found in made.checks.items() if found.sure and found.value < 0]
    if entry.value > 0:
        return "the tuned model is worse on unseen data than its base"
    return "the tuned model is better on unseen data" + (f", but worse at: {', '.join(worse)}" if worse else "")


def _cells(entry: Difference, form: str) -> tuple[str, str, str, str, str]:
    interval = "too few" if entry.interval is None else f"{_signed(form, entry.interval[0])} … {_signed(form, entry.interval[1])}"
    if entry.interval == (0.0, 0.0):
        interval = "all the same"
    mark = "" if entry.interval in (None, (0.0, 0.0)) or entry.sure else " (chance)"
    return f"{entry.count:,}", form.format(entry.base), form.format(entry.tuned), _signed(form, entry.value), interval + mark


def _signed(form: str, value: float) -> str:
    text = form.format(value)
    return text if text.startswith("-") else "+" + text


def _perplexity(loss: float) -> str:
    return f"{math.exp(loss):.2f}" if loss < 30 else "huge"


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    sizes = [max(width(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        first = row[0] + " " * (sizes[0] - width(row[0]))
        middle = [" " * (size - width(cell)) + cell for cell, size in zip(row[1:-1], sizes[1:-1], strict=True)]
        yield "  ".join([first, *middle, row[-1]]).rstrip()
