"""Take single fields out of a row: turns under keys of their own, lists of turns, tools, media, system, history.

What a field should not be stays visible: as ``Malformed`` content, as the sample's problem, or under its extra keys.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ftdata.formats.chat import decode_tools, parse_message, parse_part, turn
from ftdata.formats.decode import decode
from ftdata.types import ABSENT, Malformed, Message, Sample

Parser = Callable[[dict[str, Any], Sample], None]
PARSERS: dict[str, Parser] = {}
MEDIA = ("images", "videos", "audios", "image")
_MEDIA_KEYS = frozenset(MEDIA)
_TOOL_KEYS = ("tools", "functions", "available_tools")
_TYPES = {str: "a text", int: "a number", float: "a number", dict: "an object", list: "a list", type(None): "null"}


def parser(*names: str) -> Callable[[Parser], Parser]:
    """Register the parser of some formats, or of all formats of a family."""

    def keep(made: Parser) -> Parser:
        PARSERS.update(dict.fromkeys(names, made))
        return made

    return keep


def type_name(value: Any) -> str:
    """Name a value's JSON type for people."""
    return "a boolean" if isinstance(value, bool) else _TYPES.get(type(value), "another type")


def json_cell(value: Any) -> Any:
    """Decode a cell of a table that holds JSON text; any other value is returned as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return decode(value)
        except ValueError:
            return value
    return value


def messages_cell(value: Any) -> Any:
    """Decode a cell that holds messages as JSON text. A text like "[1, 2]" is a text: only turns are decoded."""
    decoded = json_cell(value)
    if decoded is value or (isinstance(decoded, list) and decoded and all(isinstance(m, dict) and "role" in m for m in decoded)):
        return decoded
    return value


def escape(key: str) -> str:
    """A key as a step of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


@functools.lru_cache(maxsize=1024)
def _pointer(key: str) -> str:
    return f"/{escape(key)}"


def field_turn(row: Mapping[str, Any], key: str, role: str, base: str = "") -> Message:
    """Return the turn that stands under a key of its own."""
    value = row.get(key, ABSENT)
    if type(value) is str and not base:
        return turn(role, value, _pointer(key), "", role)
    content: Any = value
    if isinstance(value, list):
        content = [parse_part(part) for part in value]
    elif not (isinstance(value, str) or value is None or value is ABSENT):
        content = Malformed(value)
    return Message(role, content, f"{base}/{escape(key)}", "", source_role=role)


def turn_list(row: Mapping[str, Any], key: str, sample: Sample) -> list[Any]:
    """Return the list of turns under a key; the sample's problem says why there is none."""
    if key not in row:
        sample.problem = f"the key '{key}' is missing"
        return []
    value = json_cell(row[key])
    if not isinstance(value, list):
        sample.problem = f"{key} is {type_name(value)}, not a list"
        sample.extra[key] = row[key]
        return []
    if not value:
        sample.problem = "the conversation is empty"
    return value


def keep_unused(row: Mapping[str, Any], sample: Sample, keys: Iterable[str], *used: str) -> None:
    """Keep what stands under keys that the format knows but that this row does not need."""
    for key in keys:
        if key in row and key not in used and row[key] is not None:
            sample.extra[key] = row[key]


def take_tools(row: dict[str, Any], sample: Sample, prefix: str = "") -> None:
    """Take the tool definitions from the first key that holds some; null-padded keys give way to others."""
    present = [key for key in _TOOL_KEYS if key in row]
    if present:
        key = next((key for key in present if row[key] is not None), present[0])
        sample.tools, sample.tools_fault = decode_tools(row[key])
        sample.tools_key = f"{prefix}{key}"
        if sample.tools_fault is not None:
            sample.extra[sample.tools_key] = row[key]
        if len(present) > 1:
            sample.extra |= {f"{prefix}{other}": row[other] for other in present if other != key and row[other] is not None}
    if "parallel_tool_calls" in row:
        sample.parallel_tool_calls = row["parallel_tool_calls"]
        if not prefix:
            sample.extra.pop("parallel_tool_calls", None)


def take_media(row: dict[str, Any], sample: Sample) -> None:
    """Take the columns of media: paths, addresses or objects."""
    if _MEDIA_KEYS.isdisjoint(row):
        return
    for key in MEDIA:
        value = json_cell(row.get(key))
        if value is not None:
            sample.media[key] = value if isinstance(value, list) else [row[key]]
            sample.extra.pop(key, None)


def take_system(row: Mapping[str, Any], sample: Sample, *keys: str) -> None:
    """Add the system turn that stands under a key of its own, if it says anything."""
    for key in keys:
        if row.get(key):
            sample.messages.append(field_turn(row, key, "system"))


def take_history(row: dict[str, Any], sample: Sample) -> None:
    """Add earlier turns, written as pairs of question and answer or as messages."""
    history = json_cell(row.get("history"))
    if not history:
        return
    if not isinstance(history, list):
        sample.messages.append(Message(None, Malformed(history), "/history", ""))
        return
    for index, pair in enumerate(history):
        if isinstance(pair, dict):
            sample.messages += parse_message(pair, f"/history/{index}")
            continue
        if not isinstance(pair, list) or len(pair) != 2:
            sample.messages.append(Message(None, Malformed(pair), f"/history/{index}", ""))
            continue
        for side, (role, text) in enumerate(zip(("user", "assistant"), pair, strict=True)):
            content = text if isinstance(text, str) or text is None else Malformed(text)
            sample.messages.append(Message(role, content, f"/history/{index}/{side}", "", source_role=role))


def take_pair(row: dict[str, Any], sample: Sample, prompt: str, answer: str, *systems: str) -> None:
    """Read a row of one question and one answer, after its system and history."""
    take_system(row, sample, *systems)
    take_history(row, sample)
    sample.messages += [field_turn(row, prompt, "user"), field_turn(row, answer, "assistant")]


def take_question(row: Mapping[str, Any], sample: Sample, second: str, given: Any) -> None:
    """Add the user turn of an instruction and what it is given, joined by a newline as every trainer joins them."""
    instruction = row.get("instruction", ABSENT)
    if isinstance(given, str) and given and isinstance(instruction, str) and instruction:
        sample.messages.append(turn("user", f"{instruction}\n{given}", "/instruction", "", "user"))
        return
    if instruction or not given:
        sample.messages.append(field_turn(row, "instruction", "user"))
    if given:
        content = given if isinstance(given, str) else Malformed(given)
        sample.messages.append(Message("user", content, second, "", source_role="user"))
