"""What each difference between a source and what comes back of it means: lost, changed, or only spelled otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ftdata.convert.loss import Change, Edit, Loss, differences, field_name, json_value, pointer, same
from ftdata.formats.chat import REASONING_KEYS
from ftdata.formats.registry import FORMATS
from ftdata.types import ABSENT

_TURNS = frozenset({"messages", "preferred_output", "non_preferred_output"})
# Null and a missing key say the same of these.
_SILENT = frozenset({"weight", "name", "tool_calls", "function_call", "tool_call_id", "tools", "functions", "refusal",
                     "parallel_tool_calls", "reasoning_content", "reasoning", "thinking", "audio"})  # fmt: skip
_LISTS = frozenset({"tools", "functions", "tool_calls"})
_MEDIA = {
    "image_url": "images",
    "input_image": "images",
    "video_url": "videos",
    "audio_url": "audio",
    "input_audio": "audio",
    "file": "files",
}
_COLUMNS = {"images": "images", "image": "images", "videos": "videos", "audios": "audio"}
_OF_ROWS = frozenset({"tools", "functions", "parallel_tool_calls"})
_LACKS = {
    "weight": "loss weights", "name": "names of turns", "tools": "tool definitions", "tool_calls": "tool calls", "refusal": "refusals",
    "parallel_tool_calls": "that setting", "detail": "a detail of images", "reasoning_content": "reasoning of its own",
    "audio": "spoken answers", "tool_call_id": "ids of tool calls", "functions": "tool definitions", "image_url": "images",
}  # fmt: skip


def losses(source: dict[str, Any], back: dict[str, Any], normal: Callable[[], dict[str, Any]], format: str) -> list[Loss]:
    """Every difference between the source and what comes back of it, with its meaning.

    ``normal`` gives the source as a conversion to OpenAI's format alone spells it: a difference that this makes too is
    none of the format's doing.
    """
    edits = differences(source, back)
    if not edits:
        return []
    spelled = normal()
    usual = {edit.steps: edit for edit in differences(source, spelled)}
    gone = _media(spelled) - _media(back)
    return [_elsewhere(edit, source, back) or _loss(edit, usual.get(edit.steps), source, format, gone) for edit in edits]


def _elsewhere(edit: Edit, source: dict[str, Any], back: dict[str, Any]) -> Loss | None:
    """That a turn became the reference of a prompt, or a reasoning part of its turn's text; the value itself arrives."""
    reason, value = None, edit.value
    if edit.became is not ABSENT or value is ABSENT or value is None:
        return None
    kind: Change = "changed"
    if isinstance(value, dict) and edit.steps[0] == "messages" and len(edit.steps) == 2:
        if "reference_answer" not in source and _said(value) == back.get("reference_answer"):
            reason = "its text becomes reference_answer, which the grader reads"
            if value.keys() != {"role", "content"}:
                kind, reason = "lost", f"{reason}; the rest of the turn has no place"
    elif edit.steps[-1] in REASONING_KEYS and isinstance(value, str):
        turns = back.get("messages")
        texts = (turn.get("content") for turn in (turns if isinstance(turns, list) else ()) if isinstance(turn, dict))
        if any(isinstance(text, str) and text.startswith(f"<think>\n{value}\n</think>") for text in texts):
            reason = "it stands between <think> tags in the text"
    return None if reason is None else Loss(field_name(edit.steps), pointer(edit.steps), reason, value, kind=kind)


def _said(turn: dict[str, Any]) -> str | None:
    """The text of a turn; ``None`` where it holds anything else."""
    content = turn.get("content")
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else None for part in content]
        content = "\n".join(text for text in texts if isinstance(text, str)) if all(isinstance(t, str) for t in texts) else None
    return content if isinstance(content, str) else None


def _media(row: dict[str, Any]) -> Counter[str]:
    """How many parts there are of each medium in the turns of a row."""
    inner = row.get("input")
    places = [row, inner] if isinstance(inner, dict) else [row]
    turns = [turn for place in places for key in _TURNS for turn in (place.get(key) or ()) if isinstance(turn, dict)]
    contents = [turn["content"] for turn in turns if isinstance(turn.get("content"), list)]
    kinds = (part.get("type") for parts in contents for part in parts if isinstance(part, dict))
    return Counter(_MEDIA[kind] for kind in kinds if isinstance(kind, str) and kind in _MEDIA)


def added_turns(found: list[Loss]) -> str | None:
    """Where turns came back that nobody wrote, for a text was taken for markers of the format; ``None`` if nowhere."""
    for loss in found:
        place, _, last = loss.where.rpartition("/")
        if loss.value is ABSENT and last.isdecimal() and place.rpartition("/")[2] in _TURNS:
            return place
        if last in _TURNS and isinstance(loss.value, list):
            return loss.where
    return None


def _loss(edit: Edit, usual: Edit | None, source: dict[str, Any], format: str, gone: Counter[str]) -> Loss:
    field, where = field_name(edit.steps), pointer(edit.steps)
    column = edit.steps[0] if len(edit.steps) == 1 and isinstance(edit.steps[0], str) else ""
    if gone and edit.value is not ABSENT and edit.became is ABSENT and gone[_COLUMNS.get(column, "")]:
        # OpenAI's format moves a column of media into the turns; here they are in neither.
        return Loss(field, where, f"{FORMATS[format].title} has no place for {_COLUMNS[column]}", edit.value, edit.became, "lost")
    made = usual is not None and edit.value is ABSENT and edit.steps[-1] in ("id", "tool_call_id")
    if made or (usual is not None and same(usual.became, edit.became)):
        return Loss(field, where, "OpenAI's format spells it so", edit.value, edit.became, "rewritten")
    if _says_same(edit, source):
        return Loss(field, where, "spelled otherwise, it means the same", edit.value, edit.became, "rewritten")
    reason = _moved(edit, source, format) or _without_media(edit, usual, format, gone) or _reason(edit, source, format)
    return Loss(field, where, reason, edit.value, edit.became, edit.kind)


def _without_media(edit: Edit, usual: Edit | None, format: str, gone: Counter[str]) -> str | None:
    """That a text lost its media, whose placeholders stood in it."""
    if not gone or usual is None or edit.steps[-1] != "content" or not isinstance(usual.became, list):
        return None
    return f"{FORMATS[format].title} has no place for {' and '.join(sorted(gone))}"


def _says_same(edit: Edit, source: dict[str, Any]) -> bool:
    key, value, became = edit.steps[-1], edit.value, edit.became
    if key == "arguments":
        return value is not ABSENT and became is not ABSENT and same(_meaning(value), _meaning(became))
    if key == "content":
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and value[0].keys() == {"type", "text"}:
            return bool(value[0]["type"] == "text" and value[0]["text"] == became and isinstance(became, str))
        if _parent(source, edit.steps).get("role") == "tool" and isinstance(value, str) and isinstance(became, str):
            return isinstance(_meaning(value), dict) and same(_meaning(value), _meaning(became))
        beside = _parent(source, edit.steps).get("tool_calls") or _parent(source, edit.steps).get("function_call")
        return bool(beside) and all(item is None or item is ABSENT or item == "" for item in (value, became))
    if key == "weight" and became is ABSENT and isinstance(value, bool | int | float):
        # Every format trains on answers, and on nothing else, unless it is told otherwise.
        return bool(value == (_parent(source, edit.steps).get("role") == "assistant"))
    if key in _LISTS and value == [] and (became is None or became is ABSENT):
        return True
    if key in _SILENT and (value is None or value is ABSENT or value == "") and (became is None or became is ABSENT):
        return True
    if key == "weight" and isinstance(value, bool | int | float) and isinstance(became, bool | int | float):
        return value == became
    return False


def _parent(source: Any, steps: tuple[str | int, ...]) -> dict[str, Any]:
    value = source
    for step in steps[:-1]:
        value = value[step]
    return value if isinstance(value, dict) else {}


def _meaning(value: Any) -> Any:
    """Arguments decoded, their numbers exact."""
    found = json_value(value, parse_float=Decimal) if isinstance(value, str) else value
    return value if found is ABSENT else found


def _moved(edit: Edit, source: dict[str, Any], format: str) -> str | None:
    """Whether a result of a call stands in another result's place."""
    turns = source.get("messages")
    if edit.steps[-1] != "content" or _parent(source, edit.steps).get("role") != "tool" or not isinstance(turns, list):
        return None
    results = (turn for turn in turns if isinstance(turn, dict) and turn.get("role") == "tool")
    found = any(same(turn.get("content", ABSENT), edit.became) for turn in results)
    return f"{FORMATS[format].title} has results in the order of their calls" if found else None


def _reason(edit: Edit, source: dict[str, Any], format: str) -> str:
    title = FORMATS[format].title
    key = edit.steps[-1]
    kind: Change = edit.kind
    if key == "weight" and kind == "added":
        return f"{title}: only the completion is trained on"
    if key in ("id", "tool_call_id") and kind != "lost":
        return f"{title} does not keep the ids of tool calls"
    if isinstance(key, int) and len(edit.steps) > 1 and edit.steps[-2] in _TURNS and kind == "lost":
        role = edit.value.get("role") if isinstance(edit.value, dict) else None
        return f"{title} has no place for this {role} turn"
    if kind == "lost":
        # A column of the row may bear the name of a turn's key.
        what = _LACKS.get(key) if isinstance(key, str) and (len(edit.steps) > 1 or key in _OF_ROWS) else None
        if key == "content" and (
            _parent(source, edit.steps).get("tool_calls") or _parent(source, edit.steps).get("function_call")
        ):
            what = "text beside tool calls"
        if what is None:
            what = f"the key {key}" if isinstance(key, str) else "this item"
        return f"{title} has no place for {what}"
    if kind == "added":
        return f"{title} brings it"
    if key == "content":
        return f"{title} holds texts only" if isinstance(edit.value, list) else f"{title} does not keep the text as it is"
    if key == "role":
        return f"{title} has another role in its place"
    return f"{title} does not keep it as it is"
