"""``ftdata sample``: draw some samples, the same ones again and again."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftdata.sampling import Draw
    from ftdata.scan import Scan


@click.command(
    "sample",
    epilog="Exit codes: 0 written, 2 nothing to draw from, or a flag that makes no sense.",
)
@click.argument("arguments", nargs=-1, required=True, metavar="N FILE...")
@click.option(
    "-o",
    "--output",
    default="-",
    metavar="FILE",
    help="Write to this file, by its suffix: .jsonl, .json, .csv, .tsv, .parquet, also .gz, .zst (default: JSON Lines on standard output).",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another number draws other samples.")
@click.option("--fraction", type=float, metavar="SHARE", help="Draw this share instead of N samples: 0.05 is one in twenty.")
@click.option("--from", "format_", metavar="FORMAT", help="Read the rows as this format instead of detecting it.")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes to work with (default: one a core for large inputs).")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print what was drawn: text on standard error, JSON on standard output.",
)
def command(**options: Any) -> int:
    """Draw N samples, by the hash of each: for a pilot run, or to look at.

    The same data and seed give the same samples, in the order of the files, byte for byte. A row is drawn by its content alone:
    data that grows changes a draw only by the rows that enter it, and 50 samples are among the 100 of the same seed.
    """
    from ftdata.cli.progress import Progress
    from ftdata.convert.outputs import container_of
    from ftdata.convert.run import check_outputs, open_inputs
    from ftdata.errors import UsageError
    from ftdata.judge.planning import check_format
    from ftdata.sampling import draw
    from ftdata.scan import Look, scan

    wanted, paths = _split(options)
    output = options["output"]
    if output == "-" and options["output_format"] == "json":
        raise UsageError("rows and the JSON report cannot both go to standard output", "Name a file with -o.")
    if not -(1 << 255) <= options["seed"] < 1 << 255:
        raise UsageError("--seed has more than 255 bits", "Any shorter whole number will do.")
    container_of(output)
    check_format(options["format_"])
    inputs = open_inputs(paths)
    check_outputs(inputs, [output])
    with Progress("reading") as progress:
        found = scan(inputs, Look(options["format_"]), jobs=options["jobs"], progress=progress.update)
    if not len(found):
        raise UsageError(f"{', '.join(item.path for item in inputs[:3])}: holds no rows to draw from", _why(found))
    drawn = draw(found, wanted, options["seed"], options["fraction"])
    _write(found, drawn, output)
    _report(found, drawn, options, wanted)
    return 0


def _split(options: dict[str, Any]) -> tuple[int | None, list[str]]:
    """N and the files. Raises UsageError with what was probably meant."""
    from ftdata.errors import UsageError

    first, *rest = options["arguments"]
    usage = "`ftdata sample 50 train.jsonl -o pilot.jsonl`."
    number = first.replace(",", "").replace("_", "")
    is_number = number.isascii() and number.removeprefix("-").isdecimal()
    share = options["fraction"]
    if share is not None:
        if not 0 < share <= 1:
            percent = f" {share / 100:g} is {share:g} percent." if 1 < share <= 100 else ""
            raise UsageError(f"--fraction {share:g} is no share of the data", f"Give more than 0 and at most 1.{percent}")
        if is_number and not os.path.exists(first):
            raise UsageError(f"{first} samples and --fraction exclude each other", "Give one of the two.")
        return None, [first, *rest]
    if not is_number:
        shown = next((word for word in rest if word.isascii() and word.isdecimal()), None)
        meant = f"`ftdata sample {shown} {first}`." if shown and Path(first).exists() else usage
        raise UsageError(f"how many samples? '{first[:200]}' is no number", f"The number comes first: {meant}")
    if len(number) > 18 or int(number) < 1:
        raise UsageError(f"{first[:40]} is no number of samples", f"At least 1: {usage}")
    if not rest:
        raise UsageError("sample from what? No file is named", f"{usage} - is standard input.")
    return int(number), rest


def _write(found: Scan, drawn: Draw, output: str) -> None:
    from ftdata.scan import wanted_rows
    from ftdata.write import Staged
    from ftdata.write_rows import RowFile, keeps_cells

    with Staged() as stage, RowFile(stage, output) as file:
        for row in wanted_rows(found, drawn.chosen, cells=keeps_cells(found.inputs, output)):
            file.write(row)


def _report(found: Scan, drawn: Draw, options: dict[str, Any], wanted: int | None) -> None:
    from ftdata.cli.convert_report import lost_line
    from ftdata.convert.outputs import container_of
    from ftdata.report.escape import escape
    from ftdata.write_rows import lost_faults

    inputs, output = found.inputs, options["output"]
    lost: Counter[str] = sum(found.lost, Counter())
    if options["output_format"] == "json":
        sys.stdout.write(json.dumps(_facts(found, drawn, output, lost), ensure_ascii=False, indent=1) + "\n")
        return
    files = escape(inputs[0].path) if len(inputs) == 1 else f"{len(inputs)} files"
    where = "" if output == "-" else f" to {escape(output)}"
    if drawn.count == drawn.of and wanted is not None and wanted > drawn.of:
        said = f"wrote all {_count(drawn.of)} of {files}{where}: there are no {wanted:,}"
    else:
        said = f"drew {_count(drawn.count)} of {drawn.of:,} from {files} (seed {drawn.seed}){where}"
    lines = [said]
    faults = lost_faults(found, output != "-" and container_of(output) not in ("jsonl", "json"))
    if faults:
        lines.append(lost_line(faults))
    if lost:
        reasons = ", ".join(f"{escape(reason)} {count:,}" for reason, count in lost.most_common(3))
        lines.append(
            f"note: {_lines(sum(lost.values()))} no row and {'is' if sum(lost.values()) == 1 else 'are'} never drawn ({reasons}); `ftdata lint` says where"
        )
    _say(lines)


def _facts(found: Scan, drawn: Draw, output: str, lost: Counter[str]) -> dict[str, Any]:
    import numpy as np

    places = []
    for index in np.flatnonzero(drawn.chosen):
        file, row = found.place(int(index))
        places.append({"path": found.inputs[file].path, "row": row, "sample": found.hash_of(int(index))})
    return {
        "output": output, "drawn": drawn.count, "of": drawn.of, "seed": drawn.seed, "unreadable": sum(lost.values()),
        "faults": dict(sum(found.faults, Counter())),
        "inputs": [item.path for item in found.inputs], "samples": places,
    }  # fmt: skip


def _why(found: Scan) -> str:
    lost: Counter[str] = sum(found.lost, Counter())
    if not lost:
        return "Check the export that wrote it."
    return f"No line can be read as a row ({lost.most_common(1)[0][0]}); `ftdata lint` says where."


def _count(number: int) -> str:
    return f"{number:,} sample{'' if number == 1 else 's'}"


def _lines(number: int) -> str:
    return f"{number:,} line holds" if number == 1 else f"{number:,} lines hold"


def _say(lines: list[str]) -> None:
    if hasattr(sys.stderr, "reconfigure"):
        sys.stderr.reconfigure(errors="backslashreplace")
    for line in lines:
        sys.stderr.write(line + "\n")
    sys.stderr.flush()
