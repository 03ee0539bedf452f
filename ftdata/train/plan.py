"""What a run will do, before it does it: tokens, steps, packing, memory, disk, time, and where every setting came from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ftdata.train.advice import cautions
from ftdata.train.local.recipe import Recipe
from ftdata.train.memory import GIB, Estimate, Method, Shape, estimate, what_fits
from ftdata.train.speeds import find_speed, seconds, words_of
from ftdata.train.tokens import TokenSet, pack


@dataclass(slots=True)
class Plan:
    """Counts of a run. ``rows`` are what a batch is made of: sequences, or packs of them."""

    samples: int
    sequences: int
    eval_samples: int
    tokens: int
    trained_tokens: int
    rows: int
    steps: int
    updates_per_epoch: int
    longest: int
    padding: float
    packed_rows: int
    packed_fill: float
    refused: Counter[str] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    memory: Estimate | None = None
    advice: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """The counts as JSON holds them."""
        return {
            "samples": self.samples, "sequences": self.sequences, "eval_samples": self.eval_samples, "tokens_per_epoch": self.tokens,
            "trained_tokens_per_epoch": self.trained_tokens, "rows": self.rows, "steps": self.steps, "updates_per_epoch": self.updates_per_epoch,
            "longest": self.longest, "padding": round(self.padding, 4), "packed_rows": self.packed_rows, "packed_fill": round(self.packed_fill, 4),
            "refused": dict(self.refused), "routes": dict(self.routes), "notes": dict(self.notes),
            "memory": None if self.memory is None else {
                "how": self.memory.how, "weights": self.memory.weights, "trained": self.memory.trained, "activations": self.memory.activations,
                "logits": self.memory.logits, "peak": self.memory.peak, "parts": dict(self.memory.parts), "total": self.memory.total,
                "disk": self.memory.disk,
            },
            "advice": self.advice,
        }  # fmt: skip


def make_plan(tokens: TokenSet, recipe: Recipe, *, samples: int, eval_samples: int, devices: int = 1) -> Plan:
    """Count what a run over these sequences does."""
    lengths = tokens.lengths
    pairs = len(tokens.pairs) > 0
    packed = pack(lengths, recipe.max_length) if len(tokens) and not pairs else []
    rows = len(tokens) // 2 if pairs else len(packed) if recipe.packing else len(tokens)
    per_epoch = max(1, math.ceil(math.ceil(rows / (recipe.batch_size * devices)) / recipe.accumulation)) if rows else 0
    steps = recipe.max_steps if recipe.max_steps > 0 else math.ceil(per_epoch * recipe.epochs)
    total = int(lengths.sum())
    return Plan(
        samples=samples, sequences=len(tokens), eval_samples=eval_samples, tokens=total, trained_tokens=tokens.n_trained, rows=rows, steps=steps,
        updates_per_epoch=per_epoch, longest=int(lengths.max(initial=0)), padding=_padding(lengths, recipe.batch_size),
        packed_rows=len(packed), packed_fill=total / (len(packed) * recipe.max_length) if packed else 0.0,
    )  # fmt: skip


def _padding(lengths: np.typing.NDArray[np.int64], batch: int) -> float:
    """The share of a padded batch that is padding, as random batches have it on average (seeded)."""
    if not len(lengths):
        return 0.0
    shuffled = np.random.default_rng(0).permutation(lengths)
    rest = -len(shuffled) % batch
    padded = np.concatenate([shuffled, np.zeros(rest, np.int64)]).reshape(-1, batch)
    used = padded.max(axis=1) * np.minimum(batch, (padded > 0).sum(axis=1))
    return float(1 - lengths.sum() / max(1, int(used.sum())))


def size_of(count: int) -> str:
    """Bytes in words: GiB, or MiB below a tenth of one."""
    return f"{count / GIB:.1f} GiB" if count >= GIB / 10 else f"{count / (1 << 20):.1f} MiB"


def render(
    plan: Plan, recipe: Recipe, origin: Mapping[str, str], shape: Shape | None, *, device: str, available: int | None
) -> Iterator[str]:
    """Yield the lines of a plan for people."""
    yield f"data      {plan.samples:,} samples for training ({plan.sequences:,} sequences), {plan.eval_samples:,} for evaluation"
    share = plan.trained_tokens / plan.tokens if plan.tokens else 0
    yield f"tokens    {plan.tokens:,} an epoch, {plan.trained_tokens:,} of them trained ({share:.0%}); the longest sequence has {plan.longest:,}"
    yield f"steps     {plan.steps:,} updates: {plan.updates_per_epoch:,} an epoch, {recipe.epochs:g} epochs"
    if recipe.packing:
        yield f"packing   {plan.packed_rows:,} rows of {recipe.max_length:,} tokens, {plan.packed_fill:.0%} full"
    elif plan.sequences > 1 and not recipe.preference:
        better = (
            f"; --packing would make it {plan.packed_rows:,} rows, {plan.packed_fill:.0%} full" if plan.padding > 0.25 else ""
        )
        yield f"padding   {plan.padding:.0%} of a batch{better}"
    yield from (f"masks     {count:,} sequences by {route}" for route, count in plan.routes.most_common())
    yield from (f"note      {words} ({count:,} sequences)" for words, count in plan.notes.most_common(4))
    yield from (f"left out  {count:,} samples: {words}" for words, count in plan.refused.most_common(4))
    if shape is not None:
        yield from _memory(plan, recipe, shape, device, available)
    yield _time(plan, recipe, shape, device)
    yield "settings"
    hidden = _hidden(recipe)
    for name, value in recipe.as_dict().items():
        if name not in hidden:
            yield f"  {name:<22} {_text(value):<16} {origin.get(name, 'default')}"
    if shape is not None:
        yield from (f"careful   {words}" for words in cautions(shape, recipe))
    yield from (f"advice    {words}" for words in plan.advice)


def _memory(plan: Plan, recipe: Recipe, shape: Shape, device: str, available: int | None) -> Iterator[str]:
    known = "" if shape.known else ", a family that is not known: taken for a Llama"
    yield f"model     {shape.kind or 'decoder'}, {shape.parameters / 1e9:.2f} billion parameters{known}"
    if plan.memory is not None:
        made = plan.memory
        parts = ", ".join(f"{name} {size_of(value)}" for name, value in (
            ("weights", made.weights), ("gradients and moments", made.trained), ("activations", made.activations), ("logits", made.logits)) if value)  # fmt: skip
        how = "counted by a step without values" if made.how == "exact" else "by formula"
        yield f"memory    {size_of(made.total)} with 15 % margin ({how}), at the {made.peak}: {parts}"
        if available is not None:
            yield f"          {device} has {size_of(available)}"
        yield f"disk      {size_of(made.disk)} for the result and its checkpoints"
    others = []
    for name, other in estimates(plan, recipe, shape).items():
        fits = "" if available is None else ", fits" if other.total <= available else ", does not fit"
        others.append(f"{name} {size_of(other.total)} (disk {size_of(other.disk)}{fits})")
    yield f"methods   {'; '.join(others)}: by formula, with these settings"


def row_tokens(plan: Plan, recipe: Recipe) -> int:
    """Tokens of the longest row of a batch: rows are packed to the limit, or padded to their longest sequence."""
    return recipe.max_length if recipe.packing or not plan.longest else min(plan.longest, recipe.max_length)


def _batch(plan: Plan, recipe: Recipe, half: bool | None) -> dict[str, Any]:
    """A batch as ``estimate`` takes it. ``half`` is ``None`` where the precision alone decides."""
    return {
        "tokens": row_tokens(plan, recipe), "rows": recipe.batch_size * (2 if recipe.preference else 1), "r": recipe.r, "targets": recipe.targets,
        "checkpointing": recipe.gradient_checkpointing, "half": recipe.precision != "fp32" if half is None else half,
        "optimizer": recipe.optimizer, "accumulation": recipe.accumulation, "preference": recipe.preference,
    }  # fmt: skip


def estimates(plan: Plan, recipe: Recipe, shape: Shape, *, half: bool | None = None) -> dict[Method, Estimate]:
    """What each method would take with the settings of a recipe, by formula."""
    methods: tuple[Method, ...] = ("qlora", "lora", "full")
    return {method: estimate(shape, method, **_batch(plan, recipe, half)) for method in methods}


def estimate_run(
    plan: Plan, recipe: Recipe, shape: Shape, folder: str | Path | None = None, *, half: bool | None = None
) -> Estimate:
    """What this run takes: counted where torch is installed and can build the model in ``folder``, else by formula.

    ``half`` says whether the device computes in 16 bits; ``None`` takes it for one that does unless the precision is fp32.
    """
    from ftdata.train.meta import count_activations

    batch = _batch(plan, recipe, half)
    counted = None if folder is None else count_activations(
        folder, method=recipe.method, dropout=recipe.dropout, **{name: batch[name] for name in ("tokens", "rows", "r", "targets", "half")}
    )  # fmt: skip
    return estimate(shape, recipe.method, **batch, activations=counted)


def ways_to_fit(plan: Plan, recipe: Recipe, shape: Shape, available: int, *, half: bool | None = None) -> list[str]:
    """What would make a run fit into so many bytes, the cheapest first, all of it together; empty where nothing does.

    Changes are weighed by formula; where the run itself was counted, the formula is scaled to what was counted.
    """
    batch = _batch(plan, recipe, half)
    if plan.memory is not None and plan.memory.total:
        available = int(available * estimate(shape, recipe.method, **batch).total / plan.memory.total)
    return what_fits(shape, recipe.method, available, **batch)


def _time(plan: Plan, recipe: Recipe, shape: Shape | None, device: str) -> str:
    speed = find_speed(device, recipe.method, shape.parameters) if shape is not None and device else None
    if speed is None or shape is None or not plan.updates_per_epoch:
        return "time      not known for this device and model: no speed was measured"
    epochs = plan.steps / plan.updates_per_epoch
    passed = plan.tokens if recipe.packing else plan.tokens / max(1e-9, 1 - plan.padding)
    whose = "" if speed.trainer == "ftdata" else f", if it were as fast as {speed.trainer}"
    return f"time      about {words_of(seconds(speed, shape.parameters, passed * epochs))}{whose} ({speed.tokens:,.0f} tokens a second; {speed.source})"


def _hidden(recipe: Recipe) -> set[str]:
    """Settings that mean nothing in this run."""
    hidden = {"preference"} | ({"beta"} if not recipe.preference else set())
    hidden |= {"r", "alpha", "dropout", "targets"} if recipe.method == "full" else set()
    return hidden | {name for name, empty in (("max_steps", recipe.max_steps < 1), ("report_to", not recipe.report_to)) if empty}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)
