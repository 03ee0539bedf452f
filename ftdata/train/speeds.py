"""Speeds of training that somebody measured: what a plan's time is estimated from. Where none fits, the plan says so.

A speed is for tokens that go through the model, padding included. Our own measurements come first; those of another trainer are
named as such, for kernels and settings are its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Models of about this size, up or down, are taken for the one that was measured; time goes with the weights.
NEAR = 0.25


@dataclass(frozen=True, slots=True)
class Speed:
    """``tokens`` a second, on a device whose name holds ``device``, for a model of so many ``billions`` of weights."""

    device: str
    method: str
    billions: float
    tokens: float
    trainer: str
    source: str


# github.com/pytorch/torchtune, README, table "Memory and training speed", read 2026-11-23: Llama 3.1 8B. Its full fine-tuning keeps
# weights in 16 bits and has a paged optimizer, so it says nothing of ours.
_TORCHTUNE = "torchtune's README, read 2026-11-23: batch 2, packed to 2,048 tokens, compiled"
SPEEDS = (
    Speed("RTX 4090", "qlora", 8.03, 2413, "torchtune", _TORCHTUNE),
    Speed("RTX 4090", "lora", 8.03, 3083, "torchtune", _TORCHTUNE),
    Speed("A6000", "lora", 8.03, 4699, "torchtune", _TORCHTUNE),
)


def find_speed(device: str, method: str, parameters: int, speeds: Iterable[Speed] = SPEEDS) -> Speed | None:
    """The speed that fits a run best: the same device and method, a model of nearly the same size; ``None`` where there is none."""
    billions = parameters / 1e9
    fitting = [
        speed for speed in speeds
        if speed.method == method and speed.device.lower() in device.lower() and abs(speed.billions / max(billions, 1e-9) - 1) <= NEAR
    ]  # fmt: skip
    return min(fitting, key=lambda speed: (speed.trainer != "ftdata", abs(speed.billions - billions)), default=None)


def seconds(speed: Speed, parameters: int, tokens: float) -> float:
    """How long so many tokens take, by the size of the model."""
    return tokens / speed.tokens * (parameters / 1e9 / speed.billions)


def words_of(duration: float) -> str:
    """A duration for people: "40 seconds", "25 minutes", "3.5 hours"."""
    if duration < 90:
        return f"{max(1, round(duration))} seconds"
    if duration < 5400:
        return f"{round(duration / 60)} minutes"
    return f"{duration / 3600:.1f} hours"
