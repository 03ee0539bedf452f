"""No JSON value, however strange, makes the parse layer raise."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.formats import FORMATS, canonical, detect_row, outline, parse, sample_id, shape

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["user", "assistant", "[", "{}"])
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=8
)
KEYS = """messages conversations conversation role content from value instruction instances input output history system tools functions
    tool_calls function arguments name id type prompt completion chosen rejected label kto_tag text weight preferred_output
    non_preferred_output contents parts interactions query response question answer answers rank images chosen_messages
    rejected_messages rejected_response rejected_messages schemaVersion systemInstruction mask chat messages_display message_tree_id
    replies custom_id body human assistant column_1 column_2 generation functionCall toolUse toolResult""".split()
keyed = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4), max_leaves=12
)


def pass_through(row, name):
    """Parse a row and do everything that is done with a sample."""
    sample = parse(row, name)
    canonical(sample)
    assert len(sample_id(sample)) == 32
    hash(shape(sample))
    assert shape(outline(sample)) == shape(sample)
    return sample


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), keyed | anything, max_size=5))
def test_any_row_of_known_keys_passes(row):
    pass_through(row, detect_row(row))


@settings(max_examples=300, deadline=None)
@given(row=st.dictionaries(st.sampled_from(KEYS), keyed, max_size=5), name=st.sampled_from(sorted(FORMATS)))
def test_any_row_passes_as_any_format(row, name):
    pass_through(row, name)


@settings(max_examples=100, deadline=None)
@given(anything)
def test_a_row_that_is_no_object_is_no_sample(row):
    if not isinstance(row, dict):
        assert detect_row(row) == "unknown"
        assert parse(row, "openai-chat").problem


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400, "\ud83d", {1: 2, None: 3}, b"bytes", {"a"}], ids=repr)
def test_values_that_json_cannot_hold_pass(value):
    pass_through({"messages": [{"role": "user", "content": value, "x": value}], "y": value}, "openai-chat")


def test_deep_nesting_passes():
    deep = current = {}
    for _ in range(400):
        current["messages"] = [{"role": "user", "content": {}}]
        current = current["messages"][0]["content"]
    pass_through(deep, detect_row(deep))
