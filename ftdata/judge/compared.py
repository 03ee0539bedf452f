"""Two files or folders as sets of samples: what ``ftdata diff`` says, as plain data. Secrets in it are masked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ftdata.errors import ReadError, UsageError
from ftdata.judge.diff import Comparison, compare, pair_edits
from ftdata.judge.facts import collect_facts
from ftdata.judge.known import Examined
from ftdata.judge.run import Options, examine
from ftdata.judge.select import Choice
from ftdata.types import Sample

# A rule that costs nothing: facts need no findings.
_NOTHING = ("blank-line",)
MOST_TEXT = 100_000
EXCERPT = 160

Progress = Callable[[int, int], None]


def compare_paths(
    first: str, second: str, *, format: str | None = None, tokenizer: str | None = None, most: int = 5, progress: Progress | None = None,
    jobs: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Compare two files or folders. ``most`` examples are shown of each kind of change.

    Raises UsageError for paths that do not exist, ReadError for a file that cannot be read.
    """
    if first == "-" and second == "-":
        raise UsageError("both sides are standard input", "Name a file for one of them.")
    choice = Choice(select=_NOTHING, tokenizer=tokenizer)
    sides = [examine([path], choice, Options(format=format, progress=progress, jobs=jobs)) for path in (first, second)]
    notes = [note for side in sides for note in _check(side)]
    labels = _labels(first, second, sides)
    comparison = compare(*(_labelled(side, names) for side, names in zip(sides, labels, strict=True)))
    pair_edits(comparison, sides[0].dataset, sides[1].dataset)
    facts = [collect_facts(side.dataset, side.tokens) for side in sides]
    changed = bool(comparison.added or comparison.removed or comparison.edited or comparison.moved)
    same = not changed and facts[0]["lost_rows"] == facts[1]["lost_rows"]
    if same and _digests(sides[0]) != _digests(sides[1]):
        notes.append(
            "the samples are the same, the bytes are not: they are written otherwise, or keys differ that are no part of a sample"
        )
    return {
        "before": first, "after": second, "same": same,
        "counts": {"added": len(comparison.added), "removed": len(comparison.removed), "edited": len(comparison.edited),
                   "moved": len(comparison.moved), "unchanged": comparison.same},
        "facts": {"before": facts[0], "after": facts[1]},
        "edited": _edited(comparison, sides, most),
        "added": _shown(sides[1], comparison.added[:most]), "removed": _shown(sides[0], comparison.removed[:most]),
        "moved": [{"before": _place(sides[0], one), "after": _place(sides[1], other)} for one, other in comparison.moved[:most]],
        "notes": [*notes, *comparison.notes],
    }  # fmt: skip


def _check(side: Examined) -> Iterator[str]:
    for counted in side.dataset.files:
        report = counted.report
        judged = sum(count for kind, count in counted.kinds.items() if kind != "none")
        if not report.error:
            continue
        if counted.item is None or judged or (report.lost and not report.samples):
            raise ReadError(f"{report.path}: {report.error}", report.help)
        yield f"{report.path}: {report.error}"


def _labels(first: str, second: str, sides: Sequence[Examined]) -> list[list[str]]:
    """What a file is called on both sides: its path in its folder; nothing where a side is one file."""
    if not (os.path.isdir(first) and os.path.isdir(second)):
        return [[""] * len(side.dataset.files) for side in sides]
    return [
        [os.path.relpath(counted.report.path, root) for counted in side.dataset.files]
        for side, root in zip(sides, (first, second), strict=True)
    ]  # fmt: skip


def _labelled(side: Examined, labels: list[str]) -> Any:
    import polars as pl

    names = pl.Series(labels, dtype=pl.String)
    label = pl.col("file").cast(pl.Int64).replace_strict(range(len(labels)), names, return_dtype=pl.String, default=None)
    return side.dataset.table.select("id", label.alias("label"))


def _digests(side: Examined) -> list[str | None]:
    return [counted.report.sha256 for counted in side.dataset.files]


def _place(side: Examined, index: int) -> dict[str, Any]:
    place = side.dataset.places([index])[0]
    assert place is not None
    file, line, row = place
    return {"path": side.dataset.files[file].report.path, "line": line, "row": row, "sample": side.dataset.table["id"][index]}


def _shown(side: Examined, indexes: Sequence[int]) -> list[dict[str, Any]]:
    samples = side.dataset.samples(indexes)
    out = []
    for index, sample in zip(indexes, samples, strict=True):
        turns = turns_of(sample)
        out.append(
            _place(side, index)
            | {"turns": [{"role": role, "text": _cut(text)} for role, text in turns[:2]], "more": max(len(turns) - 2, 0)}
        )
    return out


def _cut(text: str) -> str:
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"


def _edited(comparison: Comparison, sides: Sequence[Examined], most: int) -> list[dict[str, Any]]:
    edits = comparison.edited[:most]
    before = sides[0].dataset.samples([edit.before for edit in edits])
    after = sides[1].dataset.samples([edit.after for edit in edits])
    return [
        {"before": _place(sides[0], edit.before), "after": _place(sides[1], edit.after), "score": round(edit.score, 1),
         "turns": list(_changed_turns(turns_of(old), turns_of(new)))}
        for edit, old, new in zip(edits, before, after, strict=True)
    ]  # fmt: skip


def turns_of(sample: Sample | None) -> list[tuple[str, str]]:
    """A sample as (role, text) for people, secrets masked; calls are part of the text, tools a turn of their own."""
    from ftdata.dedupe.collect import said
    from ftdata.measure.batch import context_text
    from ftdata.measure.private import mask

    if sample is None:
        return []
    turns = [(message.role or "?", said(message)) for message in sample.messages]
    turns += [(f"chosen {message.role or '?'}", said(message)) for message in sample.chosen]
    turns += [(f"rejected {message.role or '?'}", said(message)) for message in sample.rejected]
    context = context_text(sample)
    turns += [("tools and media", context)] if context else []
    turns += [("label", str(sample.label))] if sample.label is not None else []
    return [(role, mask(text[:MOST_TEXT])) for role, text in turns]


def _changed_turns(old: list[tuple[str, str]], new: list[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """The turns that differ: those before and after the change are left out, the rest goes together by its order."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[len(old) - 1 - tail] == new[len(new) - 1 - tail]:
        tail += 1
    gone, come = old[head : len(old) - tail], new[head : len(new) - tail]
    for at in range(max(len(gone), len(come))):
        one, other = (gone[at] if at < len(gone) else None), (come[at] if at < len(come) else None)
        if one == other:
            continue
        if one is not None and other is not None and one[0] == other[0]:
            yield {"turn": head + at, "role": one[0], "before": one[1], "after": other[1]}
            continue
        if one is not None:
            yield {"turn": head + at, "role": one[0], "before": one[1], "after": None}
        if other is not None:
            yield {"turn": head + at, "role": other[0], "before": None, "after": other[1]}
