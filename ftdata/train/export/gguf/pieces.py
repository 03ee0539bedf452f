"""Tokenizers of SentencePiece's kind (Llama 2, Mistral, Gemma, Phi 3): scores out of the merges, checked by doing what llama.cpp does."""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftdata.errors import UsageError
from ftdata.train.export.gguf.architecture import CONVERTER

if TYPE_CHECKING:
    from ftdata.train.export.gguf.vocabulary import Vocabulary

SPACE = "\u2581"
_LONGEST = 4_000


def read_pieces(path: Path, data: Mapping[str, Any], size: int) -> Vocabulary:
    """Tokens with scores from a tokenizer.json with byte fallback. A merge that comes earlier has a higher score."""
    from ftdata.train.export.gguf.vocabulary import (
        BYTE,
        CONTROL,
        NORMAL,
        UNKNOWN,
        USER_DEFINED,
        Vocabulary,
        _tokens,
    )

    model = data["model"]
    made = Vocabulary("llama", "default", *_tokens(path, {n: token for token, n in model["vocab"].items()}, data, size))
    rank: dict[str, int] = {}
    for number, entry in enumerate(model.get("merges") or []):
        left, right = entry.split(" ", 1) if isinstance(entry, str) else entry
        rank.setdefault(left + right, number)
    made.scores = [-float(rank.get(token, len(rank))) for token in made.tokens]
    for number, token in enumerate(made.tokens):
        if made.kinds[number] == NORMAL and re.fullmatch(r"<0x[0-9A-F]{2}>", token):
            made.kinds[number] = BYTE
        elif made.kinds[number] == USER_DEFINED:
            made.tokens[number] = token.replace(SPACE, " ")
        if made.kinds[number] in (CONTROL, USER_DEFINED):
            made.scores[number] = -1000.0
    unknown = model["vocab"].get(model.get("unk_token"))
    if unknown is not None and unknown < size and made.kinds[unknown] in (NORMAL, CONTROL):
        made.kinds[unknown] = UNKNOWN
    prefix = _prefix(data)
    made.space_prefix = prefix == "always"
    if prefix == "first":
        made.notes.append("a text without a chat template gets no space before its first word, which this tokenizer would add")
    return made


def _prefix(data: Mapping[str, Any]) -> str:
    """Whether a space is put before a text: "always" (after each control token too), "first" (at the very beginning) or "never"."""
    for part in _parts(data.get("normalizer")) + _parts(data.get("pre_tokenizer")):
        if part.get("type") == "Prepend" and part.get("prepend") == SPACE:
            return "always"
        if part.get("type") == "Metaspace":
            return str(part.get("prepend_scheme", "always" if part.get("add_prefix_space", True) else "never"))
    return "never"


def _parts(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, dict):
        return []
    inner = value.get("normalizers") or value.get("pretokenizers")
    return [part for part in inner if isinstance(part, dict)] if isinstance(inner, list) else [value]


def encode(made: Vocabulary, text: str) -> list[int]:
    """The tokens of a text without control tokens, as llama.cpp's ``llm_tokenizer_spm_session`` finds them (read 2026-11-23)."""
    from ftdata.train.export.gguf.vocabulary import UNUSED

    ids = {token: number for number, token in reversed(list(enumerate(made.tokens))) if made.kinds[number] != UNUSED}
    text = text.replace(" ", SPACE)
    if made.space_prefix and text:
        text = SPACE + text
    symbols: list[str] = list(text)
    before, after = list(range(-1, len(symbols) - 1)), [*range(1, len(symbols)), -1]
    queue: list[tuple[float, int, int, int]] = []

    def add(left: int, right: int) -> None:
        if left >= 0 and right >= 0 and (number := ids.get(symbols[left] + symbols[right])) is not None:
            heapq.heappush(queue, (-made.scores[number], left, right, len(symbols[left]) + len(symbols[right])))

    for at in range(1, len(symbols)):
        add(at - 1, at)
    while queue:
        _, left, right, length = heapq.heappop(queue)
        if not symbols[left] or not symbols[right] or len(symbols[left]) + len(symbols[right]) != length:
            continue
        symbols[left] += symbols[right]
        symbols[right] = ""
        after[left] = after[right]
        if after[right] >= 0:
            before[after[right]] = left
        add(before[left], left)
        add(left, after[left])
    found: list[int] = []
    for symbol in filter(None, symbols):
        if symbol in ids:
            found.append(ids[symbol])
        else:
            found += [ids.get(f"<0x{byte:02X}>", made.ids.get("unknown", 0)) for byte in symbol.encode("utf-8", "replace")]
    return found


def check_pieces(made: Vocabulary, path: Path, tokenizer: Any, texts: Sequence[str]) -> int:
    """Compare the tokens that llama.cpp would find with the tokenizer's own. Returns how many texts; raises UsageError at a difference."""
    checked = 0
    for text in texts:
        text = text[:_LONGEST]
        wanted = tokenizer.encode(text, add_special_tokens=False).ids
        if made.space_prefix is False and _starts_with_prefix(tokenizer, wanted, text):
            continue
        if encode(made, text) != wanted:
            raise UsageError(
                f"{path}: llama.cpp would cut texts into other tokens than this tokenizer (for example {text[:40]!r})",
                f"Merge it first (--merge), then use llama.cpp's own converter: {CONVERTER}",
            )
        checked += 1
    return checked


def _starts_with_prefix(tokenizer: Any, ids: Sequence[int], text: str) -> bool:
    first = tokenizer.id_to_token(ids[0]) if ids else ""
    return bool(first and first.startswith(SPACE) and not text.startswith(" "))
