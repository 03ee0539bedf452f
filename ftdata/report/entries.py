"""What formats that list one problem after another hold: files that cannot be judged, findings, and notes on what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ftdata.report.choose import choose, digest, listed
from ftdata.report.known import hidden_words
from ftdata.report.places import Places, cut
from ftdata.types import Finding, Report, Severity

MOST_MESSAGE = 1_000
MOST_UNREAD = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One problem. ``finding`` is missing where files or the report itself are spoken of: then ``name`` says which, and
    ``line`` is missing too. ``path`` is told from the root of the repository; the fingerprint is distinct in its report."""

    words: str
    severity: Severity
    path: str
    fingerprint: str
    name: str
    line: int | None = None
    finding: Finding | None = None


def entries(report: Report, places: Places) -> Iterator[Entry]:
    """At most 100 files that cannot be judged, at most 1,000 findings, and what is left out."""
    unread = [item for item in report.inputs if item.error]
    for item in unread[:MOST_UNREAD]:
        words = f"cannot be judged: {item.error}. {item.help or ''}".rstrip()
        yield Entry(words, "error", places.shown(item.path), digest("unreadable", item.path), "unreadable-input")
    choice = choose(report)
    for chosen in choice.results:
        finding = chosen.finding
        at = finding.location
        words = cut(finding.message, MOST_MESSAGE)
        if chosen.count > 1:
            words = f"{chosen.count:,} findings in this file, this is the first: {words}"
        elif at.line is None and at.row is not None:
            words = f"row {at.row:,}: {words}"
        yield Entry(words, finding.severity, places.shown(at.path), chosen.fingerprint, finding.name, at.line, finding)
    path = places.shown(report.inputs[0].path) if report.inputs else "."
    if len(unread) > MOST_UNREAD:
        words = f"{len(unread) - MOST_UNREAD:,} more files cannot be judged"
        yield Entry(words, "error", path, digest("note", "blocker"), "ftdata")
    if choice.left_out:
        words = f"left out of this report for want of room: {listed(choice.left_out)}"
        yield Entry(words, "info", path, digest("note", "info"), "ftdata")
    if known := hidden_words(report):
        yield Entry(known, "info", path, digest("note", "info", "known"), "ftdata")
