"""WRITE: bytes to files, atomically: a reader sees the old file or the new one, never a half."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ftdata.errors import UsageError

__all__ = ["write_atomically"]


def write_atomically(path: str | Path, blocks: Iterable[bytes]) -> None:
    """Write the blocks to a temporary file beside ``path``, then rename it. Raises UsageError where that fails."""
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{target} is a folder", "Give the name of a file.")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror})", "Check the folder and its permissions.") from None
    try:
        with os.fdopen(handle, "wb") as file:
            for block in blocks:
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, target)
    except OSError as error:
        _remove(name)
        raise UsageError(f"{target}: cannot be written ({error.strerror})", "Free some space or choose another folder.") from None
    except BaseException:
        _remove(name)
        raise


def _remove(name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
