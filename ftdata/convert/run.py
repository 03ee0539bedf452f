"""Convert files as a whole: read in pieces, convert in worker processes, write in the order of the input, all or nothing."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ftdata.convert.companion import Companion, Written, companion
from ftdata.convert.kept import Sidecar, head
from ftdata.convert.outputs import Sink, Spool, container_of, open_sink
from ftdata.convert.piece import ASKED, LOST_IN_READING, Dropped, Plan, Result, dumped
from ftdata.convert.putback import Restorer
from ftdata.convert.tally import Tally
from ftdata.errors import FtdataError, ReadError, UsageError, suggest
from ftdata.read import Input, Piece, cut, find_files, open_input
from ftdata.workers import Workers
from ftdata.write import Staged

PIECE_BYTES = 4 << 20
WORTH_WORKERS = 8 << 20

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Outcome:
    """What a conversion did. ``reasons`` counts dropped rows by why; ``columns`` are the keys of the rows of a table.

    ``restored`` and ``edited`` count the rows that were found in a sidecar and those that were not, ``unused`` its entries that
    no row took, ``alike`` the rows that could take several.
    """

    inputs: list[str]
    output: str
    plan: Plan
    rows: int = 0
    written: int = 0
    dropped: int = 0
    tally: Tally = field(default_factory=Tally)
    formats: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    columns: dict[str, Any] = field(default_factory=dict)
    nested: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    restored: int = 0
    edited: int = 0
    unused: int = 0
    alike: int = 0
    mapped: set[str] = field(default_factory=set)
    found: dict[str, Any] = field(default_factory=dict)
    refused: bool = False
    restored_from: str | None = None
    masked: bool = False
    companion: Companion | None = None

    @property
    def lossy(self) -> bool:
        """Whether anything is not in the output as it was in the input."""
        asked = (key[2].endswith(ASKED) for key, _ in self.tally.of("lost", "changed", "added"))
        return bool(self.dropped or not all(asked) or self.faults.keys() & LOST_IN_READING.keys())


class Refused(FtdataError):
    """``--strict``: something would be lost, and nothing was written."""

    exit_code = 1

    def __init__(self, message: str, hint: str | None, outcome: Outcome) -> None:
        super().__init__(message, hint)
        self.outcome = outcome


def open_inputs(paths: Sequence[str]) -> list[Input]:
    """Look at every file that the paths mean. Raises UsageError or ReadError, with the file's name."""
    return [_opened(path) for path in find_files(paths)]


def _opened(path: str) -> Input:
    try:
        return open_input(path)
    except ReadError as error:
        raise ReadError(f"{path}: {error.message}", error.hint) from None


def check_outputs(inputs: Sequence[Input], outputs: Sequence[str]) -> None:
    """Refuse an output that is an input, by whatever name, or that is another output. Raises UsageError."""
    known = {_identity(item.file): (item.path, "an input") for item in inputs}
    for path in outputs:
        if path == "-":
            continue
        other, word = known.setdefault(_identity(path), ("", ""))
        if word:
            same = "" if other == path else f", which is {other}"
            raise UsageError(f"{path} is {word}{same}; it is not written over", "Choose another name.")
        known[_identity(path)] = (path, "written already")


def _identity(path: str) -> Any:
    """What a path stands for: the file behind links, or its place where there is none yet. Devices are no files."""
    try:
        found = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else object()


def convert(
    inputs: Sequence[Input],
    output: str,
    plan: Plan,
    *,
    sidecar: str | None = None,
    restore: str | None = None,
    strict: bool = False,
    target: str | None = None,
    beside: bool = False,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Convert the files into one and say what was lost. ``sidecar`` is written, ``restore`` is read.

    The outcome holds the companion of the ``target``, which is written beside the output if ``beside``.

    Raises UsageError where no row can be converted, Refused where ``strict`` forbids what would be lost; nothing is written then.
    """
    total = sum(item.size for item in inputs)
    outcome = Outcome([item.path for item in inputs], output, plan)
    workers = Workers(1 if restore else jobs or (min(os.cpu_count() or 1, 8) if total >= WORTH_WORKERS else 1), _MAKER)
    try:
        with Staged() as stage:
            results = _restored(inputs, plan, restore, outcome) if restore else _converted(inputs, plan, workers)
            with contextlib.closing(results), contextlib.closing(_Writer(stage, outcome, sidecar, strict)) as writer:
                done = 0
                for item, result in results:
                    writer.take(item, result)
                    done += result.size
                    if progress:
                        progress(min(done, total), total)
                writer.finish()
            if target is not None and outcome.nested:
                names = ", ".join(name for name in outcome.columns if name in outcome.nested)
                outcome.notes.append(
                    f"{target} finds texts in the columns {names} of a table like this one; write .jsonl or .parquet"
                )
            if target is not None:
                _accompany(stage, outcome, target, beside)
    finally:
        workers.stop()
    return outcome


def _accompany(stage: Staged, outcome: Outcome, target: str, beside: bool) -> None:
    written = Written(outcome.plan.format, outcome.output, outcome.columns, outcome.masked)
    outcome.companion = made = companion(target, written)
    if made is None or not beside:
        return
    path = Path(outcome.output).parent / made.name
    text = made.text
    if made.merge is not None and path.is_file():
        text = made.merge(path.read_text("utf-8", "replace"))
    stage.open(path).write(text.encode())
    outcome.files.append(str(path))


_MAKER = "ftdata.convert.piece:Converter"


def _converted(inputs: Sequence[Input], plan: Plan, workers: Workers) -> Generator[tuple[Input, Result]]:
    owners: list[Input] = []
    for index, (_, result) in enumerate(workers.map(plan, _pieces(inputs, owners))):
        yield owners[index], result


def _restored(inputs: Sequence[Input], plan: Plan, path: str, outcome: Outcome) -> Generator[tuple[Input, Result]]:
    outcome.restored_from = path
    with Sidecar(path) as kept:
        restorer = Restorer(plan, kept)
        owners: list[Input] = []
        for piece in _pieces(inputs, owners):
            result = restorer(piece)
            yield owners[-1], result
        outcome.restored, outcome.edited = restorer.restored, restorer.edited
        outcome.unused, outcome.alike = kept.unused(), kept.alike


def _pieces(inputs: Sequence[Input], owners: list[Input]) -> Iterator[Piece]:
    for item in inputs:
        try:
            for piece in cut(item, PIECE_BYTES):
                owners.append(item)
                yield piece
        except ReadError as error:
            raise ReadError(f"{item.path}: {error.message}", error.hint) from None


class _Writer:
    """Takes results in order and writes the output, the sidecar and the dropped rows; nothing stays if it is not closed."""

    def __init__(self, stage: Staged, outcome: Outcome, sidecar: str | None, strict: bool) -> None:
        self._stage, self._outcome, self._strict = stage, outcome, strict
        self._plain: BinaryIO | None = sys.stdout.buffer if outcome.output == "-" and not strict else None
        self._sink: Sink | None = None
        self._spool = Spool() if outcome.output == "-" and strict else None
        container = container_of(outcome.output)
        if outcome.output != "-":
            self._sink = open_sink(container, stage.open(outcome.output))
            outcome.files.append(outcome.output)
        self._sidecar = stage.open(sidecar) if sidecar else None
        if self._sidecar is not None and sidecar:
            self._sidecar.write(head(outcome.plan.format, outcome.plan.table))
            outcome.files.append(sidecar)
        self._dropped: Any = None
        self._item: Input | None = None
        self._base = 0

    def take(self, item: Input, result: Result) -> None:
        """Write what became of the next piece."""
        outcome = self._outcome
        if item is not self._item:
            self._item, self._base = item, 0
        if self._sink is not None:
            self._sink.write(result.lines)
        elif self._plain is not None:
            self._plain.write(result.lines)
        elif self._spool is not None:
            self._spool.write(result.lines)
        if self._sidecar is not None:
            self._sidecar.write(result.sidecar)
        for entry in result.dropped:
            self._drop(item, entry)
        outcome.tally.merge(result.tally, self._base)
        outcome.formats += result.formats
        outcome.reasons += result.reasons
        outcome.faults += result.faults
        outcome.columns |= result.columns
        outcome.nested |= result.nested
        outcome.masked = outcome.masked or result.masked
        outcome.rows += result.rows
        outcome.written += result.written
        outcome.mapped |= result.mapped
        outcome.found |= result.found
        outcome.dropped += len(result.dropped)
        self._base += result.rows

    def _drop(self, item: Input, entry: Dropped) -> None:
        if self._dropped is None and self._outcome.output != "-" and not self._strict:
            self._dropped = self._stage.open(dropped_path(self._outcome.output))
            self._outcome.files.append(dropped_path(self._outcome.output))
        if self._dropped is not None:
            row = None if entry.index is None else self._base + entry.index + 1
            about = {"path": item.path, "row": row, "line": entry.line, "reason": entry.reason}
            if entry.where:
                about["where"] = entry.where
            key = b"text" if entry.index is None else b"sample"
            self._dropped.write(dumped(about)[:-1] + b',"' + key + b'":' + entry.row + b"}\n")

    def close(self) -> None:
        """Let go of what was kept outside of the stage."""
        for kept in (self._sink, self._spool):
            if kept is not None:
                kept.free()

    def finish(self) -> None:
        """End the files. Raises UsageError where nothing was converted, Refused where ``strict`` forbids it."""
        outcome = self._outcome
        _check_mapping(outcome)
        if not outcome.written:
            raise UsageError(*_nothing(outcome))
        if outcome.restored_from and not outcome.restored:
            raise UsageError(
                f"{outcome.restored_from}: holds nothing of these rows",
                "Is it the sidecar of this file? It knows rows by their content.",
            )
        if self._strict and outcome.lossy:
            outcome.files.clear()
            outcome.refused = True
            raise Refused("--strict: not everything arrives as it was, so nothing was written", _STRICT_HINT, outcome)
        if self._sink is not None:
            outcome.notes += self._sink.close(outcome.columns)
        elif self._spool is not None:
            for block in self._spool.blocks():
                sys.stdout.buffer.write(block)
        if outcome.output == "-":
            sys.stdout.buffer.flush()
        stale = dropped_path(outcome.output)
        if self._dropped is None and outcome.output != "-" and Path(stale).is_file():
            # It tells of an earlier conversion: this one dropped nothing.
            self._stage.open(stale)


def _check_mapping(outcome: Outcome) -> None:
    """Refuse a mapping of a column that no row has."""
    columns = outcome.plan.columns or {}
    missing = next((own for own in columns.values() if own not in outcome.mapped), None)
    if missing is not None and outcome.rows:
        found = [str(key) for key in outcome.found]
        raise UsageError(
            f"--map: no row has a column '{missing}'.{suggest(missing, found)}",
            f"Columns: {', '.join(found[:30])}. NAME=COLUMN: the format's name comes first.",
        )


_STRICT_HINT = "Without --strict it is written; --sidecar FILE then keeps what the format cannot hold."


def dropped_path(output: str) -> str:
    """Where the rows go that are not converted."""
    return f"{output}.dropped.jsonl"


def _nothing(outcome: Outcome) -> tuple[str, str | None]:
    """What to say where no row was converted, and what next."""
    from ftdata.formats.registry import FORMATS

    title = FORMATS[outcome.plan.format].title
    if not outcome.reasons:
        return f"{outcome.inputs[0]}: holds no rows", "Check the export that wrote it."
    reason, count = outcome.reasons.most_common(1)[0]
    hint = None
    if reason.startswith(("the worse answer", "the label would")):
        hint = (
            "--drop-rejected keeps the better answers only; a preference format keeps both: openai-dpo, preference-explicit ..."
        )
        if reason.startswith("the label would"):
            hint = (
                "--drop-rejected keeps the answers labelled good; a format with labels keeps all: messages-kto, unpaired-kto ..."
            )
        elif FORMATS[outcome.plan.format].kind == "unpaired-preference":
            hint = "--unpair writes each pair as two rows with labels."
    elif reason.startswith("the format needs a label"):
        hint = "--unpair writes preference pairs as rows with labels; --default label=true labels every answer."
    elif reason.startswith("no known format"):
        hint = "Name the columns with --map, such as --map prompt=question,response=answer, or the format with --from."
    elif reason.startswith("a plain text"):
        hint = "--to text-lm keeps it as plain text; no turns can be made of it."
    elif reason.startswith("a preference needs"):
        hint = "Only preference data has both; ftdata makes up no answers."
    if outcome.restored_from and not hint:
        hint = f"They are read as {FORMATS[outcome.plan.source or 'unknown'].title}, for such rows the sidecar was written."
    who = ", ".join(outcome.inputs[:3]) + (" ..." if len(outcome.inputs) > 3 else "")
    most = f" (so {count:,} of them)" if len(outcome.reasons) > 1 else ""
    rows = "its one row" if outcome.dropped == 1 else f"none of its {outcome.dropped:,} rows"
    cannot = "cannot" if outcome.dropped == 1 else "can"
    return f"{who}: {rows} {cannot} be written as {title}: {reason}{most}", hint
