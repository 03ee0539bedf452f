"""Checkpoints that can be trusted: each has a list of its files with their hashes, written last.

transformers writes a checkpoint file by file; a process that is killed meanwhile leaves one that looks whole. Resuming from it
crashes, or goes on with a fresh optimizer and says nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

from ftdata.errors import ReadError
from ftdata.train.runs import sync_folder
from ftdata.write import write_atomically

LIST = "ftdata-files.json"
NEEDED = ("optimizer.pt", "scheduler.pt", "trainer_state.json")


def seal(folder: Path) -> None:
    """Write the list of a checkpoint's files, and make it last."""
    files = {
        path.relative_to(folder).as_posix(): _hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != LIST
    }
    write_atomically(folder / LIST, [json.dumps(files, indent=1, sort_keys=True).encode(), b"\n"])
    sync_folder(folder)


def steps(folder: Path) -> list[tuple[int, Path]]:
    """The checkpoints in a folder by their step, the latest first."""
    found = [
        (int(match[1]), path) for path in folder.glob("checkpoint-*") if (match := re.fullmatch(r"checkpoint-(\d+)", path.name))
    ]
    return sorted(found, reverse=True)


def why_not(folder: Path) -> str | None:
    """Why a checkpoint cannot be gone on with, or ``None``."""
    try:
        files = json.loads((folder / LIST).read_text("utf-8"))
    except (OSError, ValueError):
        return "it was not written to its end"
    if not isinstance(files, dict):
        return "its list of files is damaged"
    for name in NEEDED:
        if name not in files:
            return f"{name} is missing"
    for name, wanted in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if _hash(path) != wanted:
            return f"{name} is not what was written"
    return None


def latest_whole(folder: Path) -> tuple[Path | None, list[str]]:
    """The latest checkpoint that is whole, and what is to be said of those after it, which are removed.

    Raises ReadError where there are checkpoints and none is whole: to begin anew silently would throw work away.
    """
    notes: list[str] = []
    broken: list[Path] = []
    for step, path in steps(folder):
        reason = why_not(path)
        if reason is None:
            for other in broken:
                shutil.rmtree(other)
            return path, notes
        notes.append(f"checkpoint {step} is passed over: {reason}")
        broken.append(path)
    unsealed = [path for path in broken if not (path / LIST).exists()]
    if broken and len(unsealed) == len(broken):
        # Killed while the first one was being written: nothing is lost but what came after the start.
        for other in broken:
            shutil.rmtree(other)
        return None, notes
    if broken:
        raise ReadError(f"{folder}: no checkpoint can be gone on with ({notes[0]})", "Start anew in another folder with -o.")
    return None, notes


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
