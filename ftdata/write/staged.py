"""Files that are written beside their names and take them all at once, when everything stands."""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import tempfile
from collections.abc import Iterable
from io import BufferedIOBase
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

from ftdata.errors import UsageError

COMPRESSIONS = (".gz", ".zst", ".zstd")
_SPACE = "Free some space or choose another folder."


class Staged:
    """Output files that appear together: each is written beside its name and renamed when all are complete.

    A context manager. Where its block ends well, the files take their names, the one opened first as the last one: open
    the main file first, and what was taken out of it is safe before it changes. Where the block does not end well (an
    error, Ctrl-C, a full disk), none of them appears and what stood there before stays as it was. A
    name ending in ``.gz`` or ``.zst`` is compressed, always to the same bytes. A link is written through; a device or a pipe
    is written directly. Raises UsageError where a file cannot be written.
    """

    def __init__(self) -> None:
        self._files: list[_File] = []

    def open(self, path: str | Path) -> BufferedIOBase:
        """Return the file to write to."""
        file = _File(Path(path))
        self._files.append(file)
        return file.sink

    def cancel(self) -> None:
        """Let none of the files appear; the block may go on to its end."""
        self._discard()
        self._files = []

    def __enter__(self) -> Staged:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                for file in self._files:
                    file.finish()
                for file in reversed(self._files):
                    file.rename()
        except BaseException:
            self._discard()
            raise
        if kind is not None:
            self._discard()
            if isinstance(error, OSError) and not isinstance(error, BrokenPipeError) and self._wrote(error):
                first = self._files[0].path if self._files else "output"
                raise UsageError(f"{first}: cannot be written ({error.strerror})", _SPACE) from None

    def _discard(self) -> None:
        for file in self._files:
            file.discard()

    def _wrote(self, error: OSError) -> bool:
        """Whether an error is one of writing: a full disk names no file."""
        return error.filename is None or any(error.filename == file.name for file in self._files)


class _File:
    """One file of a stage."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name: str | None = None
        self.target = Path(os.path.realpath(path))
        try:
            mode = self.target.stat().st_mode
        except OSError:
            mode = None
        if mode is not None and stat.S_ISDIR(mode):
            raise UsageError(f"{path} is a folder", "Give the name of a file.")
        self.mode = 0o666 & ~_umask() if mode is None else stat.S_IMODE(mode)
        try:
            if mode is not None and not stat.S_ISREG(mode):
                self.raw: IO[bytes] = self.target.open("wb")
            else:
                # A name may be as long as the file system allows; the one beside it must not be longer.
                handle, self.name = tempfile.mkstemp(prefix=f".{self.target.name[:40]}.", dir=self.target.parent)
                self.raw = os.fdopen(handle, "wb")
        except OSError as error:
            raise UsageError(f"{path}: cannot be written ({error.strerror})", "Check the folder and its permissions.") from None
        self.sink = _compressed(self.raw, path.suffix.lower())

    def finish(self) -> None:
        """Write out what is still held back."""
        try:
            if self.path.suffix.lower() in COMPRESSIONS:
                self.sink.close()
            self.raw.flush()
            if self.name is not None:
                os.fsync(self.raw.fileno())
            self.raw.close()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be written ({error.strerror})", _SPACE) from None

    def rename(self) -> None:
        """Take the name."""
        if self.name is None:
            return
        try:
            os.chmod(self.name, self.mode)
            os.replace(self.name, self.target)
            self.name = None
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be written ({error.strerror})", _SPACE) from None

    def discard(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError, ValueError):
            self.raw.close()
        if self.name is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.name)
            self.name = None


def write_atomically(path: str | Path, blocks: Iterable[bytes]) -> None:
    """Write the blocks to a file that appears when it is complete. Raises UsageError where that fails."""
    with Staged() as stage:
        file = stage.open(path)
        for block in blocks:
            file.write(block)


def _compressed(raw: IO[bytes], suffix: str) -> BufferedIOBase:
    if suffix == ".gz":
        # No name and no time in the header: the same content gives the same bytes.
        return gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6)
    if suffix in COMPRESSIONS:
        return _zstd(raw)
    return cast(BufferedIOBase, raw)


def _zstd(raw: IO[bytes]) -> BufferedIOBase:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]

        return cast(BufferedIOBase, zstd.ZstdFile(raw, "wb"))
    except ImportError:
        import zstandard

        writer: Any = zstandard.ZstdCompressor(level=3).stream_writer(raw, closefd=False)
        return cast(BufferedIOBase, writer)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
