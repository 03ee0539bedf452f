"""Every text rule on long texts of one pattern: nothing crashes, and nothing takes quadratic time, which would be felt."""

from __future__ import annotations

import pytest

import ftdata.checks  # noqa: F401
from ftdata.rule import RULES

PATTERNS = (
    "( [ </think> <think> \\n &amp; User: {{ {{a <% ${ ?? Ã© ì• 鐨 token= sk- password: ://a:b@ 0- 1234- é \\u00e9 ' * $ $$ ~ %( A 如果 。 @a. "
    "[insert as_an_ai =C3=A9 &# 1+1= ` ~~~ ``` - 요. 한 ha 가나다라마바사 \u200b \ufffd"
).split()  # fmt: skip


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if rule.scope == "text"], ids=lambda rule: rule.name)
def test_a_text_of_one_pattern_costs_no_more_than_its_length(rule):
    for pattern in (*PATTERNS, " \n", "\n ", "a ", "```\n", "User:\n", "I am ", "My name is A"):
        for text in (pattern * (20_000 // len(pattern)), "a" * 1000 + f"{pattern} " * 3000):
            for spot in rule.check(text, dict(rule.params)):
                assert 0 <= spot.start < spot.end <= len(text)
