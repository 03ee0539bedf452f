"""What a parser drops is told, and what it keeps is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ftdata.convert import canonical_row, read_row, render, unkept
from ftdata.formats import detect_row

EXAMPLES = yaml.safe_load((Path(__file__).parents[1] / "formats" / "examples.yaml").read_text("utf-8"))


def told(row):
    return [(loss.where, loss.value) for loss in unkept(row, read_row(row, detect_row(row)))]


def test_what_a_parser_drops_is_told():
    row = {"conversations": [{"from": "human", "value": "A knot?"}, {"from": "gpt", "value": "Bowline."}], "kto_tag": True}
    assert told(row | {"label": "good"}) == [("/label", "good")]


def test_what_a_result_block_says_of_itself_is_kept():
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "11 m", "is_error": True, "cache_control": {"ttl": "5m"}}
    assert told({"messages": [{"role": "user", "content": [result]}]}) == []


def test_a_branch_that_is_not_taken_is_told():
    replies = [
        {"text": "Bowline.", "role": "assistant", "rank": 0, "lang": "en"},
        {"text": "Rope.", "role": "assistant", "rank": 1},
    ]
    row = {"message_tree_id": "t1", "prompt": {"text": "A knot?", "role": "prompter", "replies": replies}}
    assert told(row) == [("/message_tree_id", "t1"), ("/prompt/replies/0/lang", "en"), ("/prompt/replies/1/text", "Rope.")]


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{at}-{example['format']}" for at, example in enumerate(EXAMPLES)])
def test_an_example_is_kept_whole(example):
    expected = {"oasst-tree": ["/message_tree_id", "/prompt/replies/0/text"]}.get(example["format"], [])
    assert [where for where, _ in told(example["row"])] == expected


def test_a_row_of_very_many_values_and_a_deep_one_are_passed_over():
    deep = "x"
    for _ in range(5000):
        deep = [deep]
    assert told({"messages": [{"role": "user", "content": "Hm?", "mood": deep}]}) == []
    assert told({"messages": [{"role": "user", "content": "Hm?"}], "numbers": list(range(30_000))}) == []


def test_nulls_of_a_chat_are_in_its_canonical_row():
    nulls = {"content": None, "tool_calls": [], "function_call": None, "reasoning_content": "", "loss_weight": None}
    turns = [{"role": "user", "content": "A knot?", "name": None}, {"role": "assistant"} | nulls]
    row = {"messages": turns, "tool_choice": "auto"}
    assert canonical_row(read_row(row, "openai-chat")) == row


def test_what_blocks_of_anthropic_say_of_themselves_arrives_at_anthropic():
    used = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    turns = [
        {"role": "user", "content": "Depth?"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "S"}, used]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "-", "is_error": True}]},
    ]
    row = {"system": "Be brief.", "messages": turns, "tools": [{"name": "f", "input_schema": {"type": "object"}}]}
    made, losses = render(read_row(row, detect_row(row)), "anthropic-tools")
    assert (made, [loss for loss in losses if loss.kind != "rewritten"]) == (row, [])
