"""What Gemini, Anthropic and Bedrock say beside the text is read, or kept."""

from __future__ import annotations

import pytest

from ftdata.formats import detect_row, parse, sample_id
from ftdata.types import ABSENT


def read(row):
    return parse(row, detect_row(row))


def gemini(*parts, role="user"):
    return read({"contents": [{"role": role, "parts": list(parts)}]}).messages


def test_every_result_of_gemini_is_a_turn_of_its_own():
    parts = [{"functionResponse": {"id": i, "name": n, "response": {"m": 11}}} for i, n in (("a", "sound"), ("b", "tide"))]
    first, second, rest = gemini(*parts, {"text": "Well?"})
    assert [(m.role, m.name, m.tool_call_id, m.content) for m in (first, second)] == [
        ("tool", "sound", "a", '{"m":11}'),
        ("tool", "tide", "b", '{"m":11}'),
    ]
    assert (second.pointer, second.content_pointer) == ("/contents/0/parts/1", "/contents/0/parts/1/functionResponse/response")
    assert (rest.role, rest.content, rest.content_pointer) == ("user", "Well?", "/contents/0/parts/2/text")


def test_the_id_of_a_gemini_call_is_read():
    (message,) = gemini({"functionCall": {"id": "a", "name": "sound", "args": {}}}, role="model")
    assert (message.tool_calls[0].id, message.tool_calls[0].name) == ("a", "sound")


def test_a_thought_of_gemini_is_reasoning():
    (message,) = gemini({"text": "Moon.", "thought": True, "thoughtSignature": "s"}, {"text": "Noon."}, role="model")
    assert (message.reasoning, message.content, message.kept) == ("Moon.", "Noon.", {"thoughtSignature": "s"})
    (alone,) = gemini({"text": "Moon.", "thought": True}, role="model")
    assert (alone.reasoning, alone.content) == ("Moon.", ABSENT)
    (spoken,) = gemini({"text": "Noon.", "thought": False}, role="model")
    assert (spoken.reasoning, spoken.text) == (None, "Noon.")


@pytest.mark.parametrize(
    ("response", "said"),
    [({"n": 2**70}, '{"n":1180591620717411303424}'), ({"t": "\ud83d하"}, '{"t":"\ud83d하"}'), (None, "null")],
)
def test_a_response_is_json_whatever_it_holds(response, said):
    assert gemini({"functionResponse": {"name": "f", "response": response}})[0].content == said


def test_definitions_of_anthropic_are_function_definitions():
    schema = {"type": "object"}
    own = {"type": "web_search_20250305", "name": "web_search"}
    tools = [{"name": "f", "input_schema": schema}, {"type": "custom", "name": "g", "input_schema": schema}, own, 5]
    sample = read({"system": "x", "messages": [{"role": "user", "content": "?"}], "tools": tools})
    assert sample.tools == [{"type": "function", "function": {"name": n, "parameters": schema}} for n in "fg"] + [own, 5]
    assert sample.tools_key == "tools"


def test_what_a_result_block_says_of_itself_is_kept_and_is_no_extra_key():
    result = {
        "type": "tool_result",
        "tool_use_id": "t",
        "content": "-",
        "is_error": True,
        "cache_control": {"ttl": "5m"},
        "odd": 1,
    }
    (message,) = read({"messages": [{"role": "user", "content": [result]}]}).messages
    assert message.kept == {"is_error": True, "cache_control": {"ttl": "5m"}}
    assert message.extra == {"odd": 1}


def test_signatures_of_thoughts_are_kept():
    def answer(*signatures):
        blocks = [{"type": "thinking", "thinking": "hm"} | ({"signature": s} if s else {}) for s in signatures]
        return read({"system": "x", "messages": [{"role": "assistant", "content": blocks}]}).messages[1]

    assert (answer("a").reasoning, answer("a").kept) == ("hm", {"signature": "a"})
    assert answer("a", None, "b").kept == {"signature": ["a", None, "b"]}
    assert answer(None).kept is None


@pytest.mark.parametrize(
    ("block", "url"),
    [
        ({"image": {"format": "png", "source": {"bytes": "AAAA"}}}, "data:image/png;base64,AAAA"),
        ({"video": {"format": "mp4", "source": {"bytes": "AAAA"}}}, "data:video/mp4;base64,AAAA"),
        ({"document": {"format": "pdf", "name": "d", "source": {"bytes": "AAAA"}}}, "data:application/pdf;base64,AAAA"),
        ({"document": {"format": "txt", "name": "d", "source": {"bytes": "AAAA"}}}, "data:text/plain;base64,AAAA"),
        ({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/c.png"}}}}, "s3://b/c.png"),
        ({"image": {"format": 5, "source": {"bytes": "AAAA"}}}, "data:;base64,AAAA"),
    ],
)
def test_a_medium_of_bedrock_has_its_format(block, url):
    row = {"schemaVersion": "bedrock-conversation-2024", "messages": [{"role": "user", "content": [block, {"text": "?"}]}]}
    assert read(row).messages[0].content[0].url == url


def test_openais_audio_has_the_address_it_had():
    part = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    row = {"messages": [{"role": "user", "content": [part]}]}
    assert read(row).messages[0].content[0].url == "data:wav;base64,AAAA"
    assert sample_id(read(row)) == sample_id(parse(row, "openai-chat"))
