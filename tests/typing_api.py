"""Checked by mypy, never run: what a typed program may write against the public names."""

from collections.abc import Iterator
from typing import Any

import ftdata
from ftdata import At, Finding, Report, Sample, at, rule

report: Report = ftdata.lint("train.jsonl", target=["openai"], goal="style", eval=["eval.jsonl"])
code: int = report.exit_code
first: Finding = report.findings[0]
line: int | None = first.location.line
gone: int = len(ftdata.find_near_duplicates("train.jsonl", threshold=90, keep="first").at(95).dropped)
errors: int = report.counts["error"]


@rule("ACME001", "too-polite", category="quality", scope="content", message="{count} times please", params={"max": 3})
def too_polite(sample: Sample, params: dict[str, Any]) -> Iterator[At]:
    """An answer that says please too often."""
    for message in sample.messages:
        if message.text.count("please") > params["max"]:
            yield at(message, count=message.text.count("please"))
