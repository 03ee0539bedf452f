"""Say what a chat template does with one conversation: what it refuses, drops, strips, escapes or adds."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ftdata.template.facts import Fault, fault_name, template_facts
from ftdata.template.folder import ModelFolder
from ftdata.template.messages import conversations
from ftdata.template.render import Conversation, Rendered, Renderer
from ftdata.template.shape import Shape, shape_of, split_at_markers
from ftdata.template.special import SpecialTokens, texts_of
from ftdata.template.treatment import changed, judge
from ftdata.types import Sample

__all__ = ["Fault", "inspect", "inspect_rendering", "inspect_shape", "inspect_template", "inspect_text", "shape_key"]

_PREFIXES = 64


def inspect(sample: Sample, renderer: Renderer, folder: ModelFolder | None) -> list[Fault]:
    """Return everything there is to say about one sample and this model's template.

    For many samples call the four parts: ``inspect_template`` once, ``inspect_shape`` once per ``shape_key``,
    ``inspect_text`` per sample, and ``inspect_rendering`` where each rendering itself shall be looked at.
    """
    found = [*inspect_template(renderer, folder), *inspect_shape(sample, renderer, folder), *inspect_text(sample, folder)]
    blamed = {fault.message for fault in found if not fault.fact}
    found += [fault for fault in inspect_rendering(sample, renderer) if fault.message not in blamed]
    return found


def inspect_template(renderer: Renderer, folder: ModelFolder | None) -> list[Fault]:
    """Return what holds for every conversation: doubled BOS, injected texts, pad equal to eos, no end of turn."""
    return list(template_facts(renderer, folder).faults)


def shape_key(sample: Sample, renderer: Renderer) -> str:
    """Return what ``inspect_shape`` depends on; samples of equal keys have equal faults."""
    return "\n".join(shape.key for shape, _ in _shapes(sample, renderer))


def inspect_shape(sample: Sample, renderer: Renderer, folder: ModelFolder | None) -> list[Fault]:
    """Return what the template does to conversations of this shape. One rendering, more where something is odd."""
    found: list[Fault] = []
    for shape, at in _shapes(sample, renderer):
        rendered = renderer.render(shape.messages, shape.tools)
        faults = list(_raised(shape, rendered, renderer)) if rendered.fault else list(judge(shape, rendered, renderer, folder))
        found += [fault if fault.message is None else replace(fault, message=at[fault.message]) for fault in faults]
    return list(dict.fromkeys(found))


def inspect_text(sample: Sample, folder: ModelFolder | None) -> list[Fault]:
    """Return the special tokens of the tokenizer that the sample's texts spell out. Nothing is rendered."""
    if folder is None or not folder.special_tokens:
        return []
    tokens = _tokens_of(folder)
    found = []
    for index, message in enumerate(sample.turns()):
        texts = [message.text, message.reasoning or ""]
        texts += [text for call in message.tool_calls for text in texts_of(call.arguments)]
        for token in dict.fromkeys(token for text in texts for token, _ in tokens.find(text)):
            if sample.media and any(word in token.lower() for word in ("image", "video", "audio")):
                continue
            found.append(
                Fault(
                    "special-token", f"the text holds {token}, of which the tokenizer makes the control token", index, text=token
                )
            )
    for token in dict.fromkeys(token for text in texts_of(sample.tools or []) for token, _ in tokens.find(text)):
        found.append(
            Fault("special-token", f"a tool definition holds {token}, of which the tokenizer makes the control token", text=token)
        )
    return found


def inspect_rendering(sample: Sample, renderer: Renderer) -> list[Fault]:
    """Return what one real rendering shows: the template raises, or a turn's text is not found in it as it stands.

    A short text may be found elsewhere in the rendering, so ``inspect_shape`` sees more; this one sees what a template
    does to certain texts only.
    """
    found = []
    for messages, at in _conversations(sample, renderer):
        rendered = renderer.render(messages, sample.tools or None)
        if rendered.fault:
            found.append(Fault(fault_name(rendered.fault), rendered.fault.words, text=rendered.fault.words))
            continue
        for index, message in zip(at, messages, strict=True):
            content = message.get("content")
            parts = content if isinstance(content, list) else [{"text": content}]
            for text in (part.get("text") for part in parts if isinstance(part, dict)):
                if isinstance(text, str) and not _stands_in(text, rendered.text, renderer):
                    name, words = changed(text, rendered.text)
                    found.append(Fault(name, words, index, text=text))
    return list(dict.fromkeys(found))


def _stands_in(text: str, rendered: str, renderer: Renderer) -> bool:
    """Whether a text is in the rendering: as it stands, or set out anew around markers such as </think>."""
    if not text.strip() or text in rendered:
        return True
    pieces = split_at_markers(text, renderer.source)
    return len(pieces) > 1 and all(piece.strip() in rendered for piece in pieces)


def _tokens_of(folder: ModelFolder) -> SpecialTokens:
    known = _TOKENS.get(folder.special_tokens)
    if known is None:
        _TOKENS.clear()
        known = _TOKENS[folder.special_tokens] = SpecialTokens(folder.special_tokens)
    return known


_TOKENS: dict[tuple[str, ...], SpecialTokens] = {}


def _shapes(sample: Sample, renderer: Renderer) -> list[tuple[Shape, list[int]]]:
    return [(shape_of(messages, sample.tools or None, renderer.source), at) for messages, at in _conversations(sample, renderer)]


def _conversations(sample: Sample, renderer: Renderer) -> list[tuple[list[dict[str, Any]], list[int]]]:
    """Return the sample's conversations, with texts as parts for a template that prints those only."""
    found = conversations(sample)
    if found and template_facts(renderer, None).wants_parts:
        return [(_as_parts(messages), at) for messages, at in found]
    return found


# --- The template refuses -------------------------------------------------------------------------


def _raised(shape: Shape, rendered: Rendered, renderer: Renderer) -> Iterator[Fault]:
    """Yield the fault, with the first turn that brings it about."""
    assert rendered.fault is not None
    words, index = rendered.fault.words, None
    if rendered.fault.kind == "raised":
        prefixes = [
            Conversation(shape.messages[:size], shape.tools) for size in range(1, min(len(shape.messages), _PREFIXES) + 1)
        ]
        answers = renderer.render_many(prefixes)
        index = next((at for at, answer in enumerate(answers) if answer.fault == rendered.fault), None)
        words += _remedy(shape, renderer)
    yield Fault(fault_name(rendered.fault), words, index, text=rendered.fault.words)


def _remedy(shape: Shape, renderer: Renderer) -> str:
    """Return in what other form the template takes the conversation, if it does in one of the usual ones."""
    forms = [
        ("null values are left out, as transformers does from 5.23 on", [_without_nulls(item) for item in shape.messages]),
        (
            "null contents are empty texts",
            [item | {"content": ""} if item.get("content", "") is None else item for item in shape.messages],
        ),
        ("the arguments of calls are objects", [_with_arguments(item, json.loads, str) for item in shape.messages]),
        ("the arguments of calls are JSON texts", [_with_arguments(item, json.dumps, dict) for item in shape.messages]),
        ("contents are plain texts", [_as_text(item) for item in shape.messages]),
        ("contents are lists of parts", _as_parts(shape.messages)),
    ]
    forms = [(words, messages) for words, messages in forms if messages != shape.messages]
    answers = renderer.render_many([Conversation(messages, shape.tools) for _, messages in forms])
    works = next((words for (words, _), answer in zip(forms, answers, strict=True) if answer.fault is None), None)
    return f" (it renders where {works})" if works else ""


def _without_nulls(message: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if value is not None}


def _with_arguments(message: dict[str, Any], convert: Callable[[Any], Any], kind: type) -> dict[str, Any]:
    """Return the message with the arguments of that type converted."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    converted = []
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("arguments"), kind):
            with contextlib.suppress(ValueError):
                call = call | {"function": function | {"arguments": convert(function["arguments"])}}
        converted.append(call)
    return message | {"tool_calls": converted}


def _as_text(message: dict[str, Any]) -> dict[str, Any]:
    parts = message.get("content")
    if not isinstance(parts, list) or not all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in parts):
        return message
    return message | {"content": "\n".join(part["text"] for part in parts)}


def _as_parts(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        message | {"content": [{"type": "text", "text": message["content"]}]}
        if isinstance(message.get("content"), str)
        else message
        for message in messages
    ]
