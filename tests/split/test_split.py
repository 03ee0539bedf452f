"""A split keeps together what hangs together, stays when the data grows, and says how it was made."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import SAMPLES

import ftdata
from ftdata.dedupe.collect import make_views
from ftdata.dedupe.search import find_pairs
from ftdata.errors import UsageError
from ftdata.split import Settings, assign
from ftdata.split.folder import appear
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


@given(st.integers(20, 60), st.integers(0, 5), st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_a_sample_stays_where_it_is_when_the_data_grows_unless_it_was_forced(first, seed, stratify, chance):
    mixed = list(ROWS)
    chance.shuffle(mixed)
    with tempfile.TemporaryDirectory() as folder:
        small = write(Path(folder) / "small.jsonl", mixed[:first])
        large = write(Path(folder) / "large.jsonl", sorted(mixed, key=json.dumps))
        before, after = (split([path], Settings(seed=seed, stratify=stratify), threshold=95.0) for path in (small, large))
    assert len(after.groups.sizes()) == len(ROWS), "the rows of this test must not hang together"
    now = dict(zip(after.collection.ids, after.assignment.held, strict=True))
    moved = sum(now[sample] != held for sample, held in zip(before.collection.ids, before.assignment.held, strict=True))
    assert moved <= before.assignment.forced + after.assignment.forced
    assert not after.assignment.forced if not stratify else after.assignment.forced < 8


def test_a_row_that_ties_two_groups_moves_these_alone(tmp_path):
    first, second = ROWS[0], ROWS[1]
    tie = chat(first["messages"][0]["content"], ROWS[5]["messages"][1]["content"], conversation_id="k")
    rows_before = [*ROWS[:100], dict(second, conversation_id="k")]
    for seed in range(6):
        before = sides([write(tmp_path / "a.jsonl", rows_before)], seed=seed, stratify=False)
        after = sides([write(tmp_path / "b.jsonl", [*rows_before, tie])], seed=seed, stratify=False)
        moved = {sample for sample, held in before.items() if after[sample] != held}
        ids = split([write(tmp_path / "c.jsonl", [first, second])], Settings()).collection.ids
        assert moved <= set(ids)


def edited(text, places, letters):
    for place, letter in zip(places, letters, strict=False):
        at = place % len(text)
        text = text[:at] + letter + text[at + 1 :]
    return text


@given(
    st.lists(
        st.tuples(st.integers(0, 19), st.lists(st.integers(0, 400), max_size=8), st.text("abcxyz ", min_size=8, max_size=8)),
        min_size=25,
        max_size=60,
    ),
    st.sampled_from([80.0, 90.0, 97.0]),
    st.integers(0, 3),
)
@settings(max_examples=25, deadline=None)
def test_the_public_search_finds_nothing_across_the_two_files(changes, threshold, seed):
    made_rows = []
    for number, places, letters in changes:
        question, answer = (turn["content"] for turn in ROWS[number]["messages"])
        made_rows.append(chat(edited(question, places[:4], letters), edited(answer, places[4:], letters[4:])))
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "a.jsonl", [*made_rows, *ROWS[40:50]])
        write_split(split([path], Settings(seed=seed), threshold=threshold), Path(folder) / "out")
        files = [Path(folder) / "out/train.jsonl", Path(folder) / "out/eval.jsonl"]
        found = ftdata.find_near_duplicates(files, threshold=threshold).found
    file = found.collection.file
    assert found.pairs is not None
    left, right, _ = found.pairs.expanded(100.0)
    assert all(file[found.alive[a]] == file[found.alive[b]] for a, b in zip(left.tolist(), right.tolist(), strict=True))
    assert all(file[a] == file[b] for a, b in found.same.items())
    assert set(file) == {0, 1}


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
    assert any("hang together" in note and "same question" in note for note in made.notes)


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
        (["a.jsonl", "-o", "out", "--eval", "0.1", "--eval-size", "3"], "Use one of them"),
        (["a.jsonl", "-o", "out", "--group", "mesages"], "Did you mean 'messages'"),
        (["a.jsonl", "-o", "out", "--seed", "9" * 80], "63 bits"),
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


def test_a_conversation_written_once_for_each_turn_stays_on_one_side(tmp_path):
    turns = [ROWS[number]["messages"] for number in range(100, 106)]
    cut = [{"messages": [turn for pair in turns[:count] for turn in pair]} for count in range(2, len(turns) + 1)]
    path = write(tmp_path / "a.jsonl", [*ROWS[:60], *reversed(cut)])
    for seed in range(6):
        made = split([path], Settings(seed=seed))
        assert made.groups.joined["same conversation"] == len(cut)
        assert len(set(made.assignment.held[60:])) == 1


def test_a_short_greeting_with_which_many_begin_ties_nothing(tmp_path):
    hello = chat("Hi", "Hello!")["messages"]
    path = write(tmp_path / "a.jsonl", [{"messages": hello}, *({"messages": hello + row["messages"]} for row in ROWS[:30])])
    assert len(split([path], Settings()).groups.sizes()) == 31


def test_group_fields_are_found_under_the_names_that_exports_use(tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        [*(dict(row, metadata={"threadId": number // 3}) for number, row in enumerate(ROWS[:60])), *ROWS[60:]],
    )
    done = run(tmp_path, "a.jsonl", "-o", "out")
    assert "found by name: metadata.threadId" in done.stdout and "60 of 120 samples have no metadata.threadId" in done.stdout
    made = split([path], Settings())
    assert all(len(set(made.assignment.held[at : at + 3])) == 1 for at in range(0, 60, 3))
    named = split([path], Settings(), fields=["threadId"])
    assert named.assignment.held == made.assignment.held
    assert not split([path], Settings(), fields=()).groups.fields


def test_a_category_is_not_taken_for_a_group_unless_it_is_named(tmp_path):
    path = write(tmp_path / "a.jsonl", [dict(row, group="ab"[number % 2]) for number, row in enumerate(ROWS)])
    made = split([path], Settings())
    assert not made.groups.fields and any("--group group" in note for note in made.notes)
    assert split([path], Settings(), fields=["group"]).groups.sizes().most_common(1)[0][1] == 60


def test_one_question_for_all_is_explained_and_can_be_allowed(tmp_path):
    same = [chat("Write a line.", row["messages"][1]["content"]) for row in ROWS[:50]]
    write(tmp_path / "a.jsonl", same)
    refused = run(tmp_path, "a.jsonl", "-o", "out")
    assert refused.returncode == 2 and "same question 50" in refused.stderr and "--allow-same-question" in refused.stderr
    assert run(tmp_path, "a.jsonl", "-o", "out", "--allow-same-question").returncode == 0


def test_rare_traits_reach_the_evaluation_though_each_combination_is_rarer(tmp_path):
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    rare = [dict(ROWS[90], tools=[tool]), dict(chat("x" * 700, "y " * 40), tools=[tool])]
    path = write(tmp_path / "a.jsonl", [*ROWS[:80], *rare])
    for seed in range(6):
        made = split([path], Settings(seed=seed))
        assert any("tools" in made.assignment.strata[index] for index in made.eval)


def test_a_size_stays_exact_when_strata_are_filled(tmp_path):
    korean = [chat(f"{place} 가는 길은 {n}번인가요?", f"{n}번째 골목에서 {place} 쪽입니다.") for n, place in enumerate(PLACES)]
    path = write(tmp_path / "a.jsonl", [*ROWS, *korean])
    for seed in range(6):
        made = split([path], Settings(size=9, seed=seed), threshold=99.0)
        assert len(made.eval) == 9
        assert {made.assignment.strata[index].split(",")[0] for index in made.eval} == {"Latin", "Hangul"}


def test_so_few_groups_still_give_about_the_share(tmp_path):
    path = write(tmp_path / "a.jsonl", ROWS[:20])
    for seed in range(30):
        made = split([path], Settings(seed=seed))
        assert 2 <= len(made.eval) <= 6


def test_the_manifest_names_the_bytes_that_are_there(tmp_path):
    write(tmp_path / "a.jsonl", ROWS)
    done = run(tmp_path, "a.jsonl", "-o", "out", "--pilot", "500", "--format", "json")
    manifest = json.loads(done.stdout)
    assert manifest == json.loads((tmp_path / "out/manifest.json").read_text("utf-8"))
    for name, entry in manifest["files"].items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == entry["sha256"]
    assert manifest["inputs"] == [{"path": "a.jsonl", "sha256": hashlib.sha256((tmp_path / "a.jsonl").read_bytes()).hexdigest()}]
    assert manifest["files"]["pilot-500.jsonl"]["sha256"] == manifest["files"]["train.jsonl"]["sha256"]
    assert any("the pilot of 500" in note for note in manifest["notes"])


def test_a_copy_of_the_input_elsewhere_is_the_same_split(tmp_path):
    write(tmp_path / "a.jsonl", ROWS)
    write(tmp_path / "b.jsonl", ROWS)
    assert run(tmp_path, "a.jsonl", "-o", "out").returncode == 0
    assert run(tmp_path, "b.jsonl", "-o", "out").returncode == 0
    (tmp_path / "out/eval.jsonl").write_text("")
    refused = run(tmp_path, "a.jsonl", "-o", "out")
    assert refused.returncode == 2 and "another split" in refused.stderr


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("there", [False, True])
def test_a_split_that_breaks_off_leaves_what_was_there(tmp_path, error, there):
    path = write(tmp_path / "a.jsonl", ROWS)
    if there:
        write_split(split([path], Settings()), tmp_path / "out")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    def breaks(half):
        (half / "train.jsonl").write_text("half")
        raise error

    with pytest.raises((UsageError, KeyboardInterrupt)):
        appear(tmp_path / "out", breaks, inputs=[path], force=True)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert (tmp_path / "out").exists() == there and not list(tmp_path.glob(".*"))


def test_force_replaces_a_split_and_its_leftovers(tmp_path):
    path = write(tmp_path / "a.jsonl", ROWS)
    write_split(split([path], Settings(pilot=(10, 20))), tmp_path / "out")
    write_split(split([path], Settings(seed=7)), tmp_path / "out", force=True)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["eval.jsonl", "manifest.json", "train.jsonl"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.jsonl", "out"]


def test_byte_order_marks_and_line_ends_do_not_get_into_the_middle_of_a_file(tmp_path):
    lines = [json.dumps(row).encode() for row in ROWS[:30]]
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines))
    write_split(split([str(tmp_path / "a.jsonl")], Settings()), tmp_path / "out")
    written = (tmp_path / "out/train.jsonl").read_bytes() + (tmp_path / "out/eval.jsonl").read_bytes()
    assert sorted(written.splitlines()) == sorted(lines)


def test_an_empty_folder_and_a_link_to_one_are_filled(tmp_path):
    path = write(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write_split(split([path], Settings()), tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real/train.jsonl").exists()
