"""Put files together: copies of a sample once, rows as they stand where the files are of one format, every origin told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ftdata.convert.cells import from_cells
from ftdata.convert.details import OPENAI
from ftdata.convert.loss import Loss
from ftdata.convert.piece import Converter, Plan, Result, dumped, why_lost
from ftdata.convert.render import render
from ftdata.convert.tally import Tally
from ftdata.convert.unkept import unkept
from ftdata.errors import UsageError
from ftdata.formats import FORMATS, detect_row
from ftdata.scan import Row, Scan, wanted_rows
from ftdata.types import Fault
from ftdata.write import Staged
from ftdata.write_rows import RowFile, keeps_cells, strict_value

Keep = Literal["first", "last"]
# Features of one format differ from row to row; every loader that reads one of these reads the others.
_ALIKE: Mapping[str, str] = {
    **dict.fromkeys(
        ("openai-chat", "openai-chat-tools", "openai-chat-functions", "openai-chat-vision", "openai-chat-reasoning",
         "openai-chat-think", "trl-harmony"), "openai-chat"),
    **dict.fromkeys(("sharegpt", "sharegpt-tools-lf", "sharegpt-hermes-tools"), "sharegpt"),
    **dict.fromkeys(("alpaca", "alpaca-history"), "alpaca"),
    **dict.fromkeys(("anthropic", "anthropic-tools"), "anthropic"),
}  # fmt: skip
_SHOWN_CONFLICTS = 5


@dataclass(frozen=True, slots=True)
class Drop:
    """A row that is not written: why, and the row that stays in its place, counted over all files."""

    reason: str
    kept: int


@dataclass(slots=True)
class Decision:
    """What becomes of the rows, counted over all files.

    ``stays`` holds for each row the number of the copy that stays, its own where it stays itself; ``near`` the rows that go as
    near-duplicates, with the score. ``conflicts`` counts prompts, ``examples`` are pairs of rows.
    """

    stays: Any
    near: dict[int, float] = field(default_factory=dict)
    conflicts: int = 0
    examples: list[tuple[int, int]] = field(default_factory=list)

    def drop_of(self, row: int) -> Drop | None:
        """Why a row goes; ``None`` where it stays."""
        kept = int(self.stays[row])
        if kept == row:
            return None
        score = self.near.get(row)
        return Drop("exact-duplicate" if score is None else f"near-duplicate ({score:.1f})", kept)


@dataclass(slots=True)
class Outcome:
    """What a merge did. ``copies`` counts dropped rows of each file, ``across`` those whose copy stays in another file.

    ``converted`` rows were written in another format than theirs, the others with their own bytes. ``refused`` counts by
    reason the rows that the format cannot hold; ``lost`` the lines that hold no row.
    """

    scan: Scan
    decision: Decision
    format: str | None
    written: int = 0
    converted: int = 0
    copies: list[int] = field(default_factory=list)
    across: list[int] = field(default_factory=list)
    near: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    files: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def alike(format: str) -> str:
    """The name that formats share whose rows may stand in one file."""
    return _ALIKE.get(format, format)


def file_formats(scan: Scan) -> list[str]:
    """The format of each file: that of most of its rows; "" where it has none, or none that is known."""
    found = []
    for counts in scan.formats:
        groups: Counter[str] = Counter()
        for name, count in counts.items():
            if name != "unknown":
                groups[alike(name)] += count
        found.append(max(sorted(groups), key=lambda name: groups[name]) if groups else "")
    return found


def check_formats(scan: Scan, to: str | None) -> None:
    """Raise UsageError where the files are of several formats and none is named to write."""
    formats = file_formats(scan)
    named: dict[str, str] = {}
    for item, name in zip(scan.inputs, formats, strict=True):
        if name:
            named.setdefault(name, item.path)
    if to is not None or len(named) < 2:
        return
    shown = [f"{path} is {FORMATS[name].title} ({name})" for name, path in list(named.items())[:4]]
    kinds = {FORMATS[name].kind for name in named}
    first = next(iter(named))
    hint = f"--to {first} writes all of them as {FORMATS[first].title}, and says what is lost."
    if len(kinds) > 1:
        hint = (
            "They teach in different ways, and no format holds both: convert one first, such as `ftdata convert --drop-rejected`."
        )
    raise UsageError(f"the files are of different formats: {'; '.join(shown)}", hint)


def decide(scan: Scan, keep: Keep = "first") -> Decision:
    """Find the copies, by the hash of the sample, and the prompts that have other answers in other files."""
    import polars as pl

    rows = len(scan)
    ids = scan.ids.astype(np.uint64)
    frame = pl.DataFrame({"row": np.arange(rows, dtype=np.uint32), "high": ids[:, 0], "low": ids[:, 1]})
    stays = pl.col("row").first() if keep == "first" else pl.col("row").last()
    copies = frame.select(kept=stays.over("high", "low"))
    decision = Decision(copies["kept"].to_numpy().copy())
    if len(scan.inputs) > 1 and len(scan.prompts) == rows:
        files = np.searchsorted(scan.starts, np.arange(rows), side="right")
        asked = pl.DataFrame(
            {"row": np.arange(rows, dtype=np.uint32), "file": files, "prompt": scan.prompts, "answer": scan.answers}
        )
        known = asked.filter(pl.col("prompt") != 0)
        both = (pl.col("answer").n_unique().over("prompt") > 1) & (pl.col("file").n_unique().over("prompt") > 1)
        found = known.filter(both)
        decision.conflicts = found["prompt"].n_unique() if found.height else 0
        prompts = found["prompt"].unique(maintain_order=True).head(_SHOWN_CONFLICTS)
        for prompt in prompts:
            decision.examples.append(_pair(found.filter(pl.col("prompt") == prompt).select("row", "file", "answer").rows()))
    return decision


def _pair(rows: list[tuple[int, int, int]]) -> tuple[int, int]:
    """Two rows of different files with different answers; there are such where there are two files and two answers."""
    row, file, answer = rows[0]
    for other, elsewhere, said in rows:
        if elsewhere != file and said != answer:
            return row, other
    # The first row's answer is that of all other files: another row of its file has another one.
    different = next(one for one in rows if one[2] != answer)
    return different[0], next(one[0] for one in rows if one[1] != different[1])


def add_near(scan: Scan, decision: Decision, threshold: float, keep: Keep, format: str | None) -> None:
    """Drop near-duplicates too, as ``ftdata dedupe`` finds them. Raises UsageError for a threshold that makes no sense."""
    from ftdata.dedupe.result import find

    if any(item.path == "<stdin>" for item in scan.inputs):
        raise UsageError("--near reads the files twice, which standard input does not allow", "Save it to a file first.")
    result = find(
        [item.path for item in scan.inputs], threshold=threshold, metric="ratio", view="conversation",
        steps=("nfkc", "case", "whitespace"), keep=keep, linkage="direct", format=format, count=None,
    )  # fmt: skip
    found = result.collection
    numbers = {item.path: number for number, item in enumerate(scan.inputs)}

    def number(index: int) -> int:
        return scan.starts[numbers[found.inputs[found.file[index]].path]] + found.row[index] - 1

    for index, match in sorted(result.outcome.dropped.items()):
        row, kept = number(index), number(match.kept)
        kept = int(decision.stays[kept])
        if decision.stays[row] == row and kept != row:
            decision.stays[row] = kept
            decision.near[row] = match.score


def merge(
    scan: Scan, decision: Decision, output: str, *, to: str | None = None, source: str | None = None,
    provenance: str | None = None, provenance_field: str | None = None,
) -> Outcome:  # fmt: skip
    """Write what stays, in the order of the files, and beside it where each row comes from and what was dropped.

    ``to`` is the format of all rows, ``source`` the one that rows are read as; ``provenance`` the name of the sidecar;
    ``provenance_field`` the key that holds the origin in each row instead. Raises UsageError where no row can be written, or
    where a row has such a key already.
    """
    outcome = Outcome(scan, decision, to, copies=[0] * len(scan.inputs), across=[0] * len(scan.inputs))
    with Staged() as stage:
        writer = _Writer(outcome, stage, output, to, source, provenance, provenance_field)
        with writer.rows:
            for row in wanted_rows(scan, None, cells=to is None and keeps_cells(scan.inputs, output), lost=writer.lose):
                writer.take(row)
            if not writer.rows.count:
                raise UsageError(*_nothing(outcome))
        outcome.notes += writer.rows.notes
        stale = dropped_path(output)
        if output != "-" and stale not in outcome.files and Path(stale).is_file():
            stage.open(stale)  # it tells of an earlier merge: this one dropped nothing
    return outcome


def dropped_path(output: str) -> str:
    """Where the rows go that are not written."""
    return f"{output}.dropped.jsonl"


class _Writer:
    """Takes the rows in order and decides where each goes."""

    def __init__(
        self, outcome: Outcome, stage: Staged, output: str, to: str | None, source: str | None, provenance: str | None, key: str | None
    ) -> None:  # fmt: skip
        self._outcome, self._stage, self._output, self._to, self._source, self._key = outcome, stage, output, to, source, key
        self.rows = RowFile(stage, output)
        self._converter = Converter(Plan(to, source=source)) if to is not None else None
        if output != "-":
            outcome.files.append(output)
        self._origins = stage.open(provenance) if provenance else None
        if provenance:
            outcome.files.append(provenance)
        self._dropped: Any = None

    def take(self, row: Row) -> None:
        """Write a row, or say why not."""
        outcome = self._outcome
        drop = outcome.decision.drop_of(row.index)
        if drop is not None:
            outcome.copies[row.file] += 1
            outcome.near += drop.reason != "exact-duplicate"
            file, kept = outcome.scan.place(drop.kept)
            outcome.across[row.file] += file != row.file
            self._drop(row, drop.reason, {"kept_path": outcome.scan.inputs[file].path, "kept_row": kept})
            return
        made = self._made(row) if self._converter is not None else None
        if isinstance(made, str):
            outcome.refused[made] += 1
            self._drop(row, made, {})
            return
        if self._key is not None:
            self._write_with_origin(row, made)
        elif made is not None:
            self.rows.write_made(made)
        else:
            self.rows.write(row)
        outcome.written += 1
        outcome.converted += made is not None
        if self._origins is not None:
            self._origins.write(dumped({"row": self.rows.count, **self._origin(row)}) + b"\n")

    def _made(self, row: Row) -> dict[str, Any] | str | None:
        """The row in the format to write; ``None`` where it is in that format already, a text where it cannot be."""
        assert self._converter is not None and self._to is not None
        scan = self._outcome.scan
        container = scan.inputs[row.file].container
        value = from_cells(row.value) if container in ("csv", "tsv") else strict_value(row)
        known = self._source or detect_row(value)
        if alike(known) == alike(self._to):
            return None
        named, sample, own = self._converter.read(value, container, Result())
        found: list[Loss] = [] if own or sample.problem is not None else list(unkept(named, sample))
        written, lost = render(sample, self._to, OPENAI, row=named if own else None)
        if written is None:
            return lost[0].reason
        self._outcome.tally.add([*found, *lost], scan.inputs[row.file].path, row.line, row.row)
        return written

    def _origin(self, row: Row) -> dict[str, Any]:
        scan = self._outcome.scan
        return {"path": scan.inputs[row.file].path, "path_row": row.row, "line": row.line, "sample": scan.hash_of(row.index)}

    def _write_with_origin(self, row: Row, made: dict[str, Any] | None) -> None:
        assert self._key is not None
        value = made if made is not None else row.value
        if self._key in value:
            raise UsageError(
                f"{self._outcome.scan.inputs[row.file].path} row {row.row}: has a key '{self._key}' already",
                "Name another key with --provenance-field, or leave it out: the origins are then in a file beside.",
            )
        entry = dumped({self._key: {key: item for key, item in self._origin(row).items() if item is not None}})
        # The bytes before the closing brace stay as they are.
        text = (dumped(made) if made is not None else row.text).rstrip()
        body = text[:-1].rstrip()
        self.rows.write_text(body + (b"" if body == b"{" else b", ") + entry[1:])

    def lose(self, file: int, fault: Fault) -> None:
        """Take note of a line that holds no row."""
        reason = why_lost(fault)
        self._outcome.lost[reason] += 1
        about = {
            "path": self._outcome.scan.inputs[file].path,
            "row": None,
            "line": fault.line,
            "reason": reason,
            "text": fault.excerpt,
        }
        self._drop_line(dumped(about))

    def _drop(self, row: Row, reason: str, more: Mapping[str, Any]) -> None:
        scan = self._outcome.scan
        about = {
            "path": scan.inputs[row.file].path,
            "row": row.row,
            "line": row.line,
            "reason": reason,
            "hash": scan.hash_of(row.index),
            **more,
        }
        self._drop_line(dumped(about)[:-1] + b',"sample":' + row.text + b"}")

    def _drop_line(self, line: bytes) -> None:
        if self._output == "-":
            return
        if self._dropped is None:
            self._dropped = self._stage.open(dropped_path(self._output))
            self._outcome.files.append(dropped_path(self._output))
        self._dropped.write(line + b"\n")


def _nothing(outcome: Outcome) -> tuple[str, str | None]:
    paths = ", ".join(item.path for item in outcome.scan.inputs[:3])
    if outcome.refused and outcome.format is not None:
        reason, count = outcome.refused.most_common(1)[0]
        return (
            f"{paths}: no row can be written as {FORMATS[outcome.format].title}: {reason} ({count:,} rows)",
            "Name another format with --to.",
        )
    return f"{paths}: hold no rows", "Check the export that wrote them; `ftdata lint` says what is wrong."


def conflicts_of(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """The places of the first conflicting pairs, for people."""
    for one, other in outcome.decision.examples:
        yield _named(outcome.scan, one), _named(outcome.scan, other)


def _named(scan: Scan, index: int) -> str:
    file, row = scan.place(index)
    return f"{scan.inputs[file].path} row {row}"


def check_provenance_field(scan: Scan, key: str, output: str, formats: Sequence[str]) -> None:
    """Raise UsageError where a key of each row cannot hold its origin: in tables, and where the format means something by it."""
    from ftdata.convert.outputs import container_of

    if container_of(output) not in ("jsonl", "json"):
        raise UsageError("--provenance-field needs rows of JSON", "Without it the origins are in a file beside the output.")
    for name in formats:
        if name and key in FORMATS[name].keys:
            raise UsageError(f"'{key}' is a key of {FORMATS[name].title}", "Name another one, such as provenance.")
