"""``ftdata sample``: drawn by content, the same again, stable when the data grows."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import SAMPLES

from ftdata.errors import ReadError
from ftdata.formats import detect_row, parse, sample_id
from ftdata.read import cut, decode, open_input
from ftdata.sampling import draw, rank
from ftdata.scan import Look, Scan, scan, wanted_rows

words = st.lists(st.sampled_from("abcdefghijklmnop"), min_size=1, max_size=40)


def scan_of(letters):
    """A scan of rows that are told apart by a letter; equal letters are copies of one sample."""
    ids = np.frombuffer(b"".join((letter * 16).encode() for letter in letters), dtype=">u8").reshape(-1, 2)
    none = np.zeros(0, dtype="<u8")
    return Scan([], ids, none, none, [0], [[len(letters)]], [], [])


def drawn(letters, count, seed=0):
    chosen = draw(scan_of(letters), count, seed).chosen
    return [letter for letter, one in zip(letters, chosen, strict=True) if one]


def run(here, *arguments, **more):
    return subprocess.run([sys.executable, "-m", "ftdata", "sample", *map(str, arguments)], capture_output=True, cwd=here, **more)


@pytest.fixture
def here(tmp_path, chat):
    rows = [chat(f"질문 {n}?", f"답 {n} 👍") for n in range(40)]
    lines = [json.dumps(row, ensure_ascii=bool(n % 2), indent=None) for n, row in enumerate(rows)]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines[:3], "", "{broken", *lines[3:]]) + "\n", "utf-8")
    return tmp_path


@given(words, st.integers(1, 20), st.integers(-5, 5))
def test_a_draw_has_as_many_rows_as_asked_for_or_all(letters, count, seed):
    assert len(drawn(letters, count, seed)) == min(count, len(letters))


@given(words, words, st.integers(1, 20), st.integers(0, 3))
def test_rows_that_are_added_change_a_draw_only_by_entering_it(letters, more, count, seed):
    before, after = drawn(letters, count, seed), drawn(letters + more, count, seed)
    entered = list(after)
    for letter in before:
        if letter in entered:
            entered.remove(letter)
    # What is new in the draw are rows that were added: never an old row that was not drawn before.
    for letter in set(entered):
        assert entered.count(letter) <= more.count(letter)


@given(words, st.integers(1, 15), st.integers(0, 10), st.integers(0, 3))
def test_a_smaller_draw_is_part_of_every_larger_one(letters, count, more, seed):
    small, large = (draw(scan_of(letters), number, seed).chosen for number in (count, count + more))
    assert not (small & ~large).any()


@given(st.permutations("abcdefghijkl"), st.integers(1, 11))
def test_the_order_of_the_rows_does_not_decide_what_is_drawn(letters, count):
    assert sorted(drawn(letters, count)) == sorted(drawn(sorted(letters), count))


def test_every_row_is_drawn_as_often_as_any_other():
    hits = dict.fromkeys("abcdefghij", 0)
    for seed in range(400):
        for letter in drawn(list(hits), 5, seed):
            hits[letter] += 1
    assert all(150 < count < 250 for count in hits.values())


def test_copies_of_a_sample_are_drawn_one_by_one():
    letters = ["a"] * 50 + list("bcdefghijk") * 5
    counts = [drawn(letters, 10, seed).count("a") for seed in range(50)]
    assert min(counts) > 0 or len(set(counts)) > 3
    assert max(counts) < 10


def test_a_number_is_the_same_on_every_machine():
    assert rank(0, bytes(16)) == 10100484340161779097 and rank(1, bytes(16)) != rank(0, bytes(16)) != rank(0, bytes(16), 1)


def test_a_fraction_is_rounded_up_and_not_by_accident_of_floats():
    assert draw(scan_of(["x"] * 30), None, 0, 0.1).count == 3
    assert draw(scan_of(["x"] * 31), None, 0, 0.1).count == 4
    assert draw(scan_of(["x"]), None, 0, 0.001).count == 1


def test_rows_are_written_with_their_own_bytes_in_the_order_of_the_file(here):
    done = run(here, 5, "a.jsonl")
    lines = (here / "a.jsonl").read_bytes().splitlines()
    found = [lines.index(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(found) == 5 and found == sorted(found)
    assert b"drew 5 samples of 40" in done.stderr and b"1 line" in done.stderr


def test_the_same_command_gives_the_same_bytes_and_another_seed_others(here):
    assert run(here, 7, "a.jsonl").stdout == run(here, 7, "a.jsonl").stdout != run(here, 7, "a.jsonl", "--seed", 1).stdout


def test_fifty_are_among_a_hundred_from_a_file_that_grew(here):
    fewer = run(here, 10, "a.jsonl").stdout.splitlines()
    assert set(fewer) <= set(run(here, 20, "a.jsonl").stdout.splitlines())
    new = [{"messages": [{"role": "user", "content": f"새 질문 {n}"}, {"role": "assistant", "content": "답"}]} for n in range(30)]
    (here / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in new))
    grown = run(here, 10, "b.jsonl", "a.jsonl").stdout.splitlines()
    old = set((here / "a.jsonl").read_bytes().splitlines())
    assert {line for line in grown if line in old} <= set(fewer)


def test_more_than_there_are_is_everything_and_is_said(here):
    done = run(here, 1000, "a.jsonl", "-o", "out.jsonl")
    assert len((here / "out.jsonl").read_bytes().splitlines()) == 40
    assert b"there are no 1,000" in done.stderr


@pytest.mark.parametrize("suffix", ["jsonl.gz", "json", "csv", "tsv", "parquet"])
def test_the_same_samples_are_drawn_from_and_to_every_container(here, suffix):
    rows = [{"instruction": f"Say {n}", "input": "", "output": f"'{n}',\n\"둘\""} for n in range(30)]
    (here / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(here, 30, "rows.jsonl", "-o", f"all.{suffix}").returncode == 0
    assert run(here, 4, f"all.{suffix}", "-o", f"few.{suffix}").returncode == 0
    wanted = [json.loads(line)["instruction"] for line in run(here, 4, "rows.jsonl").stdout.splitlines()]
    path = here / f"few.{suffix}"
    if suffix == "parquet":
        found = pl.read_parquet(path)["instruction"].to_list()
    elif suffix in ("csv", "tsv"):
        found = pl.read_csv(path, separator="\t" if suffix == "tsv" else ",")["instruction"].to_list()
    else:
        data = gzip.decompress(path.read_bytes()) if suffix.endswith("gz") else path.read_bytes()
        found = [row["instruction"] for row in (json.loads(data) if suffix == "json" else map(json.loads, data.splitlines()))]
    assert found == wanted


def test_two_objects_on_one_line_are_two_rows(tmp_path, chat):
    one, two = json.dumps(chat("a", "b")), json.dumps(chat("c", "d"))
    (tmp_path / "x.jsonl").write_text(f"{one}{two}\n")
    out = run(tmp_path, 2, "x.jsonl").stdout.splitlines()
    assert [json.loads(line) for line in out] == [json.loads(one), json.loads(two)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.jsonl", "5"), "ftdata sample 5 a.jsonl"),
        (("a.jsonl",), "no number"),
        (("5",), "No file"),
        (("0", "a.jsonl"), "At least 1"),
        (("--fraction", "5", "a.jsonl"), "0.05 is 5 percent"),
        (("5", "a.jsonl", "--fraction", "0.1"), "exclude"),
        (("5", "a.jsonl", "-o", "a.jsonl"), "not written over"),
        (("5", "a.jsonl", "-o", "out.xyz"), "suffix"),
        (("5", "missing.jsonl"), "no such file"),
        (("5", "a.jsonl", "--from", "openai-chatt"), "Did you mean"),
        (("5", "a.jsonl", "--format", "json"), "standard output"),
        (("5", "a.jsonl", "--seed", str(1 << 300)), "255 bits"),
    ],
)
def test_what_makes_no_sense_exits_2_with_what_to_do_and_writes_nothing(here, arguments, words):
    before = sorted(here.iterdir())
    done = run(here, *arguments)
    assert done.returncode == 2 and words in done.stderr.decode() and b"Traceback" not in done.stderr
    assert sorted(here.iterdir()) == before


def test_the_json_report_names_every_sample(here):
    done = run(here, 3, "a.jsonl", "-o", "out.jsonl", "--format", "json")
    facts = json.loads(done.stdout)
    assert facts["drawn"] == len(facts["samples"]) == 3 and facts["of"] == 40 and facts["unreadable"] == 1
    assert all(entry["path"] == "a.jsonl" and len(entry["sample"]) == 32 for entry in facts["samples"])


def test_standard_input_is_read_and_stays_itself(here):
    done = run(here, 3, "-", input=(here / "a.jsonl").read_bytes())
    assert done.stdout == run(here, 3, "a.jsonl").stdout


@pytest.mark.parametrize(
    "name", ["tools.jsonl", "sharegpt.json", "columns.csv", "utf16.jsonl", "cp949.jsonl", "pretty.jsonl", "preference.jsonl"]
)
def test_a_scan_sees_the_hashes_that_lint_prints(name):
    path = str(SAMPLES / "dirty" / name)
    found = scan([open_input(path)], Look(keys=True))
    values = [value for piece in cut(open_input(path)) for value in decode(piece).values]
    assert [found.hash_of(row) for row in range(len(found))] == [sample_id(parse(value, detect_row(value))) for value in values]
    assert len(found.prompts) == len(found.answers) == len(found)


def test_line_ends_and_a_byte_order_mark_are_no_part_of_a_row(tmp_path, chat):
    row = json.dumps(chat("a", "b"), ensure_ascii=False).encode()
    (tmp_path / "x.jsonl").write_bytes(b"\xef\xbb\xbf" + row + b"\r\n" + row + b"\r\n")
    assert run(tmp_path, 2, "x.jsonl").stdout == row + b"\n" + row + b"\n"


def test_rows_of_an_array_become_lines_that_say_the_same(tmp_path, chat):
    rows = [chat("a\nb", "c"), chat("d", "e\r\n")]
    (tmp_path / "x.json").write_text(json.dumps(rows, indent=2))
    assert list(map(json.loads, run(tmp_path, 2, "x.json").stdout.splitlines())) == rows


def test_a_file_that_changed_since_it_was_scanned_is_an_error(write_jsonl, chat):
    path = write_jsonl([chat("a", "b")] * 3)
    found = scan([open_input(path)], Look())
    write_jsonl([chat("a", "b")] * 2)
    with pytest.raises(ReadError, match=r"changed|moved|cannot"):
        list(wanted_rows(found))
