"""What a GGUF says of a model: its hyperparameters under llama.cpp's names, and what happens to its weights on the way.

Facts from llama.cpp's converters (conversion/base.py, llama.py, qwen.py, gemma.py, phi.py in the sdist of llama-cpp-python 0.3.36,
read 2026-11-23).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ftdata.errors import UsageError

Kind = Literal["uint32", "float32", "string", "bool"]
CONVERTER = "python convert_hf_to_gguf.py MODEL --outfile model.gguf   (in a checkout of github.com/ggml-org/llama.cpp)"

# The class that config.json names, and llama.cpp's name for it.
KNOWN = {
    "LlamaForCausalLM": "llama", "MistralForCausalLM": "llama", "Qwen2ForCausalLM": "qwen2", "Qwen3ForCausalLM": "qwen3",
    "Gemma2ForCausalLM": "gemma2", "Gemma3ForCausalLM": "gemma3", "Phi3ForCausalLM": "phi3",
}  # fmt: skip
_TYPES = {
    "llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
    "gemma2": "Gemma2ForCausalLM", "gemma3_text": "Gemma3ForCausalLM", "phi3": "Phi3ForCausalLM",
}  # fmt: skip


@dataclass(slots=True)
class Architecture:
    """A model as llama.cpp sees it. ``fields`` are (key, type, value); ``heads`` and ``kv_heads`` of the attention.

    ``rope_factors`` divide the frequencies of the rotary embedding, one for two dimensions of a head. ``notes`` are what llama.cpp
    does not do as transformers does.
    """

    name: str
    layers: int
    heads: int
    kv_heads: int
    vocab: int
    fields: list[tuple[str, Kind, Any]] = field(default_factory=list)
    rope_factors: list[float] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def permuted(self) -> bool:
        """Whether the rows of q and k change their order: llama.cpp rotates neighbouring dimensions, transformers two halves."""
        return self.name == "llama"

    @property
    def norm_shift(self) -> float:
        """What is added to the weights of norms: Gemma's multiply with one more than they say."""
        return 1.0 if self.name.startswith("gemma") else 0.0


def architecture_of(config: Mapping[str, Any]) -> Architecture:
    """Read a config.json. Raises UsageError for a model that is not written here, with the command that may."""
    classes = config.get("architectures")
    named = classes[0] if isinstance(classes, list) and classes else _TYPES.get(str(config.get("model_type")))
    if named not in KNOWN:
        raise UsageError(
            f"a GGUF of {named or config.get('model_type') or 'this model'} is not written here ({', '.join(KNOWN)} are)",
            f"Merge it first (--merge), then use llama.cpp's own converter: {CONVERTER}",
        )
    name = KNOWN[str(named)]
    if config.get("quantization_config"):
        raise UsageError(
            "the weights of this model are quantised already", "Train on its 16-bit original, or use llama.cpp's own converter."
        )
    heads = _whole(config, "num_attention_heads")
    made = Architecture(
        name,
        _whole(config, "num_hidden_layers"),
        heads,
        int(config.get("num_key_value_heads") or heads),
        _whole(config, "vocab_size"),
    )
    _common(made, config)
    _rope(made, config)
    if name == "gemma2":
        _put(made, "attn_logit_softcapping", "float32", float(config.get("attn_logit_softcapping") or 0.0))
        _put(made, "final_logit_softcapping", "float32", float(config.get("final_logit_softcapping") or 0.0))
    if name == "gemma3" and config.get("final_logit_softcapping"):
        _put(made, "final_logit_softcapping", "float32", float(config["final_logit_softcapping"]))
    _window(made, config)
    return made


def _put(made: Architecture, key: str, kind: Kind, value: Any) -> None:
    made.fields.append((f"{made.name}.{key}", kind, value))


def _common(made: Architecture, config: Mapping[str, Any]) -> None:
    width = _whole(config, "hidden_size")
    head = int(config.get("head_dim") or width // made.heads)
    _put(made, "block_count", "uint32", made.layers)
    _put(made, "context_length", "uint32", _whole(config, "max_position_embeddings"))
    _put(made, "embedding_length", "uint32", width)
    _put(made, "feed_forward_length", "uint32", _whole(config, "intermediate_size"))
    _put(made, "attention.head_count", "uint32", made.heads)
    _put(made, "attention.head_count_kv", "uint32", made.kv_heads)
    _put(made, "attention.layer_norm_rms_epsilon", "float32", float(config.get("rms_norm_eps", 1e-6)))
    _put(made, "vocab_size", "uint32", made.vocab)
    # Gemma scales the query by a number of its own; llama.cpp knows those of the released sizes, which is the head's size in all but one.
    if config.get("head_dim") or made.name.startswith("gemma"):
        _put(made, "attention.key_length", "uint32", head)
        _put(made, "attention.value_length", "uint32", head)
    if made.name.startswith("gemma") and config.get("query_pre_attn_scalar") not in (None, head):
        raise UsageError(
            f"query_pre_attn_scalar {config['query_pre_attn_scalar']} is not the size of a head ({head}), which a GGUF cannot say",
            f"Merge it first (--merge), then use llama.cpp's own converter: {CONVERTER}",
        )
    if made.name in ("llama", "phi3"):
        partial = float(_rope_of(config).get("partial_rotary_factor") or config.get("partial_rotary_factor") or 1.0)
        _put(made, "rope.dimension_count", "uint32", int(partial * head))


def _rope_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the rotary embedding: transformers 5 writes ``rope_parameters``, earlier ones ``rope_scaling`` and ``rope_theta``."""
    given = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return dict(given) if isinstance(given, Mapping) else {}


def _rope(made: Architecture, config: Mapping[str, Any]) -> None:
    settings = _rope_of(config)
    local = settings.get("sliding_attention")
    if isinstance(settings.get("full_attention"), Mapping):
        settings = dict(settings["full_attention"])
    theta = settings.get("rope_theta") or config.get("rope_theta") or (1e6 if made.name == "gemma3" else 1e4)
    _put(made, "rope.freq_base", "float32", float(theta))
    if made.name == "gemma3":
        own = (local or {}).get("rope_theta") if isinstance(local, Mapping) else None
        _put(made, "rope.freq_base_swa", "float32", float(own or config.get("rope_local_base_freq") or 1e4))
    kind = settings.get("rope_type", settings.get("type")) or "default"
    original = settings.get("original_max_position_embeddings") or config.get("original_max_position_embeddings")
    if kind == "linear":
        _put(made, "rope.scaling.type", "string", "linear")
        _put(made, "rope.scaling.factor", "float32", float(settings["factor"]))
    elif kind == "yarn" and original:
        _put(made, "rope.scaling.type", "string", "yarn")
        _put(made, "rope.scaling.factor", "float32", float(settings["factor"]))
        _put(made, "rope.scaling.original_context_length", "uint32", int(original))
    elif kind == "llama3":
        made.rope_factors = _llama3(settings, float(theta), int(config.get("head_dim") or config["hidden_size"] // made.heads))
    elif kind != "default":
        raise UsageError(
            f"a rotary embedding of the type {kind} is not written here",
            f"Merge it first (--merge), then use llama.cpp's own converter: {CONVERTER}",
        )
    if made.name == "phi3" and original:
        _put(made, "rope.scaling.original_context_length", "uint32", int(original))


def _llama3(settings: Mapping[str, Any], theta: float, size: int) -> list[float]:
    """The divisors of Llama 3.1's frequencies, as in llama.cpp's ``LlamaModel.generate_extra_tensors``."""
    factor, low, high = (float(settings.get(name, other)) for name, other in (("factor", 8), ("low_freq_factor", 1), ("high_freq_factor", 4)))  # fmt: skip
    context = float(settings.get("original_max_position_embeddings", 8192))
    found = []
    for at in range(0, size, 2):
        length = 2 * math.pi * theta ** (at / size)
        if length < context / high:
            found.append(1.0)
        elif length > context / low:
            found.append(factor)
        else:
            smooth = (context / length - low) / (high - low)
            found.append(1 / ((1 - smooth) / factor + smooth))
    return found


def _window(made: Architecture, config: Mapping[str, Any]) -> None:
    window = config.get("sliding_window")
    used = isinstance(window, int) and config.get("use_sliding_window") is not False
    if made.name in ("gemma2", "gemma3", "phi3"):
        _put(made, "attention.sliding_window", "uint32", window if used and window else 0)
    elif used and window and window < _whole(config, "max_position_embeddings"):
        made.notes.append(
            f"the model looks back {window:,} tokens only; llama.cpp lets it look back further, so longer conversations differ"
        )


def _whole(config: Mapping[str, Any], name: str) -> int:
    value = config.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f"config.json: {name} is {value!r}, not a number above 0", "Restore the config.json of the model.")
    return value
