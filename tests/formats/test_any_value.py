"""No JSON value, however strange, makes the parse layer raise."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.formats import FORMATS, canonical, detect_row, outline, parse, read_plain, sample_id, shape

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
    read_plain(row)
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


def nested(depth, wrap):
    """A value inside as many lists or objects."""
    value = "x"
    for _ in range(depth):
        value = wrap(value)
    return value


STRANGE = {
    "lists in lists": nested(500, lambda inner: [inner]),
    "objects in objects": nested(500, lambda inner: {"content": inner}),
    "messages in messages": nested(400, lambda inner: {"messages": [inner], "role": "user"}),
    "not a number": math.nan,
    "infinity": math.inf,
    "an integer of 400 digits": 10**400,
    "an integer of 5,000 digits": 10**5000,
    "a lone surrogate": "\ud83d",
    "keys that are no text": {1: 2, None: 3, 10**5000: 4},
    "bytes": b"bytes",
    "a set": {"a"},
}
EXAMPLES = yaml.safe_load((Path(__file__).parent / "examples.yaml").read_text("utf-8"))


def places(value, path=()):
    """The path of everything inside a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def put(row, path, value):
    """The row with another value at a path."""
    if not path:
        return value
    copied = row.copy()
    copied[path[0]] = put(row[path[0]], path[1:], value)
    return copied


@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE)
def test_any_strange_value_passes_at_any_place_of_any_format(value):
    for example in EXAMPLES:
        for path in places(example["row"]):
            row = put(example["row"], path, value)
            detect_row(row)
            pass_through(row, example["format"])


@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE)
def test_any_strange_value_passes_as_a_row_or_an_extra_value(value):
    assert detect_row(value) in FORMATS
    pass_through(value, "openai-chat")
    pass_through({"messages": [{"role": "user", "content": value, "x": value}], "y": value}, "openai-chat")


def test_a_row_of_keys_that_are_no_text_passes():
    for name in FORMATS:
        pass_through({1: "a", None: "b", 10**5000: "c", "messages": []}, name)


def test_rows_of_very_many_keys_are_not_remembered():
    row = {f"key{number}": number for number in range(10_000)}
    assert detect_row(row) == "unknown"
    assert len(pass_through(row, "unknown").extra) == 10_000
