"""Read GGUF files back with readers that are not ours: the gguf package for the tensors, transformers for what they mean."""

from __future__ import annotations

import contextlib
import io
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ftdata.errors import FtdataError
from ftdata.train.export.gguf.write import package
from ftdata.train.export.source import ExportError
from ftdata.train.local.inference import Loaded


class Unread(FtdataError):
    """The installed transformers reads no GGUF of this kind; the words say why."""

    exit_code = 1


def load_gguf(path: Path, config_folder: Path, *, device: str, dtype: str) -> Loaded:
    """Load a GGUF with transformers' own reader into a model with the original's configuration. Raises Unread.

    The hyperparameters that the GGUF names are compared with the configuration first.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint
    except ImportError as error:
        raise Unread(f"this transformers reads no GGUF ({error})", "Upgrade transformers.") from None
    config = AutoConfig.from_pretrained(config_folder, local_files_only=True, trust_remote_code=False)
    config = _as_llama(config.get_text_config())
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # a progress bar that cannot be switched off
            read = load_gguf_checkpoint(str(path), return_tensors=True, model_to_load=model)
    except (ValueError, NotImplementedError, ImportError) as error:
        raise Unread(f"this transformers reads no GGUF of this kind ({str(error)[:200]})", "Upgrade transformers.") from None
    _same_shape(read["config"], config)
    return _filled(model, read["tensors"], config, device, dtype)


def _as_llama(config: Any) -> Any:
    """Mistral is written as a llama, which it is but for the window that it looks back: it is read as one."""
    from transformers import LlamaConfig

    if config.model_type != "mistral":
        return config
    values = {
        name: value for name, value in config.to_dict().items() if name not in ("model_type", "architectures", "sliding_window")
    }
    return LlamaConfig(**values)


def _same_shape(read: dict[str, Any], config: Any) -> None:
    for name, value in read.items():
        if name.endswith("_token_id"):
            continue
        wanted: Any = getattr(config, name, None)
        numbers = isinstance(value, int | float) and not isinstance(value, bool) and isinstance(wanted, int | float)
        if numbers and abs(value - wanted) > 1e-5 * max(1.0, abs(wanted)):
            raise ExportError(f"the GGUF says {name} {value}, the model {wanted}", "Nothing was kept; please report this.")


def _filled(model: Any, tensors: dict[str, Any], config: Any, device: str, dtype: str) -> Loaded:
    """Put tensors into a model without weights: every one has to have its place, and every place its tensor."""
    import torch

    kind = getattr(torch, dtype)
    known = set(model.state_dict())
    extra = sorted(set(tensors) - known)
    model.load_state_dict({name: value.to(kind) for name, value in tensors.items() if name in known}, strict=False, assign=True)
    model.tie_weights()
    empty = [name for name, value in model.named_parameters() if value.is_meta]
    if extra or empty:
        raise ExportError(
            f"the GGUF and the model do not hold the same weights ({(extra or empty)[0]})",
            "Nothing was kept; please report this.",
        )
    # Buffers (the frequencies of the rotary embedding) are not weights: they are computed from the configuration.
    fresh = type(model.model.rotary_emb)(config=config)
    model.model.rotary_emb = fresh
    for name, buffer in list(model.named_buffers()):
        if buffer.is_meta:
            _computed(model, name, config)
    model.to(device).eval()
    return Loaded(model, False, device, dtype)


def _computed(model: Any, name: str, config: Any) -> None:
    """A buffer that a model computes when it is made: Gemma's scale of the embedding."""
    import torch

    owner, _, leaf = name.rpartition(".")
    if leaf != "embed_scale":
        raise Unread(f"the buffer {name} of this model is not known", "Export with --merge and use llama.cpp's own converter.")
    module = model.get_submodule(owner)
    module.register_buffer(leaf, torch.tensor(config.hidden_size**0.5), persistent=False)


def apply_adapter(base: Path, adapter: Path, target: Path) -> int:
    """Copy a base and add an adapter's B·A to its tensors, as llama.cpp adds them when it computes. Returns how many tensors changed.

    Everything is read from the two files alone: names, scale and the order of rows are those of the GGUF.
    """
    gguf = package()
    shutil.copyfile(base, target)
    read = gguf.GGUFReader(adapter)
    scale = float(read.fields["adapter.lora.alpha"].contents())
    parts = {tensor.name: np.array(tensor.data, np.float32) for tensor in read.tensors}
    changed = gguf.GGUFReader(target, "r+")
    count = 0
    for tensor in changed.tensors:
        a, b = parts.pop(f"{tensor.name}.lora_a", None), parts.pop(f"{tensor.name}.lora_b", None)
        if a is None or b is None:
            continue
        weight = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        whole = weight + (scale / a.shape[0]) * (b @ a)
        if tensor.tensor_type.name in ("F32", "F16"):
            tensor.data[...] = whole.astype(tensor.data.dtype)
        else:
            tensor.data[...] = gguf.quants.quantize(whole.astype(np.float32), tensor.tensor_type)
        count += 1
    changed.data.flush()
    if parts:
        raise ExportError(
            f"the adapter holds {sorted(parts)[0]}, for which the base has no tensor", "Nothing was kept; please report this."
        )
    return count


def check_tokens(path: Path, tokens: Sequence[str]) -> None:
    """Raise where the tokens in a GGUF are not these."""
    reader = package().GGUFReader(path)
    if reader.fields["tokenizer.ggml.tokens"].contents() != list(tokens):
        raise ExportError(f"{path.name}: the tokens are not those of the tokenizer", "Nothing was kept; please report this.")
