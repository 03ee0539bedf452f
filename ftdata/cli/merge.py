"""``ftdata merge``: put files together, copies once, every origin told."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftdata.merge import Outcome
    from ftdata.scan import Scan


@click.command(
    "merge",
    epilog="Exit codes: 0 merged, 1 rows were dropped that --to cannot hold, 2 nothing can be merged, or a flag that makes no sense.",
)
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write to this file, by its suffix: .jsonl, .json, .csv, .tsv, .parquet, also .gz, .zst; - for standard output.",
)
@click.option(
    "--to",
    metavar="FORMAT",
    help="Write every row in this format; needed where the files are of different ones. An unknown name lists them all.",
)
@click.option("--from", "source", metavar="FORMAT", help="Read the rows as this format instead of detecting it.")
@click.option(
    "--keep",
    type=click.Choice(["first", "last"]),
    default="first",
    show_default=True,
    help="Which copy of a sample stays, in the order of the files as named.",
)
@click.option(
    "--near",
    type=float,
    metavar="THRESHOLD",
    help="Drop near-duplicates too, alike at or above this (90 is usual); reads all texts into memory.",
)
@click.option(
    "--provenance", metavar="FILE", help="Write where each row comes from to this file (default: OUTPUT.provenance.jsonl)."
)
@click.option(
    "--provenance-field", metavar="KEY", help="Write where each row comes from into the row, under this key, instead of a file."
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes to read with (default: one a core for large inputs).")
@click.option(
    "--max-examples",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Fields to show of what a format cannot hold.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print the report: text on standard error, JSON on standard output.",
)
def command(**options: Any) -> int:
    """Put files of samples together into one: copies once, in the order of the files, and where each sample comes from.

    Two rows are copies when their samples have the same hash, in whatever format they are written. Rows keep their own bytes
    unless --to asks for another format. What is dropped goes to OUTPUT.dropped.jsonl, with the reason and the row that stays.
    """
    from ftdata.cli.progress import Progress
    from ftdata.convert.choose import check_format as check_target
    from ftdata.convert.outputs import container_of
    from ftdata.convert.run import check_outputs, open_inputs
    from ftdata.errors import UsageError
    from ftdata.judge.planning import check_format
    from ftdata.merge import add_near, check_formats, check_provenance_field, decide, dropped_path, file_formats, merge
    from ftdata.scan import Look, scan

    output = options["output"]
    if not output:
        raise UsageError("-o is missing: where to write", "`-o all.jsonl`, or `-o -` for standard output.")
    if output == "-" and options["output_format"] == "json":
        raise UsageError("rows and the JSON report cannot both go to standard output", "Name a file with -o.")
    if options["provenance"] and options["provenance_field"]:
        raise UsageError("--provenance and --provenance-field exclude each other", "One writes a file, the other into each row.")
    container_of(output)
    check_format(options["source"])
    to = check_target(options["to"]) if options["to"] else None
    inputs = open_inputs(options["paths"])
    sidecar = (
        None
        if options["provenance_field"]
        else options["provenance"] or (None if output == "-" else f"{output}.provenance.jsonl")
    )
    check_outputs(inputs, [output, *([dropped_path(output)] if output != "-" else []), *([sidecar] if sidecar else [])])
    with Progress("reading") as progress:
        found = scan(inputs, Look(options["source"], keys=True), jobs=options["jobs"], progress=progress.update)
    check_formats(found, to)
    if options["provenance_field"]:
        check_provenance_field(found, options["provenance_field"], output, [to] if to else file_formats(found))
    decision = decide(found, options["keep"])
    if options["near"] is not None:
        add_near(found, decision, options["near"], options["keep"], options["source"])
    outcome = merge(
        found, decision, output, to=to, source=options["source"], provenance=sidecar, provenance_field=options["provenance_field"]
    )
    if options["output_format"] == "json":
        sys.stdout.write(json.dumps(_facts(outcome), ensure_ascii=False, indent=1) + "\n")
    else:
        _say(_lines(outcome, output, options))
    return 1 if outcome.refused else 0


def _lines(outcome: Outcome, output: str, options: dict[str, Any]) -> Iterator[str]:
    from ftdata.cli.convert_report import lost_line
    from ftdata.merge import conflicts_of
    from ftdata.report.escape import escape

    scan = outcome.scan
    yield from _losses(outcome, options["max_examples"])
    for number, item in enumerate(scan.inputs):
        copies, across = outcome.copies[number], outcome.across[number]
        told = f", {copies:,} {'copy' if copies == 1 else 'copies'} dropped" if copies else ""
        told += f" ({across:,} of rows in other files)" if across else ""
        yield f"{escape(item.path)}: {_rows(_count(scan, number))}{told}"
    for reason, count in outcome.refused.most_common(options["max_examples"]):
        yield escape(f"dropped {_rows(count)}: {reason}")
    if outcome.lost:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in outcome.lost.most_common(3))
        yield escape(
            f"dropped {sum(outcome.lost.values()):,} line{'s' if sum(outcome.lost.values()) != 1 else ''} without a row ({reasons}); `ftdata lint` says where"
        )
    faults = _faults(outcome, output)
    if faults:
        yield lost_line(faults)
    decision = outcome.decision
    if decision.conflicts:
        several = decision.conflicts != 1
        yield (
            f"conflicts: {decision.conflicts:,} prompt{'s have' if several else ' has'} other answers in other files; all of them stay"
        )
        for one, other in conflicts_of(outcome):
            yield escape(f"  {one} and {other}")
    for note in outcome.notes:
        yield escape(f"note: {note}")
    total = sum(outcome.copies) + sum(outcome.refused.values()) + sum(outcome.lost.values())
    how = f", {outcome.converted:,} of them converted" if outcome.converted else ""
    yield escape(f"wrote {_rows(outcome.written)}{how} to {'standard output' if output == '-' else output}; dropped {total:,}")
    for path in outcome.files[1:] if output != "-" else outcome.files:
        yield escape(f"also wrote {path}")
    if options["near"] is None:
        where = output if output != "-" else "FILE"
        yield escape(f"note: near-duplicates were not looked for: `ftdata dedupe {where}` shows them, --near 90 drops them")
    else:
        yield f"near-duplicates dropped: {outcome.near:,}"


def _faults(outcome: Outcome, output: str) -> dict[str, int]:
    from ftdata.convert.outputs import container_of
    from ftdata.write_rows import lost_faults

    return lost_faults(outcome.scan, bool(outcome.converted) or (output != "-" and container_of(output) not in ("jsonl", "json")))


def _losses(outcome: Outcome, most: int) -> Iterator[str]:
    """What the format does not hold, as ``ftdata convert`` tells it."""
    from ftdata.cli.convert_report import _entry
    from ftdata.formats import FORMATS

    found = outcome.tally.of("lost", "changed", "added")
    if outcome.format is None or not found:
        return
    yield f"{FORMATS[outcome.format].title} does not hold everything of the converted rows:"
    for key, entry in found[:most]:
        yield from _entry(key, entry)
    if len(found) > most:
        yield f"  … and {len(found) - most:,} more (--max-examples, --format json)"
    yield "keep it: convert these files first, with `ftdata convert --sidecar FILE`"


def _facts(outcome: Outcome) -> dict[str, Any]:
    from ftdata.measure.private import mask
    from ftdata.merge import conflicts_of

    scan = outcome.scan
    return {
        "inputs": [
            {"path": item.path, "rows": _count(scan, number), "copies": outcome.copies[number], "across": outcome.across[number],
             "formats": dict(scan.formats[number])}
            for number, item in enumerate(scan.inputs)
        ],
        "written": outcome.written, "converted": outcome.converted, "near_duplicates": outcome.near,
        "refused": dict(outcome.refused), "unreadable": dict(outcome.lost),
        "faults": dict(sum(scan.faults, Counter())),
        "conflicts": {"prompts": outcome.decision.conflicts, "examples": [list(pair) for pair in conflicts_of(outcome)]},
        "losses": [
            {"kind": kind, "field": name, "reason": reason, "rows": entry.rows, "count": entry.count,
             "example": None if entry.example.value is None else mask(entry.example.value)}
            for (kind, name, reason), entry in outcome.tally.of("lost", "changed", "added", "rewritten")
        ],
        "files": outcome.files, "notes": outcome.notes,
    }  # fmt: skip


def _count(scan: Scan, number: int) -> int:
    return sum(scan.pieces[number])


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _say(lines: Iterator[str]) -> None:
    if hasattr(sys.stderr, "reconfigure"):
        sys.stderr.reconfigure(errors="backslashreplace")
    for line in lines:
        sys.stderr.write(line + "\n")
    sys.stderr.flush()
