"""``ftdata split``: training and evaluation data that share nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftdata.split.run import Split


@click.command("split", epilog="Exit codes: 0 written, 2 data, a flag or a folder that cannot be used.")
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="FOLDER", required=True, help="Write train.jsonl, eval.jsonl and manifest.json into this folder."
)
@click.option(
    "--eval",
    "share",
    type=float,
    default=0.2,
    show_default=True,
    metavar="SHARE",
    help="Share of the samples for the evaluation.",
)
@click.option("--eval-size", type=int, metavar="N", help="So many samples for the evaluation, instead of a share.")
@click.option("--seed", type=int, default=42, show_default=True, help="Another seed gives another split.")
@click.option(
    "--group",
    "fields",
    multiple=True,
    metavar="FIELD",
    help="Rows with the same value here stay together; found by itself where it is called conversation_id, session_id ... (none switches that off).",
)
@click.option(
    "--threshold", type=float, default=90.0, show_default=True, help="From which likeness on two samples stay together."
)
@click.option(
    "--pilot",
    type=int,
    multiple=True,
    metavar="N",
    help="Also write a small training set; smaller ones are parts of larger ones.",
)
@click.option("--no-stratify", is_flag=True, help="Do not see to it that every kind of sample is in the evaluation.")
@click.option("--from", "format_", metavar="FORMAT", help="Read every row as this format.")
@click.option("--force", is_flag=True, help="Replace the split that is in the folder.")
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def command(**options: Any) -> int:
    """Split data into training and evaluation, 80 to 20.

    No near-duplicate, no conversation and no question is on both sides. A sample's side is decided by its hash: it stays
    where it is when the data grows. Every kind of sample (language, length, tools, system prompt) is in the evaluation where it can be.
    """
    from ftdata.cli.fix import show
    from ftdata.cli.progress import Progress
    from ftdata.split.assign import Settings
    from ftdata.split.run import split, write_split

    settings = Settings(
        options["share"], options["eval_size"], options["seed"], not options["no_stratify"], tuple(sorted(set(options["pilot"])))
    )
    fields = None if not options["fields"] else () if options["fields"] == ("none",) else options["fields"]
    with Progress("reading") as reading, Progress("comparing", "pairs") as comparing:
        made = split(
            options["paths"], settings, threshold=options["threshold"], fields=fields, format=options["format_"],
            reading=reading.update, comparing=comparing.update,
        )  # fmt: skip
    manifest = write_split(made, options["output"], force=options["force"])
    show(
        [json.dumps(manifest, indent=1, ensure_ascii=False)]
        if options["output_format"] == "json"
        else _table(made, manifest, options["output"])
    )
    return 0


def _table(made: Split, manifest: dict[str, Any], folder: str) -> Iterator[str]:
    from ftdata.split.run import strata_table

    files = manifest["files"]
    yield f"{folder}: {files['train.jsonl']['samples']:,} for training, {files['eval.jsonl']['samples']:,} for evaluation"
    joined = ", ".join(f"{name} {count:,}" for name, count in manifest["groups"]["joined"].items())
    yield f"  kept together: {joined or 'nothing had to be'}; the largest group has {manifest['groups']['largest']:,} samples"
    rows = list(strata_table(made))
    widest = max(len(name) for name, _, _ in rows[:12])
    yield f"  {'stratum':<{widest}}  {'train':>9}  {'eval':>9}"
    yield from (f"  {name:<{widest}}  {train:>9,}  {held:>9,}" for name, train, held in rows[:12])
    yield from [f"  … and {len(rows) - 12:,} more strata, in manifest.json"] * (len(rows) > 12)
    yield from (f"  pilot: {name}, {entry['samples']:,} samples" for name, entry in files.items() if name.startswith("pilot-"))
    if "dropped.jsonl" in files:
        yield f"  {files['dropped.jsonl']['samples']:,} rows hold no sample: dropped.jsonl"
    yield from (f"  note: {note}" for note in manifest["notes"])
