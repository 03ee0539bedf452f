"""Checks and intervals of an evaluation, without any model."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.train.evaluate.checks import check, ratios
from ftdata.train.evaluate.page import differences
from ftdata.train.evaluate.statistics import compare_ratios, compare_shares


def one(answer, reference, stopped=True):
    return {name: values[0] for name, values in check([answer], [reference], [stopped]).items()}


@pytest.mark.parametrize(
    ("answer", "reference", "name", "holds"),
    [
        ('{"a": 1}', '{"a": 2}', "valid JSON", True),
        ('{"a": 1', '{"a": 2}', "valid JSON", False),
        ("plain", "plain", "valid JSON", None),
        ('{"b": 1}', '{"a": 2}', "the same keys", False),
        ('{"b": 1, "a": 3}', '{"a": 2, "b": 0}', "the same keys", True),
        ("네, 알겠습니다.", "여기에 있습니다.", "the same speech level", True),
        ("응, 알겠어.", "여기에 있습니다.", "the same speech level", False),
        ("yes", "no", "the same speech level", None),
        ("This is in English.", "이것은 한국어로 쓴 문장입니다.", "the same script", False),
        ("abcd", "abcdefgh", "about as long", True),
        ("abc", "abcdefgh", "about as long", False),
        (" same\n", "same", "word for word", True),
    ],
)
def test_a_check_holds_where_it_says_it_does(answer, reference, name, holds):
    assert one(answer, reference)[name] is holds


def test_an_answer_that_no_service_said_the_end_of_is_not_counted():
    assert one("a", "a", None)["ends by itself"] is None and one("a", "a", False)["ends by itself"] is False
    assert ratios(["ab", "x"], ["a", " "]) == [2.0]


def test_noise_is_not_called_a_difference_and_a_difference_is():
    generator = np.random.default_rng(0)
    base = generator.normal(10, 3, 200)
    assert not compare_ratios(base, base + generator.normal(0, 1, 200), np.full(200, 5.0)).sure
    found = compare_ratios(base, base - 1 + generator.normal(0, 1, 200), np.full(200, 5.0))
    assert found.sure and found.interval[0] < -0.2 < found.interval[1] < 0


def test_few_samples_get_no_interval():
    found = compare_shares([True, False, None], [False, False, True])
    assert found.count == 2 and found.interval is None and not found.sure
    assert compare_shares([None], [True]) is None
    assert compare_ratios([], [], []).count == 0


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50), st.integers(1, 40)), min_size=5, max_size=30))
@settings(max_examples=40, deadline=None)
def test_the_difference_is_that_of_the_sums_and_lies_within_what_samples_show(values):
    base, tuned, weights = ([value[at] for value in values] for at in range(3))
    found = compare_ratios(base, tuned, weights)
    assert found.value == pytest.approx((sum(tuned) - sum(base)) / sum(weights), abs=1e-9)
    single = [(y - x) / w for x, y, w in values]
    assert min(single) - 1e-6 <= found.interval[0] <= found.interval[1] <= max(single) + 1e-6


def test_the_normal_interval_of_many_samples_is_that_of_the_draws():
    generator = np.random.default_rng(1)
    base, weights = generator.normal(10, 3, 6_000), generator.integers(1, 9, 6_000).astype(float)
    tuned = base + generator.normal(-0.1, 1, 6_000)
    many, some = compare_ratios(base, tuned, weights), compare_ratios(base[:5_000], tuned[:5_000], weights[:5_000])
    widths = [entry.interval[1] - entry.interval[0] for entry in (many, some)]
    assert widths[0] * math.sqrt(6_000 / 5_000) == pytest.approx(widths[1], rel=0.1)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "\x1b[2J", "a\u202eb", '"><img src=x onerror=alert(1)>'])
def test_nothing_from_the_data_is_markup(text):
    for shown in (differences(text, "x"), differences("x", text), differences(text, text)):
        assert not set("\x1b\u202e") & set(shown)
        assert "<script" not in shown and "<img" not in shown


@given(st.text(max_size=80), st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_differences_mark_words_and_hold_no_other_markup(reference, answer):
    shown = differences(reference, answer)
    for tag in ("<ins>", "</ins>", "<del>", "</del>", '<span class="quiet">', "</span>"):
        shown = shown.replace(tag, "")
    assert "<" not in shown and ">" not in shown


def test_equal_texts_have_no_marks_and_a_long_one_takes_no_time():
    assert "<ins>" not in differences("a b c", "a b c")
    assert differences("a b c", "a x c") == "a <del>b</del><ins>x</ins> c"
    assert "<ins>" not in differences("a " * 5_000, "b " * 5_000)
