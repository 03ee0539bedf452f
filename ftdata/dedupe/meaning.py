"""Paraphrases by static embeddings from a local folder: a suggestion for people, never a reason to drop a sample.

Static means one vector a token and their mean for a text (model2vec's layout: ``tokenizer.json``, ``model.safetensors`` with a tensor
``embeddings``, ``config.json``). Nothing is fetched, no code of the model is run, and safetensors hold no pickles. The search compares
every pair, a block at a time: exact, in memory that does not grow with the pairs, and quadratic in time.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ftdata.dedupe.pairs import Progress
from ftdata.errors import MissingExtra, ReadError

Vectors = NDArray[np.float32]
# Paraphrases score above 0.9 in model2vec's own deduplication examples (semhash, default 0.9, read 2026-11-23).
THRESHOLD = 0.9
BLOCK = 1024
_TOKENS, _LARGEST_HEADER = 512, 100 << 20
_TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I8": np.int8}


@dataclass(slots=True)
class StaticModel:
    """Token vectors (tokens x width), perhaps a weight for each, and the tokenizer that numbers the tokens."""

    vectors: Vectors
    weights: Vectors | None
    mapping: NDArray[np.int64] | None
    tokenizer: Any
    unknown: int | None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One vector of length 1 for each text (texts x width); zeros for a text without a known token."""
        made = np.zeros((len(texts), self.vectors.shape[1]), np.float32)
        for start in range(0, len(texts), BLOCK):
            part = [text[: 8 * _TOKENS] for text in texts[start : start + BLOCK]]
            for row, encoding in enumerate(self.tokenizer.encode_batch(part, add_special_tokens=False), start):
                ids = np.asarray([token for token in encoding.ids[:_TOKENS] if token != self.unknown], np.int64)
                if not ids.size:
                    continue
                rows = self.mapping[ids] if self.mapping is not None else ids
                found = self.vectors[rows]
                if self.weights is not None:
                    found = found * self.weights[ids][:, None]
                made[row] = found.mean(axis=0)
        length = np.linalg.norm(made, axis=1, keepdims=True)
        unit: Vectors = np.divide(made, length, out=np.zeros_like(made), where=length > 0)
        return unit


def load_static(folder: str | Path) -> StaticModel:
    """Read a folder of static embeddings. Raises ReadError that says what is missing or wrong, MissingExtra without tokenizers."""
    root = Path(folder)
    if not root.is_dir():
        raise ReadError(
            f"{root}: is no folder",
            "Name a folder of static embeddings: model.safetensors and tokenizer.json, as model2vec saves them.",
        )
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtra("--semantic needs the tokenizers package", "pip install 'ftdata[semantic]'") from None
    for name in ("model.safetensors", "tokenizer.json"):
        if not (root / name).is_file():
            raise ReadError(f"{root}: {name} is missing", "model2vec writes it with StaticModel.save_pretrained(folder).")
    tensors = read_safetensors(root / "model.safetensors")
    vectors = tensors.get("embeddings")
    if vectors is None or vectors.ndim != 2:
        raise ReadError(
            f"{root / 'model.safetensors'}: holds no tensor 'embeddings'",
            "It is no static model; a transformer's vectors are of no use here.",
        )
    try:
        tokenizer = Tokenizer.from_file(str(root / "tokenizer.json"))
    except Exception as error:
        raise ReadError(f"{root / 'tokenizer.json'}: is no tokenizer ({str(error)[:120]})", "Save the model anew.") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    mapping, weights = tensors.get("mapping"), tensors.get("weights")
    if mapping is None and tokenizer.get_vocab_size() > len(vectors):
        raise ReadError(
            f"{root}: the tokenizer has {tokenizer.get_vocab_size():,} tokens, the embeddings {len(vectors):,}",
            "They are not of one model.",
        )
    unknown = next((number for token in ("[UNK]", "<unk>") if (number := tokenizer.token_to_id(token)) is not None), None)
    return StaticModel(
        vectors.astype(np.float32), weights.astype(np.float32) if weights is not None else None,
        mapping.astype(np.int64) if mapping is not None else None, tokenizer, unknown,
    )  # fmt: skip


def read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file: a length, a JSON header, then raw numbers. Raises ReadError where it is none."""
    try:
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            if size > _LARGEST_HEADER:
                raise ValueError("its header is too large")
            header = json.loads(file.read(size))
            data = file.read()
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            kind = _TYPES.get(entry["dtype"]) or (
                np.int64 if entry["dtype"] == "I64" else np.int32 if entry["dtype"] == "I32" else None
            )
            if kind is None:
                raise ValueError(f"numbers of the type {entry['dtype']} are not read here")
            start, end = entry["data_offsets"]
            tensors[name] = np.frombuffer(data[start:end], kind).reshape(entry["shape"])
        return tensors
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ReadError(f"{path}: is no safetensors file that can be read ({error})", "Download it again.") from None


def similar(vectors: Vectors, threshold: float = THRESHOLD, progress: Progress | None = None) -> Iterator[tuple[int, int, float]]:
    """Yield (left, right, cosine) of every pair of rows at or above the threshold, left < right, in order."""
    count = len(vectors)
    for start in range(0, count, BLOCK):
        own = vectors[start : start + BLOCK]
        for other in range(start, count, 16 * BLOCK):
            scores = own @ vectors[other : other + 16 * BLOCK].T
            left, right = np.nonzero(scores >= threshold)
            order = np.lexsort((right, left))
            for a, b in zip(left[order].tolist(), right[order].tolist(), strict=True):
                if start + a < other + b:
                    yield start + a, other + b, float(scores[a, b])
        if progress is not None:
            # Pairs compared of all pairs: the first blocks have the most others.
            done = min(count, start + BLOCK)
            progress(done * count - done * done // 2, count * count // 2)
