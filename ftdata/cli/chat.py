"""``ftdata chat``: talk to a trained model, line by line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from ftdata.train.evaluate.speakers import Speaker, Turns

HELP = "/reset forgets the conversation, /quit ends (as does Ctrl-D); Ctrl-C stops an answer"


@click.command(
    "chat",
    epilog=f"Commands while talking: {HELP}. From a pipe, each line is a question. Exit codes: 0 done, 2 something cannot be used.",
)
@click.argument("run", required=False, metavar="RUN|MODEL")
@click.option("--run", "folder", metavar="FOLDER", help="The same as the argument.")
@click.option("--base", is_flag=True, help="Talk to the untuned base.")
@click.option("--system", metavar="TEXT", help="Begin with this system prompt.")
@click.option("--max-tokens", type=click.IntRange(min=1), metavar="N", help="The longest answer (default 512).")
@click.option("--temperature", type=click.FloatRange(min=0), metavar="T", help="0 (default) takes the likeliest token each time.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of the draws; without it one is chosen and printed.")
@click.option("--4bit", "four_bit", is_flag=True, help="Load the base in 4 bits.")
@click.option("--device", type=click.Choice(["cpu", "cuda", "mps"]), help="Where to compute (default: the best at hand).")
@click.option("--base-model", metavar="PATH", help="Where the base is now, if it was moved.")
def command(run: str | None, folder: str | None, **options: Any) -> int:
    """Talk to a trained model, or to its base."""
    from ftdata.errors import UsageError

    if (run is None) == (folder is None):
        raise UsageError("talk to which model?", "Name the folder of one run, or of a model.")
    speaker = _open(Path(str(run or folder)), options)
    try:
        return _talk(speaker, options["system"], sys.stdin)
    finally:
        speaker.close()


def _open(path: Path, options: dict[str, Any]) -> Speaker:
    from ftdata.train.runs import FILE, open_run

    run = open_run(path) if (path / FILE).exists() else None
    if run is not None and run.state.get("backend") == "openai":
        return _remote(run, options)
    from ftdata.cli.fix import show
    from ftdata.train.evaluate.speakers import Sampling, find_local, open_local, random_seed
    from ftdata.train.local.inference import need

    found = find_local(path, base=options["base"], base_model=options["base_model"])
    need(
        "a chat", "torch", "transformers", "tokenizers", *(["peft"] if found.adapter is not None and not options["base"] else [])
    )
    seed = options["seed"]
    if seed is None and options["temperature"]:
        seed = random_seed()
        show([f"seed {seed}"], error=True)
    sampling = Sampling(options["max_tokens"] or 512, options["temperature"] or 0.0, seed=seed)
    return open_local(found, sampling, base=options["base"], device=options["device"], four_bit=options["four_bit"])


def _remote(run: Any, options: dict[str, Any]) -> Speaker:
    from ftdata.cli.fix import show
    from ftdata.errors import UsageError
    from ftdata.train.evaluate.speakers import RemoteSpeaker, Sampling, open_client, random_seed, remote_models

    if options["four_bit"] or options["device"] or options["base_model"]:
        raise UsageError("--4bit, --device and --base-model are for a model on this machine", "Leave them out.")
    base, tuned = remote_models(run)
    seed = options["seed"]
    if seed is None and options["temperature"]:
        seed = random_seed()
        show([f"seed {seed}"], error=True)
    sampling = Sampling(options["max_tokens"] or 512, options["temperature"] or 0.0, seed=seed)
    return RemoteSpeaker(open_client(run), base if options["base"] else tuned, sampling)


def _talk(speaker: Speaker, system: str | None, source: TextIO) -> int:
    from ftdata.cli.fix import show
    from ftdata.errors import FtdataError

    terminal = source.isatty() and sys.stdout.isatty()
    first: Turns = [{"role": "system", "content": system}] if system is not None else []
    turns = [*first]
    if terminal:
        show([f"{speaker.name}: {HELP}"])
    code = 0
    for line in _lines(source, terminal):
        if line in ("/quit", "/exit"):
            break
        if line == "/reset":
            turns = [*first]
            if terminal:
                show(["(forgotten)"])
        elif line.startswith("/") and " " not in line:
            show([f"{line}: {HELP}"], error=True)
        elif line:
            known = len(turns)
            try:
                turns.append({"role": "user", "content": line})
                answer = _answer(speaker, turns)
            except FtdataError as error:
                del turns[known:]
                show([f"error: {error.message}", *([f"  help: {error.hint}"] if error.hint else [])], error=True)
                if not terminal:
                    code = error.exit_code
                    break
            except KeyboardInterrupt:
                # Before the first word: nothing was said.
                if not terminal:
                    raise
                del turns[known:]
                sys.stdout.write(" ^C\n")
            else:
                turns.append({"role": "assistant", "content": answer})
    return code


def _lines(source: TextIO, terminal: bool) -> Iterator[str]:
    """What is asked, until Ctrl-D or the end of the file. Ctrl-C at the prompt takes the line back."""
    if not terminal:
        if hasattr(source, "reconfigure"):
            source.reconfigure(errors="replace")
        for line in source:
            yield line.strip()
        return
    import contextlib
    import signal

    with contextlib.suppress(AttributeError, ValueError):
        # polars makes the system repeat a read that Ctrl-C interrupts: the prompt would not notice it.
        signal.siginterrupt(signal.SIGINT, True)
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (gives input() its history and editing)
    while True:
        try:
            yield input("> ").strip()
        except KeyboardInterrupt:
            sys.stdout.write("\n")
        except (EOFError, UnicodeDecodeError):
            sys.stdout.write("\n")
            return


def _answer(speaker: Speaker, turns: Turns) -> str:
    """Print an answer while it is written. Returns what was said of it; Ctrl-C ends it, and what was said stays said."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    said: list[str] = []
    pieces = speaker.stream(turns)
    try:
        for piece in pieces:
            said.append(piece)
            sys.stdout.write(shown(piece))
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stdout.write(" ^C")
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
        sys.stdout.write("\n")
        sys.stdout.flush()
    return "".join(said)


def shown(piece: str) -> str:
    """A piece of an answer without anything in it that acts on a terminal; line breaks and tabs stay."""
    from ftdata.report.escape import escape

    # The letter in front keeps a piece from being taken for the beginning of a line.
    return "\n".join("\t".join(escape("x" + cell)[1:] for cell in line.split("\t")) for line in piece.split("\n"))
