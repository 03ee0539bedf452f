"""JSON texts inside rows are decoded exactly, or said to be none."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.formats import parse, sample_id
from ftdata.formats.decode import decode

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(2**60, 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(value=values, wide=st.booleans())
def test_what_json_writes_is_read_back_exactly(value, wide):
    text = json.dumps(value, ensure_ascii=wide)
    assert repr(decode(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", ["18446744073709551615", "18446744073709551616", "-9223372036854775809", "1" + "0" * 300, "-5"])
def test_an_integer_of_any_length_stays_an_integer(text):
    found = decode(f'{{"n": [{text}]}}')["n"][0]
    assert type(found) is int
    assert str(found) == text


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "1e400", "1" * 5000, "[1] [2]", "{'a': 1}", '"\n"'])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError):
        decode(text)


@pytest.mark.parametrize("depth", [1100, 100_000])
@pytest.mark.parametrize("inside", ["", "123456789012345678901234567890", '"\\ud83d"'])
def test_a_text_nested_without_end_is_refused(depth, inside):
    with pytest.raises(ValueError):
        decode("[" * depth + inside + "]" * depth)


def test_a_long_fraction_is_the_number_it_was():
    assert decode("[0.1234567890123456789012]") == [0.1234567890123456789012]
    assert math.copysign(1, decode("[-0.0, 12345678901234567890]")[0]) == -1


CALL = '{"name": "sound", "arguments": {"buoy": 123456789012345678901234567890, "mark": "\\ud83d"}}'


@pytest.mark.parametrize(
    "row",
    [
        {"conversations": [{"from": "function_call", "value": CALL}]},
        {"conversations": [{"from": "gpt", "value": f"<tool_call>{CALL}</tool_call>"}]},
        {"messages": [{"role": "tool_call", "content": CALL}]},
        {"messages": [{"role": "assistant", "content": [{"type": "tool_call", "value": CALL}]}]},
    ],
    ids=["LLaMA-Factory", "Hermes", "MS-Swift", "LLaMA-Factory v1"],
)
def test_a_call_keeps_its_name_and_its_long_integer(row):
    from ftdata.formats import detect_row

    name = "llamafactory-v1" if isinstance(row.get("messages", [{}])[0].get("content"), list) else detect_row(row)
    (call,) = parse(row, name).messages[0].tool_calls
    assert call.name == "sound"
    assert call.arguments == {"buoy": 123456789012345678901234567890, "mark": "\ufffd"}


def test_long_integers_have_one_hash_in_text_and_in_an_object():
    def row(arguments):
        return {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}]}

    hashes = [
        sample_id(parse(row(a), "openai-chat-tools")) for a in ('{"n": 73786976294838206465}', {"n": 2**66 + 1}, {"n": 2**66})
    ]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r'"\ud83d"', "\ufffd"),
        (r'"\ude00 \uD83D\ud83d\ude00"', "\ufffd \ufffd😀"),
        (r'"\\ud83d \ud83d"', "\\ud83d \ufffd"),
        ('"a\ud83db"', "a\ufffdb"),
    ],
)
def test_half_a_surrogate_pair_is_replaced_as_in_rows(text, said):
    assert decode(text) == said
    said.encode()
