"""The fix of every rule, on the rule's own cases: it mends the fault or leaves it and says so, and it comes to rest."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import yaml

import ftdata.checks  # noqa: F401
from ftdata.fix.engine import Fixer, plan_of
from ftdata.fix.fixers import FIXERS
from ftdata.formats import detect_row, parse, sample_id
from ftdata.judge.plan import Plan, Step
from ftdata.rule import RULES

# Faults whose repair would have to be invented: the finding stays, and the row is reported.
UNMENDED = {
    "wrong-content-type": [1, 3],  # an object: which field is the text?; a list, which mixed-content-types mends
    "mixed-content-types": [4],  # an image, for a target that reads text
    "malformed-part": [1, 2, 3, 4],  # an unknown type; a text part without a text, images without an address
    "mojibake": [2],  # U+FFFD: the letter is gone
    "content-key-absent": [2, 3],  # what a turn without calls should say is unknown
    "invalid-weight": [0, 1, 3, 6],  # 0.5, 7 and texts have to be decided
    "invalid-name": [5],  # a tool's result: its name is the tool's
    "legacy-function-call": [1],  # a result without any call
    "arguments-string": [1],  # an empty text is no object
    "arguments-not-json": [1, 3],  # a list; a text inside a text
    "arguments-not-string": [2, 4],  # a number; null
    "incomplete-tool-call": [2, 3, 4, 5, 6],  # a name cannot be made up, nor arguments; another type; no list
    "missing-tool-call-id": [2],  # there is no call
    "tool-call-id-format": [2, 3],  # the id of a result without a call
    "parallel-tool-calls": [0, 1],  # the results are not there; ShareGPT
    "reasoning-ignored": [0],  # the target reads no reasoning
    "tool-call-in-text": [0, 1],  # a call without arguments; a call in a fence
    "unbalanced-think": [0, 2],  # where reasoning ends is unknown
}
# A fix that says the same as before in another way keeps the sample's hash.
SAME_SAMPLE = [
    "extra-key", "extra-message-key", "arguments-not-string", "arguments-string", "incomplete-tool-call", "content-key-absent",
    "null-content", "mixed-content-types", "invalid-weight", "weight-outside-assistant", "tool-call-id-format",
]  # fmt: skip
NOT_FIXED = {
    "near-duplicate", "near-leak",  # `ftdata dedupe` drops them
    "leaked-sample",
}  # fmt: skip
CASES = Path(__file__).parent.parent / "rules"


def cases(kind):
    for path in sorted(CASES.glob("*.yaml")):
        loaded = yaml.safe_load(path.read_text("utf-8"))
        name = loaded["rule"]
        if name not in FIXERS or FIXERS[name].level in ("file", "set") or name == "too-long":
            continue
        for number, case in enumerate(loaded.get(kind) or []):
            if not (isinstance(case, dict) and "row" in case):
                case = {"row": case}
            yield pytest.param(name, number, case, id=f"{name}-{number}")


def fixer_for(name, case):
    rule = RULES[name]
    params = {**rule.params, **(case.get("params") or {})}
    return Fixer(Plan((Step(name, params, None, None, rule.message),), format=case.get("format")), unsafe=True)


@pytest.mark.parametrize(("name", "number", "case"), list(cases("fail")))
def test_a_fault_is_mended_or_left_and_said_so(name, number, case):
    raw = orjson.dumps(case["row"])
    (fixed,) = fixer_for(name, case).fix_rows([raw])
    if number in UNMENDED.get(name, ()):
        assert fixed.left == [name] and fixed.row == raw and not fixed.applied
    elif fixed.row is None:
        assert fixed.dropped is not None and fixed.dropped[0] == name and fixed.dropped[1]
    else:
        assert fixed.left == [] and [rule for rule, _ in fixed.applied] == [name] and fixed.row != raw


@pytest.mark.parametrize(("name", "number", "case"), list(cases("fail")))
def test_what_is_fixed_is_not_fixed_again(name, number, case):
    fixer = fixer_for(name, case)
    (once,) = fixer.fix_rows([orjson.dumps(case["row"])])
    if once.row is not None:
        (twice,) = fixer.fix_rows([once.row])
        assert twice.row == once.row and not twice.applied and twice.left == once.left


@pytest.mark.parametrize(("name", "number", "case"), list(cases("pass")))
def test_a_row_without_the_fault_is_not_touched(name, number, case):
    raw = orjson.dumps(case["row"])
    (fixed,) = fixer_for(name, case).fix_rows([raw])
    assert fixed.row == raw and not fixed.changed and fixed.left == []


@pytest.mark.parametrize(("name", "number", "case"), [p for p in cases("fail") if p.values[0] in SAME_SAMPLE])
def test_a_fix_of_the_spelling_leaves_the_sample_what_it_is(name, number, case):
    (fixed,) = fixer_for(name, case).fix_rows([orjson.dumps(case["row"])])
    row = case["row"]
    assert fixed.sample == sample_id(parse(row, case.get("format") or detect_row(row)))


@pytest.mark.parametrize("name", sorted(FIXERS))
def test_a_fix_is_as_safe_as_its_rule_says(name):
    assert RULES[name].fix_safety == FIXERS[name].safety
    assert FIXERS[name].title and not FIXERS[name].title.endswith(".")


def test_every_rule_with_a_fix_has_one_here():
    promised = {rule.name for rule in RULES.values() if rule.fix_safety in ("safe", "unsafe")}
    assert promised - set(FIXERS) == NOT_FIXED


@pytest.mark.parametrize("name", [name for name in FIXERS if FIXERS[name].safety == "unsafe"])
def test_an_unsafe_fix_is_not_done_unasked(name):
    assert Fixer(plan_of(name)).rules == []
    assert Fixer(plan_of(name), unsafe=True).rules == ([name] if RULES[name].scope != "measure" else [])
