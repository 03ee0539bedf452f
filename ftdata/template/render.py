"""Render conversations through a chat template, in a process of its own that may loop, swell or die."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ftdata.errors import FtdataError, InternalError, MissingExtra
from ftdata.template.folder import ModelFolder
from ftdata.template.worker import read_frame, write_frame

FaultKind = Literal["raised", "syntax", "security", "time", "memory", "output", "recursion", "crash", "input", "given up"]
_STOPS: frozenset[str] = frozenset({"time", "memory", "crash", "output"})
_START_SECONDS = 60.0
_LARGEST_HEAD = 1 << 23
_MOST_AT_ONCE = 256
_BYTES_AT_ONCE = 1 << 20
# What a Python needs to start; all else of the environment, secrets too, stays out of the process.
_ENVIRONMENT = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "TMPDIR", "TEMP", "LANG", "LC_ALL")

Messages = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """Why a conversation could not be rendered.

    ``raised``: the template refused, or failed on the conversation; ``syntax``: it does not compile; ``security``: it
    reached for what the sandbox denies; ``time``, ``memory``, ``output``, ``recursion``: it was stopped at that limit;
    ``crash``: its process died; ``input``: the conversation holds a value that cannot be passed on; ``given up``: it
    was stopped too often to be tried again.
    """

    kind: FaultKind
    words: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """One rendering. ``spans`` are the (start, end) characters inside ``{% generation %}``, end exclusive.

    ``dates`` are what the template took from ``strftime_now``, whose today is always 2026-01-31.
    """

    text: str
    spans: tuple[tuple[int, int], ...] = ()
    fault: TemplateFault | None = None
    dates: tuple[str, ...] = ()

    @property
    def error(self) -> str | None:
        """What went wrong, in words; ``None`` where nothing did."""
        return None if self.fault is None else self.fault.words


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one rendering is of. ``variables`` are passed to the template beside the special tokens."""

    messages: Messages
    tools: list[Any] | None = None
    variables: Mapping[str, Any] | None = None


class Renderer:
    """Renders with one model's templates; use it as a context manager. Not for use by several threads at once.

    The process starts with the first rendering, and again after it had to be stopped. A rendering gets ``seconds`` of
    wall-clock time, its process ``memory`` bytes of address space (where the platform has ``resource``), its text
    ``output`` characters. After ``max_stops`` stops no further rendering is tried, so that a template that hangs
    on every sample does not hold up the run.
    """

    def __init__(
        self,
        template: str | Mapping[str, str] | ModelFolder,
        *,
        seconds: float = 2.0,
        memory: int | None = 1 << 30,
        output: int = 64 << 20,
        max_stops: int = 8,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(template, ModelFolder):
            if not template.templates:
                raise FtdataError(f"{template.path}: the model has no chat template", "Name the folder of a chat model.")
            self.templates = dict(template.templates)
            variables = template.variables | dict(variables or {})
        else:
            self.templates = {"default": template} if isinstance(template, str) else dict(template)
        self.source = "\n".join(self.templates.values())
        self._variables = dict(variables or {})
        self._seconds, self._memory, self._output = seconds, memory, output
        self._stops_left = max_stops
        self._last_stop = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog = _Watchdog()
        self.memo: dict[str, Any] = {}

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process and its watchdog; a later rendering starts them again."""
        self._stop_process()
        self._watchdog.close()

    def render(self, messages: Messages, tools: list[Any] | None = None, **variables: Any) -> Rendered:
        """Render one conversation; whatever the template does, the answer says it and comes in time."""
        return self.render_many([Conversation(messages, tools, variables)])[0]

    def render_many(self, conversations: Sequence[Conversation]) -> list[Rendered]:
        """Render conversations in order. Raises MissingExtra where jinja2 is missing or too old."""
        answers: list[Rendered] = []
        while len(answers) < len(conversations):
            if self._stops_left <= 0:
                words = f"the template had to be stopped too often and is not tried again; last: {self._last_stop}"
                answers += [Rendered("", fault=TemplateFault("given up", words))] * (len(conversations) - len(answers))
                break
            requests: list[bytes] = []
            fault = None
            for conversation in conversations[len(answers) : len(answers) + _MOST_AT_ONCE]:
                request = self._encode(conversation)
                if isinstance(request, TemplateFault):
                    fault = request
                    break
                requests.append(request)
                if sum(map(len, requests)) > _BYTES_AT_ONCE:
                    break
            if requests and not self._render_some(requests, answers):
                continue
            if fault is not None:
                answers.append(Rendered("", fault=fault))
        return answers

    def _encode(self, conversation: Conversation) -> bytes | TemplateFault:
        """Return the request for one rendering as JSON, or why there can be none."""
        name = "tool_use" if conversation.tools is not None and "tool_use" in self.templates else "default"
        if name not in self.templates:
            name = next(iter(self.templates))
        variables = self._variables | {"tools": conversation.tools, "documents": None, "add_generation_prompt": False}
        variables |= dict(conversation.variables or {}) | {"messages": conversation.messages}
        try:
            data = json.dumps({"template": name, "variables": variables}).encode("ascii")
        except (ValueError, TypeError, RecursionError) as error:
            words = f"a value cannot be passed to the template ({type(error).__name__}: {str(error)[:200]})"
            return TemplateFault("input", words)
        if len(data) > self._output:
            return TemplateFault("input", f"the conversation is too large to be rendered: {len(data):,} bytes as JSON")
        return data

    def _render_some(self, requests: list[bytes], answers: list[Rendered]) -> bool:
        """Send requests and append their answers; false where one had to be stopped and later ones are unanswered."""
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            with contextlib.suppress(OSError):  # a process that died since its last answer: the next read says so
                write_frame(process.stdin, b"[" + b",".join(requests) + b"]")
            for _ in requests:
                answer = self._read(process)
                answers.append(answer)
                if answer.fault is not None and answer.fault.kind in _STOPS:
                    self._stops_left -= 1
                    self._last_stop = answer.fault.words
                    self._stop_process()
                    return False
        except BaseException:  # Ctrl-C between question and answer: the next answer would be to this question
            self._stop_process()
            raise
        return True

    def _read(self, process: subprocess.Popen[bytes]) -> Rendered:
        assert process.stdout is not None
        try:
            with self._watchdog.watching(process, self._seconds):
                head, text = read_frame(process.stdout, _LARGEST_HEAD, 4 * self._output)
            return _rendered(head, text, self._limits())
        except (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError):
            return Rendered("", fault=self._death(process))

    def _limits(self) -> dict[str, str]:
        return {
            "memory": f"the template was stopped: it needs more than {(self._memory or self._output) >> 20:,} MiB of memory",
            "output": f"the template was stopped: it printed more than {self._output:,} characters",
            "recursion": "the template was stopped: it calls itself without end, or nests too deep",
        }

    def _death(self, process: subprocess.Popen[bytes]) -> TemplateFault:
        if self._watchdog.killed is process:
            return TemplateFault("time", f"the template was stopped: it ran for more than {self._seconds:g} seconds")
        process.kill()
        code = process.wait()
        # The worker ends itself by an alarm when its asker was away, as after Ctrl-Z.
        if code == -getattr(signal, "SIGALRM", 0):
            return TemplateFault("time", f"the template was stopped: it ran for more than {self._seconds:g} seconds")
        return TemplateFault("crash", f"the process that ran the template ended with status {code}")

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry), "PYTHONHASHSEED": "0"}
        process = self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from ftdata.template.worker import work; work()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        assert process.stdin is not None and process.stdout is not None
        setup = {"templates": self.templates, "memory": self._memory, "output": self._output, "seconds": self._seconds}
        try:
            write_frame(process.stdin, json.dumps(setup).encode())
            with self._watchdog.watching(process, _START_SECONDS):
                hello, _ = read_frame(process.stdout, _LARGEST_HEAD, 0)
        except (OSError, EOFError, ValueError) as error:
            self._stop_process()
            raise InternalError("the process that runs chat templates did not start") from error
        if hello["problem"] is not None:
            self._stop_process()
            raise MissingExtra(f"rendering a chat template needs jinja2 3.1.6 or later; jinja2 {hello['problem']}",
                               "Install it: pip install 'ftdata[template]'")  # fmt: skip
        return process

    def _stop_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()


def _rendered(head: dict[str, Any], text: str, limits: Mapping[str, str]) -> Rendered:
    if "fault" in head:
        kind = head["fault"]
        return Rendered("", fault=TemplateFault(kind, limits.get(kind) or str(head["words"])))
    spans = tuple((int(start), int(end)) for start, end in head["spans"])
    return Rendered(text, spans, None, tuple(map(str, head["dates"])))


class _Watchdog:
    """A thread that kills a process which has not answered in time: pipes have no timeout on every platform."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: tuple[subprocess.Popen[bytes], float] | None = None
        self._wakes = math.inf
        self._thread: threading.Thread | None = None
        self._closing = False
        self.killed: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def watching(self, process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
        """Kill the process unless the block ends within so many seconds."""
        deadline = time.monotonic() + seconds
        with self._changed:
            if self._thread is None:
                self._closing = False
                self._thread = threading.Thread(target=self._watch, daemon=True, name="ftdata template watchdog")
                self._thread.start()
            self._watched = (process, deadline)
            if deadline < self._wakes:  # else it looks again in time by itself, which spares a wake-up per rendering
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._watched = None

    def _watch(self) -> None:
        with self._changed:
            while not self._closing:
                deadline = math.inf
                if self._watched is not None:
                    process, deadline = self._watched
                    if deadline <= time.monotonic():
                        self.killed, self._watched = process, None
                        process.kill()
                        continue
                self._wakes = deadline
                self._changed.wait(None if deadline == math.inf else max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread, self._wakes = None, math.inf
