"""Bytes as they come: decompressed, transcoded to UTF-8, in blocks, never the whole file."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ftdata.errors import ReadError
from ftdata.read.encodings import encoding_fault, guess_encoding
from ftdata.read.inputs import Input
from ftdata.types import Fault

BLOCK = 1 << 20


def raw_blocks(item: Input, size: int = BLOCK) -> Iterator[bytes]:
    """Yield the file's bytes, decompressed. Raises CutOff at the end of a stream that breaks or ends too early."""
    try:
        with Path(item.file).open("rb") as file:
            if item.compression == "gz":
                yield from _gunzip(file)
            elif item.compression == "zst":
                yield from _unzstd(file)
            else:
                while block := file.read(size):
                    yield block
    except OSError as error:
        raise ReadError(f"cannot be read ({error.strerror})", "Check the file and its permissions.") from None


class CutOff(Exception):
    """A compressed stream that ends or breaks before its end."""


def _gunzip(file: BinaryIO) -> Iterator[bytes]:
    machine, fed = zlib.decompressobj(wbits=31), False
    while block := file.read(BLOCK):
        while block:
            try:
                out = machine.decompress(block, BLOCK)
            except zlib.error:
                raise CutOff from None
            fed = True
            if out:
                yield out
            if machine.eof:
                # Several members may stand one after the other; zero bytes may pad the end.
                block = machine.unused_data.lstrip(b"\0")
                machine, fed = zlib.decompressobj(wbits=31), False
            else:
                block = machine.unconsumed_tail
    if fed:
        rest = machine.flush()
        if rest:
            yield rest
        if not machine.eof:
            raise CutOff


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    import zstandard

    # Small reads: four bytes may make 128 KiB, and the output of a call is not limited otherwise.
    machine, fed = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj(), False
    while block := file.read(2048):
        while block:
            try:
                out = machine.decompress(block)
            except zstandard.ZstdError:
                raise CutOff from None
            fed = True
            if out:
                yield out
            if not machine.eof:
                break
            block = machine.unused_data
            machine, fed = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj(), False
    if fed:
        raise CutOff


class TextStream:
    """The content as UTF-8, block by block, without its byte order mark.

    UTF-16, UTF-32 and legacy encodings are transcoded, a lone \\r as line end becomes \\n. A file that has been
    ASCII so far shows its encoding with the first other byte; ``faults`` then says so, and ``encoding`` changes.
    """

    def __init__(self, item: Input) -> None:
        self.item = item
        self.encoding = item.encoding
        self.faults: list[Fault] = []
        self.cut_off = False
        self._line = 1
        self._offset = item.skip

    def __iter__(self) -> Iterator[bytes]:
        item, skip = self.item, self.item.skip
        decided = item.encoding != "utf-8"
        decoder = codecs.getincrementaldecoder(self.encoding)("replace") if decided else None
        blocks = raw_blocks(item)
        while True:
            try:
                block = next(blocks, None)
            except CutOff:
                self.cut_off, block = True, None
            if block is None:
                break
            if skip:
                block, skip = block[skip:], max(0, skip - len(block))
            if not decided and not block.isascii():
                decided = True
                self.encoding = guess_encoding(block)
                if self.encoding != "utf-8":
                    decoder = codecs.getincrementaldecoder(self.encoding)("replace")
                    self.faults.append(encoding_fault(self.encoding, block, self._line, self._offset))
            elif not decided:
                self._line += block.count(b"\n")
                self._offset += len(block)
            if decoder is not None:
                block = decoder.decode(block).encode("utf-8", "replace")
            if item.newline == "\r":
                block = block.replace(b"\r", b"\n")
            if block:
                yield block
        if decoder is not None:
            rest = decoder.decode(b"", final=True).encode("utf-8", "replace")
            if rest:
                yield rest

    def width(self, data: bytes) -> int:
        """How many bytes this UTF-8 took in the file."""
        if self.encoding == "utf-8":
            return len(data)
        return len(data.decode("utf-8", "replace").encode(self.encoding, "replace"))


def truncated(item: Input, line: int, offset: int) -> Fault:
    """The fault of a compressed file that ends too early."""
    return Fault("truncated-file", line, 1, offset, values={"compression": item.compression})
