"""``ftdata convert`` as its users meet it: what is written, what is dropped, what is refused, and that nothing is left behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from command import convert, exit_code, read, write

from ftdata.convert.piece import Plan
from ftdata.convert.run import check_outputs, open_inputs
from ftdata.convert.run import convert as run
from ftdata.errors import ReadError, UsageError


def share(*texts, **more):
    turns = [{"from": ("human", "gpt")[at % 2], "value": text} for at, text in enumerate(texts)]
    return {"conversations": turns} | more


def chat(*texts, **more):
    return {"messages": [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]} | more


def pair(question="물때?", better="정오입니다.", worse="몰라요."):
    return {"prompt": question, "chosen": better, "rejected": worse}


@pytest.fixture
def source(tmp_path):
    return write(tmp_path / "in.jsonl", [share(f"Depth of buoy {number}?", f"{number} m 🌊") for number in range(50)])


def report(capsys):
    return capsys.readouterr().err


def test_rows_are_written_in_their_order(source, tmp_path):
    assert convert(source, "--to", "openai-chat", "-o", tmp_path / "out.jsonl") == 0
    assert read(tmp_path / "out.jsonl") == [chat(f"Depth of buoy {number}?", f"{number} m 🌊") for number in range(50)]


def test_one_process_and_several_write_the_same_bytes(tmp_path):
    rows = [share("a" * 900, str(number)) if number % 3 else pair(f"q{number}") for number in range(12_000)]
    path = write(tmp_path / "in.jsonl", rows)
    for jobs in (1, 3):
        assert convert(path, "--to", "alpaca", "-o", tmp_path / f"out{jobs}.jsonl", "--jobs", jobs) == 1
    assert (tmp_path / "out1.jsonl").read_bytes() == (tmp_path / "out3.jsonl").read_bytes()
    dropped = [read(tmp_path / f"out{jobs}.jsonl.dropped.jsonl") for jobs in (1, 3)]
    assert dropped[0] == dropped[1]
    assert [entry["row"] for entry in dropped[0]] == list(range(1, 12_001, 3))


def test_several_inputs_become_one_output(tmp_path):
    one, other = write(tmp_path / "a.jsonl", [share("a", "b")]), write(tmp_path / "b.jsonl", [{"prompt": "c", "completion": "d"}])
    assert convert(one, other, "--to", "openai-chat", "-o", tmp_path / "out.jsonl") == 0
    assert read(tmp_path / "out.jsonl") == [chat("a", "b"), chat("c", "d")]


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".jsonl.gz", ".jsonl.zst", ".json.gz", ".csv.zst"])  # fmt: skip
def test_every_container_is_written_and_read_again(suffix, source, tmp_path):
    middle, back = tmp_path / f"middle{suffix}", tmp_path / "back.jsonl"
    assert convert(source, "--to", "openai-chat", "-o", middle) == 0
    assert convert(middle, "--to", "sharegpt", "-o", back) == 0
    assert read(back) == read(source)
    once = middle.read_bytes()
    assert convert(source, "--to", "openai-chat", "-o", middle) == 0
    assert middle.read_bytes() == once


def test_a_dropped_row_stands_beside_the_output_with_its_place_and_reason(tmp_path, capsys):
    path = write(tmp_path / "in.jsonl", [chat("a", "b"), {"nothing": 1}, pair()])
    with path.open("a") as file:
        file.write('{"messages": [}\n')
    assert convert(path, "--to", "openai-chat", "-o", tmp_path / "out.jsonl") == 1
    gone = read(tmp_path / "out.jsonl.dropped.jsonl")
    assert [(entry["row"], entry["line"]) for entry in gone] == [(None, 4), (2, 2), (3, 3)]
    assert [entry.get("sample") for entry in gone] == [None, {"nothing": 1}, pair()]
    assert "worse answer" in gone[2]["reason"] and "not JSON" in gone[0]["reason"]
    assert "dropped 1 row: the worse answer" in report(capsys)


def test_dropped_rows_of_an_earlier_run_do_not_stay(source, tmp_path):
    stale = tmp_path / "out.jsonl.dropped.jsonl"
    stale.write_text("{}\n")
    assert convert(source, "--to", "openai-chat", "-o", tmp_path / "out.jsonl") == 0
    assert stale.read_text() == ""


def test_preference_data_is_no_sft_data_unless_it_is_asked_for(tmp_path):
    path, out = write(tmp_path / "in.jsonl", [pair()]), tmp_path / "out.jsonl"
    with pytest.raises(UsageError, match="worse answer") as found:
        convert(path, "--to", "openai-chat", "-o", out)
    assert "--drop-rejected" in found.value.hint
    assert os.listdir(tmp_path) == ["in.jsonl"]
    assert convert(path, "--to", "openai-chat", "-o", out, "--drop-rejected") == 0
    assert read(out) == [chat("물때?", "정오입니다.")]


def test_a_pair_becomes_two_labelled_answers_when_asked_for(tmp_path):
    path, out = write(tmp_path / "in.jsonl", [pair()]), tmp_path / "out.jsonl"
    assert exit_code(path, "--to", "messages-kto", "-o", out) == 2
    assert convert(path, "--to", "messages-kto", "-o", out, "--unpair") == 0
    assert [row["label"] for row in read(out)] == [True, False]


@pytest.mark.parametrize("way", ["same", "symbolic link", "hard link", "other spelling"])
def test_an_input_is_never_written_over(way, source, tmp_path):
    out, before = source, source.read_bytes()
    if way != "same":
        out = tmp_path / "link.jsonl" if way != "other spelling" else f"{tmp_path}/../{tmp_path.name}/in.jsonl"
    if way == "symbolic link":
        out.symlink_to(source)
    elif way == "hard link":
        out.hardlink_to(source)
    with pytest.raises(UsageError, match="is an input"):
        convert(source, "--to", "openai-chat", "-o", out)
    assert source.read_bytes() == before


def test_two_outputs_are_two_files(source, tmp_path):
    with pytest.raises(UsageError, match="written already"):
        convert(source, "--to", "openai-chat", "-o", tmp_path / "out.jsonl", "--sidecar", tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "opanai-chat"], "Did you mean 'openai-chat'"),
        (["--to", "oasst-flat"], "one row is one message"),
        (["--to", "openai-chat", "--from", "sharegtp"], "Did you mean 'sharegpt'"),
        (["--target", "axolot"], "Did you mean 'axolotl'"),
        ([], "--to is missing"),
        (["--to", "openai-chat", "--map", "foo=bar"], "no format has a field 'foo'"),
        (["--to", "openai-chat", "--map", "question"], "is no mapping"),
        (["--to", "openai-chat", "--map", "prompt=x,prompt=y"], "mapped twice"),
        (["--to", "openai-chat", "--map", "conversations=conversation"], "Did you mean 'conversations'"),
        (["--to", "openai-chat", "--default", "x"], "is no default"),
        (["--to", "openai-chat", "--unpair", "--drop-rejected"], "exclude each other"),
        (["--to", "openai-chat", "--restore", "nowhere"], "no such file"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(arguments, words, source, tmp_path):
    with pytest.raises(UsageError) as found:
        convert(source, "-o", tmp_path / "out.jsonl", *arguments)
    assert words in f"{found.value.message} {found.value.hint}"
    assert os.listdir(tmp_path) == ["in.jsonl"]


@pytest.mark.parametrize(("name", "words"), [("out.xlsx", "suffix"), ("out.parquet.gz", "compressed inside"), ("no/out.jsonl", "cannot be written")])  # fmt: skip
def test_an_output_that_cannot_be_written_is_refused(name, words, source, tmp_path):
    with pytest.raises(UsageError, match=words):
        convert(source, "--to", "openai-chat", "-o", tmp_path / name)
    assert os.listdir(tmp_path) == ["in.jsonl"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said(source):
    with pytest.raises(UsageError, match="No space left"):
        convert(source, "--to", "openai-chat", "-o", "/dev/full")


def test_an_interrupted_run_leaves_nothing(source, tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    for name in ("out.jsonl", "out.parquet"):
        with pytest.raises(KeyboardInterrupt):
            run(
                open_inputs([str(source)]), str(tmp_path / name), Plan("openai-chat", keep=True),
                sidecar=str(tmp_path / "kept.jsonl"), progress=interrupt,
            )  # fmt: skip
    assert os.listdir(tmp_path) == ["in.jsonl"]


def test_an_input_that_is_no_data_is_named(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"\x89PNG....")
    with pytest.raises(ReadError, match=r"in\.jsonl: is a PNG image"):
        convert(path, "--to", "openai-chat", "-o", tmp_path / "out.jsonl")


def test_strict_writes_nothing_where_something_would_be_lost(tmp_path, capsys):
    path, out = write(tmp_path / "in.jsonl", [chat("a", "b", mood="calm")]), tmp_path / "out.jsonl"
    assert exit_code(path, "--to", "anthropic", "-o", out, "--strict") == 1
    assert os.listdir(tmp_path) == ["in.jsonl"]
    assert "lost     mood" in report(capsys)
    assert exit_code(path, "--to", "openai-chat", "-o", out, "--strict") == 0


def test_strict_lets_pass_what_is_only_spelled_otherwise(tmp_path):
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [call]}]}
    path = write(tmp_path / "in.jsonl", [row])
    assert exit_code(path, "--to", "anthropic-tools", "-o", tmp_path / "out.jsonl", "--strict") == 0


def test_the_report_tells_lost_from_changed_and_added_with_a_count_and_an_example(tmp_path, capsys):
    rows = [chat("a", "b", source="web"), chat("c", "d", source="book")]
    rows[0]["messages"][1]["weight"] = 0
    convert(write(tmp_path / "in.jsonl", rows), "--to", "anthropic", "-o", tmp_path / "out.jsonl", "--format", "json")
    found = json.loads(capsys.readouterr().out)
    assert [(loss["kind"], loss["field"], loss["rows"], loss["example"]["line"], loss["example"]["value"]) for loss in found["losses"]] == [
        ("lost", "source", 2, 1, "web"), ("lost", "messages[].weight", 1, 1, "0"),
    ]  # fmt: skip
    assert (found["written"], found["dropped"], found["formats"]) == (2, 0, {"openai-chat": 2})


def test_what_the_report_shows_is_escaped_and_masked(tmp_path, capsys):
    key = "sk-proj-" + "a1B2c3D4e5F6g7H8" * 4
    rows = [chat("a", "b", **{"\x1b[31mred": "\x1b[2J", "key": key})]
    convert(write(tmp_path / "in.jsonl", rows), "--to", "anthropic", "-o", tmp_path / "out.jsonl")
    said = report(capsys)
    assert "\x1b" not in said and key not in said and "\\x1b[31mred" in said


def test_unknown_columns_are_mapped_and_missing_ones_filled(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("질문,답,topic\n물때?,정오입니다.,tide\n", "utf-8")
    out = tmp_path / "out.jsonl"
    assert (
        convert(path, "--to", "openai-chat", "-o", out, "--map", "prompt=질문,response=답", "--default", "system=Be brief.") == 0
    )
    (row,) = read(out)
    assert [turn["content"] for turn in row["messages"]] == ["Be brief.", "물때?", "정오입니다."]
    assert row["topic"] == "tide"


def test_a_default_that_is_json_is_its_value(tmp_path):
    path = write(tmp_path / "in.jsonl", [chat("a", "b"), chat("c", "d", label=False)])
    assert convert(path, "--to", "messages-kto", "-o", tmp_path / "out.jsonl", "--default", "label=true") == 0
    assert [row["label"] for row in read(tmp_path / "out.jsonl")] == [True, False]


def test_whole_numbers_keep_every_digit(tmp_path):
    number = 12345678901234567890123
    path = write(tmp_path / "in.jsonl", [chat("a", "b", number=number)])
    for name in ("openai-chat", "sharegpt"):
        convert(path, "--to", name, "-o", tmp_path / f"{name}.jsonl")
        assert read(tmp_path / f"{name}.jsonl")[0]["number"] == number


def test_standard_output_holds_rows_alone(source, capfdbinary):
    assert convert(source, "--to", "openai-chat", "-o", "-") == 0
    captured = capfdbinary.readouterr()
    assert json.loads(captured.out.partition(b"\n")[0]) == chat("Depth of buoy 0?", "0 m 🌊")
    assert b"wrote 50 rows" in captured.err


def test_outputs_on_devices_are_no_inputs(source):
    check_outputs(open_inputs([str(source)]), ["/dev/null", "/dev/null"])
