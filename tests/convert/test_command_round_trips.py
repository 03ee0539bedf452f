"""OpenAI to any format and back, by the command: with the sidecar every file comes back as it was."""

from __future__ import annotations

import itertools

import pytest
from command import exit_code, read, write
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openai_rows import chats, labelled, preferences, prompts

from ftdata.convert import WRITABLE
from ftdata.convert.loss import same
from ftdata.convert.render import OPENAI_SHAPED
from ftdata.formats import FORMATS, detect_row
from ftdata.read import cut, decode, open_input

FITTING = {
    "preference": preferences(),
    "unpaired-preference": labelled(),
    "reinforcement": prompts() | chats(),
    "prompt-only": prompts() | chats(),
}
BACK = {"preference": "openai-dpo", "unpaired-preference": "messages-kto"}
numbers = itertools.count()


def as_read(rows, folder):
    """The rows as a file gives them: half a surrogate pair is U+FFFD there."""
    from ftdata.convert.piece import read_values

    path = write(folder / f"in{next(numbers)}.jsonl", rows)
    return path, [value for piece in cut(open_input(str(path))) for value in read_values(decode(piece), "jsonl")]


@pytest.mark.parametrize("suffix", [".jsonl", ".json.gz", ".csv", ".parquet"])
@pytest.mark.parametrize("name", WRITABLE)
@settings(
    max_examples=4, deadline=None, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(data=st.data())
def test_every_file_comes_back_as_it_was(name, suffix, tmp_path, data):
    source = FITTING.get(FORMATS[name].kind, chats()).filter(lambda row: detect_row(row) in OPENAI_SHAPED)
    rows = data.draw(st.lists(source, min_size=1, max_size=4))
    rows += data.draw(st.sampled_from([[], rows[:1]]))
    path, whole = as_read(rows, tmp_path)
    number = next(numbers)
    out, kept, back = (
        tmp_path / f"{word}{number}{end}" for word, end in (("out", suffix), ("kept", ".jsonl"), ("back", ".jsonl"))
    )
    code = exit_code(path, "--to", name, "-o", out, "--sidecar", kept)
    if code == 2:
        assert not out.exists() and not kept.exists()
        return
    dropped = tmp_path / f"{out.name}.dropped.jsonl"
    gone = {entry["row"] for entry in read(dropped)} if code == 1 else set()
    assert exit_code(out, "--to", BACK.get(FORMATS[name].kind, "openai-chat"), "-o", back, "--restore", kept) == 0
    assert same(read(back), [row for number, row in enumerate(whole, 1) if number not in gone])
