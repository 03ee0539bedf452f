"""A local model folder as the target of a lint: its own template, tokenizer and length judge the data."""

from __future__ import annotations

import orjson
import pytest

import ftdata
from ftdata.errors import FtdataError

PLAIN = {"messages": [{"role": "user", "content": "How many legs has a crab?"}, {"role": "assistant", "content": "Ten."}]}
CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"what": "crab"}'}}
TOOLS = {
    "messages": [
        {"role": "user", "content": "Find a crab."},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "It hides."},
        {"role": "assistant", "content": "It hides."},
    ],
    "tools": [{"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}],
}
SYSTEM = {"messages": [{"role": "system", "content": "Be brief."}, *PLAIN["messages"]]}


@pytest.fixture
def judged(tmp_path, make_folder):
    """Lint rows for a family's folder; return {(line, rule): first message} of the template rules."""

    def run(template, *rows, **settings):
        path = tmp_path / "data.jsonl"
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
        report = ftdata.lint(path, target=str(make_folder(template, **settings)))
        found = {}
        for finding in report.findings:
            if finding.code.startswith("FT8"):
                found.setdefault((finding.location.line, finding.name), finding.message)
        return found, report

    return run


def test_a_template_that_drops_tools_is_named_at_the_turn(judged):
    found, report = judged("phi3", PLAIN, TOOLS)
    assert {rule for line, rule in found if line == 2} == {"template-drops"}
    assert not any(line == 1 and rule == "template-drops" for line, rule in found)
    pointers = {finding.location.pointer for finding in report.findings if finding.name == "template-drops"}
    assert {"/messages/1", "/messages/2"} <= pointers


def test_a_template_that_refuses_is_named_with_its_own_words(judged):
    found, _ = judged("gemma", SYSTEM)
    assert "System role not supported" in found[1, "template-raises"]


def test_arguments_encoded_twice_are_named(judged):
    found, _ = judged("llama31", TOOLS)
    assert "JSON string" in found[1, "template-changes"]


def test_what_the_template_decides_is_not_judged_twice(judged):
    _, report = judged("gemma", SYSTEM)
    assert not {"system-not-supported", "null-content"} & {verdict.name for verdict in report.verdicts}


def test_tokens_are_counted_by_the_folder_and_its_length_is_the_limit(judged):
    long = {"messages": [PLAIN["messages"][0], {"role": "assistant", "content": "x" * 600}]}
    _, report = judged("qwen25", long, config={"model_type": "tiny", "max_position_embeddings": 500})
    assert [finding.name for finding in report.findings if finding.code == "FT201"] == ["too-long"]
    assert report.facts["tokens"]["max"] > 600


@pytest.mark.parametrize(
    "template",
    ["{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "{{ 'x' * 10**10 }}", "{% if %}"],
)
def test_a_hostile_template_is_reported_once_and_the_run_goes_on(judged, template):
    _, report = judged(template, PLAIN, PLAIN, TOOLS)
    stopped = [finding for finding in report.findings if finding.name in ("template-stopped", "template-raises")]
    assert len(stopped) == 1
    assert report.inputs[0].samples == 3


def test_a_folder_without_a_template_is_a_skipped_verdict(judged):
    _, report = judged(None, PLAIN, eos="</s>")
    verdict = next(verdict for verdict in report.verdicts if verdict.name == "template-raises")
    assert (verdict.status, "no chat template" in verdict.reason) == ("skipped", True)


def test_a_folder_that_holds_no_model_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "data.jsonl").write_bytes(orjson.dumps(PLAIN))
    with pytest.raises(FtdataError, match="holds no tokenizer_config"):
        ftdata.lint(tmp_path / "data.jsonl", target=str(tmp_path))


def test_worker_processes_judge_templates_alike(judged, make_folder, tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_bytes(b"".join(orjson.dumps(TOOLS) + b"\n" for _ in range(40)))
    folder = str(make_folder("phi3"))
    alone, together = (ftdata.lint(path, target=folder, jobs=jobs) for jobs in (1, 2))
    assert [str(f) for f in alone.findings] == [str(f) for f in together.findings]
