"""The findings of a run: a polars table that hands out ``Finding`` objects when asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from ftdata.judge.select import Selected
from ftdata.types import SEVERITIES, Finding, Location, Severity, Verdict

if TYPE_CHECKING:
    import polars as pl


class FindingTable(Sequence[Finding]):
    """Findings sorted by path, line, column and rule. ``frame`` is the table, for those who want it whole."""

    def __init__(self, frame: pl.DataFrame, selected: Sequence[Selected]) -> None:
        self.frame = frame
        self._selected = selected

    def __len__(self) -> int:
        return self.frame.height

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> list[Finding]: ...
    def __getitem__(self, index: int | slice) -> Finding | list[Finding]:
        if isinstance(index, slice):
            return [self._make(row) for row in self.frame[index].iter_rows(named=True)]
        return self._make(self.frame.row(index, named=True))

    def __iter__(self) -> Iterator[Finding]:
        for row in self.frame.iter_rows(named=True):
            yield self._make(row)

    def of(self, code: str, limit: int | None = None) -> list[Finding]:
        """Return the findings of one rule, at most ``limit``."""
        import polars as pl

        frame = self.frame.filter(pl.col("code") == code)
        return [self._make(row) for row in (frame.head(limit) if limit is not None else frame).iter_rows(named=True)]

    def of_verdict(self, verdict: Verdict, limit: int) -> list[Finding]:
        """Return the first findings behind a verdict; targets tell apart verdicts of one rule."""
        import polars as pl

        steps = [
            number for number, selected in enumerate(self._selected)
            if selected.rule.code == verdict.code and selected.targets == verdict.targets
        ]  # fmt: skip
        frame = self.frame.filter(pl.col("step").is_in(steps)).head(limit)
        return [self._make(row) for row in frame.iter_rows(named=True)]

    @property
    def counts(self) -> dict[Severity, int]:
        """How many findings there are of each severity."""
        counted = dict(self.frame.group_by("severity").len().iter_rows())
        return {severity: counted.get(severity, 0) for severity in SEVERITIES}

    def _make(self, row: dict[str, Any]) -> Finding:
        selected = self._selected[row["step"]]
        mark = (row["start"], row["end"]) if row["start"] is not None and row["end"] is not None else None
        safety = selected.rule.fix_safety
        return Finding(
            code=row["code"],
            name=row["name"],
            severity=row["severity"],
            message=row["message"],
            location=Location(row["path"], row["row"], row["line"], row["column"], row["pointer"]),
            sample=row["sample"],
            targets=selected.targets,
            excerpt=row["excerpt"],
            mark=mark,
            where=row["where"],
            fix={"safety": safety, "title": selected.rule.help or ""} if safety else None,
            tokens=row["tokens"],
        )
