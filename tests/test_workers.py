"""Worker processes: answers in the order of the questions, and errors instead of silence, with one job as with several."""

from __future__ import annotations

import os

import pytest

from ftdata.errors import InternalError
from ftdata.workers import Workers

SECOND = "operator:itemgetter"


@pytest.mark.parametrize("jobs", [1, 2])
def test_answers_come_in_the_order_of_the_pieces(jobs):
    pieces = [(number, str(number)) for number in range(40)]
    assert list(Workers(jobs, SECOND).map(1, iter(pieces))) == [(piece, piece[1]) for piece in pieces]


@pytest.mark.parametrize(("maker", "plan", "words"), [(SECOND, 7, "IndexError"), ("builtins:int", "no number", "ValueError")])
def test_what_goes_wrong_in_a_worker_is_an_error_here(maker, plan, words):
    with pytest.raises(InternalError, match=words) as caught:
        list(Workers(2, maker).map(plan, [(0, 1)]))
    assert "This is a bug in ftdata, at " in caught.value.hint


def test_a_worker_that_ends_is_an_error_here():
    with pytest.raises(InternalError, match="ended with status 3") as caught:
        list(Workers(2, "functools:partial").map(os._exit, [3]))
    assert "--jobs 1" in caught.value.hint


def test_no_more_pieces_are_in_memory_than_twice_the_jobs():
    taken = []

    def pieces():
        for number in range(30):
            taken.append(number)
            yield (number, number)

    for done, _ in enumerate(Workers(2, SECOND).map(1, pieces())):
        assert len(taken) <= done + 4


def test_workers_that_are_left_early_end():
    workers = Workers(2, SECOND)
    processes = [process._process for process in workers._processes]
    results = workers.map(1, ((number, number) for number in range(1000)))
    next(results)
    results.close()
    assert all(process.poll() is not None for process in processes)
