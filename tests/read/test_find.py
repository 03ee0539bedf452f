"""Paths, folders and globs mean what a user expects, and a wrong one gets words."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ftdata.errors import ReadError, UsageError
from ftdata.read import find_files, left_out, open_input
from ftdata.read.find import means_data


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jsonl", "a.csv", "notes.md", ".hidden.jsonl", "deep/c.jsonl.gz", ".git/d.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    return tmp_path


def names(paths, root):
    return [os.path.relpath(path, root) for path in paths]


def test_a_folder_means_its_data_files_and_no_hidden_ones(folder):
    assert names(find_files([str(folder)]), folder) == ["a.csv", "b.jsonl", "deep/c.jsonl.gz"]


def test_a_glob_that_the_shell_left_alone_is_expanded(folder):
    assert names(find_files([str(folder / "**" / "*.gz")]), folder) == ["deep/c.jsonl.gz"]


def test_a_file_named_twice_is_read_once(folder):
    path = str(folder / "b.jsonl")
    assert find_files([path, str(folder / "." / "b.jsonl"), path]) == [path]


@pytest.mark.parametrize("name", ["c.jsonl", "*.parquet", "nothing"])
def test_a_path_that_means_nothing_is_refused(folder, name):
    with pytest.raises(UsageError) as caught:
        find_files([str(folder / name)])
    assert name in caught.value.message and caught.value.hint


def test_a_near_miss_gets_a_suggestion(folder):
    (folder / "train.jsonl").write_text("x")
    with pytest.raises(UsageError) as caught:
        find_files([str(folder / "trian.jsonl")])
    assert "train.jsonl" in caught.value.hint


def test_a_folder_without_data_says_what_counts_as_data(tmp_path):
    with pytest.raises(UsageError) as caught:
        find_files([str(tmp_path)])
    assert ".jsonl" in caught.value.hint


def test_a_name_that_is_no_text_is_shown_all_the_same(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"\xff.jsonl")
    with open(path, "wb") as sink:
        sink.write(b'{"a": 1}\n')
    (found,) = find_files([str(tmp_path)])
    open_input(found).path.encode("utf-8")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_an_error_in_words(folder):
    os.chmod(folder / "b.jsonl", 0)
    with pytest.raises(ReadError):
        open_input(str(folder / "b.jsonl"))


def test_what_our_own_commands_leave_beside_their_output_is_no_data_of_a_folder(tmp_path):
    for name in ("a.jsonl", "a.jsonl.dropped.jsonl", "a.jsonl.sidecar.jsonl", "b.jsonl.provenance.jsonl"):
        (tmp_path / name).write_text("{}\n")
    assert [os.path.basename(file) for file in find_files([str(tmp_path)])] == ["a.jsonl"]
    beside = str(tmp_path / "a.jsonl.dropped.jsonl")
    assert find_files([beside]) == [beside]


OTHERS = (
    "package.json", "web/tsconfig.app.json", "TSCONFIG.json", "manifest.json", "split/dropped.jsonl", "split/pilot-50.jsonl", "llama/dataset_info.json",
    "model/tokenizer_config.json", "node_modules/a/data.json", "venv/lib/a.csv", ".cache/a.jsonl", "a/.b.jsonl", "b.sidecar.jsonl",
)  # fmt: skip
DATA = ("train.jsonl", "a/b.csv.gz", "my-package.json", "modules/a.json", "manifest.jsonl", "config_data.json", "말뭉치.jsonl")


@pytest.mark.parametrize("name", [*OTHERS, *DATA])
def test_what_is_no_data_by_its_name_is_left_out_of_a_folder_and_told(tmp_path, name):
    wanted = tmp_path / name
    wanted.parent.mkdir(parents=True, exist_ok=True)
    for path in (wanted, tmp_path / "z.jsonl"):
        path.write_text("{}\n")
    found, others = find_files([str(tmp_path)]), left_out([str(tmp_path)])
    assert (str(wanted) in found) is (name in DATA) is means_data(name)
    assert bool(others) is (name in OTHERS and not any(part.startswith(".") for part in name.split("/")))
    assert find_files([str(wanted)]) == [str(wanted)]


@pytest.mark.parametrize("name", [*OTHERS, *DATA])
def test_the_hooks_leave_out_what_a_folder_leaves_out(name):
    yaml = pytest.importorskip("yaml")
    for hook in yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text()):
        # pre-commit's names keep their case, and so do its patterns.
        if name.islower() and not name.endswith((".csv.gz", ".csv")):
            assert bool(re.search(hook["files"], name) and not re.search(hook["exclude"], name)) is means_data(name)
