"""Whole files: what no fix touches comes back byte for byte, what is dropped is named, and the patch applies."""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
import subprocess

import pytest
from places import SAMPLES

import ftdata
from ftdata.fix.account import Summary, dropped_line, sidecar_line
from ftdata.fix.diff import patch
from ftdata.fix.engine import Fixer, plan_of
from ftdata.fix.files import Copies, fix_file, why_no_patch
from ftdata.fix.fixers import FIXERS
from ftdata.read import open_input
from ftdata.read.streams import CutOff, raw_blocks

# Fixes that work against others, or that only some target asks for.
ASKED_FOR = {
    "arguments-string", "type-drift", "developer-role", "content-key-absent", "parallel-tool-calls", "content-with-tool-calls",
    "system-not-supported", "missing-end", "mixed-content-types", "json-container", "too-long",
}  # fmt: skip
RULES = [name for name in FIXERS if name not in ASKED_FOR]
DIRTY = sorted(SAMPLES.joinpath("dirty").iterdir())
CLEAN = sorted(SAMPLES.joinpath("clean").iterdir())
GOOD = '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}'


def content(item):
    blocks = []
    with contextlib.suppress(CutOff):
        for block in raw_blocks(item):
            blocks.append(block)
    return b"".join(blocks)


def changes_of(path, *rules, unsafe=True):
    return list(fix_file(open_input(str(path)), Fixer(plan_of(*(rules or RULES)), unsafe=unsafe)))


def old_of(changes):
    return b"".join(change.old for change in changes)


def new_of(changes):
    return b"".join(change.new for change in changes)


def rows_of(changes):
    return [row for change in changes for row in change.rows]


def written(tmp_path, data, name="data.jsonl"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize("unsafe", [False, True])
@pytest.mark.parametrize("path", DIRTY, ids=lambda path: path.name)
def test_the_old_bytes_are_the_input_and_the_new_ones_come_to_rest(path, unsafe, tmp_path):
    changes = changes_of(path, unsafe=unsafe)
    item = open_input(str(path))
    if item.container not in ("csv", "tsv", "parquet"):
        assert old_of(changes) == content(item)
    once = new_of(changes)
    name = path.name.removesuffix(".gz").replace(".csv", ".jsonl")
    again = changes_of(written(tmp_path, once, name), unsafe=unsafe)
    assert new_of(again) == once == old_of(again)
    assert not any(row.changed for row in rows_of(again))


@pytest.mark.parametrize("unsafe", [False, True])
@pytest.mark.parametrize("path", DIRTY, ids=lambda path: path.name)
def test_a_fix_brings_no_new_fault(path, unsafe, tmp_path):
    def counted(file):
        found = {}
        for finding in ftdata.lint([file]).findings:
            found[finding.name] = found.get(finding.name, 0) + 1
        return found

    out = written(tmp_path, new_of(changes_of(path, unsafe=unsafe)), path.name.removesuffix(".gz").replace(".csv", ".jsonl"))
    before, after = counted(str(path)), counted(str(out))
    assert {rule: count for rule, count in after.items() if count > before.get(rule, 0)} == {}


@pytest.mark.parametrize("path", DIRTY, ids=lambda path: path.name)
def test_a_rule_that_is_not_left_finds_nothing_any_more(path, tmp_path):
    changes = changes_of(path)
    left = {rule for row in rows_of(changes) for rule in row.left}
    out = written(tmp_path, new_of(changes), path.name.removesuffix(".gz").replace(".csv", ".jsonl"))
    found = {finding.name for finding in ftdata.lint([out], select=RULES).findings}
    assert found <= left


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.name)
def test_a_clean_file_is_written_back_byte_for_byte(path):
    changes = changes_of(path, unsafe=False)
    item = open_input(str(path))
    if item.container != "csv":
        assert new_of(changes) == path.read_bytes() or "json-container" in {f.rule for f in item.faults}
    assert not any(row.changed or row.left for row in rows_of(changes))


@pytest.mark.parametrize(
    "command", [["git", "apply", "-p1", "--whitespace=nowarn"], ["patch", "-p1", "--binary", "-i"]], ids=lambda c: c[0]
)
@pytest.mark.parametrize("path", DIRTY, ids=lambda path: path.name)
def test_the_patch_of_a_file_makes_its_fix(path, command, tmp_path):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    if why_no_patch(open_input(str(path))):
        return
    changes = changes_of(path)
    lines = b"".join(patch(path.name, ((change.old, change.new) for change in changes)))
    shutil.copy(path, tmp_path / path.name)
    if lines:
        (tmp_path / "the.patch").write_bytes(lines)
        subprocess.run([*command, "the.patch"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / path.name).read_bytes() == new_of(changes)


def test_what_is_not_touched_keeps_its_spacing_numbers_and_escapes(tmp_path):
    odd = '{ "messages":[{"role":"user","content":"caf\\u00e9"},{"role":"assistant","content":"\\/ ok"}],"n":1.0,"big":1e400 }'
    path = written(tmp_path, f"{odd}\n{GOOD.replace('user', 'human')}\n{odd} \r\n{odd}")
    assert new_of(changes_of(path, "alias-role")).decode() == f"{odd}\n{GOOD}\n{odd} \r\n{odd}"


def test_numbers_beyond_64_bits_survive_in_a_row_that_changes(tmp_path):
    row = GOOD.replace("user", "human").replace("]}", '], "n": 123456789012345678901234567890, "f": 1e400, "one": 1.0}')
    assert new_of(changes_of(written(tmp_path, row), "alias-role")).decode() == row.replace("human", "user")


def test_stray_bytes_survive_in_a_row_that_changes(tmp_path):
    row = GOOD.replace("user", "human").encode().replace(b"Hello", b"Hel\xff\xfelo")
    good = "\n".join([GOOD.replace("Hi", "안녕")] * 5).encode()
    path = written(tmp_path, good + b"\n" + row + b"\n")
    assert new_of(changes_of(path, "alias-role")) == good + b"\n" + row.replace(b"human", b"user") + b"\n"


def test_two_byte_order_marks_go_as_one_does(tmp_path):
    path = written(tmp_path, b"\xef\xbb\xbf" * 2 + GOOD.encode() + b"\n")
    changes = changes_of(path)
    assert new_of(changes) == GOOD.encode() + b"\n" and old_of(changes) == path.read_bytes()


def test_a_byte_order_mark_goes_and_the_rows_stay(tmp_path):
    path = written(tmp_path, b"\xef\xbb\xbf" + GOOD.encode())
    assert new_of(changes_of(path, "byte-order-mark", unsafe=False)) == GOOD.encode()
    assert new_of(changes_of(path, "alias-role")) == path.read_bytes()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "cp949"])
def test_another_encoding_becomes_utf8_or_stays(tmp_path, encoding):
    text = "".join(GOOD.replace("Hello", f"안녕하세요 {n}번 손님") + "\n" for n in range(20))
    path = written(tmp_path, text.encode(encoding))
    assert new_of(changes_of(path, "non-utf8-encoding", unsafe=False)) == text.encode()
    assert new_of(changes_of(path, "alias-role")) == path.read_bytes()


def test_a_row_fixed_in_another_encoding_is_written_in_it(tmp_path):
    text = "".join(GOOD.replace("Hello", f"안녕하세요 {n}번 손님") + "\n" for n in range(20))
    path = written(tmp_path, text.replace("user", "human", 1).encode("cp949"))
    assert new_of(changes_of(path, "alias-role")) == text.encode("cp949")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
def test_line_ends_stay_what_they_are(tmp_path, end):
    bad = GOOD.replace("user", "human")
    path = written(tmp_path, (GOOD + end + bad + end + GOOD + end).encode())
    assert new_of(changes_of(path, "alias-role", "mixed-newlines")).decode() == (GOOD + end) * 3


def test_mixed_line_ends_become_one_where_that_is_asked_for(tmp_path):
    path = written(tmp_path, f"{GOOD}\r\n{GOOD}\n{GOOD}\r\n")
    assert new_of(changes_of(path, "mixed-newlines", unsafe=False)).decode() == f"{GOOD}\n" * 3
    assert new_of(changes_of(path, "alias-role")) == path.read_bytes()


def test_blank_lines_go_without_being_dropped_samples(tmp_path):
    changes = changes_of(written(tmp_path, f"{GOOD}\n\n   \n{GOOD}\n\n"), "blank-line", unsafe=False)
    assert new_of(changes).decode() == f"{GOOD}\n{GOOD}\n"
    summary = Summary()
    for change in changes:
        summary.add(change)
    assert (summary.samples, summary.kept, summary.blank, summary.dropped) == (2, 2, 3, 0)


def test_two_rows_of_one_line_get_a_line_each(tmp_path):
    path = written(tmp_path, f"{GOOD} {GOOD.replace('Hi', 'Ho')}")
    assert new_of(changes_of(path, "several-objects", unsafe=False)).decode() == f"{GOOD}\n{GOOD.replace('Hi', 'Ho')}"


def test_an_array_becomes_lines_and_its_numbers_stay_exact(tmp_path):
    rows = [GOOD.replace("]}", f'], "n": {n}}}') for n in ("1.0", "1e400", "123456789012345678901234567890")]
    pretty = "[\n" + ",\n".join(row.replace(", ", ",\n  ").replace("[{", "[\n{") for row in rows) + "\n]\n"
    changes = changes_of(written(tmp_path, pretty), "not-json-lines", unsafe=False)
    assert new_of(changes).decode() == "".join(row + "\n" for row in rows)


def test_what_is_broken_in_an_array_stays_on_a_line_of_its_own(tmp_path):
    path = written(tmp_path, f'[\n{GOOD},\n{{"messages": oops}},\n[1, 2],\n{GOOD}\n]\n')
    assert new_of(changes_of(path, "not-json-lines", unsafe=False)).decode().splitlines() == [
        GOOD, '{"messages": oops}, [1, 2]', GOOD,
    ]  # fmt: skip


@pytest.mark.parametrize("drop", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2), (0, 2)])
def test_an_array_stays_an_array_when_rows_are_dropped(tmp_path, drop):
    rows = [GOOD.replace("Hi", f"Hi {n}") for n in range(3)]
    text = "[\n  " + ",\n  ".join(row.replace("Hello", " ") if n in drop else row for n, row in enumerate(rows)) + "\n]\n"
    made = json.loads(new_of(changes_of(written(tmp_path, text, "data.json"), "empty-content")))
    assert made == [json.loads(row) for n, row in enumerate(rows) if n not in drop]


def test_a_later_copy_is_dropped_and_named_also_when_a_fix_made_it_one(tmp_path):
    path = written(tmp_path, f"{GOOD}\n{GOOD.replace('Hello', ' Hello')}\n{GOOD.replace('user', 'human')}\n")
    changes = changes_of(path, "exact-duplicate", "surrounding-whitespace", "alias-role", unsafe=False)
    assert new_of(changes).decode() == f"{GOOD}\n"
    assert [row.dropped for row in rows_of(changes)] == [None, *[("exact-duplicate", "the same sample as line 1")] * 2]


def test_copies_are_found_across_files(tmp_path):
    fixer = Fixer(plan_of("exact-duplicate"))
    copies = Copies(fixer)
    made = [
        new_of(list(fix_file(open_input(str(written(tmp_path, GOOD + "\n", name))), fixer, copies)))
        for name in ("a.jsonl", "b.jsonl")
    ]
    assert made == [f"{GOOD}\n".encode(), b""]


def test_a_compressed_file_is_fixed_as_what_it_holds(tmp_path):
    path = written(tmp_path, gzip.compress(f"{GOOD}\n\n".encode()), "data.jsonl.gz")
    assert new_of(changes_of(path, "blank-line")).decode() == f"{GOOD}\n"


def test_a_dropped_row_is_kept_with_its_rule_and_reason(tmp_path):
    path = written(tmp_path, f"{GOOD.replace('Hello', '')}\n{{'messages': oops\n".replace(": ", ": ", 1))
    changes = changes_of(path, "empty-content", "invalid-json")
    lines = [json.loads(dropped_line(row, change.line)) for change in changes for row in change.rows if row.dropped]
    assert lines == [
        {
            "rule": "empty-content",
            "reason": "the assistant turn is empty",
            "line": 1,
            "row": json.loads(GOOD.replace("Hello", "")),
        },
        {
            "rule": "invalid-json",
            "reason": "not JSON: single quotes; JSON wants double quotes",
            "line": 2,
            "text": "{'messages': oops",
        },
    ]


def test_extra_keys_are_kept_by_the_hash_of_the_sample_that_is_written(tmp_path):
    row = GOOD.replace("]}", '], "id": 17.0, "a/b": {"n": 1e400}}').replace('"Hi"', '"Hi", "ts": 1')
    changes = changes_of(written(tmp_path, row), "extra-key", "extra-message-key", unsafe=False)
    assert new_of(changes).decode() == GOOD
    (fixed,) = rows_of(changes)
    (again,) = rows_of(changes_of(written(tmp_path, GOOD), "extra-key"))
    assert fixed.sample == again.sample
    assert sidecar_line(fixed, 1).decode() == (
        f'{{"sample": "{fixed.sample}", "line": 1, "kept": {{"/id": 17.0, "/a~1b": {{"n": 1e400}}, "/messages/0/ts": 1}}}}\n'
    )


def test_a_table_becomes_lines_and_cells_too_many_are_kept(tmp_path):
    path = written(tmp_path, "prompt,completion\nHi,Hello\nHo,Hullo,more\n", "data.csv")
    changes = changes_of(path, "surrounding-whitespace", unsafe=False)
    assert [json.loads(line) for line in new_of(changes).splitlines()] == [
        {"prompt": "Hi", "completion": "Hello"}, {"prompt": "Ho", "completion": "Hullo"},
    ]  # fmt: skip
    assert [row.sidecar for row in rows_of(changes)] == [{}, {"/column_3": '"more"'}]
