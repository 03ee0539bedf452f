"""JUnit XML: a suite for each file, a case for each rule, so that a thousand findings of one rule are one failure.

A case fails where the run would: from the severity of ``fail_on`` on. Findings below it are the case's output. There is
no standard; the elements and attributes are those of the schema that Jenkins publishes (xunit-plugin at 031e285, junit-10.xsd, read
2026-11-23).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ftdata.report.choose import found
from ftdata.report.escape import escape
from ftdata.report.known import verdict_words
from ftdata.report.places import Places, cut, line, named
from ftdata.types import SEVERITIES, Finding, Report, Verdict

EXAMPLES = 5
MOST_MESSAGE = 500
# A case for every rule in every file up to so many cases; beyond it a suite has only the rules that found something in it.
MOST_CASES = 20_000
MOST_SUITES = 5_000
# What is legal in JSON and on a terminal, but in no XML 1.0 document: escape() leaves these two alone.
_ILLEGAL = re.compile("[\ufffe\uffff]")
_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}

Cell = tuple[str, tuple[str, ...], str]


@dataclass(slots=True)
class _Case:
    """One rule in one file: its outcome is an element within the case, nothing where it passed."""

    name: str
    kind: str
    message: str = ""
    body: tuple[str, ...] = ()
    type: str = ""


def render(report: Report, root: str | None = None) -> Iterator[str]:
    """Yield one XML document. Skipped rules are skipped cases; with ``fail_on_skip`` they are failures.

    Paths are told from ``root``, the root of the repository (the current folder where it is None).
    """
    suites = list(_suites(report, Places(root)))
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    totals = Counter(case.kind for _, cases in suites for case in cases)
    yield f'<testsuites name="ftdata" tests="{totals.total()}" failures="{totals["failure"]}" errors="{totals["error"]}">'
    for path, cases in suites:
        name, kinds = xml(path), Counter(case.kind for case in cases)
        yield (
            f'  <testsuite name="{name}" tests="{len(cases)}" failures="{kinds["failure"]}" errors="{kinds["error"]}" '
            f'skipped="{kinds["skipped"]}">'
        )
        for case in cases:
            yield from _element(case, name)
        yield "  </testsuite>"
    yield "</testsuites>"


def _suites(report: Report, places: Places) -> Iterator[tuple[str, list[_Case]]]:
    """Yield the name and the cases of each suite, some 20,000 cases in all."""
    counts: Counter[Cell] = Counter()
    first: dict[Cell, list[Finding]] = {}
    for finding in report.findings:
        cell = (finding.code, finding.targets, finding.location.path)
        counts[cell] += 1
        if counts[cell] <= EXAMPLES and (cell in first or len(first) < MOST_CASES):
            first.setdefault(cell, []).append(finding)
    errors = {item.path: item for item in report.inputs if item.error}
    paths = list(dict.fromkeys([*(item.path for item in report.inputs), *(cell[2] for cell in counts)]))
    every = len(paths) * len(report.verdicts) <= MOST_CASES
    rest = sorted((v for v in report.verdicts if v.status != "found"), key=lambda v: (v.code, v.targets))
    cases, room = [], MOST_CASES
    if not (every and paths):
        cases = [_settled(verdict, report) for verdict in rest[:MOST_CASES]]
        yield "every file", cases
    for number, path in enumerate(paths):
        if room <= 0:
            words = f"{len(paths) - number:,} more files are not in this report"
            yield "more files", [_Case("files", "error", words, type="ftdata")]
            return
        if path in errors:
            item = errors[path]
            words = f"cannot be judged: {item.error}. {item.help or ''}".rstrip()
            cases = [_Case("readable", "error", words, type="unreadable-input")]
        else:
            cases = []
            for verdict in found(report):
                cell = (verdict.code, verdict.targets, path)
                if counts[cell]:
                    cases.append(_found(verdict, counts[cell], first.get(cell, []), report, places))
                elif every:
                    cases.append(_Case(_name(verdict), "passed"))
            cases += [_settled(verdict, report) for verdict in rest] if every else []
        room -= max(len(cases), 1)
        yield places.path(path), cases


def xml(text: str) -> str:
    """Return the text on one line, of legal characters of XML 1.0 only, for an element or an attribute."""
    shown = _ILLEGAL.sub(lambda m: f"\\u{ord(m.group()):04x}", escape(text))
    return "".join(_MARKUP.get(character, character) for character in shown)


def _name(verdict: Verdict) -> str:
    return f"{verdict.name} {verdict.code}" + (f" [{', '.join(verdict.targets)}]" if verdict.targets else "")


def _found(verdict: Verdict, count: int, findings: list[Finding], report: Report, places: Places) -> _Case:
    lines = [f"{named(finding.location, places)}: {line(finding.message, MOST_MESSAGE)}" for finding in findings]
    if count > len(findings):
        lines.append(f"... and {count - len(findings):,} more")
    if verdict.hidden:
        lines.append(f"known: {escape(verdict_words(verdict, report.changes))}")
    if verdict.help:
        lines.append(f"help: {escape(verdict.help)}")
    message = f"{count:,} {verdict.severity if count == 1 or verdict.severity == 'info' else verdict.severity + 's'}"
    fails = report.fail_on != "never" and SEVERITIES.index(verdict.severity) <= SEVERITIES.index(report.fail_on)
    return _Case(_name(verdict), "failure" if fails else "below", message, tuple(lines), verdict.severity)


def _settled(verdict: Verdict, report: Report) -> _Case:
    """The case of a rule that found nothing: passed, or skipped and why."""
    if verdict.status == "skipped":
        kind = "failure" if report.fail_on_skip else "skipped"
        return _Case(_name(verdict), kind, verdict.reason or "no reason given", type="skipped")
    if verdict.hidden:
        return _Case(_name(verdict), "below", f"known: {verdict_words(verdict, report.changes)}")
    return _Case(_name(verdict), "passed")


def _element(case: _Case, suite: str) -> Iterator[str]:
    head = f'    <testcase classname="{suite}" name="{xml(case.name)}"'
    message = xml(cut(case.message, 2 * MOST_MESSAGE))
    body = "\n".join(xml(words) for words in islice(case.body, EXAMPLES + 3))
    if case.kind == "passed":
        yield f"{head}/>"
        return
    yield f"{head}>"
    if case.kind == "skipped":
        yield f'      <skipped message="{message}"/>'
    elif case.kind == "below":
        yield f"      <system-out>{message}\n{body}</system-out>"
    else:
        yield f'      <{case.kind} message="{message}" type="{xml(case.type)}">{body}</{case.kind}>'
    yield "    </testcase>"
