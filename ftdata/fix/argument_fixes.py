"""Fixes of the arguments of tool calls: their type, their JSON, what is private in them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

import orjson

from ftdata.fix.case import Case, Piece, judged_calls
from ftdata.fix.edits import Edit, Raw, SetValue
from ftdata.fix.text_fixes import mask, private_spans, shown
from ftdata.measure.span import Span
from ftdata.types import ABSENT, Message, ToolCall

_INNER = ("function/arguments", "arguments", "parameters", "input", "toolUse/input", "functionCall/args", "args")
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d[\d.eE+-]*', re.S)
_TURNS = 50


def all_calls(case: Case) -> Iterator[tuple[Message, ToolCall]]:
    """Every call of a sample with its turn."""
    for message in case.sample.turns():
        for call in message.tool_calls:
            yield message, call


def arguments_pointer(case: Case, call: ToolCall) -> str | None:
    """Where the arguments of a call stand in the row; ``None`` where they are a piece of a text."""
    if call.arguments is ABSENT:
        return None
    for inner in _INNER:
        pointer = f"{call.pointer}/{inner}"
        value = case.value(pointer)
        if type(value) is type(call.arguments) and value == call.arguments:
            return pointer
    return None


def as_text(case: Case) -> list[Edit]:
    """Write arguments that are objects or lists as JSON text."""
    edits: list[Edit] = []
    for _, call in all_calls(case):
        if isinstance(call.arguments, dict | list) and ("/tool_calls/" in call.pointer or call.legacy):
            pointer = arguments_pointer(case, call)
            text = case.document.part(pointer) if pointer else None
            if pointer and text is not None:
                edits.append(SetValue(pointer, text))
    return edits


def as_object(case: Case) -> list[Edit]:
    """Write arguments that are JSON text as the object that the text holds."""
    edits: list[Edit] = []
    for _, call in all_calls(case):
        pointer = arguments_pointer(case, call) if isinstance(call.arguments, str) else None
        if pointer and is_json_object(call.arguments):
            edits.append(SetValue(pointer, Raw(call.arguments.strip())))
    return edits


def steady_types(case: Case) -> list[Edit]:
    """Write arguments as JSON text and ids as text, the types that every provider reads."""
    return as_text(case) + steady_ids(case)


def steady_ids(case: Case) -> list[Edit]:
    """Write ids that are numbers as text."""
    edits: list[Edit] = []
    for _, call in all_calls(case):
        value = case.value(f"{call.pointer}/id")
        if "/tool_calls/" in call.pointer and isinstance(value, int | float) and not isinstance(value, bool):
            edits.append(SetValue(f"{call.pointer}/id", case.document.part(f"{call.pointer}/id")))
    for message in case.sample.turns():
        pointer = f"{message.pointer}/tool_call_id"
        if isinstance(message.tool_call_id, int | float) and not isinstance(message.tool_call_id, bool):
            edits.append(SetValue(pointer, case.document.part(pointer)))
    return edits


def is_json_object(text: str) -> bool:
    """Whether a text is a strict JSON object, without half surrogates, that may stand in a row as it is."""
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "\n" not in text.strip() and "\r" not in text.strip()


def _refuse(name: str) -> None:
    raise ValueError(name)


def mend_arguments(case: Case) -> list[Edit]:
    """Arguments that Python would read, or none at all, as JSON; what is neither is left."""
    edits: list[Edit] = []
    for _, call in all_calls(case):
        if not isinstance(call.arguments, str):
            continue
        pointer, value = arguments_pointer(case, call), _guessed(call.arguments)
        if pointer and value is not None:
            edits.append(SetValue(pointer, value))
    return edits


def _guessed(text: str) -> str | None:
    if not text.strip() or text.strip() == "null":
        return "{}"
    if len(text) > 100_000:
        return None
    try:
        if isinstance(json.loads(text), dict):
            return None
    except (ValueError, RecursionError):
        pass
    for attempt in (text, re.sub(r",\s*([}\]])", r"\1", text)):
        for read in (json.loads, ast.literal_eval):
            try:
                value = read(attempt)
                if isinstance(value, dict):
                    return json.dumps(value, ensure_ascii=False, allow_nan=False)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                continue
    return None


def mask_arguments(case: Case) -> list[Edit]:
    """Mask what is private in the arguments of calls, so that they stay JSON."""
    edits: list[Edit] = []
    for message, call, _ in judged_calls(case):
        pointer = arguments_pointer(case, call)
        if pointer is None:
            continue
        given = call.arguments if isinstance(call.arguments, str) else case.document.part(pointer)
        if given is None:
            continue
        text = given
        try:
            orjson.loads(text)
            loose = False
        except ValueError:
            loose = True
        for _ in range(_TURNS):
            if loose:
                changed = mask(text, case, Piece(message, "arguments", pointer, 0, text))
            else:
                name = call.name or ""
                changed = _masked_tokens(text, len(name), private_spans(case, name + text))
            if changed == text:
                break
            text = changed
        if text != given:
            edits.append(SetValue(pointer, text if isinstance(call.arguments, str) else Raw(text)))
    return edits


def _masked_tokens(text: str, before: int, spans: list[Span]) -> str:
    """JSON text with these spans masked: inside strings the span, numbers as a whole. The spans count ``before``
    characters that stand before the text."""
    out, at, following = [], 0, 0
    for match in _TOKEN.finditer(text):
        first, last = match.start() + before, match.end() + before
        while following < len(spans) and spans[following].end <= first:
            following += 1
        if re.match(r"\s*:", text[match.end() : match.end() + 20]):
            continue
        token, number = match.group(), following
        inside: list[Span] = []
        while number < len(spans) and spans[number].start < last:
            inside.append(spans[number])
            number += 1
        for span in reversed(inside):
            words = f"…({span.kind})"
            if token[0] != '"' or "\\" in token:
                token = f'"{words}"'
                break
            start, end = max(span.start - first, 1), min(span.end - first, match.end() - match.start() - 1)
            if start < end:
                token = token[: start + shown(start, end)] + words + token[end:]
        out += [text[at : match.start()], token]
        at = match.end()
    return "".join([*out, text[at:]])
