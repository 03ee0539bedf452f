"""The Jaccard search against every pair of shingle sets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near_texts import SCRIPTS, families, sentences

from ftdata.dedupe.search import find_pairs
from ftdata.dedupe.shingles import jaccard, shingles_of
from ftdata.errors import UsageError

KERNELS = ["numba", "numpy"]
THRESHOLDS = st.one_of(st.sampled_from([0.5, 0.6, 2 / 3, 0.7, 0.75, 0.8, 0.9, 1.0]), st.floats(0.5, 1))


@pytest.fixture(autouse=True, scope="module")
def compiled():
    pytest.importorskip("numba", reason="the compiled join needs ftdata[fast]")


@st.composite
def written(draw):
    """Texts of few different words, with odd white space between them."""
    words = draw(st.sampled_from([["a", "b", "c"], ["de", "la", "son", "que", "y"], ["가", "나다", "라"], ["😀", "\ud800"]]))
    between = st.sampled_from([" ", " ", " ", "  ", "\n", "\u00a0", "\x1c"])
    base = draw(st.lists(st.sampled_from(words), max_size=14))
    texts = []
    for _ in range(draw(st.integers(0, 14))):
        place, more = draw(st.integers(0, 14)), draw(st.lists(st.sampled_from(words), max_size=2))
        edited = base[:place] + more + base[place + draw(st.integers(0, 1)) :]
        texts.append("".join(word + draw(between) for word in edited))
    return texts


def every_pair(texts, threshold, size, unit, others=None):
    right = texts if others is None else others
    return [
        (i, j, score)
        for i, a in enumerate(texts)
        for j, b in enumerate(right)
        if (others is not None or i < j) and (score := jaccard(a, b, size, unit)) >= threshold
    ]


def rows(pairs):
    return list(zip(*(part.tolist() for part in pairs.expanded(1.0)), strict=True))


@pytest.mark.parametrize("kernel", KERNELS)
@given(
    texts=st.one_of(written(), families(longest=40)),
    threshold=THRESHOLDS,
    size=st.integers(1, 5),
    unit=st.sampled_from(["word", "character"]),
)
@settings(max_examples=150, deadline=None)
def test_every_pair_at_or_above_the_threshold_is_found_and_no_other(kernel, texts, threshold, size, unit):
    found = find_pairs(texts, threshold, "jaccard", size=size, unit=unit, kernel=kernel)
    assert rows(found) == every_pair(texts, threshold, size, unit)


@pytest.mark.parametrize("kernel", KERNELS)
@given(texts=written(), cut=st.integers(0, 14), threshold=THRESHOLDS, size=st.integers(1, 3))
@settings(max_examples=80, deadline=None)
def test_pairs_against_a_base_are_those_of_every_new_row_with_every_base_row(kernel, texts, cut, threshold, size):
    new, base = texts[:cut], texts[cut:]
    found = find_pairs(new, threshold, "jaccard", against=base, size=size, kernel=kernel)
    assert rows(found) == every_pair(new, threshold, size, "word", base)


@pytest.mark.parametrize("kernel", KERNELS)
def test_short_unlike_texts_are_no_duplicates(kernel):
    """Shorter than a shingle: peers merge all of these."""
    assert len(find_pairs(["yes", "no", "maybe so", "", "yes please"], 0.5, "jaccard", kernel=kernel)) == 0


def test_a_text_shorter_than_the_shingle_is_one_shingle():
    assert shingles_of("two words", 5, "word") == {"two words"}
    assert shingles_of("abc", 5, "character") == {"abc"}
    assert shingles_of(" \n", 5, "word") == set()


@pytest.mark.parametrize("kernel", KERNELS)
def test_empty_texts_match_each_other_and_nothing_else(kernel):
    assert rows(find_pairs(["", "a", " ", "\n"], 0.5, "jaccard", kernel=kernel)) == [(0, 2, 1.0), (0, 3, 1.0), (2, 3, 1.0)]


@pytest.mark.parametrize("kernel", KERNELS)
def test_reordered_sentences_are_near_duplicates(kernel):
    a, b = sentences(2, words=60)
    assert len(find_pairs([f"{a} {b}", f"{b} {a}"], 0.9, "jaccard", kernel=kernel)) == 1


def test_shingles_rarer_than_a_template_decide_which_pairs_are_merged():
    template = sentences(1, words=100)[0]
    texts = [f"{template} {text}" for text in sentences(400, words=200)]
    found = find_pairs(texts, 0.7, "jaccard")
    assert len(found) == 0 and found.verified == 0


def test_full_results_are_continued_where_they_stopped(monkeypatch):
    from ftdata.dedupe import jaccard_numba

    texts = [f"{sentences(1, words=40)[0]} {number}" for number in range(300)]
    want = find_pairs(texts, 0.7, "jaccard")
    monkeypatch.setattr(jaccard_numba, "_ROOM", 100)
    found = find_pairs(texts, 0.7, "jaccard")
    assert len(want) == 300 * 299 // 2 and rows(found) == rows(want)


def test_the_largest_code_point_and_every_script_can_be_hashed():
    texts = [script * 3 for script in SCRIPTS] + ["\U0010ffff" * 9]
    for unit in ("word", "character"):
        numba, numpy = (find_pairs(texts, 0.5, "jaccard", size=2, unit=unit, kernel=kernel) for kernel in KERNELS)
        assert rows(numba) == rows(numpy)


@pytest.mark.parametrize(("threshold", "size", "unit"), [(0.4, 5, "word"), (1.1, 5, "word"), (0.7, 0, "word"), (0.7, 5, "byte")])
def test_what_makes_no_sense_is_refused(threshold, size, unit):
    with pytest.raises(UsageError):
        find_pairs(["a"], threshold, "jaccard", size=size, unit=unit)
