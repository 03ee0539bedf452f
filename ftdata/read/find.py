"""Which files are meant: paths, folders, globs and standard input."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ftdata.errors import UsageError

EXTENSIONS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
COMPRESSIONS = ("", ".gz", ".zst", ".zstd")
# What our own commands leave beside their output: in a folder it is no data, by its own path it is read like any file.
BESIDE = (".dropped.jsonl", ".sidecar.jsonl", ".provenance.jsonl")


def find_files(paths: Sequence[str]) -> list[str]:
    """Return the files that the paths mean, sorted within a folder or glob, each once.

    Raises UsageError for a path that does not exist, a glob that matches nothing, and a folder without data.
    """
    found: dict[str, str] = {}
    for path in paths:
        for file in _expand(path):
            key = file if file == "-" else os.path.realpath(file)
            found.setdefault(key, file)
    return list(found.values())


def is_data_name(name: str) -> bool:
    """Whether a file name has an extension that data files have, and is no file that ftdata leaves beside its output."""
    lowered = name.lower()
    return not lowered.endswith(BESIDE) and any(lowered.endswith(end + more) for end in EXTENSIONS for more in COMPRESSIONS)


def _expand(path: str) -> Iterator[str]:
    if path == "-":
        yield path
        return
    if Path(path).is_dir():
        yield from _in_folder(path)
        return
    if os.path.lexists(path):
        yield path
        return
    if glob.has_magic(path):
        found = glob.glob(path, recursive=True)
        matches = sorted(match for match in found if not Path(match).is_dir())
        if not matches:
            raise UsageError(f"{path}: no file matches", "Quote the pattern if the shell changes it.")
        yield from matches
        return
    near = _nearest(path)
    hint = f"Did you mean {near}?" if near else "Check the path; relative ones start at the working directory."
    raise UsageError(f"{path}: no such file or folder", hint)


def _in_folder(path: str) -> Iterator[str]:
    files = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [str(Path(folder, name)) for name in names if is_data_name(name) and not name.startswith(".")]
    if not files:
        raise UsageError(
            f"{path}: no data files in this folder",
            f"Data files end in {', '.join(EXTENSIONS)}, also .gz, .zst.",
        )
    yield from sorted(files)


def _nearest(path: str) -> str | None:
    import difflib

    parent = Path(path).parent
    try:
        names = [entry.name for entry in parent.iterdir()][:5000]
    except OSError:
        return None
    stems = {name.split(".")[0]: name for name in reversed(names) if not name.startswith(".")}
    close = difflib.get_close_matches(Path(path).name.split(".")[0], stems, n=1, cutoff=0.6)
    return str(parent / stems[close[0]]) if close else None
