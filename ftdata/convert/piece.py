"""Convert one piece of one file: decode, parse, write every row in the target format, and count what does not arrive."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from ftdata.convert.account import losses as account
from ftdata.convert.canonical import canonical_row, openai_row, spelled_row
from ftdata.convert.cells import cell, finite, from_cells, from_columns, to_columns
from ftdata.convert.details import OPENAI, Details
from ftdata.convert.lift import lift
from ftdata.convert.loss import Loss, json_value, same, sidecar
from ftdata.convert.mapping import filled, renamed
from ftdata.convert.render import OPENAI_SHAPED, render
from ftdata.convert.reshape import drop_rejected, unpair
from ftdata.convert.tally import Tally
from ftdata.convert.unkept import unkept
from ftdata.formats.detect import detect_row
from ftdata.formats.identity import safe_repr, sample_id
from ftdata.formats.parse import parse
from ftdata.read import Piece, decode
from ftdata.types import ABSENT, Chunk, Fault, Sample

Table = Literal["csv", "parquet"]
# orjson reads a whole number beyond 64 bits as a float; such rows are read again.
_LONG = re.compile(rb"[0-9]{19}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a conversion does with each row.

    ``format`` is written with ``details``. ``source`` is the format that rows are read as (``None``: each as what it is),
    ``columns`` maps a format's names to the file's, ``defaults`` fill what is missing. ``table`` is the kind of table that is
    written, ``None`` for JSON. ``keep`` makes the sidecar. ``names`` are the columns that ``columns`` and ``defaults`` name.
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
    """What became of a piece: lines of JSON, lines of the sidecar, rows that were dropped, and counts."""

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
    mapped: int = 0
    columns: dict[str, Any] = field(default_factory=dict)
    chosen: Counter[str] = field(default_factory=Counter)


class Converter:
    """One process's converter. Call it with a piece."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __call__(self, piece: Piece) -> Result:
        """Convert every row of a piece. Raises ReadError if the file went away."""
        chunk = decode(piece)
        made = Result(size=chunk.size, rows=len(chunk.values))
        self._faults(chunk, made)
        out: list[bytes] = []
        kept: list[bytes] = []
        values = read_values(chunk, piece.container)
        for index, value in enumerate(values):
            for row, entry in self._row(value, index, chunk, made, piece.container):
                out.append(row)
                if entry is not None:
                    kept.append(entry)
        made.written = len(out)
        out.append(b"")
        made.lines = b"\n".join(out)
        if kept:
            made.sidecar = b"\n".join([*kept, b""])
        return made

    def _faults(self, chunk: Chunk, made: Result) -> None:
        for fault in chunk.faults:
            made.faults[fault.rule] += 1
            if fault.lost:
                reason = why_lost(fault)
                made.reasons[reason] += 1
                made.dropped.append(Dropped(None, fault.line, reason, "", dumped(fault.excerpt)))

    def _row(self, value: Any, index: int, chunk: Chunk, made: Result, container: str) -> list[tuple[bytes, bytes | None]]:
        plan, line = self.plan, chunk.lines[index]
        row, sample, own = self._read(value, container, made)
        made.formats[sample.format] += 1
        found: list[Loss] = []
        if not own and sample.problem is None:
            found += unkept(row, sample)
        whole: Any = row if own else canonical_row(sample)
        samples, own_row = [sample], row if own else None
        if plan.drop_rejected and sample.kind in ("preference", "unpaired-preference"):
            better, left = drop_rejected(sample)
            if better is None:
                return self._drop(left[0], value, index, line, made)
            found += [replace(loss, kind="lost", reason=f"{loss.reason}, as asked for") for loss in left]
            samples, own_row = [better], None
        elif plan.unpair and sample.kind == "preference":
            samples, own_row = unpair(sample), None
        out: list[tuple[bytes, bytes | None]] = []
        for part in samples:
            written, lost = render(part, plan.format, plan.details, row=own_row)
            if written is None:
                return self._drop(lost[0], value, index, line, made)
            if plan.table is not None:
                written, lost = self._as_table(written, part, own_row, lost)
            found += lost
            entry = None
            if plan.keep:
                entries = sidecar(lost)
                if part is not sample:
                    entries = {"losses": [{"where": "", "edit": "changed", "value": whole}]}
                identity = sample_id(parse(self._returned(written), plan.format))
                entry = dumped({"sample": identity, **entries})
            out.append((dumped(written), entry))
            if plan.table == "csv":
                made.columns |= dict.fromkeys(written)
        if found:
            made.tally.add(found, chunk.path, line, index + 1)
        return out

    def _read(self, value: dict[str, Any], container: str, made: Result) -> tuple[dict[str, Any], Sample, bool]:
        """The row under a format's names, its sample, and whether losses may point into the row itself."""
        plan, row, columns = self.plan, value, self.plan.columns
        if columns:
            made.mapped += any(own in row for own in columns.values())
            row = renamed(row, columns)
        if plan.defaults:
            row = filled(row, plan.defaults, container in ("csv", "tsv"))
        name = plan.source or detect_row(row)
        sample = parse(row, name)
        own = name in OPENAI_SHAPED and isinstance((row.get("input") or row).get("messages") if isinstance(row.get("input"), dict | None) else None, list)
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
            lost = account(source, returned, lambda: spelled_row(lift(sample)), self.plan.format)
        return to_columns(written) if self.plan.table == "parquet" else written, lost

    def _drop(self, loss: Loss, value: Any, index: int, line: int | None, made: Result) -> list[Any]:
        made.reasons[loss.reason] += 1
        made.dropped.append(Dropped(index, line, loss.reason, loss.where, dumped(value)))
        return []


def read_values(chunk: Chunk, container: str) -> list[Any]:
    """The rows of a chunk as values that JSON can hold, whole numbers exact."""
    values = chunk.values
    if container == "parquet":
        return [from_columns(value) for value in values]
    if container in ("csv", "tsv"):
        return [from_cells(value) for value in values]
    for index, raw in enumerate(chunk.raws):
        if raw is not None and _LONG.search(raw):
            exact = json_value(raw.decode("utf-8", "replace"))
            if isinstance(exact, dict) and same(_floats(exact), _floats(values[index])):
                values[index] = exact
    if any(fault.rule == "nan-literal" for fault in chunk.faults):
        return [finite(value) for value in values]
    return values


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


__all__ = ["ABSENT", "Converter", "Dropped", "Plan", "Result", "dumped", "read_values"]
