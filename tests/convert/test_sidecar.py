"""The sidecar: found by content, exact where nothing was touched, and plain words where something was."""

from __future__ import annotations

import json

import pytest
from command import convert, read, write

from ftdata.errors import UsageError


def chat(number, **more):
    return {"messages": [{"role": "user", "content": f"q{number}"}, {"role": "assistant", "content": f"a{number}"}]} | more


@pytest.fixture
def rows():
    return [chat(number, source=f"book {number}", metadata={"page": number}) for number in range(6)]


@pytest.fixture
def there(rows, tmp_path):
    """The rows as a format without such keys, with a sidecar."""
    path, out, kept = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl", tmp_path / "kept.jsonl"
    assert convert(path, "--to", "anthropic", "-o", out, "--sidecar", kept) == 0
    return out, kept


def back(there, tmp_path, *arguments):
    out, kept = there
    assert convert(out, "--to", "openai-chat", "-o", tmp_path / "back.jsonl", "--sidecar", kept, *arguments) == 0
    return read(tmp_path / "back.jsonl")


def test_the_same_option_writes_and_restores(there, rows, tmp_path):
    assert back(there, tmp_path) == rows


@pytest.mark.parametrize("order", [[5, 4, 3, 2, 1, 0], [2, 4], [0, 1, 2, 3, 4, 5, 0]])
def test_rows_are_found_when_the_order_is_gone(order, there, rows, tmp_path):
    out, _ = there
    lines = read(out)
    write(out, [lines[at] for at in order])
    seen = set()
    # An entry is given out once: the copy of a row has none.
    wanted = [rows[at] if at not in seen and not seen.add(at) else chat(at) for at in order]
    assert back(there, tmp_path) == wanted


def test_an_edited_row_is_converted_as_it_is_and_said(there, rows, tmp_path, capsys):
    out, _ = there
    lines = read(out)
    lines[2]["messages"][1]["content"] = "edited"
    write(out, lines)
    found = back(there, tmp_path)
    assert found[:2] + found[3:] == rows[:2] + rows[3:]
    assert found[2]["messages"][1]["content"] == "edited" and "source" not in found[2]
    said = capsys.readouterr().err
    assert "not in the sidecar: 1 row, edited or added since" in said
    assert "no row for 1 entry of the sidecar" in said


def test_alike_rows_get_their_own_in_order_and_it_is_said_when_the_order_is_gone(tmp_path, capsys):
    rows = [chat(1, source="x"), chat(1, source="y"), chat(2), chat(1, source="x")]
    path, out, kept = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl", tmp_path / "kept.jsonl"
    convert(path, "--to", "anthropic", "-o", out, "--sidecar", kept)
    capsys.readouterr()
    assert back((out, kept), tmp_path) == rows
    assert "given out" not in capsys.readouterr().err
    write(out, read(out)[::-1])
    found = back((out, kept), tmp_path)
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, rows))
    assert "given out in the order of the sidecar" in capsys.readouterr().err


def test_a_sidecar_is_not_written_over(there, tmp_path):
    _, kept = there
    with pytest.raises(UsageError, match="exists"):
        convert(tmp_path / "in.jsonl", "--to", "anthropic", "-o", tmp_path / "again.jsonl", "--sidecar", kept)
    with pytest.raises(UsageError, match="no sidecar"):
        convert(tmp_path / "in.jsonl", "--to", "anthropic", "-o", tmp_path / "again.jsonl", "--sidecar", tmp_path / "out.jsonl")


def test_the_sidecar_of_another_file_is_refused(there, tmp_path):
    _, kept = there
    other = write(tmp_path / "other.jsonl", [{"messages": chat(9)["messages"], "system": "x"}])
    with pytest.raises(UsageError, match="holds nothing of these rows"):
        convert(other, "--to", "openai-chat", "-o", tmp_path / "back.jsonl", "--sidecar", kept)
    assert not (tmp_path / "back.jsonl").exists()


def test_what_drop_rejected_left_out_comes_back(tmp_path):
    rows = [{"input": {"messages": [{"role": "user", "content": "q"}]}, "preferred_output": [{"role": "assistant", "content": "good"}],
             "non_preferred_output": [{"role": "assistant", "content": "bad"}]}]  # fmt: skip
    path, out, kept = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl", tmp_path / "kept.jsonl"
    convert(path, "--to", "alpaca", "-o", out, "--sidecar", kept, "--drop-rejected")
    convert(out, "--to", "openai-dpo", "-o", tmp_path / "back.jsonl", "--sidecar", kept)
    assert read(tmp_path / "back.jsonl") == rows


@pytest.mark.parametrize("row", [
    {"instruction": "Add.", "input": "1 and 2", "output": "3", "topic": "sums"},
    {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "id": "7"},
    {"instruction": "Add.", "context": "1 and 2", "response": "3", "category": "sums"},
    {"message_tree_id": "t", "prompt": {"text": "q", "role": "prompter", "lang": "ko", "replies": [
        {"text": "a", "role": "assistant", "rank": 0, "replies": []}, {"text": "b", "role": "assistant", "rank": 1, "replies": []}]}},
], ids=["alpaca", "sharegpt", "dolly", "tree"])  # fmt: skip
def test_any_format_comes_back_from_any_other(row, tmp_path):
    from ftdata.formats import detect_row

    path, out, kept = write(tmp_path / "in.jsonl", [row]), tmp_path / "out.jsonl", tmp_path / "kept.jsonl"
    convert(path, "--to", "openai-chat", "-o", out, "--sidecar", kept)
    convert(out, "--to", detect_row(row), "-o", tmp_path / "back.jsonl", "--sidecar", kept)
    assert read(tmp_path / "back.jsonl") == [row]
