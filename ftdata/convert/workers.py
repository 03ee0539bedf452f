"""Worker processes for any work on pieces of files: one Python each, fed over pipes, answers in the order of the questions.

Not ``multiprocessing``, for the reasons in ``ftdata.judge.pool``, after which this is made.
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

from ftdata.errors import FtdataError, InternalError

_LENGTH = struct.Struct("<Q")


class Workers:
    """Processes that work on pieces. ``maker`` ("module:name") is called with the plan and returns what works on a piece.

    They start at once. With one job there is no process: everything happens in this one.
    """

    def __init__(self, jobs: int, maker: str) -> None:
        self.jobs, self._maker = jobs, maker
        self._processes = [_start() for _ in range(jobs)] if jobs > 1 else []

    def map(self, plan: Any, pieces: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Work on every piece and yield (piece, result) in the order of the pieces.

        At most twice as many pieces as jobs are in memory. Raises what the work raised.
        """
        if not self._processes:
            work = _made(self._maker, plan)
            for piece in pieces:
                with _no_collector():
                    result = work(piece)
                yield piece, result
            return
        free: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for process in self._processes:
            with contextlib.suppress(OSError):
                _send(process, (self._maker, plan))
            free.put(process)

        def ask(piece: Any) -> Any:
            process = free.get()
            try:
                return _ask(process, piece)
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
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        self._processes = []


def _start() -> subprocess.Popen[bytes]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.Popen(
        [sys.executable, "-P", "-c", "from ftdata.convert.workers import live; live()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path, "POLARS_MAX_THREADS": "1"},
        start_new_session=True,
    )


def _made(maker: str, plan: Any) -> Callable[[Any], Any]:
    module, _, name = maker.partition(":")
    made: Callable[[Any], Any] = getattr(importlib.import_module(module), name)(plan)
    return made


def _send(process: subprocess.Popen[bytes], value: Any) -> None:
    assert process.stdin is not None
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    process.stdin.write(_LENGTH.pack(len(data)) + data)
    process.stdin.flush()


def _ask(process: subprocess.Popen[bytes], piece: Any) -> Any:
    try:
        _send(process, piece)
        answer = _receive(process.stdout)
    except (OSError, EOFError, struct.error):
        code = process.wait()
        why = "was killed, probably for lack of memory" if code < 0 else f"ended with status {code}"
        raise InternalError(f"a worker process {why}", "Try again with --jobs 1.") from None
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _receive(stream: Any) -> Any:
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return pickle.loads(_exactly(stream, length))


def _exactly(stream: Any, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return bytes(data)


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Hold the cyclic garbage collector while a piece is worked on: rows and samples have no cycles."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def live() -> None:
    """The life of a worker: a plan, then pieces until the pipe closes."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not enter the pipe
    try:
        work = _made(*_receive(source))
        while True:
            try:
                piece = _receive(source)
                with _no_collector():
                    answer: Any = work(piece)
            except FtdataError as error:
                answer = error
            except (EOFError, struct.error):
                return
            except Exception as error:
                answer = InternalError(f"{type(error).__name__}: {error}", _place(error))
            data = pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
            sink.write(_LENGTH.pack(len(data)) + data)
            sink.flush()
    except (BrokenPipeError, KeyboardInterrupt, EOFError, struct.error):
        return


def _place(error: BaseException) -> str:
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    place = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-4:]))
    return f"This is a bug in ftdata, at {place}. Please report it with the command you ran."
