"""The report names what was lost, nothing else, and nothing is written that cannot be read."""

from __future__ import annotations

import json

import pytest
from command import convert, exit_code, read, write

from ftdata.cli.convert_report import facts
from ftdata.convert import read_row, render, unkept
from ftdata.convert.piece import Plan
from ftdata.convert.run import convert as convert_files
from ftdata.convert.run import open_inputs
from ftdata.formats import detect_row

ASKED = {"role": "user", "content": "깊이가 얼마야?"}


def kinds(row, format):
    made, losses = render(read_row(row, detect_row(row)), format, row=row)
    return made, [(loss.kind, loss.where) for loss in losses if loss.kind != "rewritten"]


def told(row):
    return [loss.where for loss in unkept(row, read_row(row, detect_row(row)))]


def outcome_of(tmp_path, text, format="sharegpt", name="in.jsonl", out="out.jsonl", **more):
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return convert_files(open_inputs([str(path)]), str(tmp_path / out), Plan(format), **more)


@pytest.mark.parametrize("answer", [{"role": "assistant"}, {"role": "assistant", "content": None}])
def test_an_answer_without_a_text_is_no_reference(answer):
    made, losses = render(read_row({"messages": [ASKED, answer]}, "openai-chat"), "openai-rft")
    assert made is None and "one text" in losses[0].reason


def test_an_answer_that_becomes_the_reference_is_not_called_lost():
    made, found = kinds({"messages": [ASKED, {"role": "assistant", "content": "11 m"}]}, "openai-rft")
    assert made["reference_answer"] == "11 m"
    assert found == [("changed", "/messages/1"), ("added", "/reference_answer")]


def test_what_else_the_answer_says_is_lost_where_its_text_becomes_the_reference():
    turn = {"role": "assistant", "content": "11 m", "reasoning_content": "hm"}
    assert kinds({"messages": [ASKED, turn]}, "openai-rft")[1] == [("lost", "/messages/1"), ("added", "/reference_answer")]


def test_a_reasoning_between_think_tags_is_not_called_lost():
    turn = {"role": "assistant", "content": "11 m", "reasoning_content": "hm"}
    found = kinds({"messages": [ASKED, turn]}, "openai-chat-think")[1]
    assert ("changed", "/messages/1/reasoning_content") in found and not [where for kind, where in found if kind == "lost"]


def test_a_row_that_the_format_could_not_read_is_not_written():
    row = {"chosen": "Bowline.", "rejected": "Rope."}
    made, losses = render(read_row(row, "preference-implicit"), "openai-dpo")
    assert made is None and "empty" in losses[0].reason


def test_contents_of_texts_that_are_no_parts_do_not_stop_a_conversion():
    said = [{"role": "user", "content": [{"text": "깊이?"}]}, {"role": "assistant", "content": [{"text": "11 m"}]}]
    row = {"schemaVersion": "bedrock-conversation-2024", "system": [["Be brief."]], "messages": said}
    assert render(read_row(row, "bedrock-converse"), "alpaca-mm")[0]["output"] == "11 m"


def test_definitions_with_input_schemas_are_anthropics():
    turns = [ASKED, {"role": "assistant", "content": "11 m"}]
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    made, losses = render(read_row({"messages": turns, "tools": tools}, "openai-chat-tools"), "anthropic-tools")
    assert detect_row(made) == "anthropic-tools" and [loss for loss in losses if loss.kind != "rewritten"] == []


def test_a_column_named_as_a_setting_of_other_formats_is_kept_under_its_name():
    row = {"instruction": "깊이?", "output": "11 m", "parallel_tool_calls": "at noon"}
    made, losses = render(read_row(row, "alpaca"), "sharegpt")
    assert made["parallel_tool_calls"] == "at noon" and losses == []


def test_a_column_beside_a_transcript_is_told_where_it_is_dropped():
    row = {"chosen": "\n\nHuman: A?\n\nAssistant: B", "rejected": "\n\nHuman: A?\n\nAssistant: C", "system": "Be brief now."}
    assert told(row) == ["/system"]


def test_a_state_of_a_tree_is_told_unless_it_is_the_usual_one():
    prompt = {"text": "A knot?", "role": "prompter", "replies": [{"text": "Bowline.", "role": "assistant", "replies": []}]}
    row = {"message_tree_id": "A knot?", "tree_state": "ready_for_export", "prompt": prompt}
    assert told(row) == []
    assert told(row | {"tree_state": "aborted_low_grade"}) == ["/tree_state"]


TURNS = '"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f'{{{TURNS}, "n": NaN}}', "nan-literal"),
        (f'{{{TURNS}, "n": 1e999}}', "nan-literal"),
        (f'{{{TURNS}, "n": {"9" * 5000}}}', "nan-literal"),
        (f'{{{TURNS}, "n": 1, "n": 2}}', "duplicate-key"),
        (f'{{{TURNS}, "n": "\\ud83d"}}', "lone-surrogate"),
    ],
)
def test_what_reading_loses_is_lossy_and_in_the_report(tmp_path, text, fault):
    outcome = outcome_of(tmp_path, text)
    assert outcome.lossy and fault in facts(outcome)["faults"]
    json.loads((tmp_path / "out.jsonl").read_text("utf-8"), parse_constant=lambda name: pytest.fail(name))


def test_strict_refuses_what_reading_loses(tmp_path):
    (tmp_path / "in.jsonl").write_text(f'{{{TURNS}, "n": 1, "n": 2}}\n', "utf-8")
    assert exit_code(tmp_path / "in.jsonl", "--to", "sharegpt", "-o", tmp_path / "out.jsonl", "--strict") == 1
    assert not (tmp_path / "out.jsonl").exists()


def test_a_number_too_large_beside_a_long_one_is_written_as_json(tmp_path):
    outcome = outcome_of(tmp_path, f'{{{TURNS}, "n": {"9" * 400}, "m": 1e999}}', "openai-chat")
    assert outcome.written == 1 and "Infinity" not in (tmp_path / "out.jsonl").read_text("utf-8")


def test_cells_beyond_the_header_are_lossy(tmp_path):
    assert outcome_of(tmp_path, "question,answer\na,b,c\n", name="in.csv").lossy


def test_a_table_is_blamed_for_what_it_changes_and_not_the_format(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text(f'{{{TURNS}, "n": {{"k": 1}}}}\n', "utf-8")
    outcome = convert_files(open_inputs([str(path)]), str(tmp_path / "out.csv"), Plan("sharegpt", table="csv"))
    (loss,) = facts(outcome)["losses"]
    assert "cell" in loss["reason"] and loss["example"]["value"] != loss["example"]["became"]


def test_a_wrong_source_format_makes_no_rows_of_nothing(tmp_path):
    path = write(tmp_path / "in.jsonl", [{"messages": [ASKED, {"role": "assistant", "content": "11 m"}]}])
    assert exit_code(path, "--from", "alpaca", "--to", "openai-chat", "-o", tmp_path / "out.jsonl") == 2
    assert not (tmp_path / "out.jsonl").exists()
    assert convert(path, "--from", "openai-chat", "--to", "openai-chat", "-o", tmp_path / "out.jsonl") in (0, None)
    assert len(read(tmp_path / "out.jsonl")) == 1


def test_a_trainer_that_finds_texts_where_it_wants_lists_is_warned_of(tmp_path, capsys):
    path = write(tmp_path / "in.jsonl", [{"messages": [ASKED, {"role": "assistant", "content": "11 m"}]}])
    convert(path, "--target", "trl", "-o", tmp_path / "out.csv")
    assert "write .jsonl or .parquet" in capsys.readouterr().err
