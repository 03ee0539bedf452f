"""A folder of outputs that appears whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ftdata.errors import UsageError

MANIFEST = "manifest.json"
# What a manifest says that may be otherwise in the same split.
_OTHERWISE = ("ftdata", "inputs")


def appear(
    folder: Path, write: Callable[[Path], dict[str, Any]], *, inputs: Sequence[str], force: bool = False
) -> dict[str, Any]:
    """Let ``write`` fill a folder beside this one, which then takes its name. Returns the manifest that ``write`` returned.

    A folder that holds the same already is left as it is. Raises UsageError where it holds anything else and ``force`` is not
    given, where one of ``inputs`` stands in it, or where it cannot be written. With ``force`` the files of the split that is there are
    replaced; files that are no split's stay.
    """
    target = Path(os.path.realpath(folder))
    _check(folder, target, inputs)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}.", dir=target.parent))
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror})", "Check the folder above it.") from None
    try:
        manifest = write(half)
        if os.path.exists(target):
            if is_same(target, manifest):
                return manifest
            if not force and any(target.iterdir()):
                raise UsageError(
                    f"{folder} holds another split, or something else", "Choose another folder, or --force to replace its split."
                )
        half.chmod(0o777 & ~_umask())
        _sync(half)
        _take_name(half, target)
        return manifest
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror})", "Free some space or choose another folder.") from None
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _check(folder: Path, target: Path, inputs: Sequence[str]) -> None:
    if os.path.exists(target) and not target.is_dir():
        raise UsageError(f"{folder} is a file", "Name a folder with -o.")
    for path in inputs:
        if os.path.dirname(os.path.realpath(path)) == str(target):
            raise UsageError(f"{folder} holds the input {path}", "Choose another folder.")


def is_same(target: Path, manifest: dict[str, Any]) -> bool:
    """Whether the folder holds the split of this manifest, by the hashes of its files; versions and paths of inputs do not count."""
    try:
        known = json.loads((target / MANIFEST).read_text("utf-8"))
        if not isinstance(known, dict):
            return False
        same = all(known.get(name) == value for name, value in manifest.items() if name not in _OTHERWISE)
        return same and all(_hash(target / name) == entry["sha256"] for name, entry in manifest["files"].items())
    except (OSError, ValueError):
        return False


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _take_name(half: Path, target: Path) -> None:
    if target.exists() and any(target.iterdir()):
        ours = {MANIFEST, "train.jsonl", "eval.jsonl", "dropped.jsonl", *(path.name for path in target.glob("pilot-*.jsonl"))}
        if all(path.name in ours for path in target.iterdir()):
            old = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}.", dir=target.parent))
            try:
                os.replace(target, old)
                try:
                    os.replace(half, target)
                except BaseException:
                    os.replace(old, target)
                    raise
            finally:
                shutil.rmtree(old, ignore_errors=True)
            return
        # Something else stands there too and must stay: file by file, and without a manifest it is no split in between.
        for name in sorted(ours, key=lambda name: name != MANIFEST):
            (target / name).unlink(missing_ok=True)
        for path in sorted(half.iterdir(), key=lambda path: path.name == MANIFEST):
            os.replace(path, target / path.name)
        return
    if target.exists():
        with contextlib.suppress(OSError):
            target.rmdir()
    os.replace(half, target)


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
