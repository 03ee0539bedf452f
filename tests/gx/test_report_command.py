"""``ftdata report`` and expectations of packs, as users meet them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from places import SAMPLES

pytest.importorskip("great_expectations")

PACK = """
name: team
target: {tokenizer: o200k_base}
expectations:
  - {expect: expect_column_mean_to_be_between, column: n_chars, max_value: 10, because: "answers are short <b>here</b>"}
  - {expect: expect_column_values_to_be_between, column: n_tokens, max_value: 100000, severity: warning}
  - {expect: expect_column_max_to_be_between, batch: dataset, column: samples, min_value: 10}
"""


@pytest.fixture
def here(tmp_path):
    shutil.copy(SAMPLES / "clean/style_ko_banmal.jsonl", tmp_path / "data.jsonl")
    shutil.copy(SAMPLES / "dirty/support_ko.jsonl", tmp_path / "dirty.jsonl")
    (tmp_path / "team.yaml").write_text(PACK)
    return tmp_path


def run(here, *arguments):
    return subprocess.run([sys.executable, "-m", "ftdata", *arguments], capture_output=True, text=True, cwd=here)


def test_expectations_of_a_pack_are_verdicts_like_any_other(here):
    done = run(here, "lint", "data.jsonl", "-t", "team.yaml", "--output-format", "json")
    assert done.returncode == 1, done.stderr
    verdicts = {verdict["code"]: verdict for verdict in json.loads(done.stdout)["verdicts"] if verdict["code"].startswith("GX")}
    assert [verdicts[code]["status"] for code in ("GX001", "GX002", "GX003")] == ["found", "clean", "clean"]
    assert "GX001" in run(here, "lint", "data.jsonl", "-t", "team.yaml", "--output-format", "concise").stdout
    for platform in ("github", "sarif", "gitlab", "junit", "rdjson", "markdown"):
        assert "GX001" in run(here, "lint", "data.jsonl", "-t", "team.yaml", "--output-format", platform).stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [("column: n_charz", "n_chars"), ("column: n_chars, maxx: 3", "arguments"), ("batch: rows, column: n_chars", "batch")],
)
def test_a_pack_that_is_wrong_is_explained(here, text, words):
    (here / "team.yaml").write_text(f"name: t\nexpectations:\n  - {{expect: expect_column_max_to_be_between, {text}}}\n")
    done = run(here, "lint", "data.jsonl", "-t", "team.yaml")
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


def test_data_docs_are_built_and_show_no_value_of_the_data(here):
    done = run(here, "report", "dirty.jsonl", "--gx", "docs", "-t", "team.yaml")
    assert done.returncode == 1 and (here / "docs/index.html").exists(), done.stderr
    pages = "".join(path.read_text("utf-8", "replace") for path in (here / "docs").rglob("*.html"))
    assert "missing-assistant-turn" in pages and "n_chars" in pages and "<b>here</b>" not in pages
    assert "AKIA" not in pages and "postgres://" not in pages
    assert {path.name for path in here.iterdir()} == {"data.jsonl", "dirty.jsonl", "team.yaml", "docs"}


def test_a_suite_is_written_for_a_project(here):
    assert run(here, "report", "data.jsonl", "--gx-suite", "suite.json", "-t", "team.yaml").returncode == 1
    names = [suite["name"] for suite in json.loads((here / "suite.json").read_text())]
    assert names == ["ftdata-samples", "ftdata-dataset"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((), "what kind"), (("--gx", "docs", "--gx-rows", "x"), "no number"), (("--gx", "."), "something else")],
)
def test_what_cannot_be_done_is_explained(here, arguments, words):
    done = run(here, "report", "data.jsonl", *arguments)
    assert done.returncode == 2 and words in done.stderr
