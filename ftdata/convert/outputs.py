"""Write converted lines as the file that its suffix names: JSON Lines, a JSON array, CSV, TSV or Parquet."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator
from io import BufferedIOBase
from pathlib import PurePath
from typing import IO, Any, Protocol

import orjson

from ftdata.convert.cells import cell
from ftdata.convert.loss import json_value
from ftdata.convert.piece import Table, has_long
from ftdata.errors import UsageError, suggest
from ftdata.write import COMPRESSIONS

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")


class Sink(Protocol):
    """Takes lines of JSON, each ending in a newline; ``close`` writes what is still missing and says what it had to change."""

    def write(self, lines: bytes) -> None:
        """Take some whole lines."""

    def close(self, columns: Iterable[str]) -> list[str]:
        """End the file; ``columns`` are those of all rows."""

    def free(self) -> None:
        """Let go of what was kept."""


def container_of(path: str) -> str:
    """What a name's suffix says is to be written: jsonl, json, csv, tsv or parquet. Raises UsageError for any other."""
    if path == "-":
        return "jsonl"
    name = PurePath(path).name.lower()
    packed = next((end for end in COMPRESSIONS if name.endswith(end)), "")
    suffix = PurePath(name.removesuffix(packed)).suffix
    if suffix not in SUFFIXES and PurePath(path).parts[:2] in (("/", "dev"), ("/", "proc")):
        return "jsonl"
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{path}: what to write is told by the suffix, and '{suffix}' is none of them.{suggest(suffix, SUFFIXES)}",
            f"Name it {', '.join(SUFFIXES)}, or with .gz or .zst after it.",
        )
    if packed and suffix == ".parquet":
        raise UsageError(f"{path}: Parquet is compressed inside", "Name it .parquet.")
    return "jsonl" if suffix == ".ndjson" else suffix[1:]


def table_of(container: str) -> Table | None:
    """The kind of table that a container is, ``None`` for JSON."""
    return {"csv": "csv", "tsv": "csv", "parquet": "parquet"}.get(container)  # type: ignore[return-value]


def open_sink(container: str, file: BufferedIOBase) -> Sink:
    """Return what writes lines to an open file as the container."""
    if container in ("csv", "tsv"):
        return _Csv(file, "\t" if container == "tsv" else ",")
    if container == "parquet":
        from ftdata.convert.columns import ParquetSink

        return ParquetSink(file)
    return _Array(file) if container == "json" else _Lines(file)


class _Lines:
    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file

    def write(self, lines: bytes) -> None:
        self._file.write(lines)

    def close(self, columns: Iterable[str]) -> list[str]:
        return []

    def free(self) -> None:
        return


class _Array:
    """A JSON array, one row a line."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self._first = True

    def write(self, lines: bytes) -> None:
        if lines:
            self._file.write((b"[\n" if self._first else b",\n") + lines[:-1].replace(b"\n", b",\n"))
            self._first = False

    def close(self, columns: Iterable[str]) -> list[str]:
        self._file.write(b"[]\n" if self._first else b"\n]\n")
        return []

    def free(self) -> None:
        return


class Spool:
    """Lines kept in a nameless temporary file until all are there: a table's columns are known at the end only."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="ftdata-convert-")  # noqa: SIM115 (gone with the spool)

    def write(self, lines: bytes) -> None:
        """Keep some lines."""
        try:
            self._file.write(lines)
        except OSError as error:
            raise UsageError(f"{tempfile.gettempdir()}: rows cannot be kept ({error.strerror})", "Free some space, or set TMPDIR.") from None  # fmt: skip

    def free(self) -> None:
        """Let go of the file."""
        self._file.close()

    def blocks(self) -> Iterator[bytes]:
        """The lines again, in blocks."""
        self._file.seek(0)
        while block := self._file.read(1 << 20):
            yield block

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows, one by one."""
        self._file.seek(0)
        for line in self._file:
            # orjson refuses half a surrogate pair, which Python's reader takes.
            yield json_value(line.decode()) if has_long(line) or b"\\ud" in line else orjson.loads(line)


# What ``ftdata.read`` takes for a column's name; pandas and others guess in ways of their own.
_HEADER = re.compile(r"[^\W\d][\w .\-/]{0,39}")


class _Csv:
    """CSV as Python's csv and pandas read it: RFC 4180, one header line, minimal quoting, newlines as line ends."""

    def __init__(self, file: BufferedIOBase, delimiter: str) -> None:
        self._file, self._delimiter = file, delimiter
        self._spool = Spool()

    def write(self, lines: bytes) -> None:
        self._spool.write(lines)

    def close(self, columns: Iterable[str]) -> list[str]:
        names = list(columns)
        odd = next((name for name in names if not _HEADER.fullmatch(name)), None)
        if odd is not None:
            raise UsageError(
                f"a column named {odd!r} would not be taken for part of a header", "Write .jsonl, where keys may be any text."
            )
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=self._delimiter, lineterminator="\n")
        # Before 3.13 Python quotes no carriage return unless it ends lines.
        quoting = csv.writer(text, delimiter=self._delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(names)
        for row in self._spool.rows():
            cells = [cell(row.get(name)) for name in names]
            (quoting if any("\r" in item for item in cells) else writer).writerow(cells)
            if text.tell() > 1 << 20:
                self._flush(text)
        self._flush(text)
        return []

    def free(self) -> None:
        self._spool.free()

    def _flush(self, text: io.StringIO) -> None:
        self._file.write(text.getvalue().encode("utf-8", "replace"))
        text.seek(0)
        text.truncate()
