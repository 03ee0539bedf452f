"""Only what is new: the same data as it was in a commit is judged too, and what it had already does not count."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftdata.errors import ReadError, UsageError
from ftdata.git import Base, Entry, Repository, find_repository
from ftdata.judge.diff import DESCRIBED, Comparison, compare, pair_edits, read_texts, words_between
from ftdata.judge.known import Examined, Hidden
from ftdata.judge.patterns import matches
from ftdata.judge.run import Options, conclude, examine
from ftdata.judge.select import Choice
from ftdata.judge.verdicts import BASE
from ftdata.judge.whole import WHOLE
from ftdata.types import Changes, Pair, Report

if TYPE_CHECKING:
    import polars as pl

# New samples are looked up among those that stayed unless that takes minutes.
MOST_NEAR = 400_000_000
NEAR = 90.0


@dataclass(frozen=True, slots=True)
class _Old:
    """A file as it was: its name on both sides of the comparison, and where it lies in the commit."""

    label: str
    entry: Entry


@dataclass(slots=True)
class BaseFiles:
    """The files of the commit that correspond to those judged now. ``labels`` names those judged now, from the repository's root."""

    repository: Repository
    base: Base
    labels: list[str]
    old: list[_Old]
    evals: list[_Old]
    entries: dict[str, Entry]
    head: str = ""
    outside: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)


def find_base_files(paths: Sequence[str], options: Options, ref: str) -> BaseFiles:
    """Find the files as they were where the current branch left ``ref``. Raises UsageError where git cannot tell."""
    from ftdata.read import find_files

    if "-" in paths or "-" in options.eval_paths:
        raise UsageError("--since compares files with a commit; standard input is in none", "Name the file.")
    files = find_files(paths)
    held = find_files(options.eval_paths) if options.eval_paths else []
    repository = find_repository(files)
    base = repository.find_base(ref)
    try:
        entries = repository.list_files(base.commit)
    except ReadError as error:
        raise UsageError(f"--since {ref}: {error.message}", error.hint) from None
    renamed = repository.renames(base.commit)
    labels = [_label(path, repository) for path in files]
    named = [label or path for label, path in zip(labels, files, strict=True)]
    found = BaseFiles(repository, base, named, [], [], entries, repository.find_head())
    for label, path in zip(labels, files, strict=True):
        if label is None:
            raise UsageError(
                f"{path} is outside of the git repository {repository.root}", "--since needs files of one repository."
            )
        _add(found, found.old, label, renamed)
    known = {os.path.realpath(path) for path in files}
    for path in held:
        label = _label(path, repository)
        if label is None:
            found.outside.append(path)
        elif os.path.realpath(path) in known:
            found.evals += [old for old in found.old if old.label == label]
        else:
            _add(found, found.evals, label, renamed)
        if os.path.realpath(path) not in known:
            found.labels.append(label or path)
    _add_removed(found, paths, set(renamed.values()))
    return found


def _label(path: str, repository: Repository) -> str | None:
    """The path from the root of the repository, with forward slashes; ``None`` outside of it. A link stands for itself."""
    real = os.path.join(os.path.realpath(os.path.dirname(path) or os.curdir), os.path.basename(path))
    inside = os.path.relpath(real, repository.root)
    if inside == os.pardir or inside.startswith(os.pardir + os.sep) or os.path.isabs(inside):
        return None
    return inside.replace(os.sep, "/")


def _add(found: BaseFiles, olds: list[_Old], label: str, renamed: dict[str, str]) -> None:
    source = label if label in found.entries else renamed.get(label)
    if source is None or source not in found.entries:
        found.states[label] = "new"
        return
    found.states[label] = "changed" if source == label else f"renamed from {source}"
    olds.append(_Old(label, found.entries[source]))


def _add_removed(found: BaseFiles, paths: Sequence[str], renamed: set[str]) -> None:
    """Files that the given folders and patterns would have meant in the commit and that are gone."""
    from ftdata.read.find import means_data

    patterns = []
    for path in paths:
        folder = os.path.isdir(path)
        if not folder and os.path.lexists(path):
            continue
        inside = os.path.relpath(os.path.realpath(path) if folder else os.path.abspath(path), found.repository.root)
        if not inside.startswith(os.pardir):
            plain = inside.replace(os.sep, "/")
            patterns.append(plain if not folder else "**" if plain == os.curdir else f"{plain}/**")
    taken = {old.entry.path for old in found.old} | renamed | set(found.labels)
    for name, entry in sorted(found.entries.items()):
        if name in taken or not means_data(name) or entry.mode == "160000":
            continue
        if any(matches(name, pattern) for pattern in patterns) and not os.path.lexists(os.path.join(found.repository.root, name)):
            found.states[name] = "removed"
            found.old.append(_Old(name, entry))


def judge_since(paths: Sequence[str], choice: Choice, options: Options, ref: str, found: BaseFiles | None = None) -> Report:
    """Judge what changed since ``ref``; ``report.changes`` tells what that is.

    Findings count on samples that are new or edited, and elsewhere where the commit did not have them. Raises UsageError where
    there is nothing to compare with.
    """
    started = time.perf_counter()
    found = found or find_base_files(paths, options, ref)
    after = examine(paths, choice, replace(options, hide=()))
    with _written(found) as (files, evals):
        before = None
        if files or evals:
            before = examine(files or evals, choice, replace(options, hide=(), eval_paths=tuple(evals), progress=None))
            if len(before.rules) != len(after.rules):
                raise UsageError("the rules changed while the data was judged", "Run again.")
        labels = [[old.label for old in found.old], found.labels]
        if before is not None:
            labels[0] = _labels_of(before, found, evals)
        comparison = _compare(before, after, labels)
        if before is not None:
            pair_edits(comparison, before.dataset, after.dataset)
        changes = _changes(found, comparison, before, after, labels)
        hider = _Before(before, comparison, labels)
        report = conclude(after, choice, replace(options, hide=(*options.hide, hider)), started)
    report.changes = changes
    return report


@contextmanager
def _written(found: BaseFiles) -> Iterator[tuple[list[str], list[str]]]:
    """The files of the commit, on disk for as long as they are read: those to judge, and those for evaluation."""
    with tempfile.TemporaryDirectory(prefix="ftdata-since-") as folder:
        places: dict[str, str] = {}
        for number, old in enumerate({old.label: old for old in (*found.old, *found.evals)}.values()):
            # A folder each, so that no name of the commit decides where something is written.
            target = Path(folder, f"{number:06d}", os.path.basename(old.entry.path))
            try:
                target.parent.mkdir()
                found.repository.write_file(found.repository.resolve(old.entry, found.entries), target)
            except ReadError as error:
                where = f"{old.entry.path} at {found.base.commit[:12]}"
                raise UsageError(f"--since {found.base.ref}: {where} {error.message}", error.hint) from None
            except (OSError, ValueError) as error:
                raise UsageError(
                    f"--since: {old.entry.path} cannot be written to {folder} ({error})", "Is the disk full?"
                ) from None
            places[old.label] = str(target)
        yield [places[old.label] for old in found.old], [places[old.label] for old in found.evals] + found.outside


def _labels_of(before: Examined, found: BaseFiles, evals: Sequence[str]) -> list[str]:
    """The name of each file of the commit, in the order in which they were judged."""
    labels = [old.label for old in found.old]
    known = set(labels)
    more = [*(old.label for old in found.evals), *found.outside]
    labels += [label for label in more if label not in known]
    return labels[: len(before.dataset.files)]


def _compare(before: Examined | None, after: Examined, labels: list[list[str]]) -> Comparison:
    import polars as pl

    tables = [_labelled(side, names) if side is not None else None for side, names in zip((before, after), labels, strict=True)]
    assert tables[1] is not None
    empty = pl.DataFrame(schema={"id": pl.String, "label": pl.String})
    return compare(tables[0] if tables[0] is not None else empty, tables[1])


def _labelled(side: Examined, labels: list[str]) -> pl.DataFrame:
    import polars as pl

    names = pl.Series(labels, dtype=pl.String)
    return side.dataset.table.select(
        "id",
        pl.col("file")
        .cast(pl.Int64)
        .replace_strict(range(len(labels)), names, return_dtype=pl.String, default=None)
        .alias("label"),
    )


class _Before:
    """Knows which findings the commit had."""

    dated = False

    def __init__(self, before: Examined | None, comparison: Comparison, labels: list[list[str]]) -> None:
        self._before, self._fresh, self._labels = before, set(comparison.fresh), labels

    def key(self) -> Any:
        """Made within a run, never before one."""
        return None

    def hide(self, examined: Examined) -> Hidden:
        """Hide each finding that the commit had: on the same sample, or of the same file or set where it is about that."""
        import polars as pl

        frame = _keyed(examined, self._labels[1]).with_columns(
            pl.col("at").is_in(list(self._fresh)).fill_null(False).alias("fresh")
        )
        if self._before is None:
            return Hidden(pl.Series([False] * frame.height, dtype=pl.Boolean), BASE)
        past = _keyed(self._before, self._labels[0])
        known = past.group_by("step", "key").len().rename({"len": "known"})
        own = pl.col("fresh") & ~pl.col("whole")
        frame = frame.join(known, on=["step", "key"], how="left", maintain_order="left")
        frame = frame.with_columns((~own).cum_sum().over("step", "key").alias("nth"))
        old = frame.select((~own & (pl.col("nth") <= pl.col("known").fill_null(0))).alias("old"))["old"]
        return Hidden(old | self._turned(frame, past), BASE)

    def _turned(self, frame: pl.DataFrame, past: pl.DataFrame) -> pl.Series:
        """Findings about two samples that were there before with the two the other way round: they stand in another order now."""
        import polars as pl

        pairs = past.filter(pl.col("partner").is_not_null()).select(
            "step", pl.col("sample").alias("partner"), pl.col("partner").alias("sample")
        )
        pairs = pairs.unique().with_columns(pl.lit(True).alias("turned"))
        found = frame.join(pairs, on=["step", "sample", "partner"], how="left", maintain_order="left")
        return found.select(
            (
                pl.col("turned").fill_null(False) & ~pl.col("fresh") & ~pl.col("other").is_in(list(self._fresh)).fill_null(False)
            ).alias("t")
        )["t"]


def _keyed(side: Examined, labels: list[str]) -> pl.DataFrame:
    """The findings with what they are known by: the sample, or the file and the words where there is none, or the file alone."""
    import polars as pl

    whole = [number for number, selected in enumerate(side.rules) if selected.rule.name in WHOLE]
    names = pl.Series(labels, dtype=pl.String)
    label = pl.col("file").cast(pl.Int64).replace_strict(range(len(labels)), names, return_dtype=pl.String, default="")
    of_file = label + "\0" + pl.coalesce("excerpt", "message")
    of_set = label + "\0" + pl.col("excerpt").fill_null("")
    is_whole = pl.col("step").is_in(whole)
    key = pl.when(is_whole).then(of_set).when(pl.col("at").is_null()).then(of_file).otherwise(pl.col("sample"))
    return side.frame.select("step", "at", "other", "sample", "partner", is_whole.alias("whole"), key.alias("key"))


def _changes(
    found: BaseFiles, comparison: Comparison, before: Examined | None, after: Examined, labels: list[list[str]]
) -> Changes:
    from ftdata.judge.facts import collect_facts

    changes = Changes(
        ref=found.base.ref, commit=found.base.commit, added=len(comparison.added), removed=len(comparison.removed),
        edited=len(comparison.edited), moved=len(comparison.moved), unchanged=comparison.same,
        before=collect_facts(before.dataset, before.tokens) if before is not None else {"samples": 0},
        notes=[*([found.base.note] if found.base.note else []), *comparison.notes],
    )  # fmt: skip
    _describe_files(changes, found, before, after, labels)
    if before is not None:
        for edit in comparison.edited[:DESCRIBED]:
            changes.pairs.append(_pair("edited", after, edit.after, before, edit.before, edit.score, edit.difference, labels[0]))
        _add_near(changes, comparison, after)
    return changes


def _describe_files(
    changes: Changes, found: BaseFiles, before: Examined | None, after: Examined, labels: list[list[str]]
) -> None:
    """What became of each file, and what must be known about what it was."""
    past = (
        {label: counted.report for label, counted in zip(labels[0], before.dataset.files, strict=True)}
        if before is not None
        else {}
    )
    for label, counted in zip(labels[1], after.dataset.files, strict=True):
        old, new, state = past.get(label), counted.report, found.states.get(label, "changed")
        if old is None:
            changes.notes += [f"{new.path} is not in {changes.ref}"] if state == "new" else []
        elif old.error:
            changes.notes.append(f"{new.path} could not be judged in {changes.ref} ({old.error}): every finding in it is new")
        else:
            state = "same" if state == "changed" and old.sha256 == new.sha256 else state
            if old.format != new.format and old.format and new.format:
                changes.notes.append(
                    f"{new.path} was {old.format} in {changes.ref} and is {new.format} now: samples are compared by what they say"
                )
        changes.files[new.path] = state
    changes.files |= {label: state for label, state in found.states.items() if state == "removed"}


def _pair(
    of: str, after: Examined, index: int, before: Examined, other: int, score: float, difference: str, labels: list[str] | None
) -> Pair:  # fmt: skip
    one, two = after.dataset.places([index])[0], before.dataset.places([other])[0]
    assert one is not None and two is not None
    path = labels[two[0]] if labels is not None else before.dataset.files[two[0]].report.path
    return Pair(
        "edited" if of == "edited" else "near", after.dataset.files[one[0]].report.path, one[1], one[2], after.dataset.table["id"][index],
        path, two[1], two[2], before.dataset.table["id"][other], round(score, 1), difference,
    )  # fmt: skip


def _add_near(changes: Changes, comparison: Comparison, after: Examined) -> None:
    """Find the new samples that nearly equal one that was there before."""
    fresh = set(comparison.fresh)
    stayed = [index for index in range(after.dataset.count) if index not in fresh]
    if not comparison.added or not stayed:
        changes.near = 0
        return
    if len(comparison.added) * len(stayed) > MOST_NEAR:
        words = f"{len(comparison.added):,} new samples among {len(stayed):,} are too many to look for near-duplicates here"
        changes.notes.append(f"{words}: `ftdata dedupe` does")
        return
    from ftdata.dedupe.against import Base as Texts
    from ftdata.dedupe.against import match_base
    from ftdata.dedupe.collect import make_views, shared_systems
    from ftdata.dedupe.decide import Settings

    settings = Settings(NEAR)
    new, old = read_texts(after.dataset, comparison.added), read_texts(after.dataset, stayed)
    said = [f"{prompt}\n{answer}" for prompt, answer in zip(old.prompt, old.answer, strict=True)]
    base = Texts(make_views(old, settings.view, settings.steps), said, old.context, old.ids, [""] * len(old))
    shared = shared_systems(old)
    changes.near = 0
    for index, other, score, judgement in match_base(new, make_views(new, settings.view, settings.steps, shared), base, settings):
        if judgement.kind != "duplicate" or new.ids[index] == old.ids[other] or not new.prompt[index] + new.answer[index]:
            continue
        changes.near += 1
        if changes.near <= DESCRIBED:
            at, twin = comparison.added[index], stayed[other]
            difference = words_between(old, other, new, index) or "white space or case"
            changes.pairs.append(_pair("near", after, at, after, twin, score, difference, None))
