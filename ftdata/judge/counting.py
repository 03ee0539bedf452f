"""Count the findings of each sample, for those who choose between samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ftdata.judge.run import Options, judge
from ftdata.judge.select import Choice
from ftdata.rule import RULES
from ftdata.types import SEVERITIES


def count_findings(paths: Sequence[str]) -> Mapping[tuple[str, int], list[int]]:
    """Lint files with the core rules: (path, row) to the number of findings by severity, errors first.

    Findings of rules over the whole set do not count: they are about several samples.
    """
    report = judge(paths, Choice(), Options(count_tokens=False))
    whole = {rule.name for rule in RULES.values() if rule.scope == "dataset"}
    counts: dict[tuple[str, int], list[int]] = {}
    for path, row, severity, name in report.findings.frame.select("path", "row", "severity", "name").iter_rows():  # type: ignore[attr-defined]
        if row is not None and name not in whole:
            counts.setdefault((path, row), [0] * len(SEVERITIES))[SEVERITIES.index(severity)] += 1
    return counts
