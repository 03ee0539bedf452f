"""Every error a user can meet. Each says what, where and what next, and carries its exit code.

FtdataError
├── UsageError      a flag, a path or a name that makes no sense
├── ConfigError     a configuration file or a pack that cannot be used
├── ReadError       an input that cannot be read or judged
├── MissingExtra    a feature whose optional package is not installed
└── InternalError   a bug of ours, with what to report
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FtdataError(Exception):
    """An error for the user: one sentence of what and where, and one of what next."""

    exit_code = 2

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(FtdataError):
    """A flag, a path or a name on the command line that makes no sense."""


class ConfigError(FtdataError):
    """A configuration file or a pack that cannot be used."""


class ReadError(FtdataError):
    """An input that cannot be read or judged at all."""


class MissingExtra(FtdataError):
    """A feature whose optional package is not installed."""


class MissingTokenizer(FtdataError):
    """A tokenizer that is not at hand on this machine; rules that need it are skipped with this reason."""


class InternalError(FtdataError):
    """A bug of ours."""


def place_of(error: BaseException) -> str:
    """Name where an error of ours was raised, for the report that the user is asked to send."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    place = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-4:]))
    return f"This is a bug in ftdata, at {place}. Please report it with the command you ran."


def suggest(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the closest known name, or ""."""
    close = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""
