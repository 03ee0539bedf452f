"""The fast way of plain chats gives what the general way gives."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.formats import detect_row, outline, parse, read_plain, sample_id

texts = st.sampled_from(["", " ", "\n", "x", "안녕", "<think>a</think>", "\u00a0", "두 줄\n"]) | st.text(max_size=5)
message = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "human", "developer"]), "content": texts | st.none()},
    optional={"name": st.just("ann"), "weight": st.just(0)},
)


@settings(max_examples=500, deadline=None)
@given(st.lists(message, max_size=4))
def test_the_fast_way_equals_the_general_way_or_declines(messages):
    row = {"messages": messages}
    found = read_plain(row)
    general = parse(row, detect_row(row))
    if found is None:
        return
    texts, _, identity = found
    assert (general.format, general.kind, general.keys) == ("openai-chat", "sft", ("messages",))
    assert texts == [message.content for message in general.messages]
    assert identity == sample_id(general)


@settings(max_examples=300, deadline=None)
@given(st.lists(message, min_size=1, max_size=3), st.lists(message, min_size=1, max_size=3))
def test_plain_chats_of_one_shape_have_one_outline(one, other):
    first, second = read_plain({"messages": one}), read_plain({"messages": other})
    if first and second:
        drawn = [repr(outline(parse({"messages": messages}, "openai-chat"))) for messages in (one, other)]
        same = drawn[0] == drawn[1]
        assert (first[1] == second[1]) == same


def test_plain_chats_do_take_the_fast_way():
    for role in ("system", "user", "assistant"):
        assert read_plain({"messages": [{"role": role, "content": "x"}]})
    assert read_plain({"messages": [{"role": "human", "content": "x"}]}) is None
