"""Structural rules run once for each shape; what they find must not depend on which row of a shape came first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from places import SAMPLES

import ftdata.checks  # noqa: F401
from ftdata.judge.piece import Judge
from ftdata.judge.plan import Plan, Step
from ftdata.read import cut, open_input
from ftdata.rule import RULES


def rows():
    """Every row of the rules' cases and some dirty files, and a twin of each with other values of the same outline."""
    found = []
    for path in sorted((Path(__file__).parent.parent / "rules").glob("*.yaml")):
        cases = yaml.safe_load(path.read_text("utf-8"))
        for case in [*(cases.get("pass") or []), *(cases.get("fail") or [])]:
            found.append(case["row"] if isinstance(case, dict) and "row" in case else case)
    for name in ("tools", "support_ko", "preference"):
        for line in (SAMPLES / "dirty" / f"{name}.jsonl").read_text("utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    texts = [json.dumps(row) for row in found if isinstance(row, dict)]
    return texts + [text.replace("tide_at", "sea_level").replace("call_1", "call_x") for text in texts]


def judged(lines, path):
    """The findings of each line: rule, pointer, message."""
    names = [rule.name for rule in RULES.values() if rule.scope in ("structure", "content")]
    steps = tuple(Step(name, dict(RULES[name].params), message=RULES[name].message) for name in names)
    judge = Judge(Plan(steps))
    path.write_text("\n".join(lines) + "\n")
    found = [[] for _ in lines]
    for piece in cut(open_input(str(path))):
        findings = judge(piece).findings
        for step, row, pointer, message in zip(findings.step, findings.row, findings.pointer, findings.message, strict=True):
            found[row].append((names[step], pointer, message))
    return found


@pytest.mark.parametrize("order", ["reversed", "sorted", "twins first"])
def test_what_is_found_in_a_row_does_not_depend_on_the_rows_before_it(order, tmp_path):
    lines = rows()
    half = len(lines) // 2
    numbers = list(range(len(lines)))
    shuffled = {
        "reversed": numbers[::-1],
        "sorted": sorted(numbers, key=lines.__getitem__),
        "twins first": numbers[half:] + numbers[:half],
    }
    forward = judged(lines, tmp_path / "forward.jsonl")
    other = judged([lines[n] for n in shuffled[order]], tmp_path / "other.jsonl")
    for place, number in enumerate(shuffled[order]):
        assert sorted(other[place], key=repr) == sorted(forward[number], key=repr), lines[number]
