"""Normal forms: each step alone, and in one order."""

from __future__ import annotations

import polars as pl
import pytest

from ftdata.dedupe.normalise import DEFAULT, STEPS, normalise
from ftdata.errors import UsageError


@pytest.mark.parametrize(
    ("step", "text", "normal"),
    [
        ("nfkc", "ｆｕｌｌ ﬁ ①", "full fi 1"),
        ("nfkc", "\u1112\u1161\u11ab", "한"),
        ("case", "ÄB İΣ", "äb i̇ς"),
        ("punctuation", "a-b, «c» 😀!", "a b   c    "),
        ("digits", "12 for ٣٤ and 5.6", "0 for 0 and 0.0"),
        ("whitespace", " \ta\u00a0\u3000b\n\n", "a b"),
    ],
)
def test_a_step_does_what_it_says_and_nothing_else(step, text, normal):
    assert normalise(pl.Series([text]), [step]).to_list() == [normal]


def test_the_order_of_the_steps_is_always_the_same():
    texts = pl.Series(["Ｂｏｏｋ a TABLE，for １２!"])
    assert normalise(texts, ["whitespace", "digits", "punctuation", "case", "nfkc"]).to_list() == ["book a table for 0"]
    assert normalise(texts, list(STEPS)).to_list() == ["book a table for 0"]


def test_by_default_punctuation_and_digits_count():
    assert normalise(pl.Series(["Table  for 2?"]), DEFAULT).to_list() == ["table for 2?"]


def test_nothing_missing_or_empty_is_lost():
    assert normalise(pl.Series([None, "", " "], dtype=pl.String), list(STEPS)).to_list() == [None, "", ""]
    assert normalise(pl.Series([], dtype=pl.String)).to_list() == []


def test_many_texts_are_normalised_in_order():
    texts = [f"Row {number}" for number in range(200_000)]
    assert normalise(pl.Series(texts), ["case"]).to_list() == [text.lower() for text in texts]


def test_an_unknown_step_is_refused_with_a_suggestion():
    with pytest.raises(UsageError, match="nfkc"):
        normalise(pl.Series(["a"]), ["nfck"])
