"""``ftdata train`` with a local model as its users meet it: gate, plan, training, resuming, pilots."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from places import ROOT

from ftdata.errors import FtdataError

pytest.importorskip("torch")
pytest.importorskip("peft")

from tiny_model import make_model

COLOURS, THINGS = (
    ("red", "blue", "green", "black", "white", "brown"),
    ("lamp", "car", "bird", "house", "tower", "kettle", "bridge", "carpet", "window"),
)
ROWS = [{"messages": [{"role": "user", "content": f"{colour} {thing}?"}, {"role": "assistant", "content": f"take this {colour} {thing} please"}]}
        for colour in COLOURS for thing in THINGS]  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model") / "llama")


@pytest.fixture
def here(tmp_path, model):
    (tmp_path / "llama").symlink_to(model)
    write(tmp_path / "data.jsonl", ROWS)
    return tmp_path


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def command(*arguments):
    return [sys.executable, "-m", "ftdata", "train", "data.jsonl", "--model", "./llama", *arguments]


ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"}


def train(here, *arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, cwd=here, env=ENVIRONMENT, timeout=300)


QUICK = ("--method", "lora", "--targets", "all-linear", "--learning-rate", "1e-2", "--epochs", "3")


def test_the_whole_way_ends_with_an_adapter_and_its_card(here):
    done = train(here, *QUICK, "-o", "run")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "checks    passed" in done.stdout and "evaluation loss" in done.stdout and "o eval" in done.stdout
    card = json.loads((here / "run/adapter/ftdata.json").read_text())
    assert (
        card["gate"]["passed"] and card["gate"]["files"][0]["sha256"] and card["identity"]["base"] and card["versions"]["torch"]
    )
    assert card["result"]["eval_loss"]["best"] < 0.95 * card["result"]["eval_loss"]["before"]
    assert (here / "run/adapter/README.md").read_text().startswith("---\nbase_model")
    before = (here / "run/adapter/adapter_model.safetensors").stat().st_mtime_ns
    again = train(here, *QUICK, "-o", "run")
    assert again.returncode == 0 and (here / "run/adapter/adapter_model.safetensors").stat().st_mtime_ns == before


def test_a_run_that_made_nothing_better_says_so(here):
    done = train(here, "--method", "full", "--learning-rate", "1", "--max-steps", "3")
    assert done.returncode == 0, done.stderr
    assert "at step 0, which is kept" in done.stdout and "no step made it better" in done.stdout


def test_a_plan_needs_no_training_library_and_trains_nothing(here):
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'peft', 'accelerate', 'bitsandbytes'): sys.modules[name] = None\n"
        "from ftdata.__main__ import main\n"
        "sys.argv = ['ftdata', 'train', 'data.jsonl', '--model', './llama', '--plan']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=here, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert "by formula" in done.stdout and "trained" in done.stdout and "--targets" not in done.stderr
    assert not (here / "runs").exists()


def test_a_plan_says_where_each_setting_comes_from(here):
    (here / "ftdata.toml").write_text("[train]\nepochs = 2\nlearning-rate = 1e-4\n")
    done = train(here, "--plan", "--r", "8")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.startswith("  ")}
    assert "ftdata.toml" in lines["epochs"] and "--r" in lines["r"] and "tutorial" in lines["alpha"]
    (here / "ftdata.toml").write_text("[train]\nepochz = 2\n")
    wrong = train(here, "--plan")
    assert wrong.returncode == 2 and "epochs" in wrong.stderr


def test_a_pack_may_set_how_a_goal_is_trained(here):
    (here / "tone.yaml").write_text("name: tone\nextends: style\ngoal: {minimum: 5, recommended: 10, enough: 20}\n"
                                    "rules: {too-few-samples: {minimum: 5}}\ntrain: {epochs: 7, learning-rate: 3e-4}\n")  # fmt: skip
    done = train(here, "--plan", "--goal", "tone.yaml", "--learning-rate", "1e-3")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line.split(maxsplit=2)[1:] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert lines["epochs"][0] == "7" and "tone" in lines["epochs"][1] and lines["learning_rate"] == ["0.001", "--learning-rate"]
    (here / "tone.yaml").write_text("name: tone\nextends: style\ntrain: {epoch: 7}\n")
    done = train(here, "--plan", "--goal", "tone.yaml")
    assert done.returncode == 2 and "Did you mean 'epochs'?" in done.stderr and "tone" in done.stderr


def test_data_with_an_error_does_not_train(here):
    write(here / "data.jsonl", [*ROWS, {"messages": [{"role": "user", "content": "Only a question?"}]}])
    done = train(here, *QUICK, "-o", "run")
    assert done.returncode == 1 and "missing-assistant-turn" in done.stdout and f"data.jsonl:{len(ROWS) + 1}" in done.stdout
    assert not (here / "run").exists()


def test_samples_that_cannot_be_trained_on_stop_the_run_or_are_left_out(here):
    long = {"messages": [{"role": "user", "content": "so? " * 100}, {"role": "assistant", "content": "yes indeed it is so"}]}
    write(here / "data.jsonl", [*ROWS, long])
    done = train(here, *QUICK, "--max-length", "128", "-o", "run", "--seed", "1")
    assert done.returncode == 1 and "the limit is 128" in done.stdout and f"data.jsonl:{len(ROWS) + 1}" in done.stdout
    dropped = train(here, *QUICK, "--max-length", "128", "-o", "run", "--on-refusal", "drop", "--max-steps", "2", "--seed", "1")
    assert dropped.returncode == 0, dropped.stderr
    assert "limit is 128" in (here / "run/dropped.jsonl").read_text()


def test_a_plan_that_does_not_fit_is_refused_with_what_would(here):
    done = train(here, "--plan", "--method", "full", "--gpu-memory", "0.0001", "--batch-size", "8")
    assert done.returncode == 2 and "this run takes" in done.stderr
    better = train(
        here, "--plan", "--method", "full", "--gpu-memory", "0.002", "--batch-size", "64", "--no-gradient-checkpointing"
    )
    assert better.returncode == 2 and "It would fit with" in better.stderr and "--batch-size" in better.stderr


def test_tokens_are_shown_with_the_trained_ones_marked(here):
    done = train(here, "--show-tokens", "1")
    assert done.returncode == 0 and "<|assistant|>⟦take this" in done.stdout and "<|end|>⟧" in done.stdout


def test_a_killed_run_goes_on_by_the_same_command(here):
    arguments = (*QUICK[:-1], "40", "-o", "run")
    work = subprocess.Popen(command(*arguments), cwd=here, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 120
    while (
        not list((here / "run/checkpoints").glob("checkpoint-*/ftdata-files.json"))
        and work.poll() is None
        and time.monotonic() < limit
    ):
        time.sleep(0.01)
    work.send_signal(signal.SIGKILL)
    work.wait()
    assert not (here / "run/adapter").exists()
    done = train(here, *arguments)
    assert done.returncode == 0 and "goes on" in done.stdout, done.stderr + done.stdout
    other = train(here, *arguments, "--r", "4")
    assert other.returncode == 2 and "other settings" in other.stderr
    write(here / "data.jsonl", ROWS[1:])
    changed = train(here, *arguments)
    assert changed.returncode == 2 and "other data" in changed.stderr


def test_ctrl_c_says_how_to_go_on(here):
    work = subprocess.Popen(
        command(*QUICK[:-1], "200", "-o", "run"),
        cwd=here,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    limit = time.monotonic() + 120
    while not list((here / "run/checkpoints").glob("checkpoint-*")) and work.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    work.send_signal(signal.SIGINT)
    _, said = work.communicate(timeout=60)
    assert work.returncode == 130 and "goes on from the last checkpoint" in said and "Traceback" not in said


def test_a_pilot_reads_its_curve(here):
    done = train(here, *QUICK, "-o", "run", "--pilot", "16")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "pilot     " in done.stdout and "doubling" in done.stdout
    assert {path.name for path in (here / "run").iterdir()} == {"pilot-4", "pilot-8", "pilot-16"}


def test_preference_pairs_train_by_preference(here):
    pytest.importorskip("trl")
    write(
        here / "data.jsonl",
        [
            {"prompt": [row["messages"][0]], "chosen": [row["messages"][1]], "rejected": [{"role": "assistant", "content": "no"}]}
            for row in ROWS
        ],
    )
    done = train(here, *QUICK, "-o", "run", "--max-steps", "6")
    assert done.returncode == 0, done.stderr + done.stdout
    assert json.loads((here / "run/run.json").read_text())["recipe"]["preference"] is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "./nowhere"), "is no folder"),
        (("--model", "./bare"), "chat template"),
        (("--epochs", "0"), "--epochs"),
        (("--targets", ","), "names no module"),
        (("--method", "full", "--r", "8"), "no adapter"),
        (("--allow", "nosuchrule"), "no such rule"),
        (("--allow", "secret"), "cannot be allowed"),
        (("--yes", "--base-url", "http://x"), "service"),
        (("--no-eval", "--eval", "data.jsonl"), "different things"),
        (("-o", "full"), "holds something else"),
        (("--template", "missing.jinja"), "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_explained_before_any_weight_is_loaded(here, arguments, words):
    (here / "bare").mkdir()
    (here / "full").mkdir()
    (here / "full" / "mine.txt").write_text("mine")
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(here / "llama" / name, here / "bare" / name)
    done = train(here, *QUICK, *arguments)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr, done.stderr + done.stdout


def test_a_full_disk_is_explained_and_leaves_nothing_that_looks_whole(here):
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000));"
        "from ftdata.__main__ import main; sys.argv = ['ftdata', *sys.argv[1:]]; main()"
    )
    arguments = command(*QUICK, "-o", "run")[3:]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=here, env=ENVIRONMENT)
    assert done.returncode == 1 and "the disk is full" in done.stderr, done.stderr
    assert not (here / "run/adapter").exists()
    assert train(here, *QUICK, "-o", "run").returncode == 0


def test_training_without_its_libraries_names_them(here):
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'peft', 'accelerate'): sys.modules[name] = None\n"
        "from ftdata.__main__ import main\n"
        "sys.argv = ['ftdata', 'train', 'data.jsonl', '--model', './llama', '-o', 'run']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=here, env=ENVIRONMENT)
    assert done.returncode == 2 and "ftdata[train]" in done.stderr and not (here / "run").exists()


def test_a_hub_model_that_is_not_here_is_explained_offline(here):
    done = train(here, *QUICK, "--model", "nobody/nothing")
    assert done.returncode == 2 and "nobody/nothing" in done.stderr and "Traceback" not in done.stderr


def test_too_few_samples_for_the_goal_stop_the_run(here):
    write(here / "data.jsonl", ROWS[:20])
    done = train(here, *QUICK, "--goal", "style")
    assert done.returncode == 1 and "too-few-samples" in done.stdout


def test_a_run_keeps_the_template_that_it_was_trained_with(here):
    from ftdata.template import read_model_folder
    from ftdata.train.export.source import copy_tokenizer, open_source
    from ftdata.train.local.loop import train as train_run

    own = (here / "own.jinja").resolve()
    own.write_text((read_model_folder(here / "llama").chat_template or "").replace("<|user|>", "<|user|>Q: "))
    done = train(here, *QUICK, "--template", "own.jinja", "--too-long", "drop-turns", "-o", "run")
    assert done.returncode == 0, done.stderr
    text = own.read_text()
    own.unlink()
    state = json.loads((here / "run" / "run.json").read_text())
    assert state["inputs"] == {"format": None, "too_long": "drop-turns", "on_refusal": "stop", "template": True}
    assert (here / "run" / "adapter" / "chat_template.jinja").read_text() == text
    (here / "out").mkdir()
    copy_tokenizer(open_source(here / "run"), here / "out")
    assert read_model_folder(here / "out").chat_template == text
    (here / "run" / "chat_template.jinja").unlink()
    with pytest.raises(FtdataError, match="template of this run is gone"):
        train_run(here / "run")
