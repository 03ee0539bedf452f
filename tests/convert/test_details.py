"""What a target decides about a row: where its facts come from, and what they do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from test_round_trips import check, stored

from ftdata.convert import OPENAI, Details, details_for, drop_rejected, openai_row, read_row, render, restore, unpair
from ftdata.convert.turns import nine

TARGETS = Path(__file__).parents[2] / "rules" / "targets"
CALL = {"id": "call_abc", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
ROW = {
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hm?", "mood": 3},
        {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "Let me see.", "weight": 0},
        {"role": "tool", "tool_call_id": "call_abc", "content": "1"},
        {"role": "assistant", "content": "One.", "weight": 0.5, "refusal": None},
    ],
    "source": "log",
}


def target(name):
    return details_for(yaml.safe_load((TARGETS / f"{name}.yaml").read_text("utf-8")))


def written(name="openai-chat", **details):
    sample = read_row(ROW, "openai-chat-tools")
    row, losses = render(sample, name, Details(**details), row=ROW)
    assert restore(openai_row(read_row(row, name)), stored(losses)) == ROW
    return row


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai", Details(system="system", reasoning_key=None, extra="drop")),
        ("trl", Details(mask_key=None)),
        ("axolotl", Details(mask_key="training", prompt="completion")),
        ("ms-swift", Details(mask_key="loss", system="system", reasoning_key=None)),
        ("mistral", Details(system="system", call_ids="9 characters", reasoning_key=None)),
        ("llama-factory", Details(arguments="object", mask_key=None, system="system", empty="empty")),
        ("gpt-oss", Details(arguments="object", mask_key=None, empty="empty", reasoning_key="thinking")),
        ("together", Details(system="system", extra="drop", empty="empty")),
        ("nemo", Details(mask_key=None, system="system")),
    ],
)
def test_details_follow_from_a_targets_facts_and_rules(name, expected):
    assert target(name) == expected


def test_what_a_pack_says_itself_holds():
    facts = {"mask_key": "weight", "convert": {"arguments": "object", "tools": "text"}}
    assert details_for({"target": facts}) == details_for(facts) == Details(arguments="object", tools="text")
    with pytest.raises(ValueError, match="unknown detail 'argument'; known: arguments, call_ids"):
        details_for({"convert": {"argument": "object"}})


def test_without_a_target_a_row_stays_as_it_is():
    assert details_for({}) == OPENAI
    assert written() == ROW


@pytest.mark.parametrize(
    ("details", "at", "expected"),
    [
        ({"arguments": "object"}, (2, "tool_calls", 0, "function", "arguments"), {"a": 1}),
        ({"mask_key": "training"}, (2, "training"), False),
        ({"mask_key": "loss"}, (2, "loss"), False),
        ({"mask_key": "loss"}, (4, "loss_scale"), 0.5),
        ({"system": "system"}, (0, "role"), "system"),
        ({"empty": "empty"}, (2, "content"), ""),
        ({"call_ids": "9 characters"}, (2, "tool_calls", 0, "id"), nine("call_abc")),
        ({"call_ids": "9 characters"}, (3, "tool_call_id"), nine("call_abc")),
        ({"reasoning_key": "thinking"}, (2, "thinking"), "Let me see."),
        ({"reasoning_key": "think"}, (2, "content"), "<think>\nLet me see.\n</think>\n\n"),
    ],
)
def test_a_detail_puts_a_value_in_its_place(details, at, expected):
    value = written(**details)["messages"]
    for step in at:
        value = value[step]
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("details", "turn", "key"),
    [
        ({"empty": "missing"}, 2, "content"),
        ({"mask_key": None}, 2, "weight"),
        ({"mask_key": "training"}, 4, "training"),
        ({"reasoning_key": None}, 2, "reasoning_content"),
        ({"call_ids": "none"}, 3, "tool_call_id"),
        ({"extra": "drop"}, 1, "mood"),
        ({"extra": "drop"}, 4, "refusal"),
    ],
)
def test_a_detail_leaves_a_key_out(details, turn, key):
    assert key not in written(**details)["messages"][turn]


def test_keys_that_a_target_refuses_are_left_out_of_the_row():
    assert "source" not in written(extra="drop")
    assert written("sharegpt", mask_key="train")["conversations"][2] == {
        "from": "function_call", "value": '{"name": "f", "arguments": {"a": 1}}', "train": False,
    }  # fmt: skip


def test_ids_of_nine_characters_differ_and_stay_the_same():
    made = [nine(f"call_{number}") for number in range(2000)]
    assert len(set(made)) == 2000
    assert all(len(identity) == 9 and identity.isalnum() and identity.isascii() for identity in made)
    assert made[0] == nine("call_0") == "oYzI45Hmx"


def test_ids_are_made_where_there_are_none_and_results_find_their_calls():
    calls = [{"type": "function", "function": {"name": name, "arguments": "{}"}} for name in ("f", "g")]
    turns = [
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "name": "g", "content": "2"},
        {"role": "tool", "content": "1"},
    ]
    row, losses = render(read_row({"messages": turns}, "openai-chat-tools"), "openai-chat")
    assert [call["id"] for call in row["messages"][0]["tool_calls"]] == ["call_1", "call_2"]
    assert [turn["tool_call_id"] for turn in row["messages"][1:]] == ["call_2", "call_1"]
    assert {loss.kind for loss in losses} == {"rewritten"}


def test_integers_beyond_64_bits_and_the_spelling_of_arguments_survive():
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": '{"n":123456789012345678901234567890,  "x": 1e400, "n": 0.10}'},
    }
    for name in ("anthropic-tools", "sharegpt-tools-lf", "gemini", "swift-messages", "sharegpt-hermes-tools", "llamafactory-v1"):
        check(
            {
                "messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": None, "tool_calls": [call]}],
                "n": 2**80,
            },
            name,
        )


def test_the_better_answer_is_kept_and_the_worse_one_accounted_for():
    turn = {"role": "assistant", "content": "Bowline."}
    row = {
        "input": {"messages": [{"role": "user", "content": "A knot?"}]},
        "preferred_output": [turn],
        "non_preferred_output": [{**turn, "content": "Rope."}],
    }
    sample, losses = drop_rejected(read_row(row, "openai-dpo"))
    assert render(sample, "openai-chat")[0] == {"messages": [{"role": "user", "content": "A knot?"}, turn]}
    assert [(loss.where, loss.value) for loss in losses] == [("/non_preferred_output", row["non_preferred_output"])]
    good, bad = unpair(read_row(row, "openai-dpo"))
    asked = {"role": "user", "content": "A knot?"}
    assert render(good, "unpaired-kto")[0] == {"prompt": [asked], "completion": [turn], "label": True}
    assert render(bad, "alpaca-kto")[0] == {"instruction": "A knot?", "input": "", "output": "Rope.", "kto_tag": False}


def test_an_answer_labelled_bad_is_not_learnt_from():
    row = {"messages": [{"role": "user", "content": "A knot?"}, {"role": "assistant", "content": "Rope."}], "label": False}
    sample, losses = drop_rejected(read_row(row, "messages-kto"))
    assert sample is None
    assert losses[0].reason == "the answer is labelled bad"
    good, _ = drop_rejected(read_row(row | {"label": True}, "messages-kto"))
    assert render(good, "alpaca")[0] == {"instruction": "A knot?", "input": "", "output": "Rope."}
    assert drop_rejected(read_row({"text": "x"}, "text-lm"))[1] == []


def test_metadata_that_no_parser_reads_is_carried_along():
    row = {"id": "x1", "conversations": [{"from": "human", "value": "A knot?"}, {"from": "gpt", "value": "Bowline."}]}
    assert render(read_row(row, "sharegpt"), "openai-chat")[0]["id"] == "x1"
    assert render(read_row(row, "sharegpt"), "sharegpt")[0] == row
    assert json.dumps(row)
