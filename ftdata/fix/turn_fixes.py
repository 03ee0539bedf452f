"""Fixes of turns: roles, contents, weights, names, turns too many."""

from __future__ import annotations

import json
from typing import Any

from ftdata.fix.case import Case, is_item, pointer_of, remove_turns, value_at
from ftdata.fix.edits import Delete, Drop, Edit, Insert, Raw, SetValue
from ftdata.fix.tool_fixes import plain_name
from ftdata.types import ABSENT, Message


def canonical_roles(case: Case) -> list[Edit]:
    """Write human as user and gpt as assistant; where turns have a speaker ("from"), in ShareGPT's own words."""
    edits: list[Edit] = []
    for place in case.places:
        pointer = pointer_of(place)
        known = place.values["known"]
        if pointer.endswith("/from"):
            known = {"user": "human", "assistant": "gpt"}[known]
        if isinstance(case.value(pointer), str):
            edits.append(SetValue(pointer, known))
    return edits


def role_as(role: str) -> Any:
    """Make a fixer that writes this role at every place."""

    def make(case: Case) -> list[Edit]:
        places = dict.fromkeys(map(pointer_of, case.places))
        return [SetValue(pointer, role) for pointer in places if isinstance(case.value(pointer), str)]

    return make


def after_last_answer(case: Case) -> list[Edit]:
    """Take out the turns after the last answer."""
    turns = case.sample.messages
    last = max((index for index, message in enumerate(turns) if message.role == "assistant"), default=-1)
    return remove_turns(case, turns[last + 1 :]) if last >= 0 else []


def merge_turns(case: Case) -> list[Edit]:
    """Join turns of one role that follow each other by a blank line; the second goes."""
    return _merged(case, [place.message for place in case.places if place.message is not None])


def _merged(case: Case, second: list[Message]) -> list[Edit]:
    turns = case.sample.messages
    gone = {id(message) for message in second}
    edits: list[Edit] = []
    at = 0
    while at < len(turns):
        group = [turns[at]]
        while at + len(group) < len(turns) and id(turns[at + len(group)]) in gone:
            group.append(turns[at + len(group)])
        at += len(group)
        if len(group) < 2 or not all(_is_plain(case, message) for message in group):
            continue
        if len({repr(message.weight) for message in group}) > 1:
            continue
        edits.append(SetValue(group[0].content_pointer, "\n\n".join(message.text for message in group if message.text.strip())))
        edits += remove_turns(case, group[1:])
    return edits


def _is_plain(case: Case, message: Message) -> bool:
    """Whether a turn is a text in a list of turns, and nothing else."""
    return (
        isinstance(message.content, str) and case.value(message.content_pointer) == message.content
        and not message.tool_calls and not message.reasoning and is_item(case, message.pointer)
    )  # fmt: skip


def merge_systems(case: Case) -> list[Edit]:
    """Join the system turns at the front."""
    front: list[Message] = []
    for message in case.sample.messages:
        if message.role not in ("system", "developer"):
            break
        front.append(message)
    return _merged(case, front[1:])


def systems_first(case: Case) -> list[Edit]:
    """Move system turns to the front, behind those that are there."""
    late = [place.message for place in case.places if place.message is not None and is_item(case, place.message.pointer)]
    if not late:
        return []
    base = late[0].pointer.rpartition("/")[0]
    front = next(
        (index for index, message in enumerate(case.sample.messages) if message.role not in ("system", "developer", None)), 0
    )
    target = case.sample.messages[front].pointer
    if target.rpartition("/")[0] != base or not target.rpartition("/")[2].isdigit():
        return []
    edits: list[Edit] = []
    for message in late:
        text = case.document.part(message.pointer)
        if text is not None and message.pointer.rpartition("/")[0] == base:
            edits += [Insert(base, int(target.rpartition("/")[2]), Raw(text)), Delete(message.pointer)]
    return edits


def system_into_question(case: Case) -> list[Edit]:
    """Put the text of the system turns before the first question."""
    turns = case.sample.messages
    systems = [message for message in turns if message.role in ("system", "developer")]
    first = next((message for message in turns if message.role == "user"), None)
    if first is None or not _is_plain(case, first) or not all(_is_plain(case, message) for message in systems):
        return []
    texts = [message.text for message in (*systems, first) if message.text.strip()]
    return [*remove_turns(case, systems), SetValue(first.content_pointer, "\n\n".join(texts))]


def shorten(case: Case) -> list[Edit]:
    """Take out the last exchanges of a conversation that is too long; the first one stays, whatever its length.

    How many go is estimated by their share of the characters; the sample is counted again afterwards.
    """
    turns, most = case.sample.messages, case.params["max"]
    if case.sample.kind != "sft" or not case.tokens or len(turns) < 2:
        return []
    sizes = [
        len(message.text) + len(message.reasoning or "") + sum(len(str(c.arguments)) for c in message.tool_calls) + 8
        for message in turns
    ]
    share = case.tokens / sum(sizes)
    ends = [n + 1 for n, message in enumerate(turns[:-1]) if message.role == "assistant" and not message.tool_calls]
    fitting = [end for end in ends if share * sum(sizes[:end]) <= most]
    return remove_turns(case, turns[fitting[-1] :]) if fitting else []


def empty_content(case: Case) -> list[Edit]:
    """Write an empty content where a turn that calls has none."""
    edits: list[Edit] = []
    for place in case.places:
        message = place.message
        raw = case.value(message.pointer) if message is not None else None
        if message is None or not isinstance(raw, dict) or not message.tool_calls:
            continue
        key = message.content_key or "content"
        if raw.get(key, ABSENT) is None:
            edits.append(SetValue(f"{message.pointer}/{key}", ""))
        elif key not in raw:
            after = next((n + 1 for n, name in enumerate(raw) if name in ("role", "from")), len(raw))
            edits.append(Insert(message.pointer, min(after, len(raw)), "", key))
    return edits


def content_as_text(case: Case) -> list[Edit]:
    """Write a number or a boolean as text, as it stands in the file; what an object means is not known."""
    edits: list[Edit] = []
    for place in case.places:
        pointer = pointer_of(place)
        if isinstance(case.value(pointer), bool | int | float):
            edits.append(SetValue(pointer, case.document.part(pointer)))
    return edits


def one_content_type(case: Case) -> list[Edit]:
    """Write lists of one text part as the text; where a list holds more, texts become lists of one part."""
    lists = [message for message in case.sample.turns() if isinstance(message.content, list)]
    pointers = [message.content_pointer for message in lists]
    if all(_single(case.value(pointer)) for pointer in pointers):
        return [SetValue(pointer, Raw(case.document.part(f"{pointer}/0/text") or '""')) for pointer in pointers]
    if case.params["text_only"]:
        return []
    edits: list[Edit] = []
    for message in case.sample.turns():
        pointer = message.content_pointer
        if isinstance(message.content, str) and case.value(pointer) == message.content and message.content_key == "content":
            edits.append(SetValue(pointer, Raw(f'[{{"type": "text", "text": {case.document.part(pointer)}}}]')))
    return edits


def _single(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and value[0].keys() == {"type", "text"}
        and value[0]["type"] == "text" and isinstance(value[0]["text"], str)
    )  # fmt: skip


def wrap_parts(case: Case) -> list[Edit]:
    """Put an image's address into its object, a text into a part, and the type before a part that shows it."""
    edits: list[Edit] = []
    for place in case.places:
        pointer = pointer_of(place)
        raw = case.value(pointer)
        if isinstance(raw, str):
            edits.append(SetValue(pointer, Raw(f'{{"type": "text", "text": {case.document.part(pointer)}}}')))
        if not isinstance(raw, dict):
            continue
        address = raw.get("image_url")
        if raw.get("type") == "image_url" and isinstance(address, str):
            edits.append(SetValue(f"{pointer}/image_url", Raw(f'{{"url": {case.document.part(f"{pointer}/image_url")}}}')))
        elif "type" not in raw and isinstance(address, dict) and isinstance(address.get("url"), str):
            edits.append(Insert(pointer, 0, "image_url", "type"))
        elif raw.keys() == {"text"} and isinstance(raw["text"], str):
            edits.append(Insert(pointer, 0, "text", "type"))
    return edits


def whole_weights(case: Case) -> list[Edit]:
    """Write 1.0 and true as 1, 0.0 and false as 0, and take a null out; other weights have to be decided."""
    edits: list[Edit] = []
    for place in case.places:
        pointer = pointer_of(place)
        value = case.value(pointer)
        if isinstance(value, bool | int | float) and value in (0, 1):
            edits.append(SetValue(pointer, int(value)))
        elif value is None:
            edits.append(Delete(pointer))
    return edits


def remove_weights(case: Case) -> list[Edit]:
    """Take out weights that nobody reads."""
    return [Delete(pointer) for pointer in dict.fromkeys(map(pointer_of, case.places)) if case.value(pointer) is not ABSENT]


def speaker_names(case: Case) -> list[Edit]:
    """Write names of speakers in letters that are allowed; a function's turn gets the name of the call before it."""
    edits: list[Edit] = []
    turns = case.sample.turns()
    for place in case.places:
        message = place.message
        if message is None:
            continue
        if message.name is None:
            before = turns[turns.index(message) - 1] if turns.index(message) else None
            calls = before.tool_calls if before is not None else []
            if len(calls) == 1 and calls[0].name and isinstance(case.value(message.pointer), dict):
                edits.append(SetValue(f"{message.pointer}/name", calls[0].name))
        elif message.role in ("user", "assistant", "system", "developer") and isinstance(message.name, str):
            pointer = f"{message.pointer}/name"
            if value_at(case.row, pointer) == message.name:
                edits.append(SetValue(pointer, plain_name(message.name)) if message.name.strip() else Delete(pointer))
    return edits


def drop_as_found(case: Case) -> list[Edit]:
    """Drop the sample, in the words of the finding."""
    from ftdata.judge.excerpt import fill

    for place in case.places:
        return [Drop(fill(case.rule.message, place.values, case.params))]
    return []


_LABELS: dict[Any, bool] = {"true": True, "false": False, "1": True, "0": False}


def boolean_label(case: Case) -> list[Edit]:
    """Write "true", "false", 1 and 0 as true and false."""
    key = next((key for key in ("label", "kto_tag") if key in case.row), None)
    label = case.row.get(key) if key else None
    if isinstance(label, str) and label.strip().lower() in _LABELS:
        return [SetValue(f"/{key}", _LABELS[label.strip().lower()])]
    if isinstance(label, int | float) and not isinstance(label, bool) and label in (0, 1):
        return [SetValue(f"/{key}", bool(label))]
    return []


def end_token(case: Case) -> list[Edit]:
    """Append the first of the end tokens to a plain text."""
    edits: list[Edit] = []
    for message in case.sample.messages:
        text, ends = message.text, tuple(case.params["ends"])
        if case.value(message.content_pointer) == text and not text.rstrip().endswith(ends) and ends:
            edits.append(SetValue(message.content_pointer, Raw(json.dumps(text + ends[0], ensure_ascii=case.document.ascii))))
    return edits
