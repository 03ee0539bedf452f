"""Findings that are known and do not count: what may hide them, and how that is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import polars as pl

    from ftdata.judge.dataset import Dataset
    from ftdata.judge.select import Selected
    from ftdata.plugins import Plugin


@dataclass(slots=True)
class Examined:
    """Inputs that were judged, before it is decided which findings count.

    ``frame`` has a row for each finding (see ``verdicts.complete``); ``tokens`` names the column of token counts, if any.
    """

    rules: list[Selected]
    dataset: Dataset
    frame: pl.DataFrame
    skipped: dict[int, str]
    plugins: list[Plugin]
    tokens: str | None


class Hider(Protocol):
    """What knows findings that shall not count: a baseline, suppressions, the commit before. ``dated`` ones know others tomorrow."""

    @property
    def dated(self) -> bool:
        """Whether the answer depends on the day."""
        ...

    def key(self) -> Any:
        """What decides the answer besides the run itself, as JSON."""
        ...

    def hide(self, examined: Examined) -> Hidden:
        """Say which findings are known, and what is to be said about that."""
        ...


@dataclass(slots=True)
class Hidden:
    """``mask`` is true for each finding that is known, for the reason ``why``; ``rules`` and ``notices`` are findings about this knowledge
    itself: the rule's number in ``rules``, path, line, message and excerpt."""

    mask: pl.Series
    why: str
    rules: Sequence[Selected] = ()
    notices: Sequence[tuple[int, str, int | None, str, str | None]] = ()


def leave_out(frame: pl.DataFrame, hidden: Hidden, rules: list[Selected]) -> pl.DataFrame:
    """Mark the findings that are known, and add what is to be said about the knowledge itself. Who knows a finding first counts."""
    import polars as pl

    if "hidden" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias("hidden"))
    more = frame.height - len(hidden.mask)  # notices of the hiders before
    mask = hidden.mask.extend(pl.Series([False] * more, dtype=pl.Boolean)) if more else hidden.mask
    why = pl.when(pl.col("hidden").is_null() & mask).then(pl.lit(hidden.why)).otherwise(pl.col("hidden"))
    frame = frame.with_columns(why.alias("hidden"))
    first = len(rules)
    rules += hidden.rules
    rows = [
        {"step": first + number, "path": path, "line": line, "message": message, "excerpt": shown, "code": rules[first + number].rule.code,
         "name": rules[first + number].rule.name, "severity": rules[first + number].severity, "file": 0}
        for number, path, line, message, shown in hidden.notices
    ]  # fmt: skip
    return (
        pl.concat([frame, pl.DataFrame(rows, schema={name: frame.schema[name] for name in rows[0]})], how="diagonal")
        if rows
        else frame
    )
