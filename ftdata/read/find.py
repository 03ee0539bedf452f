"""Which files are meant: paths, folders, globs and standard input."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ftdata.errors import UsageError

EXTENSIONS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
COMPRESSIONS = ("", ".gz", ".zst", ".zstd")
# What is no data by its name when it is found in a folder; by its own path it is read like any file. Leftovers and records of
# our own, of LLaMA-Factory and datasets, of transformers and peft, of package managers and editors, in this order.
# .pre-commit-hooks.yaml leaves out the same.
_NO_DATA = re.compile(
    r".*\.(?:dropped|sidecar|provenance)\.jsonl|dropped\.jsonl|pilot-\d+\.jsonl|(?:manifest|run"
    r"|dataset_infos?|state"
    r"|config|(?:generation|adapter|preprocessor|processor|tokenizer)_config|tokenizer|special_tokens_map|added_tokens|vocab"
    r"|trainer_state|model\.safetensors\.index"
    r"|package(?:-lock)?|npm-shrinkwrap|composer|tsconfig.*|jsconfig|pyrightconfig|renovate|vercel)\.json",
    re.I,
)
_FOLDERS = {"node_modules", "site-packages", "venv", "__pycache__"}


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


def left_out(paths: Sequence[str]) -> list[str]:
    """What stands in the folders among the paths and is no data by its name: files, and folders with a slash at their end.

    They are what ftdata, trainers and package managers write: records, configurations, other people's packages. What begins
    with a dot is not looked at, nor told here.
    """
    return sorted({out for path in paths if Path(path).is_dir() for out in _walk(path)[1]})


def means_data(path: str) -> bool:
    """Whether a file at this path inside a folder, with forward slashes, is among those that the folder means."""
    *folders, name = path.split("/")
    hidden = any(part.startswith(".") for part in (*folders, name))
    return not hidden and _FOLDERS.isdisjoint(folders) and _may_hold_data(name) and not _NO_DATA.fullmatch(name)


def _may_hold_data(name: str) -> bool:
    return any(name.lower().endswith(end + more) for end in EXTENSIONS for more in COMPRESSIONS)


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


def _in_folder(path: str) -> list[str]:
    files, _ = _walk(path)
    if not files:
        raise UsageError(
            f"{path}: no data files in this folder",
            f"Data files end in {', '.join(EXTENSIONS)}, also .gz, .zst.",
        )
    return sorted(files)


def _walk(path: str) -> tuple[list[str], list[str]]:
    """The data files below a folder, and what is left out by its name."""
    files: list[str] = []
    others: list[str] = []
    for folder, folders, names in os.walk(path):
        others += [str(Path(folder, name)) + os.sep for name in folders if name in _FOLDERS]
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _FOLDERS)
        for name in names:
            if _may_hold_data(name) and not name.startswith("."):
                (others if _NO_DATA.fullmatch(name) else files).append(str(Path(folder, name)))
    return files, others


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
