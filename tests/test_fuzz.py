"""Whatever the bytes, lint answers with a report or with words: never with a traceback, never by losing a row."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ftdata
from ftdata.report import concise, full
from ftdata.report import json as json_report

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=15
)
KEYS = """messages conversations conversation role content from value instruction input output history system tools functions
    tool_calls function arguments name id type prompt completion chosen rejected label kto_tag text weight preferred_output
    non_preferred_output contents parts interactions query response question answer images""".split()
ROLES = st.sampled_from(
    ["system", "user", "assistant", "tool", "human", "gpt", "model", "developer", "function_call", "", "x\x1b"]
)
message = st.fixed_dictionaries(
    {},
    optional={
        "role": ROLES | anything, "content": st.text(max_size=30) | anything, "from": ROLES | anything, "value": anything,
        "weight": anything, "name": anything, "tool_call_id": anything, "tool_calls": st.lists(anything, max_size=2) | anything,
        "reasoning_content": anything, "function_call": anything,
    },
)  # fmt: skip
call = st.fixed_dictionaries(
    {},
    optional={
        "id": anything,
        "type": anything,
        "function": st.fixed_dictionaries({}, optional={"name": anything, "arguments": anything}),
    },
)
row = st.dictionaries(
    st.sampled_from(KEYS),
    st.lists(message, max_size=4) | st.lists(call, max_size=2) | anything | st.text(max_size=30),
    min_size=1,
    max_size=5,
)


def judge(path, **options):
    """Lint and render in every way; the report."""
    report = ftdata.lint(path, **options)
    for render in (full.render, concise.render, json_report.render, json_report.render_lines, full.statistics):
        text = "\n".join(render(report))
        assert "\x1b" not in text
    return report


@SETTINGS
@given(data=st.binary(max_size=400))
def test_any_bytes_are_judged_without_a_traceback(data, tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(data)
    judge(path)


@SETTINGS
@given(
    rows=st.lists(row, min_size=1, max_size=4),
    target=st.sampled_from(["openai", "together", "mistral", "llama3", "qwen3", "trl", "llama-factory"]),
)
def test_any_json_of_known_keys_is_judged_without_a_traceback(rows, target, tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    report = judge(path, target=target, tokenizer="o200k_base")
    (item,) = report.inputs
    assert item.error or item.samples == len(rows)


@SETTINGS
@given(value=anything, array=st.booleans())
def test_any_json_document_is_judged_without_a_traceback(value, array, tmp_path):
    path = tmp_path / "data.json"
    path.write_text(json.dumps([value] if array else value, indent=1), "utf-8")
    judge(path)


@SETTINGS
@given(bad=st.binary(max_size=60).filter(lambda b: b"\n" not in b and b"\r" not in b and b"\0" not in b), at=st.integers(1, 5))
def test_a_bad_line_never_costs_a_good_one(bad, at, tmp_path):
    good = [
        json.dumps({"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}]}).encode()
        for n in range(5)
    ]
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"\n".join([*good[:at], bad, *good[at:]]) + b"\n")
    report = judge(path)
    assert report.facts["samples"] >= 5
