"""Targets contradict each other where the world does, and every fact says where it comes from."""

from __future__ import annotations

import datetime

import pytest

from ftdata.judge.select import Choice, resolve
from ftdata.packs import load_target, names


def severity(target, rule):
    """The severity of a rule for a target; "off" where it does not run."""
    return next((s.severity for s in resolve(Choice(targets=(target,))).rules if s.rule.name == rule), "off")


def params(target, rule):
    return next(s.params for s in resolve(Choice(targets=(target,))).rules if s.rule.name == rule)


CONTRADICTIONS = [
    # Arguments of tool calls: text for some, an object for others. No encoding suits all.
    ("arguments-not-string", "openai", "error", "llama3", "off"),
    ("arguments-string", "openai", "off", "llama3", "warning"),
    ("tool-call-id-format", "mistral", "error", "openai", "off"),
    ("parallel-tool-calls", "llama3", "error", "openai", "off"),
    ("extra-key", "openai", "error", "trl", "off"),
    ("blank-line", "together", "error", "trl", "info"),
    ("json-container", "openai", "error", "llama-factory", "off"),
    ("developer-role", "qwen3", "warning", "llama3", "off"),
    ("developer-role", "openai", "warning", "together", "error"),
    ("alias-role", "openai", "error", "qwen3", "warning"),
    ("last-turn-not-assistant", "mistral", "error", "openai", "warning"),
    ("last-turn-not-assistant", "bedrock-nova", "error", "vertex-gemini", "warning"),
    ("first-turn-not-user", "torchtune", "error", "openai", "off"),
    ("consecutive-roles", "llama-factory", "error", "openai", "off"),
    ("consecutive-roles", "gemma3", "error", "qwen2.5", "off"),
    ("misplaced-system", "fireworks", "error", "deepseek", "warning"),
    ("content-key-absent", "llama-factory", "error", "openai", "off"),
    ("content-key-absent", "deepseek", "error", "gpt-oss", "off"),
    ("null-content", "gpt-oss", "error", "deepseek", "off"),
    ("weight-ignored", "trl", "warning", "openai", "off"),
    ("stripped-reasoning", "qwen3", "warning", "openai", "off"),
    ("rft-ends-with-assistant", "azure-openai", "warning", "openai", "off"),
    ("target-ends", "openai", "warning", "together", "off"),
    ("target-ends", "openai", "warning", "azure-openai", "off"),
]


@pytest.mark.parametrize(("rule", "one", "first", "other", "second"), CONTRADICTIONS)
def test_targets_contradict_each_other_where_the_world_does(rule, one, first, other, second):
    assert (severity(one, rule), severity(other, rule)) == (first, second)


def test_openai_takes_ten_examples_and_a_model_sets_its_own_length():
    assert params("openai", "too-few-for-target")["minimum"] == 10
    assert params("openai:gpt-3.5-turbo-0125", "too-long")["max"] == 16385
    assert params("openai:ft:gpt-4.1-mini-2025-04-14:org::id", "too-long")["max"] == 65536
    (target,) = resolve(Choice(targets=("openai:gpt-3.5-turbo-0125",))).targets
    assert target.tokenizer == "cl100k_base"


def test_targets_set_the_parameters_of_a_rule_each_for_itself():
    assert [params(t, "too-few-for-target")["minimum"] for t in ("openai", "azure-openai", "fireworks")] == [10, 10, 3]
    assert [params(t, "media-limits")["per_sample"] for t in ("openai", "azure-openai", "vertex-gemini")] == [10, 64, 30]
    lengths = {"trl": 1024, "axolotl": 512, "llama-factory": 2048, "unsloth": 2048, "fireworks": 8192}
    assert {target: params(target, "longer-than-default")["max"] for target in lengths} == lengths
    assert [params(f"{t}:gpt-4.1-nano", "too-long")["max"] for t in ("openai", "azure-openai")] == [65536, 32768]
    treatments = {"trl": "ignores", "ms-swift": "deletes", "unsloth": "rejects"}
    assert {target: params(target, "weight-ignored")["treatment"] for target in treatments} == treatments
    reads = {"qwen3": ["reasoning_content"], "gpt-oss": ["thinking"], "openai": []}
    assert {target: params(target, "reasoning-ignored")["keys"] for target in reads} == reads


def test_a_model_that_was_switched_off_has_ended_before_the_service_does():
    assert params("openai:gpt-3.5-turbo-0125", "target-ended")["date"] == "2026-10-23"
    assert params("openai:gpt-4.1", "target-ended")["date"] == "2027-01-06"


def test_the_end_of_a_target_is_a_warning_before_its_day_and_an_error_from_then_on(write_jsonl, chat):
    import ftdata

    path = write_jsonl([chat(f"question {n}?", f"answer {n}") for n in range(12)])
    for today, rule, severity in (("2026-11-23", "target-ends", "warning"), ("2027-01-06", "target-ended", "error")):
        config = {"rules": {name: {"today": today} for name in ("target-ends", "target-ended")}}
        report = ftdata.lint(path, target="openai", select="target-ends,target-ended".split(","), config=config)
        (found,) = report.findings
        assert (found.name, found.severity) == (rule, severity) and "2027-01-06" in found.message


def own(name):
    """The pack as written, without those that it extends and without a model's."""
    return next(pack for pack in reversed(load_target(name)) if pack.origin == f"target {name}").data


@pytest.mark.parametrize("name", names("targets"))
def test_every_fact_and_severity_of_a_target_says_where_it_comes_from(name):
    pack = own(name)
    assert pack["name"] == name and pack["title"] and pack["description"] and pack["facts"]
    for fact in pack["facts"]:
        assert {"what", "value", "source", "date"} <= set(fact)
        datetime.date.fromisoformat(str(fact["date"]))
    tables = [pack["rules"], *(model.get("rules") or {} for model in (pack.get("models") or {}).values())]
    for rule, entry in (item for table in tables for item in table.items()):
        if entry.get("severity", "off") != "off":
            assert {"because", "source", "date_read"} <= set(entry), rule
            assert entry["because"].strip() and entry["source"].strip(), rule
            datetime.date.fromisoformat(str(entry["date_read"]))


def test_what_is_not_documented_is_never_an_error():
    for name in names("targets"):
        for rule, entry in own(name)["rules"].items():
            assert entry.get("severity") != "error" or "not documented" not in entry["because"], (name, rule)


def test_a_target_that_reads_json_lines_only_refuses_other_containers():
    for name in names("targets"):
        containers = own(name)["target"].get("containers")
        if containers and "json-array" not in containers:
            assert (severity(name, "not-json-lines"), severity(name, "json-container")) == ("error", "error"), name
        elif containers:
            assert severity(name, "json-container") == "off", name


def test_every_format_that_a_target_reads_is_a_format():
    from ftdata.formats import FORMATS

    for name in names("targets"):
        formats = own(name)["target"].get("formats", [])
        assert set(formats) <= set(FORMATS) and len(formats) == len(set(formats)), name
        assert bool(formats) == (severity(name, "format-not-accepted") != "off"), name


@pytest.mark.parametrize("name", ["openai", "azure-openai"])
def test_every_model_of_a_target_has_a_tokenizer_and_a_length(name):
    assert own(name)["target"]["default_model"] in own(name)["models"]
    for model, entry in own(name)["models"].items():
        assert entry["tokenizer"] in ("o200k_base", "cl100k_base") and entry["methods"], model
        assert entry["rules"]["too-long"]["max"] == entry["rules"]["answer-cut"]["max"] == entry["max_tokens"] > 0
