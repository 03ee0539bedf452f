"""Sets that make a search quadratic: bounds on the pairs that reach the scorer, not on seconds."""

from __future__ import annotations

import random

import pytest
from near_texts import sentences

from ftdata.dedupe.search import find_clusters, find_pairs


@pytest.fixture(autouse=True, scope="module")
def compiled():
    pytest.importorskip("numba", reason="the compiled filters need ftdata[fast]")


def test_three_word_prompts_are_hardly_scored():
    texts = list(dict.fromkeys(sentences(5000, words=3)))
    found = find_pairs(texts, 90)
    assert found.verified <= len(found) + len(texts) // 100
    assert find_pairs(texts, 90, kernel="numpy").verified <= len(texts)


def test_one_hundred_thousand_copies_are_one_row():
    texts = ["the very same text"] * 100_000
    found = find_pairs(texts, 90)
    assert (found.verified, len(found)) == (0, 0)
    clusters = find_clusters(texts, 90)
    assert clusters.verified == 0 and not clusters.label.any()


def test_a_long_system_prompt_shared_by_all_rows_is_scored_a_few_times_per_row():
    prompt = sentences(1, words=300)[0]
    texts = [f"{prompt} {text}" for text in sentences(1500, words=4)]
    for metric, threshold in (("ratio", 90), ("jaccard", 0.7)):
        clusters = find_clusters(texts, threshold, metric)
        assert not clusters.label.any()
        assert clusters.verified <= 4 * len(texts)


def test_a_template_that_is_most_of_a_text_but_not_enough_lets_no_pair_through():
    template = sentences(1, words=60)[0]
    texts = [f"{template} {text}" for text in sentences(1000, words=30)]
    found = find_pairs(texts, 90)
    assert len(found) == 0 and found.verified == 0


@pytest.mark.parametrize("kind", ["english", "korean"])
def test_only_pairs_above_the_threshold_are_scored(kind):
    source = random.Random(3)
    texts = []
    for text in sentences(300, words=20, vocabulary=kind):
        words = text.split()
        for _ in range(4):
            edited = list(words)
            for _ in range(source.randint(0, 5)):
                edited[source.randrange(len(edited))] = source.choice(words)
            texts.append(" ".join(edited))
    found = find_pairs(texts, 90)
    assert len(found) > 100 and found.verified <= len(found) * 1.01


def test_sixty_rows_of_one_hundred_thousand_characters_are_not_scored():
    texts = sentences(60, words=18_000)
    assert min(map(len, texts)) > 90_000
    found = find_pairs(texts, 90)
    assert len(found) == 0 and found.verified == 0


def test_one_giant_cluster_is_scored_a_few_times_per_row():
    texts = [f"Write a short poem about the number {number}, please, and make it rhyme." for number in range(20_000)]
    clusters = find_clusters(texts, 90)
    assert not clusters.label.any()
    assert clusters.verified <= 4 * len(texts)
