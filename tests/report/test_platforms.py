"""Each platform gets what it can take: its shape, its limits, and a word about what was left out."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from reports import CLEAN, EMPTY, REPORTERS, Many, finding, report, text_of, verdict

from ftdata.report import markdown, sarif
from ftdata.report.choose import MOST_PER_FILE, MOST_RESULTS, choose
from ftdata.types import InputReport

# The schema of OASIS as @microsoft/sarif-multitool 5.7.0 ships it (MIT).
SARIF = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0.json").read_text("utf-8")),
    format_checker=jsonschema.FormatChecker(),
)
# docs.gitlab.com/ci/testing/code_quality
GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!\./|/)."},
                    "lines": {"required": ["begin"], "properties": {"begin": {"type": "integer", "minimum": 1}}},
                },
            },
        },
    },
}
# reviewdog/reviewdog at 08614ef, proto/rdf/reviewdog.proto
RDJSON = {
    "type": "object",
    "required": ["source", "diagnostics"],
    "additionalProperties": False,
    "properties": {
        "source": {"required": ["name"]},
        "diagnostics": {
            "type": "array",
            "items": {
                "required": ["message", "location", "severity"],
                "additionalProperties": False,
                "properties": {
                    "message": {"type": "string", "minLength": 1},
                    "severity": {"enum": ["ERROR", "WARNING", "INFO"]},
                    "code": {"type": "object", "required": ["value"]},
                    "location": {"type": "object", "required": ["path"], "properties": {"path": {"type": "string"}}},
                },
            },
        },
    },
}
# jenkinsci/xunit-plugin at 031e285, junit-10.xsd: elements with the attributes and children that they may have
JUNIT = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped"}, {"testcase"}),
    "testcase": ({"name", "classname"}, {"skipped", "error", "failure", "system-out"}),
    "skipped": ({"message"}, set()),
    "error": ({"message", "type"}, set()),
    "failure": ({"message", "type"}, set()),
    "system-out": (set(), set()),
}
UNREADABLE = InputReport("lost.jsonl", error="the file is empty", help="Check the export.")
RULES = [f"FT{number}" for number in range(200, 240)]
SAMPLES = {
    "empty": EMPTY,
    "clean": CLEAN,
    "unreadable": report(inputs=[UNREADABLE]),
    "one": report([finding()]),
    "mixed": report(
        [
            finding(1),
            finding(2, severity="warning", code="FT102"),
            finding(3, code="FT103", severity="info", targets=("openai",)),
        ],
        inputs=["train.jsonl", UNREADABLE, "sub/eval.jsonl"],
    ),
    "whole set": report([finding(place={"line": None, "row": None, "column": None, "pointer": None}, sample=None)]),
    "no lines": report([finding(7, "table.parquet", place={"line": None, "column": None})], inputs=["table.parquet"]),
    "skipped": report(verdicts=[verdict(status="skipped", count=0, reason="needs the extra [lang]")]),
    "many rules": report([finding(n, code=code) for n, code in enumerate(RULES, 1)]),
    "many findings": report([finding(n) for n in range(1, 3000)]),
    "many files": report([finding(n, f"{n}.jsonl") for n in range(1, 1500)], inputs=[f"{n}.jsonl" for n in range(1, 1500)]),
}


def commands(judged, **options):
    """The annotations as (kind, properties, message)."""
    found = []
    for line in text_of("github", judged, **options).splitlines():
        if match := re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line):
            found.append((match[1], dict(part.split("=", 1) for part in match[2].split(",")), match[3]))
    return found


def check_junit(text):
    """Parse JUnit, check its elements, and that its counts are true."""
    root = ElementTree.fromstring(text)
    for element in root.iter():
        attributes, children = JUNIT[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
    for suite in root:
        assert suite.get("tests") == str(len(suite))
        for kind, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert suite.get(name) == str(len(suite.findall(f"testcase/{kind}")))
        assert len({case.get("name") for case in suite}) == len(suite)
    assert root.get("tests") == str(len(root.findall("testsuite/testcase")))
    return root


def check(name, text):
    """Check what a reporter printed against the schema of its platform."""
    if name == "sarif":
        SARIF.validate(json.loads(text))
    elif name == "gitlab":
        issues = json.loads(text)
        jsonschema.validate(issues, GITLAB)
        assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    elif name == "rdjson":
        jsonschema.validate(json.loads(text), RDJSON)
    elif name == "junit":
        check_junit(text)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("name", REPORTERS)
def test_every_report_has_the_shape_of_its_platform(name, sample):
    text = text_of(name, SAMPLES[sample])
    check(name, text)
    assert text_of(name, SAMPLES[sample]) == text
    assert text.endswith("\n") and "\r" not in text


# GitHub annotations


def test_a_step_gets_at_most_ten_annotations_of_each_kind():
    for severity in ("error", "warning", "info"):
        judged = report(
            [finding(n, code=code, severity=severity) for n, code in enumerate(RULES, 1)],
            inputs=[InputReport(f"{n}.jsonl", error="empty") for n in range(30)],
        )
        assert max(Counter(kind for kind, _, _ in commands(judged)).values()) <= 10


def test_a_rule_is_one_annotation_at_its_first_finding_with_the_count():
    judged = report([finding(n) for n in range(4, 816)])
    ((kind, where, message),) = commands(judged)
    assert (kind, where["file"], where["line"]) == ("error", "train.jsonl", "4")
    assert "812 findings" in message


def test_the_worst_rules_are_annotated_and_the_rest_are_named_in_a_notice():
    findings = [finding(n, code=code) for n, code in enumerate(RULES, 1)] + [finding(99, code=RULES[-1])]
    found = commands(report(findings))
    assert found[0][1]["title"].endswith(RULES[-1])
    assert found[-1][0] == "notice"
    shown = {where["title"].split()[1] for kind, where, _ in found if kind == "error"}
    named = set(re.findall(r"FT\d+", found[-1][2]))
    assert len(shown) == 10 and not shown & named
    assert "10 more rules" in found[-1][2]


def test_skipped_rules_are_named_and_are_an_error_where_the_run_fails_for_them():
    skipped = [verdict(status="skipped", count=0, reason="needs [lang]")]
    assert [kind for kind, _, _ in commands(report(verdicts=skipped))] == ["notice"]
    assert [kind for kind, _, _ in commands(report(verdicts=skipped, fail_on_skip=True))] == ["error"]


def test_percent_signs_and_newlines_of_the_data_are_not_decoded_by_the_runner():
    judged = report([finding(message="a%0A::error::b\n::c", path="x,line=9:y%2C.jsonl")])
    ((_, where, message),) = commands(judged)
    assert message.startswith("a%250A::error::b\\n::c")
    assert where["file"] == "x%2Cline=9%3Ay%252C.jsonl" and where["line"] == "1"


# SARIF


def results(judged, **options):
    return json.loads(text_of("sarif", judged, **options))["runs"][0]["results"]


def test_github_gets_every_property_that_it_asks_of_sarif():
    log = json.loads(text_of("sarif", SAMPLES["mixed"], docs={"FT101": "A sentence.\n\n## Why\nBecause."}))
    run = log["runs"][0]
    assert log["$schema"] and log["version"] == "2.1.0" and run["tool"]["driver"]["rules"]
    for rule in run["tool"]["driver"]["rules"]:
        assert rule["id"] and rule["shortDescription"]["text"] and rule["fullDescription"]["text"] and rule["help"]["text"]
    assert "## Why" in run["tool"]["driver"]["rules"][0]["help"]["markdown"]
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        assert set(place["region"]) == {"startLine", "startColumn", "endLine", "endColumn"}
        assert place["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
        assert ":" not in place["artifactLocation"]["uri"] and not place["artifactLocation"]["uri"].startswith("/")
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["partialFingerprints"]["primaryLocationLineHash"]
    assert run["automationDetails"]["id"].endswith("/")


def test_a_fingerprint_stays_where_the_sample_moves_to_another_line_or_file():
    before = results(report([finding(1, sample="aa"), finding(2, sample="bb")]))
    after = results(report([finding(9, "other.jsonl", sample="bb"), finding(12, "other.jsonl", sample="aa")]))
    assert {result["partialFingerprints"]["primaryLocationLineHash"] for result in before} == {
        result["partialFingerprints"]["primaryLocationLineHash"] for result in after
    }


def test_samples_that_begin_alike_have_fingerprints_of_their_own():
    judged = report([finding(n, message="same words") for n in range(1, 41)])
    assert len({result["partialFingerprints"]["primaryLocationLineHash"] for result in results(judged)}) == 40


def test_two_findings_of_one_rule_in_one_sample_are_told_apart():
    judged = report([finding(1), finding(1)])
    first, second = (result["partialFingerprints"]["primaryLocationLineHash"] for result in results(judged))
    assert first != second and first.split(":")[0] == second.split(":")[0]


def test_a_fact_about_the_set_keeps_its_fingerprint_when_its_numbers_change():
    place = {"line": None, "row": None, "column": None, "pointer": None}
    one, two = (results(report([finding(place=place, sample=None, message=f"{n} samples")])) for n in (5, 6))
    assert one[0]["partialFingerprints"] == two[0]["partialFingerprints"]


def test_an_input_that_cannot_be_judged_is_an_error_and_no_success():
    log = json.loads(text_of("sarif", SAMPLES["unreadable"]))
    assert [result["level"] for result in log["runs"][0]["results"]] == ["error"]
    assert not log["runs"][0]["invocations"][0]["executionSuccessful"]


def test_brackets_of_the_data_make_no_link_in_a_message():
    (result,) = results(report([finding(message="see [x](http://evil.example) \\[y\\](z)")]))
    words = result["message"]["text"]
    assert all(len(match[1]) % 2 for match in re.finditer(r"(\\*)[\[\]]", words))


def test_runs_over_other_files_have_categories_of_their_own():
    def category(*paths):
        return json.loads(text_of("sarif", report(inputs=paths)))["runs"][0]["automationDetails"]["id"]

    assert category("data/train.jsonl") == "ftdata/data/train/"
    assert category("data/a/x.jsonl", "data/b/y.jsonl") == "ftdata/data/"
    assert category("a.jsonl", "b.jsonl") == category() == "ftdata/"


# What is chosen where there is too much


def test_a_rule_with_many_findings_in_a_file_is_one_result_with_the_count():
    few, many = (choose(report([finding(n) for n in range(1, count + 1)])) for count in (MOST_PER_FILE, MOST_PER_FILE + 1))
    assert [item.count for item in few.results] == [1] * MOST_PER_FILE
    assert [item.count for item in many.results] == [MOST_PER_FILE + 1]
    assert not few.left_out and not many.left_out


def test_every_rule_is_shown_before_any_rule_is_shown_in_detail():
    findings = [finding(n, f"{n % 900}.jsonl") for n in range(3000)]
    findings += [finding(n, code=code, severity="info") for n, code in enumerate(RULES, 1)]
    choice = choose(report(findings))
    assert {item.finding.code for item in choice.results} == {"FT101", *RULES}
    assert len(choice.results) <= MOST_RESULTS


def test_what_is_chosen_and_what_is_left_out_are_all_findings():
    for count in (1, 999, 1000, 1001, 5000):
        judged = report([finding(n, f"{n // 3}.jsonl", code=RULES[n % 7]) for n in range(count)])
        choice = choose(judged)
        assert sum(item.count for item in choice.results) + sum(choice.left_out.values()) == count
        assert len(choice.results) <= MOST_RESULTS


@pytest.mark.parametrize("name", ["sarif", "gitlab", "rdjson"])
def test_what_is_left_out_is_said(name):
    assert "left out" in text_of(name, SAMPLES["many files"])


# Paths


@pytest.mark.parametrize("name", ["github", "sarif", "gitlab", "rdjson", "junit"])
def test_paths_are_told_from_the_root_of_the_repository(name, tmp_path, monkeypatch):
    (tmp_path / "sub dir").mkdir()
    (tmp_path / "real.jsonl").write_bytes(b"{}")
    (tmp_path / "sub dir" / "link.jsonl").symlink_to(tmp_path / "real.jsonl")
    monkeypatch.chdir(tmp_path / "sub dir")
    text = text_of(name, report([finding(path="./train.jsonl"), finding(path="link.jsonl", code="FT102")]), root=str(tmp_path))
    assert ("sub%20dir/train.jsonl" if name == "sarif" else "sub dir/train.jsonl") in text
    assert "link.jsonl" not in text and "real.jsonl" in text
    assert "\\" not in text
    absolute = report([finding(path=str(tmp_path / "sub dir" / "train.jsonl"))], inputs=())
    assert str(tmp_path) not in text_of(name, absolute, root=str(tmp_path))


@pytest.mark.parametrize("path", ["https://evil.example/x", "hf://data/x", "<stdin>", "a\x00b", "\udcff.jsonl", "\ud800"])
def test_no_path_becomes_an_address_of_elsewhere(path):
    log = json.loads(text_of("sarif", report([finding(path=path)], inputs=[path])))
    uri = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", uri) and "//" not in uri


# JUnit


def cases(judged):
    root = check_junit(text_of("junit", judged))
    return {(suite.get("name"), case.get("name")): [child.tag for child in case] for suite in root for case in suite}


def test_a_rule_is_one_case_in_each_file():
    judged = report(
        [finding(n) for n in range(1, 8)],
        [verdict(count=7), verdict("FT102", count=0, status="clean"), verdict("FT103", status="skipped", count=0, reason="no")],
        ["train.jsonl", "eval.jsonl"],
    )
    assert cases(judged) == {
        ("train.jsonl", "rule-ft101 FT101"): ["failure"],
        ("train.jsonl", "rule-ft102 FT102"): [],
        ("train.jsonl", "rule-ft103 FT103"): ["skipped"],
        ("eval.jsonl", "rule-ft101 FT101"): [],
        ("eval.jsonl", "rule-ft102 FT102"): [],
        ("eval.jsonl", "rule-ft103 FT103"): ["skipped"],
    }
    body = check_junit(text_of("junit", judged)).find("testsuite/testcase/failure").text
    assert body.count("no answer") == 5 and "2 more" in body


@pytest.mark.parametrize("fail_on", ["error", "warning", "info", "never"])
def test_a_case_fails_where_the_run_fails(fail_on):
    severities = ["error", "warning", "info"]
    for severity in severities:
        judged = report([finding(severity=severity)], fail_on=fail_on)
        assert bool(check_junit(text_of("junit", judged)).findall(".//failure")) == bool(judged.exit_code)
        assert "no answer" in text_of("junit", judged)
    skipped = report(verdicts=[verdict(status="skipped", count=0)], fail_on=fail_on, fail_on_skip=True)
    assert check_junit(text_of("junit", skipped)).findall(".//failure")


def test_an_input_that_cannot_be_judged_is_an_error_case():
    assert cases(SAMPLES["unreadable"]) == {("lost.jsonl", "readable"): ["error"]}


# Markdown


@pytest.mark.parametrize("budget", [2_300, 3_000, 10_000, 60_000, 1_000_000])
@pytest.mark.parametrize("sample", SAMPLES)
def test_markdown_keeps_to_its_budget_and_says_what_it_left_out(sample, budget):
    text = text_of("markdown", SAMPLES[sample], budget=budget)
    assert len(text.encode()) <= budget
    whole = text_of("markdown", SAMPLES[sample], budget=10_000_000)
    assert text == whole or "left out" in text
    assert markdown.REST in text or text == whole


def test_a_cut_comment_shows_the_worst_rules_and_points_to_the_rest():
    rest = "[The whole report](https://ci.example/run/7)"
    text = text_of("markdown", SAMPLES["many rules"], budget=3_000, rest=rest)
    rows = [line for line in text.splitlines() if line.startswith("| 🔴")]
    assert [re.search(r"FT\d+", row)[0] for row in rows] == RULES[: len(rows)]
    assert text.endswith(f"left out.\n{rest}\n")


def test_a_budget_too_small_for_the_heading_is_refused():
    with pytest.raises(ValueError, match="too small"):
        text_of("markdown", CLEAN, budget=1_000)


def test_the_heading_says_how_it_stands():
    assert text_of("markdown", CLEAN).startswith("## ✅ ftdata: no findings\n")
    assert text_of("markdown", SAMPLES["one"]).startswith("## ❌ ftdata: 1 error\n")
    assert text_of("markdown", SAMPLES["unreadable"]).startswith("## ❌ ftdata: 1 file could not be judged\n")


# Size


@pytest.mark.parametrize("name", REPORTERS)
def test_a_hundred_thousand_findings_take_bounded_room(name):
    count = 100_000
    words = "words of the data, 한국어, \x1b[31m " * 40
    judged = report(
        Many(count, lambda n: finding(n, f"{n % 40}.jsonl", code=RULES[n * 7919 % 40], message=words, excerpt=words)),
        [verdict(code, count=count // 40) for code in RULES],
        [f"{n}.jsonl" for n in range(40)],
    )
    judged.findings.counts = {"error": count, "warning": 0, "info": 0}
    tracemalloc.start()
    try:
        written = sum(len(line.encode()) + 1 for line in REPORTERS[name](judged))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert written < 8_000_000
    assert peak < 60_000_000


def test_sarif_stays_within_what_github_takes():
    text = text_of("sarif", SAMPLES["many files"], docs=dict.fromkeys(RULES, "x" * 100_000))
    assert len(gzip.compress(text.encode())) < 10_000_000
    run = json.loads(text)["runs"][0]
    assert len(run["results"]) <= 5_000
    assert all(len(rule["properties"]["tags"]) <= sarif.MOST_TAGS for rule in run["tool"]["driver"]["rules"])
