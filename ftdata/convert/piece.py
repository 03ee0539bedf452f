"""Convert one piece of one file: decode, parse, write every row in the target format, and count what does not arrive."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from ftdata.convert.account import losses as account
from ftdata.convert.canonical import canonical_row, openai_row, spelled_row
from ftdata.convert.cells import cell, finite, from_cells, from_columns, to_columns, with_label
from ftdata.convert.details import OPENAI, Details
from ftdata.convert.lift import lift
from ftdata.convert.loss import Loss, json_value, same, sidecar
from ftdata.convert.mapping import filled, renamed
from ftdata.convert.quick import quick_way
from ftdata.convert.render import OPENAI_SHAPED, WRITABLE, render
from ftdata.convert.reshape import drop_rejected, unpair
from ftdata.convert.tally import Tally
from ftdata.convert.unkept import unkept
from ftdata.formats.detect import detect_row
from ftdata.formats.identity import safe_repr, sample_id
from ftdata.formats.parse import parse
from ftdata.formats.registry import FORMATS
from ftdata.read import Piece, decode
from ftdata.types import ABSENT, Chunk, Fault, Sample

Table = Literal["csv", "parquet"]
# orjson reads a whole number beyond 64 bits as a float; such rows are read again.
_DIGITS = bytes(48 if 48 <= code < 58 else code for code in range(256))
_LONG = b"0" * 19
_MOST_FOUND = 200
_TABLE_REASONS = {
    "csv": "a cell of such a table holds a text and nothing else",
    "parquet": "Parquet keeps objects of many shapes as JSON text, and no difference between null and a missing key",
}
# Faults of a file that cost its rows something, and what becomes of it.
LOST_IN_READING = {
    "duplicate-key": "the last value kept", "nan-literal": "null in its place", "lone-surrogate": "U+FFFD in its place",
    "invalid-bytes": "U+FFFD in its place", "ragged-row": "cells beyond the header left out",
    "truncated-file": "all that follows the cut is missing",
}  # fmt: skip
# How the reason of a loss ends that --drop-rejected asks for.
ASKED = ", as asked for"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a conversion does with each row.

    ``format`` is written with ``details``. ``source`` is the format that rows are read as (``None``: each as what it is),
    ``columns`` maps a format's names to the file's, ``defaults`` fill what is missing. ``table`` is the kind of table that is
    written, ``None`` for JSON. ``keep`` makes the sidecar.
    """

    format: str
    details: Details = OPENAI
    source: str | None = None
    columns: Mapping[str, str] | None = None
    defaults: Mapping[str, Any] | None = None
    drop_rejected: bool = False
    unpair: bool = False
    table: Table | None = None
    keep: bool = False


@dataclass(slots=True)
class Dropped:
    """A row that was not converted: its number in the piece (``None`` if it could not be read), its line, why, and itself."""

    index: int | None
    line: int | None
    reason: str
    where: str
    row: bytes


@dataclass(slots=True)
class Result:
    """What became of a piece: lines of JSON, lines of the sidecar, rows that were dropped, and counts.

    ``columns`` are the keys of the rows in their order, ``mapped`` the mapped columns that were found, and ``found`` some of those
    of the source, ``nested`` the columns of a CSV that hold lists as JSON text; ``masked`` says whether the target's mask may stand in them.
    """

    lines: bytes = b""
    sidecar: bytes = b""
    dropped: list[Dropped] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    formats: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    written: int = 0
    size: int = 0
    mapped: set[str] = field(default_factory=set)
    found: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, Any] = field(default_factory=dict)
    nested: set[str] = field(default_factory=set)
    masked: bool = False

    def fail(self, chunk: Chunk) -> None:
        """Count what is wrong with the rows of a chunk as JSON; those that could not be read are dropped."""
        for fault in chunk.faults:
            self.faults[fault.rule] += 1
            if fault.lost:
                reason = why_lost(fault)
                self.reasons[reason] += 1
                self.dropped.append(Dropped(None, fault.line, reason, "", dumped(fault.excerpt)))


class Converter:
    """One process's converter. Call it with a piece."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        plainly = (
            plan.source in (None, "openai-chat", "sharegpt") and not plan.columns and not plan.defaults and plan.table is None
        )
        self.quick = quick_way(plan.format, plan.details) if plainly and not plan.keep else None

    def __call__(self, piece: Piece) -> Result:
        """Convert every row of a piece. Raises ReadError if the file went away."""
        chunk = decode(piece)
        made = Result(size=chunk.size, rows=len(chunk.values))
        made.fail(chunk)
        out: list[bytes] = []
        kept: list[bytes] = []
        quick, source = self.quick, self.plan.source
        for index, (value, raw) in enumerate(zip(read_values(chunk, piece.container), chunk.raws, strict=True)):
            found = quick(value, raw) if quick is not None and raw is not None else None
            if found is not None and source in (None, found[0]):
                made.formats[found[0]] += 1
                made.columns |= dict.fromkeys(found[1])
                out.append(dumped(found[1]))
                continue
            for row, entry in self._row(value, index, chunk, made, piece.container):
                out.append(row)
                if entry is not None:
                    kept.append(entry)
        made.written = len(out)
        out.append(b"")
        made.lines = b"\n".join(out)
        key = self.plan.details.mask_key
        made.masked = key is not None and f'"{key}":'.encode() in made.lines
        if kept:
            made.sidecar = b"\n".join([*kept, b""])
        return made

    def _row(self, value: Any, index: int, chunk: Chunk, made: Result, container: str) -> list[tuple[bytes, bytes | None]]:
        plan, line = self.plan, chunk.lines[index]
        row, sample, own = self.read(value, container, made)
        made.formats[sample.format] += 1
        found: list[Loss] = []
        if not own and sample.problem is None:
            found += unkept(row, sample)
            found += _joined(row, sample)
        whole: Any = row if own else canonical_row(sample)
        samples, own_row = [sample], row if own else None
        if plan.drop_rejected and sample.kind in ("preference", "unpaired-preference"):
            better, left = drop_rejected(sample)
            if better is None:
                return self._drop(left[0], value, index, line, made)
            found += [replace(loss, kind="lost", reason=f"{loss.reason}{ASKED}") for loss in left]
            samples, own_row = [better], None
        elif plan.unpair and sample.kind == "preference":
            samples, own_row = unpair(sample), None
        out: list[tuple[bytes, bytes | None]] = []
        for part in samples:
            written, lost = render(part, plan.format, plan.details, row=own_row)
            if written is None:
                return self._drop(lost[0], value, index, line, made)
            if plan.table is not None:
                if has_half(written):
                    half = Loss("", "", "a table holds no half of a surrogate pair", value, kind="refused")
                    return self._drop(half, value, index, line, made)
                written, lost = self._as_table(written, part, own_row, lost)
            found += lost
            entry = None
            if plan.keep:
                entries = sidecar(lost)
                if part is not sample:
                    entries = {"losses": [{"where": "", "edit": "changed", "value": whole}]}
                if not own and not comes_back(row, sample):
                    entries |= {"format": sample.format, "row": value}
                identity = sample_id(parse(self._returned(written), plan.format))
                entry = dumped({"sample": identity, **entries})
            out.append((dumped(written), entry))
            made.columns |= dict.fromkeys(written)
            if plan.table == "csv":
                made.nested.update(key for key, item in written.items() if isinstance(item, list | dict))
        if found:
            made.tally.add(found, chunk.path, line, index + 1)
        return out

    def read(self, value: dict[str, Any], container: str, made: Result) -> tuple[dict[str, Any], Sample, bool]:
        """The row under a format's names, its sample, and whether losses may point into the row itself."""
        plan, row, columns = self.plan, value, self.plan.columns
        if columns:
            made.mapped.update(own for own in columns.values() if own in row)
            made.found |= dict.fromkeys(row) if len(made.found) < _MOST_FOUND else {}
            row = renamed(row, columns)
        if plan.defaults:
            row = filled(row, plan.defaults, container in ("csv", "tsv"))
        name = plan.source or detect_row(row)
        if container in ("csv", "tsv") and FORMATS[name].kind == "unpaired-preference":
            row = with_label(row)
        sample = parse(row, name)
        if plan.source is not None and sample.problem is None and not _says_anything(sample):
            sample.problem = f"the row holds no text where {FORMATS[name].title} has one; without --from its format is detected"
        own = name in OPENAI_SHAPED and not columns and _holds_turns(row)
        return row, sample, own

    def _returned(self, written: dict[str, Any]) -> dict[str, Any]:
        """The row as it will be read from the file that is written."""
        if self.plan.table == "csv":
            return from_cells({key: cell(item) for key, item in written.items()}, self.plan.format)
        if self.plan.table == "parquet":
            back: dict[str, Any] = from_columns(to_columns(written))
            return back
        return written

    def _as_table(
        self, written: dict[str, Any], sample: Sample, row: dict[str, Any] | None, lost: list[Loss]
    ) -> tuple[dict[str, Any], list[Loss]]:
        """The row as the table holds it, and the account with what the table does to it."""
        back = self._returned(written)
        if not same(back, written):
            source = canonical_row(sample) if row is None else row
            returned = openai_row(parse(back, self.plan.format))
            known = {(loss.where, loss.edit) for loss in lost}
            reason = _TABLE_REASONS[str(self.plan.table)]
            lost = [
                loss if (loss.where, loss.edit) in known or loss.kind == "rewritten" else replace(loss, reason=reason)
                for loss in account(source, returned, lambda: spelled_row(lift(sample)), self.plan.format)
            ]
        return to_columns(written) if self.plan.table == "parquet" else written, lost

    def _drop(self, loss: Loss, value: Any, index: int, line: int | None, made: Result) -> list[Any]:
        made.reasons[loss.reason] += 1
        made.dropped.append(Dropped(index, line, loss.reason, loss.where, dumped(value)))
        return []


def comes_back(row: dict[str, Any], sample: Sample) -> bool:
    """Whether a row can be made again from its canonical row, so that a sidecar need not hold it whole."""
    if sample.format not in WRITABLE:
        return False
    whole = canonical_row(sample)
    made, _ = render(parse(whole, detect_row(whole)), sample.format)
    return made is not None and same(made, row)


def _joined(row: dict[str, Any], sample: Sample) -> list[Loss]:
    """An instruction and what it is given become one text; where the one ends is not kept."""
    if FORMATS[sample.format].family != "alpaca" or not row.get("instruction"):
        return []
    reason = "joined to the instruction by a newline, as trainers join them"
    return [Loss(key, f"/{key}", reason, row[key], kind="rewritten") for key in ("input", "context") if row.get(key)]


def _says_anything(sample: Sample) -> bool:
    """Whether any turn has a content, or a call; none has where a row is read as what it is not."""
    return any(turn.content is not ABSENT or turn.tool_calls or turn.reasoning is not None for turn in sample.turns())


def _holds_turns(row: dict[str, Any]) -> bool:
    """Whether the row holds its turns as lists; a cell of a table holds them as text."""
    inner = row.get("input")
    keys = ("messages", "preferred_output", "non_preferred_output", "preferred_completion", "non_preferred_completion")
    places = [row, inner] if isinstance(inner, dict) else [row]
    return all(isinstance(place[key], list) for place in places for key in keys if key in place)


def read_values(chunk: Chunk, container: str, exact: str | None = None) -> list[Any]:
    """The rows of a chunk as values that JSON can hold, whole numbers exact. ``exact`` is for ``from_cells``."""
    values = chunk.values
    if container == "parquet":
        return [from_columns(value) for value in values]
    if container in ("csv", "tsv"):
        return [from_cells(value, exact) for value in values]
    for index, raw in enumerate(chunk.raws):
        if raw is not None and has_long(raw):
            exact = json_value(raw.decode("utf-8", "replace"))
            if isinstance(exact, dict) and same(_floats(exact), _floats(values[index])):
                values[index] = exact
    if any(fault.rule == "nan-literal" for fault in chunk.faults):
        return [finite(value) for value in values]
    return values


def has_half(value: Any) -> bool:
    """Whether half of a surrogate pair stands in a row: JSON can write it as an escape, nothing else can."""
    if b"\\ud" not in dumped(value):
        return False
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def has_long(raw: bytes) -> bool:
    """Whether 19 digits stand in a row; ten times as fast as a pattern."""
    return _LONG in raw.translate(_DIGITS)


def _floats(value: Any) -> Any:
    """The value with its whole numbers as floats, to compare two readings of one row."""
    if isinstance(value, dict):
        return {key: _floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_floats(item) for item in value]
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return 0.0
    return value


def dumped(value: Any) -> bytes:
    """A value as one line of JSON. What orjson refuses (whole numbers beyond 64 bits, lone surrogates) Python writes."""
    try:
        return orjson.dumps(value)
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        text = json.dumps(value, ensure_ascii=False)
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()
    except (TypeError, ValueError, RecursionError):
        return json.dumps(safe_repr(value)).encode()


def why_lost(fault: Fault) -> str:
    """Why a row could not be read, in words."""
    reason = fault.values.get("reason")
    words = {
        "invalid-json": "not JSON",
        "not-an-object": "not an object",
        "row-too-large": "larger than 64 MiB",
        "too-deep": "nested too deeply",
    }
    return f"{words.get(fault.rule, fault.rule)}{f' ({reason})' if isinstance(reason, str) else ''}"
