"""``ftdata diff``: compare two files or folders as sets of samples."""

from __future__ import annotations

import os
import sys
from typing import Any

import click


@click.command(
    "diff", epilog="Exit codes: 0 the same samples, 1 different ones, 2 something that cannot be read or a wrong flag."
)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--from", "format_", metavar="FORMAT", help="Read the rows as this format instead of detecting it.")
@click.option("--tokenizer", metavar="PATH", help="Count tokens with this tokenizer.json, model folder or encoding.")
@click.option(
    "--max-examples", type=click.IntRange(min=0), default=5, show_default=True, help="Samples shown of each kind of change."
)
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Worker processes (default: one a core, for large inputs).")
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True, help="How to print."
)  # fmt: skip
def command(**options: Any) -> int:
    """Compare A and B, two files or two folders, sample by sample, whatever their formats and order.

    Counts and tokens on both sides, each edited sample as a word diff, and what was added, removed and moved. A sample is known by what it
    says: another order of keys, another format or another id make no difference.
    """
    from ftdata.cli.progress import Progress
    from ftdata.judge.compared import compare_paths
    from ftdata.judge.planning import check_format

    check_format(options["format_"])
    with Progress("comparing") as progress:
        found = compare_paths(
            options["before"], options["after"], format=options["format_"], tokenizer=options["tokenizer"],
            most=options["max_examples"], progress=progress.update, jobs=options["jobs"],
        )  # fmt: skip
    _print(found, options["output_format"])
    return int(not found["same"])


def _print(found: dict[str, Any], output: str) -> None:
    from ftdata.report import diff
    from ftdata.report.emit import dump

    sink = sys.stdout
    if hasattr(sink, "reconfigure"):
        sink.reconfigure(errors="backslashreplace")
    if output == "json":
        lines = iter([dump(found)])
    elif output == "markdown":
        lines = diff.markdown(found)
    else:
        colours = not os.environ.get("NO_COLOR") and (bool(os.environ.get("FORCE_COLOR")) or sink.isatty())
        lines = diff.render(found, click.style if colours else None)
    for line in lines:
        sink.write(line + "\n")
    sink.flush()
