"""FT15-FT17: tool calls and results."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from ftdata.rule import SFT, At, at, rule
from ftdata.types import ABSENT, Malformed, Message, Sample, ToolCall


def has_calls(s: Sample) -> bool:
    """Whether any turn calls a tool."""
    return any(message.tool_calls for message in s.turns())


def _calls(s: Sample) -> Iterator[tuple[Message, ToolCall]]:
    for message in s.turns():
        for call in message.tool_calls:
            yield message, call


def _branches(s: Sample) -> list[list[Message]]:
    """The conversations that a sample stands for: of a preference pair, the prompt with either answer."""
    if s.chosen or s.rejected:
        return [s.messages + s.chosen, s.messages + s.rejected]
    return [s.messages]


def _structured(s: Sample) -> bool:
    """Whether calls stand in OpenAI's own structure, with ids; other formats have none by nature."""
    return any("/tool_calls/" in call.pointer for _, call in _calls(s)) or s.format == "openai-chat-tools"


def _key(call: ToolCall, *path: str) -> str:
    """The pointer of a part of a call, where its structure is OpenAI's; the call itself elsewhere."""
    raw = call.raw
    if "/tool_calls/" in call.pointer and isinstance(raw, dict):
        inner = "function" if isinstance(raw.get("function"), dict) else None
        parts = [part for part in path if part != "function" or inner]
        return "/".join([call.pointer, *parts])
    if call.legacy and path and path[-1] in ("name", "arguments"):
        return f"{call.pointer}/{path[-1]}"
    return call.pointer


def definitions(s: Sample) -> dict[str, Any]:
    """The tools' definitions by name: the object that holds name and parameters."""
    found: dict[str, Any] = {}
    for tool in s.tools or ():
        if isinstance(tool, dict):
            inner = tool.get("function") if isinstance(tool.get("function"), dict) else tool
            if isinstance(inner, dict) and isinstance(inner.get("name"), str):
                found[inner["name"]] = inner
    return found


def decoded(arguments: Any) -> Any:
    """The arguments as a JSON value; ABSENT where they are none. Raises ValueError where they are no JSON."""
    if isinstance(arguments, str):
        return json.loads(arguments)
    if isinstance(arguments, Malformed):
        raise ValueError(str(arguments.value))
    return arguments


@rule(
    "FT150", "arguments-not-string", category="suspicious", scope="structure", on=False, catalogue=["T001"],
    message="the arguments are {found}, not a JSON string", help="write the arguments as a JSON string", fix_safety="safe",
)  # fmt: skip
def arguments_not_string(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Tool arguments as an object, for a target that reads a JSON string.

    ## Why
    OpenAI's schema and mistral-finetune want a string, DeepSeek-V3's template raises on an object.

    ## Example
    ``"arguments": {"harbour": "Whitby"}``

    ## Fix safety
    Safe: the same value, written as text.
    """
    for message, call in _calls(s):
        # Other formats than OpenAI's hold objects by nature; a converter writes the string.
        if isinstance(call.arguments, dict | list) and ("/tool_calls/" in call.pointer or call.legacy):
            found = "an object" if isinstance(call.arguments, dict) else "a list"
            yield at(message, pointer=_key(call, "function", "arguments"), found=found)


@rule(
    "FT151", "arguments-string", category="suspicious", scope="structure", on=False, catalogue=["T002"],
    params={"effect": "the template encodes it twice"},
    message="the arguments are a JSON string: {effect}", help="write the arguments as an object", fix_safety="safe",
)  # fmt: skip
def arguments_string(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Tool arguments as a JSON string, for a template that wants an object.

    ## Why
    Llama 3.1's, Qwen 2.5's and gpt-oss' templates encode the string again, so that the model learns escaped quotes;
    Qwen 3.5's and GLM-4's raise ("Can only get item pairs from a mapping").

    ## Example
    ``"arguments": "{\\"harbour\\": \\"Whitby\\"}"``

    ## Fix safety
    Safe: the same value, as an object.
    """
    for message, call in _calls(s):
        if isinstance(call.arguments, str):
            yield at(message, pointer=_key(call, "function", "arguments"))


@rule(
    "FT152", "arguments-not-json", category="suspicious", scope="content", catalogue=["T003"], when=has_calls,
    message="the arguments of {name} are not a JSON object: {why}",
    help="mend the arguments; the model learns to write them so", fix_safety="unsafe",
)  # fmt: skip
def arguments_not_json(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Tool arguments that are no JSON object.

    ## Why
    The model learns to write calls that no program can read. LLaMA-Factory stops at the row ("Invalid JSON format in function
    message").

    ## Example
    ``"arguments": "{'harbour': 'Whitby'}"``

    ## Fix safety
    Unsafe: what was meant has to be guessed.
    """
    for message, call in _calls(s):
        why = None
        try:
            value = decoded(call.arguments)
            if value is None and isinstance(call.arguments, str):
                why = "null"
            elif value is not ABSENT and value is not None and not isinstance(value, dict):
                why = "a list" if isinstance(value, list) else "a text" if isinstance(value, str) else "no object"
            elif call.arguments == "":
                why = "empty"
        except RecursionError:
            why = "nested too deeply"
        except ValueError as error:
            why = getattr(error, "msg", None) or "it cannot be decoded"
            why = why[:1].lower() + why[1:] if call.arguments != "" else "empty"
        if why:
            yield at(message, pointer=_key(call, "function", "arguments"), name=call.name or "the call", why=why)


@rule(
    "FT153", "incomplete-tool-call", category="correctness", scope="structure", catalogue=["T004"],
    params={"require": ["id", "type", "name"]},
    message="the tool call has no {missing}",
    help="every call needs an id, the type \"function\" and a function name", fix_safety="safe",
)  # fmt: skip
def incomplete_tool_call(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A tool call without id, type or function name.

    ## Why
    OpenAI refuses the row; Azure reports "contains invalid schema (20)"; without an id the result cannot be matched.

    ## Example
    ``"tool_calls": [{"function": {"name": "tide_at", "arguments": "{}"}}]``

    ## Fix safety
    Safe for id and type; a name cannot be made up.
    """
    for message, call in _calls(s):
        if call.legacy or isinstance(call.arguments, Malformed):
            continue
        standard = "/tool_calls/" in call.pointer
        missing = [
            what for what, value in (("id", call.id), ("type", call.type), ("name", call.name))
            if value is None and what in p["require"] and (standard or what == "name")
        ]  # fmt: skip
        if missing:
            yield at(message, pointer=call.pointer, missing=" and no ".join(missing))


@rule(
    "FT154", "duplicate-tool-call-id", category="suspicious", scope="content", catalogue=["T005"], when=has_calls,
    message="the id {id} stands for two calls", help="give every call of a conversation its own id", fix_safety="safe",
)  # fmt: skip
def duplicate_tool_call_id(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Two tool calls of one conversation with the same id.

    ## Why
    A result then belongs to both, and templates that match by id pick the first.

    ## Example
    Two calls with ``"id": "call_1"``.

    ## Fix safety
    Safe where each result follows its call.
    """
    blamed: set[str] = set()
    for turns in _branches(s):
        seen: set[str] = set()
        for message, call in [(turn, call) for turn in turns for call in turn.tool_calls]:
            if call.id is not None and call.id in seen and call.pointer not in blamed:
                blamed.add(call.pointer)
                yield at(message, pointer=_key(call, "id"), id=call.id)
            elif call.id is not None:
                seen.add(call.id)


@rule(
    "FT155", "unknown-tool-call-id", category="suspicious", scope="content", catalogue=["T006"],
    when=lambda s: any(m.role == "tool" for m in s.turns()),
    message="the tool turn {problem}", help="give it the id of the call that it answers", fix_safety="safe",
)  # fmt: skip
def unknown_tool_call_id(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A tool turn that answers no call.

    ## Why
    OpenAI refuses a tool turn without a matching id; mistral-common from version 11 on says "Unexpected tool call id ... in
    tool results"; gpt-oss' template raises.

    ## Example
    ``{"role": "tool", "tool_call_id": "call_9", "content": "4.1"}`` after the call ``call_1``.

    ## Fix safety
    Safe where results and calls pair off by their order.
    """
    if not _structured(s):
        return
    blamed: set[str] = set()
    for turns in _branches(s):
        made: set[str | None] = set()
        later = {call.id for message in turns for call in message.tool_calls}
        for message in turns:
            made.update(call.id for call in message.tool_calls)
            if message.role != "tool" or message.source_role == "function" or message.pointer in blamed:
                continue
            identity = message.tool_call_id
            if identity is None:
                blamed.add(message.pointer)
                yield at(message, key="", problem="has no tool_call_id")
            elif not isinstance(identity, str) or identity not in made:
                blamed.add(message.pointer)
                early = isinstance(identity, str) and identity in later
                shown = str(identity)[:60]
                problem = f"answers the call {shown} before it is made" if early else f"answers the unknown call {shown}"
                yield at(message, key="tool_call_id", problem=problem)


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
    ids = {call.id for call in calls}
    named = [turn.tool_call_id for turn in results if isinstance(turn.tool_call_id, str)]
    left = [call for call in calls if call.id is None or call.id not in named]
    # A result without a known id may be any call's; unknown-tool-call-id reports it.
    strays = len(results) - sum(identity in ids for identity in named)
    return left[strays:]


@rule(
    "FT157", "undefined-tool", category="suspicious", scope="content", catalogue=["T008"], when=has_calls,
    message="the called tool {name} is not among the {count} defined", help="define the tool, or mend its name",
)  # fmt: skip
def undefined_tool(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A call of a tool that the sample does not define.

    ## Why
    The model learns to call tools that it was not given. No provider checks it.

    ## Example
    A call of ``get_tide`` where ``tide_at`` is defined.

    ## Fix safety
    No fix: which tool was meant is unknown.
    """
    known = definitions(s)
    if not known:
        return
    for message, call in _calls(s):
        if call.name is not None and call.name not in known:
            yield at(message, pointer=_key(call, "function", "name"), name=call.name, count=len(known))


@rule(
    "FT160", "missing-tools", category="suspicious", scope="content", catalogue=["T011"], when=has_calls,
    message="tools are called but none is defined", help="add the definitions of the tools to the sample",
)  # fmt: skip
def missing_tools(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Tool calls in a sample without tool definitions.

    ## Why
    The model learns to call tools from nowhere: in use, the definitions will be in the prompt.

    ## Example
    Messages with ``tool_calls`` and no ``tools`` key, or an empty one.

    ## Fix safety
    No fix: the definitions are unknown.
    """
    # Bedrock keeps its definitions in toolConfig; Hermes writes them into the system prompt.
    in_text = any(message.role in ("system", "developer") and "<tools>" in message.text for message in s.messages)
    if s.tools or s.tools_fault or in_text or "toolConfig" in s.keys:
        return
    for message, call in _calls(s):
        yield at(message, pointer=call.pointer)
        return


@rule(
    "FT162", "tool-call-id-format", category="suspicious", scope="content", on=False, catalogue=["T013"],
    params={"pattern": "^[a-zA-Z0-9]{9}$"}, when=has_calls,
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


@rule(
    "FT163", "content-with-tool-calls", category="suspicious", scope="structure", on=False, catalogue=["T014"],
    message="the assistant turn holds both a text and tool calls", help="split it into two turns", fix_safety="unsafe",
)  # fmt: skip
def content_with_tool_calls(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A text and tool calls in one turn, for a target that takes one of them.

    ## Why
    Mistral's tokenizers up to version 3 refuse it.

    ## Example
    ``{"role": "assistant", "content": "Let me look.", "tool_calls": [...]}``

    ## Fix safety
    Unsafe: the text becomes a turn of its own, or is dropped.
    """
    for message in s.turns():
        if message.tool_calls and message.text.strip():
            yield at(message)


@rule(
    "FT164", "parallel-tool-calls", category="suspicious", scope="structure", on=False, catalogue=["T015"],
    message="{count} tool calls in one turn",
    help="write the calls one after the other, each with its result", fix_safety="unsafe",
)  # fmt: skip
def parallel_tool_calls(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Several calls in one turn, for a target that takes one.

    ## Why
    Llama 3.1's template raises "This model only supports single tool-calls at once!".

    ## Example
    Two calls of ``tide_at`` in one turn.

    ## Fix safety
    Unsafe: the order of the calls is made up.
    """
    for message in s.turns():
        if len(message.tool_calls) > 1:
            yield at(message, pointer=message.tool_calls[1].pointer, count=len(message.tool_calls))


@rule(
    "FT165", "parallel-calls-contradiction", category="suspicious", scope="content", catalogue=["T015"],
    when=lambda s: any(len(message.tool_calls) > 1 for message in s.turns()),
    message="{count} calls in one turn, though parallel_tool_calls is false", help="allow parallel calls, or split the turn",
)  # fmt: skip
def parallel_calls_contradiction(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Several calls in one turn of a sample that says there are none.

    ## Why
    The setting is part of the prompt that the model sees; it learns to disregard it.

    ## Example
    ``"parallel_tool_calls": false`` and two calls in one turn.

    ## Fix safety
    No fix: which of the two is wrong is unknown.
    """
    if s.parallel_tool_calls is not False:
        return
    for message in s.turns():
        if len(message.tool_calls) > 1:
            yield at(message, pointer=message.tool_calls[1].pointer, count=len(message.tool_calls))


@rule(
    "FT166", "tools-not-supported", category="suspicious", scope="structure", on=False, catalogue=["T016"],
    params={"effect": "the target has no tool turns"},
    message="tool turns: {effect}", help="choose another target for this data, or write the calls as text",
)  # fmt: skip
def tools_not_supported(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Tool turns for a target without tools.

    ## Why
    Gemma's and Cohere's templates raise, Phi-3's drops the results without a word.

    ## Example
    A ``tool`` turn for Gemma 3.

    ## Fix safety
    No fix.
    """
    for message in s.turns():
        if message.tool_calls or message.role == "tool":
            yield at(message, key="")
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


_IN_TEXT = re.compile(r"<tool_call>|<function=|<functioncall>|```(?:json)?\s*\{\s*\"name\"\s*:\s*\"[^\"]+\"\s*,\s*\"arguments\"")


@rule(
    "FT169", "tool-call-in-text", category="suspicious", scope="content", catalogue=["T020"],
    when=lambda s: s.tools is not None and any("/tool_calls/" in c.pointer for _, c in _calls(s)),
    message="a tool call written as text: {match}", help="write it as tool_calls, as the other turns do", fix_safety="unsafe",
)  # fmt: skip
def tool_call_in_text(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A tool call as text in a sample that has structured calls too.

    ## Why
    The model learns two ways to call, and a server understands one of them.

    ## Example
    ``"content": "<tool_call>{\\"name\\": \\"tide_at\\"}</tool_call>"``

    ## Fix safety
    Unsafe: the text has to be parsed.
    """
    for message in s.messages:
        if message.role == "assistant":
            match = _IN_TEXT.search(message.text)
            if match:
                yield at(message, span=match.span(), match=match.group())


@rule(
    "FT170", "tools-only-last-trained", category="quality", scope="structure", kinds=SFT, on=False, catalogue=["R021"],
    message="with tools, only the last of {count} assistant turns is trained",
    help="write one sample per assistant turn", fix_safety="unsafe",
)  # fmt: skip
def tools_only_last_trained(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Several assistant turns in a sample with tools, for a trainer that trains the last one only.

    ## Why
    mistral-finetune forces only_last where a sample has tools.

    ## Example
    A call and an answer: the call is not learned.

    ## Fix safety
    Unsafe: the sample becomes several.
    """
    answers = [m for m in s.messages if m.role == "assistant"]
    if ((s.tools_key and s.tools) or has_calls(s)) and len(answers) > 1:
        yield at(answers[0], key="", count=len(answers))


@rule(
    "FT171", "preference-tools-ignored", category="quality", scope="structure", on=False, catalogue=["T022"],
    kinds=["preference", "unpaired-preference"],
    message="the trainer ignores tools in preference data",
    help="write the definitions into the system prompt", fix_safety="unsafe",
)  # fmt: skip
def preference_tools_ignored(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Tool definitions in preference data, for a trainer that drops them.

    ## Why
    Reported for TRL's KTO trainer, mended later.

    ## Example
    ``tools`` beside ``chosen`` and ``rejected``.

    ## Fix safety
    Unsafe: the prompt changes.
    """
    if s.tools:
        yield at(pointer="/" + (s.tools_key or "tools").replace(".", "/"))


@rule(
    "FT172", "legacy-functions-limit", category="suspicious", scope="structure", on=False, catalogue=["T021"],
    params={"max": 128},
    message="{problem}", help="write tools instead of functions, as few as the sample needs", fix_safety="safe",
)  # fmt: skip
def legacy_functions_limit(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Old function definitions that are too many, or that stand beside tools.

    ## Why
    OpenAI's schema takes 128 functions at most, and either functions or tools.

    ## Example
    ``{"messages": [...], "functions": [...], "tools": [...]}``

    ## Fix safety
    Safe: a function definition and a tool definition say the same.
    """
    if {"tools", "functions"} <= set(s.keys):
        yield at(pointer="/functions", problem="the row has both functions and tools")
    elif (s.tools_key or "").endswith("functions") and len(s.tools or ()) > p["max"]:
        place = "/" + (s.tools_key or "").replace(".", "/")
        yield at(pointer=place, problem=f"{len(s.tools or ()):,} functions are defined, {p['max']:,} are allowed")
