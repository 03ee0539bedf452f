"""What a GGUF says of a tokenizer: tokens, their kinds, merges or scores, and how a text is cut before the merges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from ftdata.errors import ReadError, UsageError
from ftdata.template import ModelFolder
from ftdata.train.export.gguf.architecture import CONVERTER

# gguf.TokenType, gguf 0.19.0.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORDS = r"|[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CASED = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
_UPPER = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
_SLASH = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# The expression that tokenizer.json cuts a text by, and llama.cpp's name for it (src/llama-vocab.cpp, where each stands as
# "original regex from tokenizer.json"; llama-cpp-python 0.3.36, read 2026-11-23). With ignore_merges Llama 3's are "llama-bpe",
# which implies it; without it the same expression is "dbrx".
_BY_REGEX = {
    _CONTRACTIONS + _WORDS + r"|\p{N}{1,3}" + _REST: "dbrx",
    _CONTRACTIONS + _WORDS + r"|\p{N}" + _REST: "qwen2",
    _CASED + "|" + _UPPER + r"|\p{N}" + _SLASH: "tekken",
    _CASED + _CONTRACTIONS + "?|" + _UPPER + _CONTRACTIONS + r"?|\p{N}{1,3}" + _SLASH: "gpt-4o",
    _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+": "qwen35",
}
_IGNORES_MERGES = {"llama-bpe", "tekken"}


@dataclass(slots=True)
class Vocabulary:
    """A tokenizer as llama.cpp sees it. ``model`` is "gpt2" (byte-level BPE with ``merges``) or "llama" (``scores``).

    ``tokens`` and ``kinds`` have one entry for each row of the embedding. ``ids`` are the ids of special tokens by llama.cpp's names.
    """

    model: Literal["gpt2", "llama"]
    pre: str
    tokens: list[str]
    kinds: list[int]
    merges: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    adds_bos: bool = False
    adds_eos: bool = False
    space_prefix: bool | None = None
    template: str | None = None
    notes: list[str] = field(default_factory=list)


def read_vocabulary(folder: ModelFolder, size: int) -> Vocabulary:
    """Read the tokenizer of a model folder for an embedding of ``size`` rows.

    Raises UsageError where llama.cpp's name of its pre-tokenizer is not known, with the command of llama.cpp's own converter.
    """
    if folder.tokenizer_file is None:
        raise ReadError(f"{folder.path}: there is no tokenizer.json", "Save it with AutoTokenizer...save_pretrained(folder).")
    data = orjson.loads(folder.tokenizer_file.read_bytes())
    model = data.get("model") or {}
    if model.get("type") != "BPE":
        raise _unknown(folder.path, f"a tokenizer of the kind {model.get('type')}")
    if model.get("byte_fallback"):
        from ftdata.train.export.gguf.pieces import read_pieces

        made = read_pieces(folder.path, data, size)
    else:
        made = _byte_level(folder.path, data, size)
    _special(made, folder)
    return made


def _unknown(path: Path, words: str) -> UsageError:
    return UsageError(
        f"{path}: {words} is not written here; a wrong name would cut texts wrongly and nobody would see it",
        f"Merge it first (--merge), then use llama.cpp's own converter: {CONVERTER}",
    )


def _byte_level(path: Path, data: Mapping[str, Any], size: int) -> Vocabulary:
    model = data["model"]
    pre = recognise(data)
    if pre is None:
        raise _unknown(path, "its pre-tokenizer")
    by_id = {number: token for token, number in model["vocab"].items()}
    made = Vocabulary("gpt2", pre, *_tokens(path, by_id, data, size))
    made.merges = [_merge(entry) for entry in model.get("merges") or []]
    if data.get("normalizer") is not None:
        made.notes.append("the tokenizer normalises texts (NFC), llama.cpp does not: texts with decomposed letters differ")
    return made


def recognise(data: Mapping[str, Any]) -> str | None:
    """llama.cpp's name of a pre-tokenizer, by the expressions in tokenizer.json; ``None`` for one it has no sure name for."""
    steps = _steps(data.get("pre_tokenizer"))
    if steps is None:
        return None
    ignores = data["model"].get("ignore_merges") is True
    byte_levels = [step for step in steps if step.get("type") == "ByteLevel"]
    if len(byte_levels) != 1 or steps[-1] is not byte_levels[0] or byte_levels[0].get("add_prefix_space"):
        return None
    before, cuts = steps[:-1], byte_levels[0].get("use_regex", True)
    name: str | None = None
    if not before and cuts:
        name = "gpt-2"
    elif len(before) == 1 and before[0].get("type") == "Digits" and before[0].get("individual_digits") and cuts:
        name = "smollm"
    elif len(before) == 1 and before[0].get("type") == "Split" and not cuts and _isolates(before[0]):
        name = _BY_REGEX.get((before[0].get("pattern") or {}).get("Regex", ""))
        if name == "dbrx" and ignores:
            name = "llama-bpe"
    if name is None or ignores != (name in _IGNORES_MERGES):
        return None
    return name


def _steps(value: Any, depth: int = 0) -> list[dict[str, Any]] | None:
    if not isinstance(value, dict) or depth > 4:
        return None
    if value.get("type") != "Sequence":
        return [value]
    found: list[dict[str, Any]] = []
    for part in value.get("pretokenizers") or []:
        inner = _steps(part, depth + 1)
        if inner is None:
            return None
        found += inner
    return found


def _isolates(step: Mapping[str, Any]) -> bool:
    # Where an expression covers every text, cutting it out (Removed, inverted) and keeping it apart (Isolated) are the same.
    return (step.get("behavior"), bool(step.get("invert"))) in (("Isolated", False), ("Removed", True))


def _merge(entry: Any) -> str:
    """A merge as llama.cpp reads it: two tokens with a space between; a space inside one is written as Ġ (llama.cpp#9692)."""
    if isinstance(entry, str):
        return entry
    return " ".join(part.replace(" ", "Ġ") for part in entry)


def _tokens(path: Path, by_id: Mapping[int, str], data: Mapping[str, Any], size: int) -> tuple[list[str], list[int]]:
    """Tokens and kinds by id; rows of the embedding without a token are named and never produced."""
    tokens = [by_id.get(number, f"[PAD{number}]") for number in range(size)]
    kinds = [NORMAL if number in by_id else UNUSED for number in range(size)]
    beyond = max(by_id, default=0)
    for entry in data.get("added_tokens") or []:
        number, text = int(entry["id"]), str(entry["content"])
        beyond = max(beyond, number)
        if number < size:
            tokens[number] = text
            kinds[number] = CONTROL if entry.get("special") or looks_special(text) else USER_DEFINED
    if beyond >= size:
        raise UsageError(
            f"{path}: the tokenizer has a token {beyond}, the model's embedding {size:,} rows",
            "Take the tokenizer that belongs to the model.",
        )
    return tokens, kinds


def looks_special(text: str) -> bool:
    """Whether llama.cpp's converter takes an added token for a control token whatever the tokenizer says (conversion/base.py)."""
    return text in ("<pad>", "<mask>", "<2mass>", "[@BOS@]") or bool(re.fullmatch(r"<[|｜].*[|｜]>|<unused.*>", text, re.DOTALL))


def _special(made: Vocabulary, folder: ModelFolder) -> None:
    at = {text: number for number, text in enumerate(made.tokens) if made.kinds[number] != UNUSED}
    names = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding", "sep_token": "seperator"}
    for name, ours in names.items():
        if (number := at.get(folder.special.get(name, ""))) is not None:
            made.ids[ours] = number
    stops = [at[text] for text in folder.stop_tokens if text in at]
    if "eos" not in made.ids and stops:
        made.ids["eos"] = stops[0]
    # llama.cpp ends at eos and eot (and at tokens whose texts it knows): the second stop token is the end of a turn.
    other = [number for number in stops if number != made.ids.get("eos")]
    if other:
        made.ids["eot"] = other[0]
    made.adds_bos, made.adds_eos = bool(folder.adds_bos) and "bos" in made.ids, bool(folder.adds_eos) and "eos" in made.ids
    made.template = folder.chat_template
