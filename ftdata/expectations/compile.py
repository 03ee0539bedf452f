"""Verdicts as expectations, so that Data Docs show what the linter judged, number by number.

Each rule is a fact over the whole set: how many samples it found fault with, which must be 0, or within each of its budgets. A rule
that is a limit on one number (see ``thresholds``) is also an expectation on that number itself, judged by Great Expectations alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ftdata.expectations.declare import Expectation
from ftdata.expectations.thresholds import THRESHOLDS, compile_threshold
from ftdata.types import Severity, Verdict


@dataclass(frozen=True, slots=True)
class Ruled:
    """One rule of a run. ``samples`` is how many samples it found fault with (what budgets count), ``severity`` its own one, before
    budgets; ``budgets`` are limits with whether each is a share of the samples."""

    verdict: Verdict
    severity: Severity
    samples: int
    params: Mapping[str, Any] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    budgets: Mapping[Severity, tuple[float, bool]] = field(default_factory=dict)


def compile_rules(
    ruled: Sequence[Ruled], columns: Collection[str], facts: Mapping[str, Any]
) -> tuple[list[tuple[Ruled, Expectation]], dict[str, Any]]:
    """Return expectations with the rule that each comes from, and the facts about findings that they look at.

    ``columns`` are those of the batch ``samples``, ``facts`` those that are known besides. A rule with several targets has facts for
    each. What was skipped has facts that are not known, and stays skipped.
    """
    made: list[tuple[Ruled, Expectation]] = []
    found: dict[str, Any] = {}
    for item in ruled:
        exact = (
            [] if item.verdict.hidden or item.budgets or item.verdict.status == "skipped" else list(_exact(item, columns, facts))
        )
        if not any(expectation.batch == "dataset" for expectation in exact):
            made += [(item, expectation) for expectation in _counted(item, found)]
        made += [(item, expectation) for expectation in exact]
    return made, found


def _exact(item: Ruled, columns: Collection[str], facts: Mapping[str, Any]) -> Iterator[Expectation]:
    threshold = THRESHOLDS.get(item.verdict.name)
    if threshold is None:
        return
    known = threshold.column in columns if threshold.batch == "samples" else facts.get(threshold.column) is not None
    if known:
        yield from compile_threshold(item.verdict.name, item.severity, item.params, item.kinds, _words(item))


def _counted(item: Ruled, found: dict[str, Any]) -> Iterator[Expectation]:
    """The findings of a rule against 0 and against its budgets, which are exact over the whole set."""
    verdict = item.verdict
    name = " ".join([verdict.name, *verdict.targets])
    skipped = verdict.status == "skipped"
    found[name] = None if skipped else verdict.count
    if not item.budgets:
        yield _limit(item, name, item.severity, 0)
        return
    samples, share = f"{name} samples", f"{name} share"
    found[samples] = None if skipped else item.samples
    for severity, (limit, is_share) in item.budgets.items():
        if is_share:
            # A share of nothing is its count, as in ``judge.verdicts.budgeted``.
            found[share] = None if skipped else item.samples / verdict.of if verdict.of else item.samples
        yield _limit(item, share if is_share else samples, severity, limit)
    yield _limit(item, name, "info", 0)


def _limit(item: Ruled, column: str, severity: Severity, limit: float) -> Expectation:
    arguments = {"column": column, "max_value": limit}
    return Expectation(
        "expect_column_max_to_be_between", "dataset", severity, arguments, _words(item), f"rule {item.verdict.name}"
    )


def _words(item: Ruled) -> str:
    return f"{item.verdict.name} {item.verdict.code}" + (f": {item.verdict.help}" if item.verdict.help else "")
