"""Base beside tuned on a service, and a chat with it: the real client against the local server of the remote tests."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("openai")

sys.path.insert(0, str(Path(__file__).parent.parent / "remote"))

from click.testing import CliRunner
from service import KEY, serve

from ftdata.cli.chat import command as chat
from ftdata.cli.eval import command as evaluate
from ftdata.train.runs import start_run

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
ROWS = [
    {"messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": f"Which way {n}?"},
                  {"role": "assistant", "content": f"ft:tiny heard: Which way {n}?" if n % 2 else "<b>North</b> by north"}]}
    for n in range(6)
]  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run that succeeded on a server which repeats what it hears."""
    monkeypatch.setenv("FTDATA_API_KEY", KEY)
    server = serve()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    service = {"base_url": f"http://127.0.0.1:{server.server_address[1]}/v1", "azure": None, "api_version": "2025-04-01-preview"}
    made, _ = start_run(
        tmp_path / "run", {"data": "1"}, backend="openai", state="succeeded", service=service, model="ft:tiny", request={"model": "tiny"},
        files={"eval": {"path": "data/eval.jsonl"}},
    )  # fmt: skip
    (made / "data").mkdir()
    (made / "data" / "eval.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    yield made
    server.shutdown()
    server.server_close()


def test_base_and_tuned_answer_the_validation_file_side_by_side(run, tmp_path):
    result = CliRunner().invoke(
        evaluate, ["--run", str(run.path), "--html", str(tmp_path / "p.html"), "--format", "json"], standalone_mode=False
    )
    assert result.exception is None, result.exception
    made = json.loads(result.output)
    assert [entry["base"] for entry in made["answers"]] == [f"tiny heard: Which way {n}?" for n in range(6)]
    assert made["checks"]["word for word"]["tuned"] == 0.5 and made["checks"]["word for word"]["base"] == 0.0
    assert made["loss"] == {} and made["checks"]["ends by itself"]["tuned"] == 1.0
    page = (tmp_path / "p.html").read_text()
    assert "&lt;b&gt;" in page and "<b>" not in page and page.count("<article>") == 6


def test_a_limit_is_the_number_of_questions_that_are_paid_for(run):
    result = CliRunner().invoke(evaluate, [str(run.path), "--limit", "2", "--format", "json"], standalone_mode=False)
    assert len(json.loads(result.output)["answers"]) == 2
    refused = CliRunner().invoke(evaluate, [str(run.path), "--limit", "0"], standalone_mode=False)
    assert "tells no losses" in refused.exception.message


@pytest.mark.parametrize(("flags", "name"), [([], "ft:tiny"), (["--base"], "tiny")])
def test_a_chat_talks_to_the_tuned_model_or_its_base(run, flags, name):
    result = CliRunner().invoke(chat, [str(run.path), "--max-tokens", "5", *flags], input="hello\n", standalone_mode=False)
    assert result.output == f"{name} heard: hello\n"
