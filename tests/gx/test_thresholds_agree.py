"""Every threshold rule of the packs, judged by ftdata and by Great Expectations on the number itself: equal verdicts, equal counts."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from places import ROOT

pytest.importorskip("great_expectations")

from ftdata.expectations.compile import compile_rules
from ftdata.expectations.gx import run
from ftdata.expectations.thresholds import THRESHOLDS, limit_facts
from ftdata.judge.expected import ruled_of, samples_of
from ftdata.judge.run import Options, conclude, examine
from ftdata.judge.select import Choice
from ftdata.types import SEVERITIES

pytestmark = pytest.mark.filterwarnings("ignore")
WORDS = "harbour lantern pepper violin meadow copper".split()
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}

sample = st.fixed_dictionaries({
    "question": st.lists(st.sampled_from(WORDS), min_size=1, max_size=9), "answer": st.lists(st.sampled_from(WORDS), min_size=1, max_size=9),
    "images": st.integers(0, 3), "functions": st.integers(0, 3), "weight": st.sampled_from([None, 0, 1]), "answered": st.booleans() | st.just(True),
})  # fmt: skip
files = st.lists(st.lists(sample, min_size=1, max_size=6), min_size=1, max_size=2)
few = st.integers(0, 4)
limits = st.fixed_dictionaries({
    "too-long": st.fixed_dictionaries({"max": st.integers(5, 45)}), "longer-than-default": st.fixed_dictionaries({"max": st.integers(5, 45)}),
    "answer-cut": st.fixed_dictionaries({"max": st.integers(5, 30)}), "media-limits": st.fixed_dictionaries({"per_sample": few}),
    "legacy-functions-limit": st.fixed_dictionaries({"max": few}), "too-few-for-target": st.fixed_dictionaries({"minimum": st.integers(1, 6)}),
    "too-many-for-target": st.fixed_dictionaries({"maximum": st.integers(1, 6)}), "file-too-large": st.fixed_dictionaries({"max_bytes": st.integers(1, 3000)}),
}).flatmap(lambda rest: st.tuples(st.integers(0, 8), st.integers(0, 8)).map(
    lambda counts: rest | {name: {"minimum": min(counts), "recommended": max(counts)} for name in ("too-few-samples", "few-samples", "sample-count")}))  # fmt: skip


def row_of(made):
    parts = [{"type": "text", "text": " ".join(made["question"])}, *[IMAGE] * made["images"]]
    turns = [{"role": "user", "content": parts if made["images"] else parts[0]["text"]}]
    if made["answered"]:
        weight = {} if made["weight"] is None else {"weight": made["weight"]}
        turns.append({"role": "assistant", "content": " ".join(made["answer"])} | weight)
    functions = [
        {"name": f"f{number}", "parameters": {"type": "object", "properties": {}}} for number in range(made["functions"])
    ]
    return {"messages": turns} | ({"functions": functions} if functions else {})


def judged(folder, rules):
    choice = Choice(config={"rules": rules}, select=tuple(rules), tokenizer="o200k_base")
    examined = examine([str(folder)], choice, Options(jobs=1))
    return examined, conclude(examined, choice, Options(jobs=1), 0.0)


def before_answers(folder, count):
    """Where the first trained answer of each sample starts, out of the words of a rule that names all of them."""
    examined, report = judged(folder, {"answer-cut": {"max": 0}})
    found = {finding.location.path + str(finding.location.row): int(re.search(r"after (\d+) tokens", finding.message).group(1))
             for finding in report.findings}  # fmt: skip
    paths = [counted.report.path for counted in examined.dataset.files]
    places = examined.dataset.table.select("file", "row").rows()
    assert len(places) == count
    return [found.get(paths[file] + str(row)) for file, row in places]


def test_every_rule_for_which_a_pack_sets_a_number_is_compiled():
    numbers = {
        name
        for path in (ROOT / "rules").rglob("*.yaml")
        for name, settings in (yaml.safe_load(path.read_text("utf-8")).get("rules") or {}).items()
        if isinstance(settings, dict) and any(type(value) in (int, float) for value in settings.values())
    }
    assert numbers == set(THRESHOLDS)


def write(folder, made):
    """The rows of each file, written into a folder."""
    rows = [[row_of(one) for one in part] for part in made]
    for number, part in enumerate(rows):
        (folder / f"part{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part), "utf-8")
    return rows


def compare(made, rules):
    """Judge by ftdata and by Great Expectations, and demand the same of both."""
    assert set(rules) == set(THRESHOLDS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = write(folder, made)
        examined, report = judged(folder, rules)
        flat = [one for part in made for one in part]
        # What is no measure is counted here, in the rows as they were written.
        table = samples_of(examined.dataset, examined.tokens).with_columns(
            pl.Series("n_images", [one["images"] for one in flat]), pl.Series("n_functions", [one["functions"] for one in flat]),
            pl.Series("n_tokens_before_answer", before_answers(folder, len(flat)), dtype=pl.Int64),
        )  # fmt: skip
        facts = limit_facts(report.inputs, len({json.dumps(row, sort_keys=True) for part in rows for row in part}))
    ruled = ruled_of(examined, report)
    assert {item.verdict.name for item in ruled} == set(rules) and not any(item.verdict.status == "skipped" for item in ruled)
    compiled, found = compile_rules(ruled, table.columns, facts)
    outcomes = run([expectation for _, expectation in compiled], table, {**facts, **found})
    exact = set()
    for (item, expectation), outcome in zip(compiled, outcomes, strict=True):
        verdict = item.verdict
        assert outcome.status == verdict.status, (verdict.name, verdict.count, outcome)
        if expectation.arguments["column"] not in found:
            exact.add(verdict.name)
            if expectation.batch == "samples":
                assert outcome.status == "clean" or outcome.count == verdict.count, verdict.name
    # Where nothing is recommended, sample-count demands nothing.
    assert exact == set(THRESHOLDS) - ({"sample-count"} if not rules["sample-count"]["recommended"] else set())


@given(made=files, rules=limits)
@settings(max_examples=20, deadline=None)
def test_the_same_limits_give_the_same_verdicts(made, rules):
    compare(made, rules)


@pytest.mark.parametrize("beside", [-1, 0, 1])
def test_a_limit_that_is_met_exactly_is_judged_alike(tmp_path, beside):
    one = {"question": WORDS[:5], "answer": WORDS[:3], "images": 2, "functions": 2, "weight": None, "answered": True}
    two = one | {"question": WORDS[:2], "images": 0}
    made = [[one, two, one], [two | {"answer": WORDS}]]
    write(tmp_path, made)
    examined, report = judged(tmp_path, {"too-long": {"max": 1}})
    tokens = examined.dataset.table[examined.tokens][0] + beside
    counts = {"minimum": 1, "recommended": 3 + beside}
    compare(made, {
        "too-long": {"max": tokens}, "longer-than-default": {"max": tokens}, "answer-cut": {"max": before_answers(tmp_path, 4)[0] + beside},
        "media-limits": {"per_sample": 2 + beside}, "legacy-functions-limit": {"max": 2 + beside},
        "too-few-samples": counts | {"minimum": 3 + beside, "recommended": 9}, "few-samples": counts, "sample-count": counts,
        "too-few-for-target": {"minimum": 1 + beside}, "too-many-for-target": {"maximum": 3 + beside},
        "file-too-large": {"max_bytes": max(item.bytes for item in report.inputs) + beside},
    })  # fmt: skip


@given(made=st.lists(sample, min_size=1, max_size=12), limit=st.integers(5, 45), share=st.integers(0, 100), count=st.integers(0, 6),
       which=st.sampled_from([("error",), ("warning",), ("error", "warning")]))  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_budgets_give_the_same_severity(made, limit, share, count, which):
    budgets = {name: value for name, value in (("error", f"> {share}%"), ("warning", f"> {count}")) if name in which}
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "a.jsonl").write_text("".join(json.dumps(row_of(one)) + "\n" for one in made), "utf-8")
        examined, report = judged(Path(name), {"too-long": {"max": limit} | budgets, "missing-assistant-turn": budgets})
    table = samples_of(examined.dataset, examined.tokens)
    compiled, found = compile_rules(ruled_of(examined, report), table.columns, {})
    outcomes = run([expectation for _, expectation in compiled], table, found)
    for verdict in report.verdicts:
        failed = [expectation.severity for (item, expectation), outcome in zip(compiled, outcomes, strict=True)
                  if item.verdict is verdict and outcome.status == "found"]  # fmt: skip
        assert bool(failed) == (verdict.status == "found"), verdict.name
        assert not failed or min(failed, key=SEVERITIES.index) == verdict.severity, verdict.name
