"""The ratio search against every pair scored by rapidfuzz."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near_texts import families, sentences
from rapidfuzz import fuzz, process

from ftdata.dedupe.search import find_pairs
from ftdata.errors import UsageError

KERNELS = ["numba", "numpy"]
THRESHOLDS = st.one_of(st.integers(80, 100), st.floats(80, 100))


@pytest.fixture(autouse=True, scope="module")
def compiled():
    pytest.importorskip("numba", reason="the compiled filters need ftdata[fast]")


def every_pair(texts, threshold, others=None):
    table = process.cdist(texts, texts if others is None else others, scorer=fuzz.ratio, dtype=np.float64)
    found = table >= threshold
    left, right = np.nonzero(np.triu(found, 1) if others is None else found)
    return list(zip(left.tolist(), right.tolist(), table[left, right].tolist(), strict=True))


def rows(pairs):
    return list(zip(*(part.tolist() for part in pairs.expanded(100.0)), strict=True))


@pytest.mark.parametrize("kernel", KERNELS)
@given(texts=families(), threshold=THRESHOLDS)
@settings(max_examples=150, deadline=None)
def test_every_pair_at_or_above_the_threshold_is_found_and_no_other(kernel, texts, threshold):
    assert rows(find_pairs(texts, threshold, kernel=kernel)) == (every_pair(texts, threshold) if texts else [])


@pytest.mark.parametrize("kernel", KERNELS)
@given(texts=families(longest=700, most=8), threshold=THRESHOLDS)
@settings(max_examples=40, deadline=None)
def test_long_texts_are_found_too(kernel, texts, threshold):
    assert rows(find_pairs(texts, threshold, kernel=kernel)) == (every_pair(texts, threshold) if texts else [])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("threshold", [80, 90, 99.5])
def test_texts_of_a_book_are_compared_like_short_ones(kernel, threshold):
    first = " ".join(sentences(700, words=12))
    assert len(first) > 1 << 15
    marked = "".join("#" if at % 97 == 0 else letter for at, letter in enumerate(first))
    turned = first[len(first) // 3 :] + first[: len(first) // 3]
    texts = [first, marked, first + "#" * (len(first) // 6), turned, "".join(reversed(first)), first[40:] + "end"]
    assert rows(find_pairs(texts, threshold, kernel=kernel)) == every_pair(texts, threshold)


@pytest.mark.parametrize("kernel", KERNELS)
@given(texts=families(), cut=st.integers(0, 25), threshold=THRESHOLDS)
@settings(max_examples=80, deadline=None)
def test_pairs_against_a_base_are_those_of_every_new_row_with_every_base_row(kernel, texts, cut, threshold):
    new, base = texts[:cut], texts[cut:]
    found = rows(find_pairs(new, threshold, against=base, kernel=kernel))
    assert found == (every_pair(new, threshold, base) if new and base else [])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("threshold", [80, 84.6, 90, 95])
def test_sketches_of_two_sizes_are_compared(kernel, threshold):
    """Texts just below and above the lengths at which the q-gram sketch doubles."""
    long = sentences(1, words=600)[0]
    texts = [long[:length] for length in (230, 250, 255, 256, 257, 300, 500, 511, 512, 513, 600, 1023, 1024, 1025, 1400, 2300)]
    assert rows(find_pairs(texts, threshold, kernel=kernel)) == every_pair(texts, threshold)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_pair_exactly_at_the_threshold_is_found(kernel):
    texts = ["a" * 95 + "b" * 5, "a" * 95 + "c" * 5]
    assert find_pairs(texts, 95, kernel=kernel).score.tolist() == [95.0]
    assert len(find_pairs(texts, np.nextafter(95, 100), kernel=kernel)) == 0


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("threshold", range(80, 100))
def test_the_score_decides_where_the_cutoff_of_rapidfuzz_rounds_otherwise(kernel, threshold):
    """With score_cutoff=93, rapidfuzz 3.14 drops a pair whose ratio it gives as 93.0."""
    texts = ["a" * threshold + "b" * (100 - threshold), "a" * threshold + "c" * (100 - threshold)]
    assert fuzz.ratio(*texts) >= threshold
    assert find_pairs(texts, threshold, kernel=kernel).score.tolist() == [fuzz.ratio(*texts)]


@pytest.mark.parametrize("kernel", KERNELS)
def test_more_of_one_character_than_a_byte_counts_hides_no_pair(kernel):
    texts = ["a" * 5000, "a" * 5400, "a" * 4990 + "b" * 10, "b" * 5000]
    assert rows(find_pairs(texts, 90, kernel=kernel)) == every_pair(texts, 90)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["", " ", "\t"], ["a"]])
def test_nothing_and_next_to_nothing_can_be_searched(kernel, texts):
    assert rows(find_pairs(texts, 80, kernel=kernel)) == (every_pair(texts, 80) if texts else [])


def test_full_results_are_continued_where_they_stopped(monkeypatch):
    from ftdata.dedupe import ratio_numba, ratio_numpy

    texts = [f"one sentence of many, with the number {number}" for number in range(700)]
    want = find_pairs(texts, 90, kernel="numba")
    monkeypatch.setattr(ratio_numba, "_ROOM", 600)
    monkeypatch.setattr(ratio_numpy, "_ROOM", 600)
    for kernel in KERNELS:
        found = find_pairs(texts, 90, kernel=kernel)
        assert (found.left == want.left).all() and (found.right == want.right).all() and (found.score == want.score).all()


def test_a_higher_threshold_needs_no_second_search():
    texts = [text + end for text in sentences(20) for end in ("", " and", " and so on")]
    again = find_pairs(texts, 95)
    first = find_pairs(texts, 85).at_least(95)
    assert first.left.tolist() == again.left.tolist() and first.right.tolist() == again.right.tolist()


@pytest.mark.parametrize("threshold", [79.9, 101, float("nan"), -1])
def test_a_threshold_outside_the_promise_is_refused(threshold):
    with pytest.raises(UsageError, match="between 80 and 100"):
        find_pairs(["a"], threshold)


def test_an_unknown_kernel_or_metric_is_refused():
    with pytest.raises(UsageError, match="no kernel"):
        find_pairs(["a"], 90, kernel="cuda")
    with pytest.raises(UsageError, match="no measure"):
        find_pairs(["a"], 90, metric="cosine")


def test_without_numba_the_numpy_filters_do_the_work(monkeypatch):
    import sys

    from ftdata.dedupe import search

    monkeypatch.setitem(sys.modules, "ftdata.dedupe.ratio_numba", None)
    assert search._kernel("ratio", "auto").__name__ == "ftdata.dedupe.ratio_numpy"
    with pytest.raises(search.MissingExtra, match="numba"):
        find_pairs(["a"], 90, kernel="numba")
