"""Fixes that move what is said to where the target reads it: calls out of texts, reasoning under another key."""

from __future__ import annotations

import json

import pytest

from ftdata.fix.engine import Fixer, plan_of

TOOL = {"type": "function", "function": {"name": "tide_at", "description": "Tide height", "parameters": {"type": "object"}}}
MADE = {"id": "call_1", "type": "function", "function": {"name": "tide_at", "arguments": "{}"}}


def turns_after(rule, row, **params):
    (fixed,) = Fixer(plan_of(rule, **params), unsafe=True).fix_rows([json.dumps(row, ensure_ascii=False).encode()])
    return fixed, json.loads(fixed.row)["messages"]


def written(text):
    """A conversation in which one call is structured and the last turn is this text."""
    turns = [
        {"role": "user", "content": "Tide at Whitby?"},
        {"role": "assistant", "content": "", "tool_calls": [MADE]},
        {"role": "tool", "tool_call_id": "call_1", "content": "4.1 m"},
        {"role": "assistant", "content": text},
    ]
    return {"messages": turns, "tools": [TOOL]}


def test_a_call_in_text_becomes_a_call_with_an_id_and_keeps_its_digits():
    block = '<tool_call>\n{"name": "tide_at", "arguments": {"depth": 1.50, "n": 12345678901234567890123, "어디": "부산"}}\n</tool_call>'
    fixed, turns = turns_after("tool-call-in-text", written(f"Once more.\n{block}"))
    (call,) = turns[3]["tool_calls"]
    assert turns[3]["content"] == "Once more." and fixed.left == []
    assert call["function"] == {
        "name": "tide_at",
        "arguments": '{"depth": 1.50, "n": 12345678901234567890123, "어디": "부산"}',
    }
    assert call["type"] == "function" and len(call["id"]) == 9 and call["id"].isalnum()
    assert turns[:3] == written("")["messages"][:3]


def test_two_calls_in_one_text_become_two_calls_with_ids_of_their_own():
    block = '<tool_call>{"name": "tide_at", "arguments": {}}</tool_call>'
    _, turns = turns_after("tool-call-in-text", written(f"{block}\n{block}"))
    assert len({call["id"] for call in turns[3]["tool_calls"]}) == 2 and turns[3]["content"] == ""


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "other", "arguments": {}}</tool_call>',
        '<tool_call>{"name": "tide_at", "arguments": "{}"}</tool_call>',
        '<tool_call>{"name": "tide_at", "arguments": {"a": NaN}}</tool_call>',
        '<tool_call>{"name": "tide_at", "arguments": {}}',
        '<tool_call>{"name": "tide_at", "arguments": {}}</tool_call> and <tool_call>',
        '<tool_call><tool_call>{"name": "tide_at", "arguments": {}}</tool_call></tool_call>',
        "<tool_call>" * 2000 + "[" * 2000,
        "<tool_call>" + "[" * 50000 + "</tool_call>",
    ],
)
def test_a_text_that_is_no_whole_call_of_a_defined_tool_is_left(text):
    fixed, turns = turns_after("tool-call-in-text", written(text))
    assert fixed.left == ["tool-call-in-text"] and not fixed.applied and turns == written(text)["messages"]


def asked(**answer):
    return {"messages": [{"role": "user", "content": "7*8?"}, {"role": "assistant", "content": "56", **answer}]}


def test_reasoning_moves_to_the_key_that_the_target_reads():
    fixed, turns = turns_after("reasoning-ignored", asked(reasoning="7*8 is 56"), keys=["reasoning_content"])
    assert turns[1] == {"role": "assistant", "content": "56", "reasoning_content": "7*8 is 56"} and fixed.left == []


@pytest.mark.parametrize("nothing", [None, ""])
def test_reasoning_takes_the_place_of_an_empty_one(nothing):
    _, turns = turns_after("reasoning-ignored", asked(thinking=nothing, reasoning="7*8 is 56"), keys=["thinking"])
    assert turns[1] == {"role": "assistant", "content": "56", "thinking": "7*8 is 56"}


def test_reasoning_is_left_where_the_target_reads_none():
    fixed, turns = turns_after("reasoning-ignored", asked(reasoning="7*8 is 56"), keys=[])
    assert turns == asked(reasoning="7*8 is 56")["messages"] and fixed.left == ["reasoning-ignored"]


def test_an_empty_tool_calls_is_taken_out_and_the_text_stays():
    fixed, turns = turns_after("empty-tool-calls", asked(tool_calls=[]))
    assert turns == asked()["messages"] and fixed.left == []
