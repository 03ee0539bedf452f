"""Reviewdog's diagnostics (rdjson): one JSON object.

Its columns count bytes of UTF-8 (reviewdog/reviewdog at 08614ef, proto/rdf/reviewdog.proto, read 2026-11-23), ours
characters, so a place is a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftdata.report.choose import choose, listed
from ftdata.report.emit import separated
from ftdata.report.escape import escape
from ftdata.report.known import hidden_words
from ftdata.report.places import Places, cut, line
from ftdata.types import Report, Severity

LEVELS: dict[Severity, str] = {"error": "ERROR", "warning": "WARNING", "info": "INFO"}
MOST_MESSAGE = 1_000
MOST_UNREAD = 100


def render(report: Report, root: str | None = None) -> Iterator[str]:
    """Yield one JSON object, a diagnostic a line, at most 1,000 of findings.

    Paths are told from ``root``, the root of the repository (the current folder where it is None).
    """
    yield '{"source": {"name": "ftdata"}, "diagnostics": ['
    yield from separated(_diagnostics(report, Places(root)))
    yield "]}"


def _diagnostics(report: Report, places: Places) -> Iterator[dict[str, Any]]:
    unread = [item for item in report.inputs if item.error]
    for item in unread[:MOST_UNREAD]:
        words = f"cannot be judged: {item.error}. {item.help or ''}".rstrip()
        yield _diagnostic(words, places.shown(item.path), None, "ERROR", "unreadable-input")
    choice = choose(report)
    for chosen in choice.results:
        finding = chosen.finding
        words = cut(finding.message, MOST_MESSAGE)
        if chosen.count > 1:
            words = f"{chosen.count:,} findings in this file, this is the first: {words}"
        elif finding.location.line is None and finding.location.row is not None:
            words = f"row {finding.location.row:,}: {words}"
        path = places.shown(finding.location.path)
        level = LEVELS[finding.severity]
        yield _diagnostic(f"{finding.name}: {words}", path, finding.location.line, level, finding.code)
    path = places.shown(report.inputs[0].path) if report.inputs else "."
    if len(unread) > MOST_UNREAD:
        yield _diagnostic(f"{len(unread) - MOST_UNREAD:,} more files cannot be judged", path, None, "ERROR", "ftdata")
    if choice.left_out:
        words = f"left out of this report for want of room: {listed(choice.left_out)}"
        yield _diagnostic(words, path, None, "INFO", "ftdata")
    if known := hidden_words(report):
        yield _diagnostic(known, path, None, "INFO", "ftdata")


def _diagnostic(words: str, path: str, start: int | None, level: str, code: str) -> dict[str, Any]:
    location: dict[str, Any] = {"path": path}
    if start is not None:
        location["range"] = {"start": {"line": start}}
    return {
        "message": line(words, 2 * MOST_MESSAGE),
        "location": location,
        "severity": level,
        "code": {"value": escape(code)},
    }
