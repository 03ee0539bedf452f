"""Local training on a tiny model: it learns, it goes on after a kill, and it stops where it makes no sense."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("transformers")

from tiny_model import make_model, make_tokenizer
from tokenizers import Tokenizer

from ftdata.errors import ReadError, UsageError
from ftdata.train.local import checkpoints
from ftdata.train.local.loop import TrainingError, train
from ftdata.train.local.recipe import Recipe
from ftdata.train.runs import open_run, start_run
from ftdata.train.tokens import gather, save_tokens

pytestmark = pytest.mark.filterwarnings("ignore")
COLOURS, THINGS = ("red", "blue", "green"), ("lamp", "car", "bird", "house")


def encode(tokenizer, question, answer):
    prompt = tokenizer.encode(f"<s><|user|>{question}<|end|><|assistant|>").ids
    reply = tokenizer.encode(f"{answer}<|end|>").ids
    return prompt + reply, [False] * len(prompt) + [True] * len(reply)


def sentences(tokenizer, words):
    return [encode(tokenizer, f"{colour} {thing}?", words.format(colour, thing)) for colour in COLOURS for thing in THINGS]


def make_run(path, base, recipe, tokens, held=None):
    sets = {"train": tokens} | ({"eval": held} if held is not None else {})
    run, _ = start_run(
        path, {"data": tokens.sha256()}, recipe=recipe.as_dict(), base={"path": str(base), "pad": 258},
        tokens={name: {"sha256": part.sha256()} for name, part in sets.items()}, plan={"rows": len(tokens)},
    )  # fmt: skip
    (path / "data").mkdir(exist_ok=True)
    for name, part in sets.items():
        save_tokens(path / "data" / f"{name}.npz", part)
    return run


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A tiny model that has learned to answer, so that an adapter has something to bend."""
    folder = tmp_path_factory.mktemp("base")
    make_model(folder / "random")
    tokenizer = Tokenizer.from_file(str(folder / "random" / "tokenizer.json"))
    recipe = Recipe(method="full", epochs=80, learning_rate=3e-3, gradient_checkpointing=False, max_length=128)
    run = make_run(folder / "run", folder / "random", recipe, gather(sentences(tokenizer, "here is one {} {}")))
    train(run.path)
    make_tokenizer(folder / "run" / "model")
    return folder / "run" / "model"


@pytest.fixture(scope="module")
def tokenizer(base):
    return Tokenizer.from_file(str(base / "tokenizer.json"))


def answer(model, tokenizer, question):
    import torch

    ids = tokenizer.encode(f"<s><|user|>{question}<|end|><|assistant|>").ids
    with torch.no_grad():
        out = model.generate(
            torch.tensor([ids]), max_new_tokens=40, do_sample=False, attention_mask=torch.ones(1, len(ids), dtype=int)
        )
    return tokenizer.decode(out[0][len(ids) :].tolist(), skip_special_tokens=True)


def quick(method, **more):
    return Recipe(method=method, epochs=more.pop("epochs", 25), learning_rate=more.pop("learning_rate", 1e-2 if method != "full" else 2e-3),
                  targets=("all-linear",), max_length=128, r=8, eval_every=0.25, **more)  # fmt: skip


@pytest.mark.parametrize("method", ["qlora", "lora", "full"])
def test_what_is_trained_is_learned_by_heart_and_comes_out_again(method, base, tokenizer, tmp_path):
    from transformers import AutoModelForCausalLM

    if method == "qlora":
        pytest.importorskip("bitsandbytes")
    tokens = gather(sentences(tokenizer, "take this {} {} please") * 2)
    run = make_run(tmp_path / "run", base, quick(method), tokens, gather(sentences(tokenizer, "take this {} {} please")))
    result = train(run.path)["result"]
    assert result["eval_loss"]["best"] < 0.3 * result["eval_loss"]["before"]
    if method == "full":
        model = AutoModelForCausalLM.from_pretrained(run / "model")
    else:
        from peft import PeftModel

        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), run / "adapter")
    assert answer(model.eval(), tokenizer, "blue car?") == "take this blue car please"
    assert (run / "loss.png").exists() or not shutil.which("matplotlib")


def test_a_run_of_one_update_learns_from_it(base, tokenizer, tmp_path):
    tokens = gather(sentences(tokenizer, "take this {} {} please"))
    run = make_run(tmp_path / "run", base, quick("lora", epochs=1, batch_size=500), tokens, tokens)
    loss = train(run.path)["result"]["eval_loss"]
    assert loss["best_step"] == 1 and loss["best"] < loss["before"]


def test_an_evaluation_does_not_stop_the_gradients_of_four_bit_layers(base, tokenizer, tmp_path):
    pytest.importorskip("bitsandbytes")
    tokens = gather(sentences(tokenizer, "take this {} {} please"))
    run = make_run(tmp_path / "run", base, quick("qlora", epochs=6), tokens, tokens)
    train(run.path)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    first = next(number for number, line in enumerate(lines) if "eval_loss" in line)
    norms = [line["grad_norm"] for line in lines[first:] if "grad_norm" in line]
    assert norms and all(norm > 0 for norm in norms)


def test_a_layer_that_lost_its_gradients_is_noticed(base, tokenizer, tmp_path, monkeypatch):
    import torch

    from ftdata.train.local import model as models

    original = models.add_adapter

    def dead(model, recipe):
        made = original(model, recipe)
        for parameter in made.parameters():
            if parameter.requires_grad:
                parameter.register_hook(lambda gradient: torch.zeros_like(gradient))
        return made

    monkeypatch.setattr("ftdata.train.local.loop.add_adapter", dead)
    run = make_run(tmp_path / "run", base, quick("lora", epochs=4), gather(sentences(tokenizer, "take {} {}")))
    with pytest.raises(TrainingError, match="exactly zero"):
        train(run.path)
    assert not (run / "adapter").exists()


def test_a_loss_that_is_no_number_stops_the_run(base, tokenizer, tmp_path):
    run = make_run(
        tmp_path / "run", base, quick("full", learning_rate=1e30, max_grad_norm=0.0), gather(sentences(tokenizer, "take {} {}"))
    )
    with pytest.raises(TrainingError) as caught:
        train(run.path)
    assert "--learning-rate" in caught.value.hint
    assert not (run / "model").exists()


def test_the_loss_of_sliced_logits_is_the_loss_of_all_of_them(base, tokenizer):
    import torch
    from transformers import AutoModelForCausalLM

    from ftdata.train.local.loss import supervise
    from ftdata.train.local.rows import Collator, Rows

    model = AutoModelForCausalLM.from_pretrained(base)
    batch = Collator(258, packing=False)(
        [Rows(gather(sentences(tokenizer, "a {} {}")), packing=False, max_length=128)[n] for n in range(5)]
    )
    whole = model(**batch).loss
    whole.backward()
    wanted = model.model.layers[0].mlp.up_proj.weight.grad.clone()
    model.zero_grad()
    assert supervise(model) == "sliced"
    ours = model(**batch).loss
    ours.backward()
    assert torch.allclose(whole, ours, atol=1e-5)
    assert torch.allclose(wanted, model.model.layers[0].mlp.up_proj.weight.grad, atol=1e-5)


def test_packed_sequences_have_the_loss_of_single_ones(base, tokenizer):
    import torch
    from transformers import AutoModelForCausalLM

    from ftdata.train.local.loss import packs_cleanly, supervise
    from ftdata.train.local.rows import Collator, Rows

    model = AutoModelForCausalLM.from_pretrained(base).eval()
    tokens = gather(sentences(tokenizer, "a {} {}"))
    assert packs_cleanly(model)
    supervise(model)
    packed, single = Rows(tokens, packing=True, max_length=200), Rows(tokens, packing=False, max_length=200)
    assert len(packed) < len(single)
    with torch.no_grad():
        sums = [
            sum(
                float(
                    model(**Collator(258, packing=rows is packed)([rows[n] for n in range(len(rows))]), num_items_in_batch=1).loss
                )
                for _ in "1"
            )
            for rows in (packed, single)
        ]
    assert sums[0] == pytest.approx(sums[1], rel=1e-4)


def test_a_run_that_was_killed_ends_with_the_weights_of_one_that_was_not(base, tokenizer, tmp_path):
    import torch
    from safetensors.torch import load_file

    tokens = gather(sentences(tokenizer, "take this {} {} please") * 3)
    recipe = quick("lora", epochs=20)
    straight = make_run(tmp_path / "straight", base, recipe, tokens, tokens)
    train(straight.path)
    broken = make_run(tmp_path / "broken", base, recipe, tokens, tokens)
    command = [sys.executable, "-m", "ftdata.train.local", str(broken.path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for _ in range(2):
        seen = set((broken / "checkpoints").glob("checkpoint-*/ftdata-files.json"))
        work = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
        limit = time.monotonic() + 90
        while set((broken / "checkpoints").glob("checkpoint-*/ftdata-files.json")) <= seen and work.poll() is None:
            assert time.monotonic() < limit
            time.sleep(0.005)
        assert work.poll() is None, "it was done before it could be killed"
        work.send_signal(signal.SIGKILL)
        work.communicate()
        assert not (broken / "adapter").exists()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = (load_file(run / "adapter" / "adapter_model.safetensors") for run in (straight, broken))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_two_processes_train_one_run(base, tokenizer, tmp_path):
    tokens = gather(sentences(tokenizer, "take this {} {} please") * 3)
    run = make_run(tmp_path / "run", base, quick("lora", epochs=4), tokens, tokens)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
        "-m",
        "ftdata.train.local",
        str(run.path),
    ]
    done = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = open_run(run.path).state["result"]
    # Half as many steps as one process takes: each sees half of the data.
    assert result["steps"] == 20 and result["eval_loss"]["best"] < result["eval_loss"]["before"]


def sealed(folder, step):
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    for name in (*checkpoints.NEEDED, "adapter_model.safetensors"):
        (path / name).write_text(f"{step} {name}")
    checkpoints.seal(path)
    return path


def test_a_checkpoint_that_was_not_written_to_its_end_is_passed_over(tmp_path):
    whole = sealed(tmp_path, 20)
    (sealed(tmp_path, 40) / checkpoints.LIST).unlink()
    (sealed(tmp_path, 60) / "optimizer.pt").write_text("damaged")
    found, notes = checkpoints.latest_whole(tmp_path)
    assert found == whole and len(notes) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-20"]


def test_no_whole_checkpoint_is_no_reason_to_begin_anew_silently(tmp_path):
    (sealed(tmp_path, 20) / "optimizer.pt").unlink()
    with pytest.raises(ReadError, match="optimizer"):
        checkpoints.latest_whole(tmp_path)


def test_other_data_another_base_or_other_settings_are_refused_by_name(tmp_path):
    start_run(tmp_path / "run", {"data": "1", "base": "2"})
    with pytest.raises(UsageError, match="other base"):
        start_run(tmp_path / "run", {"data": "1", "base": "3"})
    assert start_run(tmp_path / "run", {"data": "1", "base": "2"})[1]


def test_changed_tokens_in_a_run_folder_are_noticed(base, tokenizer, tmp_path):
    run = make_run(tmp_path / "run", base, quick("lora"), gather(sentences(tokenizer, "a {} {}")))
    save_tokens(run / "data" / "train.npz", gather(sentences(tokenizer, "b {} {}")))
    with pytest.raises(ReadError, match="not what the run began with"):
        train(run.path)


def test_learning_by_heart_is_noticed_and_the_best_checkpoint_kept(base, tokenizer, tmp_path):
    few = gather(sentences(tokenizer, "take this {} {} please")[:2])
    held = gather(sentences(tokenizer, "here is one {} {}"))
    run = make_run(tmp_path / "run", base, quick("lora", epochs=60, patience=2), few, held)
    result = train(run.path)["result"]
    assert result["verdict"] and result["steps"] < 60
    assert open_run(run.path).state["state"] == "trained"


def test_pairs_train_by_preference(base, tokenizer, tmp_path):
    pytest.importorskip("trl")
    both = [part for colour in COLOURS for thing in THINGS for part in (
        encode(tokenizer, f"{colour} {thing}?", f"take {thing}"), encode(tokenizer, f"{colour} {thing}?", "no"))]  # fmt: skip
    tokens = gather(both * 2, paired=True)
    run = make_run(tmp_path / "run", base, quick("lora", epochs=4, preference=True), tokens, gather(both, paired=True))
    result = train(run.path)["result"]
    assert result["eval_loss"]["best"] < 0.5 * result["eval_loss"]["before"]
    assert (run / "adapter" / "adapter_model.safetensors").exists()


def test_targets_that_no_module_has_are_explained_with_those_it_has(base, tokenizer, tmp_path):
    run = make_run(tmp_path / "run", base, Recipe(targets=("Wqkv",), max_length=128), gather(sentences(tokenizer, "a {} {}")))
    with pytest.raises(UsageError) as caught:
        train(run.path)
    assert "q_proj" in caught.value.hint


@pytest.mark.parametrize("broken", ["config.json", "model.safetensors"])
def test_a_model_folder_that_lacks_something_is_explained(base, tokenizer, tmp_path, broken):
    shutil.copytree(base, tmp_path / "model")
    (tmp_path / "model" / broken).unlink()
    run = make_run(tmp_path / "run", tmp_path / "model", quick("lora"), gather(sentences(tokenizer, "a {} {}")))
    with pytest.raises(ReadError, match="cannot be loaded"):
        train(run.path)
