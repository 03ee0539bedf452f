"""Plugins: found by entry point, loaded only where allowed, and never able to take the run down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parent.parent / "docs" / "plugin-template"
CHAT = {"messages": [{"role": "user", "content": "Who sells it?"}, {"role": "assistant", "content": "Globex? Initech? You? We?"}]}


def install(folder, name, module, code=None):
    """Put a plugin on the path as pip would: a module, and the metadata with its entry point."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ftdata.plugins]\n{name} = {module}\n")
    if code is not None:
        (folder / f"{module}.py").write_text(code)


@pytest.fixture
def lint(tmp_path):
    """Run ``ftdata`` beside the plugins of a folder; return exit code, report and what went to stderr."""
    (tmp_path / "data.jsonl").write_text((json.dumps(CHAT) + "\n") * 3)

    def run(*arguments, config=None, path=()):
        if config is not None:
            (tmp_path / "ftdata.toml").write_text(config)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "plugins"), *map(str, path)])}
        done = subprocess.run(
            [sys.executable, "-m", "ftdata", *(arguments or ("lint", "data.jsonl", "--output-format", "json"))],
            capture_output=True, text=True, cwd=tmp_path, env=environment,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout, done.stderr

    return run


def skipped(report):
    return {verdict["name"]: verdict["reason"] for verdict in report["verdicts"] if verdict["status"] == "skipped"}


def codes(report):
    return {finding["code"] for finding in report["findings"]}


RULE = '''
from ftdata.rule import rule
@rule("{code}", "{name}", category="suspicious", scope="{scope}", message="found")
def check(x, p):
    """Says something.

    ## Why
    Because.
    ## Example
    One.
    ## Fix safety
    None.
    """
    {body}
'''


def test_the_template_of_the_docs_works_as_it_stands(lint, tmp_path):
    install(tmp_path / "plugins", "acme", "ftdata_acme")
    _, report, _ = lint(path=[TEMPLATE])
    assert codes(report) >= {"ACME001", "ACME002"} and not skipped(report)
    _, printed, _ = lint("rule", "ACME001", path=[TEMPLATE])
    assert "names a competitor" in printed
    _, report, _ = lint("lint", "data.jsonl", "--target", "acme-gateway", "--output-format", "json", path=[TEMPLATE])
    assert report["targets"] == ["acme-gateway"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "plugins"), str(TEMPLATE)])}
    own = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TEMPLATE / "tests")]
    assert subprocess.run(own, env=environment, cwd=tmp_path, capture_output=True).returncode == 0


def test_only_plugins_on_the_list_are_imported(lint, tmp_path):
    install(tmp_path / "plugins", "bad", "bad_module", "raise SystemExit('imported')")
    install(
        tmp_path / "plugins",
        "good",
        "good_module",
        RULE.format(code="GOOD001", name="good-rule", scope="measure", body="return x.n_user > 0"),
    )
    _, report, _ = lint(config='plugins = ["good"]')
    assert "GOOD001" in codes(report) and not skipped(report)
    _, report, _ = lint(config="plugins = []")
    assert "GOOD001" not in codes(report) and not skipped(report)


def test_a_plugin_that_is_allowed_and_not_installed_is_an_error(lint):
    code, _, err = lint(config='plugins = ["acme"]')
    assert code == 2 and "'acme' is not installed" in err


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import missing_package", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("def broken(:", "SyntaxError"),
        (RULE.format(code="FT999", name="own-rule", scope="measure", body="return x.n_user > 0"), "begin with FT"),
        (RULE.format(code="BAD001", name="refusal", scope="measure", body="return x.n_user > 0"), "taken"),
        ("from ftdata.rule import RULES\nRULES.clear()", "not its own"),
        ("PACKS = '/nowhere/at/all'", "no folder"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_a_skipped_verdict(lint, tmp_path, code, words):
    install(tmp_path / "plugins", "bad", "bad_module", code)
    status, report, _ = lint()
    assert status in (0, 1)
    assert words in skipped(report)["bad"]
    assert "BAD001" not in codes(report) and len(report["verdicts"]) > 80


@pytest.mark.parametrize(
    ("scope", "body"),
    [
        ("structure", "raise KeyError('x')"), ("content", "return 1 / 0"), ("text", "raise ValueError('x')"),
        ("measure", "return x.no_such_measure > 0"), ("measure", "raise ValueError('x')"), ("dataset", "return [None][3]"),
    ],
)  # fmt: skip
def test_a_plugin_whose_rule_fails_loses_only_that_rule(lint, tmp_path, scope, body):
    install(tmp_path / "plugins", "bad", "bad_module", RULE.format(code="BAD001", name="bad-rule", scope=scope, body=body))
    status, report, err = lint()
    assert status in (0, 1) and not err
    assert "the plugin's rule failed" in skipped(report)["bad-rule"]
    assert "BAD001" not in codes(report)


def test_plugins_judge_in_worker_processes_too(lint, tmp_path):
    install(tmp_path / "plugins", "acme", "ftdata_acme")
    alone, together = (
        lint("lint", "data.jsonl", "--jobs", jobs, "--output-format", "json", path=[TEMPLATE])[1]["findings"]
        for jobs in ("1", "2")
    )
    assert alone == together and any(finding["code"] == "ACME002" for finding in alone)
