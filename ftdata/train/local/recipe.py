"""Everything that decides a local run, as data: it is stored with the run and its hash is part of the run's identity."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

Method = Literal["qlora", "lora", "full"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained.

    ``batch_size`` is sequences (rows, where packed) per device and step, ``accumulation`` steps per update,
    ``max_length`` tokens per row. ``warmup`` and ``eval_every`` are shares of the run where they are below 1, else steps.
    ``targets`` are module names, or ``("all-linear",)``. ``patience`` evaluations without a better loss stop the run; 0 never.
    """

    method: Method = "lora"
    epochs: float = 3.0
    max_steps: int = -1
    batch_size: int = 4
    accumulation: int = 1
    learning_rate: float = 2e-4
    scheduler: str = "linear"
    warmup: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    r: int = 16
    alpha: int = 32
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "v_proj")
    max_length: int = 2048
    packing: bool = False
    gradient_checkpointing: bool = True
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    optimizer: str = "adamw_torch"
    eval_every: float = 0.1
    patience: int = 3
    seed: int = 42
    beta: float = 0.1
    preference: bool = False
    report_to: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The recipe as JSON holds it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The recipe that a run stored; fields of other versions are ignored."""
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items() if name in known
        }
        return cls(**values)
