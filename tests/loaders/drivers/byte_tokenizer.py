"""A tokenizer of bytes, and a template that prints between marks all that the trainer hands to it: tokens can be read back."""

from __future__ import annotations

import json
from typing import Any

TURN, TEXT, THOUGHT, CALLS, ANSWERS, TOOLS, END = MARKS = [
    f"<|{name}|>" for name in ("turn", "text", "thought", "calls", "answers", "tools", "end")
]
# Texts stand there as they are, for Axolotl looks for them. The tokens between the generation tags are those of the answers.
_TURN = (
    "{% if message.content is string %}<|text|>{{ message.content }}"
    "{% elif message.content is defined and message.content is not none %}<|text|>{{ message.content | tojson }}{% endif %}"
    "{% if message.reasoning_content %}<|thought|>{{ message.reasoning_content }}{% endif %}"
    "{% if message.tool_calls %}<|calls|>{{ message.tool_calls | tojson }}{% endif %}"
    "{% if message.tool_call_id %}<|answers|>{{ message.tool_call_id }}{% endif %}<|end|>"
)
TEMPLATE = (
    "{% if tools %}<|tools|>{{ tools | tojson }}<|end|>{% endif %}"
    "{% for message in messages %}<|turn|>{{ message.role }}"
    "{% if message.role == 'assistant' %}{% generation %}" + _TURN + "{% endgeneration %}{% else %}" + _TURN + "{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|turn|>assistant{% endif %}"
)


def byte_tokenizer(template: str | None = TEMPLATE) -> Any:
    """Return a tokenizer with a token for each byte and one for each mark."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(letters)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in MARKS])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token=END, pad_token=TOOLS, clean_up_tokenization_spaces=False, model_max_length=10**9
    )
    if template is not None:
        tokenizer.chat_template = template
    return tokenizer


def read_turns(text: str) -> dict[str, Any]:
    """Return the messages and tools of a text of ``TEMPLATE``."""
    tools = None
    if text.startswith(TOOLS):
        definitions, _, text = text.removeprefix(TOOLS).partition(END)
        tools = json.loads(definitions)
    return {"messages": [_read_turn(turn) for turn in text.split(TURN)[1:]], "tools": tools}


def _read_turn(text: str) -> dict[str, Any]:
    message: dict[str, Any] = {"whole": text.endswith(END)}
    text = text.removesuffix(END)
    for mark, key in ((ANSWERS, "tool_call_id"), (CALLS, "tool_calls"), (THOUGHT, "reasoning_content"), (TEXT, "content")):
        text, found, value = text.partition(mark)
        if found:
            message[key] = json.loads(value) if mark == CALLS else value
    return message | {"role": text}


def read_back(tokenizer: Any, ids: list[int]) -> dict[str, Any]:
    """Return the messages and tools that ``TEMPLATE`` printed, of their tokens."""
    return read_turns(tokenizer.decode(ids, skip_special_tokens=False))
