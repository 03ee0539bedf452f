"""Expectations of packs as rules of a run: what Great Expectations says becomes findings and verdicts like any other."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ftdata.expectations import Expectation, read_expectations
from ftdata.judge.dataset import Dataset
from ftdata.judge.facts import collect_facts
from ftdata.judge.select import Selected, Selection
from ftdata.measure.registry import MEASURES
from ftdata.rule import ANY_KIND, Hit, Rule, hit

if TYPE_CHECKING:
    from ftdata.expectations.compile import Ruled
    from ftdata.judge.known import Examined
    from ftdata.types import Report, Severity


_BUDGETED: tuple[Severity, ...] = ("error", "warning")


def expectations_of(selection: Selection) -> list[Expectation]:
    """The expectations of all packs of a run, in their order."""
    return [item for pack in selection.packs for item in read_expectations(pack.data.get("expectations") or [], pack.origin)]


def columns_of(selection: Selection) -> list[str]:
    """The measures that expectations over the samples name."""
    return [name for item in expectations_of(selection) if item.batch == "samples" for name in item.columns if name in MEASURES]


def judge_expectations(
    selection: Selection, dataset: Dataset, tokens: str | None
) -> list[tuple[Selected, list[Hit], str | None]]:
    """Run them. Returns for each its rule, what it found, and why it was skipped, if it was. Nothing is loaded where there are none."""
    expectations = expectations_of(selection)
    if not expectations:
        return []
    from ftdata.errors import MissingExtra
    from ftdata.expectations.gx import run

    rules = [_rule(item, number) for number, item in enumerate(expectations, 1)]
    try:
        outcomes = run(expectations, samples_of(dataset, tokens), collect_facts(dataset, tokens))
    except MissingExtra as error:
        return [(selected, [], f"{error.message}: {error.hint}") for selected in rules]
    found: list[tuple[Selected, list[Hit], str | None]] = []
    for selected, outcome in zip(rules, outcomes, strict=True):
        if outcome.status == "skipped":
            found.append((selected, [], outcome.reason or "no reason given"))
            continue
        observed = f", observed {outcome.observed:g}" if outcome.observed is not None else ""
        rows = f"{outcome.count:,} of {outcome.of:,} rows are" if outcome.of > 1 else "it is"
        words = f"{rows} not as expected{observed}"
        found.append((selected, [hit(None, words=words)] if outcome.status == "found" else [], None))
    return found


def samples_of(dataset: Dataset, tokens: str | None) -> Any:
    """The measures that were computed, one row a sample; token counts under their plain names."""
    table = dataset.table
    if tokens is not None:
        plain = {tokens: "n_tokens", tokens.replace("n_tokens", "n_trained_tokens", 1): "n_trained_tokens"}
        table = table.rename(
            {long: short for long, short in plain.items() if long in table.columns and short not in table.columns}
        )
    return table.select(
        [
            "id",
            *(name for name in table.columns if name in MEASURES or name in ("n_tokens", "n_trained_tokens", "format", "kind")),
        ]
    )


def ruled_of(examined: Examined, report: Report) -> list[Ruled]:
    """The rules of a run with their verdicts, for ``expectations.compile``; expectations themselves are left out."""
    import polars as pl

    from ftdata.expectations.compile import Ruled
    from ftdata.packs import parse_budget

    frame = getattr(report.findings, "frame", None)
    samples: dict[int, int] = {}
    if frame is not None and frame.height:
        samples = dict(frame.group_by("step").agg(pl.col("at").n_unique()).iter_rows())
    ruled = []
    for number, (verdict, chosen) in enumerate(zip_longest(report.verdicts, examined.rules)):
        if verdict.code.startswith("GX"):
            continue
        if chosen is None:  # about exceptions, or a plugin that did not load
            ruled.append(Ruled(verdict, verdict.severity, verdict.count))
            continue
        budgets: dict[Severity, tuple[float, bool]] = {
            name: parse_budget(chosen.budgets[name], verdict.name) for name in _BUDGETED if name in chosen.budgets
        }
        ruled.append(Ruled(verdict, chosen.severity, samples.get(number, 0), chosen.params, chosen.rule.kinds, budgets))
    return ruled


def _rule(item: Expectation, number: int) -> Selected:
    rule = Rule(
        code=f"GX{number:03}", name=item.name, category="suspicious", scope="dataset", message="{words}", doc=item.because or item.type, check=lambda: None,
        help=item.because, kinds=ANY_KIND,
    )  # fmt: skip
    return Selected(rule, item.severity, {})
