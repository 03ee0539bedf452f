"""Rows that are moved to another container by ``merge`` and ``sample``: what strict JSON cannot hold is told, and none is emptied."""

from __future__ import annotations

import csv
import json

import polars as pl
import pytest
from click.testing import CliRunner

from ftdata.cli.merge import command as merge
from ftdata.cli.sample import command as sample

TURNS = '"messages": [{"role": "user", "content": "깊이?"}, {"role": "assistant", "content": "11 m"}]'
ODD = {
    "nan": f'{{{TURNS}, "n": NaN}}', "overflow": f'{{{TURNS}, "n": 1e999}}', "digits": f'{{{TURNS}, "n": {"9" * 5000}}}',
    "doubled": f'{{{TURNS}, "n": 1, "n": null}}', "half": f'{{{TURNS}, "n": "\\ud83d"}}',
}  # fmt: skip


def run(command, *arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False, catch_exceptions=False)


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_row_that_is_not_strict_json_goes_to_a_table_whole(tmp_path, text, name):
    (tmp_path / "in.jsonl").write_text(text + "\n", "utf-8")
    done = run(sample, 1, tmp_path / "in.jsonl", "-o", tmp_path / name)
    assert "lost in reading" in done.stderr
    if name.endswith(".csv"):
        (row,) = csv.DictReader((tmp_path / name).read_text("utf-8").splitlines())
        turns = json.loads(row["messages"])
    else:
        (turns,) = pl.read_parquet(tmp_path / name)["messages"].to_list()
    assert [turn["content"] for turn in turns] == ["깊이?", "11 m"]


def test_rows_that_keep_their_bytes_lose_nothing_and_no_loss_is_told(tmp_path):
    (tmp_path / "in.jsonl").write_text(ODD["doubled"] + "\n", "utf-8")
    done = run(sample, 1, tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text("utf-8") == ODD["doubled"] + "\n" and "lost" not in done.stderr


def test_a_row_with_nan_is_merged_into_another_format(tmp_path):
    (tmp_path / "in.jsonl").write_text(ODD["nan"] + "\n", "utf-8")
    done = run(merge, tmp_path / "in.jsonl", "--to", "sharegpt", "-o", tmp_path / "out.jsonl")
    assert done.return_value == 0 and "nan-literal 1 (null in its place)" in done.stderr
    assert json.loads((tmp_path / "out.jsonl").read_text("utf-8"))["n"] is None


def test_cells_that_a_merge_leaves_out_are_told(tmp_path):
    (tmp_path / "in.csv").write_text("question,answer\na,b,c\nd,e\n", "utf-8")
    done = run(merge, tmp_path / "in.csv", "-o", tmp_path / "out.csv")
    assert "ragged-row 1 (cells beyond the header left out)" in done.stderr
