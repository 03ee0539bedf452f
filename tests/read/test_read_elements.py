"""JSON arrays and objects that span lines: a broken element costs itself, no good one, and is found on its line."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_read_lines import read

from ftdata.read import open_input, read_rows

BROKEN = Path(__file__).parents[3] / "shared" / "data" / "real_broken"
SETTINGS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def numbered(count, turns=2):
    return [{"messages": [{"role": "user", "content": f'say "{n}", {{"messages"]'}] * turns, "n": n} for n in range(count)]


def dump(rows, style):
    """Rows as an array or as objects one after the other, in the ways that people write them."""
    if style == "compact":
        return json.dumps(rows)
    if style == "tight":
        return json.dumps(rows, separators=(",", ":"))
    if style == "lines":
        return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"
    if style == "first-line":
        return "[" + ",\n".join(json.dumps(row) for row in rows) + "]"
    if style == "objects":
        return "\n".join(json.dumps(row, indent=4) for row in rows) + "\n"
    return json.dumps(rows, indent=int(style))


STYLES = ["compact", "tight", "lines", "first-line", "objects", "0", "2", "4"]


@pytest.mark.parametrize("style", STYLES)
def test_every_way_to_write_rows_is_read_with_right_lines_and_offsets(style, tmp_path):
    path = tmp_path / "data.json"
    rows = numbered(300)
    path.write_text(dump(rows, style), "utf-8")
    data = path.read_bytes()
    for piece_bytes in (8 << 20, 1000):
        values, lines, offsets, raws, faults = read(path, piece_bytes)
        assert values == rows
        assert open_input(str(path)).container == ("json-objects" if style == "objects" else "json-array")
        assert all(data[o:].startswith(r) for o, r in zip(offsets, raws, strict=True))
        assert lines == [data.count(b"\n", 0, offset) + 1 for offset in offsets]
        assert all(f.rule in ("json-container", "not-json-lines") for f in faults)
    item = open_input(str(path))
    assert read_rows(item, [(None, None, 7), (None, None, 3)]) == [rows[6], rows[2]]


BREAKS = {
    "python-literal": ('"n": 7', '"n": None'),
    "missing-value": ('"n": 7', '"n": '),
    "trailing-comma": ('"n": 7', '"n": 7,'),
    "single-quotes": ('"n": 7', "'n': 7"),
    "no-colon": ('"n": 7', '"n" 7'),
    "open-quote": ('"n": 7', '"n: 7'),
}


@pytest.mark.parametrize("style", [s for s in STYLES if s != "tight"])
@pytest.mark.parametrize("kind", BREAKS)
def test_a_broken_element_costs_no_other(kind, style, tmp_path):
    path = tmp_path / "data.json"
    rows = numbered(20)
    text = dump(rows, style)
    old, new = BREAKS[kind]
    at = text.index(old)
    path.write_text(text[:at] + new + text[at + len(old) :], "utf-8")
    values, _, _, _, faults = read(path)
    assert [v["n"] for v in values] == [n for n in range(20) if n != 7]
    broken = [f for f in faults if f.rule == "invalid-json" and f.lost]
    assert len(broken) == 1
    line = text.count("\n", 0, at) + 1
    assert line <= broken[0].line <= line + (kind in ("trailing-comma", "missing-value", "open-quote"))


@pytest.mark.parametrize("style", ["lines", "objects", "0", "2", "4"])
@pytest.mark.parametrize("cut", ['"messages"', "{", "}", '"'])
def test_a_lost_character_costs_at_most_its_own_row_and_its_neighbour(style, cut, tmp_path):
    path = tmp_path / "data.json"
    text = dump(numbered(30), style)
    begin = text.index('"n": 10')
    at = text.index(cut, begin + 8)
    path.write_text(text[:at] + text[at + len(cut) :], "utf-8")
    values, *_ = read(path)
    kept = [v["n"] for v in values if "n" in v]
    assert len(set(range(30)) - set(kept)) <= 2


@pytest.mark.parametrize(
    ("text", "values", "found"),
    [
        ('[{"a": 1}, {"a": 2},]', [1, 2], "closing bracket"),
        ('[{"a": 1} {"a": 2}]', [1, 2], "comma is missing"),
        ('[{"a": 1},, {"a": 2}]', [1, 2], "one comma too many"),
        ('[{"a": 1}, {"a": 2}', [1, 2], "ends before"),
        ('[\n{"a": 1}\n]\n[{"a": 2}]', [1, 2], "after the end"),
        ('[\n{"a": 1}\n]\n{"a": 2}\n{"a": 3}', [1, 2, 3], "after the end"),
        ('[{"a": 1}] ]', [1], "after the end"),
        ('{\n"a": 1\n},\n{\n"a": 2\n}', [1, 2], "a comma between"),
    ],
)
def test_what_stands_between_rows_is_judged_too(text, values, found, tmp_path):
    path = tmp_path / "data.json"
    path.write_text(text, "utf-8")
    rows, _, _, _, faults = read(path)
    assert [row["a"] for row in rows] == values
    assert [found in f.values["reason"] for f in faults if f.rule == "invalid-json"] == [True]


def test_elements_that_are_no_objects_are_named(tmp_path):
    path = tmp_path / "data.json"
    path.write_text('[{"a": 1}, [2], "three, {", 4, null, {"a": 5}]', "utf-8")
    values, _, _, _, faults = read(path)
    assert values == [{"a": 1}, {"a": 5}]
    assert [f.values["found"] for f in faults if f.rule == "not-an-object"] == ["a list", "a text", "a number", "null"]


def test_small_faults_keep_the_element(tmp_path):
    path = tmp_path / "data.json"
    path.write_text('[\n{"a": NaN},\n{"a": 1, "a": 2},\n{"a": "\\ud83d"},\n{"a": "x\ty"},\n{"a": 5}\n]', "utf-8")
    values, _, _, _, faults = read(path)
    assert len(values) == 5
    assert [(f.rule, f.line) for f in faults][1:] == [
        ("nan-literal", 2), ("duplicate-key", 3), ("lone-surrogate", 4), ("invalid-json", 5),
    ]  # fmt: skip


def test_an_element_nested_too_deeply_costs_no_other(tmp_path):
    path = tmp_path / "data.json"
    path.write_text('[{"a": 1}, {"a": ' + "[" * 100_000 + "]" * 100_000 + '}, {"a": 3}]', "utf-8")
    values, _, _, _, faults = read(path)
    assert values == [{"a": 1}, {"a": 3}] and faults[-1].rule == "too-deep"


@pytest.mark.parametrize("encoding", ["utf-16", "cp949", "utf-8-sig"])
def test_arrays_in_other_encodings_have_right_lines(encoding, tmp_path):
    path = tmp_path / "data.json"
    rows = [{"text": f"안녕하세요 여러분 {n}"} for n in range(50)]
    path.write_bytes(json.dumps(rows, ensure_ascii=False, indent=2).encode(encoding))
    values, lines, offsets, _, _ = read(path)
    assert values == rows and lines == list(range(2, 152, 3))
    name = open_input(str(path)).encoding
    assert all(path.read_bytes()[o:].decode(name).startswith("{") for o in offsets)


def test_random_damage_to_a_large_file_costs_few_rows(tmp_path):
    path = tmp_path / "data.json"
    random.seed(5)
    for style in ("4", "lines", "compact"):
        text = list(dump(numbered(2000), style))
        for _ in range(5):
            text[random.randrange(len(text))] = random.choice('"{}[],x')
        path.write_text("".join(text), "utf-8")
        values, *_ = read(path, 10_000)
        kept = {v["n"] for v in values if isinstance(v.get("n"), int)}
        assert len(kept) >= 1980


@SETTINGS
@given(text=st.text(alphabet='{}]",:\n \\ab1', max_size=60), style=st.sampled_from(["2", "4", "objects"]), at=st.integers(1, 8))
def test_rubbish_between_elements_costs_no_element(text, style, at, tmp_path):
    rows = [{"id": n, "list": [{"x": [1]}]} for n in range(10)]
    parts = [json.dumps(row, indent=4) for row in rows]
    if style != "objects":
        parts = ["\n".join(" " * int(style) + line for line in part.split("\n")) for part in parts]
    comma = "" if style == "objects" else ","
    body = (comma + "\n").join(parts[:at]) + comma + "\n" + text + "\n" + (comma + "\n").join(parts[at:])
    path = tmp_path / "data.json"
    path.write_text(body if style == "objects" else f"[\n{body}\n]", "utf-8")
    values, *_ = read(path)
    kept = [v["id"] for v in values if "id" in v]
    assert set(range(at)) <= set(kept) and len(set(range(10)) - set(kept)) <= 1


@pytest.mark.skipif(not BROKEN.exists(), reason="the shared data are not here")
@pytest.mark.parametrize(
    ("name", "rows", "faults"),
    [
        ("zh_unterminated_a.json", 102, [("invalid-json", 513, False)]),
        ("dataset_info_bad1.json", 0, [("invalid-json", 642, True)]),
        ("dataset_info_bad2.json", 0, [("invalid-json", 378, True)]),
        ("bfcl_pretty_printed_concat.json", 10, []),
        ("bfcl_simple_two_objects_line123.jsonl", 400, [("several-objects", 123, False)]),
        ("utf16_val_sample10.jsonl", 10, [("non-utf8-encoding", 1, False)]),
    ],
)
def test_files_that_broke_real_runs_are_read(name, rows, faults):
    values, _, _, _, found = read(BROKEN / name)
    assert [(f.rule, f.line, f.lost) for f in found if f.rule not in ("json-container", "not-json-lines")] == faults
    assert len(values) == rows
