"""What a chat template does to every answer: the token that ends it, what it writes before it, and which tokens are missing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ftdata.template import ModelFolder, Renderer
from ftdata.template.special import SpecialTokens
from ftdata.train.routes import conversation

_USER, _ANSWER = "zqhabituserqz", "zqhabitanswerqz"


@dataclass(frozen=True, slots=True)
class Habits:
    """``stops`` are the tokens that end an answer, ``before`` is what the template writes of its own at the beginning of one, and
    ``notes`` are what holds for every sequence."""

    stops: tuple[str, ...]
    before: str = ""
    notes: tuple[str, ...] = ()


def find_habits(renderer: Renderer, folder: ModelFolder, special: SpecialTokens, as_parts: bool = False) -> Habits:
    """Find them by rendering a question and its answer. ``as_parts`` says that the template prints lists of parts only."""
    turns = [_turn("user", _USER, as_parts), _turn("assistant", _ANSWER, as_parts)]
    prompt, once, twice = renderer.render_many(
        [conversation(turns[:1], None, prompt=True), conversation(turns, None), conversation([*turns, *turns], None)]
    )
    stops, notes = folder.stop_tokens, []
    if once.fault is not None:
        return Habits(stops)
    bos = folder.special.get("bos_token")
    if bos and folder.adds_bos and not once.text.startswith(bos):
        notes.append(f"the template writes no {bos}, and none is added, though the tokenizer adds one to other texts")
    for name in ("bos_token", "eos_token"):
        if name not in folder.special and re.search(rf"\b{name}\b", renderer.source):
            notes.append(f"the template prints {name}, which no file of the model names: it is left out")
    head, found, _ = once.text.partition(_ANSWER)
    before = head[len(prompt.text) :] if found and prompt.fault is None and head.startswith(prompt.text) else ""
    if not stops:
        text = twice.text if twice.fault is None and _ANSWER in twice.text else once.text
        tail = text.partition(_ANSWER)[2]
        first = next(special.find(tail), None)
        if first is not None and not tail[: first[1]].strip():
            stops = (first[0],)
            notes.append(
                f"no file of the model says what ends an answer: {first[0]} is taken, which the template writes after it"
            )
    return Habits(stops, before if before.strip() else "", tuple(notes))


def _turn(role: str, text: str, as_parts: bool) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": text}] if as_parts else text}
