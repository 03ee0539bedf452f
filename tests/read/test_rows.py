"""Every good row comes back with its place; every fault is named where it is; nothing good is lost to a bad line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftdata.errors import ReadError
from ftdata.read import cut, decode, open_input

QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path, piece_bytes=8 << 20):
    """All rows, lines, offsets and faults of a file."""
    rows, lines, offsets, faults = [], [], [], []
    for piece in cut(open_input(str(path)), piece_bytes):
        chunk = decode(piece)
        rows += chunk.values
        lines += chunk.lines
        offsets += chunk.offsets
        faults += chunk.faults
    return rows, lines, offsets, faults


def file(tmp_path, data, name="data.jsonl"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def named(faults):
    return [(fault.rule, fault.line) for fault in faults]


A, B = '{"a": "안녕"}', '{"b": [1, {"c": null}]}'


def test_rows_come_with_line_and_byte_offset(tmp_path):
    data = f"{A}\n{B}\n{A}".encode()
    rows, lines, offsets, faults = read(file(tmp_path, data))
    assert rows == [json.loads(A), json.loads(B), json.loads(A)] and not faults
    assert lines == [1, 2, 3]
    assert all(data[offset:].startswith(text.encode()) for offset, text in zip(offsets, (A, B, A), strict=True))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_understood(tmp_path, end):
    rows, lines, _, faults = read(file(tmp_path, end.join([A, B, ""])))
    assert (len(rows), lines, faults) == (2, [1, 2], [])


@pytest.mark.parametrize(
    ("line", "rule", "kept"),
    [
        ("", "blank-line", False),
        ("{'a': 1}", "invalid-json", False),
        ('{"a": 1,}', "invalid-json", False),
        ('{"a": "x', "invalid-json", False),
        ("# a comment", "invalid-json", False),
        ('{"a": 1} oops', "invalid-json", True),
        ('{"a": 1}{"a": 2}', "several-objects", True),
        ("[1, 2]", "not-an-object", False),
        ("null", "not-an-object", False),
        ('{"a": NaN}', "nan-literal", True),
        ('{"a": 1, "a": 2}', "duplicate-key", True),
        ('{"x": {"a" : 1, "a" :2}}', "duplicate-key", True),
        ('{"a": "\\ud83d"}', "lone-surrogate", True),
        ('{"a": "x\\u0000"}', "control-character", True),
        ('{"a": "x\x01"}', "control-character", True),
        ('{"a": "x\ty"}', "invalid-json", True),
        ("[" * 100_000, "too-deep", False),
    ],
)
def test_a_fault_is_named_on_its_line_and_costs_no_other_row(tmp_path, line, rule, kept):
    rows, lines, _, faults = read(file(tmp_path, f"{A}\n{line}\n{B}\n"))
    assert (rule, 2) in named(faults)
    assert rows[0] == json.loads(A) and rows[-1] == json.loads(B) and lines[-1] == 3
    assert (len(rows) > 2) == kept
    assert all(fault.lost for fault in faults if fault.rule == rule) != kept or rule == "blank-line"


@pytest.mark.parametrize(
    "line",
    [
        '{"a": "text with \\": colon and \\\\u003a"}',
        '{"a": "\\ud83d\\ude00"}',
        '{"a": "tab\\t newline\\n"}',
        '{"a" : 1, "b" : {"a" : 2}}',
        '{"a": 1e300}',
        '{"a\\u0041": 1, "aA ": 2}',
        "  " + A + "  ",
    ],
)
def test_unusual_but_good_json_has_no_fault(tmp_path, line):
    rows, _, _, faults = read(file(tmp_path, f"{A}\n{line}\n"))
    assert named(faults) == [] and rows[1] == json.loads(line)


def test_columns_count_characters(tmp_path):
    (fault,) = read(file(tmp_path, '{"이름": 값}\n'))[3]
    assert (fault.line, fault.column) == (1, 8)


def test_a_huge_line_is_skipped_and_the_rest_is_read(tmp_path):
    path = tmp_path / "data.jsonl"
    with path.open("wb") as sink:
        sink.write(A.encode() + b'\n{"x": "')
        for _ in range(70):
            sink.write(b"y" * (1 << 20))
        sink.write(b'"}\n' + B.encode() + b"\n")
    rows, lines, _, faults = read(path, 1 << 20)
    assert lines == [1, 3] and named(faults) == [("row-too-large", 2)]
    assert rows[1] == json.loads(B)


ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp949", "shift_jis"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_other_encodings_are_read_and_named(tmp_path, encoding):
    words = "これはテストです" if encoding == "shift_jis" else "안녕하세요, 반갑습니다"
    lines = [json.dumps({"a": f"{words} {n}"}, ensure_ascii=False) for n in range(3)]
    rows, numbers, _, faults = read(file(tmp_path, "\n".join(lines).encode(encoding)))
    assert [row["a"] for row in rows] == [f"{words} {n}" for n in range(3)] and numbers == [1, 2, 3]
    assert named(faults) == [("byte-order-mark" if encoding == "utf-8-sig" else "non-utf8-encoding", 1)]


def test_single_broken_bytes_are_named_and_the_row_is_kept(tmp_path):
    good = A.encode()
    rows, _, _, faults = read(file(tmp_path, good + b"\n" + b'{"a": "x\xff\xfey"}' + b"\n" + good + b"\n"))
    assert len(rows) == 3 and named(faults) == [("invalid-bytes", 2)]
    assert "\ufffd" in rows[1]["a"]


ARRAYS = {
    "compact": f"[{A},{B},{A}]",
    "pretty": f"[\n  {A},\n  {B},\n  {A}\n]\n",
    "objects": f'{{\n "a": 1\n}}\n{B}\n{{\n "a": 2\n}}',
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("size", [1, 8, 1 << 20])
def test_arrays_and_pretty_objects_are_rows(tmp_path, name, size):
    data = ARRAYS[name].encode()
    rows, lines, offsets, faults = read(file(tmp_path, data, "data.json"), size)
    assert len(rows) == 3 and named(faults) == [("json-container", 1)]
    for row, offset in zip(rows, offsets, strict=True):
        assert json.JSONDecoder().raw_decode(data[offset:].decode())[0] == row
    assert lines == ([1, 1, 1] if name == "compact" else [2, 3, 4] if name == "pretty" else [1, 4, 5])


@pytest.mark.parametrize(
    ("text", "line", "rows"),
    [
        (f"[\n  {A},\n  {B},\n]", 4, 2),
        (f"[\n  {A}\n  {B}\n]", 3, 2),
        (f"[\n  {A},,\n  {B}\n]", 3, 2),
        (f"[\n  {A},\n  {B}\n", 4, 2),
        (f"[\n  {A}\n]\n{B}", 4, 2),
        ('[\n  {\n    "a": 1\n  },\n  {\n    "a": oops\n  },\n  {\n    "a": 3\n  }\n]', 6, 2),
    ],
)
def test_a_broken_array_names_the_line_and_keeps_the_good_elements(tmp_path, text, line, rows):
    found, _, _, faults = read(file(tmp_path, text, "data.json"))
    assert ("invalid-json", line) in named(faults) and len(found) == rows


def test_csv_records_start_where_they_start(tmp_path):
    data = 'prompt,completion\nHi,"two\nlines"\nBye,"a ""quote"""\nshort\nlong,x,y\n'
    rows, lines, _, faults = read(file(tmp_path, data, "data.csv"))
    assert rows[0] == {"prompt": "Hi", "completion": "two\nlines"} and rows[1]["completion"] == 'a "quote"'
    assert lines == [2, 4, 5, 6] and named(faults) == [("ragged-row", 5), ("ragged-row", 6)]
    assert rows[2] == {"prompt": "short", "completion": None}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_of_any_delimiter_and_korean_excel_are_read(tmp_path, delimiter):
    text = "\r\n".join(
        delimiter.join(cells) for cells in [("질문", "답변"), ("환불은요?", "이레 안에 됩니다"), ("배송은요?", "사흘 걸립니다")]
    )
    rows, _, _, faults = read(file(tmp_path, text.encode("cp949"), "data.csv"))
    assert rows[1] == {"질문": "배송은요?", "답변": "사흘 걸립니다"}
    assert "non-utf8-encoding" in [fault.rule for fault in faults]


def test_a_table_without_header_loses_no_row(tmp_path):
    data = "Is the sea salty?\tyes\tIt holds salt.\nIs ice hot?\tno\tIt is cold.\n"
    rows, _, _, faults = read(file(tmp_path, data, "data.tsv"))
    assert len(rows) == 2 and rows[0]["column_1"] == "Is the sea salty?" and ("missing-header", 1) in named(faults)


def test_parquet_rows_keep_their_nesting(tmp_path):
    import polars as pl

    path = tmp_path / "data.parquet"
    messages = [[{"role": "user", "content": "안녕"}, {"role": "assistant", "content": "네"}]] * 3
    pl.DataFrame({"messages": messages}).write_parquet(path)
    rows, lines, _, faults = read(path)
    assert rows == [{"messages": messages[0]}] * 3 and lines == [None] * 3 and not faults


def test_a_damaged_parquet_file_is_an_error_in_words(tmp_path):
    with pytest.raises(ReadError, match="damaged Parquet"):
        read(file(tmp_path, b"PAR1" + b"\0" * 40 + b"PAR1", "data.parquet"))


def compressed(data, kind):
    return gzip.compress(data) if kind == "gz" else zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_compressed_files_of_several_members_are_read(tmp_path, kind):
    data = compressed(f"{A}\n".encode() * 50, kind) + compressed(f"{B}\n".encode() * 50, kind)
    rows, lines, _, faults = read(file(tmp_path, data, f"data.jsonl.{kind}"), 256)
    assert len(rows) == 100 and lines == list(range(1, 101)) and not faults


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_compressed_file_that_was_cut_off_keeps_its_beginning_and_says_so(tmp_path, kind):
    import random

    noise = random.Random(1)
    lines = [json.dumps({"a": "".join(noise.choices("abcdefghij", k=200))}) for _ in range(3000)]
    data = compressed("\n".join(lines).encode(), kind)
    rows, _, _, faults = read(file(tmp_path, data[: len(data) * 2 // 3], f"data.jsonl.{kind}"))
    assert 0 < len(rows) < 3000 and "truncated-file" in [fault.rule for fault in faults]
    assert rows == [json.loads(line) for line in lines[: len(rows)]]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"), (b" \n\t\n", "white space"), (b"PK\x03\x04xl", "ZIP"), (b"\x80\x04\x95abc", "pickle"),
        (b"version https://git-lfs.github.com/spec/v1\noid x", "LFS"), (b"<html><body>", "HTML"), (bytes(range(256)) * 8, "binary"),
        (b"just some prose, nothing else\nand more of it", "neither JSON nor a table"),
    ],
)  # fmt: skip
def test_what_is_no_data_is_refused_and_named(tmp_path, data, words):
    with pytest.raises(ReadError) as caught:
        open_input(str(file(tmp_path, data)))
    assert words in caught.value.message and caught.value.hint


def test_the_name_is_compared_with_the_content(tmp_path):
    assert ("wrong-extension", 1) in named(open_input(str(file(tmp_path, f"{A}\n{B}\n", "rows.json"))).faults)
    assert ("wrong-extension", 1) in named(open_input(str(file(tmp_path, "prompt,completion\na,b\n", "rows.jsonl"))).faults)


# Whole numbers beyond 64 bits arrive as floats, as decode says.
whole = st.integers(-(2**63), 2**63 - 1)
lines_of_json = st.lists(
    st.dictionaries(st.text(max_size=5), st.text(max_size=20) | whole | st.lists(whole, max_size=3), max_size=3),
    min_size=1, max_size=8,
)  # fmt: skip


@QUICK
@given(values=lines_of_json, size=st.integers(1, 200), ascii_only=st.booleans())
def test_any_cut_gives_the_same_rows(values, size, ascii_only, tmp_path):
    data = "".join(json.dumps(value, ensure_ascii=ascii_only) + "\n" for value in values)
    path = file(tmp_path, data.encode("utf-8", "surrogatepass"))
    rows, lines, _, _ = read(path, size)
    assert len(rows) == len(values) and lines == list(range(1, len(values) + 1))
    assert rows == read(path)[0]


@QUICK
@given(values=lines_of_json, size=st.integers(1, 200), indent=st.sampled_from([None, 1, 2]))
def test_any_array_gives_its_elements(values, size, indent, tmp_path):
    path = file(tmp_path, json.dumps(values, indent=indent).encode(), "data.json")
    rows = read(path, size)[0]
    assert rows == values


@QUICK
@given(data=st.binary(max_size=300))
def test_any_bytes_are_rows_faults_or_an_error_in_words(data, tmp_path):
    try:
        read(file(tmp_path, data), 32)
    except ReadError as error:
        assert error.message


REAL = Path(__file__).parents[3] / "shared" / "data" / "real_broken"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real broken files are not beside this checkout")
def test_files_that_broke_somebodys_run_break_where_they_broke():
    labels = [json.loads(line) for line in (REAL / "labels.jsonl").read_text("utf-8").splitlines()]
    for label in labels:
        path = REAL / label["file"]
        if label["kind"] == "lfs_pointer":
            with pytest.raises(ReadError, match="LFS"):
                open_input(str(path))
            continue
        places = {fault.line for fault in read(path)[3]}
        wanted = label["line"] if isinstance(label["line"], list) else [label["line"]]
        assert set(wanted) <= places, label
