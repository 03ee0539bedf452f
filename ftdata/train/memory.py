"""What training takes of memory and disk, from the model's ``config.json`` alone, before any weight is loaded.

Bytes are counted as our trainer lays them out: full fine-tuning keeps weights, gradients and two moments of Adam in float32; LoRA
keeps the base in 16 bits and its own weights in float32; QLoRA keeps linear layers in NF4 with double quantisation (block 64: half a
byte, one byte of scale per 64, four bytes per 16,384 weights) and all else in 16 bits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ftdata.errors import ReadError, UsageError

Method = Literal["qlora", "lora", "full"]
GIB = 1 << 30
NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)
# What fragmentation and the libraries' own buffers take on a GPU on top of what is counted.
MARGIN = 1.15
# Positions put through the head at once by our loss, and copies of their logits alive at the peak: 16 bits, float32, its gradient.
SLICE, LOGIT_BYTES = 512, 10
_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of a decoder. ``experts`` 0 for a dense one; then ``used`` experts of ``expert_width`` see each token."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    mlp: int
    tied: bool
    kind: str
    qkv_bias: bool = False
    experts: int = 0
    used: int = 0
    expert_width: int = 0
    shared_width: int = 0
    max_length: int | None = None

    def linear(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of each linear layer of one block, without experts."""
        q, kv = self.heads * self.head_size, self.kv_heads * self.head_size
        found = {"q_proj": (self.width, q), "k_proj": (self.width, kv), "v_proj": (self.width, kv), "o_proj": (q, self.width)}
        if not self.experts:
            found |= {"gate_proj": (self.width, self.mlp), "up_proj": (self.width, self.mlp), "down_proj": (self.mlp, self.width)}
        return found

    @property
    def block(self) -> int:
        """Weights of the linear layers of one block, experts included."""
        size = sum(rows * columns for rows, columns in self.linear().values())
        if self.experts:
            size += self.experts * (3 * self.width * self.expert_width + self.width) + 3 * self.width * self.shared_width
        return size

    @property
    def small(self) -> int:
        """Norms and biases."""
        bias = (self.heads + 2 * self.kv_heads) * self.head_size if self.qkv_bias else 0
        return self.layers * (2 * self.width + bias) + self.width

    @property
    def head(self) -> int:
        """Embedding and output layer."""
        return self.vocabulary * self.width * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All weights."""
        return self.layers * self.block + self.small + self.head


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes by what they are for. ``how`` is "formula" or "exact"; ``total`` has the margin in it."""

    weights: int
    trained: int
    activations: int
    logits: int
    how: Literal["formula", "exact"]
    disk: int
    parts: Mapping[str, int] = field(default_factory=dict)

    @property
    def counted(self) -> int:
        """The sum without the margin."""
        return self.weights + self.trained + self.activations + self.logits

    @property
    def total(self) -> int:
        """What to have at hand."""
        return round(self.counted * MARGIN)


def read_shape(folder: str | Path) -> Shape:
    """The shape in a model's ``config.json``. Raises ReadError where there is none, UsageError for a model of another kind."""
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ReadError(f"{path}: is missing", "Give the folder of a model: config.json, tokenizer and weights.") from None
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: cannot be read ({error})", "Download it again.") from None
    return shape_of(config, str(path))


def shape_of(config: Mapping[str, Any], place: str = "config.json") -> Shape:
    """The shape in a configuration as transformers writes it."""
    text = config.get("text_config")
    inner: Mapping[str, Any] = text if isinstance(text, dict) else config

    def number(*names: str, default: int | None = None) -> int:
        for name in names:
            value = inner.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
        if default is None:
            raise UsageError(
                f"{place}: has no {names[0]}", "Memory is estimated for decoders in the manner of Llama; leave the plan out."
            )
        return default

    width, heads = number("hidden_size", "n_embd", "d_model"), number("num_attention_heads", "n_head")
    kind = str(inner.get("model_type") or config.get("model_type") or "")
    experts = number("num_experts", "num_local_experts", "n_routed_experts", default=-1)
    expert_width = number("moe_intermediate_size", "intermediate_size", default=0) if experts > 0 else 0
    tied = config.get("tie_word_embeddings", inner.get("tie_word_embeddings"))
    return Shape(
        vocabulary=number("vocab_size"), width=width, layers=number("num_hidden_layers", "n_layer"), heads=heads,
        kv_heads=number("num_key_value_heads", default=heads), head_size=number("head_dim", default=width // heads),
        mlp=number("intermediate_size", "ffn_hidden_size", default=4 * width),
        tied=tied if isinstance(tied, bool) else kind.startswith("gemma"), kind=kind, qkv_bias=kind in ("qwen2", "qwen2_moe"),
        experts=max(0, experts), used=number("num_experts_per_tok", default=2) if experts > 0 else 0, expert_width=expert_width,
        shared_width=number("shared_expert_intermediate_size", default=0) if experts > 0 and inner.get("shared_expert_intermediate_size") else 0,
        max_length=inner.get("max_position_embeddings") if isinstance(inner.get("max_position_embeddings"), int) else None,
    )  # fmt: skip


def adapter_size(shape: Shape, r: int, targets: tuple[str, ...]) -> int:
    """Weights of a LoRA adapter. Experts have none: peft leaves fused experts alone unless they are named."""
    linear = shape.linear()
    chosen = linear if targets == ("all-linear",) else {name: sizes for name, sizes in linear.items() if name in targets}
    return shape.layers * sum(r * (rows + columns) for rows, columns in chosen.values())


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
    activations: tuple[int, int] | None = None,
) -> Estimate:
    """Estimate one device. ``rows`` of ``tokens`` each are in a batch; ``half``: the computation is in 16 bits.

    ``activations`` are the bytes that one block keeps for the backward pass, and those outside the blocks, where they were counted
    by a forward pass (``ftdata.train.meta``); without it they follow from the shape.
    """
    size = 2 if half else 4
    batch = tokens * rows
    adapter = adapter_size(shape, r, targets) if method != "full" else 0
    moments = 2 if "8bit" in optimizer else 8
    if method == "full":
        weights, trained = shape.parameters * 4, shape.parameters * (4 + moments)
    else:
        linear = shape.layers * shape.block
        weights = round(linear * NF4) if method == "qlora" else linear * size
        weights += (shape.head + shape.small) * size
        trained = adapter * (4 + 4 + moments)
    block, outside = activations or (_block_activations(shape, batch, size, method, targets), batch * shape.width * size)
    kept = shape.layers * batch * shape.width * size + block if checkpointing else shape.layers * block
    parts = {"block": block, "outside": outside, "adapter": adapter}
    if method == "qlora":
        # The largest weight, unpacked for its product.
        parts["unpacked"] = max(rows_ * columns for rows_, columns in shape.linear().values()) * size
    logits = min(SLICE, batch) * shape.vocabulary * LOGIT_BYTES
    saved = shape.parameters * 4 if method == "full" else adapter * 4
    # Two checkpoints with their moments stay, and the result.
    disk = 3 * saved + 2 * (saved // 4) * moments
    return Estimate(
        weights, trained, kept + outside + parts.get("unpacked", 0), logits, "exact" if activations else "formula", disk, parts
    )


def _block_activations(shape: Shape, batch: int, size: int, method: Method, targets: tuple[str, ...]) -> int:
    """Bytes that one block keeps, by what its operations save: norms their input in float32 and once more, attention q, k, v and its
    output, the MLP its two halves and the activation. What adapters and full fine-tuning add was fitted to counted passes of Llama,
    Qwen and Gemma shapes (torch 2.13, transformers 5.23, peft 0.21, 2026-11-23), which it meets within a tenth."""
    q, kv = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    mlp = shape.used * shape.expert_width + shape.shared_width if shape.experts else shape.mlp
    total = batch * ((2 * q + 2 * kv + 3 * mlp) * size + 2 * shape.width * (4 + size))
    linear = shape.linear()
    if method == "full":
        # The input of every weight is kept, the stream between blocks is float32, and weights have a copy in 16 bits.
        total += batch * (2 * shape.width + q + mlp) * size
        return round(total * 1.5) + (shape.block * 2 if size == 2 else 0)
    chosen = linear if targets == ("all-linear",) else {name: sizes for name, sizes in linear.items() if name in targets}
    return total + round(sum(batch * (4 * rows + 3.25 * columns) for rows, columns in chosen.values()))


def what_fits(
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
) -> list[str]:
    """What would fit where a plan does not, the cheapest first, each change on top of the ones before: flags and their price."""
    changes: list[tuple[str, dict[str, Any]]] = []
    now: dict[str, Any] = {"method": method, "tokens": tokens, "rows": rows, "checkpointing": checkpointing}
    if not checkpointing:
        changes.append(("--gradient-checkpointing (a third slower)", {"checkpointing": True}))
    smaller, times = rows, 1
    while smaller > 1:
        smaller, times = smaller // 2, times * 2
        changes.append((f"--batch-size {smaller} --accumulation {times} (the same result, slower)", {"rows": smaller}))
    if method == "full":
        changes.append(("--method lora", {"method": "lora"}))
    if method in ("full", "lora"):
        changes.append(("--method qlora", {"method": "qlora"}))
    shorter = tokens
    while shorter > 512:
        shorter //= 2
        changes.append((f"--max-length {shorter} (longer samples have to go)", {"tokens": shorter}))
    said: dict[str, str] = {}
    for words, change in changes:
        now |= change
        said[next(iter(change))] = words
        made = estimate(
            shape,
            now["method"],
            tokens=now["tokens"],
            rows=now["rows"],
            r=r,
            targets=targets,
            checkpointing=now["checkpointing"],
            half=half,
        )
        if made.total <= available:
            return list(said.values())
    return []
