"""Model folders, conversations and the slow reference that the tests of masks speak of."""

from __future__ import annotations

import json
import re

from template_cases import FAMILIES, TOKENS
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors, trainers
from tokenizers.models import BPE

from ftdata.formats import parse

# What surrounds an answer in each family, as its authors publish it: the header that inference ends with, and the end.
ANSWERS = {
    "llama31": (r"<\|start_header_id\|>assistant<\|end_header_id\|>\n\n", r"<\|eot_id\|>"),
    "chatml": (r"<\|im_start\|>assistant\n", r"<\|im_end\|>"),
    "qwen25": (r"<\|im_start\|>assistant\n", r"<\|im_end\|>"),
    "qwen3": (r"<\|im_start\|>assistant\n", r"<\|im_end\|>"),
    "gemma": (r"<start_of_turn>model\n", r"<end_of_turn>"),
    "phi3": (r"<\|assistant\|>\n", r"<\|end\|>(?:\n<\|endoftext\|>)?"),
    "mistral": (r"(?:\[/INST\]|\[/TOOL_RESULTS\])", r"</s>"),
    "deepseek": (r"<｜Assistant｜>", r"<｜end▁of▁sentence｜>"),
}
NO_SYSTEM = ("gemma",)


def byte_tokenizer(special, merges=()):
    """A tokenizer of bytes, and of the merges given: a token of it is a known number of bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*alphabet, *("".join(pair) for pair in merges)]
    tokenizer = Tokenizer(BPE({word: number for number, word in enumerate(words)}, list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    return tokenizer


def learned():
    """Merges learned from texts like those of the tests, over the edges of words: tokens that cross into an answer."""
    corpus = [
        "assistant\n\nx",
        "\n\n",
        "]x",
        "] x",
        "그래요?",
        "답",
        "🙂",
        "user\nx",
        "\nassistant",
        ' "city": "',
        "The answer, ",
        "  ",
    ] * 9
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=330, initial_alphabet=alphabet, show_progress=False))
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def make_folder(path, template, bos, eos, special, *, merges=(), adds_bos=False):
    path.mkdir(parents=True, exist_ok=True)
    tokenizer = byte_tokenizer([token for token in (bos, eos, *special) if token], merges)
    if adds_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A $B", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    tokenizer.save(str(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text(
        json.dumps({"bos_token": bos, "eos_token": eos, "chat_template": template}), "utf-8"
    )
    return path


def family_folder(path, name, **settings):
    """Write the folder of a family of ``tests/template``."""
    bos, eos, special = TOKENS[name]
    return make_folder(path, (FAMILIES / f"{name}.jinja").read_text("utf-8"), bos, eos, special, **settings)


def special_of(name):
    """The control tokens of a family."""
    return [token for token in (*TOKENS[name][:2], *TOKENS[name][2]) if token]


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


def sample(turns, tools=None):
    row = {"messages": turns} | ({"tools": tools} if tools else {})
    return parse(row, "openai-chat-tools" if tools else "openai-chat")


def one(masker, turns, tools=None):
    (outcome,) = masker.sequences([sample(turns, tools)])
    return outcome


def reference(text, family, kept):
    """The slow way: characters between an answer's header and its end, both as published; ``kept`` says which answers count."""
    header, end = ANSWERS[family]
    spans = [match.span(1) for match in re.finditer(f"(?s){header}(.*?{end})", text)]
    return [span for span, keep in zip(spans, kept, strict=True) if keep]


def count(text, family):
    """How many answers stand in a text."""
    header, end = ANSWERS[family]
    return len(re.findall(f"(?s){header}.*?{end}", text))


def slowly_masked(text, spans, tokenizer, ids):
    """Each token by its bytes: it is trained where every one of them stands in a span."""
    inside = []
    for at, character in enumerate(text):
        inside += [any(start <= at < end for start, end in spans)] * len(character.encode())
    expected, at = [], 0
    special = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    for number in ids:
        token = tokenizer.id_to_token(number)
        size = len(token.encode()) if number in special else len(token)  # a letter of the vocabulary is a byte
        expected.append(all(inside[at : at + size]))
        at += size
    assert at == len(inside)
    return expected
