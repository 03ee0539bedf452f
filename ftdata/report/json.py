"""JSON for machines: one object (``json``) or one finding a line (``json-lines``). Schema: ``schema.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftdata.types import Finding, InputReport, Report, Verdict


def schema() -> dict[str, Any]:
    """Return the published JSON schema of the ``json`` format."""
    loaded: dict[str, Any] = json.loads((Path(__file__).parent / "schema.json").read_text("utf-8"))
    return loaded


def render(report: Report) -> Iterator[str]:
    """Yield one JSON object; findings are written one by one, so that a million of them need no memory."""
    head = {
        "version": report.version,
        "exit_code": report.exit_code,
        "targets": list(report.targets),
        "goal": report.goal,
        "counts": report.counts,
        "inputs": [_input(item) for item in report.inputs],
        "facts": report.facts,
        "changes": asdict(report.changes) if report.changes is not None else None,
        "verdicts": [_verdict(verdict) for verdict in report.verdicts],
    }
    text = _dump(head)
    yield text[:-1] + ', "findings": ['
    last = len(report.findings) - 1
    for number, finding in enumerate(report.findings):
        yield _dump(finding_object(finding)) + ("," if number < last else "")
    yield "]}"


def render_lines(report: Report) -> Iterator[str]:
    """Yield one JSON object per finding."""
    for finding in report.findings:
        yield _dump(finding_object(finding))


def _dump(value: Any) -> str:
    # ASCII only: a terminal that shows the output interprets nothing of it.
    # "##[" starts a command anywhere in a line of an Azure or GitHub log; the escape reads back as the same text.
    return json.dumps(value, ensure_ascii=True, default=str).replace("##[", "#\\u0023[")


def finding_object(finding: Finding) -> dict[str, Any]:
    """Return a finding as the published object."""
    place = finding.location
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity,
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "row": place.row,
        "pointer": place.pointer,
        "sample": finding.sample,
        "message": finding.message,
        "targets": list(finding.targets),
        "excerpt": finding.excerpt,
        "fix": finding.fix,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    values = asdict(verdict)
    values["targets"] = list(verdict.targets)
    return values


def _input(item: InputReport) -> dict[str, Any]:
    return asdict(item)
