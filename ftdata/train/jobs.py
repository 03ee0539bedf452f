"""One conversation on its way to tokens: what is asked of the template for it, and what is checked before it is believed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ftdata.template.special import SpecialTokens
from ftdata.train.endings import Habits
from ftdata.train.forms import mapped, texts
from ftdata.train.routes import Steps, Text, Turns, Unverified, conversation, search
from ftdata.train.tokenise import Plain

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


@dataclass(slots=True)
class Job:
    """A conversation to be trained on. ``trained`` are the indexes of its turns; ``literal`` says that its texts spell control tokens
    which are to be ordinary text. ``notes`` come with each of its sequences."""

    turns: Turns
    tools: list[Any] | None
    trained: list[int]
    literal: bool = False
    notes: list[str] = field(default_factory=list)


Found = list[tuple[Text, Plain | None]]


def steps(job: Job, habits: Habits, special: SpecialTokens, edges: Edges) -> Steps[Found]:
    """Find the trained texts of a job, and check them. Raises Unverified."""
    found = yield from search(job.turns, job.tools, job.trained, habits.stops)
    for text in found:
        for at, (start, end) in zip(text.turns, text.spans, strict=True):
            _whole(job.turns[at], at, text, start, end)
            if habits.before and text.text.startswith(habits.before, start):
                text.note(
                    f"the template begins an answer with {habits.before[:80]!r}, which inference is not given: it is trained"
                )
        for words in job.notes:
            text.note(words)
    if job.literal:
        return (yield from _literal(job, found, habits.stops, special))
    if edges.risky(job.turns):
        padded = [_padded(turn) for turn in job.turns]
        one, other = yield [conversation(job.turns, job.tools), conversation(padded, job.tools)]
        if other.fault is not None or [token for token, _ in special.find(one.text)] != [t for t, _ in special.find(other.text)]:
            raise Unverified("a text of the data and the template's own text together spell a control token")
    return [(text, None) for text in found]


def _whole(turn: dict[str, Any], at: int, text: Text, start: int, end: int) -> None:
    """Refuse an answer of which the trained text does not say everything; note lost reasoning. Raises Unverified.

    Reasoning at the beginning of an answer may be printed elsewhere, or not at all.
    """
    shown = text.text[start:end]
    content = turn.get("content")
    parts = content if isinstance(content, list) else [content]
    for part in parts:
        said = part.get("text") if isinstance(part, dict) else part
        if not isinstance(said, str):
            continue
        thought, _, answer = said.rpartition("</think>")
        if answer.strip() not in shown:
            raise Unverified(f"turn {at + 1}: the template leaves out the text of the answer")
        thought = thought.replace("<think>", "").strip()
        if thought and thought not in shown:
            text.note("the template leaves out the reasoning of an answer: it is not trained")
    reasoning = turn.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning.strip() not in shown:
        text.note("the template leaves out the reasoning of an answer: it is not trained")
    for name in _names(turn):
        if name not in shown:
            raise Unverified(f"turn {at + 1}: the template leaves out the call of {name}")


def _names(turn: dict[str, Any]) -> Iterator[str]:
    calls = turn.get("tool_calls")
    listed = [*calls] if isinstance(calls, list) else []
    if isinstance(turn.get("function_call"), dict):
        listed.append({"function": turn["function_call"]})
    for call in listed:
        function = call.get("function", call) if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(name, str):
            yield name


# --- Control tokens that the data spells ----------------------------------------------------------


def _literal(job: Job, found: list[Text], stops: Sequence[str], special: SpecialTokens) -> Steps[Found]:
    """Find the places of control tokens that the data spells: with a word in the place of each, all else must be the same."""
    everything = "".join(text for item in (*job.turns, job.tools or []) for text in texts(item))
    head = "zqplain"
    while head in everything:
        head += "x"
    tokens: list[str] = []

    def hide(text: str) -> str:
        parts, at = [], 0
        for token, place in special.find(text):
            parts += [text[at:place], f"{head}{len(tokens)}qz"]
            tokens.append(token)
            at = place + len(token)
        return "".join([*parts, text[at:]])

    turns = [mapped(turn, hide) for turn in job.turns]
    tools = mapped(job.tools, hide)
    probes = yield from search(turns, tools, job.trained, stops)
    if [probe.turns for probe in probes] != [text.turns for text in found]:
        raise Unverified("a control token in a text of the data changes how the template prints the conversation")
    pattern = re.compile(f"{head}([0-9]+)qz")
    made: Found = []
    for text, probe in zip(found, probes, strict=True):
        plain = Plain([], probe.text, [match.span() for match in pattern.finditer(probe.text)])
        shift: list[tuple[int, int]] = [(0, 0)]
        parts, at, size = [], 0, 0
        for match in pattern.finditer(probe.text):
            token = tokens[int(match[1])] if int(match[1]) < len(tokens) else match[0]
            parts += [probe.text[at : match.start()], token]
            size += match.start() - at
            plain.spans.append((size, size + len(token)))
            size += len(token)
            at = match.end()
            shift.append((at, size - at))
        spans = [(_moved(start, shift), _moved(end, shift)) for start, end in probe.spans]
        if "".join([*parts, probe.text[at:]]) != text.text or spans != text.spans:
            raise Unverified("a control token in a text of the data changes how the template prints the conversation")
        made.append((text, plain))
    return made


def _moved(place: int, shift: list[tuple[int, int]]) -> int:
    return place + next(by for start, by in reversed(shift) if start <= place)


class Edges:
    """Knows the texts that could spell a control token together with what the template prints before or after them."""

    def __init__(self, special: Sequence[str]) -> None:
        self._begun = {token[:size] for token in special for size in range(1, len(token))}
        self._left = {token[size:] for token in special for size in range(1, len(token))}
        self._longest = max((len(token) for token in special), default=0)

    def risky(self, turns: Turns) -> bool:
        """Whether a content begins like the end of a control token or ends like its beginning, or a role is none that is known."""
        return any(turn.get("role") not in _ROLES or any(map(self._is, texts(turn))) for turn in turns)

    def _is(self, text: str) -> bool:
        for one in {text, text.strip()}:
            for size in range(1, min(self._longest, len(one) + 1)):
                if one[-size:] in self._begun or one[:size] in self._left:
                    return True
        return False


def _padded(turn: dict[str, Any]) -> dict[str, Any]:
    role = turn.get("role")
    padded = {
        key: mapped(value, lambda text: f"x{text}x" if text else text, 1) if key in _PRINTED else value
        for key, value in turn.items()
    }
    return padded if role in _ROLES or not isinstance(role, str) else padded | {"role": f"x{role}"}


_PRINTED = ("content", "reasoning_content", "thinking", "reasoning")
