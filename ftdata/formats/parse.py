"""Turn a raw row into a sample, by its format. Never raises: what is wrong stays visible in the sample."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

# Each module registers the parsers of its formats.
from ftdata.formats import alpaca, completion, openai_chat, preference, sharegpt, text, trees, vendors  # noqa: F401
from ftdata.formats.chat import parse_messages
from ftdata.formats.fields import PARSERS, Parser, escape
from ftdata.formats.identity import key_name
from ftdata.formats.registry import FORMATS
from ftdata.types import Sample

_PLAIN = {"openai-chat", "openai-chat-tools", "openai-chat-think", "openai-chat-vision", "openai-chat-reasoning", "trl-harmony"}
_USUAL = 64
# Tables have headers like "Prompt" and "OUTPUT": content is read from them, metadata is not.
_CONTENT = frozenset(
    """messages conversations conversation instruction input output response system history prompt completion query question
    answer text content chosen rejected text_input generation context""".split()
)


def parse(row: Any, format: str, columns: Mapping[str, str] | None = None) -> Sample:
    """Return the sample of a row read as this format. ``columns`` renames keys first: canonical name to own name."""
    known = FORMATS.get(format) or FORMATS["unknown"]
    if not isinstance(row, dict):
        return Sample(known.id, known.kind, [], problem="the row is not an object")
    if columns:
        return _parse_renamed(row, known.id, columns)
    if len(row) == 1 and known.id in _PLAIN and type(row.get("messages")) is list:
        turns = parse_messages(row["messages"])
        problem = None if row["messages"] else "the conversation is empty"
        return Sample(known.id, known.kind, turns, [], [], None, None, None, None, None, {}, {}, {}, ("messages",), problem)
    found = tuple(row)
    layout = _layout(known.id, found) if len(found) <= _USUAL else _layout.__wrapped__(known.id, found)
    keys, extra, metadata, parser, headers = layout
    if headers:
        sample = _parse_renamed(row, known.id, headers)
        sample.keys = keys
        return sample
    more = {key_name(key): row[key] for key in extra} if extra else {}
    # Every field given: the constructor's factories cost as much again.
    kept: dict[str, Any] | None = None
    if metadata:
        # No comprehension: its call costs more than the rest.
        kept = {}
        for key in metadata:
            kept[key] = row[key]
    sample = Sample(known.id, known.kind, [], [], [], None, None, None, None, None, {}, {}, more, keys, None, kept)
    if parser is None:
        sample.problem = _explain(known.id, row)
    else:
        parser(row, sample)
    return sample


def _parse_renamed(row: dict[str, Any], format: str, columns: Mapping[str, str]) -> Sample:
    """Read the row under the format's own names, and point back to the names in the file.

    A column that bears the name of another one's mapping gives way to it, and is kept as an extra key.
    """
    renames = {own: name for name, own in columns.items() if own in row and own != name}
    aside = {key: value for key, value in row.items() if key not in renames and key in renames.values()}
    sample = parse({renames.get(key, key): value for key, value in row.items() if key not in aside}, format)
    sample.extra |= aside
    places = {f"/{escape(name)}": f"/{escape(own)}" for own, name in renames.items()}
    for message in sample.turns():
        message.pointer = _moved(message.pointer, places)
        for call in message.tool_calls:
            call.pointer = _moved(call.pointer, places)
    # Rules tell tools from functions by this name, and take a dot in it for a step.
    own_tools = columns.get(sample.tools_key or "")
    if sample.tools_key == "tools" and own_tools in renames and "." not in own_tools:
        sample.tools_key = own_tools
    return sample


def _moved(pointer: str, places: Mapping[str, str]) -> str:
    first = "/" + pointer[1:].partition("/")[0]
    return places[first] + pointer[len(first) :] if first in places else pointer


_Layout = tuple[tuple[str, ...], tuple[Any, ...], tuple[str, ...], Parser | None, dict[str, str]]


@functools.lru_cache(maxsize=4096)
def _layout(name: str, found: tuple[Any, ...]) -> _Layout:
    """What follows from a row's keys alone: their names, those that the format does not know, those that are metadata,
    the parser, and headers that differ from the format's keys in case only.

    A format without a parser knows no key: all it holds is kept.
    """
    known = FORMATS[name]
    parser = PARSERS.get(name) or PARSERS.get(known.family)
    headers: dict[str, str] = {}
    for key in found if parser is not None else ():
        plain = key.strip().lower() if isinstance(key, str) else None
        if plain is not None and plain != key and plain in _CONTENT and plain in known.keys and plain not in found:
            headers.setdefault(plain, key)
    unknown = tuple([key for key in found if parser is None or key not in known.keys])
    metadata = tuple([key for key in found if key in known.metadata])
    return tuple(map(key_name, found)), unknown, metadata, parser, headers


_WHAT = {
    "openai-batch-request": "a Batch API request, not training data: its body.messages hold a prompt without an answer",
    "batch-output": "a Batch API result, not training data",
    "evaluation-item": "an evaluation item (question and function definitions), not training data: it has no answer",
    "model-answers": "an answer of a model under evaluation, not training data: the questions are in another file",
    "tool-definition": "a tool definition, not a conversation",
    "dataset-config": "a dataset configuration (LLaMA-Factory's dataset_info.json), not data",
    "span-labels": "labels of text spans, not a conversation",
    "oasst-flat": "one message of a conversation tree; join the rows by parent_id first",
    "segments": "segments without roles (Axolotl input_output); only their own trainer reads them",
    "pretokenized": "token ids; they can be judged only as text, before they were made",
    "stepwise": "stepwise supervision for reward models, not conversations",
}


def _explain(name: str, row: dict[str, Any]) -> str:
    if name in _WHAT:
        return f"the row is {_WHAT[name]}"
    keys = ", ".join(map(key_name, list(row)[:6]))
    return f"no known format has the keys {keys}" if keys else "the row is an empty object"
