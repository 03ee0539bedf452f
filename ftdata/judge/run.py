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
from ftdata.errors import ConfigError, MissingTokenizer, ReadError, UsageError, suggest
from ftdata.judge.dataset import Dataset, FileCounts
from ftdata.judge.findings import FindingTable
from ftdata.judge.piece import FINDING_COLUMNS, PieceResult, fill
from ftdata.judge.plan import Plan, Step
from ftdata.judge.pool import Pool
from ftdata.judge.select import Choice, Selected, Selection, resolve
from ftdata.measure.batch import Overhead
from ftdata.measure.registry import MEASURES
from ftdata.packs import parse_budget
from ftdata.rule import Columns, Hit
from ftdata.types import InputReport, Report, Severity, Verdict

if TYPE_CHECKING:
    import polars as pl

    from ftdata.read import Input

PIECE_BYTES = 4 << 20
WORTH_WORKERS = 24 << 20
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


@dataclass(slots=True)
class _Run:
    """The state of a run while pieces come back."""

    selection: Selection
    files: list[FileCounts]
    tables: list[pl.DataFrame] = field(default_factory=list)
    findings: list[pl.DataFrame] = field(default_factory=list)
    base: int = 0


def judge(paths: Sequence[str], choice: Choice, options: Options) -> Report:
    """Judge the inputs and return the report. Raises UsageError or ConfigError before anything is read."""
    from ftdata.read import find_files

    started = time.perf_counter()
    files = find_files(paths)
    evals = set(find_files(options.eval_paths)) if options.eval_paths else set()
    files += [path for path in sorted(evals) if path not in files]
    inputs, counts = _open(files, evals)
    total = sum(item.size for item in inputs if item is not None)
    pool = Pool(options.jobs or (min(os.cpu_count() or 1, 8) if total >= WORTH_WORKERS else 1))
    try:
        selection = resolve(choice)
        _check_custom(selection.rules)
        _check_format(options.format)
        skipped: dict[int, str] = {}
        plan = _plan(selection, options, total, skipped)
        run = _Run(selection, counts)
        hashes = _hash_all(inputs)
        done = 0
        for number, result in _results(plan, inputs, counts, pool):
            _collect(run, number, result)
            done += result.size
            if options.progress:
                options.progress(min(done, total), total)
    finally:
        pool.stop()
    for counted, future in zip(run.files, hashes, strict=True):
        if future is not None and not counted.report.error:
            counted.report.sha256 = future.result()
    return _report(run, skipped, choice, options, started)


def _check_custom(rules: Sequence[Selected]) -> None:
    """Refuse SQL that polars refuses or that names a column which is no measure."""
    import polars as pl

    for selected in rules:
        if selected.where is None:
            continue
        try:
            columns = pl.sql_expr(selected.where).meta.root_names()
        except Exception as error:
            reason = str(error).splitlines()[0][:160]
            raise ConfigError(f"custom rule {selected.rule.code}: not a SQL predicate ({reason})") from None
        for column in columns:
            if column not in MEASURES:
                known = ", ".join(sorted(MEASURES))
                raise ConfigError(
                    f"custom rule {selected.rule.code}: unknown measure '{column}'.{suggest(column, MEASURES)}",
                    f"Measures: {known}.",
                )


def _check_format(name: str | None) -> None:
    from ftdata.formats import FORMATS

    if name is not None and name not in FORMATS:
        raise UsageError(f"unknown format '{name}'.{suggest(name, FORMATS)}", f"Formats: {', '.join(sorted(FORMATS))}.")


def _open(files: Sequence[str], evals: set[str]) -> tuple[list[Input | None], list[FileCounts]]:
    from ftdata.read import open_input

    inputs: list[Input | None] = []
    counts: list[FileCounts] = []
    several = len(files) > 1
    for path in files:
        is_eval = path in evals or (not evals and several and EVAL_NAME.search(PurePath(path).name) is not None)
        report = InputReport(path=path, role="eval" if is_eval else "train")
        try:
            item = open_input(path)
            report.path, report.container, report.bytes = item.path, item.container, item.size
            inputs.append(item)
        except ReadError as error:
            report.error, report.help = error.message, error.hint
            inputs.append(None)
        counts.append(FileCounts(report))
    return inputs, counts


def _plan(selection: Selection, options: Options, total: int, skipped: dict[int, str]) -> Plan:
    steps: list[Step] = []
    columns: list[str] = []
    tokenizers: dict[str, tuple[str, Overhead]] = {}
    missing: dict[str, str] = {}
    for number, selected in enumerate(selection.rules):
        key = None
        if selected.wants_tokens:
            key, reason = _tokenizer(selected, selection, tokenizers, missing)
            if reason is not None:
                skipped[number] = reason
        if number not in skipped and "language" in _columns(selected) and not _installed("py3langid"):
            skipped[number] = "needs the language measure: pip install 'ftdata[lang]'"
        if selected.rule.scope == "dataset":
            columns += [name for name in selected.rule.needs if name in MEASURES and MEASURES[name].level != "token"]
        steps.append(Step(selected.rule.name, selected.params, key, selected.where, selected.rule.message, number in skipped))
    if options.count_tokens and not tokenizers:
        _reference_tokenizer(selection, tokenizers, missing)
    return Plan(
        steps=tuple(steps),
        columns=tuple(dict.fromkeys(columns)),
        tokenizers=tokenizers,
        format=options.format,
        mapping=options.mapping,
        text_bytes=total,
    )


def _columns(selected: Selected) -> list[str]:
    """The measures that a rule reads."""
    import polars as pl

    if selected.where is not None:
        return pl.sql_expr(selected.where).meta.root_names()
    if selected.rule.scope == "measure":
        touched = Columns()
        selected.rule.check(touched, selected.params)
        return touched.touched
    return list(selected.rule.needs)


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def _tokenizer(
    selected: Selected,
    selection: Selection,
    tokenizers: dict[str, tuple[str, Overhead]],
    missing: dict[str, str],
) -> tuple[str | None, str | None]:
    """Return the tokenizer key of a rule, or why it cannot be judged."""
    from ftdata.measure.tokens import load_tokenizer

    name = selected.tokenizer
    if name is None:
        target = selected.targets[0] if selected.targets else "the target"
        return (
            None,
            f"no tokenizer of {target} at hand; give its folder or tokenizer.json with --tokenizer PATH",
        )
    if name in missing:
        return None, missing[name]
    facts = next((t.facts for t in selection.targets if t.name in selected.targets), {})
    overhead = Overhead(**(facts.get("overhead") or {}))
    key = f"{name}+{overhead.per_message}+{overhead.per_sample}"
    if key not in tokenizers:
        try:
            load_tokenizer(name)
        except MissingTokenizer as error:
            missing[name] = f"{error.message}. {error.hint or ''}".strip()
            return None, missing[name]
        tokenizers[key] = (name, overhead)
    return key, None


def _reference_tokenizer(selection: Selection, tokenizers: dict[str, tuple[str, Overhead]], missing: dict[str, str]) -> None:
    """Count tokens for the facts and the price of findings, though no rule asks for them. Never with a guess: a
    target whose tokenizer is not at hand gets no numbers."""
    name = selection.tokenizer
    if name is None or name in missing:
        return
    probe = Selected(rule=selection.rules[0].rule, severity="info", params={}, tokenizer=name) if selection.rules else None
    if probe is not None:
        probe.targets = tuple(target.name for target in selection.targets[:1])
        _tokenizer(probe, selection, tokenizers, missing)


def _hash_all(inputs: Sequence[Input | None]) -> list[Future[str] | None]:
    """Hash every file in one background thread; hashing lets other Python code run."""
    from ftdata.read import content_hash

    pool = ThreadPoolExecutor(1)
    futures = [pool.submit(content_hash, item) if item is not None else None for item in inputs]
    pool.shutdown(wait=False)
    return futures


def _results(
    plan: Plan, inputs: Sequence[Input | None], files: list[FileCounts], pool: Pool
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

    for index, (_, result) in enumerate(pool.judge_all(plan, pieces())):
        yield owners[index], result


def _collect(run: _Run, number: int, result: PieceResult) -> None:
    import polars as pl

    counted = run.files[number]
    report = counted.report
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
            {name: getattr(result.findings, name) for name in FINDING_COLUMNS}, schema=_finding_schema()
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
        "message": pl.String, "where": pl.String, "excerpt": pl.String, "start": pl.UInt32, "end": pl.UInt32,
    }  # fmt: skip


def _report(run: _Run, skipped: dict[int, str], choice: Choice, options: Options, started: float) -> Report:
    import polars as pl

    from ftdata.formats import summarise
    from ftdata.judge.facts import collect_facts

    for counted in run.files:
        _name_format(counted, summarise(counted.report.formats) if counted.report.formats else None)
    dataset = Dataset(_table(run), run.files)
    tokens = next((c for c in dataset.table.columns if c.startswith("n_tokens@")), None)
    _judge_dataset(run, dataset, skipped)
    rules = run.selection.rules
    schema = _finding_schema() | {"file": pl.UInt16}
    frame = pl.concat(run.findings) if run.findings else pl.DataFrame(schema=schema)
    frame = _without_repeated_errors(frame, run)
    frame = _complete(frame, dataset, run, tokens)
    verdicts, frame = _verdicts(frame, dataset, run, skipped)
    table = FindingTable(frame.sort("path", "line", "column", "code", "step", nulls_last=True, maintain_order=True), rules)
    return Report(
        version=__version__,
        inputs=[counted.report for counted in run.files],
        verdicts=verdicts,
        findings=table,
        facts=collect_facts(dataset, tokens),
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
        report.help = "Give the format with --from if it is one of those that `ftdata lint --help` lists."
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
            hits = list(selected.rule.check(dataset, selected.params))
            if hits:
                run.findings.append(_hit_table(number, selected, hits, dataset))


def _hit_table(number: int, selected: Selected, hits: list[Hit], dataset: Dataset) -> pl.DataFrame:
    """The hits of a dataset rule as findings; places are gathered at once, for there may be a million."""
    import polars as pl

    places = dataset.places([found.row for found in hits])
    others = dataset.places([found.other for found in hits])
    messages = []
    for found, other in zip(hits, others, strict=True):
        values = found.values if other is None else found.values | {"other": dataset.name_place(other)}
        messages.append(fill(selected.rule.message, values, selected.params))
    columns: dict[str, list[Any]] = {name: [None] * len(hits) for name in FINDING_COLUMNS}
    columns["step"] = [number] * len(hits)
    columns["row"] = [found.row for found in hits]
    columns["line"] = [place[1] if place else None for place in places]
    columns["column"] = [1 if place and place[1] is not None else None for place in places]
    columns["message"] = messages
    files = pl.Series("file", [place[0] if place else 0 for place in places], dtype=pl.UInt16)
    return pl.DataFrame(columns, schema=_finding_schema()).with_columns(files)


def _complete(frame: pl.DataFrame, dataset: Dataset, run: _Run, tokens: str | None) -> pl.DataFrame:
    """Add path, rule, severity, the sample's hash and its tokens to each finding."""
    import polars as pl

    rules = run.selection.rules
    table = dataset.table.with_row_index("at").select(
        pl.col("at").cast(pl.Int64).alias("row"),
        pl.col("id").alias("sample"),
        pl.col("row").alias("number"),
        (pl.col(tokens) if tokens else pl.lit(None, dtype=pl.UInt32)).alias("tokens"),
    )
    of_step = pl.DataFrame(
        {
            "step": pl.Series(range(len(rules)), dtype=pl.UInt16),
            "code": [s.rule.code for s in rules],
            "name": [s.rule.name for s in rules],
            "severity": pl.Series([s.severity for s in rules], dtype=pl.String),
        },
        schema_overrides={"code": pl.String, "name": pl.String},
    )
    of_file = pl.DataFrame(
        {
            "file": pl.Series(range(len(run.files)), dtype=pl.UInt16),
            "path": pl.Series([counted.report.path for counted in run.files], dtype=pl.String),
        }
    )
    return (
        frame.join(table, on="row", how="left", maintain_order="left")
        .join(of_step, on="step", how="left", maintain_order="left")
        .join(of_file, on="file", how="left", maintain_order="left")
        .rename({"row": "at", "number": "row"})
    )


def _verdicts(frame: pl.DataFrame, dataset: Dataset, run: _Run, skipped: dict[int, str]) -> tuple[list[Verdict], pl.DataFrame]:
    import polars as pl

    rules = run.selection.rules
    kinds: Counter[str] = Counter()
    for counted in run.files:
        kinds.update(counted.kinds)
    counts = {
        row["step"]: row
        for row in frame.group_by("step").agg(
            pl.len().alias("n"),
            pl.col("at").n_unique().alias("samples"),
            pl.struct("at", "tokens").unique().struct.field("tokens").sum().alias("tokens"),
        ).iter_rows(named=True)
    }  # fmt: skip
    has_tokens = frame["tokens"].is_not_null().any() if frame.height else False
    verdicts: list[Verdict] = []
    changed: dict[int, Severity] = {}
    for number, selected in enumerate(rules):
        rule, counted_row = selected.rule, counts.get(number)
        of = len(run.files) if rule.scope == "file" else sum(n for kind, n in kinds.items() if kind in rule.kinds)
        verdict = Verdict(
            code=rule.code, name=rule.name, status="clean", severity=selected.severity, of=of,
            targets=selected.targets, help=_filled(rule.help, selected.params), fixable=rule.fix_safety,
            notes=[f"{target}: {words}" for target, words in selected.because.items()],
        )  # fmt: skip
        if number in skipped:
            verdict.status, verdict.reason = "skipped", skipped[number]
        elif counted_row:
            verdict.status, verdict.count = "found", counted_row["n"]
            verdict.tokens = counted_row["tokens"] if has_tokens and rule.scope != "file" else None
            verdict.severity = budgeted(selected, counted_row["samples"], of)
            if verdict.severity != selected.severity:
                changed[number] = verdict.severity
        verdicts.append(verdict)
    if changed:
        frame = frame.with_columns(
            pl.col("step").replace_strict(changed, default=pl.col("severity"), return_dtype=pl.String).alias("severity")
        )
    return verdicts, frame


def _filled(help: str | None, params: Mapping[str, Any]) -> str | None:
    for name, value in params.items():
        if help and isinstance(value, str):
            help = help.replace("{" + name + "}", value)
    return help


def budgeted(selected: Selected, count: int, of: int) -> Severity:
    """Return the severity that the budgets give to so many findings; within every budget it is information."""
    if not selected.budgets:
        return selected.severity
    for severity in ("error", "warning"):
        if severity in selected.budgets:
            limit, share = parse_budget(selected.budgets[severity], selected.rule.name)
            if (count / of if share and of else count) > limit:
                return severity
    return "info"
