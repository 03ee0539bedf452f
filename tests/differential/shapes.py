"""The clean rows that the faults are put into: conversations, with and without tools or parts, and pairs."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
Turn = dict[str, Any]
QUESTIONS = ("Is the bridge open at noon?", "오늘 배가 뜨나요?", "Which knot holds a wet rope?", "How deep is the channel?")
ANSWERS = ("Yes, until three.", "네, 두 번 뜹니다.", "A double sheet bend.", "Four metres at low water.")
SYSTEMS = ("You answer for the harbour office.", "Be brief.")
PLACES = ("Whitby", "Busan", "Brest")
PIXEL = "data:image/png;base64,iVBORw0KGgo="


@dataclass(frozen=True)
class Style:
    """How calls are written where no fault says otherwise. ``ids``: "openai" or "mistral"; ``arguments``: "text" or "object"."""

    ids: str = "openai"
    arguments: str = "text"


def tool(name: str = "tide_at") -> Row:
    """Return a tool's definition as OpenAI writes it."""
    place = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
    return {"type": "function", "function": {"name": name, "description": "High water at a place.", "parameters": place}}


def call(rng: random.Random, style: Style) -> Turn:
    """Return one tool call with an id of its own."""
    letters = "".join(rng.choices("abcdefghijkmnpqrstuvwxyz0123456789ABCDEF", k=9))
    arguments: Any = {"place": rng.choice(PLACES)}
    if style.arguments == "text":
        arguments = json.dumps(arguments)
    identity = letters if style.ids == "mistral" else f"call_{letters}"
    return {"id": identity, "type": "function", "function": {"name": "tide_at", "arguments": arguments}}


def said(role: str, rng: random.Random) -> Turn:
    return {"role": role, "content": rng.choice({"system": SYSTEMS, "user": QUESTIONS}.get(role, ANSWERS))}


def plain(rng: random.Random, style: Style) -> Row:
    """Return a conversation of one to three questions and answers, half of them with a system turn."""
    turns = [said("system", rng)] if rng.random() < 0.5 else []
    for _ in range(rng.choice((1, 1, 2, 3))):
        turns += [said("user", rng), said("assistant", rng)]
    return {"messages": turns}


def with_tools(rng: random.Random, style: Style) -> Row:
    """Return a conversation in which one or two tools are called at once, answered, and the answer used."""
    turns = [said("system", rng)] if rng.random() < 0.4 else []
    for _ in range(rng.choice((1, 1, 1, 2))):
        calls = [call(rng, style) for _ in range(rng.choice((1, 1, 1, 2)))]
        turns += [said("user", rng), {"role": "assistant", "content": "", "tool_calls": calls}]
        turns += [{"role": "tool", "tool_call_id": made["id"], "content": '{"height": 4.1}'} for made in calls]
        turns.append(said("assistant", rng))
    return {"messages": turns, "tools": [tool()]}


def with_parts(rng: random.Random, style: Style) -> Row:
    """Return a conversation whose contents are all lists of parts, half of them with an image in a question."""
    row = plain(rng, style)
    for turn in row["messages"]:
        turn["content"] = [{"type": "text", "text": turn["content"]}]
    if rng.random() < 0.5:
        asked = next(turn for turn in row["messages"] if turn["role"] == "user")
        asked["content"].append({"type": "image_url", "image_url": {"url": PIXEL}})
    return row


def preference(rng: random.Random, style: Style) -> Row:
    """Return a preference pair as OpenAI's method wants it."""
    prompt = plain(rng, style)["messages"][:-1]
    good, bad = rng.sample(ANSWERS, 2)
    return {
        "input": {"messages": prompt},
        "preferred_output": [{"role": "assistant", "content": good}],
        "non_preferred_output": [{"role": "assistant", "content": bad}],
    }


def pair(rng: random.Random, style: Style) -> Row:
    """Return a preference pair as TRL wants it: the prompt apart, or inside both sides."""
    prompt = plain(rng, style)["messages"][:-1]
    good, bad = ([{"role": "assistant", "content": text}] for text in rng.sample(ANSWERS, 2))
    if rng.random() < 0.5:
        return {"prompt": prompt, "chosen": good, "rejected": bad}
    return {"chosen": [*copy.deepcopy(prompt), *good], "rejected": [*prompt, *bad]}


def prompted(rng: random.Random, style: Style) -> Row:
    """Return a prompt with its completion, as turns or as text, some of them with a label."""
    turns = plain(rng, style)["messages"]
    row: Row = {"prompt": turns[:-1], "completion": turns[-1:]}
    if rng.random() < 0.4:
        row = {"prompt": turns[-2]["content"], "completion": turns[-1]["content"]}
    if rng.random() < 0.4:
        row["label"] = rng.random() < 0.5
    return row


def text(rng: random.Random, style: Style) -> Row:
    """Return a row of plain text, or of a prompt and a completion."""
    if rng.random() < 0.5:
        return {"text": f"{rng.choice(QUESTIONS)} {rng.choice(ANSWERS)}"}
    return {"prompt": rng.choice(QUESTIONS), "completion": rng.choice(ANSWERS)}
