"""Every rule's pass and fail cases, which are its documentation too, and the form that every rule keeps."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest
import yaml

import ftdata.checks  # noqa: F401
from ftdata.judge.piece import Judge
from ftdata.judge.plan import Plan, Step
from ftdata.rule import RULES

CASES = sorted(Path(__file__).parent.joinpath("rules").glob("*.yaml"))
HEADINGS = ["## Why", "## Example", "## Fix safety"]


def findings_of(rule, case, tmp_path):
    """Run one rule over one raw row and return the pointers of its findings."""
    from ftdata.measure.batch import Overhead
    from ftdata.read import cut, open_input

    params = case.get("params")
    path = tmp_path / "case.jsonl"
    path.write_bytes(orjson.dumps(case["row"]) + b"\n")
    tokens = "o200k_base+3+3" if _wants_tokens(rule, params) else None
    plan = Plan(
        steps=(Step(rule.name, {**rule.params, **(params or {})}, tokens, None, rule.message),),
        format=case.get("format"),
        tokenizers={tokens: ("o200k_base", Overhead())} if tokens else {},
    )
    judge = Judge(plan)
    pointers = []
    for piece in cut(open_input(str(path))):
        pointers += judge(piece).findings.pointer
    return pointers


def _wants_tokens(rule, params):
    from ftdata.judge.select import needs_tokens

    return needs_tokens(rule, {**rule.params, **(params or {})})


def cases(kind):
    for path in CASES:
        loaded = yaml.safe_load(path.read_text("utf-8"))
        for number, case in enumerate(loaded.get(kind) or []):
            if not (isinstance(case, dict) and "row" in case):
                case = {"row": case}
            yield pytest.param(loaded["rule"], case, id=f"{loaded['rule']}-{number}")


@pytest.mark.parametrize(("name", "case"), list(cases("pass")))
def test_a_rule_is_silent_on_its_passing_cases(name, case, tmp_path):
    assert findings_of(RULES[name], case, tmp_path) == []


@pytest.mark.parametrize(("name", "case"), list(cases("fail")))
def test_a_rule_finds_its_failing_cases_at_the_place_they_name(name, case, tmp_path):
    found = findings_of(RULES[name], case, tmp_path)
    assert found
    if "pointer" in case:
        wanted = case["pointer"] if isinstance(case["pointer"], list) else [case["pointer"]]
        assert sorted(p or "" for p in found) == sorted(wanted)


@pytest.mark.parametrize("rule", list(RULES.values()), ids=lambda rule: rule.name)
def test_a_rule_says_why_shows_an_example_and_tells_what_a_fix_would_do(rule):
    assert rule.doc and len(rule.summary) < 120 and rule.summary.endswith(".")
    places = [rule.doc.find(heading) for heading in HEADINGS]
    assert -1 not in places and places == sorted(places), f"{rule.name} wants {HEADINGS}"
    assert not rule.message.endswith(".")


@pytest.mark.parametrize(
    "rule",
    [r for r in RULES.values() if r.scope in ("structure", "content", "measure")],
    ids=lambda r: r.name,
)
def test_a_rule_over_single_samples_has_cases(rule):
    kinds = [yaml.safe_load(path.read_text("utf-8")) for path in CASES if path.stem == rule.code]
    assert kinds, f"tests/rules/{rule.code}.yaml is missing"
    assert all(kind.get("pass") and kind.get("fail") for kind in kinds)


def test_codes_and_names_are_unique_and_well_formed():
    assert len({rule.code for rule in RULES.values()}) == len(RULES)
    assert all(re.fullmatch(r"FT\d{3}", rule.code) for rule in RULES.values())


@pytest.mark.parametrize("rule", list(RULES.values()), ids=lambda rule: rule.name)
def test_the_help_of_a_rule_names_only_its_parameters(rule):
    assert set(re.findall(r"\{(\w+)\}", rule.help or "")) <= set(rule.params)
