"""``ftdata split``: training and evaluation data that share nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftdata.split.run import Split

_SHOWN = 12


@click.command("split", epilog="Exit codes: 0 written, 2 data, a flag or a folder that cannot be used.")
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="FOLDER", required=True, help="Write train.jsonl, eval.jsonl and manifest.json into this folder."
)
@click.option("--eval", "share", type=float, metavar="SHARE", help="Share of the samples for the evaluation (default 0.2).")
@click.option("--eval-size", type=int, metavar="N", help="So many samples for the evaluation, instead of a share.")
@click.option("--seed", type=int, default=42, show_default=True, help="Another seed gives another split.")
@click.option(
    "--group",
    "fields",
    multiple=True,
    metavar="FIELD",
    help="Rows with the same value here stay together, as metadata.case; conversation_id, session_id, thread_id and their like are"
    " found by themselves (none: they are not).",
)
@click.option(
    "--threshold", type=float, default=90.0, show_default=True, help="From which likeness on two samples stay together."
)
@click.option("--allow-same-question", is_flag=True, help="Samples that ask the same may be on both sides.")
@click.option(
    "--pilot",
    type=int,
    multiple=True,
    metavar="N",
    help="Also write a small training set; smaller ones are parts of larger ones.",
)
@click.option(
    "--stratify/--no-stratify",
    default=True,
    help="See to it that every kind of sample is in the evaluation (default on).",
)
@click.option("--from", "format_", metavar="FORMAT", help="Read every row as this format.")
@click.option("--force", is_flag=True, help="Replace the split that is in the folder.")
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def command(**options: Any) -> int:
    """Split data into training and evaluation, 80 to 20.

    No near-duplicate, no conversation and no question is on both sides. A sample's side is decided by its hash and the seed: it
    stays where it is when the data grows, unless a new sample ties its group to another one, or groups are so few that the
    share had to be forced (the manifest says how many were). Every kind of sample (script, length, system prompt, tools, turns,
    format) is in the evaluation where it can be.
    """
    from ftdata.cli.fix import show
    from ftdata.cli.progress import Progress
    from ftdata.errors import UsageError
    from ftdata.split.assign import Settings
    from ftdata.split.run import split, write_split

    if options["share"] is not None and options["eval_size"] is not None:
        raise UsageError("--eval and --eval-size are two ways to say one thing", "Use one of them.")
    settings = Settings(
        share=0.2 if options["share"] is None else options["share"], size=options["eval_size"], seed=options["seed"],
        stratify=options["stratify"], pilot=tuple(sorted(set(options["pilot"]))), questions=not options["allow_same_question"],
    )  # fmt: skip
    fields = None if not options["fields"] else () if options["fields"] == ("none",) else options["fields"]
    with Progress("reading") as reading, Progress("comparing", "pairs") as comparing:
        made = split(
            options["paths"], settings, threshold=options["threshold"], fields=fields, format=options["format_"],
            reading=reading.update, comparing=comparing.update,
        )  # fmt: skip
    manifest = write_split(made, options["output"], force=options["force"])
    show(
        [json.dumps(manifest, indent=1)]
        if options["output_format"] == "json"
        else _table(made, manifest, options["output"], found=fields is None)
    )
    return 0


def _table(made: Split, manifest: dict[str, Any], folder: str, *, found: bool) -> Iterator[str]:
    from ftdata.split.run import strata_table

    files = manifest["files"]
    train, held = files["train.jsonl"]["samples"], files["eval.jsonl"]["samples"]
    yield f"{folder}: {train:,} for training, {held:,} for evaluation ({held / (train + held):.0%})"
    yield f"  kept together: {made.groups.reasons or 'nothing had to be'}; the largest group has {manifest['groups']['largest']:,} samples"
    if found and made.groups.fields:
        yield f"  found by name: {', '.join(made.groups.fields)} (--group none leaves them out)"
    rows = list(strata_table(made))
    widest = max(len(name) for name, _, _ in rows[:_SHOWN])
    yield f"  {'stratum':<{widest}}  {'train':>9}  {'eval':>9}"
    yield from (f"  {name:<{widest}}  {count:>9,}  {other:>9,}" for name, count, other in rows[:_SHOWN])
    yield from [f"  … and {len(rows) - _SHOWN:,} more strata, in manifest.json"] * (len(rows) > _SHOWN)
    yield from (f"  pilot: {name}, {entry['samples']:,} samples" for name, entry in files.items() if name.startswith("pilot-"))
    if "dropped.jsonl" in files:
        yield f"  {files['dropped.jsonl']['samples']:,} rows hold no sample: dropped.jsonl"
    yield from (f"  note: {note}" for note in manifest["notes"])
