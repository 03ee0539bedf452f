"""``ftdata chat``: talk to a trained model, line by line."""

from __future__ import annotations

import contextlib
import queue
import signal
import sys
import threading
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
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    code = 0
    with Presses(terminal) as presses:
        if terminal:
            show([f"{speaker.name}: {HELP}"])
        for line in _typed(presses) if terminal else _piped(source):
            if line in ("/quit", "/exit"):
                break
            if line == "/reset":
                turns = [*first]
                if terminal:
                    show(["(forgotten)"])
            elif line.startswith("/") and " " not in line:
                show([f"{line}: {HELP}"], error=True)
            elif line:
                asked = [*turns, {"role": "user", "content": line}]
                try:
                    answer = _answer(speaker, asked, presses)
                except FtdataError as error:
                    show([f"error: {error.message}", *([f"  help: {error.hint}"] if error.hint else [])], error=True)
                    if not terminal:
                        code = error.exit_code
                        break
                else:
                    # Stopped before its first word, nothing was said.
                    if answer is not None:
                        turns = [*asked, {"role": "assistant", "content": answer}]
    return code


class Presses:
    """Ctrl-C on a terminal while people talk: it interrupts the prompt, and is otherwise only counted, for the answer to look at.

    An exception that may arrive anywhere leaves half-done things behind (a stream without its encoder, a lock that is
    held). Ctrl-C three times during one answer ends the program all the same.
    """

    def __init__(self, active: bool) -> None:
        self._active = active and threading.current_thread() is threading.main_thread()
        self._before: Any = None
        self.at_prompt = False
        self.count = 0

    def __enter__(self) -> Presses:
        if self._active:
            # Also undoes what polars does: it makes the system repeat a read that a signal interrupts (2.1.0, 2026-11-23).
            self._before = signal.signal(signal.SIGINT, self._pressed)
        return self

    def __exit__(self, *_: object) -> None:
        if self._active:
            signal.signal(signal.SIGINT, self._before)

    def _pressed(self, *_: object) -> None:
        if self.at_prompt or self.count >= 2:
            self.at_prompt = False
            raise KeyboardInterrupt
        self.count += 1


def _piped(source: TextIO) -> Iterator[str]:
    if hasattr(source, "reconfigure"):
        source.reconfigure(errors="replace")
    for line in source:
        yield line.strip()


def _typed(presses: Presses) -> Iterator[str]:
    """What is asked, until Ctrl-D. Ctrl-C at the prompt takes the line back."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (gives input() its history and editing)
    while True:
        presses.count = 0
        try:
            presses.at_prompt = True
            line = input("> ").strip()
            presses.at_prompt = False
        except KeyboardInterrupt:
            sys.stdout.write("\n")
        except (EOFError, UnicodeDecodeError):
            presses.at_prompt = False
            sys.stdout.write("\n")
            return
        else:
            yield line


def _answer(speaker: Speaker, turns: Turns, presses: Presses) -> str | None:
    """Print an answer while it is written. Returns what was said of it, ``None`` where Ctrl-C came before the first word.

    It is read on another thread: this one waits for pieces and for Ctrl-C.
    """
    pieces: queue.Queue[str | BaseException | None] = queue.Queue()
    stopped = threading.Event()
    reader = threading.Thread(target=_read, args=(speaker, turns, pieces, stopped), daemon=True, name="ftdata reader")
    reader.start()
    said: list[str] = []
    fault: BaseException | None = None
    while not presses.count:
        try:
            piece = pieces.get(timeout=0.1)
        except queue.Empty:
            continue
        if not isinstance(piece, str):
            fault = piece
            break
        said.append(piece)
        sys.stdout.write(shown(piece))
        sys.stdout.flush()
    stopped.set()
    if presses.count:
        sys.stdout.write(" ^C")
        sys.stdout.flush()
    # A model computes one answer at a time; a service may take its time to end what nobody listens to.
    while speaker.one_at_a_time and reader.is_alive():
        reader.join(0.1)
    if fault is None or said:
        sys.stdout.write("\n")
        sys.stdout.flush()
    if fault is not None:
        raise fault
    return "".join(said) if said or not presses.count else None


def _read(speaker: Speaker, turns: Turns, pieces: queue.Queue[str | BaseException | None], stopped: threading.Event) -> None:
    try:
        with contextlib.closing(speaker.stream(turns, stopped)) as stream:
            for piece in stream:
                if stopped.is_set():
                    return
                pieces.put(piece)
        pieces.put(None)
    except BaseException as error:
        pieces.put(error)


def shown(piece: str) -> str:
    """A piece of an answer without anything in it that acts on a terminal; line breaks and tabs stay."""
    from ftdata.report.escape import escape

    # The letter in front keeps a piece from being taken for the beginning of a line.
    return "\n".join("\t".join(escape("x" + cell)[1:] for cell in line.split("\t")) for line in piece.split("\n"))
