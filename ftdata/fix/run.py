"""Fix files: find out what is wrong with them, then write what they become, or a patch, or only say what would be done."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import BufferedIOBase
from pathlib import Path
from typing import BinaryIO

from ftdata.errors import ReadError, UsageError
from ftdata.fix.account import Summary, dropped_line, sidecar_line
from ftdata.fix.diff import patch
from ftdata.fix.engine import Fixer
from ftdata.fix.files import Change, Copies, fix_file, why_no_patch
from ftdata.judge.planning import check_custom, check_format, make_plan
from ftdata.judge.run import Options, judge
from ftdata.judge.select import Choice, resolve
from ftdata.judge.suppress import Suppressions
from ftdata.read import Input, find_files, open_input
from ftdata.types import InputReport, Verdict
from ftdata.write import COMPRESSIONS, Staged

_SET_RULES = ("exact-duplicate", "normalised-duplicate", "leaked-sample")
_TABLES = ("csv", "tsv", "parquet")

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Result:
    """What became of one file. ``skipped`` says why nothing was done to it; ``written`` are the files that were written."""

    path: str
    summary: Summary = field(default_factory=Summary)
    skipped: str | None = None
    help: str | None = None
    written: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether the file is another one after fixing."""
        return bool(self.summary.changed or self.summary.dropped or self.summary.blank or self.summary.of_file)


class Fixing:
    """One run: the files are judged first, so that rules over the whole set can be fixed too.

    ``results`` holds one entry a file, in the order of the files. ``manual`` are the verdicts that find fault and have no
    fix that may be applied here. What ``suppressions`` hide is left alone.
    """

    def __init__(
        self,
        paths: Sequence[str],
        choice: Choice,
        *,
        unsafe: bool = False,
        format: str | None = None,
        eval_paths: Sequence[str] = (),
        suppressions: Suppressions | None = None,
        progress: Progress | None = None,
    ) -> None:
        selection = resolve(choice)
        check_custom(selection.rules)
        check_format(format)
        self._progress, self._done = progress, 0
        self._items = list(_open(find_files(paths)))
        report = judge(
            [item.file for _, item, _ in self._items if item is not None],
            choice,
            Options(format=format, eval_paths=tuple(eval_paths), hide=(suppressions,) if suppressions else ()),
        ) if any(item is not None for _, item, _ in self._items) else None  # fmt: skip
        judged = iter(report.inputs if report else ())
        self._inputs = [next(judged) if item is not None else None for _, item, _ in self._items]
        self._total = sum(item.size for _, item, _ in self._items if item is not None)
        plan = make_plan(selection, {}, text_bytes=self._total, format=format)
        verdicts = report.verdicts if report else []
        drifts = any(verdict.name == "type-drift" and verdict.status == "found" for verdict in verdicts)
        plan = replace(plan, steps=tuple(step for step in plan.steps if step.rule != "type-drift" or drifts))
        self._train = Fixer(plan, unsafe=unsafe)
        self._held = Fixer(replace(plan, steps=tuple(step for step in plan.steps if step.rule not in _SET_RULES)), unsafe=unsafe)
        self._copies = Copies(self._train)
        self._suppressions = suppressions
        self._suppressible = {chosen.rule.name for chosen in selection.rules if chosen.suppressible}
        self.unsafe = unsafe
        self.results = [Result(path) for path, _, _ in self._items]
        self.manual: list[Verdict] = [v for v in verdicts if v.status == "found" and v.name not in self._train.rules]
        for result, (_, item, error), judged_as in zip(self.results, self._items, self._inputs, strict=True):
            if item is None:
                result.skipped, result.help = error.message if error else "", error.hint if error else None
            elif judged_as is not None and judged_as.error and not _may_be_mended(judged_as):
                result.skipped, result.help = judged_as.error, judged_as.help

    def dry(self) -> None:
        """Count what would be done; nothing is written."""
        for result, _, changes in self._fixable():
            for change in changes:
                result.summary.add(change)

    def patches(self) -> Iterator[bytes]:
        """Yield the patch of each file. A file whose changes make none is left out, and says why in ``skipped``."""
        for result, item, changes in self._fixable():
            reason = why_no_patch(item)
            counted = _counted(result, changes)
            if reason is None:
                yield from patch(_from_here(item.path), ((change.old, change.new) for change in counted))
                continue
            for _ in counted:
                pass
            if result.changed:
                result.skipped = f"no patch of it can be made: {reason}"
                result.help = "Write the fixed file with `ftdata fix FILE -o OUT`."

    def in_place(self) -> None:
        """Write every file anew that fixes change. What is dropped or set aside is added to the files beside it."""
        for result, item, changes in self._fixable():
            reason = _why_not_in_place(item)
            if reason is None:
                self._write(result, changes, item.path, keep=True)
                continue
            for _ in _counted(result, changes):
                pass
            if result.changed:
                result.skipped, result.help = reason, "Give the fixed file a name of its own: `ftdata fix FILE -o OUT`."

    def write(self, output: str) -> None:
        """Write what the files become to ``output``: a file for one input, a folder (made if need be) for several."""
        names = self._names(output)
        for path, (result, _, changes) in zip(names, self._fixable(names), strict=True):
            self._write(result, changes, path, keep=False)

    def to_stdout(self, sink: BinaryIO) -> None:
        """Write what the one file becomes to standard output. Raises UsageError if there are several."""
        if len(self._items) > 1:
            raise UsageError("several files do not go to standard output", "Name a folder with -o.")
        for result, _, changes in self._fixable():
            for change in _counted(result, changes):
                sink.write(change.new)
        sink.flush()

    def _write(self, result: Result, changes: Iterator[Change], path: str, *, keep: bool) -> None:
        with Staged() as stage:
            main = stage.open(path)
            dropped, sidecar = _Beside(stage, f"{path}.dropped.jsonl", keep), _Beside(stage, f"{path}.sidecar.jsonl", keep)
            for change in _counted(result, changes):
                main.write(change.new)
                for row in change.rows:
                    if row.dropped is not None:
                        dropped.write(dropped_line(row, change.line))
                    elif row.sidecar:
                        sidecar.write(sidecar_line(row, change.line))
            if keep and not result.changed:
                stage.cancel()
                return
            result.written = [path, *(beside.path for beside in (dropped, sidecar) if beside.close())]

    def _names(self, output: str) -> list[str]:
        items = [item for (_, item, _), result in zip(self._items, self.results, strict=True) if item and not result.skipped]
        folder = len(self._items) > 1 or Path(output).is_dir() or output.endswith(os.sep)
        if folder and Path(output).exists() and not Path(output).is_dir():
            raise UsageError(f"{output} is a file, and there are {len(self._items)} inputs", "Name a folder.")
        names = [os.path.join(output, _name(item)) for item in items] if folder else [output] * len(items)
        double = next((name for number, name in enumerate(names) if name in names[:number]), None)
        if double is not None:
            raise UsageError(f"two inputs would be written to {double}", "Fix them one by one.")
        inputs = {os.path.realpath(item.file) for _, item, _ in self._items if item is not None}
        for name in names:
            for written in (name, f"{name}.dropped.jsonl", f"{name}.sidecar.jsonl"):
                if os.path.realpath(written) in inputs:
                    raise UsageError(
                        f"{written} is an input; it is not written over", "Choose another name, or fix it with --in-place."
                    )
        suffix = next((end for name in names for end in (".csv", ".tsv", ".parquet") if name.lower().endswith(end)), None)
        if suffix is not None:
            raise UsageError(
                f"fixed rows are written as JSON Lines, not as {suffix[1:].upper()}",
                "Name it .jsonl; `ftdata convert` writes tables.",
            )
        if folder:
            try:
                os.makedirs(output, exist_ok=True)
            except OSError as error:
                raise UsageError(f"{output}: cannot be made ({error.strerror})", "Check the folder above it.") from None
        return names

    def _fixable(self, names: Sequence[str] = ()) -> Iterator[tuple[Result, Input, Iterator[Change]]]:
        """The files that can be fixed, with their changes. ``names`` are those of the files that are written, if they are new."""
        left = iter(names)
        for result, (_, item, _), judged in zip(self.results, self._items, self._inputs, strict=True):
            if item is not None and result.skipped is None:
                yield result, item, self._changes(item, judged, _is_lines(next(left, "")))

    def _changes(self, item: Input, judged: InputReport | None, lines: bool) -> Iterator[Change]:
        held = judged is not None and judged.role == "eval"
        seen = 0
        entries = self._suppressions.within(item.path) if self._suppressions else []
        spared = [(rule, samples) for rule, samples in entries if rule in self._suppressible]
        fixer = (self._held if held else self._train).sparing(spared)
        changes = fix_file(item, fixer, None if held else self._copies, lines=lines)
        for change in changes:
            yield change
            seen += len(change.old)
            if self._progress:
                self._progress(min(self._done + seen, self._total), self._total)
        self._done += item.size


class _Beside:
    """A file beside the output, which is made with its first line. ``keep``: the lines that stand there already stay."""

    def __init__(self, stage: Staged, path: str, keep: bool) -> None:
        self.path = path
        self._stage, self._keep = stage, keep
        self._file: BufferedIOBase | None = None

    def write(self, line: bytes) -> None:
        if self._file is None:
            self._file = self._stage.open(self.path)
            if self._keep:
                self._copy_old()
        self._file.write(line)

    def close(self) -> bool:
        """Whether the file holds lines of this run. One of an earlier run that would mislead is emptied."""
        if self._file is not None:
            return True
        if not self._keep and os.path.lexists(self.path):
            self._stage.open(self.path)
        return False

    def _copy_old(self) -> None:
        assert self._file is not None
        try:
            with Path(self.path).open("rb") as old:
                shutil.copyfileobj(old, self._file, 1 << 20)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ReadError(f"{self.path}: cannot be read ({error.strerror})", "Move it away.") from None


def _counted(result: Result, changes: Iterable[Change]) -> Iterator[Change]:
    for change in changes:
        result.summary.add(change)
        yield change


def _open(paths: Sequence[str]) -> Iterator[tuple[str, Input | None, ReadError | None]]:
    for path in paths:
        try:
            item = open_input(path)
            yield item.path, item, None
        except ReadError as error:
            yield path, None, error


def _may_be_mended(judged: InputReport) -> bool:
    """Whether a file that cannot be judged may still be data: none of its rows could be read."""
    return not judged.samples and judged.lost > 0


def _why_not_in_place(item: Input) -> str | None:
    if item.path != item.file:
        return "standard input is no file"
    if item.container in _TABLES:
        return f"it is {item.container.upper()}, and fixed rows are written as JSON Lines"
    suffix = Path(item.path).suffix.lower()
    if {"gz": (".gz",), "zst": (".zst", ".zstd")}.get(item.compression or "", (suffix,)).count(suffix) == 0:
        return f"its name does not say that it is compressed ({item.compression})"
    return "its name says that it is compressed, and it is not" if not item.compression and suffix in COMPRESSIONS else None


def _name(item: Input) -> str:
    """The name of a fixed file in a folder: rows of tables become JSON Lines."""
    name = Path(item.path).name
    if item.path != item.file:
        return "stdin.jsonl"
    if item.container not in _TABLES:
        return name
    for suffix in COMPRESSIONS:
        name = name.removesuffix(suffix)
    return str(Path(name).with_suffix(".jsonl"))


def _is_lines(name: str) -> bool:
    """Whether a file of this name holds one object a line."""
    for suffix in COMPRESSIONS:
        name = name.removesuffix(suffix)
    return name.lower().endswith((".jsonl", ".ndjson"))


def _from_here(path: str) -> str:
    """The path as ``git apply`` and ``patch -p1`` want it, from the working directory where that is above it."""
    here = os.path.relpath(path)
    return os.path.abspath(path).lstrip(os.sep) if here.startswith("..") else Path(here).as_posix()
