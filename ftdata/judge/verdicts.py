"""Verdicts: what each rule says about the whole input, by its findings and its budgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ftdata.judge.dataset import Dataset
from ftdata.judge.select import Selected
from ftdata.packs import parse_budget
from ftdata.types import Severity, Verdict

if TYPE_CHECKING:
    import polars as pl


# Why a finding is left out: the commit compared with had it. Others are "baseline" and "suppressed".
BASE = "base"


def complete(frame: pl.DataFrame, dataset: Dataset, rules: Sequence[Selected], tokens: str | None) -> pl.DataFrame:
    """Add path, rule, severity, the sample's hash and its tokens to each finding, and the hash of the other sample it names."""
    import polars as pl

    table = dataset.table.with_row_index("at").select(
        pl.col("at").cast(pl.Int64).alias("row"),
        pl.col("id").alias("sample"),
        pl.col("row").alias("number"),
        (pl.col(tokens) if tokens else pl.lit(None, dtype=pl.UInt32)).alias("tokens"),
    )
    of_step = pl.DataFrame(
        {
            "step": pl.Series(range(len(rules)), dtype=pl.UInt16),
            "code": [s.rule.code for s in rules],
            "name": [s.rule.name for s in rules],
            "severity": pl.Series([s.severity for s in rules], dtype=pl.String),
        },
        schema_overrides={"code": pl.String, "name": pl.String},
    )
    of_file = pl.DataFrame(
        {
            "file": pl.Series(range(len(dataset.files)), dtype=pl.UInt16),
            "path": pl.Series([counted.report.path for counted in dataset.files], dtype=pl.String),
        }
    )
    partner = dataset.table.with_row_index("other").select(pl.col("other").cast(pl.Int64), pl.col("id").alias("partner"))
    return (
        frame.join(table, on="row", how="left", maintain_order="left")
        .join(partner, on="other", how="left", maintain_order="left")
        .join(of_step, on="step", how="left", maintain_order="left")
        .join(of_file, on="file", how="left", maintain_order="left")
        .rename({"row": "at", "number": "row"})
    )


def make_verdicts(
    frame: pl.DataFrame, dataset: Dataset, rules: Sequence[Selected], skipped: Mapping[int, str]
) -> tuple[list[Verdict], pl.DataFrame]:
    """Return what each rule says about the whole input, and the findings that count, with the severity that budgets give.

    Where ``frame`` has a column ``hidden`` (why a finding is known, else null), those are counted apart and left out. A budget
    is about the whole set: what the commit of ``--since`` had counts for it, what is accepted by a person does not.
    """
    import polars as pl

    kinds: Counter[str] = Counter()
    for counted in dataset.files:
        kinds.update(counted.kinds)
    weighed: dict[int, int] = {}
    hidden: dict[int, dict[str, int]] = {}
    if "hidden" in frame.columns:
        of_set = frame.filter(pl.col("hidden").is_null() | (pl.col("hidden") == BASE))
        weighed = dict(of_set.group_by("step").agg(pl.col("at").n_unique()).iter_rows())
        known = frame.filter(pl.col("hidden").is_not_null()).group_by("step", "hidden").len().sort("step", "hidden")
        for step, why, count in known.iter_rows():
            hidden.setdefault(step, {})[why] = count
        frame = frame.filter(pl.col("hidden").is_null()).drop("hidden")
    counts = {
        row["step"]: row
        for row in frame.group_by("step").agg(
            pl.len().alias("n"),
            pl.col("at").n_unique().alias("samples"),
            pl.struct("at", "tokens").unique().struct.field("tokens").sum().alias("tokens"),
        ).iter_rows(named=True)
    }  # fmt: skip
    has_tokens = frame["tokens"].is_not_null().any() if frame.height else False
    verdicts: list[Verdict] = []
    changed: dict[int, Severity] = {}
    for number, selected in enumerate(rules):
        rule, counted_row = selected.rule, counts.get(number)
        of = len(dataset.files) if rule.scope == "file" else sum(n for kind, n in kinds.items() if kind in rule.kinds)
        verdict = Verdict(
            code=rule.code, name=rule.name, status="clean", severity=selected.severity, of=of,
            targets=selected.targets, help=_filled(rule.help, selected.params), fixable=rule.fix_safety,
            notes=[f"{target}: {words}" for target, words in selected.because.items()], hidden=hidden.get(number, {}),
        )  # fmt: skip
        if number in skipped:
            verdict.status, verdict.reason = "skipped", skipped[number]
        elif counted_row:
            verdict.status, verdict.count = "found", counted_row["n"]
            verdict.tokens = counted_row["tokens"] if has_tokens and rule.scope != "file" else None
            verdict.severity = budgeted(selected, weighed.get(number, counted_row["samples"]), of)
            if verdict.severity != selected.severity:
                changed[number] = verdict.severity
        elif verdict.hidden:
            verdict.status = "suppressed"
        verdicts.append(verdict)
    if changed:
        frame = frame.with_columns(
            pl.col("step").replace_strict(changed, default=pl.col("severity"), return_dtype=pl.String).alias("severity")
        )
    return verdicts, frame


def _filled(help: str | None, params: Mapping[str, Any]) -> str | None:
    for name, value in params.items():
        if help and isinstance(value, str):
            help = help.replace("{" + name + "}", value)
    return help


def budgeted(selected: Selected, count: int, of: int) -> Severity:
    """Return the severity that the budgets give to so many findings; within every budget it is information."""
    if not selected.budgets:
        return selected.severity
    for severity in ("error", "warning"):
        if severity in selected.budgets:
            limit, share = parse_budget(selected.budgets[severity], selected.rule.name)
            if (count / of if share and of else count) > limit:
                return severity
    return "info"
