"""Two judges over the same rows: what ftdata refuses, what the other refuses, and why they differ where they differ."""

from __future__ import annotations

import collections
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conversations import Case
from shapes import Row

import ftdata
from ftdata.formats import detect_row

# The rules about texts, doubles and whole sets: the generated rows are told apart by their structure only.
NOT_HERE = ("FT3", "FT4", "FT5", "FT61", "too-few-for-target")
Verdict = dict[str, str]
# A peer's judgement of one row: None where it takes the row, else its words.
Peer = Callable[[Row], str | None]


@dataclass(frozen=True)
class Reason:
    """Why a disagreement stands.

    ``rules``: ftdata refuses by these rules only, and the other takes the row. ``words``: the other refuses with words
    that match this pattern, and ftdata has no error for them. ``where`` narrows it to rows of which it is true.
    ``mend`` says what has to change in ftdata, where ftdata is the one that is wrong: the reason goes with that change.
    """

    why: str
    rules: frozenset[str] = frozenset()
    words: str = ""
    where: Callable[[Row], bool] = lambda row: True
    mend: str = ""


def names(text: str) -> frozenset[str]:
    """Return the names in a text, divided by spaces."""
    return frozenset(text.split())


@dataclass
class Outcome:
    """The count of agreements and of disagreements by reason.

    ``unexplained`` holds the disagreements without a reason, ``other_name`` the rows that both refuse, but ftdata for
    another fault than the other names.
    """

    both_take: int = 0
    both_refuse: int = 0
    by_reason: collections.Counter[str] = field(default_factory=collections.Counter)
    missed: collections.Counter[str] = field(default_factory=collections.Counter)
    unexplained: list[str] = field(default_factory=list)
    other_name: list[str] = field(default_factory=list)

    def seen(self) -> set[str]:
        """Return the reasons that explained something."""
        return {*self.by_reason, *self.missed}

    def summary(self) -> str:
        """Return the numbers, a line for each reason."""
        differ = sum(self.by_reason.values()) + len(self.unexplained)
        rows = self.both_take + self.both_refuse + differ
        share = 100 * (rows - differ) / max(rows, 1)
        lines = [
            f"{rows} rows, {share:.1f} % agree: both take {self.both_take}, both refuse {self.both_refuse}; "
            f"explained {sum(self.by_reason.values())}, unexplained {len(self.unexplained)}"
        ]
        lines += [f"  {count:5}  {why}" for why, count in self.by_reason.most_common()]
        return "\n".join(lines)


def ours(rows: Sequence[Row], target: str, folder: Path) -> list[Verdict]:
    """Return for every row the rules that find something in it with their severities, each row judged as a file of its own.

    Rows of one format share a file, so that no rule about whole sets (mixed formats, too few rows) comes between.
    """
    groups: dict[str, list[int]] = collections.defaultdict(list)
    for index, row in enumerate(rows):
        groups[detect_row(row)].append(index)
    verdicts: list[Verdict] = [{} for _ in rows]
    for name, members in groups.items():
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(rows[index]) + "\n" for index in members), "utf-8")
        report = ftdata.lint(str(path), target=target, count_tokens=False, jobs=1, ignore=NOT_HERE)
        (read,) = report.inputs
        for finding in report.findings:
            for index in members if finding.name == "format-not-accepted" else [members[finding.location.row - 1]]:
                if verdicts[index].get(finding.name) != "error":
                    verdicts[index][finding.name] = finding.severity
        if read.error:
            for index in members:
                verdicts[index]["unknown-format"] = "error"
    return verdicts


def compare(
    cases: Sequence[Case],
    verdicts: Sequence[Verdict],
    peer: Peer,
    reasons: Sequence[Reason],
    same: Mapping[str, frozenset[str]],
) -> Outcome:
    """Compare the judgements row by row. ``same`` says which rules stand for which words of the other.

    A row that both refuse is in ``other_name`` where no rule that found an error stands for the other's words.
    """
    outcome = Outcome()
    for case, verdict in zip(cases, verdicts, strict=True):
        errors = {name for name, severity in verdict.items() if severity == "error"}
        words = peer(case.row)
        if not errors and words is None:
            outcome.both_take += 1
        elif errors and words is not None:
            outcome.both_refuse += 1
            meant = {name for pattern, names in same.items() if re.search(pattern, words) for name in names}
            if not errors & meant:
                # The row has another fault beside: what ftdata misses of it may have a reason of its own.
                why = _reason(case.row, set(), words, reasons)
                if why is None:
                    outcome.other_name.append(_shown(case, errors, words))
                else:
                    outcome.missed[why] += 1
        else:
            why = _reason(case.row, errors, words, reasons)
            if why is None:
                outcome.unexplained.append(_shown(case, errors, words))
            else:
                outcome.by_reason[why] += 1
    return outcome


def _reason(row: Row, errors: set[str], words: str | None, reasons: Sequence[Reason]) -> str | None:
    if words is None:
        found = [r for r in reasons if r.rules & errors and r.where(row)]
        explained = {name for r in found for name in r.rules}
        return found[0].why if found and errors <= explained else None
    return next((r.why for r in reasons if r.words and re.search(r.words, words) and r.where(row)), None)


def _shown(case: Case, errors: set[str], words: str | None) -> str:
    row = json.dumps(case.row, ensure_ascii=False)
    return f"{'+'.join(case.faults) or 'clean'}: ftdata {sorted(errors) or 'takes it'}, the other {words or 'takes it'}\n    {row[:600]}"


def check(outcome: Outcome) -> None:
    """Fail where a disagreement has no reason, or where both refuse a row for different faults."""
    print(outcome.summary())
    assert not outcome.unexplained, f"{outcome.summary()}\n" + "\n".join(outcome.unexplained[:12])
    assert not outcome.other_name, "refused by both, but not for the same fault:\n" + "\n".join(outcome.other_name[:12])


def check_idle(outcomes: Sequence[Outcome], reasons: Sequence[Reason]) -> None:
    """Fail where a reason explains nothing any more: it is no longer true, or what it asks for was mended."""
    seen = {why for outcome in outcomes for why in outcome.seen()}
    idle = [reason.why for reason in reasons if reason.why not in seen]
    assert not idle, f"no row shows this any more, take it out of the table: {idle}"
