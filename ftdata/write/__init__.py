"""WRITE: bytes to files, atomically: a reader sees the old file or the new one, never a half."""

from ftdata.write.staged import COMPRESSIONS, Staged, write_atomically

__all__ = ["COMPRESSIONS", "Staged", "write_atomically"]
