"""The numbers of a model, read from its ``config.json``: which layers it has, how large, and what they are called.

Names and sizes are those of transformers 5.23 (read 2026-11-23), which computes what is trained; each family's count of weights is
compared with the model that transformers builds, by a test.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftdata.errors import ReadError, UsageError

# Families whose sizes are known exactly; others are taken for a Llama.
KNOWN = frozenset(
    ("llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "gemma", "gemma2", "gemma3", "gemma3_text", "phi", "phi3",
     "phimoe", "deepseek_v2", "deepseek_v3", "olmo2", "olmoe", "granite", "smollm3", "gpt_oss", "glm4", "starcoder2", "cohere",
     "stablelm", "exaone4")
)  # fmt: skip
_TIED = ("gemma", "cohere", "smollm3", "starcoder2", "gpt2", "falcon")
_FOUR_NORMS = ("gemma2", "gemma3", "gemma3_text", "glm4")
_ONE_NORM = ("phi", "cohere")
_NORM_BIAS = ("phi", "phimoe", "stablelm", "starcoder2")
_QK_NORM = ("qwen3", "qwen3_moe", "gemma3", "gemma3_text", "exaone4")
_WIDE_QK_NORM = ("olmo2", "olmoe")
_FUSED_QKV = ("phi3",)
_FUSED_GATE = ("phi3", "glm4")
# Families whose experts get adapters too where all linear layers do (peft 0.21, 2026-11-23).
_ADAPTED_EXPERTS = ("mixtral", "qwen3_moe", "olmoe", "deepseek_v2", "deepseek_v3")
_PLAIN_MLP = {"phi": ("fc1", "fc2"), "starcoder2": ("c_fc", "c_proj")}


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear layer: numbers in and out, with a bias or not. ``mlp`` is false for those of the attention."""

    inputs: int
    outputs: int
    bias: bool = False
    mlp: bool = False

    @property
    def weights(self) -> int:
        """Without the bias."""
        return self.inputs * self.outputs


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of a decoder.

    ``blocks`` are its kinds of blocks: how many there are, and the linear layers of each by name. With ``experts``, the last kind
    has so many of them, ``expert_width`` wide, and ``used`` of them see each token; they are no linear layers, so nothing packs them
    into 4 bits and no adapter goes into them unless it is named. ``norm`` counts the weights of all norms and sinks of a
    block; ``inner`` the times an MLP keeps its width. ``known`` is false where the family is taken for a Llama.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    key_size: int
    value_size: int
    mlp: int
    tied: bool
    kind: str
    blocks: tuple[tuple[int, Mapping[str, Linear]], ...]
    inner: int = 3
    norms: int = 2
    norm: int = 0
    last_norm: int = 0
    qk_norm: bool = False
    head_bias: bool = False
    experts: int = 0
    used: int = 0
    expert_width: int = 0
    expert: int = 0
    router: int = 0
    max_length: int | None = None
    known: bool = True

    @property
    def adapted_experts(self) -> bool:
        """Whether adapters in all linear layers are in the experts too: peft puts them there for some families, without dropout."""
        return self.kind in _ADAPTED_EXPERTS

    def linear(self) -> Mapping[str, Linear]:
        """The linear layers of the last kind of block, of which most models have no other."""
        return self.blocks[-1][1]

    @property
    def packed(self) -> int:
        """Weights in linear layers: those that QLoRA packs into 4 bits."""
        return sum(count * sum(one.weights for one in linears.values()) for count, linears in self.blocks)

    @property
    def expert_weights(self) -> int:
        """Weights in experts and their routers."""
        return self.blocks[-1][0] * (self.experts * self.expert + self.router)

    @property
    def small(self) -> int:
        """Norms, biases and what else is no matrix."""
        biases = sum(count * sum(one.outputs for one in linears.values() if one.bias) for count, linears in self.blocks)
        return self.layers * self.norm + self.last_norm + biases + (self.vocabulary if self.head_bias else 0)

    @property
    def head(self) -> int:
        """Embedding and output layer."""
        return self.vocabulary * self.width * (1 if self.tied else 2)

    @property
    def block(self) -> int:
        """Weights of the largest block."""
        return sum(one.weights for one in self.linear().values()) + self.experts * self.expert + self.router

    @property
    def parameters(self) -> int:
        """All weights."""
        return self.packed + self.expert_weights + self.small + self.head

    def chosen(self, targets: tuple[str, ...]) -> dict[str, Linear]:
        """The linear layers of the last kind of block that adapters with these targets go into."""
        return self.adapted(self.linear(), targets)

    def adapted(self, linears: Mapping[str, Linear], targets: tuple[str, ...]) -> dict[str, Linear]:
        """Those of these layers that get adapters. Where "all-linear" means the experts, it means no MLP beside them."""
        if targets == ("all-linear",):
            beside = self.experts > 0 and self.adapted_experts
            return {name: one for name, one in linears.items() if not (beside and one.mlp)}
        return {name: one for name, one in linears.items() if name in targets}


def read_shape(folder: str | Path) -> Shape:
    """The shape in a model's ``config.json``. Raises ReadError where there is none, UsageError for a model of another kind."""
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ReadError(f"{path}: is missing", "Give the folder of a model: config.json, tokenizer and weights.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ReadError(f"{path}: cannot be read ({error})", "Download it again.") from None
    if not isinstance(config, dict):
        raise ReadError(f"{path}: is no object", "Download it again.")
    return shape_of(config, str(path))


class _Numbers:
    """The numbers of a configuration; those of the language model where it is one part of several."""

    def __init__(self, config: Mapping[str, Any], place: str) -> None:
        text = config.get("text_config")
        self.inner: Mapping[str, Any] = text if isinstance(text, dict) else config
        self.place = place
        self.kind = str(self.inner.get("model_type") or config.get("model_type") or "")
        tied = config.get("tie_word_embeddings", self.inner.get("tie_word_embeddings"))
        self.tied = tied if isinstance(tied, bool) else self.kind.startswith(_TIED)

    def get(self, *names: str, default: int | None = None, least: int = 1) -> int:
        for name in names:
            value = self.inner.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and least <= value < 1 << 40:
                return value
        if default is None:
            raise UsageError(
                f"{self.place}: has no {names[0]}", "Memory is estimated for decoders in the manner of Llama; leave the plan out."
            )
        return default

    def yes(self, name: str, default: bool = False) -> bool:
        value = self.inner.get(name)
        return value if isinstance(value, bool) else default


def shape_of(config: Mapping[str, Any], place: str = "config.json") -> Shape:
    """The shape in a configuration as transformers writes it."""
    it = _Numbers(config, place)
    kind, width = it.kind, it.get("hidden_size", "n_embd", "d_model")
    heads, layers = it.get("num_attention_heads", "n_head"), it.get("num_hidden_layers", "n_layer")
    kv_heads = it.get("num_key_value_heads", default=heads)
    size = it.get("head_dim", default=max(1, width // heads))
    mlp = it.get("intermediate_size", "ffn_hidden_size", "n_inner", default=4 * width)
    latent = it.get("kv_lora_rank", default=0)
    key_size = it.get("qk_nope_head_dim", default=size) + it.get("qk_rope_head_dim", default=0) if latent else size
    value_size = it.get("v_head_dim", default=size) if latent else size
    attention, extra = _latent(it, width, heads, latent) if latent else _attention(it, width, heads, kv_heads, size)
    dense = attention | _mlp(it, width, mlp)
    norms = 4 if kind in _FOUR_NORMS else 1 if kind in _ONE_NORM else 2
    one_norm = width * (2 if kind in _NORM_BIAS else 1)
    common: dict[str, Any] = {
        "vocabulary": it.get("vocab_size"), "width": width, "layers": layers, "heads": heads, "kv_heads": heads if latent else kv_heads,
        "key_size": key_size, "value_size": value_size, "mlp": mlp, "tied": it.tied, "kind": kind, "inner": _inner(it),
        "norms": norms, "norm": norms * one_norm + extra, "last_norm": one_norm, "qk_norm": kind in _QK_NORM + _WIDE_QK_NORM,
        "head_bias": kind == "phi" or (kind == "phimoe" and it.yes("lm_head_bias")), "known": kind in KNOWN,
        "max_length": it.get("max_position_embeddings", "n_positions", default=0) or None,
    }  # fmt: skip
    experts = it.get("num_experts", "num_local_experts", "n_routed_experts", default=0)
    if not experts:
        return Shape(**common, blocks=((layers, dense),))
    expert_width = it.get("moe_intermediate_size", default=mlp)
    shared_width = it.get("shared_expert_intermediate_size", default=it.get("n_shared_experts", default=0) * expert_width)
    sparse = attention | (_gated(width, shared_width) if shared_width else {})
    sparse |= {"shared_expert_gate": Linear(width, 1)} if kind == "qwen2_moe" else {}
    first = min(_dense_blocks(it, layers), layers - 1)
    expert, router = 3 * width * expert_width, experts * width
    if kind == "gpt_oss":
        expert, router = expert + 2 * expert_width + width, router + experts
    return Shape(
        **common, blocks=(*(((first, dense),) if first else ()), (layers - first, sparse)), experts=experts,
        used=min(experts, it.get("num_experts_per_tok", "experts_per_token", "moe_k", default=2)), expert_width=expert_width,
        expert=expert, router=router,
    )  # fmt: skip


def _inner(it: _Numbers) -> int:
    """What an MLP keeps for its backward pass, in times of its width: both halves and the activation; a gelu in steps keeps four."""
    if it.kind not in _PLAIN_MLP:
        return 3
    return 4 if it.inner.get("hidden_act", "gelu_new" if it.kind == "phi" else "") == "gelu_new" else 1


def _dense_blocks(it: _Numbers, layers: int) -> int:
    """How many blocks have no experts."""
    named = it.inner.get("mlp_only_layers")
    only = {at for at in named if isinstance(at, int)} if isinstance(named, list) else set()
    step = it.get("decoder_sparse_step", default=1)
    first = it.get("first_k_dense_replace", default=0, least=0)
    return sum(at < first or at in only or bool((at + 1) % step) for at in range(min(layers, 10_000)))


def _attention(it: _Numbers, width: int, heads: int, kv_heads: int, size: int) -> tuple[dict[str, Linear], int]:
    """The linear layers of an attention, and its other weights."""
    kind, q, kv = it.kind, heads * size, kv_heads * size
    if kind in _FUSED_QKV:
        return {"qkv_proj": Linear(width, q + 2 * kv), "o_proj": Linear(q, width)}, 0
    bias = kind in ("qwen2", "qwen2_moe", "phi") or it.yes(
        {"starcoder2": "use_bias", "stablelm": "use_qkv_bias"}.get(kind, "attention_bias"),
        default=kind in ("starcoder2", "gpt_oss", "glm4"),
    )
    out = bias and kind not in ("qwen2", "qwen2_moe", "glm4", "stablelm")
    linears = {
        "q_proj": Linear(width, q, bias), "k_proj": Linear(width, kv, bias), "v_proj": Linear(width, kv, bias),
        "dense" if kind == "phi" else "o_proj": Linear(q, width, out),
    }  # fmt: skip
    extra = 2 * size if kind in _QK_NORM else q + kv if kind in _WIDE_QK_NORM else heads if kind == "gpt_oss" else 0
    return linears, extra


def _latent(it: _Numbers, width: int, heads: int, latent: int) -> tuple[dict[str, Linear], int]:
    """DeepSeek's attention: keys and values through a narrow layer."""
    nope, rope, value = (
        it.get("qk_nope_head_dim", default=128),
        it.get("qk_rope_head_dim", default=64),
        it.get("v_head_dim", default=128),
    )
    rank, bias = it.get("q_lora_rank", default=0), it.yes("attention_bias")
    q = heads * (nope + rope)
    query = {"q_a_proj": Linear(width, rank, bias), "q_b_proj": Linear(rank, q)} if rank else {"q_proj": Linear(width, q)}
    return query | {
        "kv_a_proj_with_mqa": Linear(width, latent + rope, bias), "kv_b_proj": Linear(latent, heads * (nope + value)),
        "o_proj": Linear(heads * value, width, bias),
    }, latent + rank  # fmt: skip


def _mlp(it: _Numbers, width: int, mlp: int) -> dict[str, Linear]:
    if it.kind in _PLAIN_MLP:
        first, second = _PLAIN_MLP[it.kind]
        bias = it.yes("use_bias", default=True)
        return {first: Linear(width, mlp, bias, True), second: Linear(mlp, width, bias, True)}
    if it.kind in _FUSED_GATE:
        return {"gate_up_proj": Linear(width, 2 * mlp, mlp=True), "down_proj": Linear(mlp, width, mlp=True)}
    return _gated(width, mlp, it.yes("mlp_bias"))


def _gated(width: int, mlp: int, bias: bool = False) -> dict[str, Linear]:
    return {
        "gate_proj": Linear(width, mlp, bias, True), "up_proj": Linear(width, mlp, bias, True), "down_proj": Linear(mlp, width, bias, True),
    }  # fmt: skip
