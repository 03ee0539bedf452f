"""Expectations of packs as rules of a run: what Great Expectations says becomes findings and verdicts like any other."""

from __future__ import annotations

from typing import Any

from ftdata.expectations import Expectation, read_expectations
from ftdata.judge.dataset import Dataset
from ftdata.judge.facts import collect_facts
from ftdata.judge.select import Selected, Selection
from ftdata.measure.registry import MEASURES
from ftdata.rule import ANY_KIND, Hit, Rule, hit


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


def _rule(item: Expectation, number: int) -> Selected:
    rule = Rule(
        code=f"GX{number:03}", name=item.name, category="suspicious", scope="dataset", message="{words}", doc=item.because or item.type, check=lambda: None,
        help=item.because, kinds=ANY_KIND,
    )  # fmt: skip
    return Selected(rule, item.severity, {})
