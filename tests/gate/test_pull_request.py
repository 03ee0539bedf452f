"""A pull request played in a real repository: what the reviewer sees of a good, a bad and an old change, kept as golden files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from places import ROOT

GOLDEN = Path(__file__).parents[1] / "golden" / "pull_request"
SCHEMA = json.loads((Path(__file__).parents[1] / "report/schemas/sarif-2.1.0.json").read_text("utf-8"))
# A pull request is the same bytes on every machine: fixed people and times.
FIXED = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "a"), ("EMAIL", "a@b"), ("DATE", "2026-11-23T12:00:00Z"))
}
KEY = "AKIA" + "Z7Q2M4X6N3K5" + "J2P7"


def chat(question, answer):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


PLACES = ["harbour", "station", "market", "library", "bakery", "town hall", "pool", "cinema", "museum", "school", "부두", "시장"]
BASE = [
    chat(
        f"How do I get to the {place} from here?", f"Take the second street on the left, then ask at the corner of {place} road."
    )
    for place in PLACES
]
# A fault that everybody knows, and nobody has mended.
OLD = {"messages": [{"role": "user", "content": "Is anybody there at all?"}]}
CHANGES = {
    "good": [*BASE, OLD, chat("When does the ferry leave on Sundays?", "At nine and at three, from the old pier behind the market."),
             chat("배는 언제 떠나나요?", "아홉 시와 세 시에 옛 부두에서 떠납니다.")],
    "bad": [*BASE, OLD, {"messages": [{"role": "user", "content": "A question that nobody answered?"}]},
            chat("Which key do I use?", f"Use {KEY} for now."), chat("::error::x <img src=x> [a](javascript:b) \u001b[31m", "=cmd|' /C calc'!A0 ::add-mask::x"),
            chat("How do I get to the harbour from here?", "Take the second street on the left, then ask at the corner of harbour roads.")],
    "old": [OLD, *BASE[3:], *BASE[:3]],
}  # fmt: skip
CODES = {"good": 0, "bad": 1, "old": 0}


def git(here, *arguments):
    subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *arguments], cwd=here, check=True, capture_output=True, env=os.environ | FIXED
    )


def write(here, rows):
    (here / "data").mkdir(exist_ok=True)
    (here / "data/train.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    here = tmp_path_factory.mktemp("pr") / "repository"
    here.mkdir()
    git(here, "init", "-q")
    write(here, [*BASE, OLD])
    git(here, "add", ".")
    git(here, "commit", "-qm", "base")
    for name, rows in CHANGES.items():
        git(here, "switch", "-q", "-c", name, "main")
        write(here, rows)
        git(here, "commit", "-qam", name)
    return here


def lint(here, name, form):
    git(here, "switch", "-q", name)
    command = [
        sys.executable,
        "-m",
        "ftdata",
        "lint",
        "data",
        "--since",
        "main",
        "--isolated",
        "--no-cache",
        "--output-format",
        form,
    ]
    return subprocess.run(command, cwd=here, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize("form", ["full", "github", "markdown", "sarif"])
@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_reviewer_sees_what_the_golden_file_says(repository, name, form, request):
    done = lint(repository, name, form)
    assert done.returncode == CODES[name], done.stdout + done.stderr
    path = GOLDEN / f"{name}.{form}"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(done.stdout, "utf-8")
    assert done.stdout == path.read_text("utf-8"), "read the difference, then --update-golden"


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_the_sarif_is_valid_by_the_schema_of_its_standard(repository, name):
    log = json.loads(lint(repository, name, "sarif").stdout)
    jsonschema.validate(log, SCHEMA)
    results = log["runs"][0]["results"]
    assert bool([result for result in results if result.get("level") == "error"]) == (name == "bad")


def test_nothing_hostile_acts_and_no_secret_shows_on_any_surface():
    for path in GOLDEN.iterdir():
        text = path.read_text("utf-8")
        assert "\x1b" not in text and KEY not in text, path.name
        if path.suffix == ".github":
            assert not any("::add-mask" in line or line.startswith("::error::x") for line in text.splitlines())
        if path.suffix == ".markdown":
            assert "<img" not in text and "](javascript" not in text


def test_the_bad_change_is_told_in_its_first_lines(repository):
    first = lint(repository, "bad", "markdown").stdout[:1500]
    assert "missing-assistant-turn" in first and "secret" in first
