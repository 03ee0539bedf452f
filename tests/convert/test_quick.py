"""The quick way of plain rows equals the general one, row for row."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai_rows import PHRASES, chats

from ftdata.convert.details import OPENAI, Details
from ftdata.convert.piece import Converter, Plan, Result
from ftdata.convert.quick import TARGETS, quick_way
from ftdata.types import Chunk

texts = st.sampled_from(PHRASES).filter(lambda text: "\ud83d" not in text) | st.text(st.characters(codec="utf-8"), max_size=8)
turns = st.builds(
    lambda speaker, value: {"from": speaker, "value": value},
    st.sampled_from(["human", "gpt", "system", "user", "assistant", "chatgpt", "User", "observation", "function_call", "bing"]),
    texts,
)
shares = st.builds(
    lambda turns, more: {"conversations": turns} | more,
    st.lists(turns, max_size=4),
    st.sampled_from([{}, {}, {"id": "1"}, {"id": 1}, {"tools": "[]"}, {"system": "x"}, {"kto_tag": True}]),
)
plain = st.builds(
    lambda turns: {"messages": turns},
    st.lists(
        st.builds(lambda role, text: {"role": role, "content": text}, st.sampled_from(["system", "user", "assistant"]), texts)
    ),
)


def general(row, name, details):
    """What the general way makes of a row."""
    chunk = Chunk("x", [row], [1], [0], [b""])
    made = Result()
    out = Converter(Plan(name, details))._row(row, 0, chunk, made, "jsonl")
    return out, made


@settings(max_examples=600, deadline=None)
@given(
    row=shares | plain | chats(), name=st.sampled_from(sorted(TARGETS)), wide=st.booleans(),
    details=st.sampled_from([OPENAI, Details(extra="drop", system="system"), Details(empty="empty", calls="refuse")]),
)  # fmt: skip
def test_a_row_that_goes_the_quick_way_becomes_what_the_general_way_makes_of_it(row, name, wide, details):
    try:
        raw = json.dumps(row, ensure_ascii=wide).encode()
    except UnicodeEncodeError:
        return
    quick = quick_way(name, details)
    found = quick(row, raw)
    if found is None:
        return
    out, made = general(row, name, details)
    assert [orjson.dumps(found[1])] == [line for line, _ in out]
    assert made.formats == {found[0]: 1}
    assert not made.tally.entries


def test_plain_rows_do_go_the_quick_way():
    quick = quick_way("openai-chat", OPENAI)
    row = {"id": "7", "conversations": [{"from": "human", "value": "물때?"}, {"from": "gpt", "value": "정오입니다."}]}
    assert quick(row, json.dumps(row).encode()) == (
        "sharegpt",
        {"messages": [{"role": "user", "content": "물때?"}, {"role": "assistant", "content": "정오입니다."}], "id": "7"},
    )


@pytest.mark.parametrize("details", [Details(system="developer")])
def test_a_target_that_spells_plain_turns_otherwise_has_no_quick_way(details):
    assert quick_way("openai-chat", details) is None
