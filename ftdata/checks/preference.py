"""FT13-FT14: preference pairs, labels, and reinforcement data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftdata.rule import At, Hit, at, hit, rule
from ftdata.types import ABSENT, Kind, Message, Sample

SIDES = {
    "chosen": ("preferred_output", "preferred_completion", "chosen", "chosen_messages", "chosen_response"),
    "rejected": ("non_preferred_output", "non_preferred_completion", "rejected", "rejected_messages", "rejected_response"),
}


# MS-Swift's and Axolotl's pairs beside messages may be of either kind.
_PAIRS = ("preference-explicit", "preference-explicit-conv", "preference-implicit", "preference-implicit-conv")


@rule(
    "FT130", "preference-not-single", category="correctness", scope="structure", kinds=["preference", "prompt-only"],
    params={"strict": False},
    catalogue=["R031"],
    message="the {side} side {problem}", help="give one assistant turn on each side",
)  # fmt: skip
def preference_not_single(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A preference pair whose sides are not one answer each.

    ## Why
    OpenAI and Together take exactly one assistant turn on each side (``strict``), which says something; a side without an answer is
    refused everywhere, and so is a side of text beside one of turns: TRL stops with "can only concatenate".

    ## Example
    ``"preferred_output": []``

    ## Fix safety
    No fix: the answer is missing.
    """
    if s.kind == "prompt-only":
        lost = [side for side in SIDES if side not in s.keys]
        if len(lost) == 1:
            yield at(pointer="", side=lost[0], problem="is missing")
        return
    if (
        s.format in _PAIRS
        and s.chosen
        and s.rejected
        and (s.chosen[0].content_key == "") is not (s.rejected[0].content_key == "")
    ):
        text = "chosen" if s.chosen[0].content_key == "" else "rejected"
        yield at(getattr(s, text)[0], key="", side=text, problem="is a text, where the other one is a list of turns")
        return
    for side in ("chosen", "rejected"):
        turns: list[Message] = getattr(s, side)
        answers = [m for m in turns if m.role == "assistant"]
        if not answers and not s.problem:
            key = next((key for key in SIDES[side] if key in s.keys), None)
            place = f"/{key}" if key and not turns else None
            yield at(turns[0] if turns else None, key="", pointer=place, side=side, problem="has no assistant turn")
        elif p["strict"] and len(turns) != 1 and answers:
            yield at(turns[1], key="", side=side, problem=f"has {len(turns)} turns, the target takes one")
        elif (
            p["strict"] and answers and not answers[0].tool_calls and (answers[0].content is None or answers[0].content is ABSENT)
        ):
            yield at(answers[0], key="", side=side, problem="has an answer without content")


@rule(
    "FT131", "preference-ends-with-assistant", category="suspicious", scope="structure", kinds=["preference"], catalogue=["R032"],
    message="the prompt of the pair ends with an assistant turn", help="end the prompt with a user turn",
)  # fmt: skip
def preference_ends_with_assistant(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A preference pair whose prompt already ends with an answer.

    ## Why
    Together refuses it ("The last message in the input conversation must not be from the assistant"); elsewhere the pair
    becomes a second answer in a row.

    ## Example
    input: user, assistant; preferred_output: assistant

    ## Fix safety
    No fix: which of the answers is meant is unknown.
    """
    if s.messages and s.messages[-1].role == "assistant" and (s.chosen or s.rejected):
        yield at(s.messages[-1], key="")


def _words(turns: list[Message]) -> list[Any]:
    """All that is learned from some turns: texts, calls, reasoning, media."""
    return [
        (
            m.role, m.text.strip(), m.reasoning, [(c.name, repr(c.arguments)) for c in m.tool_calls],
            [repr(part.raw) for part in m.content if part.text is None] if isinstance(m.content, list) else [],
        )
        for m in turns
    ]  # fmt: skip


@rule(
    "FT132", "identical-preference", category="suspicious", scope="content", kinds=["preference"], catalogue=["R033"],
    message="the chosen and the rejected answer are the same", help="drop the pair", fix_safety="unsafe",
)  # fmt: skip
def identical_preference(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A preference pair of two equal answers.

    ## Why
    It teaches nothing and adds noise; MS-Swift stops at it.

    ## Example
    chosen "Bowline", rejected "Bowline"

    ## Fix safety
    Unsafe: the pair is dropped.
    """
    try:
        same = bool(s.chosen and s.rejected) and _words(s.chosen) == _words(s.rejected)
    except RecursionError:
        same = False
    if same:
        yield at(s.rejected[0])


@rule(
    "FT133", "prompt-mismatch", category="suspicious", scope="structure", kinds=["preference"], catalogue=["R034"],
    message="chosen and rejected do not share a prompt", help="give both the same turns before the answers",
)  # fmt: skip
def prompt_mismatch(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A pair of conversations that do not begin alike.

    ## Why
    TRL takes the common beginning for the prompt; where there is none, it trains with an empty prompt. It does so too where the
    prompt is a text and the sides are lists of turns: that text is thrown away.

    ## Example
    Chosen and rejected with two different system prompts.

    ## Fix safety
    No fix: which prompt is meant is unknown.
    """
    if s.problem or not s.chosen or not s.rejected:
        return
    if any(m.role == "user" for m in s.messages):
        sides = (s.chosen[0], s.rejected[0])
        if s.messages[-1].pointer == "/prompt" and all(m.content_key == "content" and m.pointer.count("/") > 1 for m in sides):
            yield at(s.messages[-1], key="")
        return
    asked = next((m for side in (s.rejected, s.chosen) for m in side if m.role == "user"), None)
    if asked is not None:
        yield at(asked)
    elif s.format == "preference-implicit-conv" and not s.messages:
        yield at(s.rejected[0], key="")


@rule(
    "FT134", "misnamed-preference-key", category="correctness", scope="structure", kinds=["preference"], catalogue=["R030"],
    message="the key {key_name} is a misprint of an old specification", help="write preferred_output and non_preferred_output",
    fix_safety="safe",
)  # fmt: skip
def misnamed_preference_key(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """preferred_completion and non_preferred_completion, which no provider reads.

    ## Why
    OpenAI's published specification once had these names; the service never did.

    ## Example
    ``{"input": {...}, "preferred_completion": [...], "non_preferred_completion": [...]}``

    ## Fix safety
    Safe: a rename.
    """
    for key in ("preferred_completion", "non_preferred_completion"):
        if key in s.keys:
            yield at(pointer=f"/{key}", key_name=key)
            return


@rule(
    "FT135", "preference-media", category="suspicious", scope="structure", kinds=["preference"], on=False, catalogue=["R035"],
    message="a preference pair with media", help="use text only",
)  # fmt: skip
def preference_media(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Images in preference data, for a target that takes text only.

    ## Why
    OpenAI's preference method takes text and one turn only.

    ## Example
    An image part in ``input.messages``.

    ## Fix safety
    No fix.
    """
    for message in s.turns():
        if isinstance(message.content, list) and any(
            part.type in ("image", "audio", "video", "file") for part in message.content
        ):
            yield at(message)
            return


@rule(
    "FT136", "invalid-label", category="correctness", scope="structure", kinds=["unpaired-preference"], catalogue=["R044"],
    message="the label is {found}, not true or false", help="write true (good) or false (bad)", fix_safety="safe",
)  # fmt: skip
def invalid_label(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A KTO label that is not true or false.

    ## Why
    TRL and LLaMA-Factory read a boolean; the text "false" counts as true.

    ## Example
    ``{"prompt": "Name a mast.", "completion": "Mizzen", "label": "false"}``

    ## Fix safety
    Safe for "true", "false", 1 and 0.
    """
    if not isinstance(s.label, bool):
        key = next((k for k in ("label", "kto_tag") if k in s.keys), None)
        yield at(pointer=f"/{key}" if key else "", found=repr(s.label)[:40])


@rule(
    "FT137", "single-class-labels", category="suspicious", scope="dataset", kinds=["unpaired-preference"], catalogue=["R044"],
    needs=["label"],
    message="all {count} labels are {label}", help="KTO needs good and bad answers",
)  # fmt: skip
def single_class_labels(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A KTO set in which every label is the same.

    ## Why
    KTO learns from the difference between good and bad answers; with one class there is none.

    ## Example
    300 rows, all ``"label": true``.

    ## Fix safety
    No fix: the other class has to be collected.
    """
    labels = data.train.filter(data.train["label"].is_not_null())["label"].to_list()
    if len(labels) > 1 and len(set(labels)) == 1:
        yield hit(None, count=len(labels), label=str(labels[0]).lower())


_PROMPTS: tuple[Kind, ...] = ("sft", "preference", "unpaired-preference", "prompt-only")


@rule(
    "FT138", "prompt-last-role", category="suspicious", scope="structure", kinds=_PROMPTS, on=False, catalogue=["R032"],
    params={"roles": ["user", "tool", "assistant"]},
    message="the prompt ends with {what}", help="end the prompt with a user turn, or a tool's result",
)  # fmt: skip
def prompt_last_role(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A prompt, given apart from its answers, whose last turn no answer can follow.

    ## Why
    TRL renders the prompt by itself and raises "Invalid role in the last message" for any role but user, tool and assistant. An
    assistant turn there is continued, which one without a text cannot be: "continue_final_message is set but the final message has
    no \"content\" to continue!". An empty text can.

    ## Example
    ``{"prompt": [{"role": "system", "content": "Be brief."}], "completion": [...]}``

    ## Fix safety
    No fix: the question that belongs there is unknown.
    """
    if s.kind == "sft" and s.format != "trl-prompt-completion-conv":
        return
    turns = s.messages if s.kind in ("preference", "prompt-only") else _before_completion(s)
    if not turns or turns[-1].role is None or turns[-1].content_key != "content":
        return
    last, role = turns[-1], turns[-1].source_role
    if role not in p["roles"]:
        yield at(last, key="role", what=f"a turn of the role {role}")
    elif role == "assistant" and not _has_text(last):
        yield at(last, key="", what="an assistant turn without a text")


def _has_text(message: Message) -> bool:
    """Whether there is a text, be it empty; what is neither text nor parts is wrong-content-type's."""
    content = message.content
    return any(part.text is not None for part in content) if isinstance(content, list) else content not in (None, ABSENT)


def _before_completion(s: Sample) -> list[Message]:
    """The turns under the first of the row's keys that hold turns, where there is a second."""
    columns = [m.pointer.split("/", 2)[1] if m.pointer else "" for m in s.messages]
    return [m for m, column in zip(s.messages, columns, strict=True) if column == columns[0] != columns[-1]]


@rule(
    "FT140", "rft-system-role", category="correctness", scope="structure", kinds=["reinforcement"], on=False, catalogue=["R040"],
    message="a system turn in reinforcement data", help="write developer", fix_safety="safe",
)  # fmt: skip
def rft_system_role(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A system turn in data for reinforcement fine-tuning.

    ## Why
    OpenAI and Azure refuse it: "System messages are not supported in 'reinforcement' examples". Only they say so: a chat row that
    ends with a question and has a key of its own looks the same, and its system turn is no fault.

    ## Example
    ``{"messages": [{"role": "system", ...}, {"role": "user", ...}], "answer": 24}``

    ## Fix safety
    Safe: developer means the same.
    """
    for message in s.messages:
        if message.role == "system":
            yield at(message, key="role")


@rule(
    "FT141", "rft-ends-with-assistant", category="suspicious", scope="structure", kinds=["reinforcement"], on=False,
    catalogue=["R041"],
    message="the prompt ends with an assistant turn", help="move the answer into a reference field", fix_safety="manual",
)  # fmt: skip
def rft_ends_with_assistant(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A reinforcement row whose conversation already ends with an answer.

    ## Why
    The model is to write the answer itself; Microsoft's guidance says "Last message MUST be user". Such a row looks like
    plain chat with extra keys, so it is judged as reinforcement data only with ``--from openai-rft``.

    ## Example
    ``{"messages": [{"role": "user", ...}, {"role": "assistant", "content": "24"}], "unit": "h"}``

    ## Fix safety
    By hand: the answer becomes a reference field, under a name that stands in the grader, which the data does not show.
    """
    if s.messages and s.messages[-1].role == "assistant":
        yield at(s.messages[-1], key="")


@rule(
    "FT142", "rft-no-reference", category="suspicious", scope="structure", kinds=["reinforcement"], catalogue=["R042"],
    message="the row has no reference field for a grader", help="add the expected answer under a key of its own",
)  # fmt: skip
def rft_no_reference(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A reinforcement row without any field that a grader could compare with.

    ## Why
    A grader's template {{item.X}} needs the field in every row.

    ## Example
    Messages alone, ending with the user.

    ## Fix safety
    No fix: the expected answer is unknown.
    """
    if not s.reference:
        yield at(pointer="")
