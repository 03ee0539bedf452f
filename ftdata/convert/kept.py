"""The sidecar: what a conversion could not keep, by the hash of the sample that was written, so that it can come back.

Its first line says what it is. Then every row that was written has a line, in the order of the output: the hash of the
sample as the output holds it, and what ``restore`` needs. Samples that are alike are told apart by their order.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ftdata.convert.loss import json_value
from ftdata.errors import ReadError, UsageError
from ftdata.read.sniff import open_input
from ftdata.read.streams import CutOff, raw_blocks

KIND = "ftdata sidecar"
VERSION = 1


def head(format: str, table: str | None) -> bytes:
    """The first line of a sidecar for rows of a format."""
    return (json.dumps({"kind": KIND, "version": VERSION, "format": format, "table": table}) + "\n").encode()


def sidecar_format(path: str) -> str | None:
    """The format of the rows that a sidecar belongs to; ``None`` if there is no such file.

    Raises UsageError for a file that is no sidecar.
    """
    if not Path(path).exists():
        return None
    try:
        first = next(_lines(path), b"")
    except ReadError as error:
        raise UsageError(
            f"{path}: is no sidecar of ftdata convert ({error.message})", "Choose another name for --sidecar."
        ) from None
    found = json_value(first.decode("utf-8", "replace"))
    if not isinstance(found, dict) or found.get("kind") != KIND or not isinstance(found.get("format"), str):
        raise UsageError(f"{path}: is no sidecar of ftdata convert", "Choose another name for --sidecar.")
    if found.get("version") != VERSION:
        raise UsageError(f"{path}: a sidecar of version {found.get('version')}", "Write it again with this version of ftdata.")
    return str(found["format"])


def _lines(path: str) -> Iterator[bytes]:
    rest = b""
    try:
        for block in raw_blocks(open_input(path)):
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
    except CutOff:
        raise UsageError(
            f"{path}: the sidecar is cut off", "Copy it again; without its end rows would stay incomplete."
        ) from None
    if rest:
        yield rest


class Sidecar:
    """The entries of a sidecar, given out by hash: in their order where the rows still have it, else by an index.

    ``alike`` counts the rows whose entry was one of several unlike ones of the same hash, with the order gone. The index
    takes about 200 bytes a row; entries themselves stay on disk. A context manager.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.alike = 0
        self._file: BinaryIO = _plain(path)
        self._file.readline()
        self._index: dict[bytes, list[int]] | None = None
        self._next: bytes | None = None

    def __enter__(self) -> Sidecar:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def find(self, identity: str) -> dict[str, Any] | None:
        """Take the entry of a row; ``None`` if there is none: the row was edited or added."""
        if self._index is None:
            at = self._file.tell()
            line = self._file.readline()
            if line and _identity(line) == identity:
                return self._entry(line)
            self._file.seek(at)
            self._index = self._indexed()
        places = self._index.get(_short(identity))
        if not places:
            return None
        lines = [self._at(place) for place in places[:_MOST_ALIKE]]
        if any(line != lines[0] for line in lines[1:]):
            self.alike += 1
        del places[0]
        return self._entry(lines[0])

    def unused(self) -> int:
        """How many entries no row took."""
        if self._index is None:
            return sum(1 for _ in self._file)
        return sum(map(len, self._index.values()))

    def _indexed(self) -> dict[bytes, list[int]]:
        index: dict[bytes, list[int]] = {}
        while True:
            at = self._file.tell()
            line = self._file.readline()
            if not line:
                return index
            index.setdefault(_short(_identity(line)), []).append(at)

    def _at(self, place: int) -> bytes:
        self._file.seek(place)
        return self._file.readline()

    def _entry(self, line: bytes) -> dict[str, Any]:
        found = json_value(line.decode("utf-8", "replace"))
        if not isinstance(found, dict) or not isinstance(found.get("losses"), list):
            raise UsageError(
                f"{self.path}: holds a line that is no entry of a sidecar", "Was it edited? Convert again to make it."
            )
        return found


_MOST_ALIKE = 100
_HEAD = re.compile(rb'\{"sample": ?"([0-9a-f]{32})"')


def _identity(line: bytes) -> str:
    match = _HEAD.match(line)
    return match[1].decode() if match else ""


def _short(identity: str) -> bytes:
    return bytes.fromhex(identity) if len(identity) == 32 else b""


def _plain(path: str) -> BinaryIO:
    """The file as it is, or decompressed beside everybody's eyes."""
    try:
        item = open_input(path)
        if item.compression is None:
            return Path(item.file).open("rb")
        copy = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the sidecar)
        for line in _lines(path):
            copy.write(line + b"\n")
        copy.seek(0)
        return copy
    except (ReadError, OSError) as error:
        raise UsageError(f"{path}: the sidecar cannot be read ({error})", "Check the path and its permissions.") from None
