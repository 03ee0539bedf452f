"""``ftdata convert``: any format to any other, with an account of what does not arrive."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftdata.convert.choose import Seen
    from ftdata.convert.details import Details
    from ftdata.convert.run import Outcome
    from ftdata.read import Input


@click.command(
    "convert",
    epilog="Exit codes: 0 converted, 1 rows were dropped or --strict refused, 2 nothing can be converted, a flag makes no sense.",
)
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "--to", "to", metavar="FORMAT", help="Write this format; with --target it may be left out. An unknown name lists them all."
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write to this file, by its suffix: .jsonl, .json, .csv, .tsv, .parquet, also .gz, .zst; - for standard output.",
)
@click.option("--from", "source", metavar="FORMAT", help="Read the rows as this format instead of detecting it.")
@click.option(
    "-t", "--target", metavar="NAME", help="Write as this trainer or provider wants it, and print what it needs beside the data."
)
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="NAME=COLUMN",
    help="Read columns that no format knows: prompt=question,response=answer.",
)
@click.option(
    "--default",
    "defaults",
    multiple=True,
    metavar="KEY=VALUE",
    help="Where this key is missing, take the value (JSON, or a text); repeatable.",
)
@click.option("--strict", is_flag=True, help="Write nothing unless everything arrives as it was.")
@click.option(
    "--sidecar", metavar="FILE", help="Keep in FILE what the format cannot hold. Converting back with the same FILE restores it."
)
@click.option("--restore", metavar="FILE", help="Restore from this sidecar, whatever is converted to what.")
@click.option("--drop-rejected", is_flag=True, help="Of preference data, write the better answers as SFT data.")
@click.option("--unpair", "unpaired", is_flag=True, help="Write each preference pair as two answers with labels.")
@click.option(
    "--companion/--no-companion", default=None, help="Write, or do not print, what the trainer of --target needs beside the data."
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes to work with (default: one a core for more than 8 MB).")
@click.option("--max-examples", type=click.IntRange(min=0), default=20, show_default=True, help="Fields to show in the report.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print the report: text on standard error, JSON on standard output.",
)
def command(**options: Any) -> int:
    """Convert data from any format to any other, and say what the other cannot hold."""
    from ftdata.cli.progress import Progress
    from ftdata.convert.outputs import container_of, table_of
    from ftdata.convert.piece import Plan
    from ftdata.convert.run import Refused, check_outputs, convert, dropped_path, open_inputs

    output = _check(options)
    container = container_of(output)
    mapping, defaults = _columns(options)
    facts, details = _target(options["target"])
    to = _known(options["to"]) if options["to"] else None
    inputs = open_inputs(options["paths"])
    sidecar, restore = _sidecar(options, to)
    written = [output, *([f"{dropped_path(output)}"] if output != "-" else []), *([sidecar] if sidecar else [])]
    check_outputs(inputs, [*written, *([restore] if restore else [])])
    source = _source(options, restore)
    if to is None:
        to = _choose(options, facts, inputs, Plan("openai-chat", source=source, columns=mapping, defaults=defaults))
    plan = Plan(
        to, details, source, mapping or None, defaults or None, options["drop_rejected"], options["unpaired"],
        table_of(container), sidecar is not None,
    )  # fmt: skip
    with Progress("converting") as progress:
        try:
            outcome = convert(
                inputs, output, plan, sidecar=sidecar, restore=restore, strict=options["strict"], jobs=options["jobs"],
                target=options["target"], beside=bool(options["companion"]), progress=progress.update,
            )  # fmt: skip
        except Refused as error:
            _report(error.outcome, options)
            raise
    _report(outcome, options)
    return 1 if outcome.dropped else 0


def _check(options: dict[str, Any]) -> str:
    from ftdata.errors import UsageError

    if not options["output"]:
        raise UsageError("-o is missing: where to write", "`-o out.jsonl`, or `-o -` for standard output.")
    if not options["to"] and not options["target"]:
        raise UsageError(
            "--to is missing: what to write", "`--to openai-chat`, or --target NAME to write what a trainer reads best."
        )
    if options["drop_rejected"] and options["unpaired"]:
        raise UsageError("--drop-rejected and --unpair exclude each other", "One writes the better answer alone, the other both.")
    if options["unpaired"] and options["sidecar"]:
        raise UsageError("--sidecar cannot put together again what --unpair takes apart", "Keep the input file instead.")
    if options["output"] == "-" and options["output_format"] == "json":
        raise UsageError("rows and the JSON report cannot both go to standard output", "Name a file with -o.")
    if options["source"] and options["restore"]:
        raise UsageError("--from and --restore exclude each other", "The sidecar knows of what format the rows are.")
    if options["strict"] and options["sidecar"]:
        raise UsageError("--strict refuses what --sidecar would keep", "Give one of the two.")
    return str(options["output"])


def _columns(options: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    from ftdata.convert.mapping import read_defaults, read_mapping

    return read_mapping(options["mapping"]), read_defaults(options["defaults"])


def _target(name: str | None) -> tuple[dict[str, Any], Details]:
    from ftdata.convert.choose import merged
    from ftdata.convert.details import OPENAI, details_for
    from ftdata.errors import ConfigError

    if name is None:
        return {}, OPENAI
    import ftdata.checks  # noqa: F401  (packs name rules)
    from ftdata.packs import load_target

    data = merged(pack.data for pack in load_target(name))
    try:
        return data["target"], details_for(data)
    except ValueError as error:
        raise ConfigError(f"target {name}: {error}", "Mend `convert:` in the pack.") from None


def _known(name: str) -> str:
    from ftdata.convert.choose import check_format

    return check_format(name)


def _sidecar(options: dict[str, Any], to: str | None) -> tuple[str | None, str | None]:
    """Which sidecar is written, and which is read."""
    from ftdata.convert.kept import sidecar_format
    from ftdata.errors import UsageError

    written, read = options["sidecar"], options["restore"]
    if written and read:
        raise UsageError("--sidecar and --restore exclude each other", "--restore reads; --sidecar writes a new file.")
    if read and sidecar_format(read) is None:
        raise UsageError(f"{read}: no such file", "--restore reads the sidecar that an earlier conversion wrote.")
    found = sidecar_format(written) if written else None
    if found is None:
        return written, read
    if found != to and to is not None:
        return None, written
    raise UsageError(
        f"{written} exists, and holds what an earlier conversion to {found} could not keep",
        f"`--restore {written}` puts that back; remove the file to write it anew.",
    )


def _source(options: dict[str, Any], restore: str | None) -> str | None:
    from ftdata.convert.kept import sidecar_format
    from ftdata.errors import UsageError, suggest
    from ftdata.formats import FORMATS

    name = options["source"]
    if name is not None and name not in FORMATS:
        raise UsageError(f"unknown format '{name}'.{suggest(name, FORMATS)}", f"Formats: {', '.join(sorted(FORMATS))}.")
    return sidecar_format(restore) if restore else name


def _choose(options: dict[str, Any], facts: dict[str, Any], inputs: list[Input], plan: Any) -> str:
    from ftdata.convert.choose import choose_format

    seen = _look(inputs, plan)
    return choose_format(options["target"], facts, seen, drop_rejected=options["drop_rejected"], unpair=options["unpaired"])


def _look(inputs: list[Input], plan: Any) -> Seen:
    """What the first rows of the first files are."""
    from ftdata.convert.choose import Seen
    from ftdata.convert.piece import Converter, Result, read_values
    from ftdata.read import cut, decode

    seen, reader = Seen(), Converter(plan)
    for item in inputs[:20]:
        piece = next(iter(cut(item, 1 << 20)), None)
        chunk = decode(piece) if piece is not None else None
        for value in read_values(chunk, item.container)[:500] if chunk else ():
            seen.add(reader.read(value, item.container, Result())[1])
    return seen


def _report(outcome: Outcome, options: dict[str, Any]) -> None:
    from ftdata.cli.convert_report import facts, lines

    if options["companion"] is False:
        outcome.companion = None
    if options["output_format"] == "json":
        sys.stdout.write(json.dumps(facts(outcome), ensure_ascii=False, indent=1) + "\n")
        return
    _say(lines(outcome, options["max_examples"]))
    if outcome.companion is not None and not options["companion"]:
        sys.stdout.write(outcome.companion.text)


def _say(text: Iterable[str]) -> None:
    for stream in (sys.stderr, sys.stdout):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    for line in text:
        sys.stderr.write(line + "\n")
    sys.stderr.flush()
