"""Train one run from its folder: what is prepared there becomes an adapter, or a model, that stands whole or not at all."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

from ftdata.errors import FtdataError, ReadError
from ftdata.train.curves import curves_of, draw_png
from ftdata.train.local import checkpoints
from ftdata.train.local.model import Device, add_adapter, choose_device, load_base, quieten, require
from ftdata.train.local.recipe import Recipe
from ftdata.train.log import read_log, verdict
from ftdata.train.runs import RunFolder, open_run, own_template, sync_folder
from ftdata.train.tokens import TokenSet, load_tokens

CHECKPOINTS, LOG, PICTURE = "checkpoints", "log.jsonl", "loss.png"


class TrainingError(FtdataError):
    """A run that had to stop: what happened, and what to change."""

    exit_code = 1


def train(folder: str | Path) -> dict[str, Any]:
    """Train the run in a folder, from its latest checkpoint where there is one. Returns what ``run.json`` then says of it.

    Raises TrainingError where nothing is learned, the loss is no number or memory ran out; ReadError for a damaged folder.
    """
    require("torch", "transformers", "peft", "accelerate")
    quieten()
    run = open_run(folder)
    recipe = Recipe.from_dict(run.state["recipe"])
    held = _tokens(run, "eval", required=False)
    tokens = _tokens(run, "train")
    assert tokens is not None
    checkpoint, notes = checkpoints.latest_whole(run / CHECKPOINTS)
    if checkpoint is None and run.state.get("state") == "training" and run.state.get("saved"):
        raise ReadError(f"{run / CHECKPOINTS}: the checkpoints of this run are gone", "Start anew in another folder with -o.")
    for note in notes:
        sys.stderr.write(f"{note}\n")
    return _explained(recipe, lambda: _train(run, recipe, tokens, held, checkpoint))


def _tokens(run: RunFolder, name: str, required: bool = True) -> TokenSet | None:
    path = run / "data" / f"{name}.npz"
    if not required and name not in run.state["tokens"]:
        return None
    tokens = load_tokens(path)
    if tokens.sha256() != run.state["tokens"][name]["sha256"]:
        raise ReadError(f"{path}: is not what the run began with", "Start the run anew in another folder.")
    return tokens


def _train(run: RunFolder, recipe: Recipe, tokens: TokenSet, held: TokenSet | None, checkpoint: Path | None) -> dict[str, Any]:
    from transformers import set_seed

    device = choose_device(recipe)
    set_seed(recipe.seed)
    model = load_base(run.state["base"]["path"], recipe, device)
    if recipe.method != "full":
        model = add_adapter(model, recipe)
    trainer, watch = _trainer(run, recipe, device, model, tokens, held, resumed=checkpoint is not None)
    if trainer.is_world_process_zero():
        run.update(state="training")
    result = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if not trainer.is_world_process_zero():
        return {}
    name = _save(run, recipe, trainer.model)
    log = read_log(run / LOG) if (run / LOG).exists() else []
    draw_png(run / PICTURE, curves_of(log), f"{run.path.name}: {recipe.method}, {recipe.learning_rate:g}")
    evals = [(line["step"], line["epoch"], line["eval_loss"]) for line in log if "eval_loss" in line]
    best = min(evals, key=lambda entry: entry[2]) if evals else None
    facts = {
        "steps": trainer.state.global_step,
        "epochs": round(trainer.state.epoch or 0.0, 3),
        "train_loss": next((line["loss"] for line in reversed(log) if "loss" in line), result.training_loss),
        "eval_loss": {"before": evals[0][2], "best": best[2], "best_step": best[0], "best_epoch": best[1], "last": evals[-1][2]}
        if best
        else None,
        "verdict": watch.verdict or verdict(evals, recipe.epochs),
        "loss": trainer.way,
        "device": device.name,
        "dtype": device.dtype,
        "peak_memory": _peak(device),
    }
    run.update(state="trained", result=facts, output=name)
    return dict(run.state)


def _trainer(
    run: RunFolder, recipe: Recipe, device: Device, model: Any, tokens: TokenSet, held: TokenSet | None, *, resumed: bool
) -> tuple[Any, Any]:
    from transformers import PrinterCallback, ProgressCallback

    from ftdata.train.local.watch import History, Overfitting, Seal, Watchdog

    pad = run.state["base"].get("pad") or 0
    more = _arguments(run, recipe, device, tokens, held, resumed)
    watch = Overfitting(recipe.patience if held is not None else 0)
    callbacks = [watch, Watchdog(), Seal(), History(run / LOG)]
    if recipe.preference:
        from ftdata.train.local.preference import make_trainer
    else:
        from ftdata.train.local.supervised import make_trainer
    trainer = make_trainer(model, recipe, tokens, held, pad, callbacks, more)
    for unwanted in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(unwanted)
    return trainer, watch


def _arguments(
    run: RunFolder, recipe: Recipe, device: Device, tokens: TokenSet, held: TokenSet | None, resumed: bool
) -> dict[str, Any]:
    """The arguments of transformers' Trainer."""
    rows = run.state["plan"]["rows"]
    devices = int(os.environ.get("WORLD_SIZE", "1"))
    per_epoch = max(1, math.ceil(math.ceil(rows / (recipe.batch_size * devices)) / recipe.accumulation))
    total = recipe.max_steps if recipe.max_steps > 0 else max(1, math.ceil(per_epoch * recipe.epochs))
    # A share is rounded down: transformers would round it up, and the first update of a run has a learning rate of 0 then.
    warmup = int(recipe.warmup if recipe.warmup >= 1 else total * recipe.warmup)
    every = int(recipe.eval_every) if recipe.eval_every >= 1 else max(1, round(total * recipe.eval_every))
    evaluated: dict[str, Any] = {"save_strategy": "steps", "save_steps": every, "save_total_limit": 2}
    if held is not None:
        evaluated |= {
            "eval_strategy": "steps", "eval_steps": every, "eval_on_start": not resumed, "load_best_model_at_end": True,
            "metric_for_best_model": "eval_loss", "greater_is_better": False, "per_device_eval_batch_size": recipe.batch_size,
        }  # fmt: skip
    return evaluated | {
        "output_dir": str(run / CHECKPOINTS),
        "num_train_epochs": recipe.epochs,
        "max_steps": recipe.max_steps,
        "per_device_train_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.accumulation,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.scheduler,
        "warmup_steps": warmup,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "optim": recipe.optimizer,
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if recipe.gradient_checkpointing else None,
        "bf16": device.dtype == "bfloat16",
        "fp16": device.dtype == "float16",
        "use_cpu": device.name == "cpu",
        "logging_steps": max(1, min(10, total // 40)),
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "report_to": list(recipe.report_to),
        "run_name": run.path.name,
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "label_names": ["labels"],
        "ddp_find_unused_parameters": False,
    }


def _save(run: RunFolder, recipe: Recipe, model: Any) -> str:
    """Write the adapter (or the model) beside its name, then rename it; the tokenizer goes with it."""
    name = "model" if recipe.method == "full" else "adapter"
    target, half = run / name, run / f".{name}.half"
    for old in (half, target):
        shutil.rmtree(old, ignore_errors=True)
    model.save_pretrained(half)
    base = Path(run.state["base"]["path"])
    for file in (
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "chat_template.jinja",
        "generation_config.json",
        "tokenizer.model",
    ):
        if (base / file).is_file() and not (half / file).exists():
            shutil.copyfile(base / file, half / file)
    own = own_template(run)
    if own is not None:
        shutil.copyfile(own, half / own.name)
    for path in half.rglob("*"):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
    os.replace(half, target)
    sync_folder(run.path)
    return name


def _peak(device: Device) -> int | None:
    if device.name != "cuda":
        return None
    import torch

    return int(torch.cuda.max_memory_allocated())


def _explained(recipe: Recipe, work: Any) -> dict[str, Any]:
    """Do the work; what libraries raise when memory or disk run out becomes words."""
    import torch

    from ftdata.train.local.watch import Stopped

    try:
        with warnings.catch_warnings():
            # Libraries talk to their authors here: names that will change, kernels that are not for this machine.
            warnings.simplefilter("ignore")
            result: dict[str, Any] = work()
        return result
    except Stopped as error:
        raise TrainingError(error.message, error.hint) from None
    except (torch.OutOfMemoryError, MemoryError):
        raise _no_memory(recipe) from None
    except Exception as error:
        # safetensors, torch and the system each have errors of their own for a full disk.
        text = str(error)
        if getattr(error, "errno", None) in (27, 28, 122) or any(word in text for word in _DISK_FULL):
            raise TrainingError(
                "the disk is full", "Free some space; the same command goes on from the last checkpoint."
            ) from None
        if "out of memory" in text.lower() or "can't allocate memory" in text.lower():
            raise _no_memory(recipe) from None
        raise


_DISK_FULL = (
    "No space left",
    "File too large",
    "enforce fail at inline_container",
    "file write failed",
    "os error 28",
    "os error 27",
)


def _no_memory(recipe: Recipe) -> TrainingError:
    """What would take less memory, the cheapest first."""
    ways = []
    if not recipe.gradient_checkpointing:
        ways.append("--gradient-checkpointing (a third slower)")
    if recipe.batch_size > 1:
        ways.append(f"--batch-size {recipe.batch_size // 2} --accumulation {recipe.accumulation * 2} (the same result)")
    if recipe.method == "full":
        ways.append("--method lora")
    if recipe.method == "lora":
        ways.append("--method qlora")
    ways.append(f"--max-length {max(128, recipe.max_length // 2)}")
    with contextlib.suppress(ImportError):
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return TrainingError("out of memory", f"Try {', or '.join(ways[:3])}. `--plan` shows where it goes.")
