"""What became of each text, call and tool in a rendering that worked. The texts are sentinels, see ``shape.py``."""

from __future__ import annotations

import collections
import html
import json
import re
from collections.abc import Iterator
from typing import Any

from ftdata.template.facts import Fault, end_faults, template_facts
from ftdata.template.folder import ModelFolder
from ftdata.template.render import Rendered, Renderer
from ftdata.template.shape import Mark, Shape

ROLES = frozenset({"system", "user", "assistant", "tool"})
_HEAD = re.compile(r"zq(\d{5,})h")
_MOST_NULLS = 16
_NAMES = {
    "reasoning": "reasoning-dropped",
    "content": "text-dropped",
    "call": "tool-call-dropped",
    "arguments": "tool-arguments-dropped",
}


def judge(shape: Shape, rendered: Rendered, renderer: Renderer, folder: ModelFolder | None) -> Iterator[Fault]:
    """Yield what the template did to a conversation that it rendered; turns are counted within the shape."""
    found = _Found(shape, rendered.text)
    yield from _dropped(found, renderer)
    printed = list(_parts(found))
    yield from printed
    listed = {fault.message for fault in printed}
    for mark in shape.marks:
        if mark.style == "text" and mark.message not in listed and found.places(mark):
            yield from _treatment(mark, found)
    yield from _calls(found)
    yield from _nulls(found, renderer)
    yield from _moved(found)
    yield from _end(found, rendered, renderer, folder)
    default = template_facts(renderer, folder).default_system
    if default and not any(message.get("role") in ("system", "developer") for message in shape.messages):
        words = "there is no system turn, so the template writes its own"
        yield Fault("default-system-injected", words, fact=True, text=default)


class _Found:
    """A shape and its rendering, with the place of every sentinel: found in one pass, however many there are."""

    def __init__(self, shape: Shape, text: str) -> None:
        self.shape, self.text = shape, text
        self._places: dict[int, list[int]] = {}
        for match in _HEAD.finditer(text):
            self._places.setdefault(int(match[1]), []).append(match.start())
        self.marks: dict[int | None, list[Mark]] = collections.defaultdict(list)
        for mark in shape.marks:
            self.marks[mark.message].append(mark)

    def places(self, mark: Mark) -> list[int]:
        """Return the index of each occurrence of the sentinel's head."""
        return self._places.get(mark.number, [])

    def has(self, mark: Mark, before: str, after: str) -> bool:
        """Whether the whole sentinel stands somewhere between these two texts."""
        wanted = f"{before}{mark.core}{after}"
        return any(self.text.startswith(wanted, max(0, place - len(before))) for place in self.places(mark))


# --- What is missing ------------------------------------------------------------------------------


def _dropped(found: _Found, renderer: Renderer) -> Iterator[Fault]:
    """Yield one fault for each thing that is not in the rendering: a turn, its reasoning, its text, a call, the tools."""
    messages = found.shape.messages
    last = max((at for at, message in enumerate(messages) if message.get("role") == "user"), default=-1)
    for index, message in enumerate(messages):
        marks = found.marks.get(index, [])
        missing = [mark for mark in marks if not found.places(mark)]
        if not missing:
            continue
        role = message.get("role")
        if len(missing) < len(marks) or all(mark.place != "content" for mark in marks):
            yield from _missing(found, renderer, index, {mark.place for mark in missing}, index < last)
        elif role in ROLES:
            yield Fault("turn-dropped", f"the {role} turn is not in the rendering", index)
        else:
            yield Fault("role-skipped", f"the template does not know the role {role}: the turn vanishes without a word", index)
    tools = found.marks.get(None, [])
    lost = sum(not found.places(mark) for mark in tools)
    if lost:
        what = "the tool definitions are" if lost == len(tools) else f"{lost} of {len(tools)} tool definitions are"
        yield Fault("tools-dropped", f"{what} not in the rendering")


def _missing(found: _Found, renderer: Renderer, index: int, places: set[str], earlier: bool) -> Iterator[Fault]:
    message = found.shape.messages[index]
    beside = "beside the tool call" if message.get("tool_calls") or message.get("function_call") else "in part"
    words = {
        "reasoning": f"the reasoning{' of this earlier answer' if earlier else ''} is not in the rendering",
        "content": f"the text {beside} is not in the rendering",
        "call": "a tool call is not in the rendering",
        "arguments": "the arguments of a tool call are not in the rendering",
    }
    if "reasoning" in places and _read_under_another_name(found, renderer, index):
        words["reasoning"] += " (it is where reasoning_content holds it, as transformers passes it from 5.21 on)"
    if "call" in places:
        places = places - {"arguments"}
    for place, name in _NAMES.items():
        if place in places:
            yield Fault(name, words[place], index)


def _read_under_another_name(found: _Found, renderer: Renderer, index: int) -> bool:
    message = found.shape.messages[index]
    value = next((message[key] for key in ("thinking", "reasoning") if isinstance(message.get(key), str)), None)
    if value is None or "reasoning_content" in message:
        return False
    others = [*found.shape.messages]
    others[index] = message | {"reasoning_content": value}
    return value.strip() in renderer.render(others, found.shape.tools).text


# --- What is changed ------------------------------------------------------------------------------


def _treatment(mark: Mark, found: _Found) -> Iterator[Fault]:
    """Yield how a text was changed on its way into the rendering, if it was."""
    if found.has(mark, mark.lead, mark.trail):
        return
    if found.has(mark, "", ""):
        sides = [
            side
            for side, blank, there in (
                ("leading", mark.lead, found.has(mark, mark.lead, "")),
                ("trailing", mark.trail, found.has(mark, "", mark.trail)),
            )
            if blank and not there
        ]
        yield Fault("text-stripped", f"the {' and '.join(sides) or 'leading or trailing'} white space is stripped", mark.message)
        return
    place = found.places(mark)[0]
    name, words = changed(mark.core, found.text[max(0, place - 10) : place + 200])
    role = None if mark.message is None else found.shape.messages[mark.message].get("role")
    # A template that always writes tool results as JSON does so at inference too.
    yield Fault(name, words, mark.message, fact=name == "text-json-escaped" and role == "tool")


def changed(wanted: str, text: str) -> tuple[str, str]:
    """Return the name and words for a text that is in the rendering in another form, or in none."""
    bare = wanted.strip()
    if bare in text:
        return "text-stripped", "the leading or trailing white space is stripped"
    if json.dumps(bare, ensure_ascii=False)[1:-1] in text or json.dumps(bare)[1:-1] in text:
        return "text-json-escaped", "the text is printed as a JSON string, with escaped quotes"
    escaped = html.escape(bare, quote=False)
    quotes = (("&quot;", "&#x27;"), ("&#34;", "&#39;"), ("&quot;", "&#39;"))
    forms = (escaped, *(escaped.replace('"', double).replace("'", single) for double, single in quotes))
    if any(form in text for form in forms):
        return "text-html-escaped", "the text is printed with HTML entities"
    if repr(bare)[1:-1] in text:
        return "text-python-escaped", "the text is printed as a Python literal"
    return "text-changed", "the text is not in the rendering as it stands"


def _parts(found: _Found) -> Iterator[Fault]:
    """Yield turns whose list of parts is printed as a list."""
    for index, message in enumerate(found.shape.messages):
        content = message.get("content")
        part = content[0] if isinstance(content, list) and content else None
        if not isinstance(part, dict) or not part:
            continue
        if repr(part) in found.text:
            yield Fault("parts-as-python", "the list of parts is printed as Python: the model sees [{'type': 'text', ...", index)
        elif json.dumps(part) in found.text or json.dumps(part, ensure_ascii=False) in found.text:
            yield Fault("parts-as-json", 'the list of parts is printed as JSON: the model sees [{"type": "text", ...', index)


def _calls(found: _Found) -> Iterator[Fault]:
    """Yield calls whose arguments are printed as a JSON string within JSON, or as Python."""
    for index, message in enumerate(found.shape.messages):
        if not message.get("tool_calls"):
            continue
        marks = [mark for mark in found.marks.get(index, []) if mark.place == "arguments" and mark.style != "text"]
        empty = [value for value in _argument_values(message) if value in ("{}", "[]")]
        if any(found.has(mark, r"\"", r"\"") for mark in marks) or any(f'"{value}"' in found.text for value in empty):
            words = "the arguments are printed as a JSON string: the model learns escaped quotes"
            yield Fault("arguments-double-encoded", words, index)
        elif any(found.has(mark, "'", "':") for mark in marks if mark.style == "key"):
            words = "the arguments are printed as Python, with single quotes: the model learns no JSON"
            yield Fault("arguments-as-python", words, index)


def _argument_values(message: dict[str, Any]) -> Iterator[Any]:
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function", call) if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield function.get("arguments")


def _nulls(found: _Found, renderer: Renderer) -> Iterator[Fault]:
    """Yield turns whose null content is printed as a word; of many such turns the first ones."""
    messages = found.shape.messages
    nulls = [index for index, message in enumerate(messages) if message.get("content", "") is None]
    for index in nulls[:_MOST_NULLS]:
        others = [*messages]
        others[index] = messages[index] | {"content": ""}
        rendered = renderer.render(others, found.shape.tools)
        if rendered.fault is not None:
            continue
        word = next((word for word in ("None", "null") if found.text.count(word) > rendered.text.count(word)), None)
        if word:
            words = f"the null content is printed as the word {word} (transformers leaves null values out from 5.23 on)"
            yield Fault("null-printed", words, index, text=word)


# --- Order and end --------------------------------------------------------------------------------


def _moved(found: _Found) -> Iterator[Fault]:
    furthest = -1
    for index, message in enumerate(found.shape.messages):
        marks = [mark for mark in found.marks.get(index, []) if mark.place in ("content", "call")]
        firsts = [found.places(mark)[0] for mark in marks if found.places(mark)]
        if not firsts:
            continue
        if min(firsts) < furthest:
            yield Fault("turn-moved", f"the {message.get('role')} turn is printed before an earlier one", index)
        furthest = max(furthest, *firsts)
        if any(mark.place == "content" and len(found.places(mark)) > 1 for mark in marks):
            yield Fault("turn-repeated", "the text is printed more than once", index)


def _end(found: _Found, rendered: Rendered, renderer: Renderer, folder: ModelFolder | None) -> Iterator[Fault]:
    """Yield what is wrong with the end of the last answer, unless it is so for every conversation."""
    messages = found.shape.messages
    if not messages or messages[-1].get("role") != "assistant":
        return
    index = len(messages) - 1
    marks = [mark for mark in found.marks.get(index, []) if mark.place != "reasoning" and found.has(mark, "", "")]
    if not marks:
        return
    end = max(found.places(mark)[-1] + len(mark.core) for mark in marks)
    known = {fault.name for fault in template_facts(renderer, folder).faults}
    yield from (fault for fault in end_faults(rendered.text[end:], folder, index) if fault.name not in known)
    if rendered.spans and "answer-outside-mask" not in known and not any(start < end <= stop for start, stop in rendered.spans):
        words = "the last answer stands outside {% generation %}: it is not trained with assistant_only_loss"
        yield Fault("answer-outside-mask", words, index)
