"""Bytes as they come: decompressed, transcoded to UTF-8, in blocks, never the whole file."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ftdata.errors import ReadError
from ftdata.read.inputs import Input
from ftdata.types import Fault

BLOCK = 1 << 20


def raw_blocks(item: Input, size: int = BLOCK) -> Iterator[bytes]:
    """Yield the file's bytes, decompressed. A stream that ends too early ends without an error: ask ``cut_off``."""
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
        yield machine.flush()
        raise CutOff


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    import zstandard

    # Small reads: one call may make a thousand times its input, and the output is not limited otherwise.
    machine, fed = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj(), False
    while block := file.read(BLOCK >> 6):
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


def text_blocks(item: Input) -> Iterator[bytes]:
    """Yield the content as UTF-8 without its byte order mark; other encodings are transcoded, \\r line ends too."""
    decoder = None
    if item.encoding != "utf-8":
        decoder = codecs.getincrementaldecoder(item.encoding)("replace")
    skip = item.skip
    for block in raw_blocks(item):
        if skip:
            block, skip = block[skip:], max(0, skip - len(block))
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


def truncated(item: Input) -> Fault:
    """The fault of a compressed file that ends too early."""
    return Fault("truncated-file", values={"compression": item.compression})
