"""Every planted fault of the sample data is found on its line, and nothing is found in the clean files."""

from __future__ import annotations

import bisect
import functools
import json
from collections import defaultdict

import pytest
from places import SAMPLES

import ftdata
import ftdata.checks
from ftdata.read import cut, decode, open_input
from ftdata.rule import RULES

FAULTS = [json.loads(line) for line in SAMPLES.joinpath("faults.jsonl").read_text("utf-8").splitlines()]
NOW = [fault for fault in FAULTS if fault["rule"] in RULES]
GOALS = {
    "style_ko_banmal.jsonl": "style",
    "style_en_support.jsonl": "style",
    "task_json_ko_en.jsonl": "task",
    "domain_legal_medical_ko.jsonl": "domain",
}


@functools.cache
def found_in(file, target, goal, tokenizer, extra, others):
    """The lines where the samples start in which each rule found something, judged as the fault says."""
    paths = [str(SAMPLES / name) for name in (file, *others)]
    report = ftdata.lint(paths, target=target, goal=goal, tokenizer=tokenizer, extend_select=extra)
    starts = element_starts(paths[0]) if file.endswith(".json") else []
    found = defaultdict(set)
    for finding in report.findings:
        if finding.location.path == paths[0]:
            line = finding.location.line
            if line is not None and finding.location.row is not None and starts:
                line = starts[bisect.bisect_right(starts, line) - 1]
            found[finding.name].add(line)
    return found


def element_starts(path):
    """The lines where the elements of a JSON array start."""
    return [line for piece in cut(open_input(path)) for line in decode(piece).lines]


def as_judged(fault):
    options = fault.get("lint") or {}
    rule = RULES[fault["rule"]]
    off = () if options.get("target") or (rule.on and rule.category != "pedantic") else (rule.name,)
    goal = options.get("goal")
    return (
        fault["file"], tuple(options.get("target") or ()), goal, options.get("tokenizer"), () if goal else off, tuple(fault.get("with") or ()),
    )  # fmt: skip


@pytest.mark.parametrize("fault", NOW, ids=lambda f: f"{f['file'].split('/')[-1]}-{f['line']}-{f['rule']}")
def test_a_planted_fault_is_found_on_its_line(fault):
    lines = found_in(*as_judged(fault))[fault["rule"]]
    assert fault["line"] in lines or None in lines, f"found on {sorted(map(str, lines))}"


@pytest.mark.parametrize("file", sorted({fault["file"] for fault in FAULTS}))
def test_nothing_but_the_planted_faults_is_found(file):
    allowed = defaultdict(set)
    for fault in FAULTS:
        if fault["file"] == file:
            allowed[fault["line"]] |= {fault["rule"], *fault.get("also", ())}
    for rule, lines in found_in(file, (), None, None, (), ()).items():
        for line in lines:
            assert rule in allowed[line], f"{rule} on line {line}"


@pytest.mark.parametrize("path", sorted(SAMPLES.joinpath("clean").iterdir()), ids=lambda path: path.name)
def test_nothing_is_found_in_a_clean_file(path):
    report = ftdata.lint(path, goal=GOALS.get(path.name))
    words = [f"{f.location.line} {f.name} {f.message}" for f in report.findings if f.severity != "info"]
    assert words == [] and report.exit_code == 0


def test_the_clean_pair_does_not_leak():
    report = ftdata.lint([SAMPLES / "clean" / "train.jsonl", SAMPLES / "clean" / "eval.jsonl"])
    assert [f.name for f in report.findings] == []
    assert {item.role for item in report.inputs} == {"train", "eval"}


def test_the_list_of_faults_speaks_of_rules_that_exist():
    unknown = {fault["rule"] for fault in FAULTS if fault["rule"] not in RULES and fault.get("issue") != 3}
    assert unknown == set()
