"""JSON Lines: every fault has its place, and no fault costs a good row."""

from __future__ import annotations

import gzip
import importlib
import json

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftdata.errors import ReadError
from ftdata.read import cut, decode, open_input, read_rows

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path, piece_bytes=8 << 20):
    """All of a file: (values, lines, offsets, raws, faults)."""
    values, lines, offsets, raws, faults = [], [], [], [], []
    for piece in cut(open_input(str(path)), piece_bytes):
        chunk = decode(piece)
        assert len(chunk.values) == len(chunk.lines) == len(chunk.offsets) == len(chunk.raws)
        values += chunk.values
        lines += chunk.lines
        offsets += chunk.offsets
        raws += chunk.raws
        faults += chunk.faults
    return values, lines, offsets, raws, faults


def faults_of(tmp_path, line, name="data.jsonl"):
    """The faults of one line between two good ones, and what rows were kept."""
    path = tmp_path / name
    path.write_bytes(b'{"n": 1}\n' + line + b'\n{"n": 3}\n')
    values, lines, _, _, faults = read(path)
    assert values[0] == {"n": 1} and values[-1] == {"n": 3} and lines[0] == 1 and lines[-1] == 3
    return values[1:-1], faults


@pytest.mark.parametrize(
    ("line", "rule", "kept"),
    [
        (b'{"a": NaN}', "nan-literal", True),
        (b'{"a": -Infinity}', "nan-literal", True),
        (b'{"a": "\\ud83d"}', "lone-surrogate", True),
        (b'{"a": 1, "a": 2}', "duplicate-key", True),
        (b'{"a": 1, "b": 3, "a" : 2}', "duplicate-key", True),
        (b'{"a": {"b": 1, "b": 2}, "c": "\\u0022: "}', "duplicate-key", True),
        (b'{"a": "x\x00y"}', "control-character", True),
        (b'{"a": "x\\u0000y"}', "control-character", True),
        (b'{"a": "x\\u001by"}', "control-character", True),
        (b'{"a": "\\frac{1}{2}"}', "control-character", True),
        (b'{"a": "\xea\xb0\x80 \xff"}', "invalid-bytes", True),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too-deep", False),
        (b"[1, 2]", "not-an-object", False),
        (b'"text"', "not-an-object", False),
        (b"3", "not-an-object", False),
        (b"null", "not-an-object", False),
        (b"", "blank-line", False),
        (b"  \t", "blank-line", False),
        (b"# a comment", "invalid-json", False),
        (b"// a comment", "invalid-json", False),
        (b"{'a': 1}", "invalid-json", False),
        (b'{"a": 1,}', "invalid-json", False),
        (b'{"a": 1 "b": 2}', "invalid-json", False),
        (b'{"a": None}', "invalid-json", False),
        (b'{"a": "x', "invalid-json", False),
        (b'{"a": {"b": 1}', "invalid-json", False),
    ],
)
def test_a_fault_is_named_on_its_line_and_the_row_is_kept_where_it_can_be_read(line, rule, kept, tmp_path):
    values, faults = faults_of(tmp_path, line)
    assert [(fault.rule, fault.line, fault.lost) for fault in faults] == [(rule, 2, not kept and rule != "blank-line")]
    assert len(values) == kept
    assert faults[0].offset == 9


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        (b'{"\xea\xb0\x80\xeb\x82\x98": 1,}', 10, "closing bracket"),
        (b"{'a': 1}", 2, "single quotes"),
        (b'{"a": None}', 7, "Python"),
        (b'{"a": 1 "b": 2}', 9, "comma is missing"),
        (b'{"a": "x', 7, "never closed"),
        (b'  {"a" 1}', 8, "colon"),
        (b'{"a": {"b": 1}', 15, "ends in the middle"),
        (b'{"a": undefined}', 7, "JavaScript"),
        ('{"a": “x”}'.encode(), 7, "typographic"),
    ],
)
def test_broken_json_is_explained_at_its_column(line, column, words, tmp_path):
    _, (fault,) = faults_of(tmp_path, line)
    assert fault.column == column and words in fault.values["reason"]
    text = line.decode()
    assert text[fault.column - 1 :][:5] == fault.excerpt[fault.values["caret"] :][:5]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b'{"a": 18446744073709551616}', {"a": 18446744073709551616}),
        (b'{"a": "\\\\beta \\\\frac"}', {"a": "\\beta \\frac"}),
        (b'{"a": "\\u00e9\\u000a\\t"}', {"a": "é\n\t"}),
        (b'{"a": "\\":x\\u0022: y"}', {"a": '":x": y'}),
        (b'{"a" : 1, "b"\t: 2}', {"a": 1, "b": 2}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        (b'{"a": 1}\r', {"a": 1}),
    ],
)
def test_unusual_but_valid_rows_have_no_fault(line, value, tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(line + b"\n" + line + b"\n")
    values, _, _, _, faults = read(path)
    assert values == [value, value] and faults == []


def test_of_a_duplicate_key_the_last_value_wins_and_its_column_is_named(tmp_path):
    values, (fault,) = faults_of(tmp_path, b'{"a": 1, "b": "x", "a": 2}')
    assert values == [{"a": 2, "b": "x"}]
    assert (fault.values["key"], fault.column) == ("a", 20)


def test_a_lone_surrogate_becomes_the_replacement_character(tmp_path):
    values, (fault,) = faults_of(tmp_path, b'{"a": "\\\\ud83d x\\ud83d"}')
    assert values == [{"a": "\\ud83d x\ufffd"}] and fault.column == 17


def test_two_objects_on_a_line_are_both_kept(tmp_path):
    values, (fault,) = faults_of(tmp_path, b'{"a": 1}{"a": 2} {"a": 3}')
    assert values == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert (fault.rule, fault.line, fault.lost, fault.values["count"]) == ("several-objects", 2, False, 3)


def test_one_newline_at_the_end_is_no_blank_line_but_the_next_is(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"a": 1}\n')
    assert read(path)[4] == []
    path.write_bytes(b'{"a": 1}\n\n\n')
    assert [(f.rule, f.line) for f in read(path)[4]] == [("blank-line", 2), ("blank-line", 3)]


def test_crlf_is_fine_and_mixed_line_ends_are_named_once_with_the_first_line_that_differs(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"a": 1}\r\n' * 5)
    assert read(path)[4] == []
    path.write_bytes(b'{"a": 1}\r\n' * 5 + b'{"a": 1}\n' * 5 + b'{"a": 1}\r\n')
    for piece_bytes in (8 << 20, 1, 25):
        assert [(f.rule, f.line, f.offset) for f in read(path, piece_bytes)[4]] == [("mixed-newlines", 6, 50)]
    path.write_bytes(b'{"a": 1}\n' * 5 + b'{"a": 1}\r\n')
    for piece_bytes in (8 << 20, 1, 25):
        assert [(f.rule, f.line, f.offset) for f in read(path, piece_bytes)[4]] == [("mixed-newlines", 6, 45)]


def test_lone_carriage_returns_end_lines(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"a": 1}\r{"a": 2}\r')
    values, lines, offsets, _, faults = read(path)
    assert (values, lines, offsets, faults) == ([{"a": 1}, {"a": 2}], [1, 2], [0, 9], [])


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_compressed_lines_read_like_plain_ones_also_in_several_members(pack, tmp_path):
    path = tmp_path / "data.jsonl.gz"
    data = b"".join(b'{"n": %d}\n' % n for n in range(1000))
    path.write_bytes(pack(data[:4001]) + pack(data[4001:]))
    values, lines, offsets, raws, faults = read(path)
    assert [v["n"] for v in values] == list(range(1000)) and lines == list(range(1, 1001)) and faults == []
    assert all(data[o:].startswith(r) for o, r in zip(offsets, raws, strict=True))


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_rows_before_a_cut_are_kept(pack, tmp_path):
    path = tmp_path / "data.jsonl"
    data = b"".join(json.dumps({"n": n, "t": str(n * 7919 % 10007) * 5}).encode() + b"\n" for n in range(50_000))
    packed = pack(data)
    path.write_bytes(packed[: len(packed) * 2 // 3])
    values, _, _, _, faults = read(path)
    assert values and [v["n"] for v in values] == list(range(len(values)))
    assert [f.rule for f in faults if f.rule != "invalid-json"] == ["truncated-file"]


def test_a_row_that_is_too_large_is_passed_over_in_bounded_memory(tmp_path, monkeypatch):
    for module in ("cut", "rows", "exact"):
        monkeypatch.setattr(importlib.import_module(f"ftdata.read.{module}"), "MAX_ROW", 1 << 20)
    path = tmp_path / "data.jsonl"
    big = b'{"a": "' + b"x" * (5 << 20) + b'"}'
    slightly = b'{"a": "' + b"x" * (1 << 20) + b'"}'
    path.write_bytes(b'{"n": 1}\n' + big + b'\n{"n": 2}\n' + slightly + b'\n{"n": 3}\n' + big)
    for piece_bytes in (1 << 16, 1 << 20, 8 << 20):
        values, lines, offsets, _, faults = read(path, piece_bytes)
        assert [v["n"] for v in values] == [1, 2, 3] and lines == [1, 3, 5]
        assert [(f.rule, f.line, f.lost) for f in faults] == [("row-too-large", n, True) for n in (2, 4, 6)]
        assert offsets[1] == 9 + len(big) + 1
        assert faults[0].values["size"] in (len(big), len(big) + 1)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp949"])
def test_other_encodings_are_named_and_read_with_right_lines_and_offsets(encoding, tmp_path):
    path = tmp_path / "data.jsonl"
    text = "".join(json.dumps({"n": n, "text": "안녕하세요 여러분, 반갑습니다"}, ensure_ascii=False) + "\n" for n in range(200))
    path.write_bytes(text.encode(encoding))
    for piece_bytes in (8 << 20, 1000):
        values, lines, offsets, _, faults = read(path, piece_bytes)
        assert [v["n"] for v in values] == list(range(200)) and values[0]["text"].startswith("안녕")
        assert lines == list(range(1, 201)) and [f.rule for f in faults] == ["non-utf8-encoding"]
        data = path.read_bytes()
        name = open_input(str(path)).encoding
        assert all(data[o:].decode(name, "replace").startswith(f'{{"n": {n}') for n, o in enumerate(offsets))


def test_a_file_that_shows_its_encoding_late_is_read_right(tmp_path):
    path = tmp_path / "data.jsonl"
    plain = b'{"text": "nothing but ASCII here"}\n' * 50_000
    late = "".join(json.dumps({"text": f"안녕하세요 {n}"}, ensure_ascii=False) + "\n" for n in range(100)).encode("cp949")
    path.write_bytes(plain + late)
    values, lines, _, _, faults = read(path, 1 << 20)
    assert values[-1] == {"text": "안녕하세요 99"} and lines[-1] == 50_100
    assert [(f.rule, f.line) for f in faults] == [("non-utf8-encoding", 50_001)] or faults[0].line == 50_001


def test_lines_of_utf8_stay_right_in_a_file_that_is_cp949_elsewhere(tmp_path):
    path = tmp_path / "data.jsonl"
    rows = [json.dumps({"text": f"안녕하세요 {n}"}, ensure_ascii=False).encode("cp949" if n % 3 else "utf-8") for n in range(90)]
    path.write_bytes(b"\n".join(rows) + b"\n")
    assert [v["text"] for v in read(path)[0]] == [f"안녕하세요 {n}" for n in range(90)]


def test_a_byte_order_mark_is_named_and_left_out(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n{"a": 2}\n')
    values, lines, offsets, raws, faults = read(path)
    assert (values, lines, offsets, raws[0]) == ([{"a": 1}, {"a": 2}], [1, 2], [3, 12], b'{"a": 1}')
    assert [f.rule for f in faults] == ["byte-order-mark"]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_rows_can_be_read_again_by_their_place(suffix, tmp_path):
    path = tmp_path / f"data.jsonl{suffix}"
    data = b'{"n": 0}\n{broken\n{"n": 1}{"n": 2}\n' + b"".join(b'{"n": %d}\n' % n for n in range(3, 50))
    path.write_bytes(gzip.compress(data) if suffix else data)
    _, lines, offsets, _, _ = read(path)
    wanted = [(lines[i], offsets[i], i + 1) for i in (7, 0, 2, 1, 40)]
    assert [v["n"] for v in read_rows(open_input(str(path)), wanted)] == [7, 0, 2, 1, 40]
    assert read_rows(open_input(str(path)), [(None, None, 1000)]) == [None]


cells = (
    st.text(max_size=20)
    | st.integers(-(2**63), 2**63 - 1)
    | st.lists(st.dictionaries(st.text(max_size=3), st.none(), max_size=2), max_size=3)
)
rows = st.lists(st.dictionaries(st.text(max_size=5), cells, max_size=4), min_size=2, max_size=8)


@SETTINGS
@given(
    rows=rows,
    bad=st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"").replace(b"\r", b"")),
    at=st.integers(1, 8),
    ascii_only=st.booleans(),
    crlf=st.booleans(),
    piece_bytes=st.sampled_from([1, 30, 8 << 20]),
)
def test_a_bad_line_never_costs_a_good_one(rows, bad, at, ascii_only, crlf, piece_bytes, tmp_path):
    end = b"\r\n" if crlf else b"\n"
    rows = [{"row": n} | row for n, row in enumerate(rows)]
    lines = [json.dumps(row, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") for row in rows]
    at = min(at, len(lines))
    path = tmp_path / "data.jsonl"
    data = end.join([*lines[:at], bad, *lines[at:]]) + end
    path.write_bytes(data)
    values, numbers, offsets, raws, _ = read(path, piece_bytes)
    good = [(v, n, o, r) for v, n, o, r in zip(values, numbers, offsets, raws, strict=True) if n != at + 1]
    assert [n for _, n, _, _ in good] == [n + 1 + (n >= at) for n in range(len(rows))]
    for (value, _, offset, _), row in zip(good, rows, strict=True):
        assert data[offset:].startswith(lines[row["row"]])
        assert value["row"] == row["row"]


@SETTINGS
@given(data=st.binary(max_size=300) | st.text(alphabet="{}[]\",:\n\\u0a1 '#nulltrue\t", max_size=200).map(str.encode))
@pytest.mark.parametrize("name", ["data.jsonl", "data.csv"])
def test_any_bytes_are_read_or_refused_with_words(name, data, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    try:
        read(path, 16)
    except ReadError as error:
        assert error.message and error.hint


@SETTINGS
@given(
    rows=rows,
    changes=st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3)), max_size=4),
    indent=st.sampled_from([None, 0, 2]),
    array=st.booleans(),
    pack=st.sampled_from([bytes, gzip.compress, zstandard.compress]),
)
def test_mutated_good_files_are_read_or_refused_with_words(rows, changes, indent, array, pack, tmp_path):
    text = json.dumps(rows, indent=indent) if array else "\n".join(json.dumps(row, indent=indent) for row in rows)
    data = bytearray(pack(text.encode()))
    for at, new in changes:
        data[at % len(data) : at % len(data) + 1] = new
        data = data or bytearray(b" ")
    path = tmp_path / "data.json"
    path.write_bytes(data)
    try:
        read(path, 16)
    except ReadError as error:
        assert error.message and error.hint


@SETTINGS
@given(
    row=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=12,
    ).map(lambda v: {"v": v}),
    ascii_only=st.booleans(),
    separators=st.sampled_from([None, (",", ":"), (" , ", " : ")]),
)
def test_whatever_json_writes_is_read_back_without_other_faults(row, ascii_only, separators, tmp_path):
    path = tmp_path / "data.jsonl"
    text = json.dumps(row, ensure_ascii=ascii_only, separators=separators)
    path.write_bytes((text + "\n").encode("utf-8", "surrogatepass") * 2)
    values, _, _, _, faults = read(path)
    assert {f.rule for f in faults} <= {"nan-literal", "control-character", "lone-surrogate"}
    if not faults:
        assert values == [json.loads(text)] * 2
    assert len(values) == 2
