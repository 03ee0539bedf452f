"""SARIF 2.1.0, as GitHub's code scanning takes it.

What GitHub refuses (docs.github.com, SARIF support for code scanning): more than 10 MB gzipped, 25,000
results, 25,000 rules, 20 tags a rule, a URI with an unknown scheme, a rule without help. It stores 5,000 results. This
reporter writes at most 1,000, each bounded, and says in a notification what it left out. Fingerprints are ours, for
GitHub's own reads the first 100 characters of a line, which are the same system prompt in every row of chat data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ftdata.report.choose import Chosen, choose, digest, listed, worst_first
from ftdata.report.emit import dump, separated
from ftdata.report.escape import escape
from ftdata.report.known import change_lines, hidden_words
from ftdata.report.places import Places, cut, line
from ftdata.types import InputReport, Report, Severity, Verdict

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
UNREADABLE = "unreadable-input"
MOST_MESSAGE = 1_000
MOST_HELP = 4_000
MOST_RULES = 500
MOST_TAGS = 10
MOST_NOTES = 100


def render(report: Report, docs: Mapping[str, str] | None = None, root: str | None = None) -> Iterator[str]:
    """Yield one SARIF log, a line for each rule and each result.

    ``docs`` are the documentations of rules by code, in Markdown, the first line a sentence. Paths are told from
    ``root``, the root of the repository (the current folder where it is None).
    """
    places = Places(root)
    choice = choose(report)
    rules = _rules(report, docs or {}, {item.finding.code for item in choice.results})
    index = {code: number for number, code in enumerate(rules)}
    unread = [item for item in report.inputs if item.error]
    yield f'{{"$schema": {dump(SCHEMA)}, "version": "2.1.0", "runs": [{{'
    driver = {"name": "ftdata", "version": report.version}
    yield '"tool": {"driver": ' + dump(driver)[:-1] + ', "rules": ['
    yield from separated(rules.values())
    yield "]}},"
    yield f'"automationDetails": {dump({"id": _category(report, places)})},'
    yield f'"invocations": {dump([_invocation(report, choice.left_out, unread)])},'
    yield '"columnKind": "unicodeCodePoints",'
    yield '"originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},'
    yield '"results": ['
    results = [_unread(item, index, places) for item in unread[:MOST_NOTES]]
    results += [_result(item, index, places) for item in choice.results]
    yield from separated(results)
    yield "]}]}"


def text(words: str, most: int = MOST_MESSAGE) -> str:
    """Return the words as a plain-text message: on one line, bounded, its brackets no links (SARIF 2.1.0, 3.11.6)."""
    return re.sub(r"(\\*)([\[\]])", r"\1\1\\\2", line(words, most))


def _rules(report: Report, docs: Mapping[str, str], used: set[str]) -> dict[str, dict[str, Any]]:
    """Describe every rule that was judged, by code; those with results come first where there are too many."""
    known: dict[str, Verdict] = {}
    for verdict in sorted(report.verdicts, key=lambda v: (v.code not in used, *worst_first(v))):
        known.setdefault(verdict.code, verdict)
    rules = {code: _rule(known[code], docs.get(code) or "") for code in sorted(list(known)[:MOST_RULES])}
    summary = "An input that cannot be judged."
    help = "Nothing in the file was judged, so nothing is known about it. Follow the message, or leave the file out."
    rules[UNREADABLE] = _described(UNREADABLE, "", "error", summary, help)
    return rules


def _rule(verdict: Verdict, doc: str) -> dict[str, Any]:
    doc = cut(doc, MOST_HELP)
    summary = doc.split("\n", 1)[0] or verdict.name.replace("-", " ")
    rule = _described(verdict.code, verdict.name, verdict.severity, summary, verdict.help or summary)
    if doc:
        after = f"\n\n## What to do\n{escape(verdict.help)}" if verdict.help else ""
        rule["help"]["markdown"] = _markdown(doc) + after
    tags = ["fine-tuning-data", *(text(target, 60) for target in verdict.targets)]
    rule["properties"]["tags"] = list(dict.fromkeys(tags))[:MOST_TAGS]
    return rule


def _described(code: str, name: str, severity: Severity, summary: str, help: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": text(code, 100)}
    if name:
        rule["name"] = text(name, 100)
        summary = f"{name}: {summary}"
    return rule | {
        "shortDescription": {"text": text(summary, 300)},
        "fullDescription": {"text": text(summary)},
        "help": {"text": text(help)},
        "defaultConfiguration": {"level": LEVELS[severity]},
        "properties": {"tags": ["fine-tuning-data"]},
    }


def _markdown(doc: str) -> str:
    """Return Markdown of a rule's author with what acts on a terminal made visible, line by line."""
    return "\n".join(escape(line) for line in doc.splitlines())


def _category(report: Report, places: Places) -> str:
    """Tell runs over other data apart: "ftdata/data/train/"; GitHub refuses two uploads of one category."""
    paths = sorted({places.uri(item.path) for item in report.inputs})
    if not paths:
        return "ftdata/"
    shared = paths[0].split("/")
    for path in paths[1:]:
        parts = path.split("/")[:-1]
        same = next((n for n, (a, b) in enumerate(zip(shared, parts, strict=False)) if a != b), min(len(shared), len(parts)))
        shared = shared[:same]
    if len(paths) == 1:
        shared[-1] = shared[-1].split(".", 1)[0] or shared[-1]
    words = "/".join(part for part in shared if part not in ("", ".", "..", "file:"))
    return f"ftdata/{cut(words, 200)}/" if words else "ftdata/"


def _invocation(report: Report, left_out: dict[str, int], unread: list[InputReport]) -> dict[str, Any]:
    notes = [
        _note("warning", f"{verdict.name} {verdict.code} was skipped: {verdict.reason or 'no reason given'}")
        for verdict in report.verdicts
        if verdict.status == "skipped"
    ]
    more = len(notes) - MOST_NOTES
    notes = notes[:MOST_NOTES] + ([_note("warning", f"{more:,} more rules were skipped")] if more > 0 else [])
    notes += [_note("error", f"{item.path}: {item.error}") for item in unread[:MOST_NOTES]]
    if len(unread) > MOST_NOTES:
        notes.append(_note("error", f"{len(unread) - MOST_NOTES:,} more files cannot be judged"))
    known = hidden_words(report)
    if known:
        notes.append(_note("note", known))
    notes += [_note("note", words) for words in change_lines(report)]
    if left_out:
        notes.append(_note("warning", f"left out of this log for want of room: {listed(left_out)}"))
    return {
        "executionSuccessful": not unread,
        "exitCode": report.exit_code,
        "toolExecutionNotifications": notes,
    }


def _note(level: str, words: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": text(words)}}


def _unread(item: InputReport, index: Mapping[str, int], places: Places) -> dict[str, Any]:
    words = f"{item.error}. {item.help or ''}".rstrip()
    region = {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 2}
    return {
        "ruleId": UNREADABLE,
        "ruleIndex": index[UNREADABLE],
        "level": "error",
        "message": {"text": text(words)},
        "locations": [{"physicalLocation": _physical(places, item.path, region)}],
        "partialFingerprints": {"primaryLocationLineHash": f"{digest(UNREADABLE, item.path)}:1"},
    }


def _result(item: Chosen, index: Mapping[str, int], places: Places) -> dict[str, Any]:
    finding, place = item.finding, item.finding.location
    start, column = place.line or 1, (place.column or 1) if place.line else 1
    words = cut(finding.message, MOST_MESSAGE)
    if finding.where:
        words += f" ({cut(finding.where, 100)})"
    if item.count > 1:
        words = f"{item.count:,} findings of {finding.name} in this file, this is the first: {words}"
    region = {"startLine": start, "startColumn": column, "endLine": start, "endColumn": column + 1}
    location: dict[str, Any] = {"physicalLocation": _physical(places, place.path, region)}
    inner = " ".join(part for part in (f"row {place.row}" if place.row is not None else "", place.pointer or "") if part)
    if inner:
        location["logicalLocations"] = [{"fullyQualifiedName": line(inner, 300), "kind": "element"}]
    result: dict[str, Any] = {
        "ruleId": text(finding.code, 100),
        "level": LEVELS[finding.severity],
        "message": {"text": text(words, 2 * MOST_MESSAGE)},
        "locations": [location],
        "partialFingerprints": {"primaryLocationLineHash": item.fingerprint},
    }
    if finding.code in index:
        result["ruleIndex"] = index[finding.code]
    if item.count > 1:
        result["occurrenceCount"] = item.count
    return result


def _physical(places: Places, path: str, region: Mapping[str, int]) -> dict[str, Any]:
    uri = places.uri(path)
    address = {"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": "%SRCROOT%"}
    return {"artifactLocation": address, "region": dict(region)}
