"""One finding per line, for grep and for editors: ``path:line:column: error FT101 name message``."""

from __future__ import annotations

from collections.abc import Iterator

from ftdata.report.escape import escape
from ftdata.report.known import verdict_words
from ftdata.types import Report


def render(report: Report) -> Iterator[str]:
    """Yield the lines of the report, sorted by path and line."""
    for item in report.inputs:
        if item.error:
            hint = f" {item.help}" if item.help else ""
            yield f"{escape(item.path)}: error: {escape(item.error)}.{escape(hint)}"
    for finding in report.findings:
        place = finding.location
        where = escape(place.path)
        if place.line is not None:
            where += f":{place.line}:{place.column or 1}"
        elif place.row is not None:
            where += f":row {place.row}"
        targets = f" [{', '.join(finding.targets)}]" if finding.targets else ""
        yield f"{where}: {finding.severity} {finding.code} {finding.name}{targets} {escape(finding.message)}"
    for verdict in report.verdicts:
        if verdict.status == "skipped":
            yield f"skipped {verdict.code} {verdict.name}: {escape(verdict.reason or '')}"
        if verdict.hidden:
            yield f"known {verdict.code} {verdict.name}: {escape(verdict_words(verdict, report.changes))}"
