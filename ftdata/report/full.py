"""The report for people: grouped by rule, a few examples each, the fault marked, and what to do about it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from ftdata.report.escape import escape, escape_marked, width
from ftdata.report.known import change_lines, hidden_words, verdict_words
from ftdata.types import SEVERITIES, Finding, InputReport, Report, Severity, Verdict

Style = Callable[..., str]
COLOURS: dict[Severity, str] = {"error": "red", "warning": "yellow", "info": "blue"}


def plain(text: str, **_: object) -> str:
    """A style that changes nothing, for output that is no terminal."""
    return text


def render(report: Report, examples: int = 3, style: Style = plain) -> Iterator[str]:
    """Yield the lines of the report; ``examples`` findings are shown of each rule."""
    for item in report.inputs:
        if item.error:
            yield f"{style('cannot be judged', fg='red', bold=True)} {escape(item.path)}: {escape(item.error)}"
            if item.help:
                yield f"  {style('help:', fg='cyan')} {escape(item.help)}"
            yield ""
    for verdict in sorted(report.verdicts, key=_worst_first):
        if verdict.status == "found":
            yield from _rule(report, verdict, examples, style)
            yield ""
    for verdict in report.verdicts:
        if verdict.status == "skipped":
            yield f"{style('skipped', fg='magenta')} {verdict.name} {verdict.code}: {escape(verdict.reason or '')}"
    if any(verdict.status == "skipped" for verdict in report.verdicts):
        yield ""
    yield from changed(report, style)
    yield from summary(report, style)


def changed(report: Report, style: Style = plain) -> Iterator[str]:
    """Yield what changed since a commit, with an empty line after it, where only that was judged."""
    for number, line in enumerate(change_lines(report)):
        yield style(escape(line), bold=True) if number == 0 else escape(line)
    if report.changes is not None:
        yield ""


def _worst_first(verdict: Verdict) -> tuple[int, int, str]:
    return SEVERITIES.index(verdict.severity), -verdict.count, verdict.code


def _rule(report: Report, verdict: Verdict, examples: int, style: Style) -> Iterator[str]:
    colour = COLOURS[verdict.severity]
    several = len(report.targets) > 1
    targets = f" [{', '.join(verdict.targets)}]" if verdict.targets and several else ""
    yield (f"{style(verdict.name, bold=True)} {verdict.code} {style(verdict.severity, fg=colour, bold=True)}{escape(targets)}")
    findings, total = _examples(report, verdict, examples)
    for finding in findings:
        yield from _finding(finding, colour, style)
    if total > len(findings):
        price = _price(verdict)
        yield f"  … and {total - len(findings):,} more" + (f" ({price})" if price else "")
    elif verdict.tokens:
        yield f"  {_price(verdict)}"
    if verdict.help:
        yield f"  {style('help:', fg='cyan')} {verdict.help}"
    for note in verdict.notes:
        yield f"  {style('note:', fg='cyan')} {escape(note)}"
    if verdict.hidden:
        yield f"  {style('known:', fg='cyan')} {escape(verdict_words(verdict, report.changes))}"


def _examples(report: Report, verdict: Verdict, limit: int) -> tuple[list[Finding], int]:
    of = getattr(report.findings, "of_verdict", None)
    if of is not None:
        return of(verdict, limit), verdict.count
    same = (f for f in report.findings if f.code == verdict.code and f.targets == verdict.targets)
    return list(itertools.islice(same, limit)), verdict.count


def _price(verdict: Verdict) -> str:
    """How much of the input it concerns and what that costs: "12 of 6,740 samples, 4,120 tokens per epoch"."""
    parts = []
    if 1 < verdict.count <= verdict.of:
        parts.append(f"{verdict.count:,} of {verdict.of:,}, {100 * verdict.count / verdict.of:.2g} %")
    if verdict.tokens:
        parts.append(f"{verdict.tokens:,} tokens per epoch")
    return "; ".join(parts)


def place_of(finding: Finding) -> str:
    """Name where a finding is: path:line:column, or path and row where the container has no lines."""
    place = finding.location
    if place.line is not None:
        return f"{escape(place.path)}:{place.line}" + (f":{place.column}" if place.column else "")
    return f"{escape(place.path)}" + (f" row {place.row}" if place.row is not None else "")


def _finding(finding: Finding, colour: str, style: Style) -> Iterator[str]:
    sample = f"  sample {finding.sample[:8]}" if finding.sample else ""
    yield f"  {style('-->', fg='blue')} {place_of(finding)}{style(sample, dim=True)}"
    gutter = style("   |", fg="blue")
    if finding.where or finding.excerpt:
        lead = f"{escape(finding.where)}  " if finding.where else ""
        text, mark = escape_marked(finding.excerpt or "", finding.mark)
        yield f"{gutter} {style(lead, dim=True)}{text}"
        if mark is None and finding.where and (finding.location.pointer or "").endswith(("/role", "/from")):
            # The fault is the role itself, which stands in the lead.
            at = lead.rstrip().rfind(" ") + 1
            yield f"{gutter} {' ' * width(lead[:at])}{style('^' * width(lead[at:].rstrip()), fg=colour, bold=True)}"
        if mark is not None:
            indent = width(lead) + width(text[: mark[0]])
            yield f"{gutter} {' ' * indent}{style('^' * max(width(text[mark[0] : mark[1]]), 1), fg=colour, bold=True)}"
    yield f"   {style('=', fg='blue')} {escape(finding.message)}"


def summary(report: Report, style: Style = plain) -> Iterator[str]:
    """Yield the closing lines: what was read, and how it stands."""
    read = [item for item in report.inputs if not item.error]
    formats = sorted({item.format for item in read if item.format})
    files = f"{len(read):,} file{'s' if len(read) != 1 else ''}"
    shown = ", ".join(formats[:4]) + (f" and {len(formats) - 4} more" if len(formats) > 4 else "")
    parts = [f"{report.facts.get('samples', 0):,} samples in {files}" + (f" ({shown})" if shown else "")]
    tokens = report.facts.get("tokens")
    if tokens:
        parts.append(f"{tokens['total']:,} tokens ({escape(tokens['tokenizer'])})")
    parts.append(f"{len(report.verdicts):,} rules")
    yield " · ".join(parts)
    if len(read) > 1:
        yield from _files(read)
    counts = report.counts
    words = [
        style(f"{counts[s]:,} {s if s == 'info' or counts[s] == 1 else s + 's'}", fg=COLOURS[s], bold=True)
        for s in SEVERITIES
        if counts[s]
    ]
    skipped = sum(verdict.status == "skipped" for verdict in report.verdicts)
    failed = len(report.inputs) - len(read)
    words += [f"{skipped} rule{'s' if skipped != 1 else ''} skipped"] if skipped else []
    words += [style(f"{failed} file{'s' if failed != 1 else ''} could not be judged", fg="red", bold=True)] if failed else []
    known = hidden_words(report)
    if words:
        yield "Found " + ", ".join(words) + "."
        yield from _fixable(report)
    elif read:
        yield style("Nothing new." if known else "All checks passed.", fg="green", bold=True)
    if known:
        yield f"{escape(known)}."


def _fixable(report: Report) -> Iterator[str]:
    """What can be done about it by a machine. A fix that does not fit a sample leaves it alone, hence "up to"."""
    safe, unsafe = (
        sum(v.count for v in report.verdicts if v.status == "found" and v.fixable == kind) for kind in ("safe", "unsafe")
    )
    if safe:
        yield f"Up to {safe:,} can be fixed with --fix" + (f", {unsafe:,} more with --unsafe-fixes." if unsafe else ".")
    elif unsafe:
        yield f"Up to {unsafe:,} can be fixed with --fix --unsafe-fixes: look at what they do with --diff."


def _files(read: list[InputReport], most: int = 12) -> Iterator[str]:
    """One line a file: its format as detected, its samples, and what it is for."""
    widest = min(max(width(escape(item.path)) for item in read[:most]), 60)
    for item in read[:most]:
        use = ", for evaluation" if item.role == "eval" else ""
        lost = f", {item.lost:,} rows unreadable" if item.lost else ""
        yield f"  {escape(item.path):<{widest}}  {item.format}  {item.samples:,} samples{use}{lost}"
    if len(read) > most:
        yield f"  … and {len(read) - most:,} more files"


def statistics(report: Report) -> Iterator[str]:
    """Yield one line a rule, most findings first: count, severity, code, name, tokens per epoch."""
    found = sorted((v for v in report.verdicts if v.status == "found"), key=lambda v: (-v.count, v.code))
    widest = max((len(f"{v.count:,}") for v in found), default=0)
    for verdict in found:
        tokens = f"  {verdict.tokens:,} tokens per epoch" if verdict.tokens else ""
        targets = f" [{', '.join(verdict.targets)}]" if verdict.targets else ""
        yield f"{verdict.count:>{widest},}  {verdict.severity:<7}  {verdict.code}  {verdict.name}{escape(targets)}{tokens}"
    for verdict in report.verdicts:
        if verdict.status == "skipped":
            yield f"{'-':>{widest}}  skipped  {verdict.code}  {verdict.name}: {escape(verdict.reason or '')}"
        if verdict.hidden:
            yield f"{'-':>{widest}}  known    {verdict.code}  {verdict.name}: {escape(verdict_words(verdict, report.changes))}"
