"""The loss of the trained tokens, and of nothing else, without the logits of all the others.

The logits are what makes training run out of memory: 4 sequences of 2,048 tokens over a vocabulary of 128,000 take 4 GB in
float32, and the backward pass as much again. Only positions that are trained are put through the head, a slice at a time, and
a slice's logits are computed once more in the backward pass instead of kept.
"""

from __future__ import annotations

import types
from typing import Any

SLICE = 512
IGNORED = -100


def supervise(model: Any) -> str:
    """Make ``forward`` compute this loss where labels are given. Returns the way: "sliced", or "whole" where a model treats its
    logits in a way that cannot be followed: that is found out by comparing both on a few tokens.

    The patched method takes ``num_items_in_batch``, the trained tokens of the whole update, and divides by it: steps of
    accumulation and devices count by their tokens.
    """
    import torch
    from transformers.modeling_outputs import CausalLMOutputWithPast

    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    original = causal.forward
    decoder, head = causal.get_decoder(), causal.get_output_embeddings()
    way = (
        "sliced"
        if decoder is not None and head is not None and decoder is not causal and _follows(causal, decoder, head)
        else "whole"
    )

    def forward(self: Any, *args: Any, labels: Any = None, num_items_in_batch: Any = None, **inputs: Any) -> Any:
        if labels is None:
            return original(*args, **inputs)
        inputs["use_cache"] = False
        following = labels[:, 1:]
        trained = following != IGNORED
        targets = following[trained]
        if way == "sliced":
            hidden = decoder(*args, **inputs).last_hidden_state[:, :-1][trained]
            total = sliced_loss(lambda part: _finished(causal.config, head(part)), hidden, targets)
        else:
            logits = original(*args, **inputs).logits[:, :-1][trained]
            total = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="sum")
        count = num_items_in_batch if num_items_in_batch is not None else trained.sum().clamp(min=1)
        return CausalLMOutputWithPast(loss=total / (count.to(total.device) if hasattr(count, "to") else count))

    causal.forward = types.MethodType(forward, causal)
    return way


def sliced_loss(head: Any, hidden: Any, targets: Any) -> Any:
    """The sum of the cross-entropies in float32. ``hidden`` is (tokens, width), ``targets`` (tokens,)."""
    import torch
    from torch.utils.checkpoint import checkpoint

    def part_of(part: Any, wanted: Any) -> Any:
        return torch.nn.functional.cross_entropy(head(part).float(), wanted, reduction="sum")

    total = hidden.new_zeros((), dtype=torch.float32)
    for start in range(0, len(targets), SLICE):
        part, wanted = hidden[start : start + SLICE], targets[start : start + SLICE]
        total = total + (
            checkpoint(part_of, part, wanted, use_reentrant=False) if torch.is_grad_enabled() else part_of(part, wanted)
        )
    # Without a trained token the loss is 0, and its gradient too: the graph must still be there.
    return total if len(targets) else hidden.float().sum() * 0.0


def _finished(config: Any, logits: Any) -> Any:
    """What models do to their logits at the end: Gemma 2 caps them, Granite and Cohere scale them."""
    text = config.get_text_config()
    cap = getattr(text, "final_logit_softcapping", None)
    if cap:
        logits = (logits / cap).tanh() * cap
    divisor = getattr(text, "logits_scaling", None)
    if divisor:
        logits = logits / divisor
    factor = getattr(text, "logit_scale", None)
    return logits * factor if factor else logits


def _follows(causal: Any, decoder: Any, head: Any) -> bool:
    """Whether the head over the decoder's output gives the logits that the model gives."""
    import torch

    training = causal.training
    causal.eval()
    try:
        with torch.no_grad():
            vocabulary = causal.get_input_embeddings().weight.shape[0]
            ids = (torch.arange(1, 9, device=causal.get_input_embeddings().weight.device) * 7919 % vocabulary)[None]
            whole = causal(input_ids=ids, use_cache=False).logits.float()
            ours = _finished(causal.config, head(decoder(input_ids=ids, use_cache=False).last_hidden_state)).float()
            return whole.shape == ours.shape and bool(torch.allclose(whole, ours, rtol=1e-3, atol=1e-3))
    except (TypeError, AttributeError, ValueError, RuntimeError):
        return False
    finally:
        causal.train(training)


def packs_cleanly(model: Any) -> bool:
    """Whether sequences in one row, told apart by their positions alone, are computed as if each stood by itself."""
    import torch

    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            device = model.get_input_embeddings().weight.device
            vocabulary = model.get_input_embeddings().weight.shape[0]
            first, second = ((torch.arange(1, 8, device=device) * step % vocabulary)[None] for step in (7919, 104729))
            positions = torch.cat([torch.arange(7, device=device)] * 2)[None]
            alone = model(input_ids=second, use_cache=False).logits.float()
            packed = model(input_ids=torch.cat([first, second], 1), position_ids=positions, use_cache=False).logits.float()
            scale = float(alone.abs().max()) or 1.0
            return float((packed[:, 7:] - alone).abs().max()) < 0.02 * scale
    except (TypeError, AttributeError, ValueError, RuntimeError):
        return False
    finally:
        model.train(training)
