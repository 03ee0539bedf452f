"""Every format against rows written by hand after the formats' catalogue, with the account of what each one loses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ftdata.convert import UNWRITABLE, WRITABLE, Loss, read_row, render
from ftdata.convert.writer import WRITERS, Writer
from ftdata.formats import FORMATS, detect_row, sample_id

EXAMPLES = yaml.safe_load((Path(__file__).parent / "golden.yaml").read_text("utf-8"))
every = pytest.mark.parametrize("example", EXAMPLES, ids=[f"{at}-{example['format']}" for at, example in enumerate(EXAMPLES)])


def rendered(example):
    source = example["source"]
    return render(read_row(source, detect_row(source)), example["format"], row=source)


@every
def test_the_row_is_the_one_written_by_hand(example):
    row, losses = rendered(example)
    if "refused" in example:
        assert row is None
        assert example["refused"] in losses[0].reason
        return
    tree = sample_id(read_row(example["source"], "openai-chat"))
    assert row == hashed(example["row"], tree)
    kept = [[loss.kind, loss.where] for loss in losses if loss.kind != "rewritten"]
    assert sorted(kept) == sorted(example.get("losses", []))


def hashed(value, tree):
    """The row expected, with the sample's hash put in."""
    if isinstance(value, dict):
        return {key: hashed(item, tree) for key, item in value.items()}
    if isinstance(value, list):
        return [hashed(item, tree) for item in value]
    return value.replace("HASH", tree) if isinstance(value, str) else value


@every
def test_the_row_is_recognised_as_its_format(example):
    row, _ = rendered(example)
    if row is not None:
        seen = detect_row(row)
        assert FORMATS[seen].family == FORMATS[example["format"]].family
        assert FORMATS[seen].kind == FORMATS[example["format"]].kind


def test_every_format_is_written_or_says_why_not():
    assert set(WRITABLE) | set(UNWRITABLE) == set(FORMATS)
    assert not set(WRITABLE) & set(UNWRITABLE)
    assert {example["format"] for example in EXAMPLES} == set(WRITABLE)


def test_a_plain_text_stays_a_plain_text():
    for row, name in (
        ({"text": "Limpets graze on algae."}, "text-lm"),
        ({"response": "Limpets graze on algae."}, "response-only"),
    ):
        for target in ("text-lm", "response-only"):
            made, losses = render(read_row(row, name), target)
            assert list(made.values()) == ["Limpets graze on algae."]
            assert losses == []


def test_two_answers_without_a_prompt_stay_so():
    row = {"chosen": "Bowline.", "rejected": "Rope."}
    assert render(read_row(row, "preference-implicit"), "preference-implicit") == (row, [])


def test_an_account_says_what_where_and_why():
    row = {
        "messages": [{"role": "user", "content": "Hm?"}, {"role": "assistant", "content": "Ja.", "weight": 0}],
        "source": "log",
    }
    _, losses = render(read_row(row, "openai-chat"), "anthropic")
    assert [(loss.field, loss.where, loss.value, loss.kind) for loss in losses] == [
        ("messages[].weight", "/messages/1/weight", 0, "lost"),
        ("source", "/source", "log", "lost"),
    ]
    assert losses[0].reason == "Anthropic messages has no place for loss weights"
    assert isinstance(losses[0], Loss)


def test_a_careless_writer_is_found_out(monkeypatch):
    def careless(sample, details):
        turns = [{"role": turn.role, "content": turn.text.upper()} for turn in sample.messages if turn.role != "system"]
        return {"messages": turns, "invented": 1}

    monkeypatch.setitem(WRITERS, "openai-chat", Writer(careless, extra=False))
    row = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hm?"},
            {"role": "assistant", "content": "OK", "weight": 0},
        ],
        "n": 5,
    }
    _, losses = render(read_row(row, "openai-chat"), "openai-chat")
    assert {(loss.kind, loss.where) for loss in losses} == {
        ("lost", "/messages/0"),
        ("changed", "/messages/1/content"),
        ("lost", "/messages/2/weight"),
        ("lost", "/n"),
        ("added", "/invented"),
    }


def test_tags_within_tags_lose_one_layer_only():
    said = "<tool_response>\n<tool_response>\n1\n</tool_response>\n</tool_response>"
    turns = [
        {"from": "human", "value": "x"},
        {"from": "gpt", "value": '<tool_call>\n{"name": "f"}\n</tool_call>'},
        {"from": "tool", "value": said},
    ]
    row, _ = render(read_row({"conversations": turns}, "sharegpt-hermes-tools"), "openai-chat")
    assert row["messages"][2]["content"] == "<tool_response>\n1\n</tool_response>"
