"""Markdown for people on GitHub and GitLab: the summary of a job, or a comment, cut to a budget of bytes.

GitHub drops a job summary of more than 1,024 KiB as a whole (docs.github.com, workflow commands), and refuses a comment of
more than 65,536 characters (telia-oss/github-pr-resource#259). What does not fit is left out by whole rules, and the last line says so.
Nothing of the data is read as Markdown or HTML: it stands in ``<code>``, every character that could act as an entity.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ftdata.report.choose import examples, found
from ftdata.report.known import base_name, counts_words, facts_rows, hidden_words, pairs_of, place_words, verdict_words
from ftdata.report.places import Places, line, named
from ftdata.types import SEVERITIES, Changes, Finding, InputReport, Pair, Report, Severity, Verdict

# Fits a comment, and shows every rule of most runs; a job summary takes SUMMARY_BYTES.
COMMENT_BYTES = 60_000
SUMMARY_BYTES = 1_000_000
LEAST_BYTES = 2_000
EXAMPLES = 3
MOST_TEXT = 300
MOST_UNREAD = 20
MOST_PAIRS = 10
MARKS: dict[Severity, str] = {"error": "🔴", "warning": "🟡", "info": "🔵"}
REST = "The whole report: run `ftdata lint` on the same files."

# What Markdown or HTML could read. Letters, digits, spaces, other scripts and , ; ? % ' " ( ) / + = - never act in <code>.
_ACTS = re.compile(r"[&<>`*_\[\]\\|~!#@:$^{}]|(?<=[wW])\.")
# What a platform turns into a link or a mention after Markdown is done, unless it stands in code: @name, #12, !3, a commit.
_LINKS = re.compile(r"[@#!$%~&^*]\S|://|www\.|\bGH-\d|\b[0-9a-f]{7,40}\b|\S@\S|\[\w+:", re.I)


def render(
    report: Report, root: str | None = None, *, budget: int = COMMENT_BYTES, shown: int = EXAMPLES, rest: str = REST
) -> Iterator[str]:
    """Yield Markdown of at most ``budget`` bytes in UTF-8, newlines included; worst rules first, ``shown`` findings each.

    ``rest`` is Markdown of the caller that says where the whole report is; it is shown where something is left out.
    Paths are told from ``root``. Raises ValueError for a budget below 2,000 bytes or too small for ``rest``.
    """
    tail = f"\n{rest}" if rest else ""
    if budget < LEAST_BYTES + 2 * _size(tail):
        raise ValueError(f"a budget of {budget} bytes is too small; {LEAST_BYTES + 2 * _size(tail)} is the least")
    places = Places(root)
    verdicts = found(report)
    left = budget - _size(tail) - 300  # for the closing line
    for each in _head(report):
        left -= _size(each) + 1
        yield each
    missing: Counter[str] = Counter()
    for kind, part in _parts(report, verdicts, places, shown):
        size = sum(_size(row) + 1 for row in part)
        if kind in missing or size > left:  # what is worse is never left out for what is shorter
            missing[kind] += 1
            continue
        left -= size
        yield from part
    if missing:
        yield ""
        yield f"… cut to {budget:,} bytes: {_counted(missing)} left out.{tail}"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _counted(missing: Counter[str]) -> str:
    return ", ".join(_plural(count, kind) for kind, count in missing.items())


def code(text: str, most: int = MOST_TEXT) -> str:
    """Return text of the data as inline code that shows it and does nothing, in a table, a list or HTML."""
    return f"<code>{_entities(line(text, most))}</code>"


def words(text: str, most: int = MOST_TEXT) -> str:
    """Return a sentence as plain text; as code where a platform would make a link or a mention of a part of it."""
    shown = line(text, most)
    return f"<code>{_entities(shown)}</code>" if _LINKS.search(shown) else _entities(shown)


def _entities(text: str) -> str:
    # An address is linked after entities are read, even within <code>; the comment parts it (cmark-gfm 0.29.0.gfm.13).
    return _ACTS.sub(lambda m: f"&#{ord(m.group())};" + "<!-- -->" * (m.group() == "@"), text)


def _plural(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 or word == 'info' else 's'}"


def _head(report: Report) -> Iterator[str]:
    """The heading, which is the verdict, and one line about what was judged."""
    counts = report.counts
    parts = [_plural(counts[severity], severity) for severity in SEVERITIES if counts[severity]]
    unread = sum(bool(item.error) for item in report.inputs)
    parts = ([f"{_plural(unread, 'file')} could not be judged"] if unread else []) + parts
    skipped = sum(verdict.status == "skipped" for verdict in report.verdicts)
    mark = {0: "✅", 1: "❌"}.get(report.exit_code, "❌")
    yield f"## {mark} ftdata: {', '.join(parts) or _nothing(report)}"
    yield ""
    facts = [f"{report.facts.get('samples', 0):,} samples in {_plural(len(report.inputs) - unread, 'file')}"]
    tokens = report.facts.get("tokens")
    if tokens:
        facts.append(f"{tokens['total']:,} tokens ({words(str(tokens['tokenizer']), 60)})")
    if report.targets:
        facts.append(f"for {words(', '.join(report.targets), 100)}")
    facts.append(_plural(len(report.verdicts), "rule") + (f", {skipped:,} of them skipped" if skipped else ""))
    yield " · ".join(facts)
    changes = report.changes
    if changes is not None:
        name = base_name(changes)
        commit = f" ({code(changes.commit[:12])})" if changes.commit and changes.commit[:12] != name else ""
        yield ""
        yield f"**Since {code(name, 100)}**{commit}: {counts_words(changes)}"


def _nothing(report: Report) -> str:
    return "no input" if not report.inputs else "no new findings" if report.hidden or report.changes else "no findings"


def _parts(report: Report, verdicts: list[Verdict], places: Places, shown: int) -> Iterator[tuple[str, list[str]]]:
    """Yield blocks of lines with the word for what each is, the most important first; each is shown whole or not at all."""
    unread = [item for item in report.inputs if item.error]
    for number, item in enumerate(unread[:MOST_UNREAD]):
        yield "file", [*([""] if number == 0 else []), _unread(item, places)]
    if len(unread) > MOST_UNREAD:
        yield "note", [f"- and {len(unread) - MOST_UNREAD:,} more files"]
    found_of = examples(report, verdicts, max(shown, 1))
    for number, verdict in enumerate(verdicts):
        first = found_of[verdict.code, verdict.targets]
        head = ["", "| | rule | findings | first | what to do |", "|---|---|--:|---|---|"] if number == 0 else []
        yield "rule", [*head, _row(verdict, first, places)]
    if report.changes is not None:
        yield "table of changes", _changes(report, report.changes)
    for verdict in verdicts if shown else ():
        yield "example block", _details(verdict, found_of[verdict.code, verdict.targets], places)
    skipped = [verdict for verdict in report.verdicts if verdict.status == "skipped"]
    if skipped:
        yield "list of skipped rules", _skipped(skipped)
    if report.changes is not None:
        for of, word in (("edited", "edited samples"), ("near", "near-duplicates of old samples")):
            pairs, more = pairs_of(report.changes, of, MOST_PAIRS)
            if pairs:
                yield f"list of {word}", _pairs(pairs, more, word)
    known = [verdict for verdict in report.verdicts if verdict.hidden]
    if known:
        yield "list of known findings", _known(known, report)


def _unread(item: InputReport, places: Places) -> str:
    help = f" {words(item.help)}" if item.help else ""
    return f"- **cannot be judged**: {code(places.path(item.path))}: {words(item.error or '')}.{help}"


def _name(verdict: Verdict) -> str:
    targets = f" ({words(', '.join(verdict.targets), 100)})" if verdict.targets else ""
    return f"<b>{words(verdict.name, 80)}</b> {words(verdict.code, 20)}{targets}"


def _row(verdict: Verdict, first: list[Finding], places: Places) -> str:
    share = f" of {verdict.of:,}" if 0 < verdict.count <= verdict.of else ""
    place = code(named(first[0].location, places)) if first else ""
    help = words(verdict.help) if verdict.help else ""
    mark = f"{MARKS[verdict.severity]} {verdict.severity}"
    return f"| {mark} | {_name(verdict)} | {verdict.count:,}{share} | {place} | {help} |"


def _details(verdict: Verdict, findings: list[Finding], places: Places) -> list[str]:
    price = f", {verdict.tokens:,} tokens per epoch" if verdict.tokens else ""
    lines = ["", f"<details><summary>{_name(verdict)}: {verdict.count:,}{price}</summary>", ""]
    for finding in findings:
        sample = f" sample {code(finding.sample[:8])}" if finding.sample else ""
        lines.append(f"- {code(named(finding.location, places))}{sample}: {words(finding.message)}")
        if finding.excerpt:
            where = f"{words(finding.where)} " if finding.where else ""
            lines.append(f"  <br>{where}{code(finding.excerpt)}")
    if verdict.count > len(findings):
        lines.append(f"- … and {verdict.count - len(findings):,} more")
    lines += [f"- note: {words(note)}" for note in verdict.notes[:6]]
    return [*lines, "", "</details>"]


def _skipped(skipped: list[Verdict]) -> list[str]:
    lines = ["", f"<details><summary>{_plural(len(skipped), 'rule')} skipped</summary>", ""]
    for verdict in skipped[:50]:
        lines.append(f"- {_name(verdict)}: {words(verdict.reason or 'no reason given')}")
    if len(skipped) > 50:
        lines.append(f"- and {len(skipped) - 50:,} more")
    return [*lines, "", "</details>"]


def _changes(report: Report, changes: Changes) -> list[str]:
    """The table of facts before and after, and what the comparison could not know."""
    lines = ["", "| | before | after |", "|---|--:|--:|"]
    lines += [
        f"| {words(name, 60)} | {words(old, 40)} | {words(new, 40)} |"
        for name, old, new in facts_rows(changes.before, report.facts)
    ]
    return lines + [""] * bool(changes.notes) + [f"- note: {words(note)}" for note in changes.notes[:MOST_UNREAD]]


def _pairs(pairs: list[Pair], more: int, word: str) -> list[str]:
    lines = ["", f"<details><summary>{len(pairs) + more:,} {word}</summary>", ""]
    for pair in pairs:
        here, there = (
            code(place_words(*place))
            for place in ((pair.path, pair.line, pair.row), (pair.other_path, pair.other_line, pair.other_row))
        )
        lines.append(
            f"- {here} {'was' if pair.of == 'edited' else 'and'} {there}, {pair.score:g} % alike: {code(pair.difference)}"
        )
    return [*lines, *([f"- … and {more:,} more"] if more else []), "", "</details>"]


def _known(known: list[Verdict], report: Report) -> list[str]:
    lines = ["", f"<details><summary>{words(hidden_words(report))}</summary>", ""]
    lines += [f"- {_name(verdict)}: {words(verdict_words(verdict, report.changes))}" for verdict in known[:50]]
    return [*lines, *([f"- and {len(known) - 50:,} more rules"] if len(known) > 50 else []), "", "</details>"]
