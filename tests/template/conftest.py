"""Model folders of the usual families: short templates of their behaviour, and a tokenizer of a few tokens."""

from __future__ import annotations

import json

import pytest
from template_cases import FAMILIES, TOKENS

from ftdata.template import Renderer, read_model_folder


def tokenizer_json(path, special, bos=None):
    """Write a tokenizer.json of single letters with these special tokens, adding ``bos`` itself where one is given."""
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {chr(code): at for at, code in enumerate(range(32, 127))}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens(["<plain>"])
    if bos is not None:
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    tokenizer.save(str(path))
    return tokenizer


@pytest.fixture
def make_folder(tmp_path):
    """Write a model folder: a template, by name of a family or as text, and what else the test is about."""

    def make(
        template=None, *, bos=None, eos=None, special=(), adds_bos=False, config=None, tokenizer_config=None, generation=None
    ):
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        if template in TOKENS:
            bos, eos, special = TOKENS[template]
            template = (FAMILIES / f"{template}.jinja").read_text("utf-8")
        if template is not None:
            (folder / "chat_template.jinja").write_text(template, "utf-8")
        if eos is not None:
            tokenizer_json(folder / "tokenizer.json", [t for t in (bos, eos, *special) if t], bos if adds_bos else None)
        named = {"bos_token": bos, "eos_token": eos} | (tokenizer_config or {})
        (folder / "tokenizer_config.json").write_text(json.dumps(named, ensure_ascii=False), "utf-8")
        (folder / "config.json").write_text(json.dumps(config or {"model_type": "tiny"}), "utf-8")
        if generation is not None:
            (folder / "generation_config.json").write_text(json.dumps(generation), "utf-8")
        return folder

    return make


@pytest.fixture
def family(make_folder):
    """Return the folder and a renderer of a family, or of a template given as text."""
    opened = []

    def open_family(name, **settings):
        folder = read_model_folder(make_folder(name, **settings))
        renderer = Renderer(folder)
        opened.append(renderer)
        return folder, renderer

    yield open_family
    for renderer in opened:
        renderer.close()
