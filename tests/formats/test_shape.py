"""Samples have one shape exactly if they have one outline: a structural rule judges the first of a shape for all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.formats import detect_row, outline, parse, shape

texts = st.sampled_from(["", " ", "x", "y", "<think>x</think>"])
scalar = st.sampled_from([None, True, False, 0, 1, 1.0, 0.5, "", "x", "1", "a b", "k" * 70, [], {}, [1], {"a": 1}])
arguments = st.sampled_from(["{}", "", "{", {}, {"a": 1}, [], [1], None, 1, 1.0, True])
function = st.fixed_dictionaries({}, optional={"name": st.sampled_from(["f", "g", "h i", 3]), "arguments": arguments})
call = st.fixed_dictionaries(
    {},
    optional={
        "id": scalar, "type": st.sampled_from(["function", "custom", None]), "function": function | st.just("f"),
        "name": st.sampled_from(["f", "g"]), "arguments": arguments,
    },
)  # fmt: skip
part = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["text", "image_url", "input_image", "image", "odd", "reasoning", 5, "tool_use", "tool_result"]),
        "text": texts | scalar, "image_url": st.sampled_from(["http://a", "data:a", {"url": "http://a"}, {"url": "data:b"}, None]),
        "value": texts, "name": scalar, "input": arguments, "content": texts,
    },
)  # fmt: skip
content = texts | scalar | st.lists(part, max_size=2)
roles = st.sampled_from(["system", "user", "assistant", "tool", "function", "human", "r" * 65, "r" * 66, None, 5])
more = {
    "weight": scalar, "loss": scalar, "name": scalar, "tool_call_id": scalar, "reasoning_content": texts | scalar,
    "tool_calls": st.lists(call, max_size=2) | scalar, "function_call": function | scalar, "refusal": scalar, "extra": scalar,
}  # fmt: skip
message = st.one_of(
    st.fixed_dictionaries({"role": roles, "content": content}),
    st.fixed_dictionaries({}, optional={"role": roles, "content": content} | more),
    scalar,
)
top = {
    "tools": st.lists(call, max_size=2) | scalar | st.just("[{}]"),
    "label": scalar,
    "id": scalar,
    "images": scalar,
    "system": texts,
}
openai = st.fixed_dictionaries(
    {"messages": st.lists(message, max_size=2) | scalar}, optional=top | {"functions": scalar, "parallel_tool_calls": scalar}
)
speaker = st.sampled_from(["human", "gpt", "function_call", "observation", "system", "tool", "odd", 5])
value = texts | st.sampled_from(
    [
        "{}",
        "[]",
        '[{"name": "f", "arguments": {}}]',
        '{"name": "g"}',
        "<tool_call>{}</tool_call>",
        "<tools>[]</tools>",
        "<tools>[{}]</tools>",
    ]
)
sharegpt = st.fixed_dictionaries(
    {
        "conversations": st.lists(
            st.fixed_dictionaries({"from": speaker, "value": value})
            | st.fixed_dictionaries({"role": roles, "content": content})
            | message,
            max_size=2,
        )
    },
    optional=top
    | {"chosen": scalar | st.fixed_dictionaries({"from": speaker, "value": value}), "rejected": scalar, "mask": texts},
)
alpaca = st.fixed_dictionaries(
    {"instruction": texts | scalar},
    optional=top
    | {
        "input": texts | scalar, "output": texts | scalar, "history": st.lists(st.lists(texts, min_size=2, max_size=2), max_size=1) | scalar,
        "kto_tag": scalar, "chosen": content, "rejected": content,
    },
)  # fmt: skip
preference = st.fixed_dictionaries(
    {"chosen": st.lists(message, max_size=2) | content, "rejected": st.lists(message, max_size=2) | content},
    optional=top | {"prompt": st.lists(message, max_size=1) | content, "question": texts},
)
bedrock = st.fixed_dictionaries(
    {
        "schemaVersion": scalar,
        "messages": st.lists(st.fixed_dictionaries({"role": roles, "content": st.lists(part, max_size=2)}), max_size=2),
    }
)
alike = st.fixed_dictionaries(
    {"messages": st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": texts | scalar}, optional={"weight": scalar}), min_size=1, max_size=1)}
)  # fmt: skip


def both(row):
    sample = parse(row, detect_row(row))
    return shape(sample), repr(outline(sample))


def same(one, other):
    (first, drawn), (second, other_drawn) = both(one), both(other)
    assert (first == second) == (drawn == other_drawn), (drawn, other_drawn)


@settings(max_examples=700, deadline=None)
@given(st.data())
def test_shapes_are_equal_exactly_if_outlines_are(data):
    """Of a few rows with the same skeleton, every two agree in both or differ in both."""
    kind = data.draw(st.sampled_from([openai, sharegpt, alpaca, preference, bedrock, alike]))
    row = data.draw(kind)
    same(row, data.draw(kind))
    same(row, data.draw(varied(row)))


def varied(row):
    """The row with some values at its leaves replaced."""
    if isinstance(row, dict):
        return st.fixed_dictionaries({key: varied(inner) for key, inner in row.items()})
    if isinstance(row, list):
        return st.tuples(*map(varied, row)).map(list)
    return st.just(row) | st.just(row) | scalar | texts


def chat(**turn):
    return {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "x"} | turn]}


def called(call):
    return chat(tool_calls=[call])


DIFFERENT = {
    "a weight and another": (chat(weight=[1]), chat(weight=[2])),
    "a true weight and 1": (chat(weight=True), chat(weight=1)),
    "a float weight and 1": (chat(weight=1.0), chat(weight=1)),
    "a flat call and a nested one": (
        called({"id": "a", "type": "function", "name": "f", "arguments": "{}"}),
        called({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}),
    ),
    "image_url and input_image": (
        chat(content=[{"type": "image_url", "image_url": "http://a"}]), chat(content=[{"type": "input_image", "image_url": "http://a"}])
    ),
    "a blank reasoning and a text": (chat(reasoning_content=" "), chat(reasoning_content="x")),
    "a malformed number and a malformed list": (chat(content=5), chat(content=[5])),
    "roles alike for 64 letters": (chat(role="r" * 64 + "a"), chat(role="r" * 64 + "b")),
    "tools written into the text, one and two": tuple(
        {"conversations": [{"from": "system", "value": f"<tools>{json.dumps(tools)}</tools>"}, {"from": "gpt", "value": "x"}]}
        for tools in ([{"name": "f"}], [{"name": "f"}, {"name": "g"}])
    ),
    "no tools and empty tools": (chat() | {"tools": None}, chat() | {"tools": []}),
    "labels that are lists": (chat() | {"kto_tag": [1]}, chat() | {"kto_tag": [2]}),
    "an address and a data URL": (
        chat(content=[{"type": "image_url", "image_url": {"url": "http://a"}}]), chat(content=[{"type": "image_url", "image_url": {"url": "data:"}}])
    ),
    "parallel calls or not": (chat() | {"parallel_tool_calls": True}, chat() | {"parallel_tool_calls": False}),
    "turns of one conversation under different keys": (
        {"conversations": [{"from": "gpt", "value": "x"}, {"from": "human", "value": "x"}]},
        {"conversations": [{"from": "gpt", "value": "x"}, {"from": "human", "role": "human", "content": "x"}]},
    ),
}  # fmt: skip
ALIKE = {
    "names": (chat(name="ann"), chat(name="김 대리")),
    "ids of calls": (called({"id": "a", "type": "function"}), called({"id": "b", "type": "function"})),
    "the called tool": (called({"function": {"name": "f"}}), called({"function": {"name": "g"}})),
    "arguments": (called({"function": {"arguments": {"a": 1}}}), called({"function": {"arguments": {}}})),
    "fractional loss weights": (chat(loss_weight=0.25), chat(loss_weight=0.75)),
    "values of extra keys": (chat(time=1) | {"id": 1}, chat(time=2) | {"id": None}),
    "addresses of images": (
        chat(content=[{"type": "image_url", "image_url": {"url": "cat.png"}}]), chat(content=[{"type": "image_url", "image_url": {"url": "dog.png"}}])
    ),
}  # fmt: skip


@pytest.mark.parametrize("rows", DIFFERENT.values(), ids=DIFFERENT)
def test_what_a_rule_may_read_or_name_is_in_the_shape(rows):
    one, other = map(both, rows)
    assert one[0] != other[0]
    assert one[1] != other[1]


@pytest.mark.parametrize("rows", ALIKE.values(), ids=ALIKE)
def test_what_differs_in_every_row_is_not_in_the_shape(rows):
    one, other = map(both, rows)
    assert one[0] == other[0]
    assert one[1] == other[1]
