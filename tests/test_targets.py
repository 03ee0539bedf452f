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
    ("developer-role", "qwen3", "error", "llama3", "off"),
    ("developer-role", "openai", "warning", "together", "error"),
    ("alias-role", "qwen3", "error", "llama3", "warning"),
    ("last-turn-not-assistant", "mistral", "error", "openai", "warning"),
    ("consecutive-roles", "llama-factory", "error", "openai", "off"),
    ("content-key-absent", "llama-factory", "error", "openai", "off"),
    ("weight-ignored", "trl", "warning", "openai", "off"),
    ("stripped-reasoning", "qwen3", "warning", "openai", "off"),
    ("target-ends", "openai", "warning", "together", "off"),
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


def test_the_end_of_a_target_is_a_warning_before_its_day_and_an_error_from_then_on(write_jsonl, chat):
    import ftdata

    path = write_jsonl([chat(f"question {n}?", f"answer {n}") for n in range(12)])
    for today, rule, severity in (("2026-11-23", "target-ends", "warning"), ("2027-01-06", "target-ended", "error")):
        config = {"rules": {name: {"today": today} for name in ("target-ends", "target-ended")}}
        report = ftdata.lint(path, target="openai", select="target-ends,target-ended".split(","), config=config)
        (found,) = report.findings
        assert (found.name, found.severity) == (rule, severity) and "2027-01-06" in found.message


@pytest.mark.parametrize("name", names("targets"))
def test_every_fact_and_severity_of_a_target_says_where_it_comes_from(name):
    pack = load_target(name)[0].data
    assert pack["title"] and pack["description"]
    for fact in pack["facts"]:
        assert {"what", "value", "source", "date"} <= set(fact)
        datetime.date.fromisoformat(str(fact["date"]))
    for rule, entry in pack["rules"].items():
        if entry.get("severity") != "off":
            assert {"because", "source", "date_read"} <= set(entry), rule
            datetime.date.fromisoformat(str(entry["date_read"]))


def test_every_format_that_a_target_reads_is_a_format():
    from ftdata.formats import FORMATS

    for name in names("targets"):
        assert set(load_target(name)[0].target.get("formats", ())) <= set(FORMATS), name


def test_every_model_of_openai_has_a_tokenizer_and_a_length():
    for model, entry in load_target("openai")[0].data["models"].items():
        assert entry["tokenizer"] in ("o200k_base", "cl100k_base"), model
        assert entry["rules"]["too-long"]["max"] == entry["rules"]["answer-cut"]["max"] > 0
