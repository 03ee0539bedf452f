"""What a trainer needs beside the data names the columns that were really written, and no others."""

from __future__ import annotations

import json

import pytest
import yaml
from command import convert, read, write

from ftdata.convert.companion import Written, companion
from ftdata.convert.render import WRITABLE
from ftdata.errors import UsageError

TRAINERS = ["llama-factory", "axolotl", "trl", "torchtune", "ms-swift", "unsloth"]
CHAT = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
TOOLED = {
    "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
        {"role": "assistant", "content": "a"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
}  # fmt: skip
PAIR = {"prompt": "q", "chosen": "a", "rejected": "b"}


def made(target, row, tmp_path, capsys, *arguments):
    path = write(tmp_path / "in.jsonl", [row])
    out = tmp_path / "out.jsonl"
    convert(path, "--target", target, "-o", out, *arguments)
    return capsys.readouterr().out, read(out)[0]


@pytest.mark.parametrize("row", [CHAT, TOOLED, PAIR], ids=["chat", "tools", "pair"])
def test_every_column_in_dataset_info_stands_in_the_rows(row, tmp_path, capsys):
    text, written = made("llama-factory", row, tmp_path, capsys)
    (entry,) = json.loads(text).values()
    assert entry["file_name"] == "out.jsonl"
    assert set(entry["columns"].values()) <= set(written)
    assert entry["columns"]["messages"] == "conversations"


def test_axolotl_reads_the_turns_where_they_stand(tmp_path, capsys):
    text, written = made("axolotl", CHAT, tmp_path, capsys)
    (entry,) = yaml.safe_load(text)["datasets"]
    assert (entry["type"], entry["field_messages"]) == ("chat_template", "messages") and "messages" in written
    assert "message_field_training" not in entry
    row = json.loads(json.dumps(CHAT))
    row["messages"][1]["weight"] = 0
    text, written = made("axolotl", row, tmp_path, capsys)
    assert yaml.safe_load(text)["datasets"][0]["message_field_training"] == "training"
    assert written["messages"][1]["training"] is False


def test_axolotl_reads_pairs_as_dpo(tmp_path, capsys):
    text, written = made("axolotl", PAIR, tmp_path, capsys)
    found = yaml.safe_load(text)
    (entry,) = found["datasets"]
    assert found["rl"] == "dpo"
    assert {entry["field_messages"], entry["field_chosen"], entry["field_rejected"]} <= set(written)


@pytest.mark.parametrize("target", ["trl", "unsloth"])
@pytest.mark.parametrize("row", [CHAT, TOOLED], ids=["chat", "tools"])
def test_snippets_are_python(target, row, tmp_path, capsys):
    text, _ = made(target, row, tmp_path, capsys)
    compile(text, "snippet", "exec")
    assert str(tmp_path / "out.jsonl") in text


@pytest.mark.parametrize("row", [CHAT, PAIR], ids=["chat", "pair"])
def test_torchtune_names_a_component_and_the_file(row, tmp_path, capsys):
    text, _ = made("torchtune", row, tmp_path, capsys)
    entry = yaml.safe_load(text)["dataset"]
    assert entry["_component_"].startswith("torchtune.datasets.") and entry["data_files"] == str(tmp_path / "out.jsonl")


def test_swift_gets_its_flags(tmp_path, capsys):
    assert made("ms-swift", PAIR, tmp_path, capsys)[0].startswith("swift rlhf --rlhf_type dpo --model MODEL --dataset ")


@pytest.mark.parametrize("target", TRAINERS)
@pytest.mark.parametrize("name", WRITABLE)
def test_a_companion_can_be_read_or_there_is_none(target, name):
    found = companion(target, Written(name, "odd name's.jsonl", ["instruction", "input", "output", "messages", "label"]))
    if found is None:
        return
    if found.name.endswith(".py"):
        compile(found.text, found.name, "exec")
    elif found.name.endswith(".yaml"):
        yaml.safe_load(found.text)
    elif found.name.endswith(".json"):
        json.loads(found.text)


def test_the_companion_is_written_on_request_and_added_to_what_is_there(tmp_path, capsys):
    info = tmp_path / "dataset_info.json"
    info.write_text('{"mine": {"file_name": "mine.json"}}')
    text, _ = made("llama-factory", CHAT, tmp_path, capsys, "--companion")
    assert text == ""
    assert set(json.loads(info.read_text())) == {"mine", "out"}
    assert made("llama-factory", CHAT, tmp_path, capsys, "--no-companion")[0] == ""


def test_a_dataset_info_that_is_no_json_is_left_alone(tmp_path, capsys):
    info = tmp_path / "dataset_info.json"
    info.write_text("{")
    with pytest.raises(UsageError, match="no JSON object"):
        made("llama-factory", CHAT, tmp_path, capsys, "--companion")
    assert info.read_text() == "{" and not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("target", "row", "keys"),
    [
        ("openai", CHAT, {"messages"}), ("openai", PAIR, {"input", "preferred_output", "non_preferred_output"}),
        ("unsloth", CHAT, {"conversations"}), ("torchtune", PAIR, {"chosen", "rejected"}), ("bedrock-nova", CHAT, {"schemaVersion", "messages"}),
        ("vertex-gemini", CHAT, {"contents"}), ("qwen3", CHAT, {"messages"}), ("ms-swift", PAIR, {"messages", "rejected_response"}),
    ],
)  # fmt: skip
def test_a_target_chooses_the_format_that_it_reads(target, row, keys, tmp_path, capsys):
    assert keys <= set(made(target, row, tmp_path, capsys)[1])


def test_a_target_decides_how_calls_are_spelled(tmp_path, capsys):
    for target, kind in (("openai", str), ("llama3", dict)):
        _, row = made(target, TOOLED, tmp_path, capsys)
        assert isinstance(row["messages"][1]["tool_calls"][0]["function"]["arguments"], kind)


def test_a_target_that_reads_no_pairs_says_what_can_be_done(tmp_path, capsys):
    with pytest.raises(UsageError, match="reads no preference pairs") as found:
        made("mistral", PAIR, tmp_path, capsys)
    assert "--drop-rejected" in found.value.hint
