"""How a model is trained: every value with where it came from. Defaults are the tutorial's; advice by size of data is told, not taken."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from ftdata.errors import ConfigError, UsageError, suggest
from ftdata.train.advice import advice
from ftdata.train.local.recipe import Recipe

__all__ = ["Resolved", "advice", "resolve"]

# What is asked for in words: flag and field have one name.
NAMES = {field.name for field in fields(Recipe)} - {"preference"}
CHOICES = {"method": ("qlora", "lora", "full"), "precision": ("auto", "bf16", "fp16", "fp32")}
LIMITS: dict[str, tuple[float, float]] = {
    "epochs": (0.01, 1000), "batch_size": (1, 4096), "accumulation": (1, 4096), "learning_rate": (1e-9, 1.0), "warmup": (0, 1e6),
    "weight_decay": (0, 1), "max_grad_norm": (0, 1e6), "r": (1, 4096), "alpha": (1, 65536), "dropout": (0, 0.99), "max_length": (8, 1 << 22),
    "eval_every": (1e-4, 1e7), "patience": (0, 1000), "seed": (0, 2**31 - 1), "beta": (1e-6, 10), "max_steps": (-1, 1e9),
}  # fmt: skip
TUTORIAL = "default: the tutorial's"
REASONS = {
    "method": "default: fits the smallest memory", "r": TUTORIAL, "alpha": TUTORIAL, "dropout": TUTORIAL, "targets": TUTORIAL,
    "learning_rate": TUTORIAL, "epochs": TUTORIAL, "batch_size": TUTORIAL, "gradient_checkpointing": "default: a third slower, a tenth of the memory",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Resolved:
    """A recipe, and the origin of each of its values in words."""

    recipe: Recipe
    origin: Mapping[str, str]


def resolve(
    flags: Mapping[str, Any],
    configured: Mapping[str, Any],
    place: str,
    *,
    packs: Sequence[tuple[str, Mapping[str, Any]]] = (),
    full_rate: float = 2e-5,
) -> Resolved:
    """Put flags before configuration before packs before defaults. ``None`` flags are not given.

    ``configured`` is the table [train] of the configuration at ``place``; ``packs`` are such tables of packs with their origin
    ("goal domain"), of which the last one counts. Full fine-tuning has a learning rate of its own by default: the tutorial's 2e-4 is for adapters. Raises ConfigError and UsageError
    for unknown names and values that make no sense.
    """
    values: dict[str, Any] = {"method": "qlora"}
    origin = {field.name: REASONS.get(field.name, "default") for field in fields(Recipe)}
    for where, table in [*packs, (place, configured)]:
        if not isinstance(table, Mapping):
            raise ConfigError(f"{where}: [train] is no table", "Write [train] and under it lines as epochs = 3.")
        for name, value in table.items():
            key = name.replace("-", "_")
            if key not in NAMES:
                raise ConfigError(
                    f"{where}: [train] has no setting '{name}'.{suggest(key, NAMES)}", f"Settings: {', '.join(sorted(NAMES))}."
                )
            values[key] = _checked(key, value, f"{where}: [train] {name}", ConfigError)
            origin[key] = where
    for name, value in flags.items():
        if value is None:
            continue
        flag = f"--{name.replace('_', '-')}"
        values[name] = _checked(name, value, flag, UsageError)
        origin[name] = flag
    recipe = Recipe(**values)
    if recipe.method == "full" and "learning_rate" not in values:
        recipe = replace(recipe, learning_rate=full_rate)
        origin["learning_rate"] = "default: all weights move, so a tenth of an adapter's"
    if recipe.method == "full":
        for name in ("r", "alpha", "dropout", "targets"):
            if name in flags and flags[name] is not None:
                raise UsageError(f"--{name}: full fine-tuning has no adapter", "Use --method lora or qlora.")
    return Resolved(recipe, origin)


def _checked(name: str, value: Any, place: str, error: type[UsageError] | type[ConfigError]) -> Any:
    if name in CHOICES and value not in CHOICES[name]:
        raise error(f"{place} = {value}: must be one of {', '.join(CHOICES[name])}")
    if name in ("targets", "report_to"):
        given = value.split(",") if isinstance(value, str) else value
        if not isinstance(given, list | tuple) or not all(isinstance(part, str) for part in given):
            raise error(f"{place} = {value}: must be names, as q_proj,v_proj")
        parts = tuple(part.strip() for part in given if part.strip())
        if not parts and name == "targets":
            raise error(f"{place}: names no module", "As q_proj,v_proj, or all-linear.")
        return parts
    if name in ("packing", "gradient_checkpointing"):
        if not isinstance(value, bool):
            raise error(f"{place} = {value}: must be true or false")
        return value
    if name in LIMITS:
        low, high = LIMITS[name]
        if isinstance(value, str):
            # YAML reads 2e-4 as text: a number needs a point there.
            with contextlib.suppress(ValueError):
                value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise error(f"{place} = {value}: must be a number from {low:g} to {high:g}")
        kind = next(field.type for field in fields(Recipe) if field.name == name)
        if str(kind) == "int" and value != int(value):
            raise error(f"{place} = {value}: must be a whole number")
        return int(value) if str(kind) == "int" else float(value)
    if not isinstance(value, str):
        raise error(f"{place} = {value}: must be a text")
    return value
