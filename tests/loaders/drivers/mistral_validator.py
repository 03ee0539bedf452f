"""mistral-common: its conversion from OpenAI's shape, its validation in fine-tuning mode and its normalisation, by version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from job import run


def checker(version: str) -> Any:
    """Return what a tokenizer of that version makes of a row: its messages in OpenAI's shape, and its tools."""
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
    normalizer = type(get_normalizer(number))(
        UserMessage, FinetuningAssistantMessage, ToolMessage, SystemMessage, InstructRequest, None
    )

    def trained(message: Any, turn: dict[str, Any]) -> Any:
        """An assistant's message with its loss weight, which the OpenAI converter leaves out."""
        if not isinstance(message, AssistantMessage):
            return message
        return FinetuningAssistantMessage(content=message.content, tool_calls=message.tool_calls, weight=turn.get("weight"))

    def check(row: dict[str, Any]) -> dict[str, Any]:
        try:
            turns = row["messages"]
            messages = [trained(*pair) for pair in zip(convert_openai_messages(turns), turns, strict=True)]
            tools = convert_openai_tools(row["tools"]) if row.get("tools") else None
            request = ChatCompletionRequest.model_construct(messages=messages, tools=tools, reasoning_effort=None)
            instruct = normalizer.from_chat_completion_request(validator.validate_request(request))
        except Exception as error:
            return {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
        given = instruct.available_tools or []
        return {
            "messages": [message.model_dump(mode="json") for message in instruct.messages],
            "system": instruct.system_prompt,
            "tools": [tool.model_dump(mode="json", exclude_unset=True) for tool in given],
        }

    return check


def load(job: dict[str, Any]) -> dict[str, Any]:
    import mistral_common

    check = checker(job["version"])
    lines = Path(job["data"]).read_text("utf-8").splitlines()
    return {"version": mistral_common.__version__, "rows": [check(json.loads(line)) for line in lines]}


if __name__ == "__main__":
    run(load)
