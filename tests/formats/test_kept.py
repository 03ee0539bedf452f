"""What a format knows and no field can say is kept, and is no extra key."""

from __future__ import annotations

import pytest

from ftdata.formats import FORMATS, detect_row, outline, parse, sample_id, shape

ASKED = {"role": "user", "content": "A knot?"}


def answer(**more):
    return parse({"messages": [ASKED, {"role": "assistant", "content": "Bowline."} | more]}, "openai-chat").messages[1]


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ({"tool_calls": None}, {"tool_calls": None}),
        ({"tool_calls": []}, {"tool_calls": []}),
        ({"function_call": None}, {"function_call": None}),
        ({"name": None}, {"name": None}),
        ({"tool_call_id": None}, {"tool_call_id": None}),
        ({"loss": None}, {"loss": None}),
        ({"weight": 1, "train": None}, {"train": None}),
        ({"weight": None, "loss": 0.5}, {"weight": None}),
        ({"reasoning_content": ""}, {"reasoning_content": ""}),
        ({"reasoning_content": "hm", "thinking": "hm"}, {"thinking": "hm"}),
        ({"reasoning_content": "hm", "reasoning": None}, {"reasoning": None}),
        ({"reasoning_content": None, "reasoning": "hm"}, {"reasoning_content": None}),
        ({"weight": None}, None),
        ({"reasoning_content": None}, None),
        ({"name": "ann", "weight": 0, "reasoning": "hm"}, None),
    ],
)
def test_a_null_or_an_empty_value_is_kept(more, kept):
    message = answer(**more)
    assert message.kept == kept
    assert message.extra == {}
    bare = {key: value for key, value in more.items() if value not in (None, "", [])}
    rows = [{"messages": [ASKED, {"role": "assistant", "content": "Bowline."} | fields]} for fields in (more, bare)]
    assert sample_id(parse(rows[0], "openai-chat")) == sample_id(parse(rows[1], "openai-chat"))


def test_what_differs_or_has_the_wrong_type_is_still_an_extra_key():
    assert answer(reasoning="a", thinking="b", tool_calls=5, function_call="f", loss=1, weight=0).extra == {
        "thinking": "b", "tool_calls": 5, "function_call": "f", "weight": 0,
    }  # fmt: skip


METADATA = [
    {"messages": [ASKED], "tool_choice": "auto", "function_call": "none"},
    {"id": "s1", "conversations": [{"from": "human", "value": "A knot?"}]},
    {"instruction": "A knot?", "context": "", "response": "Bowline.", "category": "open_qa"},
    {"topic": "rope", "input": "[|Human|] A knot?\n[|AI|] Bowline.\n[|Human|] "},
    {"id": "x", "name": "knots", "is_classification": False, "instruction": "?", "instances": [{"input": "", "output": "x"}]},
    {"type": "TEXT", "mask": "User", "conversations": [{"from": "User", "value": "A knot?"}]},
    {"contents": [{"role": "user", "parts": [{"text": "A knot?"}]}], "generationConfig": {"temperature": 0}},
    {"messages": [{"role": "tool_call", "content": "{}"}], "channel": "web", "objects": {"bbox": []}, "label": 1.0},
]


@pytest.mark.parametrize("row", METADATA, ids=detect_row)
def test_metadata_that_the_format_knows_is_kept(row):
    sample = parse(row, detect_row(row))
    metadata = FORMATS[sample.format].metadata
    assert sample.kept == {key: value for key, value in row.items() if key in metadata} != {}
    assert sample.extra == {}
    bare = {key: value for key, value in row.items() if key not in metadata}
    assert sample_id(sample) == sample_id(parse(bare, sample.format))


def test_what_is_kept_is_not_in_the_outline():
    row = {"id": "s1", "conversations": [{"from": "human", "value": "x", "name": None}]}
    sample = parse(row, "sharegpt")
    drawn = outline(sample)
    assert (sample.kept, sample.messages[0].kept) == ({"id": "s1"}, {"name": None})
    assert (drawn.kept, drawn.messages[0].kept) == (None, None)
    assert shape(drawn) == shape(sample)


@pytest.mark.parametrize(
    "row",
    [
        {"conversations": [{"from": "human", "value": "x"}], "parallel_tool_calls": False},
        {"prompt": [ASKED], "completion": [ASKED], "images": ["a.png"], "parallel_tool_calls": False},
        {"chosen": [ASKED], "rejected": [ASKED], "videos": ["a.mp4"], "parallel_tool_calls": False},
        {"query": "x", "response": "y", "audios": ["a.wav"]},
    ],
    ids=detect_row,
)
def test_what_has_a_field_is_no_extra_key(row):
    sample = parse(row, detect_row(row))
    assert sample.extra == {}
    assert sample.parallel_tool_calls is row.get("parallel_tool_calls")
    assert sum(map(len, sample.media.values())) == len({"images", "videos", "audios"} & row.keys())


def test_a_setting_beside_a_preference_stays_an_extra_key():
    row = {"input": {"messages": [ASKED], "parallel_tool_calls": True}, "preferred_output": [], "non_preferred_output": []}
    sample = parse(row | {"parallel_tool_calls": 5}, "openai-dpo")
    assert (sample.parallel_tool_calls, sample.extra) == (True, {"parallel_tool_calls": 5})
