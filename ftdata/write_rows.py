"""Write rows that were read from some file to another one, with their own bytes where the containers agree."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from ftdata.convert.cells import to_columns
from ftdata.convert.outputs import container_of, open_sink
from ftdata.convert.piece import dumped
from ftdata.read import Input
from ftdata.scan import Row
from ftdata.write import Staged


def keeps_cells(inputs: list[Input], output: str) -> bool:
    """Whether cells pass as the texts that they are: from tables of text to a table of text."""
    return container_of(output) in ("csv", "tsv") and all(item.container in ("csv", "tsv") for item in inputs)


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
        """Write a row as it was read."""
        if self._container == "parquet":
            from ftdata.convert.loss import json_value

            self._put(dumped(to_columns(json_value(row.text.decode("utf-8", "replace")))))
            return
        if self._container in ("csv", "tsv"):
            self._columns |= dict.fromkeys(row.value)
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
        if kind is not None:
            return
        if self._sink is not None:
            self.notes = self._sink.close(self._columns)
        else:
            sys.stdout.buffer.flush()
