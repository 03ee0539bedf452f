"""Calls, results and definitions that formats write into texts and turns of their own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.formats import detect_row, parse, sample_id

HERMES = "You are a function calling AI model. You are provided with function signatures within <tools></tools> XML tags."


def share(*turns):
    return parse({"conversations": [{"from": who, "value": said} for who, said in turns]}, "sharegpt-hermes-tools")


@pytest.mark.parametrize(
    "said",
    [
        f'{HERMES} Here are the available tools: <tools> [{{"name": "sound"}}] </tools> Use them.',
        f'{HERMES}:\n<tools>\n{{"name": "sound"}}\n</tools>\n\nFor each call return XML tags.',
        'Definitions stand after <tools> below. <tools>[{"name": "sound"}]</tools>',
        'Within <tools> {tools} </tools>: <tools>[{"name": "sound"}]</tools>',
    ],
)
def test_definitions_are_in_the_pair_that_holds_json(said):
    assert share(("system", said)).tools == [{"name": "sound"}]


def test_a_description_may_name_the_tags():
    assert share(("system", '<tools>[{"name": "f", "description": "see <tools>"}]</tools>')).tools[0]["name"] == "f"
    assert share(("system", '<tools>[{"name": "f", "description": "see </tools>"}]</tools>')).tools[0]["name"] == "f"


@pytest.mark.parametrize("said", [HERMES, "<tools>", "</tools>", "<tools> 5 </tools>", "<tools></tools>" * 50])
def test_tags_without_json_are_no_definitions(said):
    assert share(("system", said)).tools is None


@pytest.mark.parametrize(
    ("said", "results"),
    [
        ("<tool_response>\n11 m\n</tool_response>", ["11 m"]),
        (" <tool_response>11 m</tool_response>\n", ["11 m"]),
        ("<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response>", ["1", "2"]),
        ("<tool_response>\n<tool_response>\n1\n</tool_response>\n</tool_response>", ["<tool_response>\n1\n</tool_response>"]),
        ("see <tool_response>1</tool_response>", ["see <tool_response>1</tool_response>"]),
        ("<tool_response>1</tool_response> and 2", ["<tool_response>1</tool_response> and 2"]),
        ("<tool_response>1", ["<tool_response>1"]),
        ("1</tool_response>", ["1</tool_response>"]),
        ("<tool_response></tool_response>", [""]),
    ],
)
def test_tags_around_results_are_no_part_of_them(said, results):
    messages = share(("human", "Depth?"), ("tool", said)).messages[1:]
    assert [message.content for message in messages] == results
    assert {message.pointer for message in messages} == {"/conversations/1"}
    assert {message.role for message in messages} == {"tool"}


def test_joined_results_come_apart_where_there_are_as_many_calls():
    joined = "first\n</tool_response>\n<tool_response>\nsecond"
    calls = '[{"name": "f", "arguments": {}}, {"name": "g", "arguments": {}}]'
    two = share(("function_call", calls), ("observation", joined)).messages
    assert [message.content for message in two[1:]] == ["first", "second"]
    one = share(("function_call", '{"name": "f"}'), ("observation", joined)).messages
    assert [message.content for message in one[1:]] == [joined]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["<tool_response>", "</tool_response>", "\n", "x", " "]), max_size=12).map("".join))
def test_no_text_of_tags_is_lost_but_the_tags(said):
    found = "".join(message.content for message in share(("tool", said)).messages)
    assert found.count("x") == said.count("x")


@pytest.mark.parametrize("tag", ["<tool_call>", "<tools>", "<tool_response>", "</tool_response>", "<tools></tools>", " "])
def test_very_many_tags_are_read_in_no_time_to_speak_of(tag):
    said = tag * 200_000
    share(("system", f"<tools>{said}"), ("gpt", f"<tool_call>{said}"), ("tool", said), ("tool", f"<tool_response>{said}"))


def swift(*turns):
    return parse({"messages": [{"role": role, "content": said} | dict(*more) for role, said, *more in turns]}, "swift-messages")


F, G = '{"name": "f", "arguments": {}}', '{"name": "g", "arguments": {}}'


def test_calls_in_turns_of_their_own_are_one_answer():
    messages = swift(
        ("user", "?"), ("assistant", "Looking."), ("tool_call", F), ("tool_call", G), ("tool_response", "1")
    ).messages
    assert [message.role for message in messages] == ["user", "assistant", "tool"]
    assert messages[1].content == "Looking."
    assert [(call.name, call.pointer) for call in messages[1].tool_calls] == [
        ("f", "/messages/2/content"),
        ("g", "/messages/3/content"),
    ]


def test_calls_after_a_result_or_of_another_weight_are_another_answer():
    assert [len(m.tool_calls) for m in swift(("tool_call", F), ("tool_response", "1"), ("tool_call", G)).messages] == [1, 0, 1]
    assert [len(m.tool_calls) for m in swift(("tool_call", F, {"loss": False}), ("tool_call", G, {"loss": True})).messages] == [
        1,
        1,
    ]
    assert [len(m.tool_calls) for m in swift(("tool_call", F, {"loss": True}), ("tool_call", G, {"loss": True})).messages] == [2]


def test_parallel_calls_of_swift_have_the_hash_of_openais():
    row = {
        "messages": [
            {
                "role": "assistant",
                "content": "Looking.",
                "tool_calls": [{"function": {"name": n, "arguments": "{}"}} for n in "fg"],
            }
        ]
    }
    assert sample_id(swift(("assistant", "Looking."), ("tool_call", F), ("tool_call", G))) == sample_id(
        parse(row, detect_row(row))
    )
