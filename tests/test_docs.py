"""The documents say what the code does: commands run, rules and packs are named, examples are real."""

from __future__ import annotations

import re
import shlex

import pytest
from places import ROOT
from test_cli import run

from ftdata.cli import COMMANDS
from ftdata.packs import names

README = (ROOT / "README.md").read_text("utf-8")
KOREAN = (ROOT / "README.ko.md").read_text("utf-8")


@pytest.mark.parametrize("text", [README, KOREAN], ids=["en", "ko"])
def test_the_readme_names_every_command_target_and_goal(text):
    for name in [*COMMANDS, *names("targets"), *names("goals")]:
        assert name in text, name
    assert "@@" not in text


def test_the_demo_of_the_readme_is_what_the_command_prints():
    block = re.search(r"```console\n\$ (ftdata .*?)\n(.*?)```", README, re.S)
    arguments = shlex.split(block.group(1))[1:]
    printed = run(*arguments, "--isolated", cwd=ROOT).stdout
    shown = [line for line in block.group(2).rstrip().splitlines() if line.strip() not in ("", "…")]
    position = 0
    for line in shown:
        found = printed.find(line, position)
        assert found >= 0, f"not printed, or not in this order: {line}"
        position = found + len(line)


def test_every_option_of_a_command_has_help():
    for name in COMMANDS:
        text = run(name, "--help").stdout
        assert "Usage:" in text
        for match in re.finditer(r"^  (-[^\n]*?)(?:  +(\S.*))?$", text, re.M):
            following = text[match.end() : match.end() + 60]
            assert match.group(2) or following.startswith("\n      "), match.group(1)


def test_the_readme_of_the_sample_data_names_every_file():
    text = (ROOT / "sample_data" / "README.md").read_text("utf-8")
    for path in [*(ROOT / "sample_data").glob("clean/*"), *(ROOT / "sample_data").glob("dirty/*")]:
        assert path.name in text, path.name


def test_the_readme_names_every_measure_that_a_custom_rule_may_use():
    from ftdata.measure.registry import MEASURES

    for name, measure in MEASURES.items():
        if measure.level != "key" and name != "types":
            assert f"`{name}`" in README, name
