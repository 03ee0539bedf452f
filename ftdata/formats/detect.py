"""Tell a row's format by its keys and shapes. Sure marks come first, then preference keys, then the rest.

The order and its traps follow the catalogue: preference keys before ``messages`` and ``instruction``, or ranking
rows are read as plain ones.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from ftdata.formats.decode import decode

_ROLE_SETS = {"System", "User", "Chatbot"}
_USUAL_ROLES = frozenset({"system", "user", "assistant"})
_NEMO_SPEAKERS = frozenset({"User", "Assistant"})
_MISTRAL_KEYS = frozenset({"system_prompt", "available_tools", "only_last"})
_MEDIA = {"images", "videos", "audios", "image"}
_OPENAI_KEYS = {"messages", "tools", "functions", "parallel_tool_calls", "function_call", "tool_choice"}
_NEARLY_MESSAGES = {"message", "messages", "msgs", "chat", "dialog", "dialogue", "turns"}
_HUMAN_BOT = re.compile(r"<human>:.*<bot>:", re.S)


def detect_row(row: Any) -> str:
    """Return the id of the row's format, "unknown" if it has none. Never raises, whatever the row is."""
    if not isinstance(row, dict):
        return "unknown"
    messages = row.get("messages")
    if messages is not None and len(row) == 1 and type(messages) is list:
        return _messages(row, messages)
    found = tuple(row)
    keys, marked, preference = _marks(found) if len(found) <= _USUAL else _marks.__wrapped__(found)
    if marked or isinstance(row.get("input"), dict) or _is_dataset_config(row):
        name = _marked(row, keys)
        if name:
            return name
    if preference:
        name = _preference(row, keys)
        if name:
            return name
    if "messages" in keys:
        if isinstance(messages, str):
            messages = _decoded(messages)
        return _messages(row, messages) if isinstance(messages, list) else "openai-chat"
    if "conversations" in keys or "conversation" in keys:
        return _conversations(row, keys)
    return _pairs(row, keys)


_USUAL = 64
_MARKS = frozenset(
    """custom_id input_ids segments message_tree_id message_id contents schemaVersion preferred_output preferred_completion
    non_preferred_output chosen_messages rejected_messages interactions instances messages_display choices spans function
    parameters""".split()
)
_PREFERENCE = frozenset("response_j chosen rejected_response rejected_messages".split())


@functools.lru_cache(maxsize=4096)
def _marks(found: tuple[Any, ...]) -> tuple[frozenset[str], bool, bool]:
    """The row's keys, and whether sure marks or preference keys may be among them: the same for most rows of a file."""
    keys = frozenset(key for key in found if isinstance(key, str))
    return keys, bool(keys & _MARKS), bool(keys & _PREFERENCE)


def _is_dataset_config(row: dict[str, Any]) -> bool:
    sources = {"file_name", "hf_hub_url", "script_url"}
    return bool(row) and all(isinstance(value, dict) and not sources.isdisjoint(value) for value in row.values())


def _decoded(text: str) -> Any:
    try:
        return decode(text)
    except ValueError:
        return text


def is_messages(value: Any, key: str = "role") -> bool:
    """Whether the value is a list of objects that have the key."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and key in item for item in value)


def _marked(row: dict[str, Any], keys: frozenset[str]) -> str | None:
    if "custom_id" in keys and keys & {"body", "response"}:
        return "openai-batch-request" if "body" in keys else "batch-output"
    if "input_ids" in keys:
        return "pretokenized"
    if "segments" in keys and isinstance(row["segments"], list):
        return "segments"
    if "message_tree_id" in keys and isinstance(row.get("prompt"), dict):
        return "oasst-tree"
    if {"message_id", "text", "role"} <= keys:
        return "oasst-flat"
    if "contents" in keys and isinstance(row["contents"], list):
        return "gemini"
    if "schemaVersion" in keys:
        return "bedrock-converse"
    if isinstance(row.get("input"), dict) and ("messages" in row["input"] or keys & {"preferred_output", "preferred_completion"}):
        return "openai-dpo-oldspec" if keys & {"preferred_completion", "non_preferred_completion"} else "openai-dpo"
    if keys & {"preferred_output", "non_preferred_output"}:
        return "openai-dpo"
    if "chosen_messages" in keys or ("rejected_messages" in keys and "messages" not in keys):
        return "llamafactory-v1-dpo"
    if "interactions" in keys:
        return "mistral-instruct"
    if "instances" in keys and "instruction" in keys:
        return "self-instruct"
    if "messages_display" in keys:
        return "transcript"
    if "choices" in keys and keys & {"question_id", "model_id"}:
        return "model-answers"
    if "spans" in keys and isinstance(row["spans"], list):
        return "span-labels"
    if "question" in keys and "function" in keys:
        return "evaluation-item"
    if {"name", "parameters"} <= keys or {"function", "type"} == keys:
        return "tool-definition"
    return "dataset-config" if _is_dataset_config(row) else None


def _preference(row: dict[str, Any], keys: frozenset[str]) -> str | None:
    if {"response_j", "response_k"} <= keys:
        return "preference-paired-se"
    if not ({"chosen", "rejected"} <= keys or keys & {"rejected_response", "rejected_messages"}):
        return None
    if "conversations" in keys:
        return "sharegpt-ranking"
    if "messages" in keys:
        return "preference-messages-swift" if keys & {"rejected_response", "rejected_messages"} else _by_chosen(row)
    if "query" in keys and "rejected_response" in keys:
        return "preference-swift-qr"
    if "instruction" in keys and "chosen" in keys:
        return "alpaca-ranking"
    if "prompt" in keys and "chosen" in keys:
        return (
            "preference-explicit-conv"
            if isinstance(row["prompt"], list) or isinstance(row["chosen"], list)
            else "preference-explicit"
        )
    if keys & {"question", "input", "instruction"}:
        return "preference-intel"
    if is_messages(row.get("chosen")):
        return "preference-implicit-conv"
    if isinstance(row.get("chosen"), str):
        return "hh-rlhf" if "\n\nHuman:" in row["chosen"] else "preference-implicit"
    return "preference-implicit-conv"


def _by_chosen(row: dict[str, Any]) -> str:
    return "preference-implicit-conv" if is_messages(row.get("chosen")) else "preference-messages-axolotl"


def _messages(row: dict[str, Any], messages: list[Any]) -> str:
    """The feature that tells chat rows apart. One pass over the turns: this is where most rows end."""
    tools = functions = reasoning = thinking = think = swift = weights = False
    parts: list[dict[str, Any]] = []
    last = None
    roles = set()
    for message in messages:
        if type(message) is not dict:
            continue
        last = message.get("role")
        if isinstance(last, str):
            roles.add(last)
        content = message.get("content")
        if type(content) is str:
            if not think and last == "assistant" and "<think>" in content:
                think = True
        elif isinstance(content, list):
            parts += [part for part in content if isinstance(part, dict)]
        if len(message) > 2:
            tools |= "tool_calls" in message or "tool_call_id" in message
            functions |= "function_call" in message
            reasoning |= "reasoning_content" in message or "reasoning" in message
            thinking |= "thinking" in message
            swift |= "loss" in message or "loss_scale" in message
            weights |= "loss_weight" in message
        elif "tool_calls" in message or "function_call" in message:
            tools |= "tool_calls" in message
            functions |= "function_call" in message
    featured = parts or tools or functions or reasoning or thinking or swift or weights or think
    if len(row) == 1 and not featured and roles <= _USUAL_ROLES:
        return "openai-chat"
    if not roles <= _USUAL_ROLES:
        if roles & _ROLE_SETS:
            return "cohere-chat"
        if "model" in roles and "assistant" not in roles:
            return "vertex-messages-old"
    if swift or "tool_call" in roles or "tool_response" in roles:
        return "swift-messages"
    if weights or any("value" in part for part in parts):
        return "llamafactory-v1"
    if parts:
        if any(part.get("type") in ("tool_use", "tool_result") for part in parts):
            return "anthropic-tools"
        if all("type" not in part for part in parts):
            return "bedrock-converse"
    if isinstance(row.get("system"), str):
        return "anthropic"
    if "tools" in row and not tools and _has_input_schemas(row["tools"]):
        return "anthropic-tools"
    if not _MISTRAL_KEYS.isdisjoint(row):
        return "mistral-instruct"
    if thinking:
        return "trl-harmony"
    if isinstance(row.get("label"), bool) or "kto_tag" in row:
        return "messages-kto"
    if not _MEDIA.isdisjoint(row):
        return "messages-mm-columns"
    if reasoning:
        return "openai-chat-reasoning"
    if "functions" in row or functions:
        return "openai-chat-functions"
    if last in ("user", "developer") and row.keys() - _OPENAI_KEYS - {"id", "source", "meta", "metadata"}:
        return "openai-rft"
    if parts and any(part.get("type") in ("image_url", "image", "input_image") for part in parts):
        return "openai-chat-vision"
    if "tools" in row or tools or "tool" in roles:
        return "openai-chat-tools"
    return "openai-chat-think" if think else "openai-chat"


def _has_input_schemas(tools: Any) -> bool:
    """Whether definitions are Anthropic's: the schema stands under a key that OpenAI's do not have."""
    return isinstance(tools, list) and bool(tools) and all(isinstance(tool, dict) and "input_schema" in tool for tool in tools)


def _conversations(row: dict[str, Any], keys: frozenset[str]) -> str:
    turns = row.get("conversations", row.get("conversation"))
    if isinstance(turns, str):
        turns = _decoded(turns)
    if not isinstance(turns, list) or not turns:
        return "sharegpt"
    first = next((turn for turn in turns if isinstance(turn, dict)), None)
    if first is None:
        return "sharegpt"
    if "human" in first or ("assistant" in first and "role" not in first):
        return "swift-pairs"
    if "input" in first and "output" in first:
        return "xtuner"
    if "role" in first and "from" not in first:
        return "sharegpt-rolecontent"
    speakers = set()
    hermes = False
    for turn in turns:
        if isinstance(turn, dict):
            speaker, value = turn.get("from"), turn.get("value")
            if type(speaker) is str:
                speakers.add(speaker)
            if not hermes and type(value) is str and "<tool" in value:
                hermes = "<tool_call>" in value or "<tools>" in value
    if "mask" in keys or not _NEMO_SPEAKERS.isdisjoint(speakers):
        return "nemo-conversations"
    if "kto_tag" in keys or isinstance(row.get("label"), bool):
        return "sharegpt-kto"
    if "function_call" in speakers or "observation" in speakers:
        return "sharegpt-tools-lf"
    return "sharegpt-hermes-tools" if hermes else "sharegpt"


def _asks(keys: frozenset[str]) -> bool:
    """Whether there are a question and an answer, in capitals or not."""
    lowered = {key.lower() for key in keys}
    return {"question", "answer"} <= lowered or {"q", "a"} <= lowered


def _pairs(row: dict[str, Any], keys: frozenset[str]) -> str:
    if {"prompt", "answers"} <= keys and isinstance(row["answers"], list):
        return "ranked-nectar"
    if {"completions", "labels"} <= keys:
        return "stepwise"
    if {"prompt", "completion"} <= keys:
        if "label" in keys:
            return "unpaired-kto"
        return "trl-prompt-completion-conv" if isinstance(row["prompt"], list) else "prompt-completion"
    if {"prompt", "generation"} <= keys:
        return "metharme"
    if "instruction" in keys:
        if "output" in keys:
            if "kto_tag" in keys:
                return "alpaca-kto"
            if keys & _MEDIA:
                return "alpaca-mm"
            return "alpaca-history" if row.get("history") or row.get("system") else "alpaca"
        if "response" in keys:
            return "dolly" if "context" in keys else "instruction-response"
    if {"system_prompt", "question", "response"} <= keys:
        return "orca"
    if isinstance(row.get("chat"), str):
        return "glaive-text"
    if isinstance(row.get("input"), str) and "[|Human|]" in row["input"]:
        return "baize"
    if {"text_input", "output"} <= keys:
        return "gemini-inline"
    if "query" in keys and keys & {"response", "answer", "output"}:
        return "query-response"
    if len(keys) > 1 and _asks(keys):
        return "question-answer"
    if {"input", "output"} <= keys:
        return "input-output"
    if {"prompt", "response"} <= keys or {"question", "response"} <= keys:
        return "query-response"
    if "response" in keys:
        return "response-only"
    if "prompt" in keys:
        return "trl-prompt-only"
    if "completion" in keys:
        return "prompt-completion"
    if "instruction" in keys or "output" in keys:
        return "alpaca"
    if isinstance(row.get("text"), str):
        if "<|im_start|>" in row["text"]:
            return "chatml-text"
        return "human-bot-text" if _HUMAN_BOT.search(row["text"]) else "text-lm"
    if {"column_1", "column_2"} <= keys:
        return "column-pairs"
    if any(key.lower() in _NEARLY_MESSAGES and is_messages(row[key]) for key in keys):
        return "openai-chat"
    return "unknown"
