"""FT10-FT14: roles, turns, loss masks, preference and reinforcement shape."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

from ftdata.rule import SFT, At, Hit, at, hit, rule
from ftdata.types import ABSENT, Kind, Message, Sample

ALIASES = ("human", "gpt", "bot", "model", "chatgpt", "ai", "bard", "bing", "chatbot", "prompter")
LABELLED: tuple[Kind, ...] = ("sft", "unpaired-preference")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
SIDES = {
    "chosen": ("preferred_output", "preferred_completion", "chosen", "chosen_messages", "chosen_response"),
    "rejected": ("non_preferred_output", "non_preferred_completion", "rejected", "rejected_messages", "rejected_response"),
}


def _spoken(s: Sample) -> list[Message]:
    """The turns that have a role at all; the others are malformed-message's."""
    return [message for message in s.messages if message.role is not None]


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
    params={"roles": ["system", "developer", "user", "assistant", "tool"]},
    message="the role \"{role}\" is not one of {roles}", help="use one of the roles that the target knows",
)  # fmt: skip
def unknown_role(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A role that the target does not know.

    ## Why
    Providers refuse the row ("Invalid role"); chat templates that test for known roles print nothing at all for such a
    turn, so that its text silently vanishes (Qwen 2.5 and 3, DeepSeek, Phi-3, Cohere, GLM-4).

    ## Example
    ``{"role": "moderator", "content": "..."}``

    ## Fix safety
    No fix: who speaks is unknown.
    """
    for message in s.turns():
        role = message.role
        if role is not None and role not in p["roles"] and role.lower() not in ALIASES and role != "developer":
            yield at(message, key="role", role=role)


@rule(
    "FT103", "alias-role", category="suspicious", scope="structure", catalogue=["R002"],
    message="the role \"{role}\" is an alias; chat templates know \"{known}\"", help="write user or assistant", fix_safety="safe",
)  # fmt: skip
def alias_role(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A role of another format, such as human or gpt, in chat messages.

    ## Why
    The turn vanishes without a word in the templates of Qwen 2.5 and 3, DeepSeek, Phi-3, Cohere and GLM-4, and raises in
    Gemma's. TRL's own converter makes such rows. In ShareGPT these roles are at home and no fault.

    ## Example
    ``{"role": "gpt", "content": "Ten, counting the claws."}``

    ## Fix safety
    Safe: human is user, gpt is assistant.
    """
    for message in s.turns():
        if message.role is not None and message.role.lower() in ALIASES:
            known = "user" if message.role.lower() in ("human", "prompter") else "assistant"
            yield at(message, key="role", role=message.role, known=known)


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
    message="the first turn after the system prompt is the {role}'s", help="begin with a user turn",
)  # fmt: skip
def first_turn_not_user(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A conversation that the user does not begin.

    ## Why
    Gemma's and Cohere's templates raise, Nova and Claude on Bedrock refuse the file, LLaMA-Factory drops the sample.

    ## Example
    assistant: "Hello! How can I help?", user: ...

    ## Fix safety
    No fix: a greeting may be wanted.
    """
    first = next((m for m in s.messages if m.role not in ("system", "developer")), None)
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
    message="the {role} turn is {state}", help="write what belongs there, or drop the sample", fix_safety="unsafe",
)  # fmt: skip
def empty_content(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A turn with an empty text, or one of white space.

    ## Why
    An empty answer teaches the model to say nothing; an empty question teaches it to answer nothing asked. mistral-common
    refuses it; Together and most trainers do not notice.

    ## Example
    ``{"role": "assistant", "content": ""}``

    ## Fix safety
    Unsafe: the sample is dropped.
    """
    for message in s.turns():
        if message.role in (None, "system", "developer", "tool") or message.tool_calls or message.reasoning:
            continue
        if _blank(message):
            yield at(message, role=message.role, state="empty" if not message.text else "blank")


def _without_content(message: Message) -> bool:
    lacks = message.content is None or message.content is ABSENT
    return lacks and message.role is not None and not message.tool_calls and not message.reasoning


@rule(
    "FT110", "missing-content", category="correctness", scope="content", catalogue=["R009"],
    when=lambda s: any(_without_content(message) for message in s.turns()),
    message="the {role} turn has {state} content", help="write the content, or drop the sample", fix_safety="unsafe",
)  # fmt: skip
def missing_content(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A turn whose content is null or missing, and that calls no tool.

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
    message="the assistant turn calls a tool and has no content key", help="add \"content\": \"\"", fix_safety="safe",
)  # fmt: skip
def content_key_absent(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A turn with tool calls that has no content key, where the target wants one.

    ## Why
    It is OpenAI's own documented example, and LLaMA-Factory and torchtune stop at it with KeyError: 'content'.

    ## Example
    ``{"role": "assistant", "tool_calls": [...]}``

    ## Fix safety
    Safe: an empty content is added.
    """
    for message in s.turns():
        if message.tool_calls and message.content is ABSENT and message.source_role == "assistant":
            yield at(message, key="")


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
    "FT113", "invalid-weight", category="correctness", scope="structure", params={"allow_boolean": False}, catalogue=["R012"],
    message="the weight is {found}, not 0 or 1", help="write 0 (not trained) or 1 (trained)", fix_safety="safe",
)  # fmt: skip
def invalid_weight(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A loss weight other than 0 or 1.

    ## Why
    OpenAI and Together refuse it ("Weight must be an integer"); OpenAI's cookbook checker lets even 7 through.

    ## Example
    ``{"role": "assistant", "content": "...", "weight": 0.5}``

    ## Fix safety
    Safe for 1.0, 0.0, true and false; other numbers have to be decided.
    """
    for message in s.turns():
        if message.weight_key != "weight" or message.weight is None:
            continue
        weight = message.weight
        fine = (type(weight) is int and weight in (0, 1)) or (isinstance(weight, bool) and p["allow_boolean"])
        if not fine:
            shown = weight if isinstance(weight, int | float) else repr(weight)[:40]
            yield at(message, key="weight", found=str(shown).lower() if isinstance(weight, bool) else str(shown))


@rule(
    "FT114", "weight-outside-assistant", category="quality", scope="structure", catalogue=["R013"],
    message="a weight on a {role} turn has no effect", help="remove it", fix_safety="safe",
)  # fmt: skip
def weight_outside_assistant(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A loss weight on a turn that is never trained on.

    ## Why
    Only assistant turns are trained. The key is not in OpenAI's schema for other turns; whether the server refuses it is not
    documented. A null is no weight: tables write it into every turn.

    ## Example
    ``{"role": "user", "content": "Hi", "weight": 0}``

    ## Fix safety
    Safe: the key is removed.
    """
    for message in s.turns():
        if message.weight_key == "weight" and message.weight is not None and message.role not in ("assistant", None):
            yield at(message, key="weight", role=message.role)


@rule(
    "FT115", "nothing-trained", category="suspicious", scope="structure", kinds=SFT, catalogue=["R014"],
    message="every assistant turn has weight 0: nothing is trained",
    help="give the answers to learn weight 1, or drop the sample",
)  # fmt: skip
def nothing_trained(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A sample in which every assistant turn is masked.

    ## Why
    It costs tokens and teaches nothing: TRL and Axolotl drop it or compute a loss of NaN, Unsloth warns "All labels in your
    dataset are -100".

    ## Example
    One answer, with ``"weight": 0``.

    ## Fix safety
    No fix: which answer is to be learned is unknown.
    """
    answers = [m for m in s.messages if m.role == "assistant"]
    if answers and all(m.weight is not None and m.weight in (0, False) for m in answers):
        yield at(
            answers[-1],
            key=answers[-1].weight_key if answers[-1].weight_key in ("weight", "loss", "loss_weight") else "",
        )


@rule(
    "FT116", "weight-ignored", category="suspicious", scope="structure", kinds=SFT, on=False, params={"treatment": "ignores"},
    catalogue=["R015"],
    message="the target {treatment} weights: turns of weight 0 are trained on",
    help="write one sample per answer that is to be learned",
)  # fmt: skip
def weight_ignored(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Loss weights for a target that has none.

    ## Why
    TRL, torchtune and LLaMA-Factory ignore the key, MS-Swift deletes it, Unsloth stops at it. The turns that were masked are
    trained on.

    ## Example
    An agent's failed attempt with weight 0, before the good answer with weight 1.

    ## Fix safety
    No fix here: the sample has to be cut at its trained turns.
    """
    for message in s.messages:
        if message.role == "assistant" and message.weight_key is not None and message.weight in (0, False):
            yield at(
                message,
                key=message.weight_key if message.weight_key in ("weight", "loss", "loss_weight", "loss_scale") else "",
            )
            return


@rule(
    "FT117", "invalid-name", category="suspicious", scope="content", catalogue=["R016"],
    when=lambda s: any(m.name is not None or _is_function_turn(m) for m in s.turns()),
    message="the {role} turn {problem}", help="use letters, digits, _ and - only", fix_safety="safe",
)  # fmt: skip
def invalid_name(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A speaker's name that OpenAI's schema does not allow, or a function turn without one.

    ## Why
    OpenAI refuses names with spaces or letters outside ASCII, Korean names included. A turn of the old role function
    must say which function it is the result of.

    ## Example
    ``{"role": "user", "name": "김 대리", "content": "..."}``

    ## Fix safety
    Safe where the name only labels a speaker.
    """
    for message in s.turns():
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
    help="write one sample per assistant turn", fix_safety="unsafe",
)  # fmt: skip
def stripped_reasoning(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Reasoning in a trained turn before the last question, where the template strips it.

    ## Why
    Qwen 3's and GLM-4's templates keep the reasoning after the last user turn only: the answers before it are trained as
    if the model answered without thinking. Steps between tools that follow the last user turn keep theirs.

    ## Example
    Two answers, both with ``<think>...</think>``.

    ## Fix safety
    Unsafe: the conversation becomes several samples.
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
    Unsafe: as visible text it would be trained as an answer.
    """
    for message in s.turns():
        key = message.reasoning_key
        if message.reasoning and key and key not in p["keys"]:
            yield at(message, key=key if not isinstance(message.content, list) else "", key_name=key)


@rule(
    "FT130", "preference-not-single", category="correctness", scope="structure", kinds=["preference"], params={"strict": False},
    catalogue=["R031"],
    message="the {side} side {problem}", help="give one assistant turn on each side",
)  # fmt: skip
def preference_not_single(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A preference pair whose sides are not one answer each.

    ## Why
    OpenAI and Together take exactly one assistant turn on each side; a side without an answer is refused everywhere.

    ## Example
    ``"preferred_output": []``

    ## Fix safety
    No fix: the answer is missing.
    """
    for side in ("chosen", "rejected"):
        turns: list[Message] = getattr(s, side)
        answers = [m for m in turns if m.role == "assistant"]
        if not answers and not s.problem:
            key = next((key for key in SIDES[side] if key in s.keys), None)
            place = f"/{key}" if key and not turns else None
            yield at(turns[0] if turns else None, key="", pointer=place, side=side, problem="has no assistant turn")
        elif p["strict"] and len(turns) != 1 and answers:
            yield at(turns[1], key="", side=side, problem=f"has {len(turns)} turns, the target takes one")


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
    TRL takes the common beginning for the prompt; where there is none, it trains with an empty prompt.

    ## Example
    Chosen and rejected with two different system prompts.

    ## Fix safety
    No fix: which prompt is meant is unknown.
    """
    if s.problem or any(m.role == "user" for m in s.messages):
        return
    if any(m.role == "user" for m in s.chosen) and any(m.role == "user" for m in s.rejected):
        yield at(next(m for m in s.rejected if m.role == "user"))


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


@rule(
    "FT140", "rft-system-role", category="correctness", scope="structure", kinds=["reinforcement"], catalogue=["R040"],
    message="a system turn in reinforcement data", help="write developer", fix_safety="safe",
)  # fmt: skip
def rft_system_role(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A system turn in data for reinforcement fine-tuning.

    ## Why
    OpenAI and Azure refuse it: "System messages are not supported in 'reinforcement' examples".

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
    message="the prompt ends with an assistant turn", help="move the answer into a reference field", fix_safety="unsafe",
)  # fmt: skip
def rft_ends_with_assistant(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A reinforcement row whose conversation already ends with an answer.

    ## Why
    The model is to write the answer itself; Microsoft's guidance says "Last message MUST be user". Such a row looks like
    plain chat with extra keys, so it is judged as reinforcement data only with ``--from openai-rft``.

    ## Example
    ``{"messages": [{"role": "user", ...}, {"role": "assistant", "content": "24"}], "unit": "h"}``

    ## Fix safety
    Unsafe: the answer becomes a reference field, under a name that the grader has to know.
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
