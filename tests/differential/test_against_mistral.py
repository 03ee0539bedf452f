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
        rules=names("stray-tool-result tool-call-id-format"),
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
        "tools is a list, not a JSON text",
        words="'str' object has no attribute|string indices",
        where=lambda row: isinstance(row.get("tools"), str),
        mend="FT159 cannot say it: a sample does not say whether its tools stood in a text (`take_tools` decodes them)",
    ),
]  # fmt: skip
TURNS = names("malformed-message missing-messages format-not-accepted")
CALLS = names("incomplete-tool-call arguments-not-json tool-call-id-format")
SAME = {
    "KeyError: 'image_url'|ImageURL.url": names("malformed-part"),
    # A conversation in which no part has a type is read as Bedrock's format.
    "must have a type field": names("malformed-part format-not-accepted"),
    "ImageURLChunk cannot be used|'ImageURLChunk'": names("media-limits"),
    "'ThinkChunk'": names("format-not-accepted"),
    "Expected last role Assistant": names(
        "format-not-accepted last-turn-not-assistant ends-with-tool-result misplaced-system missing-assistant-turn unknown-role"
    ),
    "Not the same number|More tool responses|Unexpected tool call id|Duplicate tool call id": names(
        "unanswered-tool-call unknown-tool-call-id stray-tool-result duplicate-tool-call-id"
    ),
    "Unexpected role": names("misplaced-system unanswered-tool-call stray-tool-result ends-with-tool-result"),
    "Conversation must start with": names("first-turn-not-user"),
    "tool_calls must be a list": names("incomplete-tool-call"),
    "InvalidToolMessageException: Function name": names("invalid-name"),
    "Unknown message role": names(
        "unknown-role alias-role legacy-function-call developer-role malformed-message format-not-accepted"
    ),
    "must have either content or tool_calls": names("missing-content empty-content content-with-tool-calls legacy-function-call"),
    "Tool call id|tool_call_id Input": names("tool-call-id-format missing-tool-call-id incomplete-tool-call"),
    "for ToolCall|for FunctionCall": CALLS | names("arguments-not-string"),
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
    "KeyError: 'tool_call_id'": names("missing-tool-call-id"),
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
