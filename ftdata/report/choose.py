"""Which findings a platform is shown when it cannot take them all: every rule first, then the worst in detail."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ftdata.types import SEVERITIES, Finding, Report, Verdict

# GitHub stores 5,000 results of one upload and shows far fewer; reviewdog posts 30 comments.
MOST_RESULTS = 1_000
# So many findings of one rule in one file are shown one by one; more become one result that says how many.
MOST_PER_FILE = 50

Key = tuple[str, tuple[str, ...]]
Group = tuple[str, tuple[str, ...], str]


@dataclass(slots=True)
class Chosen:
    """A result to show: a finding, and how many of its rule in its file it stands for."""

    finding: Finding
    count: int
    fingerprint: str


@dataclass(slots=True)
class Choice:
    """The results to show, in the order of the report, and how many findings of which rule are left out."""

    results: list[Chosen]
    left_out: dict[str, int]


def worst_first(verdict: Verdict) -> tuple[int, int, str, tuple[str, ...]]:
    """Sort key: errors before warnings, then the most findings first, then by code."""
    return SEVERITIES.index(verdict.severity), -verdict.count, verdict.code, verdict.targets


def found(report: Report) -> list[Verdict]:
    """Return the verdicts with findings, worst first."""
    return sorted((verdict for verdict in report.verdicts if verdict.status == "found"), key=worst_first)


def examples(report: Report, verdicts: Iterable[Verdict], limit: int) -> dict[Key, list[Finding]]:
    """Return the first ``limit`` findings behind each of the verdicts, by code and targets."""
    wanted: dict[Key, list[Finding]] = {}
    missing = 0
    for verdict in verdicts:
        wanted[verdict.code, verdict.targets] = []
        missing += min(limit, verdict.count)
    for finding in report.findings:
        kept = wanted.get((finding.code, finding.targets))
        if kept is not None and len(kept) < limit:
            kept.append(finding)
            missing -= 1
        if missing <= 0:
            break
    return wanted


def choose(report: Report, most: int = MOST_RESULTS, per_file: int = MOST_PER_FILE) -> Choice:
    """Choose at most ``most`` results of a report.

    Every rule gets one, then every rule in every file, then single findings, the worst rules first each time; a rule
    with more than ``per_file`` findings in a file stays one result that says how many.
    """
    counts: Counter[Group] = Counter((f.code, f.targets, f.location.path) for f in report.findings)
    alone, together = _plan(report, counts, most, per_file)
    results: list[Chosen] = []
    left: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    shown: set[Group] = set()
    for finding in report.findings:
        group = (finding.code, finding.targets, finding.location.path)
        if group in alone:
            results.append(Chosen(finding, 1, _numbered(identity(finding), seen)))
        elif group in together:
            if group not in shown:
                shown.add(group)
                count = counts[group]
                of = identity(finding) if count == 1 else digest(finding.code, finding.location.path, "*")
                results.append(Chosen(finding, count, _numbered(of, seen)))
        else:
            left[f"{finding.name} {finding.code}"] += 1
    return Choice(results, dict(left.most_common()))


def _plan(report: Report, counts: Counter[Group], most: int, per_file: int) -> tuple[set[Group], set[Group]]:
    """Return the groups whose findings are shown one by one, and those shown as one result each."""
    rank: dict[Key, int] = {}
    for verdict in found(report):
        rank.setdefault((verdict.code, verdict.targets), len(rank))
    groups = sorted(counts, key=lambda group: (rank.get(group[:2], len(rank)), group))
    first: list[Group] = []
    rest: list[Group] = []
    for _, same in itertools.groupby(groups, key=lambda group: group[:2]):
        head, *others = same
        first.append(head)
        rest += others
    together = set([*first, *rest][:most])
    left = most - len(together)
    alone: set[Group] = set()
    for group in groups:
        if group in together and 1 < counts[group] <= per_file and counts[group] - 1 <= left:
            left -= counts[group] - 1
            alone.add(group)
    return alone, together - alone


def identity(finding: Finding) -> str:
    """Return 16 hexadecimal digits that stay the same while the sample and the rule do.

    Line numbers and paths are left out where the finding has a sample: sorting, splitting and other rows change nothing.
    A fault of the file is known by its path and words, a fact about the whole set by its path alone, for its words hold
    numbers.
    """
    place = finding.location
    if finding.sample:
        return digest(finding.code, finding.sample, place.pointer or "")
    if place.line is not None or place.row is not None:
        return digest(finding.code, place.path, finding.message, finding.excerpt or "")
    return digest(finding.code, place.path, "")


def digest(*parts: str) -> str:
    """Return 16 hexadecimal digits for the parts."""
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:16]


def _numbered(identity: str, seen: Counter[str]) -> str:
    seen[identity] += 1
    return f"{identity}:{seen[identity]}"


def listed(counts: dict[str, int], most: int = 20) -> str:
    """Name rules and how many findings each has: "blank-line FT006 (812), ... and 3 more rules"."""
    names = [f"{name} ({count:,})" for name, count in itertools.islice(counts.items(), most)]
    more = len(counts) - len(names)
    return ", ".join(names) + (f" and {more:,} more rules" if more else "")
