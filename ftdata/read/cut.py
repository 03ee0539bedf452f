"""Cut a file into pieces at the ends of rows, in one pass and bounded memory, whatever its size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ftdata.errors import ReadError
from ftdata.read.elements import cut_elements
from ftdata.read.encodings import WIDE, encoding_fault, guess_encoding
from ftdata.read.inputs import MAX_ROW, Input, Piece
from ftdata.read.streams import CutOff, TextStream, raw_blocks, truncated
from ftdata.read.tables import cut_table
from ftdata.types import Fault

PARQUET_ROWS = 20_000


def cut(item: Input, piece_bytes: int = 8 << 20) -> Iterator[Piece]:
    """Yield the pieces of a file. The faults of the file as a whole come with the first one.

    Raises ReadError where a file can no longer be read, or is no Parquet inside.
    """
    ways = {"jsonl": _lines, "json-array": cut_elements, "json-objects": cut_elements, "parquet": _parquet}
    faults, yielded = item.faults, False
    for piece in ways.get(item.container, cut_table)(item, piece_bytes):
        yield replace(piece, faults=(*faults, *piece.faults)) if faults else piece
        faults, yielded = (), True
    if not yielded and faults:
        yield Piece(item.path, item.file, item.container, rows=(), faults=faults)


class _Lines:
    """Cuts lines: collects blocks until a piece is full, and knows where in the file it stands."""

    def __init__(self, item: Input, by_range: bool) -> None:
        self.item = item
        self.by_range = by_range
        self.encoding = item.encoding
        self.decided = item.encoding != "utf-8"
        self.start, self.line = item.skip, 1
        self.faults: list[Fault] = []
        self.newline: bytes | None = b""

    def piece(self, data: bytes) -> Piece:
        """Make these lines a piece and go on after them."""
        if not self.decided and not data.isascii():
            # The head was ASCII; here the file shows what it is.
            self.decided, self.encoding = True, guess_encoding(data)
            if self.encoding != "utf-8":
                self.faults.append(encoding_fault(self.encoding, data, self.line, self.start))
        self._watch_newlines(data)
        width = len(data)
        if self.encoding in WIDE:
            width = len(data.decode("utf-8", "replace").encode(self.encoding, "replace"))
        item, faults, start, line = self.item, tuple(self.faults), self.start, self.line
        self.faults = []
        self.start += width
        self.line += data.count(b"\n")
        payload = None if self.by_range else data
        return Piece(
            item.path, item.file, "jsonl", start, self.start, line, payload,
            faults=faults, size=len(data), encoding=self.encoding,
        )  # fmt: skip

    def too_large(self, size: int) -> None:
        """Go on after a row that is larger than any row may be."""
        values = {"size": size, "limit": MAX_ROW}
        self.faults.append(Fault("row-too-large", self.line, 1, self.start, lost=True, values=values))
        self.start, self.line = self.start + size, self.line + 1

    def _watch_newlines(self, data: bytes) -> None:
        """Say once where the first line is that ends otherwise than the first line of the file."""
        if self.newline is None:
            return
        first = data.find(b"\n")
        if first < 0:
            return
        if not self.newline:
            self.newline = b"\r\n" if data[first - 1 : first] == b"\r" and first else b"\n"
        returns = data.count(b"\r\n") if b"\r" in data else 0
        if returns == (0 if self.newline == b"\n" else data.count(b"\n")):
            return
        match = re.search(rb"\r\n" if self.newline == b"\n" else rb"(?<!\r)\n", data)
        if match:
            self.newline = None
            line = self.line + data.count(b"\n", 0, match.end() - 1)
            self.faults.append(Fault("mixed-newlines", line, 1, self.start + data.rfind(b"\n", 0, match.start()) + 1))


def _lines(item: Input, piece_bytes: int) -> Iterator[Piece]:
    """Lines, by byte range where the worker can read the file itself, by data otherwise."""
    wide = item.encoding in WIDE
    by_range = item.compression is None and not wide and item.newline == "\n"
    stream = TextStream(item) if wide else None
    state = _Lines(item, by_range)
    pending: list[bytes] = []
    size, full, skipped = 0, piece_bytes, 0
    blocks = iter(stream) if stream else _plain(item, piece_bytes if by_range else 1 << 20)
    cut_off = False
    while True:
        try:
            block = next(blocks, None)
        except CutOff:
            cut_off, block = True, None
        if block is None:
            break
        if skipped:
            end = block.find(b"\n") + 1
            skipped += end or len(block)
            if not end:
                continue
            state.too_large(skipped)
            block, skipped = block[end:], 0
        pending.append(block)
        size += len(block)
        if size < full:
            continue
        data = b"".join(pending) if len(pending) > 1 else block
        end = data.rfind(b"\n") + 1
        if end:
            yield state.piece(data[:end])
            pending, size, full = [data[end:]], len(data) - end, max(piece_bytes, len(data) - end + 1)
        elif size > MAX_ROW:
            pending, skipped, size, full = [], size, 0, piece_bytes
        else:
            pending, full = [data], 2 * size
    if skipped:
        state.too_large(skipped)
    data = b"".join(pending)
    if cut_off or (stream is not None and stream.cut_off):
        state.faults.append(truncated(item, state.line + data.count(b"\n"), state.start + len(data)))
    if data or state.faults:
        yield state.piece(data)


def _plain(item: Input, size: int) -> Iterator[bytes]:
    """The bytes of the file without its byte order mark, a lone carriage return as newline."""
    skip = item.skip
    for block in raw_blocks(item, size):
        if skip:
            block, skip = block[skip:], max(0, skip - len(block))
        yield block.replace(b"\r", b"\n") if item.newline == "\r" else block


def _parquet(item: Input, piece_bytes: int) -> Iterator[Piece]:
    import polars as pl

    try:
        count = pl.scan_parquet(item.file, glob=False).select(pl.len()).collect().item()
    except BaseException as error:  # polars panics are no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
            raise
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ReadError(f"is a damaged Parquet file ({reason})", "Write it again.") from None
    # Columns are compressed about fourfold; rows of whole books make smaller slices.
    step = max(1, min(PARQUET_ROWS, count * piece_bytes // max(item.size * 4, 1))) if item.size > piece_bytes else PARQUET_ROWS
    for start in range(0, count, step):
        end = min(start + step, count)
        size = item.size * (end - start) // max(count, 1)
        yield Piece(item.path, item.file, "parquet", start, end, size=size)
