"""Clusters: single and complete linkage, with and without the list of pairs."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near_texts import families, sentences
from rapidfuzz import fuzz

from ftdata.dedupe.cluster import complete, components
from ftdata.dedupe.pairs import Pairs, TooManyPairs
from ftdata.dedupe.search import find_clusters, find_pairs

KERNELS = ["numba", "numpy"]


@pytest.fixture(autouse=True, scope="module")
def compiled():
    pytest.importorskip("numba", reason="the compiled search needs ftdata[fast]")


def made(count, scores):
    """Pairs of `count` different rows from {(left, right): score}."""
    keys = sorted(scores)
    own = np.arange(count)
    left, right = (np.array([key[side] for key in keys], np.int64) for side in (0, 1))
    return Pairs(left, right, np.array([scores[key] for key in keys], np.float64), own, own, False, 0, 0)


@pytest.mark.parametrize("metric", ["ratio", "jaccard"])
@pytest.mark.parametrize("kernel", KERNELS)
@given(texts=families(longest=30))
@settings(max_examples=60, deadline=None)
def test_clusters_found_without_a_list_of_pairs_are_the_components_of_the_pairs(metric, kernel, texts):
    threshold = 85 if metric == "ratio" else 0.6
    found = find_clusters(texts, threshold, metric, size=2, unit="character", kernel=kernel)
    pairs = find_pairs(texts, threshold, metric, size=2, unit="character", kernel=kernel)
    assert found.label.tolist() == components(pairs).label.tolist()


def test_a_cluster_is_named_by_its_first_row_and_copies_belong_to_it():
    texts = ["no relation at all", "the same sentence", "something else", "the same sentence!", "the same sentence"]
    pairs = find_pairs(texts, 90)
    assert components(pairs).label.tolist() == complete(pairs).label.tolist() == [0, 1, 2, 1, 1]
    assert [rows.tolist() for rows in components(pairs).members()] == [[1, 3, 4]]


def test_complete_linkage_breaks_a_chain_where_the_single_one_follows_it():
    chain = made(3, {(0, 1): 92.0, (1, 2): 91.0})
    assert components(chain).label.tolist() == [0, 0, 0]
    assert complete(chain).label.tolist() == [0, 0, 2]


def test_complete_linkage_takes_the_better_pair_first_and_the_first_rows_among_equals():
    assert complete(made(3, {(0, 1): 91.0, (1, 2): 92.0})).label.tolist() == [0, 1, 1]
    assert complete(made(3, {(0, 1): 91.0, (1, 2): 91.0})).label.tolist() == [0, 0, 2]


def test_complete_linkage_goes_by_the_worst_pair_of_two_clusters():
    scores = {(0, 1): 99.0, (2, 3): 98.0, (0, 2): 90.0, (0, 3): 97.0, (1, 2): 97.0, (1, 3): 97.0, (3, 4): 95.0, (2, 4): 95.0}
    assert complete(made(5, scores)).label.tolist() == [0, 0, 2, 2, 2]


@given(texts=families(longest=20), threshold=st.integers(80, 95))
@settings(max_examples=80, deadline=None)
def test_in_a_complete_cluster_every_two_rows_are_near_duplicates(texts, threshold):
    clusters = complete(find_pairs(texts, threshold))
    for rows in clusters.members():
        assert all(fuzz.ratio(texts[a], texts[b]) >= threshold for a, b in itertools.combinations(rows.tolist(), 2))
    firsts = set(clusters.label.tolist())
    assert all(clusters.label[first] == first for first in firsts)


@pytest.mark.parametrize("metric", ["ratio", "jaccard"])
def test_an_interrupt_leaves_no_thread_behind(metric):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_pairs(sentences(3000), 0.7 if metric == "jaccard" else 80, metric, progress=interrupt)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ftdata-dedupe")]


def test_too_many_pairs_are_an_error_and_leave_no_thread_behind():
    texts = [f"{sentences(1)[0]} {number}" for number in range(500)]
    with pytest.raises(TooManyPairs, match="1,000"):
        find_pairs(texts, 80, limit=1000)
    with pytest.raises(TooManyPairs, match="4,950 pairs with all copies"):
        find_pairs(["same"] * 100, 90).expanded(100.0, limit=1000)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ftdata-dedupe")]


@pytest.mark.parametrize("metric", ["ratio", "jaccard"])
def test_progress_ends_at_all_of_the_work(metric):
    seen = []
    find_pairs(
        sentences(600), 0.7 if metric == "jaccard" else 85, metric, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == sorted(seen) and seen[-1][0] == seen[-1][1] > 0


@pytest.mark.parametrize("metric", ["ratio", "jaccard"])
def test_two_runs_do_the_same_work(metric):
    texts = [f"{text} {number}" for text in sentences(60, words=20) for number in range(30)]
    threshold = 0.7 if metric == "jaccard" else 90
    first, second = (find_clusters(texts, threshold, metric) for _ in range(2))
    assert first.verified == second.verified and (first.label == second.label).all()
