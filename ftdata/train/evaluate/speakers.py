"""Who answers: a model on this machine, tuned or not, or one on a service; both take turns and give text."""

from __future__ import annotations

import contextlib
import queue
import random
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ftdata.errors import ReadError, UsageError
from ftdata.template import ModelFolder, Renderer, read_model_folder
from ftdata.train.local.inference import Answer, Loaded, Sampling, Stop, generate, load
from ftdata.train.runs import FILE, RunFolder, open_run, own_template

if TYPE_CHECKING:
    from ftdata.train.remote.client import Client

Turns = list[dict[str, Any]]


@dataclass(slots=True)
class Said:
    """An answer when it is complete. ``stopped`` says whether it ended by itself, ``None`` where a service does not say."""

    text: str
    stopped: bool | None
    tokens: int | None = None


class Speaker(Protocol):
    """What a chat and an evaluation need. ``one_at_a_time`` says that an answer must have ended before the next begins."""

    name: str
    one_at_a_time: bool

    def stream(self, turns: Turns, stopped: threading.Event | None = None) -> Generator[str]:
        """The answer to a conversation, in pieces. Closing the generator ends it; so does ``stopped``, from another thread."""
        ...

    def say(self, turns: Turns, tools: list[Any] | None = None) -> Said:
        """The whole answer."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class LocalSpeaker:
    """A model on this machine. ``base`` leaves the adapter out. A context manager is not needed; ``close`` ends the template's process."""

    one_at_a_time = True

    def __init__(
        self, loaded: Loaded, folder: ModelFolder, sampling: Sampling, *, name: str, base: bool = False, template: str | None = None
    ) -> None:  # fmt: skip
        self.loaded, self.folder, self.sampling, self.name, self.untuned = loaded, folder, sampling, name, base
        if folder.tokenizer_file is None:
            raise ReadError(f"{folder.path}: there is no tokenizer.json", "Save the tokenizer there: save_pretrained(folder).")
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(folder.tokenizer_file))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.renderer = Renderer(template, variables=folder.variables) if template is not None else Renderer(folder)
        found = (self.tokenizer.token_to_id(text) for text in folder.stop_tokens)
        self.stops = [number for number in found if number is not None]
        pad = folder.special.get("pad_token")
        self.pad = self.tokenizer.token_to_id(pad) if pad else None
        self._turn = 0

    def close(self) -> None:
        """End the process of the template."""
        self.renderer.close()

    def prompt(self, turns: Turns, tools: list[Any] | None = None) -> list[int]:
        """The tokens that the answer follows. Raises UsageError where the template refuses the conversation."""
        made = self.renderer.render(turns, tools, add_generation_prompt=True)
        if made.fault is not None:
            raise UsageError(f"the chat template cannot render this conversation: {made.fault.words}", "Try it without --system.")
        ids: list[int] = self.tokenizer.encode(made.text, add_special_tokens=False).ids
        return ids

    def say(self, turns: Turns, tools: list[Any] | None = None) -> Said:
        """The whole answer."""
        with self._model() as loaded:
            answer = generate(loaded, self.prompt(turns, tools), self.stops, self.sampling, pad=self.pad)
        return Said(self.tokenizer.decode(answer.ids, skip_special_tokens=False), answer.stopped, len(answer.ids))

    def stream(self, turns: Turns, stopped: threading.Event | None = None) -> Generator[str]:
        """The answer in pieces, as a thread of its own computes them."""
        ids = self.prompt(turns)
        tokens: queue.Queue[int | BaseException | None] = queue.Queue()
        stop = Stop(stopped)
        sampling = self.sampling
        if sampling.temperature > 0 and sampling.seed is not None:
            sampling = replace(sampling, seed=sampling.seed + self._turn)
        self._turn += 1

        def work() -> None:
            try:
                with self._model() as loaded:
                    generate(loaded, ids, self.stops, sampling, pad=self.pad, streamer=_Streamer(tokens, len(ids)), stop=stop)
                tokens.put(None)
            except BaseException as error:
                tokens.put(error)

        thread = threading.Thread(target=work, daemon=True, name="ftdata answer")
        thread.start()
        try:
            yield from self._pieces(tokens)
        finally:
            stop.set()
            thread.join()

    def _pieces(self, tokens: queue.Queue[int | BaseException | None]) -> Iterator[str]:
        """Text as soon as it is sure: a character of several tokens is held back until it is whole."""
        seen: list[int] = []
        done = 0
        while True:
            try:
                token = tokens.get(timeout=0.2)
            except queue.Empty:
                continue
            if isinstance(token, BaseException):
                raise token
            if token is not None and token not in self.stops:
                seen.append(token)
                text = self.tokenizer.decode(seen, skip_special_tokens=False)
                if text.endswith("\ufffd"):
                    continue
            else:
                text = self.tokenizer.decode(seen, skip_special_tokens=False)
            if len(text) > done:
                yield text[done:]
                done = len(text)
            if token is None:
                return

    @contextlib.contextmanager
    def _model(self) -> Iterator[Loaded]:
        if self.untuned and self.loaded.adapted:
            with self.loaded.base() as base:
                yield base
        else:
            yield self.loaded


class _Streamer:
    """What transformers calls for each token: the prompt first, which is left out."""

    def __init__(self, tokens: queue.Queue[Any], prompt: int) -> None:
        self._tokens, self._left = tokens, prompt

    def put(self, value: Any) -> None:
        """Take some tokens."""
        for number in value.reshape(-1).tolist():
            if self._left:
                self._left -= 1
            else:
                self._tokens.put(int(number))

    def end(self) -> None:
        """Nothing more comes; the thread says so itself."""


class RemoteSpeaker:
    """A model on a service. ``sampling`` goes with every question; without it the service's own settings hold."""

    one_at_a_time = False

    def __init__(self, client: Client, model: str, sampling: Sampling | None = None) -> None:
        self.client, self.name, self.sampling = client, model, sampling
        self.fixed_temperature = False

    def close(self) -> None:
        """Nothing is held."""

    def stream(self, turns: Turns, stopped: threading.Event | None = None) -> Generator[str]:
        """The answer in pieces, as the service sends them. Closing the generator ends it; ``stopped`` is heard at the next piece."""
        for piece in self._asked(lambda more: self._begun(self.client.chat_stream(self.name, turns, **more))):
            if stopped is not None and stopped.is_set():
                return
            yield piece

    def say(self, turns: Turns, tools: list[Any] | None = None) -> Said:
        """The whole answer."""
        given: dict[str, Any] = {"tools": tools} if tools else {}
        choice = self._asked(lambda more: self.client.chat(self.name, turns, **given, **more)).choices[0]
        text = choice.message.content or getattr(choice.message, "refusal", None) or ""
        return Said(text, None if choice.finish_reason is None else choice.finish_reason == "stop")

    @staticmethod
    def _begun(pieces: Iterator[str]) -> Iterator[str]:
        """The same pieces, the first one already asked for: a refusal shows itself then."""
        first = next(pieces, None)

        def rest() -> Iterator[str]:
            if first is not None:
                yield first
                yield from pieces

        return rest()

    def _asked(self, ask: Callable[[dict[str, Any]], Any]) -> Any:
        """Ask with our settings. A model that has one temperature only (reasoning models refuse 0) is asked without."""
        from ftdata.train.remote.connect import ServiceError

        try:
            return ask(self._settings())
        except ServiceError as error:
            chosen = self.sampling is None or self.sampling.temperature > 0 or self.fixed_temperature
            if chosen or error.status != 400 or "temperature" not in error.message:
                raise
            self.fixed_temperature = True
            return ask(self._settings())

    def _settings(self) -> dict[str, Any]:
        """As the API names them: OpenAI's reasoning models know ``max_completion_tokens`` alone, other servers often the old name."""
        if self.sampling is None:
            return {}
        name = "max_completion_tokens" if self.client.service.is_openai else "max_tokens"
        more: dict[str, Any] = {name: self.sampling.max_tokens}
        if not self.fixed_temperature:
            more["temperature"] = self.sampling.temperature
        if self.sampling.seed is not None:
            more["seed"] = self.sampling.seed
        return more


def remote_models(run: RunFolder) -> tuple[str, str]:
    """The names of base and tuned model of a run on a service. Raises UsageError where it is not done."""
    request = run.state.get("request")
    if not isinstance(request, dict) or not isinstance(request.get("model"), str):
        raise ReadError(f"{run / FILE}: is damaged (request)", "Restore it.")
    tuned = run.state.get("model")
    if not tuned:
        raise UsageError(
            f"{run.path}: there is no tuned model yet (state {run.state.get('state', 'unknown')})",
            f"`ftdata jobs follow {run.path}` waits for it.",
        )
    return str(run.state["request"]["model"]), str(tuned)


def open_client(run: RunFolder) -> Client:
    """A client for the service of a run."""
    from ftdata.train.remote.client import Client
    from ftdata.train.remote.run import service_of

    return Client(service_of(run))


@dataclass(frozen=True, slots=True)
class LocalModel:
    """What has to be loaded: ``weights`` a model folder, ``adapter`` for it, ``words`` the folder with template and tokenizer."""

    weights: Path
    adapter: Path | None
    words: Path
    template: str | None = None


def find_local(path: Path, *, base: bool = False, base_model: str | None = None) -> LocalModel:
    """What a run folder or a model folder holds; ``base`` asks for the untuned model. Raises ReadError or UsageError."""
    if not path.is_dir():
        raise ReadError(f"{path}: there is no such folder", "Name the folder of a run, or of a model.")
    if not (path / FILE).exists() and (path / "adapter_config.json").is_file() and (path.parent / FILE).exists():
        path = path.parent
    if (path / FILE).exists():
        return _of_run(open_run(path), base, base_model)
    if (path / "adapter_config.json").is_file():
        raise UsageError(f"{path} is an adapter without its run", "Name the folder of the run, or the merged model.")
    if not (path / "config.json").is_file():
        hint = (
            "For GGUF files: llama-cli -m model.gguf --jinja."
            if any(path.glob("*.gguf"))
            else "Name the folder of a run, or of a model."
        )
        raise ReadError(f"{path}: there is no run and no model in this folder", hint)
    if base:
        raise UsageError(f"{path} is a model, not a run: nothing says which base it has", "Leave --base out.")
    return LocalModel(path, None, path)


def _of_run(run: RunFolder, base: bool, base_model: str | None) -> LocalModel:
    from ftdata.train.export.source import check_base, open_source

    template = _template_of(run)
    source = open_source(run.path, base=base_model)
    words = source.tokenizer if read_model_folder(source.tokenizer).templates or not source.base.is_dir() else source.base
    if base and not source.adapted:
        check_base(source)
        return LocalModel(source.base, None, words, template)
    return LocalModel(source.model, source.output if source.adapted else None, words, template)


def _template_of(run: RunFolder) -> str | None:
    """The template that the run was trained with instead of the model's. Raises ReadError where its file cannot be read."""
    path = own_template(run)
    try:
        return path.read_text("utf-8") if path is not None else None
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"{path}: the template of this run cannot be read ({error})", "Put it back.") from None


def open_local(
    found: LocalModel, sampling: Sampling, *, base: bool = False, device: str | None = None, four_bit: bool = False
) -> LocalSpeaker:
    """Load a model and speak with it."""
    folder = read_model_folder(found.words)
    loaded = load(found.weights, None if base else found.adapter, device=device, four_bit=four_bit)
    return LocalSpeaker(loaded, folder, sampling, name=found.weights.name, template=found.template)


def random_seed() -> int:
    """A seed for those who named none; it is printed, so that the answer can be had again."""
    return random.SystemRandom().randrange(1 << 31)


__all__ = ["Answer", "LocalModel", "LocalSpeaker", "RemoteSpeaker", "Said", "Sampling", "Sequence", "Speaker", "Turns", "find_local",
           "open_client", "open_local", "random_seed", "remote_models"]  # fmt: skip
