"""Nothing in the data acts on a terminal or in a CI log."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ftdata.report.escape import escape, escape_marked, width


@given(st.text())
def test_escaped_text_is_one_line_without_control_characters(text):
    out = escape(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in out)
    assert len(out.splitlines()) <= 1


@given(st.text())
def test_escaped_text_never_starts_a_workflow_command(text):
    out = escape(text)
    assert not out.lstrip().startswith("::")
    assert "##[" not in out


def test_terminal_escapes_and_text_direction_become_visible():
    assert escape("\x1b[31mred\x1b[0m") == "\\x1b[31mred\\x1b[0m"
    assert escape("a\u202eb") == "a\\u202eb"
    assert escape("a\nb\tc\x00") == "a\\nb\\tc\\x00"
    assert escape("::add-mask::x") == "\\x3a:add-mask::x"
    assert escape("##[error]x") == "#\\x23[error]x"


def test_korean_and_emoji_stay_as_they_are():
    for text in ("안녕하세요", "👩\u200d💻 hello", "naïve — “quoted”"):
        assert escape(text) == text


@given(st.text(), st.data())
def test_a_mark_moves_with_its_text(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    out, mark = escape_marked(text, (start, end))
    assert out[mark[0] : mark[1]] == escape(text[start:end])


def test_width_counts_terminal_cells():
    assert width("abc") == 3
    assert width("한글") == 4
    assert width("e\u0301") == 1
