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


def run(here, *arguments, key=True, question="", **more):
    return subprocess.run(
        [sys.executable, "-m", "ftdata", *arguments], capture_output=True, text=True, cwd=here, env=environment(**({} if key else {"FTDATA_API_KEY": ""})),
        input=question, timeout=120, **more,
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
    for verb in (["list"], ["checkpoints", job], ["metrics", job]):
        assert isinstance(json.loads(run(here, "jobs", *verb, "--format", "json").stdout), list)
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


def on_a_terminal(here, command, until, send):
    """Run a command on a terminal of its own, and type when words appear. Returns what it showed, and its exit code."""
    child, terminal = os.forkpty()
    if child == 0:
        os.chdir(here)
        os.execve(sys.executable, [sys.executable, "-m", "ftdata", *command], environment())
    shown = b""
    typed = False
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data
        if not typed and until in shown:
            time.sleep(0.2)
            os.write(terminal, send)
            typed = True
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(status)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("send", "words", "code"), [(b"n\n", "nothing spent", 2), (b"\n", "nothing spent", 2), (b"\x03", "interrupted", 130)]
)
def test_a_no_or_ctrl_c_at_the_question_spends_nothing(here, played, send, words, code):
    command = ["train", "data.jsonl", "--backend", "openai", "--model", "tiny-model", "--base-url", played.url, "-o", "run"]
    shown, ended = on_a_terminal(here, command, b"[y/N]", send)
    assert words in shown and ended == code
    assert not any(request.startswith("POST") for request in played.state["requests"])


def test_ctrl_c_before_there_is_a_job_says_how_to_go_on(here, played):
    played.trouble("POST /files", "500", 1000)
    command = [sys.executable, "-m", "ftdata", "train", "data.jsonl", "--backend", "openai", "-m", "tiny-model", "--base-url", played.url, "-o", "run",
               "--yes"]  # fmt: skip
    work = subprocess.Popen(command, cwd=here, env=environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert any("tried again" in line for line in work.stderr)
    work.send_signal(signal.SIGINT)
    _, said = work.communicate(timeout=30)
    assert work.returncode == 130 and "No job was made yet" in said and "same command once more" in said
    assert "Give the command of the run once more" in run(here, "jobs", "follow", "run").stderr


def test_a_job_without_a_run_folder_is_let_go_of_in_words(here, played):
    played.ask("_script", {"steps": 2000})
    assert train(here, played, "-o", "run", "--yes", "--detach").returncode == 0
    (job,) = played.state["jobs"]
    command = [sys.executable, "-m", "ftdata", "jobs", "follow", job, "--base-url", played.url, "--poll", "0.05"]
    work = subprocess.Popen(
        command, cwd=here, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert "Created" in work.stdout.readline()
    work.send_signal(signal.SIGINT)
    _, said = work.communicate(timeout=30)
    assert work.returncode == 130 and f"ftdata jobs follow {job} --base-url {played.url}" in said


def test_what_a_service_says_does_not_act_on_a_terminal(here, played):
    played.ask("_script", {"end": "failed", "error": "no \x1b[31m such\x9b thing \u202e"})
    done = train(here, played, "-o", "run", "--yes")
    shown = run(here, "jobs", "show", "run", "--format", "json")
    played.trouble("GET /fine_tuning", "escape", 1)
    refused = run(here, "jobs", "show", "run")
    for text in (done.stdout + done.stderr, shown.stdout, refused.stderr):
        assert "such" in text and not set(text) & {"\x1b", "\x9b", "\u202e", "\x07"}
    assert done.returncode == 1 and "another folder" in done.stdout


def test_keys_are_refused_in_flags_and_stand_nowhere_that_was_written(here, played):
    for flags in (["--hyper", f"api_key={KEY}"], ["--base-url", f"https://u:{KEY}@h.example/v1"], ["--api-key", KEY]):
        done = run(here, "train", "data.jsonl", "--backend", "openai", "-m", "tiny-model", "--yes", *flags)
        assert done.returncode == 2 and KEY not in done.stdout + done.stderr
    assert not (here / "runs").exists()
    done = train(here, played, "-o", "run", "--yes")
    said = done.stdout + done.stderr + run(here, "jobs", "show", "run").stdout
    written = b"".join(path.read_bytes() for path in here.rglob("*") if path.is_file())
    assert KEY not in said and KEY.encode() not in written


def test_reinforcement_data_becomes_a_job_with_its_grader(here, played):
    rows = [
        {"messages": [{"role": "user", "content": f"Which way is it to number {n}?"}], "reference_answer": f"Left of {n + 1}."}
        for n in range(40)
    ]
    (here / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (here / "grader.json").write_text(
        json.dumps({"type": "string_check", "name": "same", "operation": "eq", "input": "a", "reference": "b"})
    )
    without = train(here, played, "-o", "run", "--yes", "--no-eval", model="grading-model")
    assert without.returncode == 2 and "--grader FILE" in without.stderr
    assert not any(request.startswith("POST") for request in played.state["requests"])
    done = train(here, played, "-o", "run", "--yes", "--no-eval", "--grader", "grader.json", model="grading-model")
    assert done.returncode == 0, done.stdout + done.stderr
    (job,) = played.state["jobs"].values()
    assert job["method"]["reinforcement"]["grader"]["type"] == "string_check"


def test_a_method_that_openai_does_not_tune_a_model_by_is_refused_before_anything_is_sent(here):
    rows = [{"input": {"messages": [{"role": "user", "content": f"Which way to number {n}?"}]},
             "preferred_output": [{"role": "assistant", "content": f"Left of house {n + 1}, then on."}],
             "non_preferred_output": [{"role": "assistant", "content": "No idea at all."}]} for n in range(40)]  # fmt: skip
    (here / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run(here, "train", "data.jsonl", "--backend", "openai", "-m", "gpt-4o-mini-2024-07-18", "--no-eval", "--yes")
    assert done.returncode == 2 and "not tuned by the method dpo" in done.stderr and "gpt-4.1-mini" in done.stderr


def test_every_price_carries_its_source_and_date():
    from ftdata.train.remote.price import _table, estimate

    for name, row in _table()["models"].items():
        assert row["dollars"] > 0 and row["source"] and str(row["date"]).startswith("20"), name
        made = estimate(name, 1_000_000, 2)
        assert str(row["date"]) in made.source + (made.why or "")
    assert estimate("o4-mini-2025-04-16", 9, 1).dollars is None and "an hour" in (estimate("o4-mini-2025-04-16", 9, 1).why or "")
    assert "no price of gpt-9" in (estimate("gpt-9", 9, 1).why or "")
    assert estimate("ft:gpt-4.1-mini-2025-04-14:org::x", 1_234_567, 3).dollars == Decimal("18.52")


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
