"""Count what a block keeps for its backward pass, by a forward pass on torch's meta device: exact, and without any weight."""

from __future__ import annotations

import copy
import logging
import warnings
from pathlib import Path
from typing import Any


def count_activations(
    folder: str | Path, *, method: str, tokens: int, rows: int, r: int, targets: tuple[str, ...], dropout: float, half: bool
) -> tuple[int, int] | None:
    """The bytes one block keeps and those kept outside the blocks, for a batch of ``rows`` rows of ``tokens`` tokens.

    The model is built with one block and with two, and what autograd saves is summed, each storage once, weights left out. ``None``
    where torch, transformers or peft are not installed or the model cannot be built here: then the formula speaks.
    """
    try:
        import torch
        from transformers import AutoConfig
    except ImportError:
        return None
    logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)  # peft imports it, and it talks of kernels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
            counts = [_count(torch, config, layers, method, tokens, rows, r, targets, dropout, half) for layers in (1, 2)]
    except (ValueError, OSError, KeyError, TypeError, AttributeError, RuntimeError, NotImplementedError, ImportError):
        return None
    block = counts[1] - counts[0]
    return (block, max(0, counts[0] - block)) if block > 0 else None


def _count(
    torch: Any,
    config: Any,
    layers: int,
    method: str,
    tokens: int,
    rows: int,
    r: int,
    targets: tuple[str, ...],
    dropout: float,
    half: bool,
) -> int:
    from transformers import AutoModelForCausalLM

    config = copy.deepcopy(config)
    text = config.get_text_config()
    text.num_hidden_layers = layers
    for name in ("layer_types", "mlp_only_layers"):
        value = getattr(text, name, None)
        if isinstance(value, list):
            setattr(text, name, value[:layers])
    text.use_cache = False
    _register(torch)
    with torch.device("meta"):
        dtype = torch.float32 if method == "full" or not half else torch.bfloat16
        model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="ftdata_counting")
        if method != "full":
            from peft import LoraConfig, get_peft_model

            everything = targets == ("all-linear",)
            model.enable_input_require_grads()
            model = get_peft_model(
                model,
                LoraConfig(
                    r=r,
                    lora_alpha=2 * r,
                    lora_dropout=dropout,
                    target_modules="all-linear" if everything else list(targets),
                    task_type="CAUSAL_LM",
                ),
            )
    model.train()
    decoder = (model.get_base_model() if hasattr(model, "get_base_model") else model).get_decoder()
    weights = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    saved: dict[int, tuple[int, Any]] = {}

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            # The storage is kept, so that its address is not given to another one.
            saved[storage._cdata] = (storage.nbytes(), storage)
        return tensor

    ids = torch.zeros((rows, tokens), dtype=torch.long, device="meta")
    positions = torch.zeros((rows, tokens), dtype=torch.long, device="meta")
    # transformers looks for packed sequences in the positions, which have no values here.
    import transformers.masking_utils as masks

    original = masks.find_packed_sequence_indices
    masks.find_packed_sequence_indices = lambda *args, **kwargs: None
    try:
        with (
            torch.autocast("cpu", dtype=torch.bfloat16, enabled=half),
            torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        ):
            decoder(input_ids=ids, position_ids=positions, use_cache=False)
    finally:
        masks.find_packed_sequence_indices = original
    return sum(size for size, _ in saved.values())


def _register(torch: Any) -> None:
    """An attention that keeps what a fused kernel keeps: q, k, v, its output and one number for each query and head."""
    from transformers import AttentionInterface, AttentionMaskInterface

    class Fused(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, query: Any, key: Any, value: Any) -> Any:
            out = torch.empty_like(query)
            ctx.save_for_backward(query, key, value, out, torch.empty(query.shape[:3], dtype=torch.float32, device=query.device))
            return out

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            _, key, value, _, _ = ctx.saved_tensors
            return gradient, torch.empty_like(key), torch.empty_like(value)

    def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> Any:
        return Fused.apply(query, key, value).transpose(1, 2).contiguous(), None

    AttentionInterface.register("ftdata_counting", attend)
    AttentionMaskInterface.register("ftdata_counting", lambda *args, **kwargs: None)
