"""Write rows that were read from some file to another one, with their own bytes where the containers agree."""

from __future__ import annotations

import sys
from collections import Counter
from types import TracebackType
from typing import Any

import orjson

from ftdata.convert.cells import finite, to_columns
from ftdata.convert.loss import json_value
from ftdata.convert.outputs import container_of, open_sink
from ftdata.convert.piece import LOST_IN_READING, dumped, has_half
from ftdata.read import Input
from ftdata.scan import Row, Scan
from ftdata.types import ABSENT
from ftdata.write import Staged


def keeps_cells(inputs: list[Input], output: str) -> bool:
    """Whether cells pass as the texts that they are: from tables of text to a table of text."""
    return container_of(output) in ("csv", "tsv") and all(item.container in ("csv", "tsv") for item in inputs)


def strict_value(row: Row) -> Any:
    """The row as strict JSON can hold it: whole numbers exact, null for NaN, U+FFFD for half of a surrogate pair."""
    exact = json_value(row.text.decode("utf-8", "replace"))
    return finite(row.value if exact is ABSENT or has_half(exact) else exact)


def _is_strict(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True


def lost_faults(scan: Scan, rewritten: bool) -> dict[str, int]:
    """Faults by rule that cost the rows something. Rows that keep their own bytes (not ``rewritten``) keep most."""
    total: Counter[str] = sum(scan.faults, Counter())
    return {rule: total[rule] for rule in LOST_IN_READING if total[rule] and (rewritten or rule in _ALWAYS_LOST)}


# What own bytes do not hold either.
_ALWAYS_LOST = frozenset({"ragged-row", "truncated-file"})


class RowFile:
    """The main output: a file named by its suffix, staged, or standard output for ``-``. A context manager that ends it.

    ``notes`` says after the end what the container made of some columns.
    """

    def __init__(self, stage: Staged, output: str) -> None:
        """Open the output. Raises UsageError where it cannot be written."""
        self._container = container_of(output)
        self._sink = open_sink(self._container, stage.open(output)) if output != "-" else None
        self._columns: dict[str, Any] = {}
        self.count = 0
        self.notes: list[str] = []

    def write(self, row: Row) -> None:
        """Write a row as it was read. A table holds it as strict JSON would."""
        if self._container == "parquet":
            self._put(dumped(to_columns(strict_value(row))))
            return
        if self._container in ("csv", "tsv"):
            self._columns |= dict.fromkeys(row.value)
            self._put(row.text if _is_strict(row.text) else dumped(strict_value(row)))
            return
        self._put(row.text)

    def write_made(self, made: dict[str, Any]) -> None:
        """Write a row that was made of one."""
        if self._container in ("csv", "tsv"):
            self._columns |= dict.fromkeys(made)
        self._put(dumped(to_columns(made) if self._container == "parquet" else made))

    def write_text(self, text: bytes) -> None:
        """Write one line of JSON as it stands; for files of JSON only."""
        self._put(text)

    def _put(self, line: bytes) -> None:
        self.count += 1
        if self._sink is not None:
            self._sink.write(line + b"\n")
        else:
            sys.stdout.buffer.write(line + b"\n")

    def __enter__(self) -> RowFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._sink is None:
            if kind is None:
                sys.stdout.buffer.flush()
            return
        try:
            if kind is None:
                self.notes = self._sink.close(self._columns)
        finally:
            self._sink.free()
