"""What training takes of memory and disk, from the model's ``config.json`` alone, before any weight is loaded.

Bytes are counted as our trainer lays them out: full fine-tuning keeps weights, gradients and two moments of Adam in float32; LoRA
keeps the base in 16 bits and its own weights in float32; QLoRA keeps linear layers in NF4 with double quantisation (block 64: half a
byte, one byte of scale per 64, four bytes per 16,384 weights) and all else in 16 bits: experts too, which are no linear layers.

A step has three high points, and the highest one counts: the loss, when all that the backward pass needs is kept; the backward pass of
a block; and the update. What the parts take was read off a step without values (``ftdata.train.meta``; torch 2.13, transformers
5.23, peft 0.21, 2026-11-23), which the formula meets within a few percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ftdata.train.shape import Shape, read_shape, shape_of

__all__ = ["GIB", "Counted", "Estimate", "Method", "Shape", "adapter_size", "estimate", "read_shape", "shape_of", "what_fits"]

Method = Literal["qlora", "lora", "full"]
GIB = 1 << 30
NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)
# What fragmentation and the libraries' own buffers take on a GPU on top of what is counted.
MARGIN = 1.15
# Positions put through the head at once by our loss, and bytes a logit at the peak: its logarithm, two gradients, in float32.
SLICE, LOGIT_BYTES = 512, 12
# Bytes a trained weight: the moments that stay, and what the update needs for a moment (torch's default updates all at once).
_MOMENTS = {
    "adamw_torch": (8, 4),
    "adamw_torch_fused": (8, 0),
    "adafactor": (0, 4),
    "sgd": (0, 0),
    "adamw_bnb_8bit": (2, 0),
    "lion_8bit": (1, 0),
}


@dataclass(frozen=True, slots=True)
class Counted:
    """Bytes of a batch: what one ``block`` keeps for the backward pass, what is kept ``outside`` the blocks, and what lives besides at
    the highest point of a block's ``forward`` and ``backward`` pass."""

    block: int
    outside: int
    forward: int = 0
    backward: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes at the highest point of a step, by what they are for. ``trained`` are moments, gradients and what the update needs.

    ``how`` is "formula" or "exact"; ``peak`` names the point ("loss", "backward" or "update"), ``parts`` the bytes at each of
    them. ``total`` has the margin in it; ``disk`` is what the run writes.
    """

    weights: int
    trained: int
    activations: int
    logits: int
    how: Literal["formula", "exact"]
    disk: int
    peak: str = "backward"
    parts: Mapping[str, int] = field(default_factory=dict)

    @property
    def counted(self) -> int:
        """The sum without the margin."""
        return self.weights + self.trained + self.activations + self.logits

    @property
    def total(self) -> int:
        """What to have at hand."""
        return round(self.counted * MARGIN)


def adapter_size(shape: Shape, r: int, targets: tuple[str, ...]) -> int:
    """Weights of a LoRA adapter. With all linear layers some families have one in each expert, of twice the rank at its two halves."""
    total = 0
    if shape.experts and shape.adapted_experts and targets == ("all-linear",):
        expert = 2 * r * (shape.width + 2 * shape.expert_width) + r * (shape.expert_width + shape.width)
        total = shape.blocks[-1][0] * (shape.experts * expert + r * (shape.width + shape.experts))
    for count, linears in shape.blocks:
        total += count * sum(r * (one.inputs + one.outputs) for one in shape.adapted(linears, targets).values())
    return total


def estimate(
    shape: Shape,
    method: Method,
    *,
    tokens: int,
    rows: int,
    r: int = 16,
    targets: tuple[str, ...] = ("q_proj", "v_proj"),
    checkpointing: bool = True,
    half: bool = True,
    optimizer: str = "adamw_torch",
    accumulation: int = 1,
    preference: bool = False,
    activations: Counted | None = None,
) -> Estimate:
    """Estimate one device. ``rows`` of ``tokens`` each are in a batch; ``half``: the computation is in 16 bits.

    ``activations`` are the bytes that were counted for this batch by ``ftdata.train.meta``; without it they follow from the shape.
    ``preference``: trl computes all logits, and full fine-tuning keeps a second model to compare with.
    """
    size = 2 if half else 4
    batch, full = tokens * rows, method == "full"
    trained = shape.parameters if full else adapter_size(shape, r, targets)
    moments, update = _moments(optimizer)
    if full:
        weights = shape.parameters * (8 if preference else 4)
    else:
        linear = round(shape.packed * NF4) if method == "qlora" else shape.packed * size
        weights = linear + (shape.expert_weights + shape.head + shape.small) * size + trained * 4
    counted = activations or count(shape, method, tokens=tokens, rows=rows, r=r, targets=targets, half=half)
    # Between checkpointed blocks stands their input; autocast keeps its 16-bit copies of trained weights until the loss is there.
    stream = batch * shape.width * (4 if full else size)
    kept = (shape.layers * stream if checkpointing else shape.layers * counted.block) + counted.outside
    copies = shape.packed * 2 if full and half and checkpointing else 0
    # The largest weight, unpacked for its product.
    unpacked = max((one.weights for one in shape.linear().values()), default=0) * size if method == "qlora" else 0
    logits = (batch if preference else min(SLICE, batch)) * shape.vocabulary * LOGIT_BYTES
    gradients = trained * 4
    early = gradients if accumulation > 1 else 0
    # A checkpointed block is gone through forwards once more before it is gone through backwards.
    running = (counted.block + max(counted.forward, counted.backward) if checkpointing else counted.backward) + unpacked
    points = {
        "loss": (early, kept + copies + max(0, counted.forward - logits), logits),
        "backward": (early, kept + running, 0),
        "last gradient": (gradients, counted.block + counted.outside + counted.backward + unpacked, 0),
        "update": (gradients + trained * update, 0, 0),
    }
    peak = max(points, key=lambda name: sum(points[name]))
    more, alive, spread = points[peak]
    state = trained * moments
    # A new checkpoint is written before the oldest of two goes.
    disk = 3 * (trained * 4 + state)
    parts = {name: weights + state + sum(point) for name, point in points.items()}
    return Estimate(weights, state + more, alive, spread, "exact" if activations else "formula", disk, peak, parts)


def _moments(optimizer: str) -> tuple[int, int]:
    if optimizer in _MOMENTS:
        return _MOMENTS[optimizer]
    return (2, 0) if "8bit" in optimizer else (8, 4)


def count(shape: Shape, method: Method, *, tokens: int, rows: int, r: int, targets: tuple[str, ...], half: bool) -> Counted:
    """What a batch takes by formula: by what each operation saves.

    A norm keeps its input in float32, attention its q, k, v and output (k and v for every head) and its mask, the MLP its two halves and
    the activation, an adapter the input of its first layer and a byte for each number that may drop out. Full fine-tuning keeps the
    input of every weight besides, and weights have a copy in 16 bits.
    """
    batch, full, size, width = tokens * rows, method == "full", 2 if half else 4, shape.width
    query, value = shape.heads * shape.key_size, shape.heads * shape.value_size
    spread = shape.used or 1
    inner = shape.used * shape.expert_width + sum(one.outputs for name, one in shape.linear().items() if name == "up_proj")
    mlp = inner if shape.experts else shape.mlp
    linears = shape.linear()
    each = shape.norms * ((8 if full else 4) * width + 4)
    each += size * (2 * query + 2 * value + tokens) + 4 * shape.heads
    # Where q, k and v come out of one layer, v keeps all of it.
    each += size * 2 * query if "qkv_proj" in linears and shape.heads == shape.kv_heads else 0
    each += (8 if full else 4) * (query + shape.kv_heads * shape.key_size) if shape.qk_norm else 0
    each += size * mlp * shape.inner
    # The output of each expert is kept for its weight among them, which is learned too or at least passed through.
    each += 2 * size * width * spread if shape.experts else 0
    fixed = 0
    if full and half:
        each += size * sum(one.inputs for one in linears.values()) + (
            size * (width + shape.expert_width) * spread if shape.experts else 0
        )
        fixed = 2 * shape.block
    elif full:
        each += size * (min(2, shape.norms) * width + value + mlp)
    else:
        chosen = shape.chosen(targets).values()
        each += sum(one.inputs * (size + 1) + size * r for one in chosen)
        fixed = 2 * r * sum(one.inputs + one.outputs for one in chosen) if half else 0
    outside = batch * (width * (12 if full else 8) + 4 + shape.key_size * (8 if full else 2 * size))
    return Counted(batch * each + fixed, outside, *_besides(shape, method, batch, mlp, targets, half))


def _besides(shape: Shape, method: Method, batch: int, mlp: int, targets: tuple[str, ...], half: bool) -> tuple[int, int]:
    """What lives besides at the highest point of the forward and of the backward pass, in the MLP of a block."""
    weight = max((one.weights for one in shape.linear().values()), default=0)
    size = 2 if half else 4
    if method == "full":
        return 0, max(2 * size * batch * mlp, (4 if half else 6) * weight)
    adapted = any(one.mlp for one in shape.chosen(targets).values())
    if half:
        return round(batch * mlp * (10.5 if adapted else 2.5)), round(batch * mlp * 6.15)
    return batch * mlp * (6 if adapted else 4), batch * mlp * (8 if adapted else 13)


def changes_that_fit(
    shape: Shape,
    method: Method,
    available: int,
    *,
    tokens: int,
    rows: int,
    r: int,
    targets: tuple[str, ...],
    checkpointing: bool,
    half: bool,
    optimizer: str = "adamw_torch",
    accumulation: int = 1,
    preference: bool = False,
) -> list[tuple[str, dict[str, Any]]]:
    """What would make a plan fit, the cheapest first, all of them together: flags and their price in words, and the settings as
    ``estimate`` takes them. Empty where nothing does, or where it fits as it is."""
    start: dict[str, Any] = {
        "method": method, "tokens": tokens, "rows": rows, "checkpointing": checkpointing, "optimizer": optimizer, "accumulation": accumulation,
    }  # fmt: skip

    def total(picked: Mapping[str, tuple[str, dict[str, Any]]]) -> int:
        now = start | {name: value for _, change in picked.values() for name, value in change.items()}
        return estimate(shape, r=r, targets=targets, half=half, preference=preference, **now).total

    picked: dict[str, tuple[str, dict[str, Any]]] = {}
    if total(picked) <= available:
        return []
    changes = _changes(start, preference)
    # Twice: a smaller batch may save nothing before another method does.
    for words, change in [*changes, *changes]:
        tried = picked | {next(iter(change)): (words, change)}
        if total(tried) >= total(picked):
            continue
        picked = tried
        if total(picked) <= available:
            break
    else:
        return []
    for name in list(picked):
        # What turned out not to be needed stays as it was.
        without = {other: entry for other, entry in picked.items() if other != name}
        if total(without) <= available:
            picked = without
    return list(picked.values())


def what_fits(shape: Shape, method: Method, available: int, **settings: Any) -> list[str]:
    """The words of ``changes_that_fit``."""
    return [words for words, _ in changes_that_fit(shape, method, available, **settings)]


def _changes(start: Mapping[str, Any], preference: bool) -> list[tuple[str, dict[str, Any]]]:
    """What can be changed, the cheapest first: words, and the settings, the one that names the change first."""
    changes: list[tuple[str, dict[str, Any]]] = []
    if not start["checkpointing"]:
        changes.append(("--gradient-checkpointing (a third slower)", {"checkpointing": True}))
    per_row = 2 if preference else 1
    smaller, times = start["rows"] // per_row, start["accumulation"]
    while smaller > 1:
        smaller, times = smaller // 2, times * 2
        words = f"--batch-size {smaller} --accumulation {times} (the same result, slower)"
        changes.append((words, {"rows": smaller * per_row, "accumulation": times}))
    if start["method"] == "full":
        if start["optimizer"] == "adamw_torch":
            changes.append(("--optimizer adamw_bnb_8bit (moments in 8 bits)", {"optimizer": "adamw_bnb_8bit"}))
        changes.append(("--method lora (an adapter instead of all weights)", {"method": "lora"}))
    if start["method"] in ("full", "lora"):
        changes.append(("--method qlora (the base in 4 bits)", {"method": "qlora"}))
    shorter = start["tokens"]
    while shorter > 512:
        shorter = max(512, shorter // 2)
        changes.append((f"--max-length {shorter} (longer samples have to go)", {"tokens": shorter}))
    return changes
