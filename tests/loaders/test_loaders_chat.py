"""Conversations, with and without tools: what the trainer's own loader makes of them is what they say."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import pytest
from peers import PEERS, equal, trained
from sources import DATA, convert

import ftdata

TRAINERS = ["trl", "llama-factory", "axolotl", "torchtune", "ms-swift", "unsloth"]
# Those whose companion or data says what is trained on.
MASKING = ["trl", "llama-factory", "axolotl", "ms-swift"]
SPEAKERS = {"human": "user", "gpt": "assistant", "system": "system"}


@pytest.mark.parametrize("group", ["plain", "tools"])
@pytest.mark.parametrize("name", TRAINERS)
def test_a_trainer_reads_the_conversations_that_were_written(name, group, tmp_path, seen):
    peer = PEERS[name]
    converted = convert(group, name, tmp_path)
    answer = peer.load(converted, stage="sft")
    equal(peer, answer["rows"], converted.expected)
    if name in MASKING:
        trained(answer["rows"], converted.expected)
    seen(peer, answer, converted)


@pytest.mark.parametrize("name", ["axolotl", "ms-swift"])
def test_a_trainer_with_masks_trains_on_what_the_weights_say(name, tmp_path, seen):
    source = tmp_path / "weighted.jsonl"
    with source.open("w", encoding="utf-8") as file:
        for row in several_answers():
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    peer = PEERS[name]
    converted = convert("weighted", name, tmp_path, files=[source])
    answer = peer.load(converted, stage="sft")
    equal(peer, answer["rows"], converted.expected)
    trained(answer["rows"], converted.expected)
    seen(peer, answer, converted)


def several_answers():
    """Real conversations of several answers with weights on them, in OpenAI's shape: every second one 0, the last one 1."""
    for row in json.loads((DATA / "fastchat/dummy_conversation.json").read_text("utf-8")):
        messages = [{"role": SPEAKERS[turn["from"]], "content": turn["value"]} for turn in row["conversations"]]
        answers = [message for message in messages if message["role"] == "assistant"]
        for number, message in enumerate(reversed(answers)):
            message["weight"] = 1 - number % 2
        if len(answers) > 1:
            yield {"messages": messages}


@pytest.mark.parametrize("version", ["v3", "v7", "v11", "v13"])
@pytest.mark.parametrize("group", ["plain", "tools"])
def test_mistral_common_takes_the_conversations_that_were_written(group, version, tmp_path, seen):
    """Rows that it refuses are those that `ftdata lint` calls wrong: results without calls, definitions that are no schema."""
    peer = PEERS["mistral"]
    converted = convert(group, f"mistral:{version}", tmp_path)
    answer = peer.load(converted, version=version)
    refused = {index + 1 for index, row in enumerate(answer["rows"]) if "error" in row}
    report = ftdata.lint(str(converted.path), target=f"mistral:{version}", count_tokens=False, jobs=1)
    wrong = {finding.location.row for finding in report.findings if finding.severity == "error"}
    assert refused <= wrong, {index: answer["rows"][index - 1]["error"] for index in sorted(refused - wrong)}
    kept = [index for index in range(len(answer["rows"])) if index + 1 not in refused]
    rows, expected = ([rows[index] for index in kept] for rows in (answer["rows"], converted.expected))
    equal(peer, rows, [as_json(row) for row in expected] if version == "v3" else expected)
    seen(peer, answer, replace(converted, expected=expected))


def as_json(row):
    """A row whose results that are JSON are spelled as Python writes it: version 3 reads and writes them."""
    messages = []
    for message in row["messages"]:
        if message["role"] == "tool":
            with contextlib.suppress(ValueError, TypeError):
                value = json.loads(message.get("content") or "{}")
                message = message | {"content": json.dumps(value, ensure_ascii=False)}
        messages.append(message)
    return row | {"messages": messages}


@pytest.mark.parametrize("group", ["plain", "tools", "pairs"])
def test_together_takes_every_row_that_was_written(group, tmp_path, seen):
    peer = PEERS["together"]
    converted = convert(group, "together", tmp_path)
    answer = peer.load(converted)
    assert answer["report"]["is_check_passed"] == "True", answer["report"]
    assert int(answer["report"]["num_samples"]) == len(converted.expected)
    rows = [json.loads(line) for line in converted.path.read_text("utf-8").splitlines()]
    equal(peer, rows, converted.expected)
    seen(peer, answer, converted)
