"""mistral-common validates, normalises and refuses conversations for fine-tuning; ftdata must say the same beforehand."""

from __future__ import annotations

import pytest
from conversations import generate
from disagreement import Reason, check, check_idle, compare, names, ours
from register import turns_of
from shapes import Style, plain, with_parts, with_tools

BASES = {plain: 4, with_tools: 9, with_parts: 1}
VERSIONS = ("v3", "v7", "v11", "v13")


def some(row, test):
    """Whether a turn of the row is so."""
    return any(test(turn) for turn in turns_of(row))


def twice(ids):
    """Whether an id comes more than once."""
    return len(set(ids)) < len(ids)


REASONS = [
    # ftdata is right to be stricter: the row passes, and is trained wrongly.
    Reason(
        "calls on a turn of the user are not read, nor are their results missed",
        rules=names("unanswered-tool-call incomplete-tool-call tool-call-id-format invalid-tool-name content-with-tool-calls"),
        where=lambda row: some(row, lambda turn: turn.get("role") == "user" and turn.get("tool_calls")),
    ),
    Reason(
        "function_call is not read, and from version 7 on an assistant turn with neither content nor calls passes",
        rules=names("missing-content legacy-function-call unanswered-tool-call content-with-tool-calls"),
        where=lambda row: some(
            row, lambda turn: turn.get("role") == "assistant" and (not turn.get("content") or "function_call" in turn)
        ),
    ),
    Reason(
        "a system turn right behind a user turn, or behind another, passes and is moved to the front",
        rules=names("misplaced-system"),
    ),
    Reason(
        "a tool's result as the very first turn is not looked at",
        rules=names("unknown-tool-call-id tool-call-id-format"),
        where=lambda row: turns_of(row)[0].get("role") == "tool",
    ),
    Reason(
        "the address of an image as a bare text passes",
        rules=names("malformed-part"),
        where=lambda row: "image_url" in str(row),
    ),
    # The other is odd.
    Reason(
        "the calls of the very first turn are not counted, so that their results are too many",
        words="Not the same number of function calls|Unexpected tool call id|More tool responses",
        where=lambda row: turns_of(row)[0].get("role") == "assistant",
    ),
    # ftdata has to learn it.
    Reason(
        "an empty content is refused up to version 3, and of assistant turns only; blank text passes",
        rules=names("empty-content"),
        mend="FT109: parameters `roles` and `blank`; mistral and mistral:v3 set [assistant] and false",
    ),
    Reason(
        "an empty text is no text: beside calls white space counts as text",
        words="must have either content or tool_calls, but not both",
        where=lambda row: some(row, lambda turn: turn.get("tool_calls") and str(turn.get("content")).isspace()),
        mend="FT163: a parameter `blank`, so that white space beside calls is found where the target counts it",
    ),
    Reason(
        "weights are read of assistant turns only, and 1.0 or the text 1 counts as 1",
        rules=names("invalid-weight"),
        mend="FT113: parameters `roles` and `allow_float`; mistral sets [assistant] and true",
    ),
    Reason(
        "calls on a turn of the user do not stand for its content",
        words="KeyError: 'content'",
        where=lambda row: some(row, lambda turn: turn.get("role") == "user" and turn.get("tool_calls")),
        mend="FT110: only an assistant's calls excuse a missing content",
    ),
    Reason(
        "a lone answer without a question is refused",
        words="Conversation must start with a user message or system message",
        mend="a rule of its own for a conversation that is one assistant turn (no trainer learns from it what was asked)",
    ),
    Reason(
        "two calls with one id in a turn, or two results for one call: the numbers do not match",
        words="Not the same number of function calls|Duplicate tool call id|More tool responses",
        where=lambda row: twice([made.get("id") for turn in turns_of(row) for made in turn.get("tool_calls") or ()])
        or twice([turn.get("tool_call_id") for turn in turns_of(row) if turn.get("role") == "tool"]),
        mend="FT156: pair calls and results one to one (a Counter of ids, no set); FT155: report a second result for a call",
    ),
    Reason(
        "a result must follow a call, or another result",
        words="Unexpected role .*tool.* after",
        mend="FT155: an error where the turn before is neither a call nor a result; it is a warning below version 11",
    ),
    Reason(
        "a result in a row without any call is looked at too",
        words="Unexpected tool call id",
        where=lambda row: not some(row, lambda turn: turn.get("tool_calls")),
        mend="FT155: `_structured` is false where a row has tool turns and no call at all, so that nothing is reported there",
    ),
    Reason(
        "a result without an id is refused by every version, one with a strange id from version 11 on",
        words="KeyError: 'tool_call_id'|Tool call id has to be defined",
        mend="FT155: split in two (no id; unknown id), so that their severities can differ",
    ),
    Reason(
        "a result for which there is no call makes the numbers differ before version 11, a strange id does not",
        words="Not the same number of function calls|More tool responses",
        where=lambda row: sum(turn.get("role") == "tool" for turn in turns_of(row))
        > sum(len(turn.get("tool_calls") or ()) for turn in turns_of(row)),
        mend="FT155: split in two, as above: more results than calls, and a strange id",
    ),
    Reason(
        "the form of a result's id is checked too, and ids of other types",
        words="InvalidToolMessageException: Tool call id|tool_call_id Input should be",
        mend="FT162: look at the ids of tool turns as well as at those of calls",
    ),
    Reason(
        "a call needs arguments, of text or object",
        words="function.arguments (Field required|Input should be)",
        mend="FT153: `require` may name arguments; FT150: a number is no string either",
    ),
    Reason(
        "the type of a call or of a tool is function and nothing else",
        words="type Input should be 'function'",
        mend="FT153 and FT159: report a type other than function",
    ),
    Reason(
        "tool_calls is a list",
        words="tool_calls must be a list",
        mend="FT153: a tool_calls that is a text or an object is lost in parsing without a finding",
    ),
    Reason(
        "tools is a list, not a JSON text",
        words="'str' object has no attribute|string indices",
        where=lambda row: isinstance(row.get("tools"), str),
        mend="FT159: a parameter `as_text` (true by default); targets that read a list set it false",
    ),
    Reason(
        "a definition stands under function",
        words="for Tool function Field required",
        mend="FT159: a parameter `wrapped`; mistral and openai set it true, and a bare definition is found",
    ),
    Reason(
        "the name of a tool's result is a function name",
        words="InvalidToolMessageException: Function name was",
        mend="FT117 is a warning for mistral, since other turns' names are not read: a parameter `roles`",
    ),
    Reason(
        "image_url needs an object with url",
        words="for ImageURLChunk|KeyError: 'image_url'|ImageURL.url",
        mend="FT025: image_url missing, null or without url is malformed too, not only a bare text",
    ),
    Reason(
        "a part without a type is refused",
        words="must have a type field",
        mend="FT025: {\"text\": ...} without a type is read as a text part; report that it has no type",
    ),
]  # fmt: skip
TURNS = names("malformed-message missing-messages format-not-accepted")
CALLS = names("incomplete-tool-call arguments-not-json tool-call-id-format")
SAME = {
    "ImageURLChunk cannot be used|'ImageURLChunk'": names("media-limits"),
    "'ThinkChunk'": names("format-not-accepted"),
    "Expected last role Assistant": names(
        "format-not-accepted last-turn-not-assistant ends-with-tool-result misplaced-system missing-assistant-turn unknown-role"
    ),
    "Not the same number|More tool responses|Unexpected tool call id": names("unanswered-tool-call unknown-tool-call-id"),
    "Unexpected role": names("misplaced-system unanswered-tool-call unknown-tool-call-id ends-with-tool-result"),
    "Unknown message role": names(
        "unknown-role alias-role legacy-function-call developer-role malformed-message format-not-accepted"
    ),
    "must have either content or tool_calls": names("missing-content empty-content content-with-tool-calls legacy-function-call"),
    "Tool call id": names("tool-call-id-format unknown-tool-call-id incomplete-tool-call"),
    "for ToolCall|for FunctionCall": CALLS,
    "InvalidFunctionCallException: Function name|InvalidToolException": names("invalid-tool-name incomplete-tool-call"),
    "for Function |for Tool |InvalidToolSchema": names("invalid-tool-definition"),
    "weight": names("invalid-weight"),
    "'(int|NoneType|str|dict|list)' object (is not iterable|has no attribute|is not subscriptable)|string indices": TURNS
    | names("wrong-content-type"),
    "at least one message": names("missing-messages"),
    "KeyError: 'messages'": names("unknown-format missing-messages format-not-accepted"),
    "KeyError: 'content'|for (User|System|Assistant|Tool)Message|for Finetuning": names(
        "missing-content wrong-content-type malformed-part"
    ),
    "KeyError: 'tool_call_id'": names("unknown-tool-call-id"),
    "for (Text|Image|ImageURL)Chunk|ChunkTypes|Chunk |KeyError: 'type'|Unknown content type": names(
        "malformed-part wrong-content-type format-not-accepted"
    ),
}


def judge_of(version):
    """Return mistral-common's judgement for a tokenizer version: conversion, validation in fine-tuning mode, normalisation."""
    from mistral_common.protocol.instruct.converters import convert_openai_messages, convert_openai_tools
    from mistral_common.protocol.instruct.messages import (
        AssistantMessage,
        FinetuningAssistantMessage,
        SystemMessage,
        ToolMessage,
        UserMessage,
    )
    from mistral_common.protocol.instruct.normalize import get_normalizer
    from mistral_common.protocol.instruct.request import ChatCompletionRequest, InstructRequest
    from mistral_common.protocol.instruct.validator import ValidationMode, get_validator
    from mistral_common.tokens.tokenizers.base import TokenizerVersion

    number = TokenizerVersion(version)
    validator = get_validator(number, ValidationMode.finetuning)
    kind = type(get_normalizer(number))
    normalizer = kind(UserMessage, FinetuningAssistantMessage, ToolMessage, SystemMessage, InstructRequest, None)

    def trained(message, turn):
        """An assistant's message with its loss weight, which the OpenAI converter leaves out."""
        if not isinstance(message, AssistantMessage):
            return message
        return FinetuningAssistantMessage(content=message.content, tool_calls=message.tool_calls, weight=turn.get("weight"))

    def judge(row):
        try:
            turns = row["messages"]
            messages = [trained(*pair) for pair in zip(convert_openai_messages(turns), turns, strict=True)]
            tools = convert_openai_tools(row["tools"]) if row.get("tools") else None
            request = ChatCompletionRequest.model_construct(messages=messages, tools=tools, reasoning_effort=None)
            normalizer.from_chat_completion_request(validator.validate_request(request))
        except Exception as error:
            return f"{type(error).__name__}: {' '.join(str(error).split())}"
        return None

    return judge


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """The comparison for each tokenizer version."""
    pytest.importorskip("mistral_common", reason="mistral-common is not installed: pip install mistral-common==1.13.1")
    cases = generate(2000, seed=311, bases=BASES, style=Style(ids="mistral"))
    rows = [case.row for case in cases]
    folder = tmp_path_factory.mktemp("mistral")
    return {
        version: compare(cases, ours(rows, f"mistral:{version}", folder), judge_of(version), REASONS, SAME)
        for version in VERSIONS
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_mistral_common_and_ftdata_refuse_the_same_rows(version, outcomes):
    check(outcomes[version])


def test_every_reason_still_explains_something(outcomes):
    check_idle(list(outcomes.values()), REASONS)
