"""A sample's hash depends on what is said, not on how it is written, and never changes from version to version."""

from __future__ import annotations

import copy

import pytest

from ftdata.formats import canonical, detect_row, parse, read_plain, sample_id

SYSTEM, ASKED, SAID = "Speak plainly.", "When is low tide?", "정오 at noon."
TURNS = [("system", SYSTEM), ("user", ASKED), ("assistant", SAID)]
WITH_SYSTEM = {
    "OpenAI": {"messages": [{"role": role, "content": text} for role, text in TURNS]},
    "OpenAI, with ids": {"id": 3, "messages": [{"role": role, "content": text} for role, text in TURNS]},
    "OpenAI, in parts": {"messages": [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in TURNS]},
    "ShareGPT": {"conversations": [{"from": name, "value": text} for name, (_, text) in zip(("system", "human", "gpt"), TURNS, strict=True)]},
    "ShareGPT, role and content": {"conversations": [{"role": role, "content": text} for role, text in TURNS]},
    "ShareGPT, system apart": {"system": SYSTEM, "conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": SAID}]},
    "Alpaca": {"instruction": ASKED, "input": "", "output": SAID, "system": SYSTEM},
    "query and response": {"system": SYSTEM, "query": ASKED, "response": SAID},
    "Orca": {"system_prompt": SYSTEM, "question": ASKED, "response": SAID},
    "TRL": {
        "prompt": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": ASKED}],
        "completion": [{"role": "assistant", "content": SAID}],
    },
    "Gemini": {
        "systemInstruction": {"parts": [{"text": SYSTEM}]},
        "contents": [{"role": "user", "parts": [{"text": ASKED}]}, {"role": "model", "parts": [{"text": SAID}]}],
    },
    "Bedrock": {
        "schemaVersion": "bedrock-conversation-2024", "system": [{"text": SYSTEM}],
        "messages": [{"role": "user", "content": [{"text": ASKED}]}, {"role": "assistant", "content": [{"text": SAID}]}],
    },
    "Anthropic": {"system": SYSTEM, "messages": [{"role": "user", "content": ASKED}, {"role": "assistant", "content": SAID}]},
    "Cohere": {"messages": [{"role": role, "content": text} for role, (_, text) in zip(("System", "User", "Chatbot"), TURNS, strict=True)]},
    "LLaMA-Factory v1": {"messages": [{"role": role, "content": [{"type": "text", "value": text}]} for role, text in TURNS]},
    "mistral-finetune": {"system_prompt": SYSTEM, "interactions": [{"role": "user", "text": ASKED}, {"role": "assistant", "text": SAID}]},
    "pairs": {"system": SYSTEM, "conversation": [{"human": ASKED, "assistant": SAID}]},
}  # fmt: skip
WITHOUT = {
    "OpenAI": {"messages": [{"role": role, "content": text} for role, text in TURNS[1:]]},
    "Alpaca": {"instruction": ASKED, "output": SAID},
    "Alpaca, with an empty history": {"instruction": ASKED, "input": "", "output": SAID, "history": []},
    "prompt and completion": {"prompt": ASKED, "completion": SAID},
    "question and answer": {"Q": ASKED, "A": SAID},
    "input and output": {"input": ASKED, "output": SAID},
    "ShareGPT": {"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": SAID}]},
}


def identity(row):
    return sample_id(parse(row, detect_row(row)))


@pytest.mark.parametrize("name", WITH_SYSTEM)
def test_one_conversation_has_one_hash_in_every_format(name):
    assert identity(WITH_SYSTEM[name]) == identity(WITH_SYSTEM["OpenAI"])


@pytest.mark.parametrize("name", WITHOUT)
def test_one_exchange_has_one_hash_in_every_format(name):
    assert identity(WITHOUT[name]) == identity(WITHOUT["OpenAI"])


def tools_row(name="sound", identity="c1", arguments='{"buoy": 4, "unit": "m"}', **turn):
    call = {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {
        "messages": [
            {"role": "user", "content": "Depth?"},
            {"role": "assistant", "content": None, "tool_calls": [call]} | turn,
            {"role": "tool", "tool_call_id": identity, "content": "11 m"},
            {"role": "assistant", "content": "Eleven."},
        ]
    }


GOLDEN = {
    "a plain chat": (WITHOUT["OpenAI"], "1d021c2280f5b444a9289a352e08cb5e"),
    "a chat with a tool": (tools_row(), "1ce3673aeeaa1ffb296b230e5d8adad1"),
    "a preference pair": ({"prompt": "A knot?", "chosen": "Bowline.", "rejected": "Rope."}, "14747bf945b5695e5b7f4c06ffd66d3a"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_hashes_of_version_1_never_change(name):
    row, expected = GOLDEN[name]
    assert identity(row) == expected


SAME = {
    "another id": tools_row(identity="call_XYZ"),
    "arguments as an object": tools_row(arguments={"unit": "m", "buoy": 4}),
    "arguments in another order": tools_row(arguments='{"unit":"m","buoy":4}'),
    "an empty content beside the call": tools_row(content=""),
    "a weight of 1": tools_row(weight=1),
}
OTHER = {
    "another tool": tools_row(name="measure"),
    "other arguments": tools_row(arguments='{"buoy": 5, "unit": "m"}'),
    "a text beside the call": tools_row(content="Let me see."),
    "a masked turn": tools_row(weight=0),
    "a reasoning": tools_row(reasoning_content="Which buoy?"),
    "a tool definition": tools_row() | {"tools": [{"type": "function", "function": {"name": "sound"}}]},
}


@pytest.mark.parametrize("name", SAME)
def test_how_a_call_is_written_does_not_change_the_hash(name):
    assert identity(SAME[name]) == identity(tools_row())


def test_all_that_is_learned_changes_the_hash():
    found = [identity(row) for row in [tools_row(), *OTHER.values()]]
    assert len(set(found)) == len(found)


def test_a_call_in_anthropic_form_has_the_hash_of_openai_form():
    row = {
        "messages": [
            {"role": "user", "content": "Depth?"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t", "name": "sound", "input": {"buoy": 4, "unit": "m"}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "11 m"}]},
            {"role": "assistant", "content": "Eleven."},
        ]
    }
    assert detect_row(row) == "anthropic-tools"
    assert identity(row) == identity(tools_row())


def test_a_result_belongs_to_its_call():
    """Two results swapped between two calls are another sample; the same result under a repeated id is not."""

    def row(first, second):
        calls = [{"id": i, "type": "function", "function": {"name": "sound", "arguments": "{}"}} for i in ("a", "b")]
        results = [{"role": "tool", "tool_call_id": i, "content": "11 m"} for i in (first, second)]
        return {"messages": [{"role": "assistant", "tool_calls": calls}, *results]}

    assert len({identity(row("a", "b")), identity(row("b", "a")), identity(row("a", "a"))}) == 3


PAIR = {"prompt": "A knot?", "chosen": "Bowline.", "rejected": "Rope."}
DIFFERENT = {
    "texts": ({"prompt": "a", "completion": "b"}, {"prompt": "a", "completion": "c"}),
    "roles": ({"messages": [{"role": "user", "content": "a"}]}, {"messages": [{"role": "system", "content": "a"}]}),
    "where a turn ends": ({"prompt": "a", "completion": "bc"}, {"prompt": "ab", "completion": "c"}),
    "sides": (PAIR, PAIR | {"chosen": "Rope.", "rejected": "Bowline."}),
    "labels": ({"prompt": "a", "completion": "b", "label": True}, {"prompt": "a", "completion": "b", "label": False}),
    "media": (
        {"messages": [{"role": "user", "content": "<image>a"}, {"role": "assistant", "content": "b"}], "images": ["1.png"]},
        {"messages": [{"role": "user", "content": "<image>a"}, {"role": "assistant", "content": "b"}], "images": ["2.png"]},
    ),
    "references": ({"messages": [{"role": "user", "content": "a"}], "answer": 1}, {"messages": [{"role": "user", "content": "a"}], "answer": 2}),
    "token ids": ({"input_ids": [1, 2]}, {"input_ids": [1, 3]}),
    "segments": ({"segments": [{"label": True, "text": "a"}]}, {"segments": [{"label": True, "text": "b"}]}),
    "a text and an answer": ({"text": "a"}, {"messages": [{"role": "assistant", "content": "a"}]}),
}  # fmt: skip


@pytest.mark.parametrize("rows", DIFFERENT.values(), ids=DIFFERENT)
def test_different_content_has_different_hashes(rows):
    one, other = map(identity, rows)
    assert one != other


def test_metadata_does_not_change_the_hash():
    row = WITHOUT["OpenAI"]
    assert identity(row | {"id": 1, "source": "log"}) == identity(row)


def test_hashing_changes_nothing():
    row = tools_row()
    before = copy.deepcopy(row)
    sample = parse(row, detect_row(row))
    assert sample_id(sample) == sample_id(sample)
    canonical(sample)
    assert row == before


@pytest.mark.parametrize("text", ["\ud83d", "a\udc00b"])
def test_a_lone_surrogate_has_a_hash_and_is_left_to_the_general_way(text):
    row = {"messages": [{"role": "user", "content": text}]}
    assert read_plain(row) is None
    assert len(identity(row)) == 32
