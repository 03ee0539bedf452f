"""``ftdata init`` shows what it writes, overwrites nothing, and what it writes works."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml
from places import ROOT, SAMPLES


def run(here, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "ftdata", *arguments], capture_output=True, text=True, cwd=here, stdin=subprocess.DEVNULL
    )


@pytest.fixture
def here(tmp_path):
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    (tmp_path / "data").mkdir()
    shutil.copy(SAMPLES / "clean/train.jsonl", tmp_path / "data/train.jsonl")
    shutil.copy(SAMPLES / "clean/eval.jsonl", tmp_path / "data/eval.jsonl")
    (tmp_path / "package.json").write_text("{}")
    return tmp_path


def test_what_it_writes_is_shown_first_and_can_be_used(here):
    shown = run(here, "init", "--dry-run", "--target", "openai", "--goal", "style")
    assert shown.returncode == 0 and "ftdata.toml" in shown.stdout and not (here / "ftdata.toml").exists()
    done = run(here, "init", "--yes", "--target", "openai", "--goal", "style")
    assert done.returncode == 0, done.stderr
    config = tomllib.loads((here / "ftdata.toml").read_text())
    assert config["target"] == ["openai"] and config["eval"] == ["data/eval.jsonl"]
    workflow = yaml.safe_load((here / ".github/workflows/ftdata.yml").read_text())
    step = workflow["jobs"]["ftdata"]["steps"][1]
    assert step["with"]["paths"].split() == ["data"] and workflow["permissions"] == {"contents": "read"}
    assert run(here, "lint", "data").returncode in (0, 1)


def test_only_what_holds_samples_is_gated(here):
    (here / "src").mkdir()
    (here / "src/settings.json").write_text('{"theme": "dark"}')
    (here / "src/prices.csv").write_text("item,price\napple,2\n")
    shutil.copy(SAMPLES / "clean/train.jsonl", here / "src/few.jsonl")
    shutil.copy(SAMPLES / "clean/train.jsonl", here / "말뭉치.jsonl")
    (here / "node_modules/x").mkdir(parents=True)
    shutil.copy(SAMPLES / "clean/train.jsonl", here / "node_modules/x/a.jsonl")
    (here / "data/train.jsonl.dropped.jsonl").write_text('{"rule": "x", "row": {}}\n')
    done = run(here, "init", "--yes", "--ci", "github")
    paths = yaml.safe_load((here / ".github/workflows/ftdata.yml").read_text("utf-8"))["jobs"]["ftdata"]["steps"][1]["with"][
        "paths"
    ]
    assert paths.split() == ["data", "src/few.jsonl", "말뭉치.jsonl"]
    assert "next: ftdata lint data src/few.jsonl" in done.stdout
    hook = yaml.safe_load((here / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"][0]
    names = [
        "data/train.jsonl",
        "data/a/b.csv.gz",
        "data/readme.md",
        "src/few.jsonl",
        "src/prices.csv",
        "src/fewXjsonl",
        "말뭉치.jsonl",
        "package.json",
    ]
    assert [name for name in names if re.search(hook["files"], name)] == [
        "data/train.jsonl",
        "data/a/b.csv.gz",
        "src/few.jsonl",
        "말뭉치.jsonl",
    ]


def test_data_whose_name_no_workflow_can_hold_is_named(here):
    shutil.copy(SAMPLES / "clean/train.jsonl", here / "a b.jsonl")
    assert "add it by hand: a b.jsonl" in run(here, "init", "--dry-run").stdout


@pytest.mark.parametrize(
    "name", ["package.json", "web/tsconfig.app.json", ".vscode/settings.json", "a.jsonl.dropped.jsonl", "b.sidecar.jsonl"]
)
def test_the_hooks_leave_settings_and_leftovers_alone(name):
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()):
        chosen = re.search(hook["files"], name) and not re.search(hook["exclude"], name)
        assert not chosen and re.search(hook["files"], "train.json") and not re.search(hook["exclude"], "train.json")


def test_files_that_are_there_stay(here):
    (here / "ftdata.toml").write_text('goal = "task"\n')
    (here / ".pre-commit-config.yaml").write_text("repos: []\n")
    done = run(here, "init", "--yes")
    assert done.returncode == 0 and "stays as it is" in done.stdout and "ftdata-lint" in done.stdout
    assert (here / "ftdata.toml").read_text() == 'goal = "task"\n' and (
        here / ".pre-commit-config.yaml"
    ).read_text() == "repos: []\n"
    assert run(here, "init", "--yes").stdout.endswith("Nothing to write.\n")


def test_gitlab_is_recognised_and_judges_every_folder(here):
    (here / "more").mkdir()
    shutil.copy(SAMPLES / "clean/train.jsonl", here / "more/b.jsonl")
    subprocess.run(["git", "remote", "add", "origin", "git@gitlab.com:x/y.git"], cwd=here, check=True)
    run(here, "init", "--yes")
    assert "ci/gitlab.yml" in (here / ".gitlab-ci.yml").read_text() and not (here / ".github").exists()
    assert yaml.safe_load((here / ".gitlab-ci.yml").read_text())["variables"]["FTDATA_PATHS"].split() == ["data", "more"]


def test_nothing_is_written_where_nobody_can_be_asked(here):
    done = run(here, "init")
    assert done.returncode == 2 and "--yes" in done.stderr and not (here / "ftdata.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "words"), [(("--target", "opanai"), "openai"), (("--goal", "stile"), "style"), (("nowhere",), "is no folder")]
)
def test_what_does_not_exist_is_explained(here, arguments, words):
    done = run(here, "init", *arguments)
    assert done.returncode == 2 and words in done.stderr


def test_hostile_names_do_not_get_into_a_workflow(here):
    (here / 'x"; curl evil #').mkdir()
    shutil.copy(SAMPLES / "clean/train.jsonl", here / 'x"; curl evil #' / "train.jsonl")
    run(here, "init", "--yes")
    assert "curl" not in (here / ".github/workflows/ftdata.yml").read_text() + (here / "ftdata.toml").read_text()
