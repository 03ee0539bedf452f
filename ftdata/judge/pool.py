"""Worker processes: one Python each, fed over pipes, answers in the order of the questions.

Not ``multiprocessing``: its spawned children run the caller's main module again, so that a script which calls
``ftdata.lint`` at its top level would start itself. A worker here runs ours only, with ``-P`` so that a file
named ``polars.py`` in the working directory is never imported.
"""

from __future__ import annotations

import collections
import contextlib
import gc
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from ftdata.errors import FtdataError, InternalError
from ftdata.judge.piece import Judge, PieceResult
from ftdata.judge.plan import Plan

_LENGTH = struct.Struct("<Q")


class _Worker:
    """One child process. ``ask`` sends an object and waits for the answer."""

    def __init__(self) -> None:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        environment = os.environ | {"PYTHONPATH": path, "POLARS_MAX_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from ftdata.judge.pool import work; work()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )

    def send(self, value: Any) -> None:
        """Send an object; the worker may have died meanwhile, which ``ask`` will tell."""
        assert self.process.stdin is not None
        data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
        self.process.stdin.write(_LENGTH.pack(len(data)) + data)
        self.process.stdin.flush()

    def ask(self, value: Any) -> Any:
        """Send a piece and return its result; raises what the worker raised."""
        try:
            self.send(value)
            answer = _receive(self.process.stdout)
        except (OSError, EOFError, struct.error):
            code = self.process.wait()
            why = "was killed, probably for lack of memory" if code < 0 else f"ended with status {code}"
            raise InternalError(f"a worker process {why}", "Try again with --jobs 1.") from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def stop(self) -> None:
        """End the process; it holds nothing that needs saving."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue


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
    """Hold the cyclic garbage collector while a piece is judged: samples have no cycles, and walking their
    millions of objects again and again took a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def work() -> None:
    """The life of a worker: a plan, then pieces until the pipe closes."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not enter the pipe
    try:
        judge = Judge(_receive(source))
        while True:
            try:
                piece = _receive(source)
                with _no_collector():
                    answer: Any = judge.judge(piece)
            except FtdataError as error:
                answer = error
            except (EOFError, struct.error):
                return
            except Exception as error:
                answer = InternalError(f"{type(error).__name__}: {error}", traceback_hint(error))
            data = pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
            sink.write(_LENGTH.pack(len(data)) + data)
            sink.flush()
    except (BrokenPipeError, KeyboardInterrupt, EOFError, struct.error):
        return


def traceback_hint(error: BaseException) -> str:
    """Name where one of our own errors was raised, for the report that the user is asked to send."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    place = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-4:]))
    return f"This is a bug in ftdata, at {place}. Please report it with the command you ran."


class Pool:
    """Worker processes that start at once, so that they load their libraries while the parent still plans.

    With one job there is no process: everything happens in this one.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._workers = [_Worker() for _ in range(jobs)] if jobs > 1 else []

    def judge_all(self, plan: Plan, pieces: Iterable[Any]) -> Iterator[tuple[Any, PieceResult]]:
        """Judge every piece and yield (piece, result) in the order of the pieces.

        At most twice as many pieces as jobs are in memory.
        """
        if not self._workers:
            judge = Judge(plan)
            try:
                for piece in pieces:
                    with _no_collector():
                        result = judge.judge(piece)
                    yield piece, result
            finally:
                judge.close()
            return
        free: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._workers:
            with contextlib.suppress(OSError):
                worker.send(plan)
            free.put(worker)

        def ask(piece: Any) -> PieceResult:
            worker = free.get()
            try:
                result: PieceResult = worker.ask(piece)
                return result
            finally:
                free.put(worker)

        threads = ThreadPoolExecutor(self.jobs)
        waiting: collections.deque[tuple[Any, Future[PieceResult]]] = collections.deque()
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
        """End all workers; they hold nothing that needs saving."""
        for worker in self._workers:
            worker.stop()
        self._workers = []
