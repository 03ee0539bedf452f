"""Public datasets, where they are at hand, are told for what they are, and read without loss."""

from __future__ import annotations

import csv
import itertools
import json
from collections import Counter
from pathlib import Path

import pytest

from ftdata.formats import detect_row, parse, sample_id, summarise

DATA = Path(__file__).parents[3] / "shared" / "data"
MOST_ROWS = 400
FILES = {
    "axolotl/alpaca-fr_3000.jsonl": "alpaca",
    "emollm/ruozhiba_raw.jsonl": "alpaca",
    "emollm/self_cognition.json": "alpaca",
    "emollm/tiangou.json": "xtuner",
    "fastchat/dummy_conversation.json": "sharegpt",
    "fastchat/japanese_mt_bench_gpt-4.jsonl": "model-answers",
    "gpteacher/codegen-instruct.json": "instruction-response",
    "kullm/user_oriented_instructions_eval.jsonl": "self-instruct",
    "llama-factory/alpaca_en_demo.json": "alpaca",
    "llama-factory/alpaca_zh_demo.json": "alpaca",
    "llama-factory/c4_demo.jsonl": "text-lm",
    "llama-factory/dpo_en_demo.json": "sharegpt-ranking",
    "llama-factory/dpo_zh_demo.json": "sharegpt-ranking",
    "llama-factory/glaive_toolcall_en_demo.json": "sharegpt-tools-lf",
    "llama-factory/glaive_toolcall_zh_demo.json": "sharegpt-tools-lf",
    "llama-factory/identity.json": "alpaca",
    "llama-factory/kto_en_demo.json": "messages-kto",
    "llama-factory/mllm_audio_demo.json": "messages-mm-columns",
    "llama-factory/mllm_demo.json": "messages-mm-columns",
    "llama-factory/mllm_video_demo.json": "messages-mm-columns",
    "llama-factory/reason_tool_use_demo_50.jsonl": "llamafactory-v1",
    "llama-factory/v1_dpo_demo.jsonl": "llamafactory-v1-dpo",
    "llama-factory/v1_multimodal_demo.jsonl": "llamafactory-v1",
    "llama-factory/v1_sft_demo.jsonl": "llamafactory-v1",
    "ms-swift/sampling.jsonl": "preference-messages-swift",
    "ms-swift/self_cognition.jsonl": "query-response",
    "open-assistant/en_100_tree.jsonl": "oasst-tree",
    "open-instruct/preference_sample.jsonl": "preference-explicit-conv",
    "open-instruct/sft_sample.jsonl": "openai-chat",
    "pii_ko/data.jsonl": "openai-chat",
    "pii_ko/labels.jsonl": "span-labels",
    "self-instruct/seed_tasks.jsonl": "self-instruct",
    "songys/chatbot_ko_4000.csv": "question-answer",
    "t0/t0_50k.jsonl": "prompt-completion",
    "tau-bench/airline-few_shot.jsonl": "transcript",
    "tau-bench/airline_openai.jsonl": "openai-chat-tools",
    "tau-bench/retail-few_shot.jsonl": "transcript",
    "together/unified_joke_explanations.jsonl": "text-lm",
}
NO_TRAINING = {"model-answers", "span-labels"}
ROLES = {"system", "developer", "user", "assistant", "tool"}


def rows_of(path):
    if not path.exists():
        pytest.skip(f"{path} is not here (set FTDATA_DATA to the folder of public datasets)")
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".csv":
            return list(itertools.islice(csv.DictReader(file), MOST_ROWS))
        if path.suffix == ".json":
            return json.load(file)[:MOST_ROWS]
        return [json.loads(line) for line in itertools.islice(file, MOST_ROWS) if line.strip()]


@pytest.mark.parametrize("name", FILES)
def test_a_public_file_is_told_and_read(name):
    rows = rows_of(DATA / name)
    expected = FILES[name]
    found = summarise(Counter(map(detect_row, rows)))
    assert found.format == expected
    assert len(found.families) == 1
    samples = [parse(row, detect_row(row)) for row in rows]
    for row, sample in zip(rows, samples, strict=True):
        assert (sample.problem is not None) == (expected in NO_TRAINING)
        assert {message.role for message in sample.turns()} <= ROLES
        assert all(message.extra == {} for message in sample.turns())
        assert sample.keys == tuple(row)
        assert sample.kind != "preference" or (sample.chosen and sample.rejected)
    # Rows of other texts have other hashes: what is equal is equal in the file.
    hashes, written = {sample_id(sample) for sample in samples}, {json.dumps(row, sort_keys=True) for row in rows}
    assert len(hashes) <= len(written)
    assert len(hashes) >= len(written) * 0.9
