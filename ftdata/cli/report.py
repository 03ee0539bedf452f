"""``ftdata report``: Data Docs, and suites for a project of Great Expectations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ftdata.cli.options import eval_paths, find_settings, hiders, judging, make_choice


@click.command("report", epilog="Exit codes: 0 clean, 1 findings, 2 something cannot be used.")
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "--gx", "docs", metavar="FOLDER", help="Build Great Expectations' Data Docs here: our verdicts and the packs' expectations."
)
@click.option("--gx-suite", "suite", metavar="FILE", help="Write the expectations as suites for a project of Great Expectations.")
@click.option(
    "--gx-rows", "rows", default="100000", show_default=True, metavar="N|all", help="Samples handed over, chosen by hash."
)
@judging
def command(**options: Any) -> int:
    """Judge data and show the verdicts in Great Expectations' form.

    The pages show counts and shares, never values of the data. Their styles come from the internet; `ftdata lint` needs none.
    """
    from ftdata.cli.fix import show
    from ftdata.cli.progress import Progress
    from ftdata.errors import UsageError
    from ftdata.expectations.compile import compile_rules
    from ftdata.expectations.gx import require, run, suite_json
    from ftdata.expectations.thresholds import limit_facts
    from ftdata.judge.expected import expectations_of, ruled_of, samples_of
    from ftdata.judge.run import Options, conclude, examine
    from ftdata.judge.select import resolve
    from ftdata.write import write_atomically

    if not options["docs"] and not options["suite"]:
        raise UsageError("what kind of report?", "--gx FOLDER builds Data Docs, --gx-suite FILE writes suites.")
    if options["rows"] != "all" and not (options["rows"].isdecimal() and int(options["rows"])):
        raise UsageError(f"--gx-rows {options['rows']}: is no number of rows", "As 100000, or all.")
    require()
    docs = Path(options["docs"]) if options["docs"] else None
    if docs is not None and docs.exists() and (not docs.is_dir() or any(docs.iterdir())) and not (docs / "index.html").exists():
        raise UsageError(f"{docs} holds something else", "Choose an empty folder.")
    config = find_settings(options)
    choice = make_choice(options, config)
    with Progress("judging") as progress:
        settings = Options(
            format=options["format_"], eval_paths=eval_paths(options, config), progress=progress.update,
            fail_on=config.data.get("fail-on") or "error", hide=hiders(options, config),
        )  # fmt: skip
        examined = examine(options["paths"], choice, settings)
    report = conclude(examined, choice, settings, 0.0)
    samples = samples_of(examined.dataset, examined.tokens)
    facts = {**report.facts, **limit_facts(report.inputs, examined.dataset.train["id"].n_unique())}
    compiled, found = compile_rules(ruled_of(examined, report), samples.columns, facts)
    expectations = [*expectations_of(resolve(choice)), *(expectation for _, expectation in compiled)]
    if options["suite"]:
        write_atomically(options["suite"], [suite_json(expectations, "ftdata").encode(), b"\n"])
        show([f"written: {options['suite']}, {len(expectations)} expectations"])
    if docs is not None:
        outcomes = run(
            expectations, samples, {**facts, **found}, docs=docs,
            rows=None if options["rows"] == "all" else int(options["rows"]),
        )  # fmt: skip
        failed = sum(outcome.status == "found" for outcome in outcomes)
        show(
            [
                f"Data Docs: {docs / 'index.html'}, {len(outcomes)} expectations, {failed} not met",
                "Their styles come from the internet; without it the pages are plain.",
            ]
        )
    return report.exit_code
