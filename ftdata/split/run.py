"""Split files into a folder: training rows, evaluation rows, a manifest that says how, and pilots."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftdata import __version__
from ftdata.dedupe.collect import Collection, collect
from ftdata.dedupe.write import rows_of
from ftdata.errors import UsageError
from ftdata.read import content_hash
from ftdata.split.assign import Assignment, Settings, assign
from ftdata.split.folder import MANIFEST, appear
from ftdata.split.groups import Groups, find_groups
from ftdata.split.outline import outline
from ftdata.split.strata import strata_of

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Split:
    """A split that is decided and not yet written. ``notes`` say what was found and what could not be had."""

    collection: Collection
    groups: Groups
    assignment: Assignment
    settings: Settings
    threshold: float
    notes: list[str] = field(default_factory=list)

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
    """Decide a split. ``fields`` names group fields; ``None`` finds those that exports use, an empty one uses none.

    Raises UsageError for data that cannot be split: fewer than two samples, or all of them one group; and for a field that no row has.
    """
    collection = collect(paths, format=format, progress=reading)
    if len(collection) < 2:
        raise UsageError(
            f"there {'is one sample' if len(collection) else 'are no samples'} to split",
            "`ftdata lint` says what is wrong with the file.",
        )
    seen = outline(collection, fields, format)
    groups = find_groups(collection, threshold=threshold, fields=seen.fields, questions=settings.questions, progress=comparing)
    if len(groups.sizes()) < 2:
        raise UsageError(
            f"all {len(collection):,} samples hang together ({groups.reasons}), so no split keeps them apart", _way_out(groups)
        )
    assignment = assign(collection.ids, groups, strata_of(collection, seen.shape), settings)
    notes = [*seen.passed, *_missing_fields(seen.fields), *assignment.notes]
    short = [count for count in settings.pilot if count > assignment.held.count(False)]
    if short:
        notes.append(f"the pilot of {short[0]:,} holds all {assignment.held.count(False):,} training samples")
    return Split(collection, groups, assignment, settings, threshold, notes)


def _way_out(groups: Groups) -> str:
    """What takes apart samples that all hang together, by the reason that holds most of them."""
    reason = max(groups.joined, key=lambda name: groups.joined[name])
    if reason == "same question":
        return "Where all of them ask the same, `ftdata split --allow-same-question` lets the answers be on both sides."
    if reason == "near-duplicate":
        return "`ftdata dedupe --review` shows how alike they are; `ftdata split` with a higher --threshold keeps fewer together."
    if reason in ("same sample", "same conversation"):
        return "`ftdata dedupe` leaves one of each."
    return "`ftdata split --group FIELD` groups by another field, `--group none` by none."


def _missing_fields(fields: dict[str, list[str | None]]) -> Iterator[str]:
    for name, column in fields.items():
        missing = column.count(None)
        if missing:
            yield f"{missing:,} of {len(column):,} samples have no {name}"


def write_split(made: Split, folder: str | Path, *, force: bool = False) -> dict[str, Any]:
    """Write ``train.jsonl``, ``eval.jsonl``, pilots and the manifest; the folder appears whole or not at all. Returns the manifest.

    What holds no sample goes to ``dropped.jsonl`` with the reason. Raises UsageError where another split, or anything else,
    is there, unless ``force``; the same split again changes nothing.
    """
    inputs = [item.file for item in made.collection.inputs]
    return appear(Path(folder), lambda half: _write(made, half), inputs=inputs, force=force)


def _write(made: Split, folder: Path) -> dict[str, Any]:
    collection, held = made.collection, made.assignment.held
    at = {(file, row): index for index, (file, row) in enumerate(zip(collection.file, collection.row, strict=True))}
    pilots = {f"pilot-{count}.jsonl": set(made.assignment.pilot(count)) for count in made.settings.pilot}
    names = ["train.jsonl", "eval.jsonl", *pilots]
    files = {name: (folder / name).open("wb") for name in names}
    digests = {name: hashlib.sha256() for name in names}
    counts: Counter[str] = Counter()

    def put(name: str, line: bytes) -> None:
        if name not in files:
            files[name], digests[name] = (folder / name).open("wb"), hashlib.sha256()
        files[name].write(line)
        digests[name].update(line)
        counts[name] += 1

    try:
        for number, row, raw in rows_of(collection):
            index = at.get((number, row)) if row is not None else None
            if index is None:
                if raw.strip():
                    put("dropped.jsonl", _dropped(collection.inputs[number].path, row, raw))
                continue
            # A byte order mark stands at the beginning of a file, and this line may not.
            line = raw.rstrip(b"\r").removeprefix(b"\xef\xbb\xbf") + b"\n"
            put("eval.jsonl" if held[index] else "train.jsonl", line)
            for name, members in pilots.items():
                if index in members:
                    put(name, line)
    finally:
        for file in files.values():
            file.close()
    entries = {name: {"samples": counts[name], "sha256": digests[name].hexdigest()} for name in files}
    manifest = _manifest(made, entries)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8", "backslashreplace")
    return manifest


def _dropped(path: str, row: int | None, raw: bytes) -> bytes:
    reason = "it is no sample" if row is not None else "it is no row"
    note = {"path": path, "row": row, "reason": reason, "text": raw.decode("utf-8", "replace")}
    return json.dumps(note, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _manifest(made: Split, files: dict[str, Any]) -> dict[str, Any]:
    settings, sizes = made.settings, made.groups.sizes()
    return {
        "ftdata": __version__,
        "inputs": [{"path": item.path, "sha256": content_hash(item)} for item in made.collection.inputs],
        "settings": {
            "eval": settings.share if settings.size is None else None, "eval_size": settings.size, "seed": settings.seed,
            "threshold": made.threshold, "stratify": settings.stratify, "same_question_together": settings.questions,
            "group_fields": list(made.groups.fields), "pilot": list(settings.pilot),
        },
        "files": files,
        "groups": {"groups": len(sizes), "joined": dict(sorted(made.groups.joined.items())), "largest": max(sizes.values())},
        "strata": {name: {"train": train, "eval": held} for name, train, held in strata_table(made)},
        "not_by_hash": made.assignment.forced,
        "notes": made.notes,
    }  # fmt: skip


def strata_table(made: Split) -> Iterator[tuple[str, int, int]]:
    """Yield each stratum with its samples for training and for evaluation, the largest first."""
    train: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for name, is_held in zip(made.assignment.strata, made.assignment.held, strict=True):
        (held if is_held else train)[name] += 1
    for name in sorted({*train, *held}, key=lambda name: (-train[name] - held[name], name)):
        yield name, train[name], held[name]
