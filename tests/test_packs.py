"""Packs, configuration and precedence: later layers win, mistakes are named with a suggestion."""

from __future__ import annotations

import pytest

import ftdata.checks  # noqa: F401
from ftdata.config import find_config, load_config
from ftdata.errors import ConfigError, UsageError
from ftdata.judge.select import Choice, resolve
from ftdata.judge.verdicts import budgeted
from ftdata.packs import check_pack, names, parse_budget


def rules(**choice):
    return {selected.rule.name: selected for selected in resolve(Choice(**choice)).rules}


def test_core_runs_what_is_on_by_default_and_nothing_else():
    selected = rules()
    assert "missing-assistant-turn" in selected
    assert "too-long" not in selected
    assert "mixed-newlines" not in selected


def test_a_goal_sets_its_sample_counts():
    assert rules(goal="style")["too-few-samples"].params["minimum"] == 50
    assert rules(goal="task")["few-samples"].params["recommended"] == 500
    assert rules(goal="domain")["too-few-samples"].params["minimum"] == 500


def test_configuration_beats_the_goal_and_names_itself_as_the_origin():
    chosen = rules(goal="style", config={"rules": {"too-few-samples": {"minimum": 80}}}, config_origin="ftdata.toml")
    assert chosen["too-few-samples"].params["minimum"] == 80
    assert chosen["too-few-samples"].origin["minimum"] == "ftdata.toml"
    assert chosen["too-few-samples"].origin["recommended"] == "goal style"


def test_select_on_the_command_line_replaces_the_selection():
    assert set(rules(select=("blank-line", "FT401"))) == {"blank-line", "exact-duplicate"}


def test_the_narrower_selector_wins_and_ignore_wins_a_tie():
    assert "exact-duplicate" in rules(ignore=("FT4",), extend_select=("FT401",))
    assert "normalised-duplicate" not in rules(ignore=("FT4",), extend_select=("FT401",))
    assert "exact-duplicate" not in rules(ignore=("FT401",), extend_select=("FT401",))


def test_two_targets_that_agree_on_a_rule_share_one_check():
    selected = resolve(Choice(targets=("llama3", "qwen3"))).rules
    assert sum(s.rule.name == "missing-assistant-turn" for s in selected) == 1


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"select": ("mising-assistant-turn",)}, "Did you mean 'missing-assistant-turn'?"),
        ({"targets": ("opnai",)}, "Did you mean 'openai'?"),
        ({"goal": "stlye"}, "Did you mean 'style'?"),
        ({"targets": ("openai:gpt-9",)}, "unknown model 'gpt-9'"),
    ],
)
def test_an_unknown_name_is_refused_with_a_suggestion(choice, words):
    with pytest.raises(UsageError) as caught:
        resolve(Choice(**choice))
    assert words in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("pack", "words"),
    [
        ({"ruels": {}}, "Did you mean 'rules'?"),
        ({"rules": {"too-lang": {}}}, "Did you mean 'too-long'?"),
        ({"rules": {"too-long": {"maximum": 3}}}, "Did you mean 'max'?"),
        ({"rules": {"too-long": {"max": "many"}}}, "'many' is not a number"),
        ({"rules": {"too-long": {"severity": "fatal"}}}, "severity 'fatal'"),
        ({"rules": {"too-long": {"error": "lots"}}}, "budget 'lots'"),
        ({"rules": {"too-long": {"error": "> 101%"}}}, "out of range"),
        ({"custom": [{"code": "FT999", "name": "x", "where": "true"}]}, "prefix FT"),
        ({"custom": [{"code": "ACME001", "name": "x"}]}, "needs code, name and where"),
    ],
)
def test_a_pack_with_a_mistake_is_refused(pack, words):
    with pytest.raises((ConfigError, UsageError)) as caught:
        check_pack(pack, "pack.yaml")
    assert words in caught.value.message


def test_every_shipped_pack_loads():
    assert {"style", "task", "domain"} <= set(names("goals"))
    for goal in names("goals"):
        resolve(Choice(goal=goal))
    for target in names("targets"):
        resolve(Choice(targets=(target,)))


def test_budgets_are_counts_or_shares():
    assert parse_budget("> 1%", "x") == (0.01, True)
    assert parse_budget("> 10", "x") == (10, False)
    selected = rules(config={"rules": {"empty-content": {"error": "> 1%", "warning": "> 0"}}})["empty-content"]
    assert budgeted(selected, 1, 200) == "warning"
    assert budgeted(selected, 3, 200) == "error"


def test_the_closest_configuration_wins_and_nothing_is_merged(tmp_path):
    (tmp_path / "ftdata.toml").write_text('goal = "domain"\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_config(inner) == tmp_path / "ftdata.toml"
    (tmp_path / "a" / "pyproject.toml").write_text('[tool.ftdata]\ntarget = "openai"\n')
    assert find_config(inner) == tmp_path / "a" / "pyproject.toml"
    assert load_config(find_config(inner)).data == {"target": "openai"}


def test_extend_inherits_and_the_heir_wins(tmp_path):
    (tmp_path / "base.toml").write_text('goal = "domain"\n[rules]\nblank-line = "off"\n')
    (tmp_path / "ftdata.toml").write_text('extend = "base.toml"\ngoal = "style"\n[rules]\nmojibake = "error"\n')
    data = load_config(tmp_path / "ftdata.toml").data
    assert data["goal"] == "style"
    assert data["rules"] == {"blank-line": "off", "mojibake": "error"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gaol = 'style'\n", "Did you mean 'goal'?"),
        ("goal = 3\n", "goal"),
        ("goal = \n", "not valid TOML"),
        ("extend = 'ftdata.toml'\n", "extends itself"),
    ],
)
def test_a_configuration_with_a_mistake_is_refused(text, words, tmp_path):
    (tmp_path / "ftdata.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "ftdata.toml")
    assert words in caught.value.message and "ftdata.toml" in caught.value.message


def test_a_pack_of_ones_own_inherits_a_targets_facts_and_has_the_last_word(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nextends: [openai]\nrules:\n  too-long: {max: 30, severity: error}\n")
    selection = resolve(Choice(targets=(str(path),)))
    (target,) = selection.targets
    chosen = {selected.rule.name: selected for selected in selection.rules}
    assert target.tokenizer == "o200k_base" and target.facts["formats"]
    assert (chosen["too-long"].params["max"], chosen["too-long"].severity) == (30, "error")
    assert chosen["extra-key"].severity == "error"
