"""Split files into a folder: training rows, evaluation rows, a manifest that says how, and pilots."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftdata import __version__
from ftdata.dedupe.collect import Collection, collect
from ftdata.dedupe.write import rows_of
from ftdata.errors import UsageError
from ftdata.read import content_hash
from ftdata.split.assign import Assignment, Settings, assign
from ftdata.split.groups import Groups, find_groups
from ftdata.split.strata import strata_of

MANIFEST = "manifest.json"
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Split:
    """A split that is decided and not yet written."""

    collection: Collection
    groups: Groups
    assignment: Assignment
    settings: Settings
    threshold: float

    @property
    def train(self) -> list[int]:
        """Indexes of the training samples, in the order of the data."""
        return [index for index, held in enumerate(self.assignment.held) if not held]

    @property
    def eval(self) -> list[int]:
        """Indexes of the evaluation samples, in the order of the data."""
        return [index for index, held in enumerate(self.assignment.held) if held]


def split(
    paths: Sequence[str],
    settings: Settings,
    *,
    threshold: float = 90.0,
    fields: Sequence[str] | None = None,
    format: str | None = None,
    reading: Progress | None = None,
    comparing: Progress | None = None,
) -> Split:
    """Decide a split. Raises UsageError for data that cannot be split: fewer than two samples, or all of them one group."""
    collection = collect(paths, format=format, progress=reading)
    if len(collection) < 2:
        raise UsageError(
            f"there {'is one sample' if len(collection) else 'are no samples'} to split",
            "`ftdata lint` says what is wrong with the file.",
        )
    groups = find_groups(collection, threshold=threshold, fields=fields, progress=comparing)
    if len(groups.sizes()) < 2:
        why = ", ".join(f"{name} ({count:,})" for name, count in groups.joined.most_common(3))
        raise UsageError(
            f"all {len(collection):,} samples hang together ({why}), so no split keeps them apart",
            "Raise --threshold, or look at them with `ftdata dedupe --review`.",
        )
    assignment = assign(collection.ids, groups, strata_of(collection), settings)
    return Split(collection, groups, assignment, settings, threshold)


def write_split(made: Split, folder: str | Path, *, force: bool = False) -> dict[str, Any]:
    """Write ``train.jsonl``, ``eval.jsonl``, pilots and the manifest; the folder appears whole or not at all. Returns the manifest.

    What holds no sample goes to ``dropped.jsonl`` with the reason. Raises UsageError where another split, or anything else,
    is there, unless ``force``; the same split again changes nothing.
    """
    target = Path(folder)
    _check_target(made, target)
    parent = Path(os.path.abspath(target)).parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=parent))
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror})", "Check the folder above it.") from None
    try:
        try:
            manifest = _write(made, half)
        except OSError as error:
            raise UsageError(
                f"{target}: cannot be written ({error.strerror})", "Free some space or choose another folder."
            ) from None
        if target.exists():
            if _same(target, manifest):
                return manifest
            if not force and any(target.iterdir()):
                raise UsageError(
                    f"{target} holds another split, or something else", "Choose another folder, or --force to replace its split."
                )
        half.chmod(0o777 & ~_umask())
        _take_name(half, target)
        return manifest
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _check_target(made: Split, target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is a file", "Name a folder with -o.")
    inside = os.path.realpath(target)
    for item in made.collection.inputs:
        if os.path.dirname(os.path.realpath(item.file)) == inside:
            raise UsageError(f"{target} holds the input {item.path}", "Choose another folder.")


def _take_name(half: Path, target: Path) -> None:
    if not target.exists():
        os.replace(half, target)
        return
    # Only the files of a split are replaced: what else stands in the folder is not ours.
    for path in [*target.glob("pilot-*.jsonl"), target / "dropped.jsonl"]:
        path.unlink(missing_ok=True)
    for path in sorted(half.iterdir(), key=lambda path: path.name == MANIFEST):
        os.replace(path, target / path.name)


def _same(target: Path, manifest: dict[str, Any]) -> bool:
    try:
        known = json.loads((target / MANIFEST).read_text("utf-8"))
        return bool(known == manifest) and all(
            hashlib.sha256((target / name).read_bytes()).hexdigest() == entry["sha256"]
            for name, entry in manifest["files"].items()
        )
    except (OSError, ValueError):
        return False


def _write(made: Split, folder: Path) -> dict[str, Any]:
    collection, held = made.collection, made.assignment.held
    at = {(file, row): index for index, (file, row) in enumerate(zip(collection.file, collection.row, strict=True))}
    pilots = {count: set(made.assignment.pilot(count)) for count in made.settings.pilot}
    names = ["train.jsonl", "eval.jsonl", *(f"pilot-{count}.jsonl" for count in pilots)]
    files = {name: (folder / name).open("wb") for name in names}
    digests = {name: hashlib.sha256() for name in names}
    counts: Counter[str] = Counter()
    lost: list[bytes] = []

    def put(name: str, line: bytes) -> None:
        files[name].write(line)
        digests[name].update(line)
        counts[name] += 1

    try:
        for number, row, raw in rows_of(collection):
            line = raw.rstrip(b"\r") + b"\n"
            index = at.get((number, row)) if row is not None else None
            if index is None:
                if raw.strip():
                    note = {
                        "path": collection.inputs[number].path,
                        "row": row,
                        "reason": "it is no sample" if row is not None else "it is no row",
                    }
                    lost.append(
                        json.dumps(note | {"text": raw.decode("utf-8", "replace")}, ensure_ascii=False).encode("utf-8", "replace")
                        + b"\n"
                    )
                continue
            put("eval.jsonl" if held[index] else "train.jsonl", line)
            for count, members in pilots.items():
                if index in members:
                    put(f"pilot-{count}.jsonl", line)
    finally:
        for file in files.values():
            file.close()
    entries = {name: {"samples": counts[name], "sha256": digests[name].hexdigest()} for name in names}
    if lost:
        (folder / "dropped.jsonl").write_bytes(b"".join(lost))
        entries["dropped.jsonl"] = {"samples": len(lost), "sha256": hashlib.sha256(b"".join(lost)).hexdigest()}
    manifest = {
        "ftdata": __version__,
        "inputs": [{"path": item.path, "sha256": content_hash(item)} for item in collection.inputs],
        "settings": {
            "eval": made.settings.share if made.settings.size is None else None, "eval_size": made.settings.size, "seed": made.settings.seed,
            "threshold": made.threshold, "stratify": made.settings.stratify, "group_fields": list(made.groups.fields),
            "pilot": list(made.settings.pilot),
        },
        "files": entries,
        "groups": {"groups": len(made.groups.sizes()), "joined": dict(sorted(made.groups.joined.items())), "largest": max(made.groups.sizes().values())},
        "strata": {name: {"train": train, "eval": held} for name, train, held in strata_table(made)},
        "notes": made.assignment.notes,
    }  # fmt: skip
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return manifest


def strata_table(made: Split) -> Iterator[tuple[str, int, int]]:
    """Yield each stratum with its samples for training and for evaluation, the largest first."""
    train: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for name, is_held in zip(made.assignment.strata, made.assignment.held, strict=True):
        (held if is_held else train)[name] += 1
    for name in sorted({*train, *held}, key=lambda name: (-train[name] - held[name], name)):
        yield name, train[name], held[name]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
