"""Where in a rendered conversation the trained text stands, found in ways that are checked and never assumed.

1. *stable* templates print a conversation up to any turn as the beginning of the whole: then the whole is one sequence.
   ``{% generation %}`` says what is trained where the template has it and it agrees with the turns; else it is what the turn adds
   to the prompt that inference would see: ``render(turns before, generation prompt)`` must be the beginning of
   ``render(turns up to it)``, and that the beginning of the whole.
2. Templates that *rewrite history* (Qwen 3, Phi 3, DeepSeek: reasoning of earlier answers disappears, an end token follows the
   last turn only) get one sequence for each answer, rendered up to it, which is what inference sees.
3. Where the prompt of inference says more than the rendering with the answer (Mistral: the system prompt), the two are *composed*,
   if both print the same between the question and the answer.
4. Where the generation prompt itself begins the answer (DeepSeek R1 writes ``<think>``) the answer is *anchored*: it begins where
   a text that cannot occur stands when it takes its place. The difference to the prompt of inference is noted.

What none of these can verify is refused, with the reason. The search for one conversation is a generator that asks for renderings,
so that those of many conversations go to the sandbox together.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, TypeVar

from ftdata.template import Conversation, Rendered, Renderer

Route = Literal["generation", "prefix", "per turn", "composed", "anchored"]
_SENTINELS = ("zqanchorqz", "qxanchorxq")
NO_STOP = "no token that ends a generation follows the answer: the model does not learn to stop there"
Turns = list[dict[str, Any]]
Made = TypeVar("Made")
Steps = Generator[list[Conversation], list[Rendered], Made]


@dataclass(slots=True)
class Text:
    """A rendered text with the (start, end) spans of characters that are trained, end exclusive, in order."""

    text: str
    spans: list[tuple[int, int]]
    route: Route
    turns: tuple[int, ...]
    notes: list[str] = field(default_factory=list)

    def note(self, words: str) -> None:
        """Add a note, once."""
        if words not in self.notes:
            self.notes.append(words)


class Unverified(Exception):
    """No way of finding the trained text could be verified; the words say why."""


def conversation(turns: Turns, tools: list[Any] | None, prompt: bool = False) -> Conversation:
    """A rendering of turns; with ``prompt`` the one that inference begins with."""
    return Conversation(turns, tools, {"add_generation_prompt": True} if prompt else None)


def run(renderer: Renderer, steps: Steps[Made]) -> Made:
    """Render what one search asks for until it is done. Raises what it raises."""
    try:
        asked = next(steps)
        while True:
            asked = steps.send(renderer.render_many(asked))
    except StopIteration as end:
        made: Made = end.value
        return made


def run_many(renderer: Renderer, searches: Sequence[Steps[Made]]) -> list[Made | Unverified]:
    """Run searches side by side: what they ask for in each step is rendered together."""
    results: list[Any] = [None] * len(searches)
    answers: dict[int, list[Rendered] | None] = dict.fromkeys(range(len(searches)))
    while answers:
        asked: list[tuple[int, list[Conversation]]] = []
        for number, answer in answers.items():
            steps = searches[number]
            try:
                asked.append((number, next(steps) if answer is None else steps.send(answer)))
            except StopIteration as end:
                results[number] = end.value
            except Unverified as error:
                results[number] = error
        rendered = iter(renderer.render_many([one for _, some in asked for one in some]))
        answers = {number: [next(rendered) for _ in some] for number, some in asked}
    return results


def find_texts(
    renderer: Renderer, turns: Turns, tools: list[Any] | None, trained: Sequence[int], stops: Sequence[str]
) -> list[Text]:
    """Return the sequences of a conversation. ``trained`` are the indexes of the turns to train, ``stops`` the tokens that end one.

    Raises Unverified.
    """
    return run(renderer, search(turns, tools, trained, stops))


def search(turns: Turns, tools: list[Any] | None, trained: Sequence[int], stops: Sequence[str]) -> Steps[list[Text]]:
    """The search of ``find_texts``, which asks for renderings."""
    if not trained:
        return []
    asked = [conversation(turns, tools)]
    for at in trained:
        asked.append(conversation(turns[:at], tools, prompt=True))
        if at + 1 < len(turns):
            asked.append(conversation(turns[: at + 1], tools))
    whole, *others = yield asked
    _ok(whole)
    rest = iter(others)
    prompts: list[Rendered] = []
    upto: list[Rendered] = []
    for at in trained:
        prompts.append(next(rest))
        upto.append(next(rest) if at + 1 < len(turns) else whole)
    stable = all(whole.text.startswith(_ok(made).text) for made in upto)
    if stable:
        marked = _generation(whole, prompts, turns, trained, stops)
        if marked is not None:
            return [(yield from _closed(marked, turns, tools, stops))]
    places = []
    for at, prompt, made in zip(trained, prompts, upto, strict=True):
        places.append((yield from _place(turns, tools, at, prompt, made)))
    texts = []
    if stable and not any(place.route == "composed" for place in places):
        route: Route = "anchored" if any(place.route == "anchored" for place in places) else "prefix"
        spans = [_with_stop(whole.text, place.start, len(place.text), stops) for place in places]
        texts.append(Text(whole.text, spans, route, tuple(trained), []))
    else:
        for at, place in zip(trained, places, strict=True):
            span = _with_stop(place.text, place.start, len(place.text), stops)
            texts.append(Text(place.text, [span], "per turn" if place.route == "prefix" else place.route, (at,), []))
    for text in texts:
        for at, place in zip(trained, places, strict=True):
            if place.note and at in text.turns:
                text.note(place.note)
        if whole.spans and text.route in ("prefix", "per turn"):
            text.note("the {% generation %} of the template is not one for each answer with the answer in it, and is not used")
    done = []
    for text in texts:
        done.append((yield from _closed(text, turns, tools, stops)))
    return done


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


def _generation(
    whole: Rendered, prompts: Sequence[Rendered], turns: Turns, trained: Sequence[int], stops: Sequence[str]
) -> Text | None:
    """The spans of ``{% generation %}``, where there is one for each answer and the answer's text is in it."""
    spans: list[tuple[int, int]] = []
    for start, end in whole.spans:
        if spans and spans[-1][1] == start:
            spans[-1] = spans[-1][0], end
        elif start < end:
            spans.append((start, end))
    answers = [at for at, turn in enumerate(turns) if turn.get("role") == "assistant"]
    if not spans or len(spans) != len(answers) or any(before[1] > after[0] for before, after in pairwise(spans)):
        return None
    text = Text(whole.text, [], "generation", tuple(trained))
    before = dict(zip(trained, prompts, strict=True))
    for at, (start, end) in zip(answers, spans, strict=True):
        content = turns[at].get("content")
        if (
            isinstance(content, str)
            and content.strip()
            and content.rpartition("</think>")[2].strip() not in whole.text[start:end]
        ):
            return None
        if at in before:
            text.spans.append(_with_stop(whole.text, start, end, stops))
            prompt = before[at]
            if prompt.fault is None and whole.text.startswith(prompt.text) and start < len(prompt.text) < end:
                given = whole.text[start : len(prompt.text)]
                text.note(f"the template's own mask trains {given[:80]!r} too, which inference is given")
    return text


def _place(turns: Turns, tools: list[Any] | None, at: int, prompt: Rendered, made: Rendered) -> Steps[_Place]:
    """Find the answer of turn ``at``. Raises Unverified."""
    if prompt.fault is None and made.text.startswith(prompt.text) and len(prompt.text) < len(made.text):
        return _Place(made.text, len(prompt.text), "prefix")
    sentinels = [_absent(sentinel, made.text + prompt.text) for sentinel in _SENTINELS]
    before = turns[:at]
    if before and prompt.fault is None:
        asked = [*before[:-1], before[-1] | _saying(before[-1], sentinels[0])]
        probes = yield [conversation(asked, tools, prompt=True), conversation([*asked, turns[at]], tools)]
        composed = _composed(prompt, made, sentinels[0], probes)
        if composed is not None:
            return composed
    first, second = yield [conversation([*before, _saying(turns[at], sentinel)], tools) for sentinel in sentinels]
    ends = [one.text.find(sentinel) for one, sentinel in zip((first, second), sentinels, strict=True)]
    if first.fault is None and second.fault is None and ends[0] == ends[1] >= 0:
        head = first.text[: ends[0]]
        if head == second.text[: ends[1]] and made.text.startswith(head) and len(head) < len(made.text):
            return _anchored(prompt, made, head)
    raise Unverified(
        f"turn {at + 1}: the template prints the answer differently from what follows its generation prompt, so where it begins cannot be verified"
    )


def _absent(sentinel: str, text: str) -> str:
    """The sentinel, made longer until it does not stand in the text."""
    while sentinel in text:
        sentinel += "x"
    return sentinel


def _saying(turn: dict[str, Any], text: str) -> dict[str, Any]:
    """A turn of the same role that says this and nothing else."""
    return {"role": turn["role"], "content": [{"type": "text", "text": text}] if isinstance(turn.get("content"), list) else text}


def _composed(prompt: Rendered, made: Rendered, sentinel: str, probes: Sequence[Rendered]) -> _Place | None:
    """The prompt of inference followed by the answer, where the same stands between the question's text and the answer.

    Mistral prints the system prompt only while the user has the last word: with the answer rendered after it, it is gone. The probes
    are the prompt and the rendering with a sentinel in the place of the question.
    """
    if any(probe.fault is not None for probe in probes):
        return None
    (_, found, given), (_, there, rest) = (probe.text.rpartition(sentinel) for probe in probes)
    if not found or not there or not given.strip() or not rest.startswith(given) or len(rest) == len(given):
        return None
    if not prompt.text.endswith(given) or not made.text.endswith(rest):
        return None
    return _Place(prompt.text + rest[len(given) :], len(prompt.text), "composed")


def _anchored(prompt: Rendered, made: Rendered, head: str) -> _Place:
    if prompt.fault is not None:
        words = "the prompt of inference cannot be rendered, so what stands before the answer is not compared with it"
        return _Place(made.text, len(head), "anchored", words)
    shared = 0
    while shared < min(len(prompt.text), len(head)) and prompt.text[shared] == head[shared]:
        shared += 1
    # Whole markers are shown, not the characters in which they differ.
    low = max(head.rfind("<", max(0, shared - 40), shared), shared - 40, 0)
    words = f"the prompt of inference ends in {prompt.text[low:][-80:]!r}, before the answer stands {head[low:][-80:]!r}"
    return _Place(made.text, len(head), "anchored", words)


# --- The end of an answer -------------------------------------------------------------------------


def _with_stop(text: str, start: int, end: int, stops: Sequence[str]) -> tuple[int, int]:
    """The span of an answer with the token that ends it, and without white space after that token, which inference never writes.

    A stop token that directly follows is taken in: GLM ends a turn with the marker of the next one.
    """
    bare = text[start:end].rstrip()
    if any(stop and bare.endswith(stop) for stop in stops):
        return start, start + len(bare)
    for stop in sorted((stop for stop in stops if stop), key=len, reverse=True):
        if text.startswith(stop, end):
            return start, end + len(stop)
    return start, end


def _ends(text: str, span: tuple[int, int], stops: Sequence[str]) -> bool:
    return any(stop and text.endswith(stop, span[0], span[1]) for stop in stops)


def _closed(text: Text, turns: Turns, tools: list[Any] | None, stops: Sequence[str]) -> Steps[Text]:
    """Take in the stop token of a last answer that only the next turn would print, and note answers without one."""
    if not stops:
        return text
    last, at = text.spans[-1], text.turns[-1]
    if text.text[last[1] :].strip() == "" and not _ends(text.text, last, stops):
        follower: dict[str, Any] = {"role": "user", "content": _SENTINELS[0]}
        if turns[at].get("tool_calls"):
            follower = {"role": "tool", "content": _SENTINELS[0], "name": "f", "tool_call_id": "abcdefghi"}
        more = (yield [conversation([*turns[: at + 1], follower], tools)])[0]
        stop = (
            _marker(more.text.partition(_SENTINELS[0])[0], text.text[last[0] :], text.text, stops) if more.fault is None else None
        )
        if stop is not None:
            text.text += stop
            text.spans[-1] = (last[0], len(text.text))
            text.note(f"the template ends an answer by the marker of the next turn: {stop} is put after the last one")
    if not all(_ends(text.text, span, stops) for span in text.spans):
        text.note(NO_STOP)
    return text


def _marker(more: str, answer: str, whole: str, stops: Sequence[str]) -> str | None:
    """The stop token that follows an answer once there is a next turn; of a rewritten history the end of the answer must be there."""
    for stop in stops:
        endings = [whole, *(answer[-size:] for size in (32, 16, 8) if len(answer) >= size)]
        if stop and any(ending + stop in more for ending in endings):
            return stop
    return None
