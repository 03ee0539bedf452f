"""The slow reference of the memory estimate: a whole step of training over tensors without values, and the most bytes that lived."""

from __future__ import annotations

import json
import weakref
from typing import Any


def peak_of_step(
    folder: Any, *, method: str, targets: tuple[str, ...], tokens: int, rows: int, checkpointing: bool, half: bool
) -> int:
    """Forward pass, our loss, backward pass and update, twice, as the trainer does them; the highest point of the second."""
    import torch
    import transformers.masking_utils as masks
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves
    from transformers import AutoConfig, AutoModelForCausalLM

    from ftdata.train import meta
    from ftdata.train.local.loss import sliced_loss

    class Alive(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.now = self.peak = 0
            self.known = {}

        def add(self, tensor):
            storage = tensor.untyped_storage()
            key, size = storage._cdata, storage.nbytes()
            if key not in self.known:
                self.known[key] = size
                self.now += size
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self.gone, key)

        def gone(self, key):
            self.now -= self.known.pop(key, 0)

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            for leaf in tree_leaves(result):
                if isinstance(leaf, torch.Tensor):
                    self.add(leaf)
            return result

    config = AutoConfig.from_pretrained(folder)
    config.use_cache = False
    meta._register(torch)
    original = masks.find_packed_sequence_indices
    masks.find_packed_sequence_indices = lambda *args, **kwargs: None
    try:
        with torch.device("meta"):
            dtype = torch.float32 if method == "full" or not half else torch.bfloat16
            model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="ftdata_counting")
            if method != "full":
                from peft import LoraConfig, get_peft_model

                model.enable_input_require_grads()
                names = "all-linear" if targets == ("all-linear",) else list(targets)
                model = get_peft_model(
                    model, LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, target_modules=names, task_type="CAUSAL_LM")
                )
        with FakeTensorMode(allow_non_fake_inputs=True):
            meta._pretend(torch, model)
            model.train()
            if checkpointing:
                model.gradient_checkpointing_enable({"use_reentrant": False})
            causal = model.get_base_model() if hasattr(model, "get_base_model") else model
            decoder, head = causal.get_decoder(), causal.get_output_embeddings()
            optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], foreach=True)
            alive = Alive()
            with alive:
                for parameter in model.parameters():
                    alive.add(parameter)
                for _ in range(2):
                    alive.peak = 0
                    ids = torch.zeros((rows, tokens), dtype=torch.long)
                    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                        hidden = decoder(input_ids=ids, position_ids=torch.zeros_like(ids), use_cache=False).last_hidden_state
                        loss = sliced_loss(
                            head, hidden.reshape(rows * tokens, -1), torch.zeros((rows * tokens,), dtype=torch.long)
                        )
                    loss.backward()
                    del hidden, loss
                    optimizer.step()
                    optimizer.zero_grad(set_to_none=True)
            return alive.peak
    finally:
        masks.find_packed_sequence_indices = original


def write_config(folder: Any, config: dict[str, Any], layers: int | None = None) -> Any:
    """Write a ``config.json``, with so many layers. Returns the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config | ({"num_hidden_layers": layers} if layers else {})))
    return folder
