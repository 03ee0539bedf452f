"""FT15-FT16: tool definitions, and calls held against them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ftdata.checks.tools import _calls, _key, decoded, definitions, has_calls
from ftdata.rule import At, at, rule
from ftdata.types import ABSENT, Sample

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


_JSON_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")


def against(value: Any, schema: Any, path: str = "") -> Iterator[str]:
    """Yield how a value breaks a JSON schema. A subset, exact in what it knows; unknown keywords are ignored."""
    # OpenAPI writes nullable where JSON schema lists the type null.
    if not isinstance(schema, dict) or (value is None and schema.get("nullable") is True):
        return
    here = path or "the arguments"
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else []
    # What a type means that JSON schema does not know would be a guess.
    if not all(isinstance(kind, str) and kind in _JSON_TYPES for kind in kinds):
        kinds = []
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{here} should be of type {' or '.join(kinds)}"
        return
    if isinstance(schema.get("enum"), list) and not any(_same(value, item) for item in schema["enum"]):
        more = ", …" if len(schema["enum"]) > 6 else ""
        yield f"{here} is not one of {', '.join(map(_shown, schema['enum'][:6]))}{more}"
    if "const" in schema and not _same(value, schema["const"]):
        yield f"{here} is not {_shown(schema['const'])}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        for word, sign in (("minimum", 1), ("maximum", -1)):
            limit = schema.get(word)
            if isinstance(limit, int | float) and not isinstance(limit, bool) and sign * value < sign * limit:
                yield f"{here} is beyond the {word} {limit}"
    if isinstance(value, dict):
        yield from _object_against(value, schema, path)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, item in enumerate(value):
            yield from against(item, schema["items"], f"{path}[{index}]")


def _object_against(value: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    fields = schema.get("properties")
    fields = fields if isinstance(fields, dict) else {}
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if isinstance(name, str) and name not in value:
            yield f"{path}.{name}".lstrip(".") + " is missing"
    others = None if schema.get("patternProperties") else schema.get("additionalProperties")
    for name, item in value.items():
        inner = f"{path}.{name}".lstrip(".")
        if name in fields:
            yield from against(item, fields[name], inner)
        elif others is False:
            yield f"{inner} is not a parameter"
        else:
            yield from against(item, others, inner)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _same(one: Any, other: Any) -> bool:
    """Equality as JSON schema has it: 1 equals 1.0 and not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    return bool(one == other)


def _is(value: Any, kind: str) -> bool:
    if kind == "null":
        return value is None
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return (isinstance(value, int) or (isinstance(value, float) and value.is_integer())) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, {"object": dict, "array": list, "string": str}[kind])


@rule(
    "FT158", "arguments-against-schema", category="suspicious", scope="content", catalogue=["T009"], when=has_calls,
    message="the arguments of {name} break its schema: {why}", help="mend the arguments or the tool's definition",
)  # fmt: skip
def arguments_against_schema(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Tool arguments that the tool's own definition does not allow.

    ## Why
    The model learns to leave out required parameters or to invent values. No provider checks it.

    ## Example
    ``tide_at`` requires harbour; the call has ``{"port": "Whitby"}``.

    ## Fix safety
    No fix: the value that belongs there is unknown.
    """
    known = definitions(s)
    for message, call in _calls(s):
        definition = known.get(call.name or "")
        if definition is None:
            continue
        # What is no JSON, or nested beyond Python's stack, is arguments-not-json's or the reader's to report.
        try:
            value = decoded(call.arguments)
            value = {} if value is ABSENT else value
            why = next(against(value, definition.get("parameters")), None) if isinstance(value, dict) else None
        except (ValueError, RecursionError):
            continue
        if why:
            yield at(message, pointer=_key(call, "function", "arguments"), name=call.name, why=why)


@rule(
    "FT159", "invalid-tool-definition", category="suspicious", scope="content", catalogue=["T010"],
    params={"require": [], "wrapped": False, "function_only": False},
    when=lambda s: s.tools is not None or s.tools_fault is not None,
    message="{problem}", help="a definition has a name, a description, and parameters as a JSON schema of type object",
)  # fmt: skip
def invalid_tool_definition(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Tool definitions that are no list, or whose parameters are no JSON schema.

    ## Why
    mistral-common and mistral-finetune refuse them; templates print them as they are, and the model learns a schema that the
    serving side will not accept. Some targets want every definition under the key function (``wrapped``), or no other type of tool
    (``function_only``).

    ## Example
    ``"parameters": {"type": "dict", ...}``: Python's name, not JSON schema's.

    ## Fix safety
    No fix.
    """
    base = "/" + (s.tools_key or "tools").replace(".", "/")
    if s.tools_fault:
        yield at(pointer=base, problem=f"the tools are {s.tools_fault}")
        return
    # Old functions stand in their list as they are.
    bare = base.endswith("functions")
    for index, tool in enumerate(s.tools or ()):
        problem = _definition_problem(tool, p["require"])
        if problem is None and p["wrapped"] and not bare and "function" not in tool:
            problem = "does not stand under the key function"
        if problem is None and p["function_only"] and not bare and tool.get("type", "function") != "function":
            problem = f"is of the type {str(tool['type'])[:40]}, not function"
        if problem:
            yield at(pointer=f"{base}/{index}", problem=f"tool {index} {problem}")


def _definition_problem(tool: Any, require: list[str]) -> str | None:
    if not isinstance(tool, dict):
        return "is not an object"
    inner = tool.get("function") if "function" in tool else tool
    if not isinstance(inner, dict):
        return "has a function that is not an object"
    if not isinstance(inner.get("name"), str) or not inner["name"]:
        return "has no name"
    missing = [key for key in require if not inner.get(key) and key != "name"]
    if missing:
        return f"({inner['name']}) has no {' and no '.join(missing)}"
    parameters = inner.get("parameters")
    if parameters is None:
        return None
    if not isinstance(parameters, dict):
        return f"({inner['name']}) has parameters that are no object"
    try:
        why = next(_schema_problems(parameters, "parameters"), None)
    except RecursionError:
        why = "parameters is nested too deeply"
    return f"({inner['name']}): {why}" if why else None


def _schema_problems(schema: Any, path: str) -> Iterator[str]:
    if not isinstance(schema, dict):
        yield f"{path} is not an object"
        return
    kinds = schema.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind is not None and kind not in _JSON_TYPES:
            yield f"{path} has the type {kind!r}, which JSON schema does not know"
    if path == "parameters" and isinstance(kinds, str) and kinds != "object" and kinds in _JSON_TYPES:
        yield f"parameters are of type {kinds}, not object"
    required = schema.get("required")
    if required is not None and not (isinstance(required, list) and all(isinstance(name, str) for name in required)):
        yield f"{path}.required is not a list of names"
    fields = schema.get("properties")
    if fields is not None and not isinstance(fields, dict):
        yield f"{path}.properties is not an object"
    for name, inner in fields.items() if isinstance(fields, dict) else ():
        if isinstance(inner, dict):
            yield from _schema_problems(inner, f"{path}.{name}")
        elif not isinstance(inner, bool):
            yield f"{path}.{name} is not a schema"
    if isinstance(schema.get("items"), dict):
        yield from _schema_problems(schema["items"], f"{path}.items")


@rule(
    "FT161", "invalid-tool-name", category="suspicious", scope="content", catalogue=["T012"],
    when=lambda s: s.tools is not None or has_calls(s),
    message="the tool name {name} does not match [a-zA-Z0-9_-]{{1,64}}", help="rename the tool everywhere", fix_safety="unsafe",
)  # fmt: skip
def invalid_tool_name(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A tool's name that OpenAI and Mistral refuse.

    ## Why
    Names may hold ASCII letters, digits, _ and - only, 64 at most. Dots, spaces and Korean letters are refused.

    ## Example
    ``weather.get`` or ``날씨_조회``

    ## Fix safety
    Unsafe: the serving side must be renamed with it.
    """
    base = "/" + (s.tools_key or "tools").replace(".", "/")
    named = set()
    for index, tool in enumerate(s.tools or ()):
        inner = tool.get("function", tool) if isinstance(tool, dict) else None
        name = inner.get("name") if isinstance(inner, dict) else None
        if isinstance(name, str) and not NAME.match(name):
            named.add(name)
            yield at(pointer=f"{base}/{index}", name=repr(name))
    for message, call in _calls(s):
        if call.name is not None and not NAME.match(call.name) and call.name not in named:
            named.add(call.name)
            yield at(message, pointer=_key(call, "function", "name"), name=repr(call.name))


@rule(
    "FT168", "duplicate-tool-name", category="quality", scope="content", catalogue=["T019"],
    when=lambda s: len(s.tools or ()) > 1,
    message="the tool {name} is defined twice", help="keep one definition", fix_safety="safe",
)  # fmt: skip
def duplicate_tool_name(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Two tool definitions with the same name.

    ## Why
    Which of them holds is undefined, and both cost tokens.

    ## Example
    ``tide_at`` twice in ``tools``.

    ## Fix safety
    Safe where both are equal.
    """
    base = "/" + (s.tools_key or "tools").replace(".", "/")
    seen = set()
    for index, tool in enumerate(s.tools or ()):
        inner = tool.get("function", tool) if isinstance(tool, dict) else None
        name = inner.get("name") if isinstance(inner, dict) else None
        if isinstance(name, str) and name in seen:
            yield at(pointer=f"{base}/{index}", name=name)
        elif isinstance(name, str):
            seen.add(name)


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
    "FT171", "preference-tools-ignored", category="quality", scope="structure", on=False, catalogue=["T022"],
    kinds=["preference", "unpaired-preference"],
    message="the trainer ignores tools in preference data",
    help="write the definitions into the system prompt", fix_safety="manual",
)  # fmt: skip
def preference_tools_ignored(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Tool definitions in preference data, for a trainer that drops them.

    ## Why
    Reported for TRL's KTO trainer, mended later.

    ## Example
    ``tools`` beside ``chosen`` and ``rejected``.

    ## Fix safety
    By hand: how definitions are written into a prompt is each model family's own, and the target does not say which is trained.
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
