"""What is sought before a long pattern: no text that the pattern matches may be passed over."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import ftdata.checks  # noqa: F401
from ftdata.judge.literals import required, without_boundaries
from ftdata.judge.texts import TextRules
from ftdata.measure.registry import CONTENT, ROLE_NUMBER
from ftdata.rule import RULES

CASES = Path(__file__).parent.parent / "rules"
PATTERNS = {
    name: rule.hint
    for name, rule in RULES.items()
    if rule.scope == "text" and isinstance(rule.hint, str) and r"\p" not in rule.hint
}


def told(*texts):
    """Texts as a batch gives them: question, answer, question, answer …"""
    count = len(texts)
    columns = {
        "sample": [row // 2 for row in range(count)],
        "turn": [row % 2 for row in range(count)],
        "side": [0] * count,
        "slot": [CONTENT] * count,
        "role": [ROLE_NUMBER["assistant" if row % 2 else "user"] for row in range(count)],
        "trained": [row % 2 == 1 for row in range(count)],
        "text": list(texts),
    }
    return pl.DataFrame(columns)


@pytest.mark.parametrize(
    ("pattern", "text", "other"),
    [
        (r"(?:see|read) the (?:link|button) below", "read the link below", "see the link above"),
        (r"\[INST\]|<<SYS>>", "[INST] Hello", "[IN] << SYS >>"),
        (r"(?i)lorem ipsum \d+", "Lorem IPSUM 3", "lorem, ipsum"),
        (r"colou?r of [a-z]+ money", "color of new money", "colr of new money"),
        (r"(?:[^.]{0,9}(?i:wrong answer))+", "the WRONG answer", "wrong, answer"),
    ],
)
def test_literals_are_sought_first(pattern, text, other):
    found = required(pattern)
    assert found is not None
    assert re.search(found, text)
    assert not re.search(found, other)


@pytest.mark.parametrize("pattern", ["a", "[0-9]{9}", r"\w+", "the|and", "(?:abcd)?", r"(?i)\p{Lu}"])
def test_a_pattern_without_rare_literals_is_sought_as_it_is(pattern):
    assert required(pattern) is None


@pytest.mark.parametrize("name", PATTERNS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_every_text_that_a_hint_matches_holds_its_literals(name, data):
    pattern = PATTERNS[name]
    text = data.draw(st.from_regex(pattern))
    for wider in (required(pattern), without_boundaries(pattern)):
        if wider is not None:
            assert pl.Series([text.encode("utf-8", "replace").decode()]).str.contains(wider).item() or not re.search(
                pattern, text
            )


@pytest.mark.parametrize(
    ("pattern", "plain"),
    [(r"\bals\b", "als"), (r"\\b", None), (r"\\\b x", r"\\ x"), (r"[\b]", None), (r"\b{start}x", None), ("x", None)],
)
def test_only_word_boundaries_are_taken_out(pattern, plain):
    assert without_boundaries(pattern) == plain


def test_a_large_input_gets_the_findings_of_a_small_one():
    texts = []
    for path in sorted(CASES.glob("*.yaml")):
        cases = yaml.safe_load(path.read_text("utf-8"))
        for case in (*cases.get("pass", ()), *cases.get("fail", ())):
            row = case.get("row")
            turns = row.get("messages", ()) if isinstance(row, dict) else ()
            said = [turn["content"] for turn in turns if isinstance(turn, dict) and isinstance(turn.get("content"), str)]
            texts += said[: len(said) // 2 * 2]
    rules = [(number, rule, rule.params) for number, rule in enumerate(RULES.values()) if rule.scope == "text"]
    small, large = (list(TextRules(rules, many=many).hits(told(*texts))) for many in (False, True))
    assert len(small) > 50
    assert small == large


def test_a_later_stage_sees_only_what_the_ones_before_leave():
    seen = []

    def watched(texts):
        seen.extend(texts)
        return texts.str.contains("b")

    rule = RULES["refusal"]
    stages = lambda text, params: ["a", text.map_batches(watched, return_dtype=pl.Boolean)]  # noqa: E731
    changed = type(rule)(**{name: getattr(rule, name) for name in rule.__dataclass_fields__} | {"hint": stages, "roles": ()})
    list(TextRules([(0, changed, {})]).hits(told("x", "ab", "b", "ac")))
    assert seen == ["ab", "ac"]
