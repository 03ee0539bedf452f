"""FT15-FT17: tool calls and results."""

from __future__ import annotations

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


_KINDS = ((bool, "a boolean"), (dict, "an object"), (list, "a list"), (int | float, "a number"))


@rule(
    "FT150", "arguments-not-string", category="suspicious", scope="structure", on=False, catalogue=["T001"],
    params={"objects": True},
    message="the arguments are {found}, not a JSON string", help="write the arguments as a JSON string", fix_safety="safe",
)  # fmt: skip
def arguments_not_string(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Tool arguments as an object, a list or a number, for a target that reads a JSON string.

    ## Why
    OpenAI's schema and mistral-finetune want a string, DeepSeek-V3's template raises on an object. mistral-common writes an object
    or a null as a string and refuses lists and numbers: such targets set ``objects`` to false.

    ## Example
    ``"arguments": {"harbour": "Whitby"}``

    ## Fix safety
    Safe for objects and lists: the same value, written as text. What a number or null stands for is unknown.
    """
    for message, call in _calls(s):
        # Other formats than OpenAI's hold objects by nature; a converter writes the string.
        value = call.arguments
        if value is ABSENT or isinstance(value, str | Malformed) or not ("/tool_calls/" in call.pointer or call.legacy):
            continue
        if p["objects"] or not isinstance(value, dict | None):
            found = next((name for kind, name in _KINDS if isinstance(value, kind)), "null")
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
    params={"require": ["id", "type", "name"], "function_only": False},
    message="{problem}",
    help="every call needs an id, the type \"function\" and a function name", fix_safety="safe",
)  # fmt: skip
def incomplete_tool_call(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A tool call without id, type or function name, or tool_calls that are no list of calls.

    ## Why
    OpenAI refuses the row; Azure reports "contains invalid schema (20)"; without an id the result cannot be matched. Targets that
    need the arguments too ask for them in ``require``: without them Qwen's and Llama's templates stop ("Undefined is not JSON
    serializable"). ``function_only`` refuses other types of calls than function.

    ## Example
    ``"tool_calls": [{"function": {"name": "tide_at", "arguments": "{}"}}]``

    ## Fix safety
    Safe for id and type; a name cannot be made up.
    """
    for message in s.turns():
        if "tool_calls" in message.extra:
            yield at(message, key="tool_calls", problem="tool_calls is no list of calls")
    for message, call in _calls(s):
        if call.legacy or isinstance(call.arguments, Malformed):
            continue
        standard = "/tool_calls/" in call.pointer
        found = {"id": call.id, "type": call.type, "name": call.name, "arguments": None if call.arguments is ABSENT else ""}
        missing = [
            what for what, value in found.items()
            if value is None and what in p["require"] and (standard or what in ("name", "arguments"))
        ]  # fmt: skip
        if missing:
            yield at(message, pointer=call.pointer, problem=f"the tool call has no {' and no '.join(missing)}")
        elif p["function_only"] and standard and call.type not in (None, "function"):
            yield at(message, pointer=call.pointer, problem=f"the tool call is of the type {call.type[:40]}, not function")


@rule(
    "FT163", "content-with-tool-calls", category="suspicious", scope="structure", on=False, catalogue=["T014"],
    params={"blank": False, "from_second": False},
    message="the assistant turn holds both a text and tool calls", help="split it into two turns", fix_safety="unsafe",
)  # fmt: skip
def content_with_tool_calls(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A text and tool calls in one turn, for a target that takes one of them.

    ## Why
    Mistral's tokenizers up to version 3 refuse it, white space too (``blank``). DeepSeek V3's template drops the text from the
    second turn with calls on (``from_second``).

    ## Example
    ``{"role": "assistant", "content": "Let me look.", "tool_calls": [...]}``

    ## Fix safety
    Unsafe: the text becomes a turn of its own, or is dropped.
    """
    called = False
    for message in s.turns():
        if message.tool_calls and (message.text if p["blank"] else message.text.strip()) and (called or not p["from_second"]):
            yield at(message)
        called = called or bool(message.tool_calls)


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


CALL_IN_TEXT = re.compile(
    r"<tool_call>|<function=|<functioncall>|```(?:json)?\s*\{\s*\"name\"\s*:\s*\"[^\"]+\"\s*,\s*\"arguments\""
)


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
    Unsafe: the text has to be parsed. A block of <tool_call> that holds a name and arguments of a tool that the sample defines
    becomes a call; the text around it stays. Other spellings are left.
    """
    for message in s.messages:
        if message.role == "assistant":
            match = CALL_IN_TEXT.search(message.text)
            if match:
                yield at(message, span=match.span(), match=match.group())


@rule(
    "FT170", "tools-only-last-trained", category="quality", scope="structure", kinds=SFT, on=False, catalogue=["R021"],
    message="with tools, only the last of {count} assistant turns is trained",
    help="write one sample per assistant turn", fix_safety="manual",
)  # fmt: skip
def tools_only_last_trained(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Several assistant turns in a sample with tools, for a trainer that trains the last one only.

    ## Why
    mistral-finetune forces only_last where a sample has tools.

    ## Example
    A call and an answer: the call is not learned.

    ## Fix safety
    By hand: the sample has to become several, one for each answer, of which each repeats the turns before it. That changes how many
    samples there are and how often a turn is seen; a fix edits the sample it is given.
    """
    answers = [m for m in s.messages if m.role == "assistant"]
    if ((s.tools_key and s.tools) or has_calls(s)) and len(answers) > 1:
        yield at(answers[0], key="", count=len(answers))


_WITHOUT_CALLS = ("openai-chat", "openai-chat-think")


@rule(
    "FT175", "empty-tool-calls", category="suspicious", scope="content", on=False, catalogue=["T014"],
    params={"effect": "the template takes it for calls", "roles": ["assistant"]}, when=lambda s: s.format not in _WITHOUT_CALLS,
    message="tool_calls is {found}: {effect}", help="leave the key out where nothing is called", fix_safety="safe",
)  # fmt: skip
def empty_tool_calls(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """An empty tool_calls, as tables write it into every turn, for a template that asks only whether the key is there.

    ## Why
    Llama 3.1's template raises "This model only supports single tool-calls at once!", gpt-oss' stops with an UndefinedError,
    DeepSeek V3's prints the turn without its text; all three stop where it is null. Llama's looks at turns of every role
    (``roles``), the others at the assistant's.

    ## Example
    ``{"role": "assistant", "content": "Ten.", "tool_calls": []}``

    ## Fix safety
    Safe: the key says nothing and is removed.
    """
    for message in s.turns():
        if message.role not in p["roles"] or message.kept is None or message.tool_calls:
            continue
        if "tool_calls" in message.kept:
            yield at(message, key="tool_calls", found="null" if message.kept["tool_calls"] is None else "an empty list")


@rule(
    "FT176", "misplaced-tool-call", category="suspicious", scope="structure", catalogue=["T014"],
    message="tool calls in a turn of the role {role}", help="only the assistant calls tools: give the turn that role, or drop the calls",
)  # fmt: skip
def misplaced_tool_call(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Tool calls in a turn that is not the assistant's.

    ## Why
    mistral-common does not read them, the templates of DeepSeek V3, Qwen 2.5, Qwen 3 and gpt-oss print nothing for them, Llama
    3.1's prints them as the assistant's, without the turn's own text. Only the assistant's turns are trained on.

    ## Example
    ``{"role": "user", "content": "Tide?", "tool_calls": [...]}``

    ## Fix safety
    No fix: who calls is unknown.
    """
    for message in s.turns():
        if message.tool_calls and message.role in ("system", "developer", "user", "tool"):
            yield at(message, pointer=message.tool_calls[0].pointer, role=message.role)
