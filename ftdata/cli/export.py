"""``ftdata export``: from a trained run to a merged model, GGUF files, or what Ollama takes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftdata.train.export.source import Source


@click.command(
    "export",
    epilog="Exit codes: 0 written and proven, 1 it did not prove to be the same model and nothing is kept, 2 something cannot be used.",
)
@click.argument("run", metavar="RUN")
@click.option("-o", "--output", required=True, metavar="FOLDER", help="Where it goes: a folder that is not there yet.")
@click.option("--merge", "kind", flag_value="merge", help="One model: the adapter merged into the 16-bit base.")
@click.option("--gguf", "kind", flag_value="gguf", help="GGUF files for llama.cpp: the base and its adapter.")
@click.option("--ollama", "kind", flag_value="ollama", help="GGUF files and a Modelfile for `ollama create`.")
@click.option("--merged", is_flag=True, help="With --gguf or --ollama: one GGUF of the merged model instead of base and adapter.")
@click.option("--type", "outtype", type=click.Choice(["auto", "f32", "f16", "bf16"]), default="auto", show_default=True, help="Number type of a GGUF; auto is the checkpoint's.")  # fmt: skip
@click.option("--base-model", metavar="FOLDER", help="Where the base is now, if it was moved.")
@click.option(
    "--device", type=click.Choice(["cpu", "cuda", "mps"]), help="Where the proof is computed (default: the best at hand)."
)
def command(run: str, output: str, kind: str | None, **options: Any) -> int:
    """Export a trained run. What is written is proven: its logits are those of base and adapter."""
    from ftdata.errors import UsageError
    from ftdata.train.export.source import explained, open_source

    if kind is None:
        raise UsageError("export as what?", "Add --merge, --gguf or --ollama.")
    if kind == "merge" and (options["merged"] or options["outtype"] != "auto"):
        raise UsageError("--merged and --type are for GGUF files", "Leave them out, or use --gguf.")
    from ftdata.train.local.inference import need

    source = open_source(run, base=options["base_model"])
    _check_target(Path(output))
    need("an export", "torch", "transformers", *(["peft"] if source.adapted else []), *(["gguf"] if kind != "merge" else []))
    with explained(Path(output)):
        if kind == "merge":
            return _merge(source, Path(output), options)
        return _gguf(source, Path(output), options, ollama=kind == "ollama")


def _check_target(target: Path) -> None:
    from ftdata.errors import UsageError

    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise UsageError(f"{target} is there already", "Name a folder that is not there yet with -o.")


def _say(text: str) -> None:
    from ftdata.cli.fix import show

    if sys.stderr.isatty():
        show([f"  {text} …"], error=True)


def _merge(source: Source, target: Path, options: dict[str, Any]) -> int:
    from ftdata.cli.fix import show
    from ftdata.errors import UsageError
    from ftdata.train.export.merge import merge
    from ftdata.train.export.prove import make_reference

    if not source.adapted:
        raise UsageError(
            f"{source.run.path}: all weights were trained, there is no adapter to merge", f"The model is {source.output}."
        )
    _say("computing the logits of base and adapter")
    proof = merge(source, target, make_reference(source, options["device"]), _say)
    show([*proof.lines(), f"merged model: {target}"])
    return 0


def _gguf(source: Source, target: Path, options: dict[str, Any], *, ollama: bool) -> int:
    from ftdata.cli.fix import show
    from ftdata.train.export.files import write_gguf

    made = write_gguf(
        source, target, outtype=options["outtype"], merged=options["merged"], ollama=ollama, device=options["device"], say=_say
    )
    show(made.lines)
    return 0
