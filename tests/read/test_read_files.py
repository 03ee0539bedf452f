"""Which files are meant, what they are, and tables."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_read_lines import read

from ftdata.errors import ReadError, UsageError
from ftdata.read import content_hash, cut, decode, find_files, open_input, read_rows

SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ROW = b'{"prompt": "Hi", "completion": "Hello"}\n'


@pytest.fixture
def tree(tmp_path):
    for name in (
        "a.jsonl",
        "b.json.gz",
        "sub/c.csv",
        "sub/deep/d.parquet",
        ".hidden/e.jsonl",
        "sub/.f.jsonl",
        "notes.md",
        "g.JSONL",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ROW)
    return tmp_path


def names(tree, found):
    return [os.path.relpath(path, tree) for path in found]


def test_a_folder_means_its_data_files_without_hidden_ones(tree):
    assert names(tree, find_files([str(tree)])) == ["a.jsonl", "b.json.gz", "g.JSONL", "sub/c.csv", "sub/deep/d.parquet"]


def test_globs_that_the_shell_left_alone_are_expanded(tree):
    assert names(tree, find_files([f"{tree}/**/*.csv"])) == ["sub/c.csv"]
    assert names(tree, find_files([f"{tree}/*.jsonl", f"{tree}/a.jsonl"])) == ["a.jsonl"]


def test_a_file_with_brackets_in_its_name_is_a_file(tree):
    path = tree / "data[1].jsonl"
    path.write_bytes(ROW)
    assert find_files([str(path)]) == [str(path)]


@pytest.mark.parametrize("path", ["missing.jsonl", "*.nothing", "empty"])
def test_what_is_not_there_is_said(path, tree):
    (tree / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        find_files([str(tree / path)])
    assert caught.value.hint


def test_a_folder_without_data_says_which_names_count(tree):
    (tree / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        find_files([str(tree / "empty")])
    assert ".jsonl" in caught.value.hint and ".parquet" in caught.value.hint


def xlsx():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n\r\n\t ", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (gzip.compress(b""), "nothing"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:8be3\nsize 875191\n", "LFS"),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "HTML"),
        (b"<?xml version='1.0'?><a/>", "XML"),
        (xlsx(), "Excel"),
        (pickle.dumps({"a": 1}), "pickle"),
        (b"ARROW1\0\0" + bytes(50), "Arrow"),
        ((64).to_bytes(8, "little") + b'{"w": {"dtype": "F32"}}' + bytes(80), "safetensors"),
        (b"\x00\x01\x02\x03\x04" * 200, "binary"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "PNG"),
        (b"PAR1" + bytes(40) + b"PAR1", ""),
        (b"name: x\nitems:\n  - a\n  - b\n", "neither JSON nor a table"),
        (b"# Title\n\nSome words, and more.\n", "neither JSON nor a table"),
        (b"# Title\n\nSome words here.\n", "neither JSON nor a table"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_data_is_named_with_what_to_do(data, words, tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(data)
    with pytest.raises(ReadError) as caught:
        read(path)
    assert words in caught.value.message and caught.value.hint


def test_folders_devices_and_missing_files_are_refused_with_words(tmp_path):
    for path in (str(tmp_path), "/dev/null", str(tmp_path / "gone.jsonl"), "bad\0name"):
        with pytest.raises(ReadError) as caught:
            open_input(path)
        assert caught.value.hint


def test_a_pipe_is_read_like_a_file(tmp_path):
    import threading

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(ROW * 3))
    writer.start()
    assert len(read(pipe)[0]) == 3
    writer.join()


def test_standard_input_is_spooled_and_shown_as_such(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ROW * 2)))
    item = open_input("-")
    assert (item.path, item.container) == ("<stdin>", "jsonl")
    assert sum(len(decode(piece).values) for piece in cut(item)) == 2


def test_a_file_name_that_is_no_utf8_is_shown_with_replacements(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl")
    Path(path).write_bytes(ROW)
    item = open_input(path)
    assert item.path.endswith("caf\ufffd.jsonl") and len(read(path)[0]) == 1


@pytest.mark.parametrize(
    ("name", "data", "container", "faults"),
    [
        ("a.json", ROW * 2, "jsonl", ["wrong-extension"]),
        ("a.jsonl", b"prompt,completion\nHi,Hello\n", "csv", ["wrong-extension"]),
        ("a.csv", b"prompt\tcompletion\nHi\tHello\n", "tsv", ["wrong-extension"]),
        ("a.jsonl", json.dumps([{"a": 1}]).encode(), "json-array", ["not-json-lines"]),
        ("a.json", json.dumps([{"a": 1}], indent=1).encode(), "json-array", ["json-container"]),
        ("a.jsonl", b'{\n "a": 1\n}\n', "json-objects", ["not-json-lines"]),
        ("a.jsonl", b'{"a": 1,\n "b": 2}\n{"a": 1,\n "b": 2}\n', "json-objects", ["not-json-lines"]),
        ("a.jsonl", b'{"a": 1}\n[1]\n', "jsonl", []),
        ("a.jsonl", b"[1]\n[2]\n", "jsonl", []),
        ("a.jsonl", b"{broken\n" + ROW * 3, "jsonl", []),
        ("a.jsonl", b"[broken\n" + ROW * 3, "jsonl", []),
        ("a.jsonl", b"garbage, more\n" + ROW * 3, "jsonl", []),
        ("a.jsonl", b"{'a': 1}\n{'a': 2}\n", "jsonl", []),
        ("a.jsonl", b"[\n" + ROW + b",\n" + ROW + b"]", "json-array", ["not-json-lines"]),
        ("a.jsonl.gz", gzip.compress(ROW), "jsonl", []),
        ("a.jsonl.zst", zstandard.compress(ROW), "jsonl", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_container_is_known_by_its_content(name, data, container, faults, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    item = open_input(str(path))
    assert (item.container, [fault.rule for fault in item.faults]) == (container, faults)
    assert len(content_hash(item)) == 64


def test_a_table_is_read_with_quoted_line_breaks_and_right_lines(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes('\ufeffprompt,completion\n"a\nb","c ""d"""\n안녕,하세요\nonly\nx,y,z\n'.encode())
    for piece_bytes in (1, 8 << 20):
        values, lines, offsets, raws, faults = read(path, piece_bytes)
        assert values == [
            {"prompt": "a\nb", "completion": 'c "d"'}, {"prompt": "안녕", "completion": "하세요"},
            {"prompt": "only", "completion": None}, {"prompt": "x", "completion": "y"},
        ]  # fmt: skip
        assert lines == [2, 4, 5, 6] and set(offsets) == set(raws) == {None}
        found = [(f.rule, f.line, f.values.get("found"), f.values.get("expected")) for f in faults]
        assert found == [("byte-order-mark", 1, None, None), ("ragged-row", 5, 1, 2), ("ragged-row", 6, 3, 2)]


def test_a_quote_that_is_never_closed_costs_only_its_row(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("prompt,completion\n" + "a,b\n" * 50 + 'x,"open\n' + 'c,"d"\n' * 50, "utf-8")
    values, lines, _, _, faults = read(path)
    assert len(values) >= 100 and [(f.rule, f.line, f.lost) for f in faults][:1] == [("invalid-json", 52, True)]
    assert lines[-1] == 102


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_seen(delimiter, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(delimiter.join(["prompt", "completion"]) + "\n" + delimiter.join(["Hi", "Hello"]) + "\n", "utf-8")
    assert read(path)[0] == [{"prompt": "Hi", "completion": "Hello"}]


def test_a_table_without_header_gets_numbered_columns(tmp_path):
    path = tmp_path / "data.tsv"
    path.write_text("Did the moon landing really happen?\tYes, in 1969.\nIs water wet?\tIt depends.\n", "utf-8")
    values, lines, _, _, faults = read(path)
    assert list(values[0]) == ["column_1", "column_2"] and lines == [1, 2]
    assert [f.rule for f in faults] == ["missing-header"]


def test_a_table_in_cp949_is_read(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes("질문,답변\n12시 땡!,하루가 또 가네요.\n".encode("cp949"))
    assert read(path)[0] == [{"질문": "12시 땡!", "답변": "하루가 또 가네요."}]


def test_parquet_is_read_in_slices_and_rows_can_be_read_again(tmp_path, monkeypatch):
    import importlib

    monkeypatch.setattr(importlib.import_module("ftdata.read.cut"), "PARQUET_ROWS", 7)
    path = tmp_path / "data[1].parquet"
    rows = [{"messages": [{"role": "user", "content": f"q{n}"}], "n": n} for n in range(20)]
    pl.DataFrame(rows).write_parquet(path)
    assert read(path)[0] == rows and len(list(cut(open_input(str(path))))) == 3
    assert [row["n"] for row in read_rows(open_input(str(path)), [(None, None, 20), (None, None, 1)])] == [19, 0]


def test_a_damaged_parquet_file_is_refused_with_words(tmp_path):
    path = tmp_path / "data.parquet"
    pl.DataFrame({"a": list(range(1000))}).write_parquet(path)
    data = path.read_bytes()
    for broken in (data[: len(data) // 2], data[:100] + b"\xff" * 200 + data[300:], data[:-20] + b"\0" * 12 + data[-8:]):
        path.write_bytes(broken)
        try:
            read(path)
        except ReadError as error:
            assert error.hint


def test_a_file_that_goes_away_is_an_error_in_words(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(ROW)
    item = open_input(str(path))
    (piece,) = cut(item)
    path.unlink()
    for act in (lambda: list(cut(item)), lambda: decode(piece), lambda: content_hash(item), lambda: read_rows(item, [(1, 0, 1)])):
        with pytest.raises(ReadError):
            act()


def test_pieces_can_be_sent_to_workers(tmp_path):
    for name, data in (("a.jsonl", ROW * 9), ("a.json", json.dumps([{"a": 1}] * 9).encode()), ("a.csv", b"a,b\n" + b"1,2\n" * 9)):
        path = tmp_path / name
        path.write_bytes(data)
        for piece in cut(open_input(str(path)), 30):
            assert decode(pickle.loads(pickle.dumps(piece))) == decode(piece)


@SETTINGS
@given(
    rows=st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_categories=("Cc",), include_characters="\n\t"), max_size=12),
            min_size=2,
            max_size=2,
        ),
        min_size=2,
        max_size=10,
    )
)
def test_whatever_csv_writes_is_read_back(rows, tmp_path):
    import csv

    path = tmp_path / "data.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["prompt", "completion"], *rows])
    values, _, _, _, faults = read(path, 20)
    assert [[v["prompt"], v["completion"]] for v in values] == rows and faults == []
