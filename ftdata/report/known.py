"""What a report says of findings that do not count, and of what changed since a commit: the words, without any markup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ftdata.types import Changes, Pair, Report, Verdict

SHOWN = 5
# A whole object id of git, SHA-1 or SHA-256, as CI hands it over: nobody reads 40 digits.
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def hidden_words(report: Report) -> str:
    """How many findings are known and left out, and why: "52 known findings are hidden: 12 in the baseline, 40 in main already"."""
    counts = report.hidden
    if not counts:
        return ""
    total = sum(counts.values())
    what = "known finding is" if total == 1 else "known findings are"
    return f"{total:,} {what} hidden: {_reasons(counts, report.changes)}"


def verdict_words(verdict: Verdict, changes: Changes | None) -> str:
    """How many findings of one rule are left out, and why: "12 in the baseline, 40 in main already"; "" where none are."""
    return _reasons(verdict.hidden, changes)


def _reasons(counts: Mapping[str, int], changes: Changes | None) -> str:
    words = {
        "suppressed": "suppressed by the configuration",
        "baseline": "in the baseline",
        "base": f"in {base_name(changes) if changes else 'the base'} already",
    }
    return ", ".join(f"{counts[why]:,} {words[why]}" for why in words if why in counts)


def base_name(changes: Changes) -> str:
    """What the changes are counted from, as a person would say it: a branch or tag by its name, a commit by its first 12 digits."""
    return changes.ref[:12] if _COMMIT.fullmatch(changes.ref) else changes.ref


def counts_words(changes: Changes) -> str:
    """What became of the samples: "3 added, 1 edited, 2 removed, 10 moved, 6,734 as they were"."""
    parts = [
        f"{count:,} {word}"
        for count, word in (
            (changes.added, "added"), (changes.edited, "edited"), (changes.removed, "removed"), (changes.moved, "moved"),
        ) if count
    ]  # fmt: skip
    return ", ".join([*parts, f"{changes.unchanged:,} as they were"]) if parts else f"no sample changed ({changes.unchanged:,})"


def facts_rows(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The facts as (name, before, after), those that differ, the samples first."""
    rows = [
        ("samples", before.get("samples", 0), after.get("samples", 0)),
        ("different samples", before.get("distinct_samples"), after.get("distinct_samples")),
        ("for training", before.get("train_samples"), after.get("train_samples")),
        ("for evaluation", before.get("eval_samples"), after.get("eval_samples")),
        ("unreadable rows", before.get("lost_rows"), after.get("lost_rows")),
    ]
    old, new = before.get("tokens") or {}, after.get("tokens") or {}
    names = (("total", "tokens"), ("trained", "tokens trained on"), ("mean", "tokens a sample, mean"), ("median", "median"),
             ("p95", "95th percentile"), ("max", "longest"))  # fmt: skip
    if old or new:
        rows += [(name, old.get(key), new.get(key)) for key, name in names]
    formats = sorted({*(before.get("formats") or {}), *(after.get("formats") or {})})
    rows += [
        (f"in {name}", (before.get("formats") or {}).get(name, 0), (after.get("formats") or {}).get(name, 0)) for name in formats
    ]
    for number, (name, one, other) in enumerate(rows):
        if number == 0 or one != other:
            yield name, _number(one), _number(other)


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int | float) else str(value)


def place_words(path: str, line: int | None, row: int) -> str:
    """Name the place of a sample."""
    return f"{path}:{line}" if line is not None else f"{path} row {row}"


def pair_words(pair: Pair) -> str:
    """Say what a pair is: an edited sample and what it was, or a new one and what it nearly equals."""
    here, there = place_words(pair.path, pair.line, pair.row), place_words(pair.other_path, pair.other_line, pair.other_row)
    if pair.of == "edited":
        return f"{here} was {there} ({pair.score:g} % alike): {pair.difference or 'nothing that is trained on'}"
    return f"{here} is {pair.score:g} % the same as {there}, which was there before: {pair.difference}"


def pairs_of(changes: Changes, of: str, most: int = SHOWN) -> tuple[list[Pair], int]:
    """The first pairs of a kind, and how many more there are."""
    found = [pair for pair in changes.pairs if pair.of == of]
    total = changes.edited if of == "edited" else changes.near or 0
    return found[:most], total - len(found[:most])


def change_lines(report: Report) -> Iterator[str]:
    """Lines about what changed, for terminals and logs; not yet escaped."""
    changes = report.changes
    if changes is None:
        return
    name = base_name(changes)
    commit = f" ({changes.commit[:12]})" if changes.commit and changes.commit[:12] != name else ""
    yield f"Since {name}{commit}: {counts_words(changes)}"
    yield "  " + " · ".join(f"{name} {old} → {new}" for name, old, new in facts_rows(changes.before, report.facts))
    for of, word in (("edited", "edited"), ("near", "near-duplicate")):
        pairs, more = pairs_of(changes, of)
        for pair in pairs:
            yield f"  {word} {pair_words(pair)}"
        if more:
            yield f"  … and {more:,} more {'edited samples' if of == 'edited' else 'near-duplicates'}"
    for note in changes.notes:
        yield f"  note: {note}"
