"""Merge an adapter into its base, in the number type of the checkpoint and never into four bits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ftdata.train.card import write_card
from ftdata.train.export.prove import Proof, Reference, compare
from ftdata.train.export.source import (
    CARD_NOTE,
    ExportError,
    Source,
    check_sixteen_bits,
    copy_tokenizer,
    need_space,
    weights_size,
    whole_folder,
)
from ftdata.train.local.inference import load

Say = Callable[[str], None]


def merge(source: Source, target: Path, reference: Reference, say: Say) -> Proof:
    """Write the merged model into ``target``, which appears whole and proven or not at all. Returns the proof.

    Raises ExportError where the logits differ too much or the disk is full, UsageError where the folder is there already.
    """
    need_space(target, int(1.05 * weights_size(source.base)))
    check_sixteen_bits(source)
    with whole_folder(target) as half:
        proof = merge_into(source, half, reference, say)
        copy_tokenizer(source, half)
        write_card(source.run, half)
        _own_card(half, proof)
    return proof


def merge_into(source: Source, half: Path, reference: Reference, say: Say) -> Proof:
    """Merge into a folder that is not yet the result, load it again from there and prove it. Raises ExportError."""
    say(f"merging {source.output} into {source.base}")
    stored = write_merged(source, half)
    say("loading it again, comparing its logits")
    proof = compare(load(half, device=reference.device, dtype=reference.dtype), reference, "merged model", stored)
    proof.require()
    return proof


def write_merged(source: Source, half: Path) -> str:
    """Merge on the CPU, in the checkpoint's number type, and save. Returns that type."""
    import torch

    stored = stored_type(source.base)
    loaded = load(source.base, source.output, device="cpu", dtype=stored)
    # peft keeps the adapter in float32: weight and change are added in float32 and rounded once. Its safe_merge rounds the change
    # by itself first, and then the sum (peft 0.21.2, tuners/lora/layer.py, read 2026-11-23).
    model = loaded.model.merge_and_unload(safe_merge=False)
    model.config.use_cache = True
    broken = [name for name, weight in model.named_parameters() if not bool(torch.isfinite(weight).all())]
    if broken:
        raise ExportError(f"{broken[0]}: merged weights that are no numbers", "The adapter is damaged, or too large for float16.")
    model.to(getattr(torch, stored)).save_pretrained(half, max_shard_size="5GB")
    return stored


def stored_type(folder: Path) -> str:
    """The number type of a checkpoint's weights, read from the header of the first file."""
    import struct

    names = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(min(size, 100 << 20)))
        kinds = [entry["dtype"] for name, entry in header.items() if name != "__metadata__" and entry["dtype"] in names]
        if kinds:
            return names[max(set(kinds), key=kinds.count)]
    return "float32"


def _own_card(half: Path, proof: Proof) -> None:
    """Say in the card that this is the merged model, and how it was proven."""
    path = half / "ftdata.json"
    facts = json.loads(path.read_text("utf-8"))
    facts["export"] = {
        "kind": "merged", "difference": proof.difference, "tolerance": proof.tolerance, "agreement": proof.agreement,
        "positions": proof.positions, "effect": proof.effect,
    }  # fmt: skip
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
    readme = half / "README.md"
    text = readme.read_text("utf-8").replace("library_name: peft", "library_name: transformers")
    readme.write_text(text + CARD_NOTE + "".join(f"{line}\n" for line in proof.lines()), "utf-8")
