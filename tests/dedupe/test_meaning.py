"""Paraphrases by static embeddings: exact by cosine, from local files only, and never dropped."""

from __future__ import annotations

import csv
import json
import struct
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("tokenizers")

from tokenizers import Tokenizer, models, pre_tokenizers

from ftdata.dedupe.meaning import load_static, read_safetensors, similar
from ftdata.errors import ReadError

SAME = {"car": 0, "automobile": 0, "quick": 1, "fast": 1, "buy": 2, "purchase": 2, "배": 3, "선박": 3, "river": 4, "banana": 5}


def save(path, tensors):
    header, data = {}, b""
    for name, array in tensors.items():
        raw = array.tobytes()
        header[name] = {
            "dtype": {"float32": "F32", "float16": "F16", "int64": "I64"}[str(array.dtype)],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


@pytest.fixture
def model(tmp_path):
    """A static model in which words of one meaning have one vector."""
    words = ["[UNK]", *SAME]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = tmp_path / "static"
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    vectors = np.zeros((len(words), 8), np.float32)
    for number, meaning in enumerate(SAME.values(), 1):
        vectors[number, meaning] = 1
    save(folder / "model.safetensors", {"embeddings": vectors})
    (folder / "config.json").write_text('{"normalize": true}')
    return folder


def test_words_of_one_meaning_make_texts_of_one_vector(model):
    vectors = load_static(model).encode(["buy quick car", "purchase fast automobile", "river banana", "nothing known"])
    assert np.allclose(vectors[0], vectors[1]) and np.allclose(vectors[3], 0)
    assert list(similar(vectors)) == [(0, 1, pytest.approx(1.0))]


def test_the_blocks_find_what_all_pairs_at_once_find():
    vectors = np.random.default_rng(1).normal(size=(3000, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    whole = vectors @ vectors.T
    expected = {(a, b) for a, b in zip(*np.nonzero(whole >= 0.999), strict=True) if a < b}
    assert {(a, b) for a, b, _ in similar(vectors, 0.999)} == expected and expected


def test_weights_and_mappings_of_newer_models_are_read(model):
    tensors = read_safetensors(model / "model.safetensors")
    count = len(tensors["embeddings"])
    save(model / "model.safetensors", {"embeddings": tensors["embeddings"][::-1].copy().astype(np.float16), "mapping": np.arange(count)[::-1].copy(),
                                       "weights": np.ones(count, np.float32)})  # fmt: skip
    vectors = load_static(model).encode(["buy", "purchase", "banana"])
    assert float(vectors[0] @ vectors[1]) == pytest.approx(1) and float(vectors[0] @ vectors[2]) == pytest.approx(0)


@pytest.mark.parametrize("damage", ["no folder", "no tensors", "pickle", "other tensors", "cut", "wide"])
def test_what_is_no_static_model_is_explained(model, damage):
    if damage == "no folder":
        model = model / "nowhere"
    elif damage == "no tensors":
        (model / "model.safetensors").unlink()
    elif damage == "pickle":
        (model / "model.safetensors").write_bytes(b"\x80\x04\x95" + b"x" * 40)
    elif damage == "other tensors":
        save(model / "model.safetensors", {"weight": np.zeros((2, 2), np.float32)})
    elif damage == "cut":
        (model / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes()[:60])
    else:
        save(model / "model.safetensors", {"embeddings": np.zeros((2, 2), np.float32)})
    with pytest.raises(ReadError) as caught:
        load_static(model)
    assert caught.value.hint


def test_the_command_suggests_and_drops_nothing(model, tmp_path):
    texts = ["buy quick car", "purchase fast automobile", "river banana banana", "배 river", "선박 river"]
    rows = [{"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": text}]} for text in texts]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "ftdata", "dedupe", "a.jsonl", *arguments], capture_output=True, text=True, cwd=tmp_path
        )

    done = run("--semantic", str(model), "-o", "out.jsonl")
    assert "paraphrase: 2 pairs" in done.stdout and "suggestion" in done.stdout
    assert len((tmp_path / "out.jsonl").read_text("utf-8").splitlines()) == 5
    run("--semantic", str(model), "--review", "r.csv")
    kinds = [row["kind"] for row in csv.DictReader((tmp_path / "r.csv").read_text("utf-8-sig").splitlines())]
    assert kinds.count("paraphrase") == 2
    assert "paraphrase" not in run().stdout
    assert run("--semantic", "nowhere").returncode == 2
