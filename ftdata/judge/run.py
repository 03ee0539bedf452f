"""Lint: read, parse, measure and judge every input, and say what was found."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

from ftdata import __version__
from ftdata.errors import ReadError
from ftdata.judge.dataset import Dataset, FileCounts, turn_of
from ftdata.judge.excerpt import describe, excerpt, fill, shown_all
from ftdata.judge.expected import judge_expectations
from ftdata.judge.findings import FindingTable
from ftdata.judge.guard import Guard
from ftdata.judge.known import Examined, Hider, leave_out
from ftdata.judge.piece import FINDING_COLUMNS, JUDGE, PieceResult
from ftdata.judge.plan import Plan
from ftdata.judge.planning import check_custom, check_format, make_plan
from ftdata.judge.select import Choice, Selected, Selection, resolve
from ftdata.judge.verdicts import complete, make_verdicts
from ftdata.rule import At, Hit, NotJudged
from ftdata.types import InputReport, Report, Severity, Verdict
from ftdata.workers import Workers

if TYPE_CHECKING:
    import polars as pl

    from ftdata.read import Input

PIECE_BYTES = 8 << 20
WORTH_WORKERS = 24 << 20
# Dataset findings show their text: so many of each rule, for the rows are read once more.
SHOWN = 200
EVAL_NAME = re.compile(r"(^|[-_.\s])(eval|evaluation|valid|validation|val|dev|test|heldout|holdout)([-_.\s\d]|$)", re.I)

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Options:
    """How a run is done, apart from what is judged."""

    format: str | None = None
    mapping: Mapping[str, str] | None = None
    eval_paths: tuple[str, ...] = ()
    jobs: int | None = None
    fail_on: Severity | Literal["never"] = "error"
    fail_on_skip: bool = False
    progress: Progress | None = None
    count_tokens: bool = True
    hide: tuple[Hider, ...] = ()


@dataclass(slots=True)
class _Run:
    """The state of a run while pieces come back."""

    selection: Selection
    files: list[FileCounts]
    tables: list[pl.DataFrame] = field(default_factory=list)
    findings: list[pl.DataFrame] = field(default_factory=list)
    base: int = 0
    guard: Guard = field(default_factory=Guard)


def judge(paths: Sequence[str], choice: Choice, options: Options) -> Report:
    """Judge the inputs and return the report. Raises UsageError or ConfigError before any row is read."""
    started = time.perf_counter()
    return conclude(examine(paths, choice, options), choice, options, started)


def examine(paths: Sequence[str], choice: Choice, options: Options) -> Examined:
    """Judge the inputs by every rule. Raises UsageError or ConfigError before any row is read."""
    from ftdata.read import find_files

    files = find_files(paths)
    held = find_files(options.eval_paths) if options.eval_paths else []
    evals = {os.path.realpath(path) for path in held}
    known = {os.path.realpath(path) for path in files}
    files += [path for path in held if os.path.realpath(path) not in known]
    inputs, counts = _open(files, evals)
    total = sum(item.size for item in inputs if item is not None)
    workers = Workers(options.jobs or (min(os.cpu_count() or 1, 8) if total >= WORTH_WORKERS else 1), JUDGE)
    try:
        selection = resolve(choice)
        check_custom(selection.rules)
        check_format(options.format)
        skipped: dict[int, str] = {}
        plan = make_plan(
            selection,
            skipped,
            text_bytes=total,
            count_tokens=options.count_tokens,
            format=options.format,
            mapping=options.mapping,
        )
        run = _Run(selection, counts)
        hashes = _hash_all(inputs)
        done = 0
        for number, result in _results(plan, inputs, counts, workers):
            _collect(run, number, result)
            done += result.size
            if options.progress:
                options.progress(min(done, total), total)
    finally:
        workers.stop()
    for counted, future in zip(run.files, hashes, strict=True):
        if future is not None and not counted.report.error:
            counted.report.sha256 = future.result()
    return _examined(run, skipped, options)


def _open(files: Sequence[str], evals: set[str]) -> tuple[list[Input | None], list[FileCounts]]:
    from ftdata.read import open_input

    inputs: list[Input | None] = []
    counts: list[FileCounts] = []
    several = len(files) > 1
    for path in files:
        is_eval = os.path.realpath(path) in evals or (not evals and several and EVAL_NAME.search(PurePath(path).name) is not None)
        report = InputReport(path="<stdin>" if path == "-" else path, role="eval" if is_eval else "train")
        try:
            item = open_input(path)
            report.path, report.container, report.bytes = item.path, item.container, item.size
            inputs.append(item)
        except ReadError as error:
            report.error, report.help = error.message, error.hint
            inputs.append(None)
        counts.append(FileCounts(report, item=inputs[-1]))
    return inputs, counts


def _hash_all(inputs: Sequence[Input | None]) -> list[Future[str] | None]:
    """Hash every file in one background thread; hashing lets other Python code run."""
    from ftdata.read import content_hash

    pool = ThreadPoolExecutor(1)
    futures = [pool.submit(content_hash, item) if item is not None else None for item in inputs]
    pool.shutdown(wait=False)
    return futures


def _results(
    plan: Plan, inputs: Sequence[Input | None], files: list[FileCounts], workers: Workers
) -> Iterator[tuple[int, PieceResult]]:
    from ftdata.read import cut

    owners: list[int] = []

    def pieces() -> Iterator[Any]:
        for number, item in enumerate(inputs):
            if item is None:
                continue
            try:
                for piece in cut(item, PIECE_BYTES):
                    owners.append(number)
                    yield piece
            except ReadError as error:
                files[number].report.error, files[number].report.help = error.message, error.hint

    for index, (_, result) in enumerate(workers.map(plan, pieces())):
        yield owners[index], result


def _collect(run: _Run, number: int, result: PieceResult) -> None:
    import polars as pl

    counted = run.files[number]
    report = counted.report
    run.guard.failed |= result.failed
    if result.error is not None:
        report.error, report.help = result.error
    first = report.samples
    report.samples += result.rows
    report.lost += result.lost
    report.rows += result.rows + result.lost
    for name, count in result.formats.items():
        report.formats[name] = report.formats.get(name, 0) + count
    counted.faults = dict(Counter(counted.faults) + Counter(result.faults))
    counted.problem = counted.problem or result.problem
    counted.kinds = dict(Counter(counted.kinds) + Counter(result.kinds))
    table = result.table.with_columns(
        pl.lit(number, dtype=pl.UInt16).alias("file"),
        pl.lit(report.role == "eval").alias("held"),
        pl.int_range(first + 1, first + 1 + pl.len(), dtype=pl.UInt32).alias("row"),
    )
    run.tables.append(table)
    if result.findings.step:
        frame = pl.DataFrame(
            {name: getattr(result.findings, name) for name in FINDING_COLUMNS} | {"other": [None] * len(result.findings.step)},
            schema=_finding_schema(),
        ).with_columns(
            pl.lit(number, dtype=pl.UInt16).alias("file"),
            pl.when(pl.col("row") >= 0).then(pl.col("row") + run.base).alias("row"),
        )
        run.findings.append(frame)
    run.base += result.rows


def _finding_schema() -> dict[str, Any]:
    import polars as pl

    return {
        "step": pl.UInt16, "row": pl.Int64, "line": pl.UInt32, "column": pl.UInt32, "pointer": pl.String,
        "message": pl.String, "where": pl.String, "excerpt": pl.String, "start": pl.UInt32, "end": pl.UInt32, "other": pl.Int64,
    }  # fmt: skip


def _examined(run: _Run, skipped: dict[int, str], options: Options) -> Examined:
    import polars as pl

    from ftdata.formats import summarise

    for counted in run.files:
        _name_format(counted, summarise(counted.report.formats) if counted.report.formats else None)
    dataset = Dataset(_table(run), run.files, options.format, options.mapping)
    tokens = next((c for c in dataset.table.columns if c.startswith("n_tokens@")), None)
    _judge_dataset(run, dataset, skipped)
    _judge_folders(run, dataset, skipped)
    rules = [*run.selection.rules]
    for selected, hits, reason in judge_expectations(run.selection, dataset, tokens):
        if reason is not None:
            skipped[len(rules)] = reason
        elif hits:
            run.findings.append(_hit_table(len(rules), selected, hits, dataset))
        rules.append(selected)
    schema = _finding_schema() | {"file": pl.UInt16}
    frame = pl.concat(run.findings) if run.findings else pl.DataFrame(schema=schema)
    frame = _without_repeated_errors(frame, run)
    skipped |= run.guard.failed
    if run.guard.failed:
        frame = frame.filter(~pl.col("step").is_in(list(run.guard.failed)))
    frame = complete(frame, dataset, rules, tokens)
    return Examined(rules, dataset, frame, skipped, run.selection.plugins, tokens)


def conclude(examined: Examined, choice: Choice, options: Options, started: float) -> Report:
    """Decide which findings count, and return the report. ``started`` is when the run began, by ``time.perf_counter``."""
    from ftdata.judge.facts import collect_facts

    frame, rules, dataset = examined.frame, list(examined.rules), examined.dataset
    for hider in options.hide:
        frame = leave_out(frame, hider.hide(examined), rules)
    verdicts, frame = make_verdicts(frame, dataset, rules, examined.skipped)
    verdicts += [
        Verdict("plugin", plugin.name, "skipped", "info", reason=f"{plugin.package} could not be loaded: {plugin.problem}")
        for plugin in examined.plugins if plugin.problem is not None
    ]  # fmt: skip
    table = FindingTable(frame.sort("path", "line", "column", "code", "step", nulls_last=True, maintain_order=True), rules)
    return Report(
        version=__version__,
        inputs=[counted.report for counted in dataset.files],
        verdicts=verdicts,
        findings=table,
        facts=collect_facts(dataset, examined.tokens),
        targets=choice.targets,
        goal=choice.goal,
        seconds=time.perf_counter() - started,
        fail_on=options.fail_on,
        fail_on_skip=options.fail_on_skip,
    )


def _without_repeated_errors(frame: pl.DataFrame, run: _Run) -> pl.DataFrame:
    """Leave out "not training data" row by row where the file as a whole is said to be none."""
    import polars as pl

    refused = [number for number, counted in enumerate(run.files) if counted.report.error]
    steps = [number for number, selected in enumerate(run.selection.rules) if selected.rule.name == "not-training-data"]
    if not refused or not steps:
        return frame
    return frame.filter(~(pl.col("file").is_in(refused) & pl.col("step").is_in(steps)))


def _name_format(counted: FileCounts, detection: Any) -> None:
    """Name the file's format; a file without one conversation in it is an input that cannot be judged."""
    report = counted.report
    if detection is not None:
        report.format = detection.format
    usable = sum(count for kind, count in counted.kinds.items() if kind != "none")
    if report.error or usable:
        return
    if report.samples:
        report.error = counted.problem or "no row holds a conversation"
        report.help = "If it is training data, name its format with --from (an unknown name lists them all); if not, leave it out of the paths."
    elif report.lost:
        report.error = f"none of its {report.lost:,} rows could be read"
        report.help = "The findings say where each row breaks; was the file cut off or edited by hand?"
    else:
        report.error = "holds no rows"
        report.help = "Check the export that wrote it."


def _table(run: _Run) -> pl.DataFrame:
    import polars as pl

    if run.tables:
        return pl.concat(run.tables, how="vertical")
    return pl.DataFrame(
        schema={"id": pl.String, "line": pl.UInt32, "offset": pl.UInt64, "format": pl.String, "kind": pl.String,
                "file": pl.UInt16, "row": pl.UInt32, "held": pl.Boolean}
    )  # fmt: skip


def _judge_dataset(run: _Run, dataset: Dataset, skipped: dict[int, str]) -> None:
    if not dataset.count:
        return
    for number, selected in enumerate(run.selection.rules):
        if selected.rule.scope == "dataset" and number not in skipped:
            try:
                hits = run.guard.run(number, selected.rule, selected.rule.check, dataset, selected.params)
            except NotJudged as reason:
                skipped[number] = str(reason)
                continue
            if hits:
                run.findings.append(_hit_table(number, selected, hits, dataset))


def _judge_folders(run: _Run, dataset: Dataset, skipped: dict[int, str]) -> None:
    """Report what model folders do to every sample."""
    rules = [
        (number, selected.rule, selected.params) for number, selected in enumerate(run.selection.rules)
        if selected.rule.scope == "template" and number not in skipped
    ]  # fmt: skip
    if not rules:
        return
    from ftdata.judge.templates import Templates

    templates = Templates(rules)
    try:
        for number, fault in templates.of_folders():
            hit = Hit(None, values={"words": fault.words})
            run.findings.append(_hit_table(number, run.selection.rules[number], [hit], dataset))
    finally:
        templates.close()


def _hit_table(number: int, selected: Selected, hits: list[Hit], dataset: Dataset) -> pl.DataFrame:
    """The hits of a dataset rule as findings; places are gathered at once, for there may be a million."""
    import polars as pl

    places = dataset.places([found.row for found in hits])
    others = dataset.places([found.other for found in hits])
    named = shown_all([dataset.name_place(other) if other is not None else "" for other in others])
    messages = [
        fill(selected.rule.message, found.values, selected.params, None if other is None else {"other": name})
        for found, other, name in zip(hits, others, named, strict=True)
    ]
    columns: dict[str, list[Any]] = {name: [None] * len(hits) for name in FINDING_COLUMNS}
    columns["step"] = [number] * len(hits)
    columns["row"] = [found.row for found in hits]
    columns["other"] = [found.other for found in hits]
    columns["line"] = [place[1] if place else None for place in places]
    columns["column"] = [1 if place and place[1] is not None else None for place in places]
    columns["message"] = messages
    _show(columns, hits, dataset)
    files = pl.Series("file", [place[0] if place else 0 for place in places], dtype=pl.UInt16)
    return pl.DataFrame(columns, schema=_finding_schema()).with_columns(files)


def _show(columns: dict[str, list[Any]], hits: list[Hit], dataset: Dataset) -> None:
    """Fill in what to show of the first hits: the turn, its place and an excerpt."""
    shown = [(at, found) for at, found in enumerate(hits) if found.turn and found.row is not None][:SHOWN]
    samples = dataset.samples([found.row for _, found in shown if found.row is not None])
    for (at, found), sample in zip(shown, samples, strict=True):
        if sample is None or found.turn is None:
            continue
        message = turn_of(sample, found.turn)
        if message is not None:
            columns["pointer"][at] = message.content_pointer
            columns["where"][at] = describe(message, sample)
            columns["excerpt"][at] = excerpt(At(message))[0]
