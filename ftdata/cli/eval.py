"""``ftdata eval``: a trained model beside its base, on data that it has not seen."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftdata.train.evaluate.compare import Comparison
    from ftdata.train.runs import RunFolder


@click.command("eval", epilog="Exit codes: 0 compared, 2 something cannot be used.")
@click.argument("run", required=False, metavar="RUN")
@click.option("--run", "folder", metavar="FOLDER", help="The same as the argument.")
@click.option(
    "--data", multiple=True, metavar="FILE", help="Compare on these files instead of what the run held back; repeatable."
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="Answer the first N samples; 0 compares losses only.",
)
@click.option("--max-tokens", type=click.IntRange(min=1), default=512, show_default=True, metavar="N", help="The longest answer.")
@click.option("--html", metavar="FILE", help="Write a page with the answers side by side.")
@click.option("--from", "format_", metavar="FORMAT", help="Read the rows of --data as this format.")
@click.option("--4bit", "four_bit", is_flag=True, help="Load the base in 4 bits, as QLoRA trained on it.")
@click.option("--device", type=click.Choice(["cpu", "cuda", "mps"]), help="Where to compute (default: the best at hand).")
@click.option("--base-model", metavar="PATH", help="Where the base is now, if it was moved.")
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def command(run: str | None, folder: str | None, **options: Any) -> int:
    """Compare a trained model with its base: losses by kind of sample, and exact checks of their answers."""
    from ftdata.errors import ReadError, UsageError
    from ftdata.train.runs import open_run

    if (run is None) == (folder is None):
        raise UsageError("evaluate which run?", "Name the folder of one run.")
    path = Path(str(run or folder))
    if not path.is_dir():
        raise ReadError(f"{path}: there is no such folder", "Name the folder that `ftdata train` wrote.")
    opened = open_run(path)
    _check_page(options["html"])
    made = _remote(opened, options) if opened.state.get("backend") == "openai" else _local(opened, options)
    return _print(made, opened, options)


def _check_page(page: str | None) -> None:
    from ftdata.errors import UsageError

    if page is not None and not Path(page).resolve().parent.is_dir():
        raise UsageError(f"--html {page}: there is no folder {Path(page).parent}", "Make it first.")


def _local(run: RunFolder, options: dict[str, Any]) -> Comparison:
    from ftdata.cli.progress import Progress
    from ftdata.template import read_model_folder
    from ftdata.train.evaluate.compare import compare, listen_local
    from ftdata.train.evaluate.items import held_back, of_files
    from ftdata.train.evaluate.speakers import Sampling, find_local, open_local
    from ftdata.train.local.inference import need

    found = find_local(run.path, base_model=options["base_model"])
    base = found if found.adapter is not None else find_local(run.path, base=True, base_model=options["base_model"])
    need("an evaluation", "torch", "transformers", "tokenizers", *(["peft"] if found.adapter is not None else []))
    from tokenizers import Tokenizer

    folder = read_model_folder(found.words)
    tokenizer = Tokenizer.from_file(str(folder.tokenizer_file))
    if options["data"]:
        items = of_files(options["data"], run, folder, tokenizer, found.template, options["format_"])
    else:
        items = held_back(run, folder, tokenizer, found.template)
    sampling = Sampling(options["max_tokens"])
    heard = []
    speaker = None
    for untuned in (True, False):
        if speaker is None or found.adapter is None:
            speaker = open_local(base if untuned else found, sampling, device=options["device"], four_bit=options["four_bit"])
        with Progress("base" if untuned else "tuned", "samples") as progress:
            heard.append(listen_local(speaker, items.items, options["limit"], base=untuned, progress=progress.update))
        if found.adapter is None:
            speaker.close()
            speaker.loaded.model = None
    assert speaker is not None
    speaker.close()
    made = compare(heard[0], heard[1], items, (str(base.weights), str(found.adapter or found.weights)), options["limit"])
    if options["four_bit"]:
        made.notes.append("the base was computed in 4 bits")
    return made


def _remote(run: RunFolder, options: dict[str, Any]) -> Comparison:
    from ftdata.cli.progress import Progress
    from ftdata.errors import UsageError
    from ftdata.train.evaluate.compare import compare, listen_remote
    from ftdata.train.evaluate.items import of_service
    from ftdata.train.evaluate.speakers import RemoteSpeaker, Sampling, open_client, remote_models

    if options["four_bit"] or options["device"] or options["base_model"]:
        raise UsageError("--4bit, --device and --base-model are for a model on this machine", "Leave them out.")
    if not options["limit"]:
        raise UsageError("--limit 0: a service tells no losses, so nothing would be compared", "Let it answer some samples.")
    names = remote_models(run)
    items = of_service(run, options["data"], options["format_"])
    client = open_client(run)
    sampling = Sampling(options["max_tokens"])
    heard = []
    for word, name in zip(("base", "tuned"), names, strict=True):
        with Progress(word, "samples") as progress:
            speaker = RemoteSpeaker(client, name, sampling)
            heard.append(listen_remote(speaker, items.items, options["limit"], progress.update))
    made = compare(heard[0], heard[1], items, names, options["limit"])
    if speaker.fixed_temperature:
        made.notes.append("the service sets the temperature of this model: asked again, it answers differently")
    made.notes.append("the models are with a service, which tells no losses of a text that it is given")
    return made


def _print(made: Comparison, run: RunFolder, options: dict[str, Any]) -> int:
    from ftdata.cli.fix import show
    from ftdata.measure.private import mask
    from ftdata.train.evaluate.table import render

    if options["html"]:
        from ftdata.train.evaluate.page import page
        from ftdata.write import write_atomically

        write_atomically(options["html"], [page(made, run.path.name).encode("utf-8", "replace")])
    if options["output_format"] == "json":
        text = json.dumps(made.facts(), ensure_ascii=False, indent=1)
        sys.stdout.write(mask(text).encode("utf-8", "replace").decode() + "\n")
        sys.stdout.flush()
        return 0
    show(render(made))
    if options["html"]:
        show([f"page: {options['html']}"])
    return 0
