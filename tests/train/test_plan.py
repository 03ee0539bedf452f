"""A plan says what a run does before it does it, where each value comes from, and what is easily overlooked in the model."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.errors import ConfigError, UsageError
from ftdata.train.advice import advice, cautions, check_adapter
from ftdata.train.local.recipe import Recipe
from ftdata.train.memory import GIB
from ftdata.train.plan import estimate_run, estimates, make_plan, render, row_tokens, ways_to_fit
from ftdata.train.settings import resolve
from ftdata.train.shape import shape_of
from ftdata.train.speeds import SPEEDS, Speed, find_speed, seconds, words_of
from ftdata.train.tokens import gather

LLAMA = shape_of({
    "model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 8192, "tie_word_embeddings": False,
})  # fmt: skip
PHI = shape_of({
    "model_type": "phi3", "vocab_size": 32064, "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 32,
})  # fmt: skip
DEEPSEEK = shape_of({
    "model_type": "deepseek_v2", "vocab_size": 102400, "hidden_size": 2048, "intermediate_size": 10944, "moe_intermediate_size": 1408,
    "num_hidden_layers": 27, "num_attention_heads": 16, "num_key_value_heads": 16, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6,
    "first_k_dense_replace": 1,
})  # fmt: skip


def tokens_of(lengths, trained=2):
    return gather([([5] * length, [False] * (length - trained) + [True] * trained) for length in lengths])


def lines(plan, recipe, shape=LLAMA, *, device="", available=None, origin=None):
    return list(render(plan, recipe, origin or {}, shape, device=device, available=available))


@given(
    st.lists(st.integers(3, 64), min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 5), st.integers(1, 3), st.booleans(),
    st.sampled_from([0.5, 1.0, 3.0]),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_a_plan_counts_what_the_data_holds(lengths, batch, accumulation, devices, packing, epochs):
    tokens = tokens_of(lengths)
    recipe = Recipe(batch_size=batch, accumulation=accumulation, packing=packing, epochs=epochs, max_length=64)
    plan = make_plan(tokens, recipe, samples=len(lengths), eval_samples=1, devices=devices)
    assert (plan.tokens, plan.trained_tokens, plan.longest) == (sum(lengths), 2 * len(lengths), max(lengths))
    assert plan.rows == (plan.packed_rows if packing else len(lengths))
    assert plan.packed_rows >= math.ceil(sum(lengths) / 64) and 0 < plan.packed_fill <= 1
    steps = math.ceil(math.ceil(plan.rows / (batch * devices)) / accumulation)
    assert plan.updates_per_epoch == steps and plan.steps == math.ceil(steps * epochs)
    assert 0 <= plan.padding < 1


@pytest.mark.parametrize(
    ("rows", "batch", "accumulation", "epochs"), [(10, 4, 1, 3.0), (10, 4, 2, 3.0), (7, 2, 3, 1.5), (1, 4, 4, 2.0)]
)
def test_the_steps_are_those_that_the_trainer_takes(rows, batch, accumulation, epochs, tmp_path):
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation, num_train_epochs=epochs,
        use_cpu=True,
    )  # fmt: skip
    trainer = transformers.Trainer(model=transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)), args=arguments,
        train_dataset=[{"input_ids": [1]}] * rows)  # fmt: skip
    *_, total = trainer.set_initial_training_values(arguments, trainer.get_train_dataloader())
    plan = make_plan(
        tokens_of([5] * rows), Recipe(batch_size=batch, accumulation=accumulation, epochs=epochs), samples=rows, eval_samples=0
    )
    assert plan.steps == total


def test_an_empty_set_is_planned_without_a_step():
    plan = make_plan(gather([]), Recipe(), samples=0, eval_samples=0)
    assert plan.steps == 0 and plan.tokens == 0
    assert lines(plan, Recipe(), None)


def test_every_method_is_named_with_what_it_takes():
    plan = make_plan(tokens_of([40, 50]), Recipe(), samples=2, eval_samples=0)
    text = "\n".join(lines(plan, Recipe(), device="NVIDIA A6000", available=48 * GIB))
    assert "qlora 6." in text
    assert "fits" in text and "does not fit" in text and "8.03 billion" in text
    sizes = [made.total for made in estimates(plan, Recipe(), LLAMA).values()]
    assert sizes == sorted(sizes) and len(sizes) == 3


def test_the_time_is_estimated_only_where_a_speed_was_measured():
    recipe = Recipe(method="qlora")
    plan = make_plan(tokens_of([1000] * 100), recipe, samples=100, eval_samples=0)
    assert any("time      not known" in line for line in lines(plan, recipe, device="NVIDIA H100 80GB HBM3"))
    known = next(line for line in lines(plan, recipe, device="NVIDIA GeForce RTX 4090") if line.startswith("time"))
    assert "about 2 minutes" in known and "torchtune" in known
    small = shape_of(
        {"model_type": "llama", "vocab_size": 1000, "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2}
    )
    assert any("time      not known" in line for line in lines(plan, recipe, small, device="NVIDIA GeForce RTX 4090"))


def test_our_own_speeds_go_before_those_of_others():
    ours = Speed("RTX 4090", "qlora", 7.6, 2000, "ftdata", "benchmarks/")
    assert find_speed("NVIDIA GeForce RTX 4090", "qlora", 8_030_000_000, [*SPEEDS, ours]) is ours
    assert find_speed("", "qlora", 0) is None
    assert seconds(ours, 7_600_000_000, 4000) == pytest.approx(2)
    assert [words_of(duration) for duration in (0, 60, 600, 7200)] == ["1 seconds", "60 seconds", "10 minutes", "2.0 hours"]


def test_every_speed_has_a_source():
    assert all(speed.source and speed.tokens > 0 and speed.method in ("qlora", "lora", "full") for speed in SPEEDS)


def test_flags_go_before_the_configuration_and_that_before_packs_and_defaults():
    made = resolve(
        {"epochs": 1.0, "r": None}, {"epochs": 2, "alpha": 64, "learning-rate": 1e-4}, "ftdata.toml",
        packs=[("goal domain", {"r": 32, "alpha": 16}), ("goal mine", {"r": 48})],
    )  # fmt: skip
    recipe = made.recipe
    assert (recipe.epochs, recipe.alpha, recipe.learning_rate, recipe.r, recipe.dropout) == (1.0, 64, 1e-4, 48, 0.05)
    origin = {name: made.origin[name] for name in ("epochs", "alpha", "r", "dropout")}
    assert origin == {"epochs": "--epochs", "alpha": "ftdata.toml", "r": "goal mine", "dropout": "default: the tutorial's"}


def test_the_defaults_are_the_tutorials():
    recipe = resolve({}, {}, "ftdata.toml").recipe
    assert (recipe.method, recipe.r, recipe.alpha, recipe.dropout, recipe.targets) == (
        "qlora",
        16,
        32,
        0.05,
        ("q_proj", "v_proj"),
    )
    assert (recipe.learning_rate, recipe.epochs, recipe.batch_size, recipe.gradient_checkpointing) == (2e-4, 3, 4, True)
    full = resolve({"method": "full"}, {}, "ftdata.toml")
    assert full.recipe.learning_rate == 2e-5 and "tenth" in full.origin["learning_rate"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"epoch": 3}, "Did you mean 'epochs'"),
        ({"epochs": "three"}, "must be a number"),
        ({"epochs": True}, "must be a number"),
        ({"epochs": float("nan")}, "must be a number"),
        ({"method": "dora"}, "qlora, lora, full"),
        ({"targets": []}, "names no module"),
        ({"packing": 1}, "true or false"),
        ({"optimizer": 3}, "must be a text"),
        ({"targets": 3}, "must be"),
        ({"r": 8.5}, "whole number"),
        ([], "no table"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_explained(table, words):
    with pytest.raises(ConfigError, match=words):
        resolve({}, table, "ftdata.toml")


@pytest.mark.parametrize(
    ("recipe", "goal", "samples", "words"),
    [
        (Recipe(epochs=8), None, 40, "by heart"),
        (Recipe(epochs=3), None, 20_000, "--epochs 1"),
        (Recipe(batch_size=16), None, 60, "--batch-size"),
        (Recipe(), "domain", 600, "--targets all-linear"),
        (Recipe(r=64), "style", 2_000, "--r 8 or 16"),
        (Recipe(r=64), None, 200, "--r 8 or 16"),
        (Recipe(method="full", learning_rate=2e-4), None, 3_000, "1e-5 to 5e-5"),
        (Recipe(method="full", learning_rate=2e-5), None, 300, "--method lora"),
        (Recipe(learning_rate=1e-5), None, 300, "1e-4 to 3e-4"),
    ],
)
def test_advice_follows_the_size_of_the_data_and_the_goal(recipe, goal, samples, words):
    assert any(words in line for line in advice(samples, goal, recipe, samples * 100, samples // recipe.batch_size))


def test_ordinary_settings_need_no_advice():
    assert advice(800, "style", Recipe(), 80_000, 600) == []


def test_an_adapter_that_the_model_has_no_layers_for_is_refused_before_weights_are_loaded():
    check_adapter(LLAMA, Recipe())
    with pytest.raises(UsageError, match="phi3 has no such layers") as refused:
        check_adapter(PHI, Recipe())
    assert "qkv_proj" in (refused.value.hint or "")
    check_adapter(PHI, Recipe(targets=("all-linear",)))
    with pytest.raises(UsageError, match="dropout"):
        check_adapter(DEEPSEEK, Recipe(targets=("all-linear",)))
    check_adapter(DEEPSEEK, Recipe(targets=("all-linear",), dropout=0.0))
    check_adapter(DEEPSEEK, Recipe(method="full"))


@pytest.mark.filterwarnings("ignore")
def test_what_is_refused_is_what_peft_refuses():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    peft = pytest.importorskip("peft")
    for kind, targets in (("phi3", ["q_proj", "v_proj"]), ("qwen3_moe", "all-linear")):
        config = transformers.CONFIG_MAPPING[kind](num_hidden_layers=1)
        with torch.device("meta"), pytest.raises(ValueError, match=r"not found|dropout"):
            model = transformers.AutoModelForCausalLM.from_config(config)
            peft.get_peft_model(model, peft.LoraConfig(target_modules=targets, lora_dropout=0.05, task_type="CAUSAL_LM"))


def test_what_is_easily_overlooked_is_said():
    said = " ".join(cautions(DEEPSEEK, Recipe(method="qlora", max_length=1024)))
    assert "no v_proj" in said and "stay in 16 bits" in said
    assert "8,192 tokens" in " ".join(cautions(LLAMA, Recipe(max_length=16_384)))
    assert not list(cautions(LLAMA, Recipe(max_length=1024)))


def test_a_plan_is_written_down_with_its_parts():
    plan = make_plan(tokens_of([40, 50]), Recipe(), samples=2, eval_samples=0)
    plan.memory = estimate_run(plan, Recipe(method="qlora"), LLAMA)
    memory = plan.facts()["memory"]
    assert memory["how"] == "formula" and memory["total"] == round(
        sum(memory[name] for name in ("weights", "trained", "activations", "logits")) * 1.15
    )
    assert max(memory["parts"].values()) * 1.15 == pytest.approx(memory["total"], abs=1)
    assert np.isfinite(memory["disk"])


def test_a_batch_is_as_long_as_its_longest_sequence_unless_rows_are_packed():
    plan = make_plan(tokens_of([40, 50]), Recipe(), samples=2, eval_samples=0)
    assert row_tokens(plan, Recipe()) == 50
    assert row_tokens(plan, Recipe(packing=True)) == 2048
    padded, packed = (estimate_run(plan, Recipe(packing=packing), LLAMA).activations for packing in (False, True))
    assert padded < packed / 10


def test_a_plan_that_is_too_large_has_a_way_out_that_fits():
    plan = make_plan(tokens_of([4000, 50]), Recipe(), samples=2, eval_samples=0)
    recipe = Recipe(method="lora", gradient_checkpointing=False, max_length=4096)
    assert estimate_run(plan, recipe, LLAMA).total > 24 * GIB
    ways = ways_to_fit(plan, recipe, LLAMA, 24 * GIB)
    assert ways and ways[0].startswith("--gradient-checkpointing")
    assert ways_to_fit(plan, recipe, LLAMA, GIB) == []
    # A run that was counted as a little more than the formula says has a way out too.
    by_formula = estimate_run(plan, recipe, LLAMA)
    plan.memory = replace(by_formula, weights=by_formula.weights + GIB)
    assert ways_to_fit(plan, recipe, LLAMA, by_formula.total)


@pytest.mark.filterwarnings("ignore")
def test_a_run_is_counted_where_torch_can_build_the_model(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("peft")
    config = {"model_type": "llama", "vocab_size": 1000, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 3,
              "num_attention_heads": 4, "num_key_value_heads": 2}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    plan, shape = make_plan(tokens_of([400, 500]), Recipe(), samples=2, eval_samples=0), shape_of(config)
    assert estimate_run(plan, Recipe(), shape, tmp_path).how == "exact"
    assert estimate_run(plan, Recipe(), shape, tmp_path / "nowhere").how == "formula"
