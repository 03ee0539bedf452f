"""Verdicts as expectations: each rule's count of findings becomes a fact that must be 0, so that Data Docs show what the linter judged."""

from __future__ import annotations

from typing import Any

from ftdata.expectations.declare import Expectation
from ftdata.types import Report


def compile_verdicts(report: Report) -> tuple[list[Expectation], dict[str, Any]]:
    """Return an expectation over the batch ``dataset`` for each rule that was judged, and the facts it looks at.

    A rule with several targets has one fact each. What was skipped has a fact that is not known, and stays skipped.
    """
    expectations: list[Expectation] = []
    facts: dict[str, Any] = {}
    for verdict in report.verdicts:
        if verdict.code.startswith("GX"):
            continue
        name = verdict.name + ("" if not verdict.targets else f" {' '.join(verdict.targets)}")
        facts[name] = None if verdict.status == "skipped" else verdict.count
        expectations.append(
            Expectation(
                "expect_column_max_to_be_between",
                "dataset",
                verdict.severity,
                {"column": name, "max_value": 0},
                verdict.help,
                f"rule {verdict.name}",
            )
        )
    return expectations, facts
