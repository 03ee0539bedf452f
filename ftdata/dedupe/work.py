"""Pieces of work on threads, their results in order, a bounded number in flight; an interrupt leaves no thread behind."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

Piece = TypeVar("Piece")
Known = TypeVar("Known")
Result = TypeVar("Result")

IN_FLIGHT = 16  # the same on every machine: what a piece sees of earlier results must not depend on the machine

PATIENCE = 2.0


def threads() -> int:
    """Number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    pieces: deque[Piece], do: Callable[[Piece, Known], Result], known: Callable[[], Known]
) -> Generator[Result, None, None]:
    """Yield the results of `do` in the order of the pieces; pieces may be added at the front while this runs.

    `known` is called for each piece as it is started: what earlier results have taught, the same in every run. At most IN_FLIGHT
    pieces are started and not yet yielded. Close the generator when it is left early (an exception, KeyboardInterrupt): waiting pieces
    are dropped, and running ones, which cannot be stopped, are waited for PATIENCE seconds.
    """
    pool = ThreadPoolExecutor(min(threads(), IN_FLIGHT), thread_name_prefix="ftdata-dedupe")
    running: deque[Future[Result]] = deque()
    try:
        while pieces or running:
            while pieces and len(running) < IN_FLIGHT:
                running.append(pool.submit(do, pieces.popleft(), known()))
            yield running[0].result()
            running.popleft()
    finally:
        for future in running:
            future.cancel()
        pool.shutdown(wait=not wait(running, PATIENCE).not_done)


def interruptible(do: Callable[[], Result]) -> Result:
    """Do something in compiled code that looks at no signals, so that an interrupt is heard while it runs."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="ftdata-dedupe")
    future = pool.submit(do)
    try:
        return future.result()
    finally:
        pool.shutdown(wait=future.done())


def for_all(pieces: Iterable[Piece], do: Callable[[Piece], Result]) -> list[Result]:
    """Return the results of `do` for all pieces, in order."""
    return list(in_order(deque(pieces), lambda piece, _: do(piece), lambda: None))
