"""FT02-FT03: the fields of a row: missing, extra, of the wrong type, or of two formats at once."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from ftdata.rule import ANY_KIND, DATA, At, Hit, at, hit, rule
from ftdata.types import Malformed, Message, Part, Sample


def _name(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    return {
        int: "a number",
        float: "a number",
        dict: "an object",
        list: "a list",
        str: "a text",
        type(None): "null",
    }.get(type(value), "another type")


@rule(
    "FT020", "not-training-data", category="correctness", scope="structure", kinds=["none"],
    message="{problem}", help="drop the row, or give the format with --from",
)  # fmt: skip
def not_training_data(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A row that holds no conversation, prompt or text that ftdata or a trainer could read.

    ## Why
    A loader either stops at the row or drops it without a word. What the row is instead (a batch request, an
    evaluation item, a configuration file) is named where it is known.

    ## Example
    ``{"custom_id": "r1", "method": "POST", "body": {...}}``, a Batch API request uploaded for fine-tuning.

    ## Fix safety
    No fix: there is nothing to train on.
    """
    yield at(pointer="", problem=s.problem or "no known format has these keys")


_PROMPTED = ("trl-prompt-completion-conv", "prompt-completion", "unpaired-kto", "preference-explicit-conv")


def _prompt_problem(s: Sample) -> str | None:
    """What is wrong with the prompt that stands beside a completion or a pair; what it says is for other rules."""
    first = s.messages[0] if s.messages else None
    if s.kind == "preference":
        # Whole conversations on both sides may make the prompt that is a text superfluous; prompt-mismatch looks at them.
        empty = first is None and not any(m.role == "user" for m in (*s.chosen, *s.rejected))
    else:
        empty = "completion" in s.keys and len({_column(m) for m in s.messages}) == 1
        empty = empty and all(m.role == "assistant" for m in s.messages)
    if empty:
        return "the prompt is an empty list"
    # A turn that stands in the row itself has no number in its pointer.
    alone = first is not None and first.content_key == "content" and first.pointer.count("/") == 1
    return "the prompt is one turn, not a list of turns" if alone else None


def _column(message: Message) -> str:
    """The row's own key that a turn stands under."""
    return message.pointer.split("/", 2)[1] if message.pointer else ""


@rule(
    "FT021", "missing-messages", category="correctness", scope="structure", catalogue=["F014", "F021"],
    message="{problem}", help="drop the row, or restore its conversation", fix_safety="unsafe",
)  # fmt: skip
def missing_messages(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A row whose conversation is missing, empty, or not a list.

    ## Why
    OpenAI answers "is missing key 'messages'", TRL stops with an IndexError on an empty list, others drop the row. So they do where
    the prompt beside a completion or a pair is an empty list, or one turn and no list.

    ## Example
    ``{"messages": []}``

    ## Fix safety
    Unsafe: the row is dropped.
    """
    if s.problem or not (s.messages or s.chosen or s.rejected):
        yield at(pointer="", problem=s.problem or "the conversation is empty")
    elif s.format in _PROMPTED and "prompt" in s.keys:
        problem = _prompt_problem(s)
        if problem:
            yield at(pointer="/prompt", problem=problem)


@rule(
    "FT022", "malformed-message", category="correctness", scope="structure", catalogue=["F022"],
    message="the turn {problem}", help="a turn is an object with a role and a content",
)  # fmt: skip
def malformed_message(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A turn that is not an object, or has no role.

    ## Why
    OpenAI answers "Discriminator 'role' is missing in value"; Axolotl and TRL stop with a KeyError.

    ## Example
    ``{"messages": ["Hello", {"content": "Hi"}]}``

    ## Fix safety
    No fix: who speaks is unknown.
    """
    for message in s.turns():
        if message.role is not None:
            continue
        if isinstance(message.content, Malformed) and not message.extra and message.source_role is None:
            yield at(message, key="", problem=f"is {_name(message.content.value)}, not an object")
        elif message.source_role is None:
            yield at(message, key="", problem="has no role")
        else:
            yield at(message, key="role", problem=f"has a role that is {_name(message.source_role)}, not a text")


@rule(
    "FT023", "wrong-content-type", category="correctness", scope="structure", catalogue=["F023"], params={"text_roles": []},
    message="the content is {found}, not a text{other}", help="write the content as text", fix_safety="unsafe",
)  # fmt: skip
def wrong_content_type(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A content that is a number, a boolean or an object.

    ## Why
    Together and OpenAI refuse it; a template prints it as Python would, with single quotes and ``None``. Of some roles a target may
    take texts only (``text_roles``): Qwen 3's template stops at a system turn of parts ("can only concatenate str").

    ## Example
    ``{"role": "assistant", "content": 42}``

    ## Fix safety
    Unsafe: a number may become text, an object cannot say which field is the answer.
    """
    for message in s.turns():
        if isinstance(message.content, Malformed) and message.role is not None:
            yield at(message, found=_name(message.content.value), other=" or a list of parts")
        elif isinstance(message.content, list) and message.role in p["text_roles"]:
            yield at(message, found="a list of parts", other="")


@rule(
    "FT024", "mixed-content-types", category="suspicious", scope="structure", catalogue=["F024"], on=False,
    params={"text_only": False, "skip_empty": False},
    message="{problem}", help="write all contents in one way", fix_safety="safe",
)  # fmt: skip
def mixed_content_types(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Contents as text and as lists of parts inside one conversation.

    ## Why
    Together (SDK 2.10 and before) refuses it, empty contents aside (``skip_empty``); `datasets` before 4.7 stops with "cannot mix
    list and non-list". Templates that expect text (``text_only``) stop at any list, drop it, or print it as Python does. Of a
    preference pair the prompt and the two answers are columns of their own: each may be written in its own way.

    ## Example
    A user turn with an image part and a system turn as plain text.

    ## Fix safety
    Safe: a single text part and a text mean the same.
    """
    columns: dict[str, list[Message]] = {}
    for message in s.turns():
        if message.content or not p["skip_empty"]:
            columns.setdefault(_column(message), []).append(message)
    for turns in columns.values():
        parts = [m for m in turns if isinstance(m.content, list)]
        if parts and p["text_only"]:
            yield at(parts[0], problem="the content is a list of parts, the target reads text")
            return
        if parts and any(isinstance(m.content, str) for m in turns):
            yield at(parts[0], problem="some turns hold text, others a list of parts")
            return


@rule(
    "FT025", "malformed-part", category="correctness", scope="structure", catalogue=["F025"], params={"typed": False},
    message="part {index} {problem}", help="a part is a text with type and text, or an image_url with an object that holds url",
    fix_safety="safe",
)  # fmt: skip
def malformed_part(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A content part without a known type, or whose value has the wrong shape.

    ## Why
    OpenAI and Together refuse the row; templates drop the part without a word. In Bedrock's and Gemini's formats parts have no type;
    a template that reads messages as they are (``typed``) drops those too.

    ## Example
    ``{"type": "image_url", "image_url": "https://example.org/a.png"}``: the address must be in an object.

    ## Fix safety
    Safe where only the wrapping is missing.
    """
    known = (
        "text",
        "image",
        "audio",
        "video",
        "file",
        "refusal",
        "reasoning",
        "thinking",
        "tool_use",
        "tool_result",
    )
    for message in s.turns():
        if not isinstance(message.content, list):
            continue
        for index, part in enumerate(message.content):
            key = f"{message.content_key}/{index}" if message.content_key else str(index)
            problem = _part_problem(part, known)
            if problem is None and message.content_key == "content" and (p["typed"] or s.format not in _UNTYPED):
                if isinstance(part.raw, str):
                    problem = "is a bare text, not an object"
                elif isinstance(part.raw, dict) and "type" not in part.raw:
                    problem = "has no type"
            if problem:
                yield at(message, key=key, index=index, problem=problem)


# Formats whose parts are told apart by their keys.
_UNTYPED = ("bedrock-converse", "gemini")


def _part_problem(part: Part, known: tuple[str, ...]) -> str | None:
    if part.type not in known:
        return f"has the unknown type {part.type!r}" if part.type else "has no type"
    if part.type == "text" and not isinstance(part.text, str):
        return "is of type text and holds no text"
    if isinstance(part.raw, dict) and part.raw.get("type") == "image_url":
        if isinstance(part.raw.get("image_url"), str):
            return "holds the image's address as text, not as an object with url"
        if not part.url:
            return "is of type image_url and holds no url"
    return None


@rule(
    "FT026", "extra-key", category="suspicious", scope="structure", catalogue=["F015"], on=False, kinds=DATA,
    params={"allowed": ["messages", "tools", "parallel_tool_calls", "functions", "function_call"], "families": {}},
    message="the row has the extra key \"{key_name}\"", help="remove the key, or keep it in a file of its own", fix_safety="safe",
)  # fmt: skip
def extra_key(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A top-level key that the target does not know.

    ## Why
    OpenAI refuses the file ("contains an extra ..."), so do Together ("Found extra column") and Claude on Bedrock.
    TRL, Axolotl and LLaMA-Factory ignore it. In reinforcement data the extra keys are the references. Together allows each format
    keys of its own (``families``: the keys beside the one that a row is known by), and no other, whatever it means elsewhere.

    ## Example
    ``{"messages": [...], "id": 17, "source": "tickets"}``

    ## Fix safety
    Safe: the keys are kept in a sidecar file, by the sample's hash.
    """
    if s.kind == "reinforcement" or (s.kind == "text" and not p["families"]):
        return
    family = next((name for name in p["families"] if name in s.keys), None)
    # Keys of a second family are ambiguous-row's: which of the two is meant is unknown.
    own = [] if family is None else [family, *p["families"][family], *p["families"]]
    for key in s.keys if family is not None else ():
        if key not in own and not any(key in keys for name, keys in p["families"].items() if name in s.keys):
            yield at(pointer="/" + key.replace("~", "~0").replace("/", "~1"), key_name=key)
    for key in s.keys if family is None else ():
        if key not in p["allowed"] and key not in ("input", "preferred_output", "non_preferred_output") and key in s.extra:
            yield at(pointer="/" + key.replace("~", "~0").replace("/", "~1"), key_name=key)


@rule(
    "FT027", "extra-message-key", category="suspicious", scope="structure", catalogue=["F016"], on=False,
    params={"allowed": ["role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal"]},
    message="the turn has the extra key \"{key_name}\"", help="remove the key", fix_safety="safe",
)  # fmt: skip
def extra_message_key(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A key of a turn that the target does not know.

    ## Why
    TRL and Axolotl ignore it unless the template uses it, MS-Swift deletes it, OpenAI refuses some, Unsloth stops
    unless a turn has exactly two keys.

    ## Example
    ``{"role": "user", "content": "Hi", "timestamp": 1699999999}``

    ## Fix safety
    Safe: the key is kept in a sidecar file.
    """
    for message in s.turns():
        for key in message.extra:
            if key not in p["allowed"]:
                yield at(message, key=str(key).replace("~", "~0").replace("/", "~1"), found=key)


@rule(
    "FT030", "ambiguous-row", category="suspicious", scope="structure", catalogue=["F013"], params={"more": []},
    message="the row holds {families} at once", help="keep the fields of one format",
)  # fmt: skip
def ambiguous_row(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A row with the fields of two formats.

    ## Why
    Which of them is trained depends on the trainer: LLaMA-Factory goes by its configuration, TRL by the first key
    it knows. Together refuses the extra column, a text or a pair beside another format too (``more``: text, pair).

    ## Example
    ``{"messages": [...], "prompt": "Hi", "completion": "Hello"}``

    ## Fix safety
    No fix: which of the two is meant is unknown.
    """
    keys = set(s.keys)
    families = []
    if "messages" in keys:
        families.append("messages")
    if "conversations" in keys:
        families.append("conversations")
    if {"prompt", "completion"} <= keys and not ({"chosen", "rejected"} & keys):
        families.append("prompt and completion")
    if {"instruction", "output"} <= keys:
        families.append("instruction and output")
    if "text" in p["more"] and "text" in keys:
        families.append("text")
    if "pair" in p["more"] and {"preferred_output", "non_preferred_output"} <= keys:
        families.append("a preference pair")
    if len(families) > 1:
        yield at(pointer="", families=" and ".join(families) if len(families) == 2 else ", ".join(families))


@rule(
    "FT031", "mixed-formats", category="correctness", scope="dataset", kinds=ANY_KIND, catalogue=["F012"],
    message="{path} mixes {found}; this row is {family}", help="split the file by format, or convert the rows to one",
)  # fmt: skip
def mixed_formats(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """One file with rows of different format families.

    ## Why
    Together refuses it ("All samples in the dataset must have the same dataset format"), `datasets` pads every row
    with nulls for the other family's columns, LLaMA-Factory stops with a KeyError. Features of one family, such as
    rows with and without tools, are not mixed.

    ## Example
    ShareGPT rows appended to an OpenAI file.

    ## Fix safety
    No fix here: conversion is a choice of its own.
    """
    for number, found in enumerate(data.mixed_families()):
        if found is None:
            continue
        counts, firsts = found
        shown = ", ".join(f"{count:,} {family}" for family, count in counts.items())
        for family, index in firsts.items():
            yield hit(index, path=data.files[number].report.path, found=shown, family=family)


@rule(
    "FT032", "format-not-accepted", category="correctness", scope="dataset", kinds=ANY_KIND, on=False, params={"target": {}},
    message="{path} is {found}, which this target does not read (it reads {accepted})",
    help="convert the file to a format that the target reads",
)  # fmt: skip
def format_not_accepted(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A file in a format that the target does not read.

    ## Why
    The upload is refused ("Unexpected file format, expected either prompt/completion pairs or chat messages"), or
    the loader finds no valid sample. ftdata goes on and judges the conversations inside.

    ## Example
    A ShareGPT file for OpenAI.

    ## Fix safety
    No fix here: conversion is a choice of its own.
    """
    accepted = p["target"].get("formats") or []
    if not accepted:
        return
    for number, counted in enumerate(data.files):
        wrong = [name for name in counted.report.formats if name not in accepted and name != "unknown"]
        if wrong:
            yield hit(
                data.first_of_format(number, wrong[0]),
                path=counted.report.path,
                found=", ".join(wrong),
                accepted=", ".join(accepted),
            )


@rule(
    "FT033", "file-too-large", category="correctness", scope="dataset", kinds=ANY_KIND, on=False, params={"max_bytes": 536870912},
    catalogue=["F019", "P103"],
    message="{path} has {size} bytes, the target takes {max_bytes} in one file", help="split the file",
)  # fmt: skip
def file_too_large(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A file larger than the target takes.

    ## Why
    The upload is refused after it has run for minutes.

    ## Example
    A file of 600 MB through OpenAI's Files API, which takes 512 MB.

    ## Fix safety
    No fix here: how to split is a choice.
    """
    for number, counted in enumerate(data.files):
        if counted.report.bytes > p["max_bytes"]:
            yield hit(data.first_of_file(number), path=counted.report.path, size=counted.report.bytes)


@rule(
    "FT034", "type-drift", category="suspicious", scope="dataset", kinds=ANY_KIND, on=False, catalogue=["F017"], needs=["types"],
    message="{field} is {found} here and {usual} in most rows", help="write the field in one JSON type throughout", fix_safety="safe",
)  # fmt: skip
def type_drift(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A field whose JSON type changes between rows.

    ## Why
    `datasets` up to 4.6 stops: "Column(/messages/[]/content) changed from string to array in row 1". LLaMA-Factory,
    TRL, Axolotl and Unsloth inherit it; `datasets` 4.7 and later read both.

    ## Example
    ``arguments`` as a JSON string in one row and as an object in the next.

    ## Fix safety
    Safe for arguments (written as a string) and for ids (written as text).
    """
    for index, field, found, usual in data.type_drift():
        yield hit(index, field=field, found=found, usual=usual)


def _today(p: dict[str, Any]) -> datetime.date:
    return datetime.date.fromisoformat(p["today"]) if p["today"] else datetime.date.today()


@rule(
    "FT036", "target-ends", category="suspicious", scope="dataset", kinds=ANY_KIND, on=False, suppressible=False, catalogue=["P101"],
    params={"date": "2027-01-06", "text": "the target ends its service", "today": ""},
    message="{text} on {date}", help="plan where the tuned model will run after that date",
)  # fmt: skip
def target_ends(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A target that will close its fine-tuning service.

    ## Why
    A tuned model that is switched off weeks after training wastes the work on the data.

    ## Example
    OpenAI ends self-serve fine-tuning for everyone on 2027-01-06.

    ## Fix safety
    No fix.
    """
    if _today(p) < datetime.date.fromisoformat(p["date"]):
        yield hit(None)


@rule(
    "FT038", "target-ended", category="correctness", scope="dataset", kinds=ANY_KIND, on=False, suppressible=False, catalogue=["P101"],
    params={"date": "2027-01-06", "text": "the target ends its service", "today": ""},
    message="{text} on {date}: no new job can be created", help="choose another target",
)  # fmt: skip
def target_ended(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A target that has closed its fine-tuning service.

    ## Why
    The job is refused after the upload: OpenAI answers HTTP 403 ``training_not_available``.

    ## Example
    OpenAI, from 2027-01-06 on.

    ## Fix safety
    No fix.
    """
    if _today(p) >= datetime.date.fromisoformat(p["date"]):
        yield hit(None)
