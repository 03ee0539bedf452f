"""Trees of replies: the best path is the conversation."""

from __future__ import annotations

from typing import Any

from ftdata.formats.chat import turn
from ftdata.formats.fields import keep_unused, parser, type_name
from ftdata.types import ABSENT, Malformed, Sample

_LAST = 99


def _replies(node: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    found = node.get("replies")
    return [(index, reply) for index, reply in enumerate(found if isinstance(found, list) else ()) if isinstance(reply, dict)]


def _leaves(root: dict[str, Any]) -> int:
    """How many paths a tree has; without recursion, for trees may be deep."""
    waiting, leaves = [root], 0
    while waiting:
        replies = [reply for _, reply in _replies(waiting.pop())]
        leaves += not replies
        waiting += replies
    return leaves


@parser("oasst-tree")
def _oasst(row: dict[str, Any], sample: Sample) -> None:
    root, pointer = row.get("prompt"), "/prompt"
    if not isinstance(root, dict):
        sample.problem = f"prompt is {type_name(root)}, not an object" if "prompt" in row else "the key 'prompt' is missing"
        keep_unused(row, sample, ("prompt",))
        return
    node = root
    while True:
        source, text = node.get("role"), node.get("text", ABSENT)
        role = {"prompter": "user"}.get(source, source) if isinstance(source, str) else None
        content = text if isinstance(text, str) or text is None or text is ABSENT else Malformed(text)
        sample.messages.append(turn(role, content, pointer, "text", source))
        replies = _replies(node)
        if not replies:
            break
        index, node = min(replies, key=lambda pair: (pair[1]["rank"] if isinstance(pair[1].get("rank"), int) else _LAST, pair[0]))
        pointer = f"{pointer}/replies/{index}"
    others = _leaves(root) - 1
    if others:
        sample.extra["other_leaves"] = others
    # A tree whose best path ends on the prompter gives one turn less.
    if len(sample.messages) > 1 and sample.messages[-1].role == "user":
        sample.messages.pop()
