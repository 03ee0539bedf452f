"""``ftdata train --backend openai`` and ``ftdata jobs`` as their users meet them, against a real server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from decimal import Decimal

import pytest
import tiktoken
from places import ROOT, SAMPLES

pytest.importorskip("openai")

from service import KEY
from test_remote_run import Played

CLEAN = SAMPLES / "clean" / "style_en_support.jsonl"


@pytest.fixture
def played():
    played = Played()
    yield played
    played.server.shutdown()
    played.server.server_close()


@pytest.fixture
def here(tmp_path):
    rows = CLEAN.read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "data.jsonl").write_text("".join(rows[:60]), "utf-8")
    return tmp_path


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if "API_KEY" not in name}
    return kept | {"FTDATA_API_KEY": KEY, "PYTHONPATH": str(ROOT)} | more


def run(here, *arguments, key=True, **more):
    return subprocess.run(
        [sys.executable, "-m", "ftdata", *arguments], capture_output=True, text=True, cwd=here, env=environment(**({} if key else {"FTDATA_API_KEY": ""})),
        stdin=subprocess.DEVNULL, timeout=120, **more,
    )  # fmt: skip


def train(here, played, *more, model="gpt-4.1-mini-2025-04-14", **settings):
    return run(
        here,
        "train",
        "data.jsonl",
        "--backend",
        "openai",
        "--model",
        model,
        "--base-url",
        played.url,
        "--poll",
        "0.01",
        *more,
        **settings,
    )


def test_the_whole_way_from_a_file_to_a_model(here, played):
    done = train(here, played, "-o", "run", "--yes")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "checks    passed" in done.stdout and "model     ft:gpt-4.1-mini" in done.stdout and "o eval" in done.stdout
    state = json.loads((here / "run/run.json").read_text())
    assert state["card"]["gate"]["passed"] and state["request"]["method"]["supervised"]["hyperparameters"]["n_epochs"] == 3
    sizes = {len((here / "run/data" / f"{name}.jsonl").read_text("utf-8").splitlines()) for name in ("train", "eval")}
    assert sum(sizes) == 60
    again = train(here, played, "-o", "run", "--yes")
    assert again.returncode == 0 and len(played.state["jobs"]) == 1 and len(played.files()) == 2


def test_data_with_an_error_is_refused_and_nothing_leaves_the_machine(here, played):
    rows = (here / "data.jsonl").read_text("utf-8").splitlines()
    rows[3] = json.dumps({"messages": [{"role": "user", "content": "Only a question?"}]})
    (here / "data.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    done = train(here, played, "--yes")
    assert done.returncode == 1
    assert "missing-assistant-turn" in done.stdout and "data.jsonl:4" in done.stdout and "Not trained" in done.stdout
    assert played.state["requests"] == [] and not (here / "runs").exists()
    allowed = train(here, played, "-o", "run", "--yes", "--allow", "missing-assistant-turn", "--allow", "FT110")
    assert allowed.returncode == 0, allowed.stdout + allowed.stderr
    assert json.loads((here / "run/run.json").read_text())["card"]["gate"]["allowed"]


def test_secrets_cannot_be_allowed(here, played):
    done = train(here, played, "--yes", "--allow", "secret")
    assert done.returncode == 2 and "cannot be allowed" in done.stderr and played.state["requests"] == []


def test_nothing_is_spent_without_a_yes(here, played):
    done = train(here, played)
    assert done.returncode == 2 and "--yes" in done.stderr
    assert not any(request.startswith("POST") for request in played.state["requests"])


def tiktoken_of(name):
    """tiktoken's own counter over the vocabulary that ftdata ships: the library would download it."""
    from ftdata.measure.tokens import ENCODINGS, read_tokens

    ranks = {token: rank for rank, token in enumerate(read_tokens(ENCODINGS[name]))}
    return tiktoken.Encoding(name, pat_str=ENCODINGS[name].pattern, mergeable_ranks=ranks, special_tokens={})


def test_the_estimate_is_tiktokens_count_times_the_price(here):
    done = run(
        here,
        "train",
        "data.jsonl",
        "--backend",
        "openai",
        "--model",
        "gpt-4.1-mini-2025-04-14",
        "--plan",
        "--no-eval",
        "--epochs",
        "2",
    )
    assert done.returncode == 0, done.stderr + done.stdout
    encoding = tiktoken_of("o200k_base")
    rows = [json.loads(line) for line in (here / "data.jsonl").read_text("utf-8").splitlines()]
    # The cookbook's estimate: every text, three tokens a message, three a sample.
    tokens = sum(3 + sum(3 + len(encoding.encode(turn["content"])) for turn in row["messages"]) for row in rows)
    dollars = (Decimal(5) * tokens * 2 / 1_000_000).quantize(Decimal("0.01"))
    assert f"tokens    {tokens:,} in the file, {tokens * 2:,} billed in 2 epochs" in done.stdout
    assert f"price     ${dollars:,} at $5 a million" in done.stdout and "read 2026-11-23" in done.stdout
    assert "2027-01-06" in done.stdout


def test_an_unknown_model_has_no_price_and_says_so(here, played):
    done = train(here, played, "--plan", model="tiny-model")
    assert "price     unknown" in done.stdout and played.state["requests"] == []


def test_without_a_key_there_is_one_message(here, played):
    done = train(here, played, "--yes", key=False)
    assert done.returncode == 2 and "no key for 127.0.0.1" in done.stderr and "FTDATA_API_KEY" in done.stderr
    assert played.state["requests"] == []


def test_preference_data_becomes_a_dpo_job(here, played):
    rows = [{"input": {"messages": [{"role": "user", "content": f"Which way to number {n}?"}]},
             "preferred_output": [{"role": "assistant", "content": f"Left of house {n + 1}, then on."}],
             "non_preferred_output": [{"role": "assistant", "content": "No idea at all."}]} for n in range(40)]  # fmt: skip
    (here / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = train(here, played, "-o", "run", "--yes", "--beta", "0.2", "--no-eval")
    assert done.returncode == 0, done.stdout + done.stderr
    (job,) = played.state["jobs"].values()
    assert job["method"]["dpo"]["hyperparameters"]["beta"] == 0.2


def test_hyperparameters_of_other_services_are_passed_on(here, played):
    done = train(
        here,
        played,
        "-o",
        "run",
        "--yes",
        "--hyper",
        "lora_r=16",
        "--hyper",
        "packing=true",
        "--hyper",
        "learning_rate=1e-5",
        model="tiny-model",
    )
    assert done.returncode == 0, done.stderr
    (job,) = played.state["jobs"].values()
    assert job["method"]["supervised"]["hyperparameters"] == {"n_epochs": 3, "lora_r": 16, "packing": True, "learning_rate": 1e-5}


def test_ctrl_c_lets_go_of_the_job_and_follow_comes_back(here, played):
    played.ask("_script", {"steps": 2000})
    command = [sys.executable, "-m", "ftdata", "train", "data.jsonl", "--backend", "openai", "--model", "gpt-4.1-mini-2025-04-14", "--base-url", played.url,
               "--poll", "0.05", "-o", "run", "--yes"]  # fmt: skip
    work = subprocess.Popen(
        command, cwd=here, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    limit = time.monotonic() + 60
    while not (here / "run/log.jsonl").exists() and time.monotonic() < limit:
        time.sleep(0.02)
    work.send_signal(signal.SIGINT)
    _, said = work.communicate(timeout=30)
    assert work.returncode == 130 and "ftdata jobs follow run" in said and "Traceback" not in said
    (job,) = played.state["jobs"].values()
    assert job["status"] == "running"
    played.ask("_script", {"steps": 1})
    assert run(here, "jobs", "follow", "run", "--poll", "0.01").returncode == 0


def test_jobs_are_listed_shown_paused_resumed_and_cancelled(here, played):
    assert train(here, played, "-o", "runs/one", "--yes", "--detach").returncode == 0
    job = json.loads((here / "runs/one/run.json").read_text())["job"]["id"]
    assert job in run(here, "jobs", "list").stdout
    assert json.loads(run(here, "jobs", "show", "runs/one", "--format", "json").stdout)["id"] == job
    assert "paused" in run(here, "jobs", "pause", job).stdout
    assert "running" in run(here, "jobs", "resume", "runs/one").stdout
    assert "no checkpoints yet" in run(here, "jobs", "checkpoints", job).stdout
    for _ in range(3):
        shown = run(here, "jobs", "metrics", "runs/one").stdout
    assert "step" in shown
    assert "cancelled" in run(here, "jobs", "cancel", job).stdout
    assert run(here, "jobs", "follow", "runs/one", "--poll", "0.01").returncode == 1
    assert "2 " not in run(here, "jobs", "list", "--base-url", played.url).stdout.splitlines()[0][:2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["jobs", "show"], "of which run"),
        (["jobs", "show", "nowhere"], "no folder of a run"),
        (["jobs", "show", "empty"], "no run in this folder"),
        (["jobs", "show", "broken"], "cannot be read"),
        (["train", "data.jsonl", "-m", "gpt-x", "--backend", "openai", "--method", "lora"], "local training"),
        (["train", "data.jsonl", "-m", "gpt-x", "--backend", "openai", "--r", "8"], "local training"),
        (["train", "data.jsonl", "-m", "gpt-x", "--backend", "openai", "--learning-rate", "1e-4"], "learning_rate_multiplier"),
        (["train", "data.jsonl", "-m", "m", "--backend", "together"], "--export-only"),
        (["train", "data.jsonl", "-m", "m", "--backend", "azure"], "--azure-endpoint"),
        (["train", "data.jsonl", "-m", "gpt-4.1-mini-2025-04-14", "--backend", "openai", "--hyper", "x"], "key=value"),
        (["train", "data.jsonl", "-m", "gpt-4.1-mini-2025-04-14", "--backend", "openai", "--epochs", "99"], "1 to 50"),
        (["train", "data.jsonl", "-m", "gpt-4.1-mini-2025-04-14", "--backend", "openai", "--suffix", "x" * 65], "64"),
        (["train", "no.jsonl", "-m", "gpt-4.1-mini-2025-04-14", "--backend", "openai"], "no such file"),
    ],
)
def test_what_cannot_be_done_is_explained(here, arguments, words):
    (here / "empty").mkdir()
    (here / "broken").mkdir()
    (here / "broken" / "run.json").write_text("{")
    done = run(here, *arguments)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("backend", ["together", "fireworks"])
def test_services_with_an_api_of_their_own_get_files_and_commands(here, backend):
    done = run(
        here,
        "train",
        "data.jsonl",
        "-m",
        "meta-llama/Llama-3.1-8B",
        "--backend",
        backend,
        "--export-only",
        "-o",
        "out",
        key=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert {"train.jsonl", "eval.jsonl"} == {path.name for path in (here / "out").iterdir()}
    assert "train.jsonl" in done.stdout and ("tg fine-tuning create" in done.stdout or "firectl" in done.stdout)


def test_another_dataset_in_the_same_folder_is_refused(here, played):
    train(here, played, "-o", "run", "--yes")
    (here / "data.jsonl").write_text("".join(CLEAN.read_text("utf-8").splitlines(keepends=True)[60:130]), "utf-8")
    done = train(here, played, "-o", "run", "--yes")
    assert done.returncode == 2 and "other data" in done.stderr and len(played.state["jobs"]) == 1


def test_a_dirty_sample_file_does_not_reach_the_service(tmp_path, played):
    shutil.copy(SAMPLES / "dirty" / "support_ko.jsonl", tmp_path / "data.jsonl")
    done = train(tmp_path, played, "--yes")
    assert done.returncode == 1 and played.state["requests"] == []
