"""A sample as what there is to show of it: turns, calls, media, tools, metadata, tokens. Secrets are masked here, once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ftdata.convert.loss import json_text
from ftdata.formats import FORMATS
from ftdata.formats.identity import safe_repr
from ftdata.measure.batch import Overhead, call_text, compact, is_trained
from ftdata.measure.private import mask
from ftdata.measure.registry import content_kind
from ftdata.types import ABSENT, Finding, Malformed, Message, Part, Sample, Side, ToolCall

if TYPE_CHECKING:
    from ftdata.measure.tokens import Tokenizer

BlockKind = Literal["text", "reasoning", "call", "medium", "json", "note", "extra"]
# Names of roles that say no more than the role itself.
_USUAL = frozenset(
    "human gpt model function_call observation tool_call tool_response chatbot bot HUMAN CHATBOT USER SYSTEM".split()
)


@dataclass(slots=True)
class Block:
    """One thing in a turn. ``title`` names it (a call's name, a medium's kind), ``text`` is masked and not escaped."""

    kind: BlockKind
    text: str
    title: str = ""


@dataclass(slots=True)
class TurnView:
    """One turn. ``tokens`` are those of its texts, ``None`` where not counted; ``notes`` what else is worth knowing."""

    side: Side
    role: str
    blocks: list[Block]
    notes: list[str] = field(default_factory=list)
    tokens: int | None = None
    trained: bool = False
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class View:
    """One sample, ready to render. ``tokens`` is the measure ``n_tokens``; ``more`` the metadata and unknown keys, as JSON."""

    path: str
    row: int
    line: int | None
    id: str
    format: str
    kind: str
    turns: list[TurnView]
    tools: list[Block] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)
    problem: str | None = None
    tokens: int | None = None
    findings: list[Finding] = field(default_factory=list)


def make_view(
    sample: Sample, path: str, row: int, line: int | None, identity: str, tokenizer: Tokenizer | None = None,
    overhead: Overhead | None = None, findings: Sequence[Finding] = (),
) -> View:  # fmt: skip
    """Make the view of a sample. With a tokenizer every turn's tokens are counted, as the lint measures count them."""
    view = View(path, row, line, identity, sample.format, sample.kind, [], problem=sample.problem)
    sides: tuple[tuple[Side, list[Message]], ...] = (
        ("messages", sample.messages), ("chosen", sample.chosen), ("rejected", sample.rejected)
    )  # fmt: skip
    messages = [(side, message) for side, several in sides for message in several]
    view.turns = [_turn(side, message) for side, message in messages]
    view.tools = [_tool(tool) for tool in sample.tools or ()]
    if sample.tools_fault:
        view.tools.append(Block("note", hidden(sample.tools_fault), "tools"))
    view.more = {
        **({"label": _json(sample.label)} if sample.label is not None else {}),
        **{key: _json(value) for key, value in (sample.reference | sample.media | (sample.kept or {}) | sample.extra).items()},
    }
    if sample.parallel_tool_calls is not None:
        view.more["parallel_tool_calls"] = _json(sample.parallel_tool_calls)
    if tokenizer is not None:
        _count(view, [message for _, message in messages], sample, tokenizer, overhead or Overhead())
    for finding in findings:
        _attach(view, [message for _, message in messages], finding)
    return view


def hidden(text: str) -> str:
    """A text without the secrets and personal data in it."""
    return mask(text)


def _turn(side: Side, message: Message) -> TurnView:
    role = message.role if isinstance(message.role, str) else "no role" if message.role is None else safe_repr(message.role)
    turn = TurnView(side, role, [], trained=is_trained(message) and side != "rejected")
    if isinstance(message.source_role, str) and message.source_role != role and message.source_role not in _USUAL:
        turn.notes.append(f"written '{message.source_role}'")
    if message.name is not None:
        turn.notes.append(f"name {_plain(message.name)}")
    if message.tool_call_id is not None:
        turn.notes.append(f"answers {_plain(message.tool_call_id)}")
    if message.weight is not None:
        words = "trained" if is_trained(message) else "not trained" if message.role == "assistant" else ""
        turn.notes.append(f"{message.weight_key or 'weight'} {_plain(message.weight)}{f': {words}' if words else ''}")
    if message.reasoning is not None:
        turn.blocks.append(Block("reasoning", hidden(message.reasoning), message.reasoning_key or "reasoning"))
    turn.blocks += _content(message, role)
    turn.blocks += [_call(call) for call in message.tool_calls]
    turn.blocks += [Block("extra", _json(value), hidden(str(key))) for key, value in message.extra.items()]
    turn.notes = [hidden(note) for note in turn.notes]
    return turn


def _content(message: Message, role: str) -> list[Block]:
    content = message.content
    if isinstance(content, str):
        if role == "tool":
            pretty = _pretty_text(content)
            if pretty is not None:
                return [Block("json", hidden(pretty), "JSON")]
        return [Block("text", hidden(content))] if content else [] if message.tool_calls else [Block("note", "empty")]
    if isinstance(content, list):
        return [_part(part, role) for part in content] or ([] if message.tool_calls else [Block("note", "no parts")])
    if isinstance(content, Malformed):
        return [Block("json", _json(content.value), f"content is {content_kind(content)}")]
    if message.tool_calls or message.reasoning:
        return []
    return [Block("note", "no content" if content is ABSENT else "content is null")]


def _part(part: Part, role: str) -> Block:
    if part.text is not None:
        pretty = _pretty_text(part.text) if role == "tool" and part.type == "text" else None
        if pretty is not None:
            return Block("json", hidden(pretty), "JSON")
        return Block("text", hidden(part.text)) if part.type == "text" else Block("text", hidden(part.text), part.type)
    if part.url is not None:
        return Block("medium", _medium(part.url), part.type)
    return Block("medium", _json(part.raw), part.type)


def _medium(url: str) -> str:
    """A medium's name: its path or address; of data written into the row only the type and size."""
    if url.startswith("data:"):
        head, _, data = url.partition(",")
        size = len(data) * 3 // 4 if head.endswith(";base64") else len(data)
        return f"{hidden(head[:100])}, {size:,} bytes in the row"
    return hidden(url if len(url) <= 500 else f"{url[:500]}… ({len(url):,} characters)")


def _call(call: ToolCall) -> Block:
    name = call.name if call.name is not None else "call without a name"
    title = name + (f" {call.id}" if call.id is not None else "") + (" (function_call)" if call.legacy else "")
    arguments = call.arguments
    if arguments is ABSENT:
        return Block("call", "", f"{hidden(_plain(title))}: no arguments")
    if isinstance(arguments, str):
        pretty = _pretty_text(arguments)
        if pretty is None and arguments.strip():
            return Block("call", hidden(arguments), f"{hidden(_plain(title))}: arguments are not JSON")
        return Block("call", hidden(pretty or arguments), hidden(_plain(title)))
    value = arguments.value if isinstance(arguments, Malformed) else arguments
    return Block("call", hidden(pretty_json(value)), hidden(_plain(title)))


def _tool(tool: Any) -> Block:
    """A tool definition: its signature, and what it is for."""
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return Block("json", _json(tool), "tool")
    schema: dict[str, Any] = next(
        (function[key] for key in ("parameters", "input_schema", "inputSchema") if isinstance(function.get(key), dict)), {}
    )
    properties = schema.get("properties")
    required = schema.get("required")
    wanted = set(map(str, required)) if isinstance(required, list) else set()
    parts = []
    for key, value in (properties if isinstance(properties, dict) else {}).items():
        kind = value.get("type") if isinstance(value, dict) else None
        if isinstance(value, dict) and isinstance(value.get("enum"), list):
            kind = " | ".join(compact(choice) for choice in value["enum"][:8]) + (" …" if len(value["enum"]) > 8 else "")
        elif isinstance(kind, list):
            kind = " | ".join(map(str, kind))
        parts.append(f"{key}{'' if str(key) in wanted else '?'}: {kind if isinstance(kind, str) else 'any'}")
    about = function.get("description")
    return Block("text", hidden(about if isinstance(about, str) else ""), hidden(f"{function['name']}({', '.join(parts)})"))


def pretty_json(value: Any) -> str:
    """A JSON value for people: on one line where it is short, else indented. Characters stand as themselves."""
    if isinstance(value, str):
        return value
    short = json_text(value)
    if short is None or len(short) <= 60:
        return safe_repr(value) if short is None else short
    try:
        return json.dumps(value, ensure_ascii=False, indent=2)
    except (TypeError, ValueError, RecursionError):
        return short


def _pretty_text(text: str) -> str | None:
    """A JSON object or array in a text, indented; ``None`` where the text is none."""
    stripped = text.strip()
    if stripped[:1] not in ("{", "["):
        return None
    try:
        value = json.loads(stripped)
    except (ValueError, RecursionError):
        return None
    return pretty_json(value)


def _json(value: Any) -> str:
    return hidden(pretty_json(value))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else (json_text(value) or safe_repr(value))


def _count(view: View, messages: list[Message], sample: Sample, tokenizer: Tokenizer, overhead: Overhead) -> None:
    texts: list[str] = []
    owners: list[int] = []
    for number, message in enumerate(messages):
        calls = [call_text(call) for call in message.tool_calls]
        for text in (message.text, message.reasoning, *calls):
            if text:
                texts.append(text)
                owners.append(number)
    tools = compact(sample.tools) if sample.tools else ""
    counts = tokenizer.count([*texts, tools])
    for turn in view.turns:
        turn.tokens = 0
    for number, count in zip(owners, counts, strict=False):
        view.turns[number].tokens = (view.turns[number].tokens or 0) + count
    view.tokens = sum(counts) + overhead.per_message * len(messages) + overhead.per_sample


def _attach(view: View, messages: list[Message], finding: Finding) -> None:
    """Put a finding to the turn that its pointer leads into, else to the sample."""
    pointer = finding.location.pointer or ""
    best, length = None, 0
    for number, message in enumerate(messages):
        place = message.pointer
        if place and (pointer == place or pointer.startswith(f"{place}/")) and len(place) > length:
            best, length = number, len(place)
    (view.findings if best is None else view.turns[best].findings).append(finding)


def title_of(format: str) -> str:
    """A format's title for people."""
    return FORMATS[format].title if format in FORMATS else format


def as_json(view: View) -> dict[str, Any]:
    """The view as JSON: masked, not escaped."""

    def found(findings: list[Finding]) -> list[dict[str, Any]]:
        return [
            {"code": f.code, "name": f.name, "severity": f.severity, "message": f.message, "pointer": f.location.pointer}
            for f in findings
        ]

    def turn(shown: TurnView) -> dict[str, Any]:
        return {
            "side": shown.side, "role": shown.role, "trained": shown.trained, "tokens": shown.tokens, "notes": shown.notes,
            "blocks": [{"kind": b.kind, "title": b.title, "text": b.text} for b in shown.blocks], "findings": found(shown.findings),
        }  # fmt: skip

    return {
        "path": view.path, "row": view.row, "line": view.line, "sample": view.id, "format": view.format, "kind": view.kind,
        "problem": view.problem, "tokens": view.tokens, "turns": [turn(shown) for shown in view.turns],
        "tools": [{"kind": b.kind, "title": b.title, "text": b.text} for b in view.tools], "more": view.more,
        "findings": found(view.findings),
    }  # fmt: skip
