"""The loss report of ``ftdata convert``: for people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ftdata.report.escape import escape

if TYPE_CHECKING:
    from ftdata.convert.run import Outcome
    from ftdata.convert.tally import Entry, Example, Key

_SHOWN = 60
# What is wrong with a file and costs its rows nothing.
_HARMLESS = frozenset({"blank-line", "json-container", "not-json-lines", "wrong-extension", "byte-order-mark", "mixed-newlines",
                       "control-character", "non-utf8-encoding"})  # fmt: skip
_VERBS = {"lost": "lost", "changed": "changed", "added": "added"}


def lines(outcome: Outcome, most: int) -> Iterator[str]:
    """The report for people, line by line, escaped, with secrets masked."""
    from ftdata.convert.piece import LOST_IN_READING
    from ftdata.formats import FORMATS

    title = FORMATS[outcome.plan.format].title
    found = outcome.tally.of("lost", "changed", "added")
    if found:
        yield f"{title} does not hold everything of these rows:"
    for key, entry in found[:most]:
        yield from _entry(key, entry)
    if len(found) > most:
        yield f"  … and {len(found) - most:,} more (--max-examples, --format json)"
    spelled = outcome.tally.of("rewritten")
    if spelled:
        names = [escape(f"{key[1] or 'the row'} ({_rows(entry.rows)})") for key, entry in spelled]
        more = f", and {len(names) - most:,} more" if len(names) > most else ""
        yield f"rewritten, with the same meaning: {', '.join(names[:most])}{more}"
    if found and not outcome.plan.keep and outcome.restored_from is None:
        yield "keep it: --sidecar FILE keeps what is lost and changed, and restores it when you convert back"
    yield from _dropped(outcome, most)
    faults = {name: count for name, count in outcome.faults.items() if name not in _HARMLESS}
    lost = {name: faults.pop(name) for name in LOST_IN_READING if name in faults}
    if lost:
        yield lost_line(lost)
    if faults:
        named = ", ".join(f"{name} {count:,}" for name, count in sorted(faults.items()))
        yield f"note: the files have faults that reading passes over ({named}); `ftdata lint` says where"
    for note in outcome.notes:
        yield escape(f"note: {note}")
    yield from _summary(outcome, title)


def lost_line(faults: Mapping[str, int]) -> str:
    """What faults of the files cost their rows, one line for people."""
    from ftdata.convert.piece import LOST_IN_READING

    named = ", ".join(f"{name} {count:,} ({LOST_IN_READING[name]})" for name, count in faults.items())
    return f"lost in reading: {named}; `ftdata lint` says where"


def _entry(key: Key, entry: Entry) -> Iterator[str]:
    kind, name, reason = key
    count = "" if entry.count == entry.rows else f", {entry.count:,} times"
    yield escape(f"  {_VERBS[kind]:<8} {name or 'the row'}: {reason} ({_rows(entry.rows)}{count})")
    yield f"           {_example(entry.example)}"


def _example(example: Example) -> str:
    value, became = _show(example.value), _show(example.became)
    what = f"+ {became}" if value is None else value if became is None else f"{value} → {became}"
    return f"{escape(_place(example))}: {what}"


def _place(example: Example) -> str:
    return f"{example.path}:{example.line}" if example.line is not None else f"{example.path} row {example.row}"


def _show(value: str | None) -> str | None:
    """A value masked, escaped, and short enough for a line."""
    if value is None:
        return None
    from ftdata.measure.private import mask

    text = escape(mask(value))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _dropped(outcome: Outcome, most: int) -> Iterator[str]:
    for reason, count in outcome.reasons.most_common(most):
        yield escape(f"dropped {_rows(count)}: {reason}")
    if len(outcome.reasons) > most:
        yield f"… and for {len(outcome.reasons) - most:,} more reasons"


def _summary(outcome: Outcome, title: str) -> Iterator[str]:
    from ftdata.formats import FORMATS

    kinds = ", ".join(f"{FORMATS[name].title} {count:,}" for name, count in outcome.formats.most_common(4))
    total = outcome.rows
    yield f"read {_rows(total)} ({kinds})" if kinds else f"read {_rows(total)}"
    if outcome.restored or outcome.edited:
        yield f"restored {_rows(outcome.restored)} from the sidecar"
        if outcome.edited:
            yield f"  not in the sidecar: {_rows(outcome.edited)}, edited or added since; converted as they are"
        if outcome.unused:
            entries = "entry" if outcome.unused == 1 else "entries"
            yield f"  no row for {outcome.unused:,} {entries} of the sidecar: edited or removed since"
        if outcome.alike:
            yield f"  alike in this format, but not in what they were: {_rows(outcome.alike)}, given out in the order of the sidecar"
    where = "standard output" if outcome.output == "-" else outcome.output
    verb = "could write" if outcome.refused else "wrote"
    yield escape(f"{verb} {_rows(outcome.written)} as {title} to {where}; dropped {outcome.dropped:,}")
    for path in outcome.files[1:]:
        yield escape(f"also wrote {path}")
    if outcome.companion is not None:
        beside = any(path.endswith(outcome.companion.name) for path in outcome.files)
        where = "" if beside else "; --companion writes it beside the data"
        yield escape(f"{outcome.companion.name}: {outcome.companion.use}{where}")


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def facts(outcome: Outcome) -> dict[str, Any]:
    """The report as JSON; examples are masked, not escaped."""
    from ftdata.measure.private import mask

    def example(found: Example) -> dict[str, Any]:
        return {
            "path": found.path, "line": found.line, "row": found.row,
            "value": None if found.value is None else mask(found.value), "became": None if found.became is None else mask(found.became),
        }  # fmt: skip

    return {
        "to": outcome.plan.format, "refused": outcome.refused, "output": outcome.output, "files": outcome.files, "inputs": outcome.inputs,
        "rows": outcome.rows, "written": outcome.written, "dropped": outcome.dropped, "formats": dict(outcome.formats.most_common()),
        "losses": [
            {"kind": kind, "field": name, "reason": reason, "rows": entry.rows, "count": entry.count, "example": example(entry.example)}
            for (kind, name, reason), entry in outcome.tally.of("lost", "changed", "added", "rewritten")
        ],
        "dropped_by": dict(outcome.reasons.most_common()), "faults": dict(outcome.faults.most_common()), "notes": outcome.notes,
        "restored": outcome.restored, "edited": outcome.edited, "unused": outcome.unused, "alike": outcome.alike,
        "companion": None if outcome.companion is None else {"name": outcome.companion.name, "text": outcome.companion.text, "use": outcome.companion.use},
    }  # fmt: skip
