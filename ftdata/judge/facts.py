"""Facts: numbers about the whole input, computed from the table of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ftdata.judge.dataset import Dataset

if TYPE_CHECKING:
    import polars as pl


def _distinct(ids: pl.Series) -> int:
    """How many different ones there are. Only those whose hash stands twice are compared."""
    twice = ids.filter(ids.hash(0).is_duplicated())
    return len(ids) - len(twice) + twice.n_unique()


def collect_facts(dataset: Dataset, tokens: str | None) -> dict[str, Any]:
    """Return the facts of the input; token facts only where tokens were counted."""
    import polars as pl

    table = dataset.table
    if (table["kind"].cast(pl.String) == "none").any():
        table = table.filter(pl.col("kind").cast(pl.String) != "none")
    facts: dict[str, Any] = {
        "samples": table.height,
        "lost_rows": sum(counted.report.lost for counted in dataset.files),
        "distinct_samples": _distinct(table["id"]),
        "train_samples": int((~table["held"]).sum()),
        "eval_samples": int(table["held"].sum()),
        "formats": dict(sorted(table.group_by(pl.col("format").cast(pl.String)).len().iter_rows())) if table.height else {},
    }
    if tokens and table.height:
        counts = table[tokens]
        facts["tokens"] = {
            "tokenizer": tokens.split("@", 1)[1].split("+")[0],
            "total": int(counts.sum()),
            "trained": int(table[tokens.replace("n_tokens", "n_trained_tokens", 1)].sum()),
            "mean": round(float(counts.mean() or 0), 1),  # type: ignore[arg-type]
            "median": int(counts.quantile(0.5, "lower") or 0),
            "p95": int(counts.quantile(0.95, "lower") or 0),
            "max": int(counts.max() or 0),  # type: ignore[arg-type]
        }
    return facts
