"""``ftdata lint``: judge data files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftdata.cli.options import eval_paths, find_settings, hiders, judging, make_choice

if TYPE_CHECKING:
    from ftdata.config import Config
    from ftdata.types import Report

PLATFORMS = ("github", "sarif", "gitlab", "junit", "rdjson", "markdown")
FORMATS = ("full", "concise", "json", "json-lines", *PLATFORMS)
MOST_LEFT_OUT = 5


@click.command(
    "lint",
    epilog="Exit codes: 0 clean, 1 findings, 2 an input, a flag or a configuration that cannot be used.",
)
@click.argument("paths", nargs=-1, required=True)
@judging
@click.option(
    "--output-format",
    type=click.Choice(FORMATS),
    envvar="FTDATA_OUTPUT_FORMAT",
    help="How to print: full (default), one finding a line, for machines, or for a CI platform.",
)
@click.option("-o", "--output-file", metavar="FILE", help="Write the report to a file.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="FORMAT:FILE",
    help="Also write the report in this format, as sarif:out.sarif; repeatable.",
)
@click.option("--findings", "findings_path", metavar="FILE", help="Also write every finding to a Parquet file.")
@click.option("--statistics", is_flag=True, help="Print counts per rule only.")
@click.option(
    "--max-examples",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Examples per rule in the full report.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info", "never"]),
    help="Exit 1 from this severity on (default: error).",
)
@click.option("--since", metavar="REF", help="Only what is new since this commit, branch or tag: --since origin/main.")
@click.option("--baseline", metavar="FILE", help="Leave out the findings of this file; `ftdata baseline create` makes it.")
@click.option("--fail-on-skip", is_flag=True, help="Exit 1 if a rule was skipped.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 in spite of findings.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    help="Worker processes (default: one a core, for large inputs).",
)
@click.option(
    "--no-tokens", is_flag=True, help="Count no tokens unless a rule needs them: faster, without the price of findings."
)
@click.option("--fix", is_flag=True, help="First repair what is safe to repair, in place; then judge what remains.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix or --diff: also fixes that drop samples or change what is said.")
@click.option("--diff", is_flag=True, help="Print what --fix would do as a patch, and write nothing.")
@click.option(
    "--cache-dir", metavar="FOLDER", envvar="FTDATA_CACHE_DIR", help="Where results are kept (default: ~/.cache/ftdata)."
)
@click.option("--no-cache", is_flag=True, envvar="FTDATA_NO_CACHE", help="Judge again, though nothing has changed.")
@click.option("--show-rules", is_flag=True, help="Print the rules that would run, and where each value comes from.")
def command(**options: Any) -> int:
    """Judge data files: what a provider rejects, what trains a model wrongly.

    PATHS are files, folders, globs, or - for standard input: JSONL, JSON, CSV, TSV or Parquet, also .gz and .zst.
    """
    from ftdata.errors import UsageError
    from ftdata.judge import cache
    from ftdata.judge.run import Options

    config = find_settings(options)
    data = config.data
    choice = make_choice(options, config)
    if options["show_rules"]:
        _write(_rule_table(choice), options["output_file"])
        return 0
    output = options["output_format"] or data.get("output-format") or "full"
    if output not in FORMATS:
        raise UsageError(f"unknown output format '{output}'", f"Known: {', '.join(FORMATS)}.")
    reports = [_report_of(text) for text in options["reports"]]
    for written in (options["output_file"], options["findings_path"], *(path for _, path in reports)):
        if written and any(os.path.realpath(written) == os.path.realpath(path) for path in options["paths"]):
            raise UsageError(f"{written} is an input; a report is not written over it", "Choose another name.")
    fixed = _fix(options, config) if options["fix"] or options["diff"] else 0
    if options["diff"]:
        return fixed
    from ftdata.cli.progress import Progress

    with Progress("linting") as progress:
        how = Options(
            format=options["format_"],
            eval_paths=eval_paths(options, config),
            jobs=options["jobs"],
            fail_on=options["fail_on"] or data.get("fail-on") or "error",
            fail_on_skip=options["fail_on_skip"],
            progress=progress.update,
            count_tokens=not options["no_tokens"],
            hide=hiders(options, config),
        )
        kept = None if options["no_cache"] else cache.Cache(Path(options["cache_dir"] or cache.default_folder()))
        report = cache.lint(kept, options["paths"], choice, how, options["since"])
    _tell_left_out(options["paths"])
    if options["findings_path"]:
        _write_findings(report, options["findings_path"])
    for format_, path in reports:
        _write(_render(report, format_, options | {"output_file": path}), path)
    _write(_render(report, output, options), options["output_file"], colour=output == "full")
    code = 2 if fixed == 2 else report.exit_code
    return 0 if options["exit_zero"] and code == 1 else code


def _tell_left_out(paths: list[str]) -> None:
    """Say on standard error what the folders hold that is no data by its name."""
    from ftdata.cli.fix import show
    from ftdata.read import left_out

    others = left_out(paths)
    if others:
        more = f" and {len(others) - MOST_LEFT_OUT:,} more" if len(others) > MOST_LEFT_OUT else ""
        show(
            [f"note: left out, for their names say that they are no data: {', '.join(others[:MOST_LEFT_OUT])}{more}"], error=True
        )


def _report_of(text: str) -> tuple[str, str]:
    """A format and a file from FORMAT:FILE."""
    from ftdata.errors import UsageError

    name, sign, path = text.partition(":")
    if not sign or not path or name not in FORMATS:
        raise UsageError(f"--report {text}: is no FORMAT:FILE", f"As sarif:out.sarif. Formats: {', '.join(FORMATS)}.")
    return name, path


def _fix(options: dict[str, Any], config: Config) -> int:
    """Fix before judging; what was done is said on standard error, for standard output holds the report or the patch."""
    from ftdata.cli import fix
    from ftdata.errors import UsageError

    if options["fix"] and options["diff"]:
        raise UsageError("--fix writes and --diff only shows", "Use one of them.")
    fixing = fix.run(options, config, "diff" if options["diff"] else "in_place")
    fix.show(fix.summary(fixing, "fixed" if options["fix"] else "would be fixed"), error=True)
    return fix.exit_code(fixing, written=options["fix"])


def _render(report: Report, output: str, options: dict[str, Any]) -> Iterable[str]:
    from ftdata.report import concise, full
    from ftdata.report import json as json_report

    if output == "json":
        return json_report.render(report)
    if output == "json-lines":
        return json_report.render_lines(report)
    if output in PLATFORMS:
        return _for_platform(report, output)
    if options["statistics"]:
        return [*full.statistics(report), *full.summary(report)]
    if output == "concise":
        return concise.render(report)
    style = full.plain if options["output_file"] or not _colours() else click.style
    return full.render(report, options["max_examples"], style)


def _for_platform(report: Report, output: str) -> Iterable[str]:
    import ftdata.checks  # noqa: F401  (fills RULES, which a run from the cache has not)
    from ftdata.report import github, gitlab, junit, markdown, rdjson, sarif
    from ftdata.rule import RULES

    root = _repository(Path.cwd())
    if output == "sarif":
        return sarif.render(report, {rule.code: rule.doc for rule in RULES.values()}, root)
    modules = {"github": github, "gitlab": gitlab, "junit": junit, "rdjson": rdjson, "markdown": markdown}
    render: Callable[[Report, str], Iterable[str]] = modules[output].render
    return render(report, root)


def _repository(start: Path) -> str:
    """The root of the git repository around a folder, else the folder: CI platforms want paths told from there."""
    return str(next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start))


def _colours() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def _write(lines: Iterable[str], path: str | None, colour: bool = False) -> None:
    if path:
        from ftdata.write import write_atomically

        write_atomically(path, ((line + "\n").encode("utf-8", "replace") for line in lines))
        return
    sink = sys.stdout
    if hasattr(sink, "reconfigure"):
        sink.reconfigure(errors="backslashreplace")
    for line in lines:
        sink.write(line + "\n")
    sink.flush()


def _write_findings(report: Report, path: str) -> None:
    import io

    from ftdata.write import write_atomically

    frame = report.findings.frame  # type: ignore[attr-defined]
    columns = [
        "code",
        "name",
        "severity",
        "path",
        "row",
        "line",
        "column",
        "pointer",
        "sample",
        "message",
        "excerpt",
        "tokens",
    ]
    buffer = io.BytesIO()
    frame.select(columns).write_parquet(buffer)
    write_atomically(path, [buffer.getvalue()])


def _rule_table(choice: Any) -> Iterable[str]:
    from ftdata.judge.select import resolve
    from ftdata.report.escape import escape

    for selected in resolve(choice).rules:
        rule = selected.rule
        targets = f" [{', '.join(selected.targets)}]" if selected.targets else ""
        yield f"{rule.code} {rule.name}{targets}: {selected.severity} ({selected.origin.get('severity', '')})"
        for name, value in selected.params.items():
            if name != "target":
                shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
                yield f"    {name} = {escape(str(shown))} ({selected.origin.get(name, 'default')})"
        for name, value in selected.budgets.items():
            yield f"    {name} {value} ({selected.origin.get(name, '')})"
        for target, words in selected.because.items():
            yield f"    {target}: {escape(words)}"
