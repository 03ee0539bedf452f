"""A split keeps together what hangs together, stays when the data grows, and says how it was made."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import SAMPLES

import ftdata
from ftdata.dedupe.collect import collect, make_views
from ftdata.dedupe.search import find_pairs
from ftdata.errors import UsageError
from ftdata.split import Settings, assign, find_groups
from ftdata.split.run import split, write_split


def chat(question, answer, **more):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more}


PLACES = ["harbour", "station", "market", "library", "bakery", "old town hall", "swimming pool", "cinema", "museum", "school"]


def unlike(number):
    """A question and an answer that resemble no other ones: words made of a hash."""
    letters = hashlib.sha256(str(number).encode()).hexdigest().translate(str.maketrans("0123456789", "ghijklmnop"))
    parts = [letters[at : at + 5] for at in range(0, 60, 5)]
    return chat(" ".join(parts[:6]) + "?", " ".join(parts[6:]) + ".")


ROWS = [unlike(number) for number in range(120)]


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return str(path)


def run(here, *arguments):
    return subprocess.run([sys.executable, "-m", "ftdata", "split", *arguments], capture_output=True, text=True, cwd=here)


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def sides(paths, **more):
    made = split(paths, Settings(**more), threshold=95.0)
    return {made.collection.ids[index]: held for index, held in enumerate(made.assignment.held)}


def test_all_rows_are_on_one_side_and_the_manifest_says_which_files(tmp_path):
    write(tmp_path / "a.jsonl", ROWS)
    done = run(tmp_path, "a.jsonl", "-o", "out", "--threshold", "95", "--pilot", "10", "--pilot", "20")
    assert done.returncode == 0, done.stderr
    train, held = rows(tmp_path / "out/train.jsonl"), rows(tmp_path / "out/eval.jsonl")
    assert sorted(map(json.dumps, train + held)) == sorted(map(json.dumps, ROWS))
    assert 0.1 < len(held) / len(ROWS) < 0.3
    manifest = json.loads((tmp_path / "out/manifest.json").read_text("utf-8"))
    assert manifest["files"]["train.jsonl"]["samples"] == len(train) and manifest["inputs"][0]["sha256"]
    small, large = rows(tmp_path / "out/pilot-10.jsonl"), rows(tmp_path / "out/pilot-20.jsonl")
    assert len(small) == 10 and len(large) == 20
    assert all(row in large for row in small) and all(row in train for row in large)


def test_the_same_command_again_changes_nothing_and_another_split_is_refused(tmp_path):
    write(tmp_path / "a.jsonl", ROWS)
    run(tmp_path, "a.jsonl", "-o", "out")
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "out").iterdir()}
    assert run(tmp_path, "a.jsonl", "-o", "out").returncode == 0
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "out").iterdir()} == before
    refused = run(tmp_path, "a.jsonl", "-o", "out", "--seed", "1")
    assert refused.returncode == 2 and "another split" in refused.stderr
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert run(tmp_path, "a.jsonl", "-o", "out", "--seed", "1", "--force").returncode == 0
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine" and len(list(tmp_path.iterdir())) == 2


@given(st.integers(20, 60), st.integers(0, 5), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_a_sample_stays_where_it_is_when_the_data_grows(first, seed, chance):
    import tempfile
    from pathlib import Path

    mixed = list(ROWS)
    chance.shuffle(mixed)
    with tempfile.TemporaryDirectory() as folder:
        small = write(Path(folder) / "small.jsonl", mixed[:first])
        large = write(Path(folder) / "large.jsonl", sorted(mixed, key=json.dumps))
        before, after = sides([small], seed=seed, stratify=False), sides([large], seed=seed, stratify=False)
        alone = len(find_groups(collect([large]), threshold=95.0).sizes()) == len(ROWS)
    assert alone, "the rows of this test must not hang together"
    if any(before.values()) and not all(before.values()):
        assert all(after[sample] == held for sample, held in before.items())


def test_no_near_duplicate_question_or_conversation_crosses_the_split(tmp_path):
    more = [
        chat(ROWS[0]["messages"][0]["content"].upper(), "Past it."),
        chat("Hm?", "Aha.", conversation_id="k1"),
        chat("So?", "Yes.", conversation_id="k1"),
    ]
    more += [
        chat(f"Is {n} even, please?", "It is, as you can see from its last digit, which is what counts here.")
        for n in range(10, 30)
    ]
    path = write(tmp_path / "a.jsonl", [*ROWS, *more, *ROWS[:7]])
    for seed in range(4):
        made = split([path], Settings(seed=seed))
        views = make_views(made.collection, "conversation", ("nfkc", "case", "whitespace"))
        train, held = ([views.text[index] for index in side] for side in (made.train, made.eval))
        assert not len(find_pairs(held, 90.0, against=train))
        assert not {views.prompt[index] for index in made.train} & {views.prompt[index] for index in made.eval}
        ids = dict(zip(made.collection.row, made.assignment.held, strict=True))
        assert ids[len(ROWS) + 2] == ids[len(ROWS) + 3]
        assert made.groups.fields == ("conversation_id",) if len(made.groups.fields) else True


def test_lint_finds_no_leak_between_the_two_files(tmp_path):
    path = write(tmp_path / "a.jsonl", ROWS + ROWS[:30])
    write_split(split([path], Settings()), tmp_path / "out")
    report = ftdata.lint([tmp_path / "out/train.jsonl", tmp_path / "out/eval.jsonl"], select=["leaked-sample", "near-leak"])
    assert not list(report.findings)


def test_every_kind_of_sample_is_in_the_evaluation(tmp_path):
    korean = [
        chat(f"{place} 가는 길을 {n}번 다리에서 알려 주세요.", f"{n}번째 골목에서 {place} 쪽으로 가세요.")
        for n, place in enumerate(PLACES)
    ]
    path = write(tmp_path / "a.jsonl", [*ROWS, *korean])
    for seed in range(8):
        made = split([path], Settings(share=0.05, seed=seed), threshold=99.0)
        held = {made.assignment.strata[index] for index in made.eval}
        assert held == set(made.assignment.strata)


def test_one_large_group_is_said_and_not_cut(tmp_path):
    same = [chat("What is the time now, please, in the harbour office?", f"Answer {n}, whatever.") for n in range(80)]
    made = split([write(tmp_path / "a.jsonl", [*same, *ROWS[:20]])], Settings())
    assert {made.assignment.held[index] for index in range(80)} in ({True}, {False})
    assert any("hang together" in note for note in made.assignment.notes)


def test_a_size_is_taken_exactly_where_groups_allow_it(tmp_path):
    made = split([write(tmp_path / "a.jsonl", ROWS)], Settings(size=17, stratify=False), threshold=99.0)
    assert len(made.eval) == 17


def test_rows_that_are_no_samples_go_to_a_file_with_the_reason(tmp_path):
    path = tmp_path / "a.jsonl"
    write(path, ROWS)
    path.write_text(path.read_text() + '{broken\n\n{"messages": []}\n')
    assert run(tmp_path, "a.jsonl", "-o", "out").returncode == 0
    assert [row["reason"] for row in rows(tmp_path / "out/dropped.jsonl")] == ["it is no row", "it is no sample"]


def test_tables_and_arrays_are_split_into_lines(tmp_path):
    done = run(tmp_path, str(SAMPLES / "clean/prompt_completion_en.csv"), str(SAMPLES / "clean/alpaca_ko.json"), "-o", "out")
    assert done.returncode == 0, done.stderr
    assert {"prompt", "completion"} <= set(rows(tmp_path / "out/train.jsonl")[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.jsonl", "-o", "."], "holds the input"),
        (["a.jsonl", "-o", "a.jsonl"], "is a file"),
        (["a.jsonl", "-o", "out", "--eval", "1.5"], "is no share"),
        (["a.jsonl", "-o", "out", "--eval-size", "5000"], "there are"),
        (["a.jsonl", "-o", "out", "--pilot", "0"], "at least one"),
        (["a.jsonl", "-o", "out", "--threshold", "20"], "between 80 and 100"),
        (["one.jsonl", "-o", "out"], "one sample"),
        (["empty.jsonl", "-o", "out"], "empty"),
        (["same.jsonl", "-o", "out"], "hang together"),
        (["none.jsonl", "-o", "out"], "no such file"),
        (["a.jsonl"], "--output"),
    ],
)
def test_what_cannot_be_split_is_explained_and_leaves_nothing(tmp_path, arguments, words):
    write(tmp_path / "a.jsonl", ROWS)
    write(tmp_path / "one.jsonl", ROWS[:1])
    write(tmp_path / "same.jsonl", [ROWS[0]] * 5)
    (tmp_path / "empty.jsonl").write_text("")
    before = sorted(path.name for path in tmp_path.iterdir())
    done = run(tmp_path, *arguments)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_two_samples_are_split_one_and_one(tmp_path):
    made = split([write(tmp_path / "a.jsonl", [ROWS[0], ROWS[55]])], Settings())
    assert sorted(made.assignment.held) == [False, True]


def test_the_same_data_seed_and_settings_give_the_same_bytes(tmp_path):
    path = write(tmp_path / "a.jsonl", ROWS)
    for name in ("one", "two"):
        write_split(split([path], Settings(pilot=(10,))), tmp_path / name)
    assert {p.name: p.read_bytes() for p in (tmp_path / "one").iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "two").iterdir()
    }


def test_a_share_that_makes_no_sense_is_refused():
    for bad in (0.0, 1.0, -1.0):
        with pytest.raises(UsageError):
            Settings(share=bad)


def test_assign_leaves_something_on_both_sides():
    import numpy as np

    from ftdata.split.groups import Groups

    for seed in range(20):
        for count in (2, 3, 5):
            made = assign([f"{n:032x}" for n in range(count)], Groups(np.arange(count)), ["x"] * count, Settings(seed=seed))
            assert 0 < sum(made.held) < count
