"""Reviewdog's diagnostics (rdjson): one JSON object.

Its columns count bytes of UTF-8 (reviewdog/reviewdog at 08614ef, proto/rdf/reviewdog.proto, read 2026-11-23), ours
characters, so a place is a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftdata.report.emit import separated
from ftdata.report.entries import MOST_MESSAGE, Entry, entries
from ftdata.report.escape import escape
from ftdata.report.places import Places, line
from ftdata.types import Report, Severity

LEVELS: dict[Severity, str] = {"error": "ERROR", "warning": "WARNING", "info": "INFO"}


def render(report: Report, root: str | None = None) -> Iterator[str]:
    """Yield one JSON object, a diagnostic a line, at most 1,000 of findings.

    Paths are told from ``root``, the root of the repository (the current folder where it is None).
    """
    yield '{"source": {"name": "ftdata"}, "diagnostics": ['
    yield from separated(map(_diagnostic, entries(report, Places(root))))
    yield "]}"


def _diagnostic(entry: Entry) -> dict[str, Any]:
    location: dict[str, Any] = {"path": entry.path}
    if entry.line is not None:
        location["range"] = {"start": {"line": entry.line}}
    found = entry.finding
    return {
        "message": line(f"{found.name}: {entry.words}" if found else entry.words, 2 * MOST_MESSAGE),
        "location": location,
        "severity": LEVELS[entry.severity],
        "code": {"value": escape(found.code if found else entry.name)},
    }
