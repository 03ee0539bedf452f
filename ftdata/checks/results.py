"""FT15-FT17: the results of tool calls, and the ids that pair them with the calls."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ftdata.checks.tools import CALL_IN_TEXT, _branches, _calls, _key, _structured, has_calls
from ftdata.rule import SFT, At, at, rule
from ftdata.types import Message, Sample, ToolCall


@rule(
    "FT154", "duplicate-tool-call-id", category="suspicious", scope="content", catalogue=["T005"], when=has_calls,
    params={"same_turn": False},
    message="the id {id} stands for two calls", help="give every call of a conversation its own id", fix_safety="safe",
)  # fmt: skip
def duplicate_tool_call_id(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Two tool calls of one conversation with the same id.

    ## Why
    A result then belongs to both, and templates that match by id pick the first. ``same_turn`` asks for the calls of one turn
    only: mistral-common from version 11 on refuses those.

    ## Example
    Two calls with ``"id": "call_1"``.

    ## Fix safety
    Safe where each result follows its call.
    """
    blamed: set[str] = set()
    for turns in _branches(s):
        seen: set[str] = set()
        before: Message | None = None
        for message, call in [(turn, call) for turn in turns for call in turn.tool_calls]:
            if p["same_turn"] and message is not before:
                seen = set()
            before = message
            if call.id is not None and call.id in seen and call.pointer not in blamed:
                blamed.add(call.pointer)
                yield at(message, pointer=_key(call, "id"), id=call.id)
            elif call.id is not None:
                seen.add(call.id)


@dataclass(slots=True)
class _Result:
    """A tool turn of a conversation and the calls around it.

    ``placed`` says whether it has a call to answer: one in the turn before, other results between them left out, that has no
    result yet. ``caller`` is that turn, whatever it is; ``made`` and ``later`` are the ids of the calls before and after.
    """

    turn: Message
    placed: bool
    caller: Message | None
    made: set[str | None]
    later: Counter[str | None]


def _results(s: Sample) -> Iterator[_Result]:
    """The tool turns written as such; OpenAI's old functions and ShareGPT's observations are left out: they have no ids."""
    yielded: set[str] = set()
    for turns in _branches(s):
        made: set[str | None] = set()
        later = Counter(call.id for turn in turns for call in turn.tool_calls)
        caller: Message | None = None
        unanswered = 0
        for turn in turns:
            if turn.role != "tool":
                caller, unanswered = turn, len(turn.tool_calls)
                made.update(call.id for call in turn.tool_calls)
                later.subtract(call.id for call in turn.tool_calls)
                continue
            placed = unanswered > 0 or (caller is not None and _uncounted(caller))
            unanswered -= 1
            if _is_result(turn) and turn.pointer not in yielded:
                yielded.add(turn.pointer)
                yield _Result(turn, placed, caller, made, later)


def _is_result(turn: Message) -> bool:
    return turn.role == "tool" and turn.source_role in ("tool", "tool_result") and turn.content_key == "content"


def _uncounted(caller: Message) -> bool:
    """Whether a turn calls in a way that says nothing of how many results there are: without ids, or in text."""
    if caller.tool_calls:
        return all(call.id is None for call in caller.tool_calls)
    return caller.role == "assistant" and CALL_IN_TEXT.search(caller.text) is not None


@rule(
    "FT155", "unknown-tool-call-id", category="suspicious", scope="content", catalogue=["T006"],
    when=lambda s: any(m.role == "tool" for m in s.turns()),
    message="the tool turn answers the {problem}", help="give it the id of the call that it answers", fix_safety="safe",
)  # fmt: skip
def unknown_tool_call_id(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A tool turn whose id is that of no call.

    ## Why
    OpenAI refuses a tool turn without a matching id; mistral-common from version 11 on says "Unexpected tool call id ... in
    tool results".

    ## Example
    ``{"role": "tool", "tool_call_id": "call_9", "content": "4.1"}`` after the call ``call_1``.

    ## Fix safety
    Safe where results and calls pair off by their order.
    """
    structured = _structured(s)
    for result in _results(s):
        identity = result.turn.tool_call_id
        named = isinstance(identity, str)
        if identity is None or not result.placed or (named and identity in result.made) or not structured:
            continue
        shown = str(identity)[:60]
        problem = f"call {shown} before it is made" if named and result.later[identity] > 0 else f"unknown call {shown}"
        yield at(result.turn, key="tool_call_id", problem=problem)


@rule(
    "FT173", "stray-tool-result", category="suspicious", scope="content", catalogue=["T006"],
    when=lambda s: any(_is_result(m) for m in s.turns()),
    message="the tool turn {problem}", help="put the result right behind its call, or drop it",
)  # fmt: skip
def stray_tool_result(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A tool turn that stands behind no call that it could answer.

    ## Why
    OpenAI refuses it; mistral-common says "Unexpected role 'tool' after role 'user'" or "More tool responses than tool calls",
    whatever the ids; gpt-oss' template raises where there is no call before it at all.

    ## Example
    user: "Tide?", tool: "4.1", or two results of one call.

    ## Fix safety
    No fix: the call that belongs there is unknown.
    """
    for result in _results(s):
        identity = result.turn.tool_call_id
        if result.placed:
            continue
        if result.caller is not None and result.caller.tool_calls:
            problem = "is one more than the calls before it"
        elif isinstance(identity, str) and result.later[identity] > 0:
            problem = f"answers the call {identity[:60]} before it is made"
        else:
            problem = "stands behind no call"
        yield at(result.turn, key="", problem=problem)


@rule(
    "FT174", "missing-tool-call-id", category="suspicious", scope="content", catalogue=["T006"],
    when=lambda s: any(_is_result(m) and m.tool_call_id is None for m in s.turns()),
    message="the tool turn has no tool_call_id", help="give it the id of the call that it answers", fix_safety="safe",
)  # fmt: skip
def missing_tool_call_id(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A tool turn that does not say which call it answers.

    ## Why
    tool_call_id is required in OpenAI's schema; mistral-common stops with KeyError: 'tool_call_id'.

    ## Example
    ``{"role": "tool", "content": "4.1"}``

    ## Fix safety
    Safe where results and calls pair off by their order.
    """
    structured = _structured(s)
    for result in _results(s):
        turn = result.turn
        # In LLaMA-Factory's and ShareGPT's formats results follow their calls, and have no ids.
        if turn.tool_call_id is None and (structured or s.format.startswith("openai-")):
            yield at(turn, key="")


@rule(
    "FT156", "unanswered-tool-call", category="suspicious", scope="content", catalogue=["T007"], when=has_calls,
    message="the call {name} gets no result before the conversation goes on",
    help="add the tool's result, or end the conversation with the call",
)  # fmt: skip
def unanswered_tool_call(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A tool call without a result, though the conversation goes on.

    ## Why
    The model learns to go on without waiting for the tool. mistral-common refuses it ("Not the same number of function calls and
    responses"). A conversation that ends with a call is fine.

    ## Example
    assistant: call tide_at; user: "Thanks"

    ## Fix safety
    No fix: the result is unknown.
    """
    blamed: set[str] = set()
    for turns in _branches(s):
        for index, message in enumerate(turns):
            if message.pointer in blamed:
                continue
            for call in _unanswered(message.tool_calls, turns[index + 1 :]):
                blamed.add(message.pointer)
                yield at(message, pointer=call.pointer, name=call.name or "")


def _unanswered(calls: list[ToolCall], after: list[Message]) -> list[ToolCall]:
    """The calls that get no result before the conversation goes on."""
    results = list(itertools.takewhile(lambda turn: turn.role == "tool", after))
    # Formats without ids may put the results of several calls into one turn.
    if not calls or not after or (results and all(call.id is None for call in calls)):
        return []
    named = Counter(turn.tool_call_id for turn in results if isinstance(turn.tool_call_id, str))
    left = []
    for call in calls:
        # One result answers one call, also where two calls have one id.
        if call.id is not None and named[call.id] > 0:
            named[call.id] -= 1
        else:
            left.append(call)
    # A result without a known id may be any call's; unknown-tool-call-id reports it.
    ids = {call.id for call in calls}
    strays = sum(not isinstance(turn.tool_call_id, str) or turn.tool_call_id not in ids for turn in results)
    return left[strays:]


@rule(
    "FT162", "tool-call-id-format", category="suspicious", scope="content", on=False, catalogue=["T013"],
    params={"pattern": "^[a-zA-Z0-9]{9}$"}, when=lambda s: has_calls(s) or any(m.tool_call_id is not None for m in s.turns()),
    message="the id {id} does not match {pattern}", help="rename the ids, in calls and results alike", fix_safety="safe",
)  # fmt: skip
def tool_call_id_format(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A tool-call id in another form than the target wants.

    ## Why
    Mistral's tokenizers of version 3 to 11 refuse OpenAI's ids: "Tool call id was call_abc123 but must be a-z, A-Z, 0-9, with a
    length of 9."

    ## Example
    ``"id": "call_abc123"``

    ## Fix safety
    Safe: ids only pair calls with results.
    """
    pattern = re.compile(p["pattern"])
    for message, call in _calls(s):
        if call.id is not None and not pattern.search(call.id):
            yield at(message, pointer=_key(call, "id"), id=call.id)
            return
    for message in s.turns():
        identity = message.tool_call_id
        if identity is not None and not (isinstance(identity, str) and pattern.search(identity)):
            yield at(message, key="tool_call_id", id=str(identity)[:60])
            return


@rule(
    "FT167", "ends-with-tool-result", category="suspicious", scope="structure", kinds=SFT, catalogue=["T018"],
    message="the conversation ends with a tool's result", help="add the answer, or drop the result", fix_safety="safe",
)  # fmt: skip
def ends_with_tool_result(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A conversation that ends with a tool's result.

    ## Why
    What the assistant makes of the result is missing. LLaMA-Factory drops the last turn without a word, mistral-common
    refuses the sample.

    ## Example
    user, assistant (call), tool

    ## Fix safety
    Safe: the result after the last assistant turn is not trained on.
    """
    turns = s.messages
    if turns and turns[-1].role == "tool" and any(m.role == "assistant" for m in turns):
        yield at(turns[-1], key="")
