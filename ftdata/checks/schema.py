"""FT02-FT03: the fields of a row: missing, extra, of the wrong type, or of two formats at once."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from ftdata.rule import ANY_KIND, At, Hit, at, hit, rule
from ftdata.types import Malformed, Sample


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


@rule(
    "FT021", "missing-messages", category="correctness", scope="structure", catalogue=["F014", "F021"],
    message="{problem}", help="drop the row, or restore its conversation", fix_safety="unsafe",
)  # fmt: skip
def missing_messages(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A row whose conversation is missing, empty, or not a list.

    ## Why
    OpenAI answers "is missing key 'messages'", TRL stops with an IndexError on an empty list, others drop the row.

    ## Example
    ``{"messages": []}``

    ## Fix safety
    Unsafe: the row is dropped.
    """
    if s.problem or not (s.messages or s.chosen or s.rejected):
        yield at(pointer="", problem=s.problem or "the conversation is empty")


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
    "FT023", "wrong-content-type", category="correctness", scope="structure", catalogue=["F023"],
    message="the content is {found}, not a text or a list of parts", help="write the content as text", fix_safety="unsafe",
)  # fmt: skip
def wrong_content_type(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A content that is a number, a boolean or an object.

    ## Why
    Together and OpenAI refuse it; a template prints it as Python would, with single quotes and ``None``.

    ## Example
    ``{"role": "assistant", "content": 42}``

    ## Fix safety
    Unsafe: a number may become text, an object cannot say which field is the answer.
    """
    for message in s.turns():
        if isinstance(message.content, Malformed) and message.role is not None:
            yield at(message, found=_name(message.content.value))


@rule(
    "FT024", "mixed-content-types", category="suspicious", scope="structure", catalogue=["F024"], on=False,
    message="some turns hold text, others a list of parts", help="write all contents in one way", fix_safety="safe",
)  # fmt: skip
def mixed_content_types(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Contents as text and as lists of parts inside one conversation.

    ## Why
    Together (SDK 2.10 and before) refuses it; `datasets` before 4.7 stops with "cannot mix list and non-list";
    templates that expect text print the list as Python does.

    ## Example
    A user turn with an image part and a system turn as plain text.

    ## Fix safety
    Safe: a single text part and a text mean the same.
    """
    turns = s.turns()
    parts = [m for m in turns if isinstance(m.content, list)]
    if parts and any(isinstance(m.content, str) for m in turns):
        yield at(parts[0])


@rule(
    "FT025", "malformed-part", category="correctness", scope="structure", catalogue=["F025"],
    message="part {index} {problem}", help="a part is a text with type and text, or an image_url with an object that holds url",
    fix_safety="safe",
)  # fmt: skip
def malformed_part(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A content part without a known type, or whose value has the wrong shape.

    ## Why
    OpenAI and Together refuse the row; templates drop the part without a word.

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
            if part.type not in known:
                yield at(
                    message,
                    key=key,
                    index=index,
                    problem=f"has the unknown type {part.type!r}" if part.type else "has no type",
                )
            elif part.type == "text" and not isinstance(part.text, str):
                yield at(message, key=key, index=index, problem="is of type text and holds no text")
            elif (
                isinstance(part.raw, dict) and isinstance(part.raw.get("image_url"), str) and part.raw.get("type") == "image_url"
            ):
                yield at(
                    message,
                    key=key,
                    index=index,
                    problem="holds the image's address as text, not as an object with url",
                )


@rule(
    "FT026", "extra-key", category="suspicious", scope="structure", catalogue=["F015"], on=False,
    params={"allowed": ["messages", "tools", "parallel_tool_calls", "functions", "function_call"]},
    message="the row has the extra key \"{key_name}\"", help="remove the key, or keep it in a file of its own", fix_safety="safe",
)  # fmt: skip
def extra_key(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A top-level key that the target does not know.

    ## Why
    OpenAI refuses the file ("contains an extra ..."), so do Together ("Found extra column") and Claude on Bedrock.
    TRL, Axolotl and LLaMA-Factory ignore it. In reinforcement data the extra keys are the references.

    ## Example
    ``{"messages": [...], "id": 17, "source": "tickets"}``

    ## Fix safety
    Safe: the keys are kept in a sidecar file, by the sample's hash.
    """
    if s.kind in ("reinforcement", "none"):
        return
    for key in s.keys:
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
    "FT030", "ambiguous-row", category="suspicious", scope="structure", catalogue=["F013"],
    message="the row holds {families} at once", help="keep the fields of one format",
)  # fmt: skip
def ambiguous_row(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A row with the fields of two formats.

    ## Why
    Which of them is trained depends on the trainer: LLaMA-Factory goes by its configuration, TRL by the first key
    it knows. Together refuses the extra column.

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
