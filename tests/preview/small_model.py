"""A model folder small enough for tests: a family's template, and a tokenizer of single bytes."""

from __future__ import annotations

import json

import pytest
from template_cases import FAMILIES, TOKENS


def make_model(folder, family="qwen25", template=None):
    """Write a model folder and return its path."""
    tokenizers = pytest.importorskip("tokenizers")
    bos, eos, special = TOKENS[family]
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocab={letter: at for at, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens([token for token in (bos, eos, *special) if token])
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    text = template if template is not None else (FAMILIES / f"{family}.jinja").read_text("utf-8")
    (folder / "chat_template.jinja").write_text(text, "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": bos, "eos_token": eos}, ensure_ascii=False), "utf-8")
    (folder / "config.json").write_text('{"model_type": "tiny"}')
    return str(folder)
