"""Folding texts for the keys of duplicates: the short ways give what the long way gives."""

from __future__ import annotations

import re
import unicodedata

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ftdata.measure.batch import _COMPOSABLE, _SPACES, normalise

LETTERS = st.text(st.sampled_from("aB é가각ㅎ\u1100\u1161e\u0301ﬁ①…\n\r\t\x0b\x1c \u2028\u3000\xa0 "), max_size=12)


def long_way(text):
    """Every step for every text, as it was before the short ways."""
    one = pl.Series([text]).str.normalize("NFKC").str.to_lowercase()
    folded = one.item()
    if any(space in folded for space in ("\n", "  ", "\t", "\r")) or (
        not folded.isascii() and any(space in folded for space in _SPACES)
    ):
        one = one.str.replace_many(_SPACES, [" "] * len(_SPACES)).str.replace_all("  +", " ")
    return one.str.strip_chars().item()


@given(st.lists(LETTERS, max_size=6))
def test_texts_are_folded_as_if_every_step_were_done(texts):
    assert normalise(pl.Series(texts, dtype=pl.String)).to_list() == [long_way(text) for text in texts]


def test_what_is_not_composed_is_what_nfkc_leaves_alone():
    every = "".join(chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000)
    safe = re.sub(_COMPOSABLE, "", every)
    assert len(safe) > 30_000
    assert unicodedata.is_normalized("NFKC", safe)
    assert not any(map(unicodedata.combining, safe))
