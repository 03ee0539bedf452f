"""What a finding shows: the right window with the right mark, and nothing private in it."""

from __future__ import annotations

import subprocess
import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ftdata
from ftdata.judge.excerpt import EXCERPT, fill, masked, shown_all, window

KEY = "AKIA" + "Q4ZTN7WJ2LMX6RBD"
TEXTS = st.text(st.sampled_from("ab 한글é😀\n."), min_size=1, max_size=400)


@given(TEXTS, st.data())
def test_a_window_holds_what_is_marked(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    shown, (left, right) = window(text, start, end)
    assert shown[left:right] and text[start:end].startswith(shown[left:right].removesuffix("…"))
    assert len(shown) <= 2 * EXCERPT + (end - start)


@given(TEXTS, TEXTS)
def test_a_secret_is_masked_wherever_the_window_cuts_it(before, after):
    text = f"{before} {KEY} {after}"
    at = text.index(KEY)
    for start in (0, at, at + 5, at + len(KEY) - 1, len(text) - 1):
        shown, (left, right) = window(text, start, min(start + 3, len(text)))
        assert KEY[4:] not in shown and KEY[8:] not in shown
        assert 0 <= left < right <= len(shown)


def test_the_mark_of_a_private_span_covers_what_stands_for_it():
    text = f"Use {KEY} there."
    shown, (left, right) = window(text, 4, 24)
    assert shown == "Use AK…(aws-access-key) there."
    assert shown[left:right] == "AK…(aws-access-key)"


def test_messages_mask_what_they_quote():
    assert fill("ends with {match}", {"match": f"key {KEY}"}, {}) == "ends with key AK…(aws-access-key)"
    assert masked("nothing private") == "nothing private"


@pytest.mark.parametrize("style", ["full", "concise", "json", "json-lines"])
def test_no_output_of_a_report_holds_a_secret(tmp_path, style):
    turns = [{"role": "user", "content": f"{KEY} 에서 멈춰요"}, {"role": "assistant", "content": f"{KEY} <|im_end|>"},
             {"role": "robot", "content": f"The key {KEY}"}]  # fmt: skip
    path = tmp_path / "set.jsonl"
    path.write_bytes(orjson.dumps({"messages": turns}) + b"\n" + orjson.dumps({"messages": turns}) + b"\n")
    done = subprocess.run(
        [sys.executable, "-m", "ftdata", "lint", str(path), "--output-format", style], capture_output=True, text=True
    )
    assert done.returncode == 1 and KEY[4:] not in done.stdout + done.stderr
    assert "FT501" in done.stdout


def test_findings_in_python_hold_no_secret(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_bytes(orjson.dumps({"messages": [{"role": "user", "content": f"The key {KEY}"}]}))
    assert KEY[4:] not in str(list(ftdata.lint(path).findings))


def test_many_texts_are_shown_as_each_by_itself():
    texts = ["train.jsonl:12", "", f"{KEY}.jsonl:3", "010-1234-5678.jsonl:4", "x" * 500, "long " * 100 + KEY]
    for many in (texts, texts * 50):
        assert shown_all(many) == [fill("{text}", {"text": text}, {}) for text in many]


def test_only_values_that_a_message_names_are_looked_at():
    class Unseen(str):
        def __getitem__(self, at):
            raise AssertionError("not asked for")

    assert fill("{a} of {b.real:>3}", {"a": "x", "b": 2.0, "c": Unseen("y")}, {"d": Unseen("z")}) == "x of 2.0"
