"""The process in which templates run: it limits itself, then renders what comes down the pipe until it closes.

A frame is two lengths, a JSON header and a text. Nothing is pickled: what a template might do to this process, it
must not do to the one that asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import struct
import sys
from collections.abc import Iterator
from typing import IO, Any

FRAME = struct.Struct("<II")
OLDEST = (3, 1, 6)  # jinja2 before it has known ways out of the sandbox; transformers 5.23 asks for the same
LARGEST_REQUEST = 1 << 29
_GRACE = 10.0  # seconds past the limit after which the worker ends itself, should the asking process be gone


def write_frame(sink: IO[bytes], head: bytes, text: str = "") -> None:
    """Write one frame of a JSON header and a text. Raises OSError where nobody reads any more."""
    body = text.encode("utf-8", "surrogatepass")
    sink.write(FRAME.pack(len(head), len(body)) + head + body)
    sink.flush()


def read_frame(source: IO[bytes], largest_head: int, largest_body: int) -> tuple[Any, str]:
    """Return header and text of the next frame. Raises EOFError at the end, ValueError for what is no frame."""
    head_size, body_size = FRAME.unpack(_exactly(source, FRAME.size))
    if head_size > largest_head or body_size > largest_body:
        raise ValueError("a frame past its limit")
    head = json.loads(_exactly(source, head_size))
    return head, _exactly(source, body_size).decode("utf-8", "surrogatepass")


def _exactly(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise EOFError
    return data


def work() -> None:
    """The life of a worker: a setup, then batches of conversations, each answered in order."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing but frames may enter the pipe
    with contextlib.suppress(EOFError, OSError):
        setup, _ = read_frame(source, LARGEST_REQUEST, 0)
        problem = _jinja_problem()
        write_frame(sink, json.dumps({"problem": problem}).encode())
        if problem is None:
            _serve(source, sink, setup)


def _jinja_problem() -> str | None:
    try:
        import jinja2
    except ImportError:
        return "is not installed"
    version = tuple(int(part) for part in jinja2.__version__.split(".")[:3] if part.isdigit())
    return f"is {jinja2.__version__}, which has known ways out of its sandbox" if version < OLDEST else None


def _serve(source: IO[bytes], sink: IO[bytes], setup: dict[str, Any]) -> None:
    from ftdata.template.sandbox import Sandbox

    sandbox = Sandbox(setup["templates"], setup["output"])
    limit_self(setup["memory"])
    while True:
        batch, _ = read_frame(source, LARGEST_REQUEST, 0)
        for item in batch:
            random.seed(0)  # jinja2 has a filter that picks at random
            with _self_ending(setup["seconds"] + _GRACE):
                text, known = sandbox.render(item["template"], item["variables"])
            write_frame(sink, json.dumps(known).encode(), text)


def limit_self(memory: int | None) -> None:
    """Take address space past ``memory`` bytes, files, and children from this process, where the platform can."""
    try:
        import resource
    except ImportError:
        return
    limits = [("RLIMIT_CORE", 0), ("RLIMIT_FSIZE", 0), ("RLIMIT_NPROC", 0)]
    if memory is not None:
        limits.append(("RLIMIT_AS", memory))
    for name, value in limits:
        with contextlib.suppress(ValueError, OSError, AttributeError):
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (value, value))


@contextlib.contextmanager
def _self_ending(seconds: float) -> Iterator[None]:
    """End this process by a signal after so long: nobody is left to do it when the asking process was killed."""
    import signal

    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
