"""Tokenizers in a GGUF: a pre-tokenizer is named only where it is known, and SentencePiece's kind is checked by doing it."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("tokenizers")

from tiny_export import LLAMA3, QWEN, SPECIAL, make_tokenizer

from ftdata.errors import UsageError
from ftdata.template import read_model_folder
from ftdata.train.export.gguf.pieces import check_pieces, encode
from ftdata.train.export.gguf.vocabulary import CONTROL, UNUSED, looks_special, read_vocabulary, recognise


@pytest.mark.parametrize(
    ("regex", "ignores", "name"),
    [(None, False, "gpt-2"), (QWEN, False, "qwen2"), (LLAMA3, True, "llama-bpe"), (LLAMA3, False, "dbrx"), (QWEN, True, None), (r"\w+|\W", False, None)],
)  # fmt: skip
def test_a_pre_tokenizer_is_named_by_its_expression_or_not_at_all(tmp_path, regex, ignores, name):
    make_tokenizer(tmp_path, regex=regex, ignore_merges=ignores)
    assert recognise(json.loads((tmp_path / "tokenizer.json").read_text())) == name


def test_an_unknown_pre_tokenizer_is_refused_with_llama_cpps_command(tmp_path):
    make_tokenizer(tmp_path, regex=r"\w+|\W")
    with pytest.raises(UsageError) as caught:
        read_vocabulary(read_model_folder(tmp_path), 400)
    assert "convert_hf_to_gguf.py" in caught.value.hint


def test_rows_without_a_token_are_unused_and_special_tokens_are_control_tokens(tmp_path):
    tokenizer = make_tokenizer(tmp_path)
    made = read_vocabulary(read_model_folder(tmp_path), 400)
    assert len(made.tokens) == len(made.kinds) == 400
    assert made.kinds[tokenizer.get_vocab_size() :] == [UNUSED] * (400 - tokenizer.get_vocab_size())
    assert all(made.kinds[tokenizer.token_to_id(text)] == CONTROL for text in SPECIAL)
    assert made.ids["eos"] == tokenizer.token_to_id("<|im_end|>") and not made.adds_bos
    assert len(made.merges) > 20 and all(merge.count(" ") == 1 for merge in made.merges)


def test_a_tokenizer_with_more_tokens_than_the_model_has_rows_is_refused(tmp_path):
    make_tokenizer(tmp_path)
    with pytest.raises(UsageError, match="embedding"):
        read_vocabulary(read_model_folder(tmp_path), 100)


@pytest.mark.parametrize(
    ("text", "special"), [("<|x|>", True), ("<pad>", True), ("<unused7>", True), ("<b>", False), ("|x|", False)]
)
def test_what_looks_special_to_llama_cpp(text, special):
    assert looks_special(text) is special


def make_pieces(folder, *, scheme="prepend"):
    """A BPE with byte fallback over whole texts, as Llama 2, Mistral and Gemma have it."""
    from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, trainers
    from tokenizers.models import BPE

    tokenizer = Tokenizer(BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    steps = [normalizers.Replace(" ", "\u2581")]
    if scheme == "prepend":
        steps.insert(0, normalizers.Prepend("\u2581"))
    tokenizer.normalizer = normalizers.Sequence(steps)
    if scheme == "first":
        tokenizer.normalizer = normalizers.Sequence([])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    # The trainer knows no words across spaces only where something cuts: whole texts are few.
    tokenizer.train_from_iterator(["take this red lamp", "take the blue car", "this is the car"] * 3, trainers.BpeTrainer(
        vocab_size=330, special_tokens=special, show_progress=False))  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    data = json.loads((folder / "tokenizer.json").read_text())
    data["added_tokens"] = [entry for entry in data["added_tokens"] if entry["id"] < 3]
    (folder / "tokenizer.json").write_text(json.dumps(data))
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}))
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("scheme", ["prepend", "none", "first"])
def test_pieces_are_cut_as_the_tokenizer_cuts_them(tmp_path, scheme):
    tokenizer = make_pieces(tmp_path, scheme=scheme)
    made = read_vocabulary(read_model_folder(tmp_path), 340)
    assert made.model == "llama" and made.space_prefix is (scheme == "prepend")
    texts = ["take this red car", "the lamp is  blue", "안녕 \U0001f642", "x" * 50, ""]
    if scheme != "first":
        assert [encode(made, text) for text in texts[:-1]] == [
            tokenizer.encode(text, add_special_tokens=False).ids for text in texts[:-1]
        ]
    check_pieces(made, tmp_path, tokenizer, texts)


def test_pieces_that_llama_cpp_would_cut_otherwise_are_refused(tmp_path):
    tokenizer = make_pieces(tmp_path)
    made = read_vocabulary(read_model_folder(tmp_path), 340)
    made.scores = [-score for score in made.scores]
    with pytest.raises(UsageError, match="other tokens"):
        check_pieces(made, tmp_path, tokenizer, ["take this red lamp", "take the blue car", "this is the car"])
