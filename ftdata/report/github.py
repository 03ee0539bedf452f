"""Workflow commands for GitHub Actions: one annotation a rule, the worst rules first, within what a step may show.

GitHub keeps 10 errors, 10 warnings and 10 notices of a step, 50 of a job, and drops the rest without a word
(actions/toolkit#734). So a rule is one annotation at its first finding, never one a sample, and the
last notice names what was left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from ftdata.report.choose import examples, found, listed
from ftdata.report.escape import escape
from ftdata.report.full import changed, summary
from ftdata.report.known import hidden_words
from ftdata.report.places import Places, line
from ftdata.types import SEVERITIES, Finding, Report, Severity, Verdict

LIMIT = 10
MOST_MESSAGE = 1_000
COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}


def render(report: Report, root: str | None = None) -> Iterator[str]:
    """Yield workflow commands, at most ten of each kind, then the closing lines of the report for the log.

    Paths are told from ``root``, the root of the repository (the current folder where it is None).
    """
    places = Places(root)
    unread = [item for item in report.inputs if item.error]
    most = LIMIT - 1 if len(unread) >= LIMIT else LIMIT
    for item in unread[:most]:
        words = f"{item.error}. {item.help or ''}".rstrip()
        yield _command("error", "cannot be judged", words, file=places.path(item.path))
    if len(unread) > most:
        yield _command("error", "cannot be judged", f"{len(unread) - most:,} more files cannot be judged, see the log")
    left = dict.fromkeys(SEVERITIES, LIMIT)
    left["error"] -= min(len(unread), LIMIT)
    left["info"] -= 1  # the closing notice
    skipped = [verdict for verdict in report.verdicts if verdict.status == "skipped"]
    if skipped and report.fail_on_skip and left["error"]:
        left["error"] -= 1
        yield _command("error", "rules skipped", _skipped(skipped))
        skipped = []
    shown: list[Verdict] = []
    out: dict[str, int] = {}
    for verdict in found(report):
        if left[verdict.severity]:
            left[verdict.severity] -= 1
            shown.append(verdict)
        else:
            out[f"{verdict.name} {verdict.code}"] = out.get(f"{verdict.name} {verdict.code}", 0) + verdict.count
    first = examples(report, shown, 1)
    for verdict in shown:
        yield _annotation(verdict, first[verdict.code, verdict.targets], places)
    notes = [f"not shown for want of room, see the log or the summary: {listed(out)}"] if out else []
    notes += [_skipped(skipped)] if skipped else []
    notes += [words] if (words := hidden_words(report)) else []
    if notes:
        yield _command("notice", "ftdata", ". ".join(notes))
    yield from changed(report)
    yield from summary(report)


def _skipped(skipped: list[Verdict]) -> str:
    """Name the rules that were skipped, and why the first was."""
    names = {f"{verdict.name} {verdict.code}": None for verdict in skipped}
    shown = ", ".join(list(names)[:20]) + (f" and {len(names) - 20:,} more" if len(names) > 20 else "")
    return f"{len(names):,} rule{'s' if len(names) != 1 else ''} skipped: {shown} ({skipped[0].reason or 'no reason given'})"


def _annotation(verdict: Verdict, findings: list[Finding], places: Places) -> str:
    title = f"{verdict.name} {verdict.code}"
    if verdict.targets:
        title += f" [{', '.join(verdict.targets)}]"
    help = f"\nhelp: {escape(verdict.help)}" if verdict.help else ""
    if not findings:
        return _command(COMMANDS[verdict.severity], title, f"{verdict.count:,} findings{help}", escaped=True)
    finding = findings[0]
    place = finding.location
    row = f"row {place.row:,}: " if place.line is None and place.row is not None else ""
    words = row + line(finding.message, MOST_MESSAGE)
    if verdict.count > 1:
        words += f"\n{verdict.count:,} findings of this rule, this is the first"
    where: dict[str, object] = {"file": places.path(place.path)}
    if place.line is not None:
        where |= {"line": place.line, "col": place.column or 1}
    return _command(COMMANDS[verdict.severity], title, words + help, escaped=True, **where)


def _command(kind: str, title: str, message: str, *, escaped: bool = False, **where: object) -> str:
    """Return one workflow command. Newlines of an escaped message are ours and stay lines."""
    if not escaped:
        message = line(message, 2 * MOST_MESSAGE)
    properties = {**where, "title": line(title, 200)}
    words = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{kind} {words}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(escape(text)).replace(":", "%3A").replace(",", "%2C")
