"""Talking to a model: line by line from a pipe, with history, and with nothing in an answer that acts on a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("transformers")

from click.testing import CliRunner
from tiny_export import make_family, make_run

from ftdata.cli.chat import command, shown
from ftdata.errors import ReadError, UsageError
from ftdata.train.evaluate.speakers import RemoteSpeaker, Sampling, find_local, open_local
from ftdata.train.runs import start_run

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import torch

    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("chat")
    make_run(path / "run", make_family(path / "base", "qwen2"))
    return path


def talk(*arguments, lines):
    return CliRunner().invoke(command, list(map(str, arguments)), input="\n".join(lines) + "\n", standalone_mode=False)


def speaker(folder, **more):
    return open_local(find_local(folder), Sampling(12, **more))


def test_the_tuned_model_answers_and_with_base_the_untuned_one(folder):
    tuned = talk(folder / "run", "--max-tokens", 12, lines=["hello"])
    base = talk(folder / "run", "--max-tokens", 12, "--base", lines=["hello"])
    model = talk(folder / "base", "--max-tokens", 12, lines=["hello"])
    assert tuned.exception is base.exception is None and tuned.output and tuned.output != base.output == model.output
    assert talk("--run", folder / "run", "--max-tokens", 12, lines=["hello"]).output == tuned.output


def test_an_earlier_turn_is_remembered_until_it_is_reset(folder):
    answers = talk(folder / "run", "--max-tokens", 8, lines=["hello", "/reset", "hello", "hello", "/quit", "hello"])
    first = talk(folder / "run", "--max-tokens", 8, lines=["hello"]).output
    assert answers.output.startswith(first + first) and answers.output != first * 3
    system = talk(folder / "run", "--max-tokens", 8, "--system", "Be kind.", lines=["hello"]).output
    assert system != first


def test_a_seed_gives_the_same_answer_again(folder):
    def draw(seed):
        return talk(folder / "run", "--temperature", 5, "--seed", seed, "--max-tokens", 8, lines=["hello", "again"]).output

    assert draw(1) == draw(1) != draw(2)


def test_pieces_of_an_answer_are_the_answer(folder):
    one = speaker(folder / "run")
    try:
        turns = [{"role": "user", "content": "red lamp?"}]
        said = one.say(turns)
        assert "".join(one.stream(turns)) == said.text and said.tokens <= 12
    finally:
        one.close()


def test_an_answer_that_is_not_listened_to_any_more_ends(folder):
    one = open_local(find_local(folder / "run"), Sampling(400))
    try:
        pieces = one.stream([{"role": "user", "content": "hello"}])
        next(pieces)
        pieces.close()
        assert one.say([{"role": "user", "content": "hello"}]).text
    finally:
        one.close()


@pytest.mark.parametrize(
    ("piece", "printed"),
    [("a\x1b[2Jb", "a\\x1b[2Jb"), ("std::move", "std::move"), ("::", "::"), ("a\nb\tc", "a\nb\tc"), ("한 \u202e", "한 \\u202e"), ("\r", "\\x0d")],
)  # fmt: skip
def test_nothing_in_an_answer_acts_on_a_terminal(piece, printed):
    assert shown(piece).replace("\\r", "\\x0d") == printed


def test_a_conversation_that_is_too_long_is_explained(folder):
    result = talk(folder / "run", lines=["long " * 600])
    assert result.return_value == 2


def test_wrong_folders_are_explained(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments, error in (
        ([tmp_path / "empty"], ReadError),
        ([tmp_path / "gone"], ReadError),
        ([], UsageError),
        ([folder / "base", "--base"], UsageError),
    ):
        assert isinstance(talk(*arguments, lines=["x"]).exception, error)


def test_a_run_on_a_service_that_is_not_done_is_explained(tmp_path):
    start_run(tmp_path / "run", {"data": "1"}, backend="openai", state="running", request={"model": "gpt"})
    result = talk(tmp_path / "run", lines=["x"])
    assert "no tuned model yet" in result.exception.message


class _Service:
    """A service in this process, as the client shows it."""

    def chat_stream(self, model, turns):
        yield from (model, " ", turns[-1]["content"])


def test_a_service_streams_its_answer():
    assert "".join(RemoteSpeaker(_Service(), "ft:x").stream([{"role": "user", "content": "hi"}])) == "ft:x hi"


def _read(handle, until, seconds=60.0):
    out, limit = b"", time.monotonic() + seconds
    while until not in out and time.monotonic() < limit:
        if select.select([handle], [], [], 0.2)[0]:
            try:
                out += os.read(handle, 65536)
            except OSError:
                break
    return out


def test_on_a_terminal_ctrl_c_stops_the_answer_and_ctrl_d_ends(folder):
    handle, other = pty.openpty()
    program = (
        "import sys; from ftdata.__main__ import main; sys.argv = ['ftdata', 'chat', sys.argv[1], '--max-tokens', '400']; main()"
    )

    def controlling():
        import fcntl
        import termios

        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder / "run")], stdin=other, stdout=other, stderr=other, start_new_session=True,
        preexec_fn=controlling, env=os.environ | {"OMP_NUM_THREADS": "1", "TERM": "dumb"},
    )  # fmt: skip
    os.close(other)
    try:
        assert b"> " in _read(handle, b"> ")
        for pause in (0.0, 0.0, 0.01, 0.2):
            os.write(handle, b"hello\n")
            _read(handle, b"hello\r\n")
            time.sleep(pause)
            os.write(handle, b"\x03")
            # A terminal forgets what is not yet shown when Ctrl-C comes, which may be the prompt: then ask for another one.
            came = _read(handle, b"> ", 5.0)
            while b"> " not in came and process.poll() is None:
                os.write(handle, b"\n")
                came += _read(handle, b"> ", 5.0)
            assert process.poll() is None and b"error" not in came.replace(b"error: the conversation has", b""), came
            os.write(handle, b"/reset\n")
            assert b"(forgotten)" in _read(handle, b"(forgotten)\r\n> ")
        os.write(handle, b"\x04")
        _read(handle, b"never", 3.0)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(handle)


def test_the_template_of_the_run_is_used(folder, tmp_path):
    import shutil

    shutil.copytree(folder / "run", tmp_path / "run")
    (tmp_path / "run" / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}zq")
    state = json.loads((tmp_path / "run" / "run.json").read_text())
    state["inputs"] = {"template": True}
    (tmp_path / "run" / "run.json").write_text(json.dumps(state))
    one = speaker(tmp_path / "run")
    try:
        assert one.tokenizer.decode(one.prompt([{"role": "user", "content": "hi"}])) == "hizq"
    finally:
        one.close()
