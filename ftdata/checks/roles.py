"""FT10-FT12: roles, turns and what they hold."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

from ftdata.rule import SFT, At, at, rule
from ftdata.types import ABSENT, Kind, Message, Sample

ALIASES = ("human", "gpt", "bot", "model", "chatgpt", "ai", "bard", "bing", "chatbot", "prompter")


LABELLED: tuple[Kind, ...] = ("sft", "unpaired-preference")


NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


def _spoken(s: Sample) -> list[Message]:
    """The turns that have a role at all; the others are malformed-message's."""
    return [message for message in s.messages if message.role is not None]


# Formats of messages with role names of their own.
_OWN_ROLES = ("cohere-chat", "vertex-messages-old")


def _written(s: Sample, message: Message) -> str | None:
    """The role as it stands in the row, where its format gives it another meaning."""
    return message.source_role if s.format in _OWN_ROLES and isinstance(message.source_role, str) else message.role


def _blank(message: Message) -> bool:
    """Whether the content is there and says nothing: no text, or no part but blank texts."""
    content = message.content
    if isinstance(content, list):
        return all(part.type == "text" and part.text is not None and not part.text.strip() for part in content)
    return isinstance(content, str) and not content.strip()


@rule(
    "FT101", "missing-assistant-turn", category="correctness", scope="structure", kinds=LABELLED, catalogue=["R003"],
    message="none of the {count} turns is an assistant turn", help="add the answer, or drop the sample", fix_safety="unsafe",
)  # fmt: skip
def missing_assistant_turn(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A conversation without an assistant turn.

    ## Why
    Only assistant turns are trained on, so the sample teaches nothing. Together refuses the file; TRL and Axolotl drop
    the sample without a word.

    ## Example
    ``{"messages": [{"role": "user", "content": "Can you resend the invoice?"}]}``

    ## Fix safety
    Unsafe: the sample is dropped.
    """
    # A turn of another role, or of none, may be the answer: unknown-role and malformed-message report it.
    if s.messages and all(m.role in ("system", "developer", "user", "tool") for m in s.messages):
        yield at(s.messages[-1], key="", count=len(s.messages))


@rule(
    "FT102", "unknown-role", category="correctness", scope="structure", catalogue=["R001"],
    params={"roles": ["system", "developer", "user", "assistant", "tool"], "as_written": False},
    message="the role \"{role}\" is not one of {roles}", help="use one of the roles that the target knows",
)  # fmt: skip
def unknown_role(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A role that the target does not know.

    ## Why
    Providers refuse the row ("Invalid role"); chat templates that test for known roles print nothing at all for such a
    turn, so that its text silently vanishes (Qwen 2.5 and 3, DeepSeek, Phi-3, Cohere, GLM-4). What reads messages as they are
    (``as_written``) does not know the roles of Cohere's and old Vertex' formats either.

    ## Example
    ``{"role": "moderator", "content": "..."}``

    ## Fix safety
    No fix: who speaks is unknown.
    """
    for message in s.turns():
        role = _written(s, message) if p["as_written"] else message.role
        if role is not None and role not in p["roles"] and role.lower() not in ALIASES and role != "developer":
            yield at(message, key="role", role=role)


@rule(
    "FT103", "alias-role", category="suspicious", scope="structure", catalogue=["R002"],
    params={"as_written": False, "known": []},
    message="the role \"{role}\" is an alias; chat templates know \"{known}\"", help="write user or assistant", fix_safety="safe",
)  # fmt: skip
def alias_role(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A role of another format, such as human or gpt, in chat messages.

    ## Why
    The turn vanishes without a word in the templates of Qwen 2.5 and 3, DeepSeek, Phi-3, Cohere and GLM-4, and raises in
    Gemma's. TRL's own converter makes such rows. In ShareGPT these roles are at home and no fault; in old Vertex' messages they are
    one for what reads messages as they are (``as_written``). Gemma's template prints model as it should be (``known``).

    ## Example
    ``{"role": "gpt", "content": "Ten, counting the claws."}``

    ## Fix safety
    Safe: human is user, gpt is assistant.
    """
    for message in s.turns():
        role = _written(s, message) if p["as_written"] else message.role
        if role is not None and role.lower() in ALIASES and role not in p["known"]:
            known = "user" if role.lower() in ("human", "prompter") else "assistant"
            yield at(message, key="role", role=role, known=known)


@rule(
    "FT104", "last-turn-not-assistant", category="suspicious", scope="structure", kinds=SFT, catalogue=["R004"],
    message="the conversation ends with a {role} turn", help="drop the turns after the last answer, or add the answer",
    fix_safety="safe",
)  # fmt: skip
def last_turn_not_assistant(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A conversation whose last turn is not the assistant's.

    ## Why
    Nothing after the last answer is trained, though it is paid for. mistral-common refuses it ("Expected last role
    Assistant for finetuning but got user"), as do Nova and Claude on Bedrock; LLaMA-Factory drops the sample.

    ## Example
    user, assistant, user: "Thanks!"

    ## Fix safety
    Safe: the turns after the last answer are dropped.
    """
    turns = s.messages
    if turns and turns[-1].role in ("user", "system", "developer") and any(m.role == "assistant" for m in turns):
        yield at(turns[-1], key="", role=turns[-1].role)


@rule(
    "FT105", "first-turn-not-user", category="suspicious", scope="structure", kinds=SFT, on=False, catalogue=["R005"],
    params={"alone": False},
    message="the first turn after the system prompt is the {role}'s", help="begin with a user turn",
)  # fmt: skip
def first_turn_not_user(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A conversation that the user does not begin.

    ## Why
    Gemma's and Cohere's templates raise, Nova and Claude on Bedrock refuse the file, LLaMA-Factory drops the sample.
    mistral-common minds it only where that turn is the whole conversation (``alone``): "Conversation must start with a user message
    or system message".

    ## Example
    assistant: "Hello! How can I help?", user: ...

    ## Fix safety
    No fix: a greeting may be wanted.
    """
    first = next((m for m in s.messages if m.role not in ("system", "developer")), None)
    if p["alone"] and len(s.messages) != 1:
        return
    if first is not None and first.role in ("assistant", "tool"):
        yield at(first, key="role", role=first.role)


@rule(
    "FT106", "consecutive-roles", category="suspicious", scope="structure", on=False, params={"roles": ["user", "assistant"]},
    catalogue=["R006"],
    message="two {role} turns in a row", help="merge them into one", fix_safety="unsafe",
)  # fmt: skip
def consecutive_roles(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Two turns of the same role in a row.

    ## Why
    Gemma's and Cohere's templates raise ("Conversation roles must alternate user/assistant/user/assistant/..."),
    Claude on Bedrock refuses the file, LLaMA-Factory drops the sample. OpenAI documents no rule; Azure users report
    "contains invalid schema (20)" for two assistant turns.

    ## Example
    user: "Hi", user: "Are you there?"

    ## Fix safety
    Unsafe: two answers may be alternatives.
    """
    for before, message in itertools.pairwise(s.messages):
        if message.role == before.role and message.role in p["roles"] and not before.tool_calls:
            yield at(message, key="role", role=message.role)


@rule(
    "FT107", "misplaced-system", category="suspicious", scope="structure", catalogue=["R007"],
    message="a system turn after the conversation has begun", help="move it to the front", fix_safety="unsafe",
)  # fmt: skip
def misplaced_system(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A system turn that is not at the front.

    ## Why
    gpt-oss' template drops it, Qwen 3.5's raises, mistral-common and torchtune refuse it.

    ## Example
    user, assistant, system: "Now answer in Korean."

    ## Fix safety
    Unsafe: it may be meant for the turns after it.
    """
    begun = False
    for message in _spoken(s):
        if message.role in ("user", "assistant", "tool"):
            begun = True
        elif begun and message.role in ("system", "developer"):
            yield at(message, key="role")


@rule(
    "FT108", "several-systems", category="suspicious", scope="structure", catalogue=["R007"],
    message="{count} system turns", help="merge them into one", fix_safety="unsafe",
)  # fmt: skip
def several_systems(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """More than one system turn at the front.

    ## Why
    Most templates take the first turn for the system prompt and treat a second one as a turn of its own, or raise.

    ## Example
    system: "You are a shop assistant.", system: "Be brief."

    ## Fix safety
    Unsafe: they may contradict each other.
    """
    front: list[Message] = []
    for message in _spoken(s):
        if message.role not in ("system", "developer"):
            break
        front.append(message)
    if len(front) > 1:
        yield at(front[1], key="role", count=len(front))


@rule(
    "FT109", "empty-content", category="suspicious", scope="structure", catalogue=["R008"],
    params={"roles": [], "blank": True},
    message="the {role} turn is {state}", help="write what belongs there, or drop the sample", fix_safety="unsafe",
)  # fmt: skip
def empty_content(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A turn with an empty text, or one of white space.

    ## Why
    An empty answer teaches the model to say nothing; an empty question teaches it to answer nothing asked. mistral-common
    refuses it up to version 3, in the assistant's turns (``roles``) and not where there is white space (``blank``); Together and most
    trainers do not notice.

    ## Example
    ``{"role": "assistant", "content": ""}``

    ## Fix safety
    Unsafe: the sample is dropped.
    """
    for message in s.turns():
        if message.role in (None, "system", "developer", "tool") or message.tool_calls or message.reasoning:
            continue
        if (p["roles"] and message.role not in p["roles"]) or (not p["blank"] and message.content not in ("", [])):
            continue
        if _blank(message):
            yield at(message, role=message.role, state="empty" if not message.text else "blank")


def _without_content(message: Message) -> bool:
    lacks = message.content is None or message.content is ABSENT
    calls = message.tool_calls and message.role not in ("system", "developer", "user", "tool")
    return lacks and message.role is not None and not calls and not message.reasoning


@rule(
    "FT110", "missing-content", category="correctness", scope="content", catalogue=["R009"],
    when=lambda s: any(_without_content(message) for message in s.turns()),
    message="the {role} turn has {state} content", help="write the content, or drop the sample", fix_safety="unsafe",
)  # fmt: skip
def missing_content(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A turn whose content is null or missing, and that is no assistant turn with tool calls.

    ## Why
    OpenAI refuses it; templates of Llama 3, Gemma, Cohere and GLM-4 print the word None as text to learn; Qwen 2.5's and
    DeepSeek's stop with a TypeError. A turn with a refusal text needs no content: OpenAI's API answers so.

    ## Example
    ``{"role": "assistant", "content": null}``

    ## Fix safety
    Unsafe: the sample is dropped.
    """
    for message in s.turns():
        if _without_content(message) and not message.extra.get("refusal"):
            yield at(message, role=message.role, state="null" if message.content is None else "no")


@rule(
    "FT111", "content-key-absent", category="suspicious", scope="structure", on=False, catalogue=["R010"],
    params={"turns": "calling"},
    message="the {role} turn {calls}has no content key", help="add \"content\": \"\"", fix_safety="safe",
)  # fmt: skip
def content_key_absent(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A turn that has no content key, where the target wants one: those with tool calls, or all others.

    ## Why
    It is OpenAI's own documented example, and LLaMA-Factory and torchtune stop at it with KeyError: 'content'. Together takes it
    and refuses the others: "Missing required column `content`" (``turns: plain``); a content that is null has the key.

    ## Example
    ``{"role": "assistant", "tool_calls": [...]}``

    ## Fix safety
    Safe: an empty content is added beside tool calls. What a turn without calls should say is unknown.
    """
    for message in s.turns():
        calls = bool(message.tool_calls or "tool_calls" in message.extra) and message.role == "assistant"
        if message.content is not ABSENT or message.role is None or message.content_key != "content":
            continue
        if (p["turns"] == "plain" and not calls) or (p["turns"] == "calling" and calls and message.source_role == "assistant"):
            yield at(message, key="", role=message.role, calls="calls a tool and " if calls else "")


@rule(
    "FT112", "null-content", category="suspicious", scope="structure", on=False, catalogue=["R011"],
    params={"effect": "it prints None"},
    message="the content beside tool calls is null: {effect}", help="write \"content\": \"\"", fix_safety="safe",
)  # fmt: skip
def null_content(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A null content beside tool calls, where the target's template prints or refuses it.

    ## Why
    Gemma, Llama 3, Cohere and GLM-4 print the word None; Qwen 2.5, DeepSeek and gpt-oss stop with a TypeError; torchtune
    trains on the text of the turn before.

    ## Example
    ``{"role": "assistant", "content": null, "tool_calls": [...]}``

    ## Fix safety
    Safe: the text stays empty.
    """
    for message in s.turns():
        if message.tool_calls and message.content is None:
            yield at(message)


@rule(
    "FT117", "invalid-name", category="suspicious", scope="content", catalogue=["R016"], params={"roles": []},
    when=lambda s: any(m.name is not None or _is_function_turn(m) for m in s.turns()),
    message="the {role} turn {problem}", help="use letters, digits, _ and - only", fix_safety="safe",
)  # fmt: skip
def invalid_name(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A speaker's name that OpenAI's schema does not allow, or a function turn without one.

    ## Why
    OpenAI refuses names with spaces or letters outside ASCII, Korean names included. A turn of the old role function
    must say which function it is the result of. mistral-common reads the names of tools' results alone (``roles``).

    ## Example
    ``{"role": "user", "name": "김 대리", "content": "..."}``

    ## Fix safety
    Safe where the name only labels a speaker.
    """
    for message in s.turns():
        if p["roles"] and message.role not in p["roles"]:
            continue
        if message.name is None:
            if _is_function_turn(message):
                yield at(message, key="", role="function", problem="has no name")
        elif not (isinstance(message.name, str) and NAME.match(message.name)):
            found = repr(message.name)
            found = found if len(found) <= 40 else found[:39] + "…"
            problem = f"has the name {found}, which does not match [a-zA-Z0-9_-]{{1,64}}"
            yield at(message, key="name", role=message.role, problem=problem)


def _is_function_turn(message: Message) -> bool:
    """Whether the turn is of OpenAI's old role; other formats call their tool turns function too."""
    return message.source_role == "function" and message.content_key == "content"


@rule(
    "FT118", "legacy-function-call", category="quality", scope="structure", catalogue=["R017"],
    message="function_call and the role function are deprecated",
    help="write tool_calls and tool turns with ids", fix_safety="safe",
)  # fmt: skip
def legacy_function_call(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """OpenAI's old function calls.

    ## Why
    Together and MS-Swift refuse them, most chat templates print nothing for them.

    ## Example
    ``{"role": "assistant", "content": null, "function_call": {"name": "tide_at", "arguments": "{}"}}``

    ## Fix safety
    Safe: calls and results are paired by their order.
    """
    for message in s.turns():
        if any(call.legacy for call in message.tool_calls):
            yield at(message, key="function_call")
            return
        if _is_function_turn(message):
            yield at(message, key="role")
            return


@rule(
    "FT119", "developer-role", category="suspicious", scope="structure", on=False, catalogue=["R018"],
    params={"effect": "the target does not know it"},
    message="the role developer: {effect}", help="write system", fix_safety="safe",
)  # fmt: skip
def developer_role(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A developer turn for a target that does not know the role.

    ## Why
    Its text vanishes without a word in the templates of Qwen 2.5 and 3, DeepSeek, Phi-3, Cohere and GLM-4, and raises in
    Gemma's and Qwen 3.5's. OpenAI's reinforcement format wants it; its chat format does not list it.

    ## Example
    ``{"role": "developer", "content": "Answer in one line."}``

    ## Fix safety
    Safe: system means the same.
    """
    if s.kind == "reinforcement":
        return  # OpenAI's reinforcement format wants the role
    for message in s.turns():
        if message.role == "developer":
            yield at(message, key="role")


@rule(
    "FT120", "system-not-supported", category="suspicious", scope="structure", on=False, catalogue=["R019"],
    message="the target has no system role", help="put the text before the first user turn", fix_safety="unsafe",
)  # fmt: skip
def system_not_supported(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A system turn for a target without a system role.

    ## Why
    Gemma 1's template raises "System role not supported".

    ## Example
    ``{"role": "system", "content": "Be brief."}``

    ## Fix safety
    Unsafe: the text becomes part of the question.
    """
    for message in s.turns():
        if message.role in ("system", "developer"):
            yield at(message, key="role")
            return


def _reasons(message: Message) -> bool:
    return bool(message.reasoning) or "<think>" in message.text


def _asks(message: Message) -> bool:
    """Whether a template takes the turn for a question: a tool's result may be dressed as a user turn."""
    text = message.text
    return message.role == "user" and not (text.startswith("<tool_response>") and text.endswith("</tool_response>"))


@rule(
    "FT121", "stripped-reasoning", category="suspicious", scope="content", kinds=SFT, on=False, catalogue=["R020"],
    when=lambda s: sum(m.role == "assistant" for m in s.messages) > 1,
    message="the template drops the reasoning of this earlier turn",
    help="write one sample per assistant turn", fix_safety="manual",
)  # fmt: skip
def stripped_reasoning(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Reasoning in a trained turn before the last question, where the template strips it.

    ## Why
    Qwen 3's and GLM-4's templates keep the reasoning after the last user turn only: the answers before it are trained as
    if the model answered without thinking. Steps between tools that follow the last user turn keep theirs.

    ## Example
    Two answers, both with ``<think>...</think>``.

    ## Fix safety
    By hand: the conversation has to become several samples, of which each repeats the turns before its answer. That changes how
    many samples there are, how often a turn is seen and what an earlier split or count said; a fix edits the sample it is given.
    """
    last = max((index for index, message in enumerate(s.messages) if _asks(message)), default=0)
    for message in s.messages[:last]:
        masked = message.weight is not None and message.weight in (0, False)
        if message.role == "assistant" and _reasons(message) and not masked:
            yield at(message)


@rule(
    "FT122", "reasoning-ignored", category="suspicious", scope="structure", on=False, catalogue=["R020", "P808"],
    params={"keys": []},
    message="the target does not read the reasoning under {key_name}",
    help="write it where the target reads it", fix_safety="unsafe",
)  # fmt: skip
def reasoning_ignored(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Reasoning under a key that the target drops.

    ## Why
    OpenAI's schema has no such key, MS-Swift deletes reasoning_content, gpt-oss reads thinking only.

    ## Example
    ``{"role": "assistant", "content": "56", "reasoning_content": "7*8 is 56"}``

    ## Fix safety
    Unsafe: it is moved to the key that the target reads, if there is one, and is then learned. For a target that reads none it is
    left: as visible text it would be trained as an answer, and to drop it is a decision about the data.
    """
    for message in s.turns():
        key = message.reasoning_key
        if message.reasoning and key and key not in p["keys"]:
            yield at(message, key=key if not isinstance(message.content, list) else "", key_name=key)
