"""Code Quality of GitLab: a JSON array of issues (docs.gitlab.com/ci/testing/code_quality).

Of issues with one fingerprint GitLab shows the first only (gitlab.com/cromefire/detekt-gitlab-report, issue 10), so every
fingerprint here is distinct; paths are relative, without "./".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftdata.report.choose import choose, digest, listed
from ftdata.report.emit import separated
from ftdata.report.escape import escape
from ftdata.report.known import hidden_words
from ftdata.report.places import Places, cut, line
from ftdata.types import Report, Severity

LEVELS: dict[Severity, str] = {"error": "major", "warning": "minor", "info": "info"}
MOST_MESSAGE = 1_000
MOST_UNREAD = 100


def render(report: Report, root: str | None = None) -> Iterator[str]:
    """Yield one JSON array, an issue a line, at most 1,000 of findings.

    Paths are told from ``root``, the root of the repository (the current folder where it is None).
    """
    yield "["
    yield from separated(_issues(report, Places(root)))
    yield "]"


def _issues(report: Report, places: Places) -> Iterator[dict[str, Any]]:
    unread = [item for item in report.inputs if item.error]
    for item in unread[:MOST_UNREAD]:
        words = f"cannot be judged: {item.error}. {item.help or ''}".rstrip()
        yield _issue("unreadable-input", words, "blocker", places.shown(item.path), 1, digest("unreadable", item.path))
    choice = choose(report)
    for chosen in choice.results:
        finding = chosen.finding
        words = cut(finding.message, MOST_MESSAGE)
        if chosen.count > 1:
            words = f"{chosen.count:,} findings in this file, this is the first: {words}"
        elif finding.location.line is None and finding.location.row is not None:
            words = f"row {finding.location.row:,}: {words}"
        path, start = places.shown(finding.location.path), finding.location.line or 1
        name = f"{finding.name} {finding.code}"
        yield _issue(name, f"{name}: {words}", LEVELS[finding.severity], path, start, chosen.fingerprint)
    notes = []
    if len(unread) > MOST_UNREAD:
        notes.append(("blocker", f"{len(unread) - MOST_UNREAD:,} more files cannot be judged"))
    if choice.left_out:
        notes.append(("info", f"left out of this report for want of room: {listed(choice.left_out)}"))
    known = hidden_words(report)
    if known:
        notes.append(("info", known))
    path = places.shown(report.inputs[0].path) if report.inputs else "."
    for level, words in notes:
        yield _issue("ftdata", words, level, path, 1, digest("note", level, *["known"] * (words == known)))


def _issue(name: str, words: str, level: str, path: str, begin: int, fingerprint: str) -> dict[str, Any]:
    return {
        "description": line(words, 2 * MOST_MESSAGE),
        "check_name": escape(name),
        "fingerprint": fingerprint,
        "severity": level,
        "location": {"path": path, "lines": {"begin": begin}},
    }
