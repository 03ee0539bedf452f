"""``ftdata lint --output-format`` writes what a platform reads, with paths told from the root of the repository."""

from __future__ import annotations

import json

import pytest
from reports import REPORTERS
from test_cli import run
from test_platforms import check


@pytest.fixture
def repository(tmp_path):
    """A git repository with data in a folder whose name needs quoting."""
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "my data"
    folder.mkdir()
    row = {"messages": [{"role": "user", "content": "::add-mask::\x1b[31m <script> =A1"}]}
    (folder / "train.jsonl").write_text(json.dumps(row) + "\n{\n", "utf-8")
    return folder


@pytest.mark.parametrize("name", REPORTERS)
def test_a_report_for_a_platform_is_the_same_on_the_screen_and_in_a_file(name, repository):
    done = run("lint", "train.jsonl", "--output-format", name, cwd=repository)
    assert done.returncode == 1, done.stderr
    check(name, done.stdout)
    assert ("my%20data/train.jsonl" if name == "sarif" else "my data/train.jsonl") in done.stdout
    filed = run("lint", "train.jsonl", "--output-format", name, "-o", "report.out", cwd=repository)
    assert filed.returncode == 1 and filed.stdout == ""
    assert (repository / "report.out").read_text("utf-8") == done.stdout


def test_sarif_carries_the_documentation_of_the_rules(repository):
    log = json.loads(run("lint", "train.jsonl", "--output-format", "sarif", cwd=repository).stdout)
    rules = {rule["id"]: rule for rule in log["runs"][0]["tool"]["driver"]["rules"]}
    assert "## Why" in rules["FT101"]["help"]["markdown"]
    assert all(rule["help"].get("markdown") for code, rule in rules.items() if code.startswith("FT"))


def test_the_format_may_be_set_by_the_environment_and_the_configuration(repository):
    (repository / "ftdata.toml").write_text('output-format = "gitlab"\n', "utf-8")
    check("gitlab", run("lint", "train.jsonl", cwd=repository).stdout)
    check("junit", run("lint", "train.jsonl", cwd=repository, env={"FTDATA_OUTPUT_FORMAT": "junit"}).stdout)
