"""READ: bytes become rows. A broken row becomes a fault with its place; it never ends the run or costs a good row."""

from ftdata.read.again import read_rows
from ftdata.read.cut import cut
from ftdata.read.find import find_files, left_out
from ftdata.read.inputs import Input, Piece, content_hash
from ftdata.read.rows import decode
from ftdata.read.sniff import open_input

__all__ = ["Input", "Piece", "content_hash", "cut", "decode", "find_files", "left_out", "open_input", "read_rows"]
