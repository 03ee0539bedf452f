"""Where in a rendered conversation the trained text stands, found in ways that are checked and never assumed.

1. *stable* templates print a conversation up to any turn as the beginning of the whole: then the whole is one sequence.
   ``{% generation %}`` says what is trained where the template has it and it agrees with the turns; else it is what the turn adds
   to the prompt that inference would see: ``render(turns before, generation prompt)`` must be the beginning of
   ``render(turns up to it)``, and that the beginning of the whole.
2. Templates that *rewrite history* (Qwen 3, Phi 3, DeepSeek: reasoning of earlier answers disappears, an end token follows the
   last turn only) get one sequence for each answer, rendered up to it, which is what inference sees.
3. Where the prompt of inference says more than the rendering with the answer (Mistral: the system prompt), the two are *composed*.
4. Where the generation prompt itself begins the answer (DeepSeek R1 writes ``<think>``) the answer is *anchored*: it begins where
   a text that cannot occur stands when it takes its place. The difference to the prompt of inference is noted.

What none of these can verify is refused, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ftdata.template import Conversation, Rendered, Renderer

Route = Literal["generation", "prefix", "per turn", "composed", "anchored"]
# So many characters before the answer must be the same in both for them to be put together; as few as a marker has.
_ENDING, _LEAST = 8, 4
_SENTINELS = ("zqanchorqz", "qxanchorxq")
Turns = list[dict[str, Any]]


@dataclass(slots=True)
class Text:
    """A rendered text with the (start, end) spans of characters that are trained, end exclusive, in order."""

    text: str
    spans: list[tuple[int, int]]
    route: Route
    turns: tuple[int, ...]
    notes: list[str] = field(default_factory=list)


class Unverified(Exception):
    """No way of finding the trained text could be verified; the words say why."""


def conversation(turns: Turns, tools: list[Any] | None, prompt: bool = False) -> Conversation:
    """A rendering of turns; with ``prompt`` the one that inference begins with."""
    return Conversation(turns, tools, {"add_generation_prompt": True} if prompt else None)


def find_texts(
    renderer: Renderer, turns: Turns, tools: list[Any] | None, trained: Sequence[int], stops: Sequence[str], *, first: int = 0
) -> list[Text]:
    """Return the sequences of a conversation. ``trained`` are the indexes of the turns to train, ``stops`` the tokens that end one.

    ``first`` is where the answers begin that belong together (the continuation of a preference). Raises Unverified.
    """
    if not trained:
        return []
    asked = [conversation(turns, tools)]
    for at in trained:
        asked += [conversation(turns[:at], tools, prompt=True), conversation(turns[: at + 1], tools)]
    whole, *others = renderer.render_many(asked)
    _ok(whole)
    prompts, upto = others[::2], others[1::2]
    stable = all(_ok(made).text == whole.text[: len(made.text)] for made in upto)
    if stable:
        marked = _generation(whole, turns, trained, stops)
        if marked is not None:
            return [marked]
    places = [_place(renderer, turns, tools, at, prompt, made) for at, prompt, made in zip(trained, prompts, upto, strict=True)]
    if stable and not any(place.route == "composed" for place in places):
        notes = list(dict.fromkeys(place.note for place in places if place.note))
        spans = [_ended(whole.text, place.start, len(place.text), stops, notes) for place in places]
        return [
            Text(whole.text, spans, "anchored" if any(p.route == "anchored" for p in places) else "prefix", tuple(trained), notes)
        ]
    texts = []
    for at, place in zip(trained, places, strict=True):
        notes = [place.note] if place.note else []
        span = _ended(place.text, place.start, len(place.text), stops, notes)
        texts.append(Text(place.text, [span], "per turn" if place.route == "prefix" else place.route, (at,), notes))
    return texts


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an answer begins in a text that ends with it."""

    text: str
    start: int
    route: Route
    note: str | None = None


def _ok(made: Rendered) -> Rendered:
    if made.fault is not None:
        raise Unverified(f"the template cannot render it: {made.fault.words}")
    return made


def _generation(whole: Rendered, turns: Turns, trained: Sequence[int], stops: Sequence[str]) -> Text | None:
    """The spans of ``{% generation %}``, where there is one for each answer and the answer's text is in it."""
    spans = [span for span in whole.spans if span[1] > span[0]]
    answers = [at for at, turn in enumerate(turns) if turn.get("role") == "assistant"]
    if not spans or len(spans) != len(answers):
        return None
    chosen = []
    for at, (start, end) in zip(answers, spans, strict=True):
        content = turns[at].get("content")
        if isinstance(content, str) and content.strip() and content.strip() not in whole.text[start:end]:
            return None
        if at in trained:
            chosen.append(_with_stop(whole.text, start, end, stops))
    return Text(whole.text, chosen, "generation", tuple(trained))


def _place(renderer: Renderer, turns: Turns, tools: list[Any] | None, at: int, prompt: Rendered, made: Rendered) -> _Place:
    """Find the answer of turn ``at``. Raises Unverified."""
    if prompt.fault is None and made.text.startswith(prompt.text) and len(prompt.text) < len(made.text):
        return _Place(made.text, len(prompt.text), "prefix")
    turn = turns[at]
    asked = []
    for sentinel in _SENTINELS:
        content: Any = sentinel
        if isinstance(turn.get("content"), list):
            content = [{"type": "text", "text": sentinel}]
        asked.append(conversation([*turns[:at], {"role": turn["role"], "content": content}], tools))
    first, second = renderer.render_many(asked)
    ends = [one.text.find(sentinel) for one, sentinel in zip((first, second), _SENTINELS, strict=True)]
    if first.fault is None and second.fault is None and ends[0] == ends[1] >= 0:
        head = first.text[: ends[0]]
        if head == second.text[: ends[1]] and made.text.startswith(head) and len(head) < len(made.text):
            return _composed(prompt, made, head) or _anchored(prompt, made, head)
    raise Unverified(
        f"turn {at + 1}: the template prints the answer differently from what follows its generation prompt, so where it begins cannot be verified"
    )


def _composed(prompt: Rendered, made: Rendered, head: str) -> _Place | None:
    """The prompt of inference followed by the answer, where both end the question alike.

    Mistral prints the system prompt only while the user has the last word: with the answer rendered after it, it is gone.
    """
    if prompt.fault is not None:
        return None
    bare = head.rstrip()
    for known in (head, bare):
        ending = known[-_ENDING:]
        if len(ending.strip()) >= _LEAST and prompt.text.endswith(ending) and len(prompt.text) > len(known):
            return _Place(prompt.text + made.text[len(known) :], len(prompt.text), "composed")
    return None


def _anchored(prompt: Rendered, made: Rendered, head: str) -> _Place:
    extra = _tail(prompt.text, head) if prompt.fault is None else ""
    words = "the prompt of inference does not stand before the answer"
    return _Place(made.text, len(head), "anchored", f"{words}: it ends in {extra!r}" if extra else words)


def _tail(prompt: str, head: str) -> str:
    """What the prompt of inference has that the text before the answer has not."""
    shared = 0
    while shared < min(len(prompt), len(head)) and prompt[shared] == head[shared]:
        shared += 1
    return prompt[shared:][-80:]


def _ended(text: str, start: int, end: int, stops: Sequence[str], notes: list[str]) -> tuple[int, int]:
    """The span of an answer with the token that ends it, and without white space after that token, which inference never writes."""
    part = text[start:end]
    bare = part.rstrip()
    stop = next((stop for stop in stops if stop and bare.endswith(stop)), None)
    if stop is not None:
        return start, start + len(bare)
    extended = _with_stop(text, start, end, stops)
    if extended == (start, end) and stops:
        words = "no token that ends a generation follows the answer: the model does not learn to stop there"
        if words not in notes:
            notes.append(words)
    return extended


def _with_stop(text: str, start: int, end: int, stops: Sequence[str]) -> tuple[int, int]:
    """Take in a stop token that directly follows: GLM ends a turn with the marker of the next one."""
    if any(stop and text[start:end].rstrip().endswith(stop) for stop in stops):
        return start, start + len(text[start:end].rstrip())
    for stop in sorted((stop for stop in stops if stop), key=len, reverse=True):
        if text.startswith(stop, end):
            return start, end + len(stop)
    return start, end
