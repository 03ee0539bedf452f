"""Code Quality of GitLab: a JSON array of issues (docs.gitlab.com/ci/testing/code_quality).

Of issues with one fingerprint GitLab shows the first only (gitlab.com/cromefire/detekt-gitlab-report, issue 10), so every
fingerprint here is distinct; paths are relative, without "./".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftdata.report.emit import separated
from ftdata.report.entries import MOST_MESSAGE, Entry, entries
from ftdata.report.escape import escape
from ftdata.report.places import Places, line
from ftdata.types import Report, Severity

LEVELS: dict[Severity, str] = {"error": "major", "warning": "minor", "info": "info"}


def render(report: Report, root: str | None = None) -> Iterator[str]:
    """Yield one JSON array, an issue a line, at most 1,000 of findings.

    Paths are told from ``root``, the root of the repository (the current folder where it is None).
    """
    yield "["
    yield from separated(map(_issue, entries(report, Places(root))))
    yield "]"


def _issue(entry: Entry) -> dict[str, Any]:
    name, words, level = entry.name, entry.words, LEVELS[entry.severity]
    if entry.finding is not None:
        name = f"{name} {entry.finding.code}"
        words = f"{name}: {words}"
    elif entry.severity == "error":
        level = "blocker"
    return {
        "description": line(words, 2 * MOST_MESSAGE),
        "check_name": escape(name),
        "fingerprint": entry.fingerprint,
        "severity": level,
        "location": {"path": entry.path, "lines": {"begin": entry.line or 1}},
    }
