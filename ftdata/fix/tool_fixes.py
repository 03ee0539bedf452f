"""Fixes of tool calls and results: ids, names, definitions, order."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from ftdata.fix.argument_fixes import all_calls, is_json_object
from ftdata.fix.case import Case, mint
from ftdata.fix.document import Document
from ftdata.fix.edits import Delete, Edit, Insert, Raw, Rename, SetValue
from ftdata.types import ABSENT, Message, ToolCall

_TURNS = 50


def branches(case: Case) -> list[list[Message]]:
    """The conversations that a sample stands for: of a preference pair, the prompt with either answer."""
    sample = case.sample
    if sample.chosen or sample.rejected:
        return [sample.messages + sample.chosen, sample.messages + sample.rejected]
    return [sample.messages]


def complete_calls(case: Case) -> list[Edit]:
    """Give calls an id and a type where they have none; a name cannot be made up."""
    edits: list[Edit] = []
    for number, (_, call) in enumerate(all_calls(case)):
        if call.legacy or "/tool_calls/" not in call.pointer or not isinstance(call.raw, dict):
            continue
        require = case.params["require"]
        found = call.raw.get("id", ABSENT)
        if call.id is None and "id" in require:
            # A number is an id already, of the wrong type.
            value = str(found) if type(found) is int else case.mint("call", number)
            edits.append(_member(call, "id", value, 0))
        if call.type is None and "type" in require:
            edits.append(_member(call, "type", "function", 1 if call.raw and next(iter(call.raw)) == "id" else 0))
    return edits


def _member(call: ToolCall, key: str, value: str, index: int) -> Edit:
    if key in call.raw:
        return SetValue(f"{call.pointer}/{key}", value)
    return Insert(call.pointer, min(index, len(call.raw)), value, key)


def _blocks(turns: list[Message]) -> Iterator[tuple[Message, list[Message]]]:
    """Each turn that calls, with the results that follow it directly."""
    for index, message in enumerate(turns):
        if message.tool_calls:
            results = []
            for after in turns[index + 1 :]:
                if after.role != "tool":
                    break
                results.append(after)
            yield message, results


def answer_calls(case: Case) -> list[Edit]:
    """Give results the ids of the calls before them, where as many calls are unanswered as results are astray."""
    edits: dict[str, Edit] = {}
    for turns in branches(case):
        made: set[Any] = set()
        for message, results in _blocks(turns):
            made.update(call.id for call in message.tool_calls)
            known = {result.tool_call_id for result in results if isinstance(result.tool_call_id, str)}
            open_calls = [call for call in message.tool_calls if call.id is not None and call.id not in known]
            strays = [r for r in results if not isinstance(r.tool_call_id, str) or r.tool_call_id not in made]
            if len(open_calls) != len(strays):
                continue
            for call, result in zip(open_calls, strays, strict=True):
                pointer = f"{result.pointer}/tool_call_id"
                if isinstance(case.value(result.pointer), dict) and result.source_role == "tool":
                    edits.setdefault(pointer, SetValue(pointer, call.id))
    return list(edits.values())


def separate_ids(case: Case) -> list[Edit]:
    """Give calls that share an id their own, where each result follows its call."""
    edits: dict[str, Edit] = {}
    for turns in branches(case):
        seen: set[str] = set()
        for message, results in _blocks(turns):
            here: dict[str, list[ToolCall]] = {}
            for call in message.tool_calls:
                if call.id is not None:
                    here.setdefault(call.id, []).append(call)
            for identity, calls in here.items():
                answers = [result for result in results if result.tool_call_id == identity]
                later = calls if identity in seen else calls[1:]
                seen.add(identity)
                if len(answers) not in (0, len(calls)):
                    continue
                for call, answer in itertools.zip_longest(later, answers[len(calls) - len(later) :]):
                    new = case.mint("twin", call.pointer)
                    if case.value(f"{call.pointer}/id") == identity:
                        edits[f"{call.pointer}/id"] = SetValue(f"{call.pointer}/id", new)
                        if answer is not None:
                            pointer = f"{answer.pointer}/tool_call_id"
                            edits[pointer] = SetValue(pointer, new)
    return list(edits.values())


def rename_ids(case: Case) -> list[Edit]:
    """Write ids in the form that the target wants, the same for a call and its result."""
    pattern = re.compile(case.params["pattern"])
    names: dict[str, str] = {}
    taken = {call.id for _, call in all_calls(case)}
    for _, call in all_calls(case):
        if call.id is None or call.id in names or pattern.search(call.id):
            continue
        if case.value(f"{call.pointer}/id") != call.id:
            return []
        for salt in range(_TURNS):
            new = mint("id", call.id, salt)
            new = new if pattern.search(new) else f"call_{mint(new)}{mint(new, 1)}"
            if pattern.search(new) and new not in taken:
                names[call.id] = new
                taken.add(new)
                break
        else:
            return []
    edits: list[Edit] = [SetValue(f"{call.pointer}/id", names[call.id]) for _, call in all_calls(case) if call.id in names]
    for message in case.sample.turns():
        pointer = f"{message.pointer}/tool_call_id"
        if (
            isinstance(message.tool_call_id, str)
            and message.tool_call_id in names
            and case.value(pointer) == message.tool_call_id
        ):
            edits.append(SetValue(pointer, names[message.tool_call_id]))
    return edits


def modern_calls(case: Case) -> list[Edit]:
    """Write function_call and the role function as tool_calls and tool turns, paired by their order."""
    edits: list[Edit] = []
    waiting: dict[str, list[str]] = {"": []}
    for number, message in enumerate(case.sample.turns()):
        raw = case.value(message.pointer)
        if not isinstance(raw, dict):
            continue
        legacy = [call for call in message.tool_calls if call.legacy]
        if legacy:
            pointer = f"{message.pointer}/function_call"
            text = case.document.part(pointer)
            if raw.get("tool_calls") or text is None:
                return []
            identity = case.mint("function", number)
            call = f'{{"id": "{identity}", "type": "function", "function": {text}}}'
            if "tool_calls" in raw:
                edits += [SetValue(f"{message.pointer}/tool_calls", Raw(f"[{call}]")), Delete(pointer)]
            else:
                edits += [SetValue(pointer, Raw(f"[{call}]")), Rename(pointer, "tool_calls")]
            waiting[""].append(identity)
        elif message.source_role == "function" and message.content_key == "content" and waiting[""]:
            identity = waiting[""].pop(0)
            edits.append(SetValue(f"{message.pointer}/role", "tool"))
            edits.append(SetValue(f"{message.pointer}/tool_call_id", identity))
    return edits + (modern_definitions(case) if edits else [])


def modern_definitions(case: Case) -> list[Edit]:
    """Write ``functions`` as ``tools``; definitions that stand in both are kept once."""
    row, document = case.row, case.document
    functions = row.get("functions")
    if not isinstance(functions, list):
        return []
    texts = [document.part(f"/functions/{index}") for index in range(len(functions))]
    wrapped = [f'{{"type": "function", "function": {text}}}' for text in texts]
    if row.get("tools") is None:
        new: list[Edit] = [SetValue("/functions", Raw(f"[{', '.join(wrapped)}]")), Rename("/functions", "tools")]
        if "tools" in row:
            # Its null goes first: two members cannot bear one name.
            return [Delete("/functions"), SetValue("/tools", Raw(f"[{', '.join(wrapped)}]"))]
        return new
    if not isinstance(row["tools"], list):
        return []
    names = {_name(tool) for tool in row["tools"]}
    more = [text for function, text in zip(functions, wrapped, strict=True) if _name(function) not in names]
    edits: list[Edit] = [Insert("/tools", len(row["tools"]), Raw(text)) for text in more]
    return [*edits, Delete("/functions", keep=True)]


def _name(tool: Any) -> Any:
    inner = tool.get("function", tool) if isinstance(tool, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else None


def single_definitions(case: Case) -> list[Edit]:
    """Take out a definition that equals an earlier one of its name."""
    base = "/" + (case.sample.tools_key or "tools").replace(".", "/")
    seen: dict[str, Any] = {}
    edits: list[Edit] = []
    for index, tool in enumerate(case.sample.tools or ()):
        name = _name(tool)
        if name is None:
            continue
        if name in seen and seen[name] == tool and case.value(f"{base}/{index}") == tool:
            edits.append(Delete(f"{base}/{index}"))
        seen.setdefault(name, tool)
    return edits


def tool_names(case: Case) -> list[Edit]:
    """Rename tools whose names are refused, in definitions, calls and results alike."""
    from ftdata.checks.roles import NAME

    edits: list[Edit] = []
    names: dict[str, str] = {}
    base = "/" + (case.sample.tools_key or "tools").replace(".", "/")
    taken = {_name(tool) for tool in case.sample.tools or ()} | {call.name for _, call in all_calls(case)}

    def new(name: str) -> str:
        if name not in names:
            made = plain_name(name)
            names[name] = made if made not in taken else f"{made[:54]}_{mint(name)}"
            taken.add(names[name])
        return names[name]

    for index, tool in enumerate(case.sample.tools or ()):
        name = _name(tool)
        if name is None or NAME.match(name):
            continue
        for inner in ("function/name", "name"):
            if case.value(f"{base}/{index}/{inner}") == name:
                edits.append(SetValue(f"{base}/{index}/{inner}", new(name)))
                break
    for _, call in all_calls(case):
        if call.name is None or NAME.match(call.name):
            continue
        for inner in ("function/name", "name", "toolUse/name", "functionCall/name"):
            if case.value(f"{call.pointer}/{inner}") == call.name:
                edits.append(SetValue(f"{call.pointer}/{inner}", new(call.name)))
                break
    for message in case.sample.turns():
        if message.role == "tool" and isinstance(message.name, str) and message.name in names:
            edits.append(SetValue(f"{message.pointer}/name", names[message.name]))
    return [edit for edit in edits if not isinstance(edit, SetValue) or case.value(edit.pointer) is not ABSENT]


def plain_name(name: str) -> str:
    """A name of letters, digits, _ and - alone; one that loses letters gets some of its hash, so that names stay apart."""
    made = re.sub(r"[^a-zA-Z0-9_-]+", "_", name).strip("_")[:64]
    plain = re.fullmatch(r"[a-zA-Z0-9_ .:/-]{1,64}", name) is not None
    return made if made and plain else f"{made[:54] or 'name'}_{mint(name)}"


def serial_calls(case: Case) -> list[Edit]:
    """Write parallel calls as one turn each with its result, in their order; where each result is known."""
    edits: list[Edit] = []
    for message, results in _blocks(case.sample.messages):
        if len(message.tool_calls) < 2:
            continue
        base, _, index = message.pointer.rpartition("/")
        ids = [call.id for call in message.tool_calls]
        by_id = {result.tool_call_id: result for result in results if isinstance(result.tool_call_id, str)}
        whole = all(call.pointer == f"{message.pointer}/tool_calls/{n}" for n, call in enumerate(message.tool_calls))
        if (
            not whole
            or not index.isdigit()
            or len(set(ids)) < len(ids)
            or None in ids
            or set(by_id) != set(ids)
            or len(results) != len(ids)
        ):
            return []
        texts: list[str] = []
        for number, call in enumerate(message.tool_calls):
            text = case.document.part(call.pointer)
            result = case.document.part(by_id[call.id or ""].pointer)
            turn = f'{{"role": "assistant", "content": null, "tool_calls": [{text}]}}'
            texts += [turn, result or ""] if number else [result or ""]
        edits += [Delete(f"{message.pointer}/tool_calls/{n}") for n in range(1, len(ids))]
        edits += [Delete(result.pointer) for result in results]
        edits += [Insert(base, int(index) + 1, Raw(text)) for text in texts]
    return edits


def split_calls(case: Case) -> list[Edit]:
    """Write the text beside tool calls as a turn of its own before them; white space is left out."""
    edits: list[Edit] = []
    for message in case.sample.messages:
        base, _, index = message.pointer.rpartition("/")
        if not message.tool_calls or not message.text or not index.isdigit() or message.content_key != "content":
            continue
        if not isinstance(message.content, str):
            continue
        if not message.text.strip():
            edits.append(SetValue(message.content_pointer, ""))
            continue
        content = case.document.part(message.content_pointer)
        edits.append(Insert(base, int(index), Raw(f'{{"role": "assistant", "content": {content}}}')))
        edits.append(SetValue(message.content_pointer, ""))
    return edits


_CALL_BLOCK = re.compile(r"<tool_call>([^<]{1,100000})</tool_call>")


def structured_calls(case: Case) -> list[Edit]:
    """Write calls in <tool_call> blocks as tool_calls, where all of a turn's are calls of tools that the sample defines."""
    defined = {_name(tool) for tool in case.sample.tools or ()}
    edits: list[Edit] = []
    for place in case.places:
        message = place.message
        if message is None or message.tool_calls or case.value(message.content_pointer) != message.content:
            continue
        if not isinstance(message.content, str) or message.content_key != "content" or message.extra.get("tool_calls"):
            continue
        calls = [_written_call(block, defined) for block in _CALL_BLOCK.findall(message.content)]
        rest = _CALL_BLOCK.sub("", message.content).strip("\n")
        if not calls or None in calls or "<tool_call>" in rest or "</tool_call>" in rest:
            continue
        texts = [
            f'{{"id": "{case.mint("text", message.pointer, number)}", "type": "function", "function": {call}}}'
            for number, call in enumerate(calls)
        ]
        pointer = f"{message.pointer}/tool_calls"
        edits.append(SetValue(message.content_pointer, rest))
        edits.append(SetValue(pointer, Raw(f"[{', '.join(texts)}]")))
    return edits


def _written_call(text: str, defined: set[Any]) -> str | None:
    """A call in text as the function of a tool call, its arguments as JSON text; ``None`` where it is no such call."""
    try:
        value = json.loads(text)
        if not isinstance(value, dict) or value.keys() != {"name", "arguments"} or not isinstance(value["arguments"], dict):
            return None
        # As it is written, so that its numbers stay exact.
        arguments = Document(text.strip()).part("/arguments")
    except (ValueError, RecursionError):
        return None
    if not isinstance(value["name"], str) or value["name"] not in defined or arguments is None or not is_json_object(arguments):
        return None
    return json.dumps({"name": value["name"], "arguments": arguments})
