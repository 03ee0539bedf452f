"""No row, however strange and from whatever format, makes a conversion raise, or lose something silently."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.convert import WRITABLE, Details, canonical_row, openai_row, read_row, render, restore, sidecar, without
from ftdata.convert.loss import same
from ftdata.formats import FORMATS, detect_row

KEYS = """messages conversations conversation role content from value instruction instances input output history system tools functions
    tool_calls function arguments name id type prompt completion chosen rejected label kto_tag text weight preferred_output
    non_preferred_output contents parts interactions query response question answer answers rank images chosen_messages
    rejected_messages rejected_response schemaVersion systemInstruction mask chat messages_display message_tree_id tool_call_id
    replies human assistant generation functionCall functionResponse toolUse toolResult args url image_url thinking loss""".split()
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-1, 2)
    | st.sampled_from(["user", "assistant", "tool", "[", "{}", "", "<image>", "\ud83d"])
)
keyed = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4), max_leaves=12
)
ROLES = [
    "user",
    "assistant",
    "tool",
    "system",
    "model",
    "User",
    "tool_call",
    "human",
    "gpt",
    "function_call",
    "observation",
    "function",
]
turns = st.lists(
    st.builds(
        lambda key, role, text, said, more: {key: role, text: said} | more,
        st.sampled_from(["role", "role", "from"]),
        st.sampled_from(ROLES),
        st.sampled_from(["content", "content", "value", "parts", "text"]),
        keyed,
        st.just({}) | st.dictionaries(st.sampled_from(KEYS), keyed, max_size=2),
    )
    | keyed,
    min_size=1,
    max_size=3,
)
LISTS = ["messages", "conversations", "contents", "interactions", "prompt", "completion", "chosen", "rejected", "chosen_messages"]
rows = st.builds(
    lambda lists, others: others | lists,
    st.dictionaries(st.sampled_from(LISTS), turns, max_size=3),
    st.dictionaries(st.sampled_from(KEYS), keyed, max_size=3),
)


def convert(row, read_as, name, details=None):
    """Convert and check the account, as far as there is a row."""
    sample = read_row(row, read_as)
    made, losses = render(sample, name) if details is None else render(sample, name, details)
    if made is None:
        assert [loss.kind for loss in losses] == ["refused"]
        return
    back, source = openai_row(read_row(made, name)), canonical_row(sample)
    assert same(restore(back, json.loads(json.dumps(sidecar(losses)))), source)
    assert same(without(source, losses), back)


@settings(max_examples=400, deadline=None)
@given(row=rows, name=st.sampled_from(WRITABLE))
def test_any_row_of_known_keys_is_converted_or_refused(row, name):
    convert(row, detect_row(row), name)


@settings(max_examples=400, deadline=None)
@given(row=rows, read_as=st.sampled_from(sorted(FORMATS)), name=st.sampled_from(WRITABLE))
def test_any_row_read_as_any_format_is_converted_or_refused(row, read_as, name):
    convert(row, read_as, name)


@pytest.mark.parametrize("name", WRITABLE)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_details_of_any_target_make_no_difference_to_the_account(name, data):
    details = Details(
        arguments=data.draw(st.sampled_from(["text", "object"])),
        mask_key=data.draw(st.sampled_from([None, "weight", "train", "loss"])),
        system=data.draw(st.sampled_from(["keep", "system", "developer"])),
        empty=data.draw(st.sampled_from(["keep", "empty", "null", "missing"])),
        call_ids=data.draw(st.sampled_from(["keep", "9 characters", "none"])),
        reasoning_key=data.draw(st.sampled_from([None, "think", "reasoning", "thinking"])),
        tools=data.draw(st.sampled_from(["list", "text"])),
        nested=data.draw(st.booleans()),
        extra=data.draw(st.sampled_from(["keep", "drop"])),
    )
    row = data.draw(rows)
    convert(row, detect_row(row), name, details)


def nested(depth):
    """A value inside as many lists."""
    value = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("name", WRITABLE)
def test_values_nested_beyond_pythons_stack_do_not_stop_a_conversion(name):
    deep = nested(5000)
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": deep}}}
    turns = [
        {"role": "user", "content": "Hm?", "mood": deep},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "assistant", "content": "x"},
    ]
    for row in ({"messages": turns, "tools": [deep], "mood": deep}, {"messages": turns[::2], "mood": deep}):
        sample = read_row(row, "openai-chat")
        made, losses = render(sample, name)
        if made is not None:
            assert same(restore(openai_row(read_row(made, name)), sidecar(losses)), row)
