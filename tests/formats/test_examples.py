"""Every format is told by its row, and read as what it says; nothing of the row is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ftdata.formats import FORMATS, detect_row, parse
from ftdata.formats.registry import FORMATS as REGISTRY
from ftdata.types import Message

EXAMPLES = yaml.safe_load((Path(__file__).parent / "examples.yaml").read_text("utf-8"))
IDS = [f"{number}-{example['format']}" for number, example in enumerate(EXAMPLES)]
every = pytest.mark.parametrize("example", EXAMPLES, ids=IDS)


def said(messages):
    """Role and text of every turn; a turn without a text says None."""
    return [[m.role, m.text if m.text or isinstance(m.content, str) else None] for m in messages]


def resolve(row, pointer):
    """What a JSON pointer leads to."""
    value = row
    for part in pointer.split("/")[1:]:
        value = value[int(part)] if isinstance(value, list) else value[part.replace("~1", "/").replace("~0", "~")]
    return value


@every
def test_the_format_is_told_by_the_row(example):
    assert detect_row(example["row"]) == example["format"]


@every
def test_the_row_is_read_as_expected(example):
    sample = parse(example["row"], example["format"])
    assert said(sample.messages) == example.get("messages", [])
    assert said(sample.chosen) == example.get("chosen", [])
    assert said(sample.rejected) == example.get("rejected", [])
    calls = [call for message in sample.turns() for call in message.tool_calls]
    decoded = [[call.name, json.loads(call.arguments) if isinstance(call.arguments, str) else call.arguments] for call in calls]
    assert decoded == example.get("calls", [])
    assert sample.label == example.get("label")
    assert len(sample.tools or ()) == example.get("tools", 0)
    assert sample.media == example.get("media", {})
    assert next((m.reasoning for m in sample.messages if m.reasoning), None) == example.get("reasoning")
    assert (sample.problem is None) == ("problem" not in example)
    assert example.get("problem", "") in (sample.problem or "")


@every
def test_pointers_lead_to_the_text(example):
    row = example["row"]
    sample = parse(row, example["format"])
    for message in sample.turns():
        if example.get("verbatim", True):
            content = message.content
            if isinstance(content, str):
                assert resolve(row, message.content_pointer) == content
            elif isinstance(content, list) and content:
                assert isinstance(resolve(row, message.content_pointer), list)
        if "messages" not in row or isinstance(row["messages"], list):
            resolve(row, message.pointer)
            for call in message.tool_calls:
                assert resolve(row, call.pointer) is not None


@every
def test_every_key_of_the_row_is_known_or_kept(example):
    row = example["row"]
    sample = parse(row, example["format"])
    assert sample.keys == tuple(row)
    assert set(row) <= FORMATS[example["format"]].keys | set(sample.extra) | used(row, sample)
    if "extra" in example:
        assert sample.extra == example["extra"]
    elif "problem" in example:
        assert sample.extra == row


def used(row, sample):
    """The top-level keys that some turn comes from."""
    return {message.pointer.split("/")[1] for message in sample.turns()}


def test_every_format_has_an_example():
    assert {example["format"] for example in EXAMPLES} == set(REGISTRY)


def test_a_row_of_renamed_columns_is_read_by_the_names_given():
    row = {"ask/how": "A knot?", "say": "Bowline.", "n": 1}
    sample = parse(row, "prompt-completion", {"prompt": "ask/how", "completion": "say"})
    assert said(sample.messages) == [["user", "A knot?"], ["assistant", "Bowline."]]
    assert [resolve(row, message.content_pointer) for message in sample.messages] == ["A knot?", "Bowline."]
    assert sample.extra == {"n": 1}


def test_pointers_of_renamed_lists_lead_to_the_file():
    call = {"id": "c", "type": "function", "function": {"name": "sound", "arguments": "{}"}}
    row = {"dialogue": [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "content": "11 m"}], "defs": [{}]}
    sample = parse(row, "openai-chat-tools", {"messages": "dialogue", "tools": "defs"})
    assert resolve(row, sample.messages[0].tool_calls[0].pointer) == call
    assert resolve(row, sample.messages[1].content_pointer) == "11 m"
    assert sample.tools_key == "defs"


def test_a_column_in_the_way_of_a_renamed_one_is_kept():
    sample = parse({"prompt": "old", "ask": "new", "completion": "b"}, "prompt-completion", {"prompt": "ask"})
    assert [message.text for message in sample.messages] == ["new", "b"]
    assert sample.extra == {"prompt": "old"}


@pytest.mark.parametrize("length", [1, 511, 512, 513, 600])
def test_pointers_count_the_turns_of_long_conversations(length):
    for key, turn in (("messages", {"role": "user", "content": "x"}), ("conversations", {"from": "human", "value": "x"})):
        sample = parse({key: [turn] * length}, detect_row({key: [turn]}))
        assert [message.pointer for message in sample.messages] == [f"/{key}/{index}" for index in range(length)]


def test_extra_keys_of_turns_and_odd_turns_are_kept():
    row = {"messages": [{"role": "user", "content": "x", "mood": 3, "tool_calls": 5, "function_call": "f"}, "stray", 5, None]}
    first, *others = parse(row, "openai-chat").messages
    assert first.extra == {"mood": 3, "tool_calls": 5, "function_call": "f"}
    assert [message.content.value for message in others] == ["stray", 5, None]


def test_calls_that_differ_are_not_taken_for_a_shared_prompt():
    def side(name):
        call = {"id": "c", "type": "function", "function": {"name": name, "arguments": "{}"}}
        answer = {"role": "assistant", "content": "Done."}
        asked = {"role": "user", "content": "Go."}
        return [asked, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": "1"}, answer]

    sample = parse({"chosen": side("hoist"), "rejected": side("lower")}, "preference-implicit-conv")
    assert [m.role for m in sample.messages] == ["user"]
    assert [call.name for m in sample.rejected for call in m.tool_calls] == ["lower"]


def test_messages_by_default_share_no_containers():
    one, other = parse({"prompt": "a", "completion": "b"}, "prompt-completion").messages
    assert one.extra is not other.extra and one.tool_calls is not other.tool_calls
    assert isinstance(one, Message)
