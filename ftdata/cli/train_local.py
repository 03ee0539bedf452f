"""``ftdata train --backend local``: from checked data to an adapter in a folder."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftdata.config import Config
    from ftdata.judge.select import Choice
    from ftdata.template import ModelFolder
    from ftdata.train.gate import Gate
    from ftdata.train.local.recipe import Recipe
    from ftdata.train.plan import Plan
    from ftdata.train.prepare import Chosen, Side
    from ftdata.train.runs import RunFolder
    from ftdata.train.settings import Resolved

_FLAGS = (
    "method", "epochs", "max_steps", "batch_size", "accumulation", "learning_rate", "scheduler", "warmup", "weight_decay", "max_grad_norm", "r",
    "alpha", "dropout", "max_length", "packing", "gradient_checkpointing", "precision", "optimizer", "eval_every", "patience", "beta", "report_to", "seed",
)  # fmt: skip


def run(options: dict[str, Any], config: Config, choice: Choice, evals: tuple[str, ...]) -> int:
    """Check, plan and train."""
    from ftdata.cli.fix import show
    from ftdata.cli.progress import Progress
    from ftdata.cli.train import gate_lines, mask_lines, stop_at_gate
    from ftdata.errors import UsageError
    from ftdata.judge.select import resolve as selection_of
    from ftdata.split.assign import Settings
    from ftdata.template import read_model_folder
    from ftdata.train.gate import check
    from ftdata.train.mask import Masker
    from ftdata.train.plan import render
    from ftdata.train.prepare import choose, kind_of
    from ftdata.train.settings import resolve

    refused = [
        name
        for name in ("base_url", "azure_endpoint", "hyper", "suffix", "wandb_project", "export_only", "detach")
        if options[name]
    ]
    if refused:
        raise UsageError(
            f"--{refused[0].replace('_', '-')} is for training on a service", "Add --backend openai, or leave it out."
        )
    resolved = resolve(
        {name: options[name] for name in _FLAGS} | {"targets": options["targets_"]}, config.data.get("train") or {}, config.origin,
        packs=[(pack.origin, pack.data["train"]) for pack in selection_of(choice).packs if pack.data.get("train")],
    )  # fmt: skip
    folder = read_model_folder(_folder_of(options["model"]))
    with Progress("checking") as progress:
        gate = check(
            options["paths"],
            evals,
            choice,
            targets=[str(folder.path)],
            allow=options["allow"],
            format=options["format_"],
            progress=progress.update,
        )
    if not gate.passed:
        return stop_at_gate(gate)
    settings = Settings(share=options["eval_share"], seed=resolved.recipe.seed)
    with Progress("reading") as progress:
        chosen = choose(
            options["paths"],
            evals,
            settings,
            format=options["format_"],
            pilot=options["pilot"],
            evaluate=not options["no_eval"],
            progress=progress.update,
        )
    kind = kind_of(chosen.collection, chosen.train, options["format_"])
    if kind not in ("sft", "preference"):
        raise UsageError(
            f"data of the kind '{kind}' is not trained here",
            "Conversations and preference pairs are; convert it with `ftdata convert`.",
        )
    with Masker(folder, template=options["template"], too_long=options["too_long"]) as masker:
        train, held, recipe = _encoded(options, resolved, folder, chosen, masker, preference=kind == "preference")
    show(gate_lines(gate))
    if train.refused or held.refused:
        code = _refused(train, held, options["on_refusal"])
        if code:
            return code
    resolved = replace(resolved, recipe=recipe)
    plan = _plan(options, resolved, folder, chosen, train, held)
    available, device = _available(options["gpu_memory"])
    shape = _shape(folder)
    show(render(plan, recipe, resolved.origin, shape, device=device, available=available))
    for sequence in train.shown:
        show(
            [
                f"--- sample {sequence.sample[:8]}, {len(sequence.ids):,} tokens, {sequence.n_trained:,} trained, by {sequence.route}"
            ]
        )
        for line in mask_lines(sequence.parts()):
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
    problem = _too_large(plan, recipe, shape, available)
    if problem is not None:
        raise problem
    if options["plan_only"] or options["show_tokens"]:
        return 0
    if options["pilot"]:
        return _pilot(options, resolved, folder, chosen, gate, plan, train, held)
    made = _start(options, resolved, folder, chosen, gate, plan, train, held)
    return _train(made, options)


def _folder_of(model: str) -> str:
    """The folder of a model: a path, or a name that is in the cache of the hub or can be fetched from it."""
    if Path(model).expanduser().exists() or model.count("/") != 1:
        return model
    from ftdata.errors import UsageError

    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError:
        raise UsageError(
            f"{model} is no folder, and huggingface_hub is not installed", "Name a folder, or: pip install 'ftdata[train]'"
        ) from None
    wanted = ["*.json", "*.jinja", "*.safetensors", "*.model", "additional_chat_templates/*"]
    try:
        return str(snapshot_download(model, allow_patterns=wanted, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        pass
    try:
        return str(snapshot_download(model, allow_patterns=wanted))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            raise UsageError(
                f"{model}: the hub gives this model only to those who asked for it",
                "Ask on its page, then `hf auth login`; or name a folder.",
            ) from None
        if status == 404:
            raise UsageError(f"{model}: there is no such model on the hub, and no such folder", "Check the name.") from None
        raise UsageError(f"{model}: is no folder and cannot be fetched from the hub", "Name a folder, or go online.") from None


def _encoded(
    options: dict[str, Any], resolved: Resolved, folder: ModelFolder, chosen: Chosen, masker: Any, *, preference: bool
) -> tuple[Side, Side, Recipe]:
    """The tokens of both sides. Where no length was asked for it is that of the longest sample, at most what the model takes."""
    from ftdata.train.prepare import encode

    recipe = replace(resolved.recipe, preference=preference)
    asked = resolved.origin["max_length"] != "default"
    masker.max_tokens = recipe.max_length if asked else folder.max_length
    common = {"format": options["format_"], "preference": preference}
    train = encode(chosen.collection, chosen.train, masker, show=options["show_tokens"] or 0, **common)
    held = encode(chosen.held_collection, chosen.held, masker, **common)
    if not asked:
        longest = max(int(train.tokens.lengths.max(initial=0)), int(held.tokens.lengths.max(initial=0)), 1)
        length = -(-longest // 64) * 64
        recipe = replace(recipe, max_length=min(length, folder.max_length) if folder.max_length else length)
        resolved.origin["max_length"] = "default: the longest sample"  # type: ignore[index]
    return train, held, recipe


def _refused(train: Side, held: Side, policy: str) -> int:
    """Say which samples cannot be trained on. Returns 1 where that stops the run."""
    from ftdata.cli.fix import show

    both = [*train.refused, *held.refused]
    shown = [f"  {place}: {reason}" for place, reason in both[:8]] + [f"  … and {len(both) - 8:,} more"] * (len(both) > 8)
    if policy == "drop":
        show([f"left out  {len(both):,} samples that cannot be trained on:", *shown])
        return 0 if train.samples else 1
    show(
        [
            f"Not trained: {len(both):,} samples cannot be trained on.",
            *shown,
            "Mend them, or leave them out with --on-refusal drop.",
        ]
    )
    return 1


def _plan(options: dict[str, Any], resolved: Resolved, folder: ModelFolder, chosen: Chosen, train: Side, held: Side) -> Plan:
    from ftdata.train.advice import advice, check_adapter
    from ftdata.train.plan import estimate_run, make_plan

    recipe = resolved.recipe
    plan = make_plan(train.tokens, recipe, samples=train.samples, eval_samples=held.samples, devices=options["gpus"] or 1)
    plan.refused = Counter(reason for _, reason in [*train.refused, *held.refused])
    plan.routes, plan.notes = train.routes, train.notes
    plan.advice = advice(train.samples, options["goal"], recipe, plan.trained_tokens, plan.steps)
    shape = _shape(folder)
    if shape is not None:
        check_adapter(shape, recipe)
        plan.memory = estimate_run(plan, recipe, shape, folder.path, half=_half(recipe))
    return plan


def _shape(folder: ModelFolder) -> Any:
    from ftdata.errors import FtdataError
    from ftdata.train.memory import read_shape

    try:
        return read_shape(folder.path)
    except FtdataError:
        return None


def _available(given: float | None) -> tuple[int | None, str]:
    """Bytes at hand on the device, and its name. Without torch nothing is known of a GPU."""
    if given is not None:
        return int(given * (1 << 30)), "the device you named"
    try:
        import torch

        if torch.cuda.is_available():
            return int(torch.cuda.get_device_properties(0).total_memory), torch.cuda.get_device_name(0)
    except ImportError:
        return None, ""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "this machine, without a GPU,"
    except (ValueError, OSError):
        return None, ""


def _half(recipe: Recipe) -> bool:
    """Whether the computation is in 16 bits: on a GPU unless float32 is asked for, on a CPU where bf16 is asked for."""
    if recipe.precision != "auto":
        return recipe.precision != "fp32"
    try:
        import torch

        return bool(torch.cuda.is_available() or torch.backends.mps.is_available())
    except ImportError:
        return True


def _too_large(plan: Plan, recipe: Recipe, shape: Any, available: int | None) -> Exception | None:
    from ftdata.errors import UsageError
    from ftdata.train.plan import size_of, ways_to_fit

    if plan.memory is None or available is None or plan.memory.total <= available:
        return None
    ways = ways_to_fit(plan, recipe, shape, available, half=_half(recipe))
    return UsageError(
        f"this run takes {size_of(plan.memory.total)} of {size_of(available)}",
        f"It would fit with {' and '.join(ways)}." if ways else "Nothing makes it fit: take a smaller model.",
    )


def _start(
    options: dict[str, Any], resolved: Resolved, folder: ModelFolder, chosen: Chosen, gate: Gate, plan: Plan, train: Side, held: Side,
    part: str | None = None,
) -> RunFolder:  # fmt: skip
    """Make the run's folder with all that the training process needs, or open the one that is there."""
    from ftdata.train.local.model import require
    from ftdata.train.runs import base_hash, hash_of, save_template, start_run
    from ftdata.train.tokens import save_tokens

    require("torch", "transformers", "peft", "accelerate", *(["bitsandbytes"] if resolved.recipe.method == "qlora" else []))
    sets = {"train": train.tokens} | ({"eval": held.tokens} if held.samples else {})
    hashes = {name: tokens.sha256() for name, tokens in sets.items()}
    identity = {"data": hash_of(hashes), "base": base_hash(folder.path), "settings": hash_of(resolved.recipe.as_dict())}
    path = Path(options["output"] or _default_name(options, identity))
    run, goes_on = start_run(path / part if part else path, identity, backend="local", state="preparing")
    if goes_on and run.state.get("state") != "preparing":
        return run
    (run / "data").mkdir(exist_ok=True)
    for name, tokens in sets.items():
        save_tokens(run / "data" / f"{name}.npz", tokens)
    if train.refused or held.refused:
        import json

        from ftdata.write import write_atomically

        lines = (
            json.dumps({"place": place, "reason": reason}, ensure_ascii=False).encode() + b"\n"
            for place, reason in [*train.refused, *held.refused]
        )
        write_atomically(run / "dropped.jsonl", lines)
    if options["template"]:
        # Whatever becomes of the file: what is trained here is talked to, judged and exported by the same template.
        save_template(run, Path(options["template"]).expanduser().read_text("utf-8"))
    pad = next((token for name in ("pad_token", "eos_token", "unk_token") if (token := folder.special.get(name))), None)
    run.update(
        state="prepared", recipe=resolved.recipe.as_dict(), origin=dict(resolved.origin),
        base={"path": str(folder.path.resolve()), "hash": identity["base"], "pad": _token_id(folder, pad), "template": hash_of(dict(folder.templates))},
        tokens={name: {"sha256": value, "sequences": len(sets[name])} for name, value in hashes.items()}, plan=plan.facts(), gate=gate.card(),
        split={"seed": resolved.recipe.seed, "share": options["eval_share"]} if chosen.split is not None else None,
        inputs={"format": options["format_"], "too_long": options["too_long"], "on_refusal": options["on_refusal"], "template": bool(options["template"])},
        command=shlex.join(["ftdata", *sys.argv[1:]]),
    )  # fmt: skip
    return run


def _default_name(options: dict[str, Any], identity: dict[str, str]) -> Path:
    from ftdata.train.runs import hash_of

    stem = Path(options["paths"][0]).name.partition(".")[0] or "data"
    return Path("runs") / f"{stem}-{Path(options['model']).name}-{hash_of(identity)[:8]}"


def _token_id(folder: ModelFolder, token: str | None) -> int | None:
    from tokenizers import Tokenizer

    found = Tokenizer.from_file(str(folder.tokenizer_file)).token_to_id(token) if token else None
    return int(found) if found is not None else None


def _train(run: RunFolder, options: dict[str, Any]) -> int:
    """Train in this process, or on several devices in processes of accelerate."""
    from ftdata.cli.fix import show
    from ftdata.train.card import write_card
    from ftdata.train.curves import curves_of, draw
    from ftdata.train.log import read_log
    from ftdata.train.runs import open_run

    if run.state.get("state") != "trained":
        show([f"run       {run.path}" + (" (goes on)" if run.state.get("state") == "training" else "")])
        with run.locked():
            if (options["gpus"] or 1) > 1:
                launch = (
                    "-m accelerate.commands.launch --multi_gpu --num_machines 1 --mixed_precision no --dynamo_backend no".split()
                )
                command = [
                    sys.executable,
                    *launch,
                    "--num_processes",
                    str(options["gpus"]),
                    "-m",
                    "ftdata.train.local",
                    str(run.path),
                ]
                code = subprocess.run(command).returncode
                if code:
                    return code if code in (1, 2, 130) else 1
            else:
                from ftdata.train.local.loop import train

                try:
                    train(run.path)
                except KeyboardInterrupt:
                    show(["", f"Stopped. The same command goes on from the last checkpoint in {run.path}."], error=True)
                    return 130
        run = open_run(run.path)
        write_card(run, run / run.state["output"])
    log = read_log(run / "log.jsonl") if (run / "log.jsonl").exists() else []
    show(draw(curves_of(log)))
    result, output = run.state["result"], run / run.state["output"]
    losses = result.get("eval_loss")
    if losses:
        show(
            [f"evaluation loss {losses['before']:.4f} before, {losses['best']:.4f} at step {losses['best_step']}, which is kept"]
        )
    if result.get("verdict"):
        show([result["verdict"]])
    if losses and losses["best_step"] == 0:
        show(
            [
                "no step made it better: what is saved answers as the base does. Try another --learning-rate, or more data; "
                f"{run / 'log.jsonl'} holds the loss of every step."
            ]
        )
    show(
        [
            f"{'model' if output.name == 'model' else 'adapter'}: {output}",
            f"next: ftdata chat {run.path}   ftdata eval {run.path}   ftdata export {run.path} --ollama",
        ]
    )
    return 0


def _pilot(
    options: dict[str, Any],
    resolved: Resolved,
    folder: ModelFolder,
    chosen: Chosen,
    gate: Gate,
    plan: Plan,
    train: Side,
    held: Side,
) -> int:
    """Train on nested parts of the pilot and say what more data does to the evaluation loss."""
    from ftdata.cli.fix import show
    from ftdata.errors import UsageError
    from ftdata.split.assign import draw
    from ftdata.train.mask import Masker
    from ftdata.train.pilot import reading
    from ftdata.train.prepare import encode

    if not held.samples:
        raise UsageError("--pilot compares evaluation losses, and nothing is held back", "Leave --no-eval out, or name --eval.")
    order = sorted(
        chosen.train, key=lambda index: (draw(resolved.recipe.seed, chosen.collection.ids[index]), chosen.collection.ids[index])
    )
    sizes = sorted({max(2, len(order) // 4), max(2, len(order) // 2), len(order)})
    points = []
    for size in sizes:
        with Masker(
            folder, template=options["template"], max_tokens=resolved.recipe.max_length, too_long=options["too_long"]
        ) as masker:
            part = encode(
                chosen.collection, sorted(order[:size]), masker, format=options["format_"], preference=resolved.recipe.preference
            )
        from ftdata.train.plan import make_plan

        own = make_plan(part.tokens, resolved.recipe, samples=part.samples, eval_samples=held.samples)
        run = _start(options, resolved, folder, chosen, gate, own, part, held, part=f"pilot-{size}")
        code = _train(run, options)
        if code:
            return code
        from ftdata.train.runs import open_run

        losses = open_run(run.path).state["result"]["eval_loss"]
        points.append((size, float(losses["best"])))
    show(reading(points))
    return 0
