"""Which format a target reads best, for the data at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ftdata.convert.details import Details, details_for
from ftdata.convert.render import UNWRITABLE, WRITABLE
from ftdata.errors import UsageError, suggest
from ftdata.formats.registry import FORMATS
from ftdata.types import Kind, Sample

# What a target reads best, where it is not the first of its formats that fits. By kind; "tools" and "media" are SFT data
# that has them.
_BEST: Mapping[str, Mapping[str, str]] = {
    # formatting: openai adds "detailed thinking off" to system prompts (formats.md P803); ShareGPT with its own tool turns does not.
    "llama-factory": {"sft": "sharegpt", "tools": "sharegpt-tools-lf", "media": "messages-mm-columns", "preference": "sharegpt-ranking",
                      "unpaired-preference": "sharegpt-kto", "text": "text-lm"},
    "axolotl": {"preference": "preference-messages-axolotl", "unpaired-preference": "unpaired-kto"},
    "trl": {"preference": "preference-explicit-conv", "unpaired-preference": "unpaired-kto", "prompt-only": "trl-prompt-only",
            "reinforcement": "trl-prompt-only"},
    "torchtune": {"preference": "preference-implicit-conv"},
    "ms-swift": {"sft": "swift-messages", "preference": "preference-messages-swift", "unpaired-preference": "messages-kto"},
    # A dataset without the column conversations is given back untouched: tool calls go through its messages, as in TRL.
    "unsloth": {"sft": "sharegpt-rolecontent", "tools": "openai-chat-tools"},
    "mistral": {"sft": "openai-chat"},
}  # fmt: skip
_TOOLED = {"openai-chat": "openai-chat-tools", "sharegpt": "sharegpt-tools-lf", "anthropic": "anthropic-tools"}


@dataclass(slots=True)
class Seen:
    """What the first rows of the data are: how many samples of each kind, and whether any has tools or media."""

    kinds: Counter[Kind] = field(default_factory=Counter)
    tools: bool = False
    media: bool = False

    def add(self, sample: Sample) -> None:
        """Take note of a sample."""
        if sample.problem is not None:
            return
        self.kinds[sample.kind] += 1
        turns = sample.turns()
        self.tools = self.tools or bool(sample.tools) or any(turn.tool_calls or turn.role == "tool" for turn in turns)
        self.media = self.media or bool(sample.media) or any(
            part.type in ("image", "audio", "video") for turn in turns if isinstance(turn.content, list) for part in turn.content
        )  # fmt: skip


def check_format(name: str) -> str:
    """Return the name of a format that can be written. Raises UsageError for any other, with why or a suggestion."""
    if name in WRITABLE:
        return name
    if name in UNWRITABLE:
        raise UsageError(f"--to {name}: {UNWRITABLE[name]}", f"Formats that can be written: {', '.join(WRITABLE)}.")
    raise UsageError(f"unknown format '{name}'.{suggest(name, WRITABLE)}", f"Formats that can be written: {', '.join(WRITABLE)}.")


def choose_format(target: str, facts: Mapping[str, Any], seen: Seen, *, drop_rejected: bool = False, unpair: bool = False) -> str:
    """Return the format that a target reads best, for most of the samples seen. Raises UsageError where it has none for them."""
    if not seen.kinds:
        raise UsageError(
            "no row holds a conversation, so no format can be chosen", "Name the columns with --map, or the format with --from."
        )
    kind: Kind = seen.kinds.most_common(1)[0][0]
    if drop_rejected and kind in ("preference", "unpaired-preference"):
        kind = "sft"
    elif unpair and kind == "preference":
        kind = "unpaired-preference"
    accepted: Sequence[str] = [
        name for name in facts.get("formats") or ("openai-chat", "openai-dpo", "messages-kto", "openai-rft") if name in WRITABLE
    ]
    wanted = "media" if kind == "sft" and seen.media else "tools" if kind == "sft" and seen.tools else kind
    best = _BEST.get(target.partition(":")[0], {})
    name = best.get(wanted) or best.get(kind) or _first(accepted, kind)
    if name is None:
        others = ", ".join(sorted({_WORDS[FORMATS[item].kind] for item in accepted}))
        hint = "Name a format with --to to write it all the same."
        if kind in ("preference", "unpaired-preference"):
            hint = "--drop-rejected keeps the better answers only, as conversations."
        raise UsageError(f"target {target} reads no {_WORDS.get(kind, kind)} (it reads {others})", hint)
    return _TOOLED.get(name, name) if wanted == "tools" and _TOOLED.get(name) in accepted else name


_WORDS = {"sft": "conversations", "preference": "preference pairs", "unpaired-preference": "labelled answers", "text": "plain text",
          "reinforcement": "prompts with references", "prompt-only": "prompts", "none": "such rows"}  # fmt: skip


def _first(accepted: Iterable[str], kind: str) -> str | None:
    return next((name for name in accepted if FORMATS[name].kind == kind), None)


def merged(packs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The target facts and the rules of several packs, the later ones before the earlier."""
    facts: dict[str, Any] = {}
    rules: dict[str, Any] = {}
    for data in packs:
        facts |= data.get("target") or {}
        rules |= data.get("rules") or {}
    return {"target": facts, "rules": rules}


def target_details(packs: Iterable[Mapping[str, Any]]) -> Details:
    """How a target, given as its packs, wants rows to be spelled."""
    return details_for(merged(packs))
