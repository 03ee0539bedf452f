"""``ftdata baseline`` and ``[[suppress]]``: what is accepted is hidden and counted, only shrinks, and is never taken for clean."""

from __future__ import annotations

import datetime
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repositories import chat, ftdata, lines, lint, names

from ftdata.errors import ConfigError
from ftdata.judge.baseline import Accepted, Baseline, dump, read_baseline
from ftdata.judge.patterns import matches
from ftdata.judge.suppress import read_suppressions
from ftdata.judge.whole import WHOLE, is_worse, value_of
from ftdata.rule import RULES

SECRET = (
    "sk-proj-"
    + "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0cD3fG6hJ9kL2nP5qR8tU1w"
    + "T3BlbkFJ"
    + "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0cD3fG6hJ9kL2nP5qR8tU1w"
)
KNOWN = ("--baseline", "ftdata-baseline.json")


@pytest.fixture
def folder(tmp_path):
    """Ten good samples and two without an answer, accepted."""
    write(tmp_path, [chat(n) for n in range(10)] + [chat(90, answer=False), chat(91, answer=False)])
    done = ftdata("baseline", "create", "train.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def write(folder, rows, name="train.jsonl"):
    (folder / name).write_text(lines(rows), "utf-8")


def verdict(report, name="missing-assistant-turn"):
    return next(v for v in report["verdicts"] if v["name"] == name)


def test_accepted_findings_are_hidden_and_counted(folder):
    code, report = lint("train.jsonl", *KNOWN, cwd=folder)
    assert code == 0 and names(report) == []
    assert verdict(report)["status"] == "suppressed" and verdict(report)["hidden"] == {"baseline": 2}


def test_a_new_finding_counts_beside_accepted_ones(folder):
    write(folder, [chat(92, answer=False), *(chat(n) for n in range(10)), chat(91, answer=False), chat(90, answer=False)])
    code, report = lint("train.jsonl", *KNOWN, cwd=folder)
    assert code == 1 and [f["line"] for f in report["findings"]] == [1]


def test_a_baseline_holds_in_another_format_order_and_file(folder):
    (folder / "train.jsonl").unlink()
    rows = [chat(91, answer=False), *(chat(n) for n in range(10)), chat(90, answer=False)]
    (folder / "all.json").write_text(json.dumps(rows), "utf-8")
    code, report = lint("all.json", *KNOWN, cwd=folder)
    assert code == 0 and verdict(report)["hidden"] == {"baseline": 2}


def test_an_entry_that_is_gone_fails_with_the_command_that_prunes_it(folder):
    write(folder, [chat(n) for n in range(10)] + [chat(90, answer=False)])
    code, report = lint("train.jsonl", *KNOWN, cwd=folder)
    assert code == 1 and names(report) == ["stale-baseline"]
    finding = report["findings"][0]
    assert "`ftdata baseline prune`" in finding["message"] and finding["path"] == "ftdata-baseline.json"
    assert report["findings"][0]["line"] == 1 + next(
        at
        for at, line in enumerate((folder / "ftdata-baseline.json").read_text().splitlines())
        if finding["message"].split()[2] in line
    )
    assert ftdata("baseline", "prune", cwd=folder).returncode == 0
    code, report = lint("train.jsonl", *KNOWN, cwd=folder)
    assert code == 0 and verdict(report)["hidden"] == {"baseline": 1}


def test_what_did_not_run_is_not_said_to_be_gone(folder):
    write(folder, [chat(n) for n in range(40, 45)], "other.jsonl")
    for arguments in (("other.jsonl",), ("train.jsonl", "--select", "exact-duplicate")):
        code, report = lint(*arguments, *KNOWN, cwd=folder)
        assert code == 0 and names(report) == []


def test_create_never_adds_to_a_baseline_unless_it_is_forced(folder):
    write(folder, [chat(n) for n in range(10)] + [chat(90, answer=False), chat(93, answer=False)])
    before = (folder / "ftdata-baseline.json").read_bytes()
    done = ftdata("baseline", "create", "train.jsonl", cwd=folder)
    assert done.returncode == 2 and "1 of missing-assistant-turn" in done.stderr and "--force" in done.stderr
    assert (folder / "ftdata-baseline.json").read_bytes() == before
    assert ftdata("baseline", "create", "train.jsonl", "--force", cwd=folder).returncode == 0
    code, _ = lint("train.jsonl", *KNOWN, cwd=folder)
    assert code == 0


def test_prune_never_adds(folder):
    write(folder, [chat(n) for n in range(10)] + [chat(90, answer=False), chat(93, answer=False)])
    done = ftdata("baseline", "prune", cwd=folder)
    assert done.returncode == 0 and "1 of missing-assistant-turn" in done.stdout
    code, report = lint("train.jsonl", *KNOWN, cwd=folder)
    assert code == 1 and len(report["findings"]) == 1


def test_a_secret_is_never_accepted(tmp_path):
    row = chat(1)
    row["messages"][1]["content"] += f" The key is {SECRET}."
    write(tmp_path, [row, chat(2)])
    done = ftdata("baseline", "create", "train.jsonl", cwd=tmp_path)
    assert "never be: 1 of secret" in done.stdout
    path = tmp_path / "ftdata-baseline.json"
    made = json.loads(path.read_text())
    _, report = lint("train.jsonl", "--select", "secret", cwd=tmp_path)
    made["findings"]["secret"] = {report["findings"][0]["sample"][:16]: 1}
    path.write_text(json.dumps(made))
    code, report = lint("train.jsonl", *KNOWN, cwd=tmp_path)
    assert code == 1 and "secret" in names(report) and "stale-baseline" in names(report)


def test_a_number_that_gets_worse_counts_again(tmp_path):
    options = ("--select", "answer-template", "--fail-on", "info")
    answer = {"role": "assistant", "content": "I am sorry, but I can only help with questions about our shop."}
    rows = [chat(n) for n in range(30)]
    for row in rows[:12]:
        row["messages"][1] = answer
    write(tmp_path, rows)
    assert ftdata("baseline", "create", "train.jsonl", "--select", "answer-template", cwd=tmp_path).returncode == 0
    assert lint("train.jsonl", *KNOWN, *options, cwd=tmp_path)[0] == 0
    rows[12]["messages"][1] = answer
    write(tmp_path, rows)
    assert lint("train.jsonl", *KNOWN, *options, cwd=tmp_path)[0] == 1
    rows[12]["messages"][1] = rows[11]["messages"][1] = chat(11)["messages"][1]
    write(tmp_path, rows)
    assert lint("train.jsonl", *KNOWN, *options, cwd=tmp_path)[0] == 0
    assert ftdata("baseline", "prune", "--select", "answer-template", cwd=tmp_path).returncode == 0
    rows[11]["messages"][1] = answer
    write(tmp_path, rows)
    assert lint("train.jsonl", *KNOWN, *options, cwd=tmp_path)[0] == 1, "what was pruned stays pruned"


def test_the_configuration_may_name_the_baseline(folder):
    (folder / "ftdata.toml").write_text('baseline = "ftdata-baseline.json"\n')
    (folder / "below").mkdir()
    code, report = lint("../train.jsonl", cwd=folder / "below")
    assert code == 0 and verdict(report)["hidden"] == {"baseline": 2}


def test_a_reason_is_kept_through_pruning(folder):
    done = ftdata("baseline", "create", "train.jsonl", "--reason", "FT101=prompts of the old app", cwd=folder)
    assert done.returncode == 0
    write(folder, [chat(n) for n in range(10)] + [chat(90, answer=False)])
    ftdata("baseline", "prune", cwd=folder)
    assert "1  missing-assistant-turn: prompts of the old app" in ftdata("baseline", "show", cwd=folder).stdout


DAMAGED = [b"", b"{", b"[]", b"{}", b'{"ftdata-baseline": 2, "findings": {}}', b'{"ftdata-baseline": 1}', b'{"ftdata-baseline": 1, "findings": []}',
           b'{"ftdata-baseline": 1, "findings": {"x": {"y": 0}}}', b'{"ftdata-baseline": 1, "findings": {"x": {"y": true}}}',
           b'{"ftdata-baseline": 1, "findings": {"x": {"y": 1, "y": 2}}}', b'{"ftdata-baseline": 1, "findings": {}, "more": 1}',
           b"<<<<<<< HEAD\n{}", b"\xff\xfe", b"[" * 100_000]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_baseline_is_no_empty_one(tmp_path, content):
    (tmp_path / "b.json").write_bytes(content)
    with pytest.raises(ConfigError):
        read_baseline(str(tmp_path / "b.json"))


def test_a_damaged_or_missing_baseline_ends_with_2(folder):
    assert ftdata("lint", "train.jsonl", "--baseline", "none.json", cwd=folder).returncode == 2
    (folder / "ftdata-baseline.json").write_text("{")
    for arguments in (
        ("lint", "train.jsonl", *KNOWN),
        ("baseline", "prune"),
        ("baseline", "show"),
        ("baseline", "create", "train.jsonl"),
    ):
        done = ftdata(*arguments, cwd=folder)
        assert done.returncode == 2 and "damaged" in done.stderr


ENTRIES = st.builds(Accepted, st.integers(1, 5), st.none() | st.floats(0, 1e6, allow_nan=False))


@given(st.dictionaries(st.text(max_size=8), st.dictionaries(st.text(max_size=20), ENTRIES, min_size=1), max_size=4))
def test_a_baseline_is_read_as_it_was_written(tmp_path_factory, findings):
    path = tmp_path_factory.getbasetemp() / "round.json"
    path.write_bytes(dump(Baseline(str(path), findings, ["a"])))
    assert read_baseline(str(path)).findings == findings


def suppress(folder, **fields):
    given = "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())
    (folder / "ftdata.toml").write_text(f"[[suppress]]\n{given}")


@pytest.fixture
def plain(tmp_path):
    write(tmp_path, [chat(n) for n in range(10)] + [chat(90, answer=False), chat(91, answer=False)])
    return tmp_path


def test_a_suppression_hides_the_findings_of_its_files(plain):
    suppress(plain, rule="missing-assistant-turn", path="*.jsonl", reason="prompts only")
    code, report = lint("train.jsonl", cwd=plain)
    assert code == 0 and verdict(report)["hidden"] == {"suppressed": 2}


def test_a_suppression_hides_the_findings_of_its_sample_only(plain):
    _, report = lint("train.jsonl", cwd=plain)
    suppress(plain, rule="FT101", sample=report["findings"][0]["sample"][:8], reason="as it was said", until="2999-01-01")
    code, report = lint("train.jsonl", cwd=plain)
    assert code == 1 and len(report["findings"]) == 1 and verdict(report)["hidden"] == {"suppressed": 1}


def test_a_suppression_that_has_ended_hides_nothing_and_is_an_error(plain):
    suppress(plain, rule="missing-assistant-turn", path="train.jsonl", reason="until the relabel", until="2020-01-31")
    code, report = lint("train.jsonl", cwd=plain)
    assert code == 1 and names(report).count("missing-assistant-turn") == 2 and "expired-suppression" in names(report)
    message = next(f["message"] for f in report["findings"] if f["name"] == "expired-suppression")
    assert "2020-01-31" in message and "until the relabel" in message


def test_a_suppression_holds_on_its_last_day(plain):
    suppress(plain, rule="missing-assistant-turn", path="train.jsonl", reason="today", until=datetime.date.today().isoformat())
    assert lint("train.jsonl", cwd=plain)[0] == 0


def test_a_suppression_that_hides_nothing_is_a_warning(plain):
    suppress(plain, rule="exact-duplicate", path="train.jsonl", reason="none there")
    _, report = lint("train.jsonl", cwd=plain)
    assert [f["severity"] for f in report["findings"] if f["name"] == "unused-suppression"] == ["warning"]
    _, report = lint("train.jsonl", "--select", "FT101", cwd=plain)
    assert "unused-suppression" not in names(report)


@pytest.mark.parametrize(
    "entry",
    [
        {"rule": "missing-assistant-turn", "path": "a"},
        {"rule": "missing-assistant-turn", "path": "a", "reason": " "},
        {"rule": "missing-assistant-turn", "reason": "x"},
        {"rule": "missing-asistant-turn", "path": "a", "reason": "x"},
        {"rule": "secret", "path": "a", "reason": "x"},
        {"path": "a", "reason": "x"},
        {"rule": "FT101", "sample": "12ab", "reason": "x"},
        {"rule": "FT101", "sample": "not hexadecimal", "reason": "x"},
        {"rule": "FT101", "path": "a", "reason": "x", "until": "31.1.2027"},
        {"rule": "FT101", "path": "a", "reason": "x", "when": "now"},
        {"rule": "FT101", "path": [], "reason": "x"},
        "FT101",
    ],
)
def test_a_suppression_needs_a_rule_a_place_and_a_reason(entry):
    with pytest.raises(ConfigError):
        read_suppressions({"suppress": [entry]}, "ftdata.toml")


def test_a_custom_rule_may_be_suppressed():
    config = {
        "suppress": [{"rule": "ACME001", "path": "a", "reason": "x"}],
        "custom": [{"code": "ACME001", "name": "acme", "where": "n_chars > 1"}],
    }
    assert read_suppressions(config, "ftdata.toml")[0].rule == "ACME001"


@given(st.text("ab*?/.", max_size=30), st.text("ab/.", max_size=60))
def test_no_pattern_takes_long(pattern, path):
    assert matches(path, pattern) in (True, False)


def test_a_pattern_of_many_stars_is_fast():
    assert not matches("a" * 4000, "*a" * 500 + "b")


def test_every_rule_about_a_set_is_known_as_such():
    """A finding that stands at the first sample only because it must stand somewhere is known by its file."""
    assert set(WHOLE) <= {rule.name for rule in RULES.values() if rule.scope == "dataset"}
    assert value_of("prompt-template", 'data/7.jsonl: 34 % of the questions begin with "x" (1,200 samples)', "data/7.jsonl") == 34
    assert is_worse("prompt-template", 35, 34) and not is_worse("prompt-template", 33, 34) and is_worse("few-samples", 9, 10)


@pytest.mark.parametrize("name", ["FT901", "ft902", "unused-suppression"])
def test_rules_about_exceptions_are_explained_like_any_other(tmp_path, name):
    done = ftdata("rule", name, cwd=tmp_path)
    assert done.returncode == 0 and "What to do" in done.stdout and "cannot be suppressed" in done.stdout
    assert "FT901  stale-baseline" in ftdata("rule", "--all", cwd=tmp_path).stdout


def test_an_expectation_is_no_rule_and_that_is_explained(tmp_path):
    done = ftdata("rule", "GX001", cwd=tmp_path)
    assert done.returncode == 2 and "expectations" in done.stderr
