"""Worker processes for work on pieces of files: one Python each, fed over pipes, answers in the order of the questions.

Not ``multiprocessing``: its spawned children run the caller's main module again, so that a script which calls
``ftdata.lint`` at its top level would start itself. A worker here runs ours only, with ``-P`` so that a file
named ``polars.py`` in the working directory is never imported.
"""

from __future__ import annotations

import collections
import contextlib
import gc
import importlib
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from ftdata.errors import FtdataError, InternalError, place_of

_LENGTH = struct.Struct("<Q")
_ENVIRONMENT = {"POLARS_MAX_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


class Workers:
    """Processes that work on pieces. ``maker`` ("module:name") is called with the plan and returns what is called with a piece.

    They start at once, so that they load their libraries while the parent still plans. With one job there is no process:
    everything happens in this one, and what the maker returned is closed at the end if it can be.
    """

    def __init__(self, jobs: int, maker: str) -> None:
        self.jobs, self._maker = jobs, maker
        self._processes = [_Process(maker) for _ in range(jobs)] if jobs > 1 else []

    def map(self, plan: Any, pieces: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Work on every piece and yield (piece, result) in the order of the pieces.

        At most twice as many pieces as jobs are in memory. Raises what the work raised.
        """
        if not self._processes:
            yield from _alone(self._maker, plan, pieces)
            return
        free: SimpleQueue[_Process] = SimpleQueue()
        for process in self._processes:
            with contextlib.suppress(OSError):  # it may have died meanwhile, which ``ask`` will tell
                process.send(plan)
            free.put(process)

        def ask(piece: Any) -> Any:
            process = free.get()
            try:
                return process.ask(piece)
            finally:
                free.put(process)

        threads = ThreadPoolExecutor(self.jobs)
        waiting: collections.deque[tuple[Any, Future[Any]]] = collections.deque()
        try:
            for piece in pieces:
                waiting.append((piece, threads.submit(ask, piece)))
                if len(waiting) >= 2 * self.jobs:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
            self.stop()
            threads.shutdown(wait=True, cancel_futures=True)

    def stop(self) -> None:
        """End all processes; they hold nothing that needs saving."""
        for process in self._processes:
            process.stop()
        self._processes = []


class _Process:
    """One child process. ``ask`` sends a piece and waits for the answer."""

    def __init__(self, maker: str) -> None:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", "import sys; from ftdata.workers import live; live(sys.argv[1])", maker],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | _ENVIRONMENT | {"PYTHONPATH": path},
            start_new_session=True,
        )

    def send(self, value: Any) -> None:
        """Send an object. Raises OSError where the process has ended."""
        _write(self._process.stdin, value)

    def ask(self, piece: Any) -> Any:
        """Send a piece and return its result; raises what the worker raised."""
        try:
            self.send(piece)
            answer = _read(self._process.stdout)
        except (OSError, EOFError, struct.error):
            code = self._process.wait()
            why = "was killed, probably for lack of memory" if code < 0 else f"ended with status {code}"
            raise InternalError(f"a worker process {why}", "Try again with --jobs 1.") from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _alone(maker: str, plan: Any, pieces: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    work = _find(maker)(plan)
    try:
        for piece in pieces:
            with _no_collector():
                result = work(piece)
            yield piece, result
    finally:
        close = getattr(work, "close", None)
        if close is not None:
            close()


def live(maker: str) -> None:
    """The life of a worker: a plan, then pieces until the pipe closes."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not enter the pipe
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt, EOFError, struct.error):
        make = _find(maker)
        work = _answer(make, _read(source))
        while True:
            piece = _read(source)
            with _no_collector():
                # Without what works, its error is the answer to every piece.
                answer = work if isinstance(work, FtdataError) else _answer(work, piece)
            _write(sink, answer)


def _answer(of: Callable[[Any], Any], value: Any) -> Any:
    """What a function returns, or its exception as one of ours."""
    try:
        return of(value)
    except FtdataError as error:
        return error
    except Exception as error:
        return InternalError(f"{type(error).__name__}: {error}", place_of(error))


def _find(maker: str) -> Callable[[Any], Any]:
    module, _, name = maker.partition(":")
    found: Callable[[Any], Any] = getattr(importlib.import_module(module), name)
    return found


def _write(stream: Any, value: Any) -> None:
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def _read(stream: Any) -> Any:
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return pickle.loads(_exactly(stream, length))


def _exactly(stream: Any, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return bytes(data)


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Hold the cyclic garbage collector while a piece is worked on: samples have no cycles, and walking their
    millions of objects again and again took a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
