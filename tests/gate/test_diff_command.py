"""``ftdata diff``: two sets of samples compared by what they say; edits as word diffs; nothing of the data acts or leaks."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repositories import chat, ftdata, lines
from test_baseline import SECRET

from ftdata.report.words import shortened, word_diff


def write(folder, rows, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(lines(rows), "utf-8")


def diff(folder, *arguments):
    done = ftdata("diff", "a.jsonl", "b.jsonl", *arguments, cwd=folder)
    assert done.returncode in (0, 1), done.stderr
    return done


def found(folder, *arguments):
    done = diff(folder, "--format", "json", *arguments)
    data = json.loads(done.stdout)
    assert done.returncode == int(not data["same"])
    return data


@pytest.fixture
def folder(tmp_path):
    rows = [chat(n) for n in range(12)]
    write(tmp_path, rows, "a.jsonl")
    write(tmp_path, rows, "b.jsonl")
    return tmp_path


def test_the_same_samples_are_no_difference(folder):
    data = found(folder)
    assert data["same"] and data["counts"]["unchanged"] == 12
    assert "no sample changed" in diff(folder).stdout


def test_another_format_is_no_difference(folder):
    parts = [chat(n)["messages"] for n in range(12)]
    rows = [
        {"conversations": [{"from": "human", "value": one["content"]}, {"from": "gpt", "value": two["content"]}]}
        for one, two in parts
    ]
    write(folder, rows, "b.jsonl")
    data = found(folder)
    assert data["same"] and "written otherwise" in data["notes"][0]


def test_counts_facts_and_places_are_told(folder):
    rows = [chat(n) for n in range(12)]
    rows[2]["messages"][1]["content"] = rows[2]["messages"][1]["content"].replace("near", "far from")
    write(folder, [rows[11], *rows[:5], *rows[6:11], chat(40), chat(41)], "b.jsonl")
    data = found(folder)
    assert data["counts"] == {"added": 2, "removed": 1, "edited": 1, "moved": 1, "unchanged": 9}
    assert (data["facts"]["before"]["samples"], data["facts"]["after"]["samples"]) == (12, 13)
    assert data["facts"]["before"]["tokens"]["total"] != data["facts"]["after"]["tokens"]["total"]
    assert [e["row"] for e in data["added"]] == [12, 13] and [e["row"] for e in data["removed"]] == [6]
    assert [(m["before"]["row"], m["after"]["row"]) for m in data["moved"]] == [(12, 1)]
    assert [(e["before"]["row"], e["after"]["row"]) for e in data["edited"]] == [(3, 4)]
    text = diff(folder).stdout
    assert "[-near-]{+far from+}" in text and "samples" in text and "12 →" in text


def test_no_more_examples_are_shown_than_asked_for(folder):
    rows = [chat(n) for n in range(50, 90)]
    for number, row in enumerate(rows):
        row["messages"] = [
            {"role": "user", "content": f"{number * 7919:b}"},
            {"role": "assistant", "content": "Odd." * (number + 1)},
        ]
    write(folder, rows, "b.jsonl")
    data = found(folder, "--max-examples", "2")
    assert len(data["added"]) == len(data["removed"]) == 2 and data["counts"]["added"] == 40
    assert "… and 38 more added samples" in diff(folder, "--max-examples", "2").stdout
    assert "40 added samples" in diff(folder, "--max-examples", "0").stdout


def test_an_answer_that_was_written_anew_is_an_edit(folder):
    rows = [chat(n) for n in range(12)]
    rows[3]["messages"][1]["content"] = "No."
    write(folder, rows, "b.jsonl")
    assert found(folder)["counts"] == {"added": 0, "removed": 0, "edited": 1, "moved": 0, "unchanged": 11}


def test_secrets_are_masked_on_both_sides_of_an_edit(folder):
    rows = [chat(n) for n in range(12)]
    rows[3]["messages"][1]["content"] += f" Use {SECRET} for it."
    write(folder, [*rows, {"messages": [{"role": "user", "content": f"my key: {SECRET}"}]}], "b.jsonl")
    for output in ("text", "json", "markdown"):
        printed = diff(folder, "--format", output).stdout
        assert SECRET[:20] not in printed and "openai-key" in printed


HOSTILE = "\x1b[31mred\n::error::x <script>alert(1)</script> ![i](http://x) =1+1 \u202e [-a-] @someone #12"


@pytest.mark.parametrize("output", ["text", "json", "markdown"])
def test_nothing_of_the_data_acts(folder, output):
    rows = [chat(n) for n in range(12)]
    rows[3]["messages"][1]["content"] += " " + HOSTILE
    extra = {"messages": [{"role": "user", "content": HOSTILE}, {"role": "\x1b[0m<b>", "content": HOSTILE}]}
    write(folder, [*rows, extra], "b.jsonl")
    printed = diff(folder, "--format", output).stdout
    assert "\x1b" not in printed and "\u202e" not in printed
    assert not any(line.lstrip().startswith("::") for line in printed.splitlines())
    if output == "markdown":
        assert "<script" not in printed and "![i]" not in printed and "<b>" not in printed and "@someone" not in printed


def test_folders_are_compared_file_by_file(tmp_path):
    for side in ("a", "b"):
        write(tmp_path, [chat(n) for n in range(5)], f"{side}/x.jsonl")
        write(tmp_path, [chat(n) for n in range(10, 15)], f"{side}/y.jsonl")
    assert ftdata("diff", "a", "b", cwd=tmp_path).returncode == 0
    write(tmp_path, [chat(n) for n in range(5)] + [chat(10)], "b/x.jsonl")
    write(tmp_path, [chat(n) for n in range(11, 15)], "b/y.jsonl")
    done = ftdata("diff", "a", "b", cwd=tmp_path)
    assert done.returncode == 1 and "1 moved" in done.stdout and "moved b/x.jsonl:6 was a/y.jsonl:1" in done.stdout


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", 2, "the file is empty"),
        (b"{broken\n", 2, "none of its 1 rows could be read"),
        (b"\x00\x01\x02" * 50, 2, "b.jsonl"),
        (None, 2, "no such file"),
    ],
)
def test_what_cannot_be_compared_is_explained(folder, content, code, words):
    (folder / "b.jsonl").unlink()
    if content is not None:
        (folder / "b.jsonl").write_bytes(content)
    done = ftdata("diff", "a.jsonl", "b.jsonl", cwd=folder)
    assert done.returncode == code and words in done.stdout + done.stderr


def test_a_row_that_broke_is_a_difference(folder):
    with (folder / "b.jsonl").open("a") as file:
        file.write("{broken\n")
    assert diff(folder).returncode == 1


def test_wrong_flags_end_with_2(folder):
    for arguments in (
        ("a.jsonl",),
        ("a.jsonl", "b.jsonl", "--from", "nonsense"),
        ("-", "-"),
        ("a.jsonl", "b.jsonl", "--max-examples", "-1"),
    ):
        assert ftdata("diff", *arguments, cwd=folder).returncode == 2


TEXTS = st.text("ab cd.\n한글 中文é", max_size=60)


@given(TEXTS, TEXTS)
def test_a_word_diff_holds_both_texts(before, after):
    spans = word_diff(before, after)
    assert "".join(text for mark, text in spans if mark != "added") == before
    assert "".join(text for mark, text in spans if mark != "removed") == after


@given(TEXTS, TEXTS)
def test_a_shortened_word_diff_is_short(before, after):
    assert sum(len(text) for _, text in shortened(word_diff(before * 50, after * 50), most=300)) <= 301
