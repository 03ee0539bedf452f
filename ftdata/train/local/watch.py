"""What is looked at while a model trains: whether anything is learned, whether it begins to learn by heart, how far it is."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from ftdata.train.local import checkpoints
from ftdata.train.log import read_log

DEAD_STEPS = 3


class Stopped(Exception):
    """Training that makes no sense to go on with: what happened, and what to change."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Watchdog(TrainerCallback):  # type: ignore[misc]
    """Stops a run whose loss is no number, or whose gradients are exactly zero several times in a row."""

    def __init__(self) -> None:
        self.dead = 0

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Look at the figures of a step."""
        logs = logs or {}
        loss, norm = logs.get("loss"), logs.get("grad_norm")
        if loss is not None and not math.isfinite(loss):
            raise Stopped(
                f"the loss is {loss} at step {state.global_step}",
                "Halve --learning-rate, use --precision bf16 or fp32, or look for broken texts with `ftdata lint`.",
            )
        if norm is None:
            return
        if not math.isfinite(norm):
            self.dead += 1
            if self.dead >= DEAD_STEPS:
                raise Stopped(
                    f"the gradients are {norm} in {self.dead} steps up to step {state.global_step}",
                    "Halve --learning-rate, or use --precision bf16 or fp32.",
                )
            return
        self.dead = self.dead + 1 if norm == 0 else 0
        if self.dead >= DEAD_STEPS:
            raise Stopped(
                f"the gradients are exactly zero in {self.dead} steps up to step {state.global_step}: nothing is learned",
                "No trained token, a frozen model, or a kernel without gradients. Look at `--show-tokens`, try --method lora.",
            )


class Seal(TrainerCallback):  # type: ignore[misc]
    """Writes the list of files into every checkpoint when it is complete."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Seal the checkpoint that was just written."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero and folder.is_dir():
            checkpoints.seal(folder)


class History(TrainerCallback):  # type: ignore[misc]
    """Keeps the figures of the run in ``log.jsonl``, a line a step that was logged, and draws progress on a terminal."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.started = time.monotonic()
        self.first = 0
        self.shown: dict[str, float] = {}
        self.terminal = sys.stderr.isatty()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take note of where the run begins; lines of steps that will be done once more are taken out."""
        self.started, self.first = time.monotonic(), state.global_step
        if self.path.exists() and state.is_world_process_zero:
            lines = [line for line in read_log(self.path) if line["step"] <= state.global_step]
            self.path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Write a line."""
        if not state.is_world_process_zero or not logs:
            return
        kept = {
            name: value
            for name, value in logs.items()
            if name in ("loss", "eval_loss", "learning_rate", "grad_norm", "rewards/accuracies")
        }
        self.shown |= {name: value for name, value in kept.items() if name in ("loss", "eval_loss")}
        if kept:
            with self.path.open("a") as file:
                file.write(json.dumps({"step": state.global_step, "epoch": round(state.epoch or 0, 4), **kept}) + "\n")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Draw the bar."""
        if not self.terminal or not state.is_world_process_zero or not state.max_steps:
            return
        share = state.global_step / state.max_steps
        took = time.monotonic() - self.started
        left = took / max(1, state.global_step - self.first) * (state.max_steps - state.global_step)
        figures = "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in self.shown.items())
        sys.stderr.write(
            f"\rtraining [{'#' * int(24 * share):<24}] step {state.global_step:,} of {state.max_steps:,}  {figures}  {left:,.0f} s left \x1b[K"
        )
        sys.stderr.flush()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the bar away."""
        if self.terminal and state.is_world_process_zero:
            sys.stderr.write("\r\x1b[K")


class Overfitting(TrainerCallback):  # type: ignore[misc]
    """Stops a run whose evaluation loss has not become better for ``patience`` evaluations. ``verdict`` says so in words."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.losses: list[tuple[int, float, float]] = []
        self.verdict: str | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take up what an earlier part of the run saw."""
        self.losses = [
            (entry["step"], entry.get("epoch", 0.0), entry["eval_loss"]) for entry in state.log_history if "eval_loss" in entry
        ]

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Compare with the best so far."""
        loss = (metrics or {}).get("eval_loss")
        if loss is None:
            return
        self.losses.append((state.global_step, state.epoch or 0.0, loss))
        if not self.patience:
            return
        best = min(range(len(self.losses)), key=lambda number: self.losses[number][2])
        if len(self.losses) - 1 - best >= self.patience:
            control.should_training_stop = True
            step, epoch, low = self.losses[best]
            self.verdict = (
                f"stopped at step {state.global_step}: the evaluation loss rose from {low:.4f} (step {step}, epoch {epoch:.2f}) to {loss:.4f} "
                f"while training went on; the checkpoint of step {step} is kept"
            )
