"""Turn a raw row into a sample, by its format. Never raises: what is wrong stays visible in the sample."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from ftdata.formats.chat import COHERE, decode_calls, decode_tools, parse_message, parse_messages, parse_part, pointers, turn
from ftdata.formats.identity import key_name, safe_repr
from ftdata.formats.registry import FORMATS
from ftdata.types import ABSENT, Malformed, Message, Part, Sample, ToolCall

SPEAKERS = {
    "human": "user", "user": "user", "User": "user", "gpt": "assistant", "assistant": "assistant", "Assistant": "assistant",
    "chatgpt": "assistant", "bing": "assistant", "bard": "assistant", "model": "assistant", "bot": "assistant",
    "system": "system", "System": "system", "function_call": "assistant", "tool_call": "assistant", "observation": "tool",
    "tool": "tool", "tool_response": "tool", "function_response": "tool", "function": "tool",
}  # fmt: skip
MEDIA = ("images", "videos", "audios", "image")
_MEDIA_KEYS = frozenset(MEDIA)
_TOOL_KEYS = ("tools", "functions", "available_tools")
_PLAIN = {"openai-chat", "openai-chat-tools", "openai-chat-think", "openai-chat-vision", "openai-chat-reasoning", "trl-harmony"}
_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.S)
_TOOLS = re.compile(r"<tools>\s*(.*?)\s*</tools>", re.S)

Parser = Callable[[dict[str, Any], Sample], None]
PARSERS: dict[str, Parser] = {}


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
    keys, extra, parser = _layout(known.id, found) if len(found) <= _USUAL else _layout.__wrapped__(known.id, found)
    more = {key_name(key): row[key] for key in extra} if extra else {}
    # Every field given: the constructor's factories cost as much again.
    sample = Sample(known.id, known.kind, [], [], [], None, None, None, None, None, {}, {}, more, keys, None)
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
    places = {f"/{_escape(name)}": f"/{_escape(own)}" for own, name in renames.items()}
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


_USUAL = 64


@functools.lru_cache(maxsize=4096)
def _layout(name: str, found: tuple[Any, ...]) -> tuple[tuple[str, ...], tuple[Any, ...], Parser | None]:
    """What follows from a row's keys alone: their names, those that the format does not know, and the parser.

    A format without a parser knows no key: all it holds is kept.
    """
    known = FORMATS[name]
    parser = PARSERS.get(name) or PARSERS.get(known.family)
    return tuple(map(key_name, found)), tuple([key for key in found if parser is None or key not in known.keys]), parser


def _parser(*names: str) -> Callable[[Parser], Parser]:
    def keep(parser: Parser) -> Parser:
        for name in names:
            PARSERS[name] = parser
        return parser

    return keep


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


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    return {
        str: "a text",
        int: "a number",
        float: "a number",
        dict: "an object",
        list: "a list",
        type(None): "null",
    }.get(type(value), "another type")


def _json_cell(value: Any) -> Any:
    """A cell of a table may hold JSON text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return orjson.loads(value)
        except ValueError:
            return value
    return value


def _turn_list(row: dict[str, Any], key: str, sample: Sample) -> list[Any]:
    """The list of turns under a key; says in words why there is none."""
    if key not in row:
        sample.problem = f"the key '{key}' is missing"
        return []
    value = _json_cell(row[key])
    if not isinstance(value, list):
        sample.problem = f"{key} is {_type(value)}, not a list"
        return []
    if not value:
        sample.problem = "the conversation is empty"
    return value


def _take_tools(row: dict[str, Any], sample: Sample, prefix: str = "") -> None:
    for key in _TOOL_KEYS:
        if key in row:
            sample.tools, sample.tools_fault = decode_tools(row[key])
            sample.tools_key = f"{prefix}{key}"
            break
    sample.parallel_tool_calls = row.get("parallel_tool_calls")


def _take_media(row: dict[str, Any], sample: Sample) -> None:
    if _MEDIA_KEYS.isdisjoint(row):
        return
    for key in MEDIA:
        if row.get(key) is not None:
            sample.media[key] = row[key] if isinstance(row[key], list) else [row[key]]


@_parser("openai", "llamafactory-v1")
def _openai(row: dict[str, Any], sample: Sample) -> None:
    roles = COHERE if sample.format == "cohere-chat" else None
    if sample.format == "vertex-messages-old":
        roles = {"model": "assistant"}
    if sample.format == "swift-messages":
        roles = {"tool_call": "assistant", "tool_response": "tool"}
    sample.messages = parse_messages(_turn_list(row, "messages", sample), roles=roles)
    if sample.format == "swift-messages":
        for message in sample.messages:
            if message.source_role == "tool_call" and isinstance(message.content, str):
                message.tool_calls, message.content = (
                    decode_calls(message.content, message.content_pointer),
                    ABSENT,
                )
    if isinstance(row.get("system"), str) and sample.format in ("anthropic", "anthropic-tools"):
        sample.messages.insert(0, Message("system", row["system"], "/system", "", source_role="system"))
    _take_tools(row, sample)
    _take_media(row, sample)
    if sample.kind == "unpaired-preference":
        sample.label = row.get("label", row.get("kto_tag"))
    if sample.kind == "reinforcement":
        sample.reference = sample.extra


@_parser("llamafactory-v1-dpo")
def _llamafactory_preference(row: dict[str, Any], sample: Sample) -> None:
    chosen = parse_messages(_turn_list(row, "chosen_messages", sample), "/chosen_messages")
    rejected = parse_messages(_turn_list(row, "rejected_messages", sample), "/rejected_messages")
    _share_prompt(sample, chosen, rejected)
    _take_tools(row, sample)


@_parser("openai-preference")
def _openai_preference(row: dict[str, Any], sample: Sample) -> None:
    old = "preferred_completion" in row or "non_preferred_completion" in row
    yes, no = ("preferred_completion", "non_preferred_completion") if old else ("preferred_output", "non_preferred_output")
    prompt = row.get("input")
    if isinstance(prompt, dict):
        sample.messages = parse_messages(_turn_list(prompt, "messages", sample), "/input/messages")
        _take_tools(prompt, sample, "input.")
    else:
        sample.problem = "the key 'input' is missing" if "input" not in row else f"input is {_type(prompt)}, not an object"
    sample.chosen = parse_messages(row.get(yes), f"/{yes}")
    sample.rejected = parse_messages(row.get(no), f"/{no}")


_CALLERS = ("function_call", "tool_call")


def _speaker_turns(turns: Any, base: str) -> list[Message]:
    """Turns of {from, value}, tool roles and Hermes tags included."""
    messages: list[Message] = []
    if not isinstance(turns, list):
        return messages
    for item, pointer in zip(turns, pointers(base, len(turns)), strict=False):
        if (
            type(item) is dict
            and len(item) == 2
            and type(value := item.get("value")) is str
            and type(source := item.get("from")) is str
        ):
            role = SPEAKERS.get(source, source)
            message = turn(role, value, pointer, "value", source)
            if source not in _CALLERS and not (role == "assistant" and "<tool_call>" in value):
                messages.append(message)
                continue
        elif isinstance(item, dict) and "from" not in item and "role" in item:
            messages += parse_message(item, pointer, SPEAKERS, "content" if "content" in item else "value")
            continue
        else:
            messages += parse_message(item, pointer, SPEAKERS, "value")
            if not isinstance(item, dict):
                continue
            message = messages.pop()
        if message.source_role in _CALLERS and isinstance(message.content, str):
            message.tool_calls, message.content = (
                decode_calls(message.content, message.content_pointer),
                ABSENT,
            )
        elif message.role == "assistant" and isinstance(message.content, str) and "<tool_call>" in message.content:
            _lift_hermes(message)
        messages.append(message)
    return messages


def _lift_hermes(message: Message) -> None:
    text = message.text
    calls: list[ToolCall] = []
    for match in _CALL.finditer(text):
        calls += decode_calls(match.group(1), message.content_pointer)
    if calls:
        message.tool_calls = calls
        message.content = _CALL.sub("", text).strip() or ABSENT


@_parser("sharegpt", "nemo")
def _sharegpt(row: dict[str, Any], sample: Sample) -> None:
    key = "conversations" if "conversations" in row else "conversation"
    turns = _turn_list(row, key, sample)
    sample.messages = _speaker_turns(turns, f"/{key}")
    if isinstance(row.get("system"), str) and row["system"]:
        sample.messages.insert(0, Message("system", row["system"], "/system", "", source_role="system"))
    _take_tools(row, sample)
    _take_media(row, sample)
    if sample.tools is None and sample.messages:
        first = sample.messages[0].content
        match = _TOOLS.search(first) if isinstance(first, str) and "<tools>" in first else None
        sample.tools = decode_tools(match.group(1))[0] if match else None
    if sample.kind == "preference":
        for side in ("chosen", "rejected"):
            value = row.get(side)
            if isinstance(value, dict):
                made = _speaker_turns([value], f"/{side}")
                for message in made:
                    message.pointer = f"/{side}"
                setattr(sample, side, made)
            elif isinstance(value, list):
                setattr(sample, side, _speaker_turns(value, f"/{side}"))
            elif isinstance(value, str):
                setattr(sample, side, [Message("assistant", value, f"/{side}", "", source_role="assistant")])
    if sample.kind == "unpaired-preference":
        sample.label = row.get("kto_tag", row.get("label"))
    if sample.format == "nemo-conversations" and isinstance(row.get("mask"), str):
        for message in sample.messages:
            if message.source_role == row["mask"] and message.role == "assistant":
                message.weight, message.weight_key = 0, "mask"


@_parser("swift-pairs")
def _swift_pairs(row: dict[str, Any], sample: Sample) -> None:
    key = "conversation" if "conversation" in row else "conversations"
    turns = _turn_list(row, key, sample)
    if isinstance(row.get("system"), str) and row["system"]:
        sample.messages.append(Message("system", row["system"], "/system", "", source_role="system"))
    for index, item in enumerate(turns):
        place = f"/{key}/{index}"
        if not isinstance(item, dict):
            sample.messages.append(Message(None, Malformed(item), place, ""))
            continue
        for name, role in (
            ("system", "system"),
            ("human", "user"),
            ("input", "user"),
            ("assistant", "assistant"),
            ("output", "assistant"),
        ):
            if name in item and not (name == "system" and not item[name]):
                sample.messages.append(_field(item, name, role, place))


def _field(row: Mapping[str, Any], key: str, role: str, base: str = "") -> Message:
    """A turn that stands under a key of its own."""
    value = row.get(key, ABSENT)
    if type(value) is str and not base:
        return turn(role, value, _pointer(key), "", role)
    content: Any = value
    if isinstance(value, list):
        content = [parse_part(part) for part in value]
    elif not (isinstance(value, str) or value is None or value is ABSENT):
        content = Malformed(value)
    return Message(role, content, f"{base}/{_escape(key)}", "", source_role=role)


@functools.lru_cache(maxsize=1024)
def _pointer(key: str) -> str:
    return f"/{_escape(key)}"


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _history(row: dict[str, Any], sample: Sample) -> None:
    history = _json_cell(row.get("history"))
    for index, pair in enumerate(history if isinstance(history, list) else ()):
        if isinstance(pair, dict):
            sample.messages += parse_message(pair, f"/history/{index}")
            continue
        if not isinstance(pair, list) or len(pair) != 2:
            sample.messages.append(Message(None, Malformed(pair), f"/history/{index}", ""))
            continue
        for side, (role, text) in enumerate(zip(("user", "assistant"), pair, strict=True)):
            content = text if isinstance(text, str) or text is None else Malformed(text)
            sample.messages.append(Message(role, content, f"/history/{index}/{side}", "", source_role=role))


def _system(row: dict[str, Any], sample: Sample, *keys: str) -> None:
    for key in keys:
        if isinstance(row.get(key), str) and row[key]:
            sample.messages.append(Message("system", row[key], f"/{key}", "", source_role="system"))


@_parser("alpaca")
def _alpaca(row: dict[str, Any], sample: Sample) -> None:
    instruction, extra = row.get("instruction", ABSENT), row.get("input", row.get("context"))
    _system(row, sample, "system")
    _history(row, sample)
    if isinstance(instruction, str) and isinstance(extra, str) and extra:
        content: Any = f"{instruction}\n{extra}" if instruction else extra
        sample.messages.append(Message("user", content, "/instruction", "", source_role="user"))
    else:
        sample.messages.append(_field(row, "instruction", "user"))
    _take_media(row, sample)
    if sample.kind == "preference":
        sample.chosen, sample.rejected = (
            [_field(row, "chosen", "assistant")],
            [_field(row, "rejected", "assistant")],
        )
        return
    sample.messages.append(_field(row, "output" if "output" in row or "response" not in row else "response", "assistant"))
    if sample.kind == "unpaired-preference":
        sample.label = row.get("kto_tag", row.get("label"))


@_parser("self-instruct")
def _self_instruct(row: dict[str, Any], sample: Sample) -> None:
    instances = row.get("instances")
    first = instances[0] if isinstance(instances, list) and instances and isinstance(instances[0], dict) else None
    if first is None:
        sample.problem = "instances holds no example"
        return
    instruction, given = row.get("instruction"), first.get("input")
    text: Any = instruction
    if isinstance(instruction, str) and isinstance(given, str) and given:
        text = f"{instruction}\n{given}"
    elif not isinstance(instruction, str | None):
        text = Malformed(instruction)
    sample.messages = [
        Message("user", text, "/instruction", "", source_role="user"),
        _field(first, "output", "assistant", "/instances/0"),
    ]
    if isinstance(instances, list) and len(instances) > 1:
        sample.extra["instances"] = instances[1:]


def _pair(row: dict[str, Any], sample: Sample, prompt: str, answer: str, *systems: str) -> None:
    _system(row, sample, *systems)
    _history(row, sample)
    sample.messages += [_field(row, prompt, "user"), _field(row, answer, "assistant")]


@_parser("prompt-completion")
def _prompt_completion(row: dict[str, Any], sample: Sample) -> None:
    prompt = _json_cell(row.get("prompt", ABSENT))
    _take_tools(row, sample)
    if isinstance(prompt, list):
        sample.messages = parse_messages(prompt, "/prompt")
        completion = row.get("completion")
        if isinstance(completion, list):
            sample.messages += parse_messages(completion, "/completion")
        elif isinstance(completion, str):
            sample.messages.append(_field(row, "completion", "assistant"))
    else:
        sample.messages = [_field(row, "prompt", "user")]
        if sample.kind != "prompt-only":
            sample.messages.append(_field(row, "completion", "assistant"))
    if sample.kind == "unpaired-preference":
        sample.label = row.get("label")


@_parser("query-response")
def _query_response(row: dict[str, Any], sample: Sample) -> None:
    question = next((key for key in ("query", "prompt", "question", "instruction", "input") if key in row), "query")
    answer = next((key for key in ("response", "answer", "output") if key in row), "response")
    sample.extra.pop(question, None)
    if sample.kind == "preference":
        _system(row, sample, "system")
        _history(row, sample)
        sample.messages.append(_field(row, question, "user"))
        sample.chosen, sample.rejected = (
            [_field(row, answer, "assistant")],
            [_field(row, "rejected_response", "assistant")],
        )
        return
    _pair(row, sample, question, answer, "system")


@_parser("question-answer")
def _question_answer(row: dict[str, Any], sample: Sample) -> None:
    if sample.format == "orca":
        return _pair(row, sample, "question", "response", "system_prompt")
    names = {key.lower(): key for key in row if isinstance(key, str)}
    for prompt, answer in (
        ("question", "answer"),
        ("q", "a"),
        ("text_input", "output"),
        ("input", "output"),
        ("prompt", "generation"),
        ("column_1", "column_2"),
    ):
        if prompt in names and answer in names:
            sample.extra.pop(names[prompt], None)
            sample.extra.pop(names[answer], None)
            return _pair(row, sample, names[prompt], names[answer], "system")
    return _pair(row, sample, "question", "answer")


def _says_same(one: Message, other: Message) -> bool:
    """Whether two turns are one turn written twice: role, text and tool calls."""
    if (one.role, one.text, len(one.tool_calls)) != (other.role, other.text, len(other.tool_calls)):
        return False
    return all(
        a.name == b.name and safe_repr(a.arguments) == safe_repr(b.arguments)
        for a, b in zip(one.tool_calls, other.tool_calls, strict=True)
    )


def _share_prompt(sample: Sample, chosen: list[Message], rejected: list[Message]) -> None:
    """Split two conversations into their longest common beginning and two endings."""
    shared = 0
    for one, other in zip(chosen[:-1], rejected[:-1], strict=False):
        if not _says_same(one, other):
            break
        shared += 1
    sample.messages, sample.chosen, sample.rejected = chosen[:shared], chosen[shared:], rejected[shared:]


@_parser("preference")
def _preference(row: dict[str, Any], sample: Sample) -> None:
    prompt, chosen, rejected = (_json_cell(row.get(key, ABSENT)) for key in ("prompt", "chosen", "rejected"))
    _take_tools(row, sample)
    if isinstance(prompt, list):
        sample.messages = parse_messages(prompt, "/prompt")
    elif isinstance(chosen, list) and isinstance(rejected, list):
        # A full conversation on both sides repeats a prompt that may stand beside it as a text.
        yes, no = parse_messages(chosen, "/chosen"), parse_messages(rejected, "/rejected")
        if len(yes) > 1 or prompt is ABSENT:
            _share_prompt(sample, yes, no)
            return
        sample.messages = [_field(row, "prompt", "user")]
    else:
        _system(row, sample, "system")
        key = next((k for k in ("prompt", "question", "instruction", "input") if k in row), "prompt")
        sample.messages.append(_field(row, key, "user"))
        sample.extra.pop(key, None)
    for side, value in (("chosen", chosen), ("rejected", rejected)):
        key = side if side in row or f"{side}_response" not in row else f"{side}_response"
        if isinstance(value, list):
            setattr(sample, side, parse_messages(value, f"/{side}"))
        elif isinstance(value, dict):
            setattr(sample, side, parse_message(value, f"/{side}"))
        else:
            setattr(sample, side, [_field(row, key, "assistant")])
    _drop_repeated_prompt(sample)


def _drop_repeated_prompt(sample: Sample) -> None:
    """Chosen and rejected may repeat the prompt's turns before their own."""
    size = len(sample.messages)
    for side in ("chosen", "rejected"):
        turns: list[Message] = getattr(sample, side)
        if len(turns) > size and all(map(_says_same, sample.messages, turns)):
            setattr(sample, side, turns[size:])


@_parser("preference-messages-axolotl", "preference-messages-swift")
def _preference_messages(row: dict[str, Any], sample: Sample) -> None:
    sample.messages = parse_messages(_turn_list(row, "messages", sample))
    _take_tools(row, sample)
    if sample.format == "preference-messages-axolotl":
        sample.chosen = parse_message(row.get("chosen"), "/chosen")
        sample.rejected = parse_message(row.get("rejected"), "/rejected")
        return
    if "rejected_messages" in row:
        rejected = parse_messages(row["rejected_messages"], "/rejected_messages")
        _share_prompt(sample, sample.messages, rejected)
        return
    sample.chosen = sample.messages[-1:]
    sample.messages = sample.messages[:-1]
    sample.rejected = [_field(row, "rejected_response", "assistant")]


@_parser("preference-paired-se")
def _paired(row: dict[str, Any], sample: Sample) -> None:
    sample.messages = [_field(row, "question", "user")]
    sample.chosen, sample.rejected = (
        [_field(row, "response_j", "assistant")],
        [_field(row, "response_k", "assistant")],
    )


@_parser("ranked-nectar")
def _ranked(row: dict[str, Any], sample: Sample) -> None:
    found = row.get("answers")
    answers = [(a.get("rank", 0), i) for i, a in enumerate(found if isinstance(found, list) else ()) if isinstance(a, dict)]
    sample.messages = [_field(row, "prompt", "user")]
    if len(answers) < 2:
        sample.problem = "fewer than two ranked answers"
        return
    try:
        answers.sort()
    except (TypeError, RecursionError):
        sample.problem = "ranks that cannot be compared"
        return
    best, worst = answers[0][1], answers[-1][1]
    sample.chosen = [_field(row["answers"][best], "answer", "assistant", f"/answers/{best}")]
    sample.rejected = [_field(row["answers"][worst], "answer", "assistant", f"/answers/{worst}")]
    if len(answers) > 2:
        sample.extra["answers"] = [row["answers"][i] for _, i in answers[1:-1]]


_TURN = {
    "hh-rlhf": re.compile(r"\n\n(Human|Assistant):"), "baize": re.compile(r"\[\|(Human|AI)\|\]"),
    "glaive-text": re.compile(r"(?:^|\n)\s*(USER|ASSISTANT|FUNCTION RESPONSE):"), "transcript": re.compile(r"(?:^|\n)(user|assistant|system|tool|function):"),
    "human-bot-text": re.compile(r"<(human|bot)>:"), "metharme": re.compile(r"<\|(system|user|model)\|>"),
}  # fmt: skip
_VOICES = {"human": "user", "user": "user", "ai": "assistant", "assistant": "assistant", "bot": "assistant", "model": "assistant",
           "function response": "tool", "tool": "tool", "function": "tool", "system": "system"}  # fmt: skip
_CHATML = re.compile(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>|$)", re.S)


def _transcript(text: str, name: str, pointer: str) -> list[Message]:
    pieces = _TURN[name].split(text)
    turns = []
    for voice, said in zip(pieces[1::2], pieces[2::2], strict=False):
        role = _VOICES.get(voice.lower(), voice.lower())
        turns.append(Message(role, said.replace("<|endoftext|>", "").strip(), pointer, "", source_role=voice))
    # Baize ends on an empty marker of the next human turn.
    while turns and turns[-1].role == "user" and not turns[-1].text and len(turns) > 1:
        turns.pop()
    return turns


@_parser("hh-rlhf")
def _hh(row: dict[str, Any], sample: Sample) -> None:
    texts = {side: row.get(side) for side in ("chosen", "rejected")}
    _share_prompt(sample, *(_transcript(t if isinstance(t, str) else "", "hh-rlhf", f"/{side}") for side, t in texts.items()))


@_parser("preference-implicit")
def _implicit(row: dict[str, Any], sample: Sample) -> None:
    sample.chosen, sample.rejected = (
        [_field(row, "chosen", "assistant")],
        [_field(row, "rejected", "assistant")],
    )


@_parser("glaive", "baize", "transcript", "human-bot-text")
def _spoken(row: dict[str, Any], sample: Sample) -> None:
    key = {
        "glaive-text": "chat",
        "baize": "input",
        "transcript": "messages_display",
        "human-bot-text": "text",
    }[sample.format]
    text = row.get(key)
    sample.messages = _transcript(text, sample.format, f"/{key}") if isinstance(text, str) else []
    sample.kind = "sft"
    if sample.format == "glaive-text" and isinstance(row.get("system"), str):
        sample.messages.insert(
            0,
            Message("system", row["system"].removeprefix("SYSTEM:").strip(), "/system", "", source_role="system"),
        )
    if not sample.messages:
        sample.problem = f"{key} holds no turns"


@_parser("text")
def _plain_text(row: dict[str, Any], sample: Sample) -> None:
    key = "text" if "text" in row else "response"
    if sample.format == "chatml-text" and isinstance(row.get("text"), str):
        turns = _CHATML.findall(row["text"])
        if turns:
            sample.kind = "sft"
            sample.messages = [
                Message(SPEAKERS.get(role, role), text.strip(), "/text", "", source_role=role) for role, text in turns
            ]
            return
    sample.messages = [_field(row, key, "assistant")]


@_parser("bedrock")
def _bedrock(row: dict[str, Any], sample: Sample) -> None:
    system = row.get("system")
    for index, block in enumerate(system if isinstance(system, list) else ()):
        if isinstance(block, dict):
            sample.messages.append(_field(block, "text", "system", f"/system/{index}"))
    sample.messages += parse_messages(_turn_list(row, "messages", sample))


@_parser("gemini")
def _gemini(row: dict[str, Any], sample: Sample) -> None:
    system = row.get("systemInstruction", row.get("system_instruction"))
    if isinstance(system, dict):
        key = "systemInstruction" if "systemInstruction" in row else "system_instruction"
        sample.messages.append(_gemini_turn(system, "system", f"/{key}"))
    for index, item in enumerate(_turn_list(row, "contents", sample)):
        if not isinstance(item, dict):
            sample.messages.append(Message(None, Malformed(item), f"/contents/{index}", ""))
            continue
        role = item.get("role")
        named = {"model": "assistant", "function": "tool"}.get(role, role) if isinstance(role, str) else None
        sample.messages.append(_gemini_turn(item, named, f"/contents/{index}"))
    tools = row.get("tools")
    if isinstance(tools, list):
        sample.tools = [
            {"type": "function", "function": declared}
            for tool in tools if isinstance(tool, dict)
            for declared in _declared(tool)
        ]  # fmt: skip
        sample.tools_key = "tools"


def _declared(tool: dict[str, Any]) -> list[Any]:
    found = tool.get("functionDeclarations", tool.get("function_declarations"))
    return found if isinstance(found, list) else []


def _gemini_turn(item: dict[str, Any], role: str | None, pointer: str) -> Message:
    message = Message(role, [], pointer, "parts", source_role=item.get("role"))
    parts: list[Part] = []
    found = item.get("parts")
    found = found if isinstance(found, list) else []
    for index, part in enumerate(found):
        call = part.get("functionCall") if isinstance(part, dict) else None
        answer = part.get("functionResponse") if isinstance(part, dict) else None
        if isinstance(call, dict):
            name = call.get("name")
            message.tool_calls.append(
                ToolCall(
                    name if isinstance(name, str) else None,
                    call.get("args", ABSENT),
                    None,
                    "function",
                    False,
                    f"{pointer}/parts/{index}",
                    part,
                )
            )
        elif isinstance(answer, dict):
            message.role = "tool"
            parts.append(Part("text", _compact(answer.get("response")), None, part))
        elif isinstance(part, dict) and ("fileData" in part or "inlineData" in part):
            data = part.get("fileData") or part.get("inlineData")
            data = data if isinstance(data, dict) else {}
            mime, address = data.get("mimeType"), data.get("fileUri")
            kind = mime.split("/")[0] if isinstance(mime, str) else "file"
            address = address if isinstance(address, str) else None
            parts.append(Part(kind if kind in ("image", "audio", "video") else "file", None, address, part))
        else:
            parts.append(parse_part(part))
    # One text part and a text mean the same.
    if len(parts) == 1 and parts[0].type == "text" and parts[0].text is not None:
        message.content = parts[0].text
        at = next(index for index, part in enumerate(found) if part is parts[0].raw)
        message.content_key = f"parts/{at}" if message.role == "tool" else f"parts/{at}/text"
    else:
        message.content = parts or ABSENT
    return message


def _compact(value: Any) -> str:
    """Any value as JSON text; what orjson does not write becomes what Python prints."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError, RecursionError):
        return safe_repr(value)


@_parser("mistral")
def _mistral(row: dict[str, Any], sample: Sample) -> None:
    key = "interactions" if "interactions" in row else "messages"
    turns = _turn_list(row, key, sample)
    _system(row, sample, "system_prompt")
    texts = any(isinstance(turn, dict) and "text" in turn and "content" not in turn for turn in turns)
    sample.messages += parse_messages(turns, f"/{key}", text_key="text" if texts else "content")
    _take_tools(row, sample)
    if row.get("only_last"):
        answers = [message for message in sample.messages if message.role == "assistant"]
        for message in answers[:-1]:
            message.weight, message.weight_key = 0, "only_last"


@_parser("oasst-tree")
def _oasst(row: dict[str, Any], sample: Sample) -> None:
    node, pointer, leaves = row.get("prompt"), "/prompt", 0
    while isinstance(node, dict):
        source = node.get("role")
        role = {"prompter": "user"}.get(source, source) if isinstance(source, str) else None
        text = node.get("text", ABSENT)
        content = text if isinstance(text, str) or text is None or text is ABSENT else Malformed(text)
        sample.messages.append(turn(role, content, pointer, "text", source))
        replies = node.get("replies")
        replies = [(i, r) for i, r in enumerate(replies if isinstance(replies, list) else ()) if isinstance(r, dict)]
        if not replies:
            break
        leaves += len(replies) - 1
        index, node = min(
            replies,
            key=lambda pair: (pair[1]["rank"] if isinstance(pair[1].get("rank"), int) else 99, pair[0]),
        )
        pointer = f"{pointer}/replies/{index}"
    if leaves:
        sample.extra["other_replies"] = leaves
    # A tree whose best path ends on the prompter gives one turn less.
    if len(sample.messages) > 1 and sample.messages[-1].role == "user":
        sample.messages.pop()
