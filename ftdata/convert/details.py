"""The details that a target decides: the form of arguments, the mask's key, roles, ids, where reasoning stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Details:
    """How a row of messages is spelled. As it stands: as OpenAI's fine-tuning API documents it.

    ``arguments`` of tool calls: JSON ``text`` or an ``object``. ``mask_key``: the message key of the loss weight,
    ``None`` where there is none. ``system``: ``keep``, or the one role (``system``, ``developer``) that the target
    knows. ``empty``: what stands beside tool calls that have no text (``keep``, ``empty`` "", ``null``, ``missing``).
    ``call_ids``: ``keep`` (and make those that are missing), ``9 characters`` (mistral-common), ``none``.
    ``reasoning_key``: the message key of reasoning, ``think`` to write it into the text, ``None`` to leave it out.
    ``tools``: definitions as a ``list`` or as JSON ``text``; ``nested``: wrapped in {"type", "function"} or bare.
    ``extra``: ``keep`` or ``drop`` keys that the format does not know.
    ``calls``: ``refuse`` rows with tool calls or results, for a trainer that stops at them. ``prompt`` of a labelled answer:
    turns of its ``own``, or those in front of the answer in the ``completion`` (Axolotl's argilla_chat).
    """

    arguments: Literal["text", "object"] = "text"
    mask_key: str | None = "weight"
    system: Literal["keep", "system", "developer"] = "keep"
    empty: Literal["keep", "empty", "null", "missing"] = "keep"
    call_ids: Literal["keep", "9 characters", "none"] = "keep"
    reasoning_key: str | None = "reasoning_content"
    tools: Literal["list", "text"] = "list"
    tools_key: str = "tools"
    nested: bool = True
    extra: Literal["keep", "drop"] = "keep"
    calls: Literal["keep", "refuse"] = "keep"
    prompt: Literal["own", "completion"] = "own"


OPENAI = Details()
_MASKS = frozenset({"weight", "loss", "loss_scale", "train", "training"})
_NAMES = frozenset(field.name for field in fields(Details))


def details_for(target: Mapping[str, Any]) -> Details:
    """The details of a target pack: the pack's whole mapping, or only its ``target`` facts.

    What a pack says in ``target: convert: {…}`` holds. The rest follows from its facts (``mask_key``) and from its
    rules: a target that finds fault with arguments as text gets objects, and so on. Raises ValueError for an unknown
    detail.
    """
    facts = target.get("target") or target
    rules = target.get("rules") or {}
    made = OPENAI
    if "mask_key" in facts:
        # Other masks (NeMo's row key, LLaMA-Factory v1's required weight) belong to formats that write them themselves.
        made = replace(made, mask_key=facts["mask_key"] if facts["mask_key"] in _MASKS else None)
    if _raised(rules, "arguments-string"):
        made = replace(made, arguments="object")
    if _raised(rules, "developer-role"):
        made = replace(made, system="system")
    if _raised(rules, "null-content") or _raised(rules, "content-key-absent"):
        made = replace(made, empty="empty")
    if _raised(rules, "tool-call-id-format"):
        made = replace(made, call_ids="9 characters")
    if _raised(rules, "extra-key") or _raised(rules, "extra-message-key", "error"):
        made = replace(made, extra="drop")
    reasoning = rules.get("reasoning-ignored")
    if isinstance(reasoning, Mapping) and "keys" in reasoning:
        keys = list(reasoning["keys"] or ())
        made = replace(made, reasoning_key=made.reasoning_key if made.reasoning_key in keys else next(iter(keys), None))
    given = facts.get("convert") or {}
    unknown = sorted(set(given) - _NAMES)
    if unknown:
        raise ValueError(f"unknown detail '{unknown[0]}'; known: {', '.join(sorted(_NAMES))}")
    return replace(made, **given)


def _raised(rules: Mapping[str, Any], name: str, *severities: str) -> bool:
    """Whether the target finds fault with something, by default as an error or a warning."""
    entry = rules.get(name)
    severity = entry.get("severity") if isinstance(entry, Mapping) else entry
    return severity in (severities or ("error", "warning"))
