"""A random model of two layers, for trainers that read no data without one."""

from __future__ import annotations

from pathlib import Path

from byte_tokenizer import byte_tokenizer


def tiny_model(folder: Path) -> str:
    """Write the model with its tokenizer of bytes, and return its folder."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=64, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
