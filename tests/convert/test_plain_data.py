"""Plain data arrives as it is in every format that can hold it: nothing lost, nothing changed, nothing added."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai_rows import plain_texts

from ftdata.convert import WRITABLE, read_row, render
from ftdata.formats import FORMATS, detect_row

quick = settings(max_examples=25, deadline=None)
TALKS = ("chatml-text", "human-bot-text")
ONE = {"sft": [name for name in WRITABLE if FORMATS[name].kind == "sft" or name in TALKS]} | {
    kind: [name for name in WRITABLE if FORMATS[name].kind == kind] for kind in ("preference", "unpaired-preference")
}
# Formats whose only place for a system prompt is none, or whose rows hold one question.
NO_SYSTEM = {"gemini-inline", "prompt-completion", "self-instruct", "oasst-tree", "baize", "human-bot-text", "hh-rlhf", "ranked-nectar",
             "preference-paired-se"}  # fmt: skip
SINGLE = {"dolly", "instruction-response", "self-instruct", "question-answer", "orca", "input-output", "gemini-inline", "prompt-completion",
          "preference-explicit", "preference-intel", "preference-paired-se"}  # fmt: skip
TOOLS = ["openai-chat", "openai-chat-tools", "anthropic-tools", "bedrock-converse", "gemini", "sharegpt", "sharegpt-tools-lf",
         "sharegpt-hermes-tools", "sharegpt-rolecontent", "swift-messages", "llamafactory-v1", "glaive-text"]  # fmt: skip


def arrives(row, name):
    """The row made, after checking that nothing is different."""
    made, losses = render(read_row(row, detect_row(row)), name, row=row)
    assert made is not None, losses[0].reason
    assert [(loss.kind, loss.where) for loss in losses if loss.kind != "rewritten"] == []
    return made


def says(text, role="assistant"):
    return {"role": role, "content": text}


@pytest.mark.parametrize("name", ONE["sft"])
@quick
@given(asked=plain_texts, answered=plain_texts)
def test_a_question_and_an_answer_arrive(name, asked, answered):
    arrives({"messages": [says(asked.strip(), "user"), says(answered.strip())]}, name)


@pytest.mark.parametrize("name", ONE["preference"])
@quick
@given(asked=plain_texts, chosen=plain_texts, rejected=plain_texts)
def test_a_question_and_two_answers_arrive(name, asked, chosen, rejected):
    row = {
        "input": {"messages": [says(asked, "user")]},
        "preferred_output": [says(chosen)],
        "non_preferred_output": [says(rejected)],
    }
    if name == "preference-implicit":
        row["input"]["messages"] = []
        assert render(read_row(row, "openai-dpo"), name)[0] is None
    else:
        arrives(row, name)


@pytest.mark.parametrize("name", ONE["unpaired-preference"])
@quick
@given(asked=plain_texts, answered=plain_texts, label=st.booleans())
def test_a_labelled_answer_arrives(name, asked, answered, label):
    arrives({"messages": [says(asked, "user"), says(answered)], "label": label}, name)


@pytest.mark.parametrize("name", [n for n in ONE["sft"] if n not in SINGLE | NO_SYSTEM and n != "trl-prompt-completion-conv"])
@quick
@given(texts=st.lists(plain_texts, min_size=5, max_size=5))
def test_a_longer_talk_with_a_system_prompt_arrives(name, texts):
    roles = ["system", "user", "assistant", "user", "assistant"]
    arrives({"messages": [says(text.strip(), role) for text, role in zip(texts, roles, strict=True)]}, name)


@pytest.mark.parametrize("name", [n for n in ONE["sft"] if n in SINGLE - NO_SYSTEM])
def test_a_system_prompt_arrives_beside_one_question(name):
    arrives({"messages": [says("Be brief.", "system"), says("A knot?", "user"), says("Bowline.")]}, name)


@pytest.mark.parametrize("name", TOOLS)
@quick
@given(asked=plain_texts, found=plain_texts, answered=plain_texts, number=st.integers(-(2**53), 2**53))
def test_a_tool_call_and_its_result_arrive(name, asked, found, answered, number):
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "sound", "arguments": f'{{"buoy": {number}, "하나": ["x", null]}}'},
    }
    tool = {"type": "function", "function": {"name": "sound", "parameters": {"type": "object", "properties": {}}}}
    turns = [says(asked.strip(), "user"), {"role": "assistant", "content": None, "tool_calls": [call]}]
    turns += [{"role": "tool", "tool_call_id": "call_1", "content": found.strip()}, says(answered.strip())]
    row = {"messages": turns, "tools": [tool]}
    if name == "glaive-text":
        row["messages"].insert(0, says("Be brief.", "system"))
        _, losses = render(read_row(row, "openai-chat-tools"), name, row=row)
        assert [loss.field for loss in losses if loss.kind != "rewritten"] == ["messages[].content"]
    else:
        arrives(row, name)
