"""One file to read, and the pieces it is cut into."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftdata.errors import ReadError
from ftdata.types import Fault

# A row larger than this is skipped with a finding, so that memory stays bounded.
MAX_ROW = 64 << 20


@dataclass(frozen=True, slots=True)
class Input:
    """One file. ``path`` is shown to people, ``file`` is on disk; ``size`` is its bytes there.

    ``container`` is jsonl, json-array, json-objects, csv, tsv or parquet; ``compression`` gz, zst or ``None``;
    ``faults`` are what is already known to be wrong with the file as a whole. ``skip`` bytes (a byte order mark)
    come before the content.
    """

    path: str
    file: str
    container: str
    compression: str | None = None
    encoding: str = "utf-8"
    size: int = 0
    faults: tuple[Fault, ...] = ()
    skip: int = 0
    delimiter: str = ","
    newline: str = "\n"
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of one file, small enough to send to a worker.

    Lines of a plain file are named by byte range (``start`` to ``end``) and read by the worker. Otherwise
    ``data`` holds lines, or ``rows`` the rows themselves: (line, offset, raw JSON or cells). ``encoding`` is that
    of the file; lines in a multi-byte encoding come as it, those in UTF-16 or 32 already as UTF-8.
    """

    path: str
    file: str
    container: str
    start: int = 0
    end: int = 0
    first_line: int = 1
    data: bytes | None = None
    rows: tuple[tuple[int | None, int | None, Any], ...] | None = None
    columns: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = field(default=())
    size: int = 0
    encoding: str = "utf-8"


def content_hash(item: Input) -> str:
    """Return the SHA-256 of the file's bytes, as hex. Raises ReadError where the file went away."""
    try:
        with Path(item.file).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ReadError(f"cannot be read ({error.strerror})", "Was it moved meanwhile?") from None
