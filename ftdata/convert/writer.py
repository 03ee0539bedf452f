"""The registry of writers, and what many of them need: the turns of a text dialogue, answers, system prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ftdata.convert.details import Details
from ftdata.convert.parts import CannotHold, plain
from ftdata.types import ABSENT, Message, Sample

Write = Callable[[Sample, Details], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Writer:
    """How a format is written. ``extra`` says whether its rows may hold keys that it does not know."""

    write: Write
    extra: bool


WRITERS: dict[str, Writer] = {}


def writer(*names: str, extra: bool = True) -> Callable[[Write], Write]:
    """Register the writer of some formats."""

    def keep(made: Write) -> Write:
        WRITERS.update({name: Writer(made, extra) for name in names})
        return made

    return keep


@dataclass(slots=True)
class Dialogue:
    """A dialogue of texts: a system prompt before questions and answers in turn. A last question may lack its answer."""

    system: Any
    pairs: list[tuple[Any, Any]]


def no_calls(turns: Sequence[Message], reason: str = "the format has no tool calls") -> None:
    """Refuse turns with tool calls or results."""
    for message in turns:
        if message.tool_calls or message.role in ("tool", "function"):
            raise CannotHold(reason, message.pointer, "tool_calls")


def dialogue(turns: Sequence[Message], answered: bool = True) -> Dialogue:
    """The turns as questions and answers. Raises CannotHold where they do not alternate, or call tools."""
    no_calls(turns)
    rest = list(turns)
    system: Any = ABSENT
    if rest and rest[0].role in ("system", "developer"):
        system = plain(rest.pop(0).content)
    for index, message in enumerate(rest):
        if message.role != ("assistant" if index % 2 else "user"):
            found = message.role if isinstance(message.role, str) else "no role"
            raise CannotHold(f"the format has questions and answers in turn, and here stands {found}", message.pointer, "role")
    if answered and (not rest or len(rest) % 2):
        raise CannotHold("the dialogue does not end on an answer")
    texts = [plain(message.content) for message in rest]
    if not answered and len(texts) % 2:
        texts.append(ABSENT)
    return Dialogue(system, list(zip(texts[::2], texts[1::2], strict=True)))


def single(turns: Sequence[Message]) -> tuple[Any, Any, Any]:
    """System prompt, question and answer of a sample that has one of each. Raises CannotHold for more."""
    found = dialogue(turns)
    if len(found.pairs) != 1:
        raise CannotHold("the format has one question and one answer")
    return found.system, *found.pairs[0]


def question(turns: Sequence[Message]) -> tuple[Any, Any]:
    """System prompt and question of a prompt that has one question and no answer yet."""
    found = dialogue(turns, answered=False)
    if len(found.pairs) != 1 or found.pairs[0][1] is not ABSENT:
        raise CannotHold("the format has one question")
    return found.system, found.pairs[0][0]


def answer(turns: Sequence[Message]) -> Any:
    """The text of an ending that is one answer. Raises CannotHold for more, and for tool calls."""
    no_calls(turns)
    if len(turns) != 1 or turns[0].role != "assistant":
        raise CannotHold("the format has one answer on each side")
    return plain(turns[0].content)


def keyed(**values: Any) -> dict[str, Any]:
    """A row of the values that are there. A name's trailing underscore is no part of the key."""
    return {key.rstrip("_"): value for key, value in values.items() if value is not ABSENT}


def answers_from(turns: Sequence[Message]) -> int:
    """Where the last answers begin: after the last turn that is not the assistant's."""
    return next((index + 1 for index in range(len(turns) - 1, -1, -1) if turns[index].role != "assistant"), 0)
