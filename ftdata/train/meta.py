"""Count what a block of a model takes in training, by a step over tensors without values: exact, and without any weight."""

from __future__ import annotations

import copy
import logging
import types
import warnings
import weakref
from itertools import pairwise
from pathlib import Path
from typing import Any

from ftdata.train.memory import Counted

_ATTENTION = "ftdata_counting"


def count_activations(
    folder: str | Path, *, method: str, tokens: int, rows: int, r: int, targets: tuple[str, ...], dropout: float, half: bool
) -> Counted | None:
    """Count for a batch of ``rows`` rows of ``tokens`` tokens, in a second or two.

    The model is built with one block and with two, and forward and backward are gone through; what lives is summed, each storage
    once. Where blocks are of several kinds (experts after dense ones) the largest of the first few speaks. ``None`` where torch,
    transformers or peft are not installed or the model cannot be built here: then the formula speaks.
    """
    try:
        import torch
        from transformers import AutoConfig
    except ImportError:
        return None
    # peft imports bitsandbytes, which talks of kernels; transformers talks of what is deprecated, torch of what it cannot pretend.
    for name in ("bitsandbytes", "transformers", "torch._subclasses.fake_tensor"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
            counts = [
                _count(torch, config, layers, method, tokens, rows, r, targets, dropout, half) for layers in _depths(config)
            ]
    except Exception:  # a library that cannot build this model raises what it likes
        return None
    block = max(later.block - earlier.block for earlier, later in pairwise(counts))
    if block <= 0:
        return None
    outside = max(0, 2 * counts[0].block - counts[1].block)
    return Counted(block, outside, max(one.forward for one in counts), max(one.backward for one in counts))


def _depths(config: Any) -> list[int]:
    """One block, two, and more where the first ones are dense and experts follow, or attention alternates."""
    text = config.get_text_config()
    dense = getattr(text, "first_k_dense_replace", 0) or 0
    step = getattr(text, "decoder_sparse_step", 1) or 1
    kinds = getattr(text, "layer_types", None)
    period = kinds.index(next((kind for kind in kinds if kind != kinds[0]), kinds[0])) if kinds else 0
    deepest = min(text.num_hidden_layers, max(1, dense, step - 1, period) + 1)
    return list(range(1, max(2, min(deepest, 12)) + 1))


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
) -> Counted:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with torch.device("meta"):
        decoder = _decoder(torch, config, layers, method, r, targets, dropout, half)
    # transformers looks for packed sequences in the positions, which have no values here.
    import transformers.masking_utils as masks

    original = masks.find_packed_sequence_indices
    masks.find_packed_sequence_indices = lambda *args, **kwargs: None
    try:
        # Tensors that say they are on a CPU: on the meta device autocast does nothing, and all would be counted in float32.
        with FakeTensorMode(allow_non_fake_inputs=True):
            _pretend(torch, decoder)
            ids = torch.zeros((rows, tokens), dtype=torch.long)
            alive = _alive(torch)
            with alive:
                for parameter in decoder.parameters():
                    alive.add(parameter)
                    if parameter.requires_grad:
                        # Gradients of weights are summed elsewhere: here they go as soon as they are there.
                        parameter.register_post_accumulate_grad_hook(_forget)
                weights = alive.now
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                    hidden = decoder(input_ids=ids, position_ids=torch.zeros_like(ids), use_cache=False).last_hidden_state
                kept, highest = alive.now, alive.peak
                alive.peak = alive.now
                hidden.backward(torch.empty_like(hidden))
                return Counted(kept - weights, 0, highest - kept, alive.peak - kept)
    finally:
        masks.find_packed_sequence_indices = original


def _forget(parameter: Any) -> None:
    parameter.grad = None


def _alive(torch: Any) -> Any:
    """A mode that knows how many bytes of storage live at any time, and the most that did."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Alive(TorchDispatchMode):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.now = self.peak = 0
            self.known: dict[int, int] = {}

        def add(self, tensor: Any) -> None:
            storage = tensor.untyped_storage()
            key, size = storage._cdata, storage.nbytes()
            if key in self.known:
                return
            self.known[key] = size
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self.gone, key)

        def gone(self, key: int) -> None:
            self.now -= self.known.pop(key, 0)

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            for leaf in tree_leaves(result):
                if isinstance(leaf, torch.Tensor):
                    self.add(leaf)
            return result

    return Alive()


def _decoder(
    torch: Any, config: Any, layers: int, method: str, r: int, targets: tuple[str, ...], dropout: float, half: bool
) -> Any:
    """The blocks of the model as they are trained, with so many of them and without values."""
    from transformers import AutoModelForCausalLM

    config = copy.deepcopy(config)
    text = config.get_text_config()
    text.num_hidden_layers = layers
    for name in ("layer_types", "mlp_only_layers", "mlp_layer_types"):
        value = getattr(text, name, None)
        if isinstance(value, list):
            setattr(text, name, value[:layers] if name != "mlp_only_layers" else [at for at in value if at < layers])
    text.use_cache = False
    _register(torch)
    dtype = torch.float32 if method == "full" or not half else torch.bfloat16
    model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=_ATTENTION)
    model.enable_input_require_grads()
    if method == "full":
        # The gradient of the embeddings comes last, when all that is counted here is gone.
        model.get_input_embeddings().weight.requires_grad_(False)
    else:
        from peft import LoraConfig, get_peft_model

        everything = targets == ("all-linear",)
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
    return (model.get_base_model() if hasattr(model, "get_base_model") else model).get_decoder()


def _pretend(torch: Any, model: Any) -> None:
    """Put weights and buffers on a CPU that is not there; dropout keeps a byte for each number, as it does on GPUs."""

    def drop(self: Any, numbers: Any) -> Any:
        return torch.native_dropout(numbers, self.p, True)[0] if self.p > 0 else numbers

    made: dict[int, Any] = {}
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.forward = types.MethodType(drop, module)
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if tensor is None:
                    continue
                if id(tensor) not in made:
                    empty = torch.empty(tensor.shape, dtype=tensor.dtype)
                    made[id(tensor)] = torch.nn.Parameter(empty, tensor.requires_grad) if held is module._parameters else empty
                held[name] = made[id(tensor)]


def _register(torch: Any) -> None:
    """An attention that keeps what a fused kernel with a mask keeps: q, and k and v for every head, its output, one number for each
    query and head, and the mask in the number type of the computation."""
    from transformers import AttentionInterface, AttentionMaskInterface

    class Fused(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, query: Any, key: Any, value: Any) -> Any:
            out = query.new_empty((*query.shape[:-1], value.shape[-1]))
            rows, _, tokens, _ = query.shape
            mask = query.new_empty((rows, 1, tokens, tokens))
            ctx.save_for_backward(query, key, value, out, mask, query.new_empty(query.shape[:3], dtype=torch.float32))
            return out

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            query, key, value, *_ = ctx.saved_tensors
            return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)

    def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> Any:
        query, key = query.to(value.dtype), key.to(value.dtype)
        times = query.shape[1] // key.shape[1]
        if times > 1:
            key, value = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
        return Fused.apply(query, key, value).transpose(1, 2).contiguous(), None

    AttentionInterface.register(_ATTENTION, attend)
    AttentionMaskInterface.register(_ATTENTION, lambda *args, **kwargs: None)
