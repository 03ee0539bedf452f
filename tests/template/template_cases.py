"""The families and the conversations that the tests of templates speak of."""

from __future__ import annotations

from pathlib import Path

from ftdata.formats.parse import parse

FAMILIES = Path(__file__).parent / "families"
# bos, what ends a turn, other special tokens, eos ids that a generation stops at
TOKENS = {
    "llama31": ("<|begin_of_text|>", "<|eot_id|>", ["<|start_header_id|>", "<|end_header_id|>"]),
    "chatml": (None, "<|im_end|>", ["<|im_start|>", "<|endoftext|>"]),
    "qwen25": (None, "<|im_end|>", ["<|im_start|>", "<|endoftext|>"]),
    "qwen3": (None, "<|im_end|>", ["<|im_start|>", "<|endoftext|>"]),
    "gemma": ("<bos>", "<end_of_turn>", ["<start_of_turn>", "<eos>"]),
    "phi3": ("<s>", "<|endoftext|>", ["<|user|>", "<|assistant|>", "<|system|>", "<|end|>"]),
    "mistral": ("<s>", "</s>", ["[INST]", "[/INST]", "[TOOL_CALLS]"]),
    "deepseek": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", ["<｜User｜>", "<｜Assistant｜>"]),
}

USER = {"role": "user", "content": "Is it warm in Paris?"}
ANSWER = {"role": "assistant", "content": "It is warm."}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def call(arguments, content=None, count=1):
    """Return an assistant turn of that many calls."""
    calls = [
        {"id": f"abcdefgh{at}", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
        for at in range(count)
    ]
    return {"role": "assistant", "content": content, "tool_calls": calls}


def result(content="21 degrees"):
    """Return the tool's turn."""
    return {"role": "tool", "tool_call_id": "abcdefgh0", "name": "get_weather", "content": content}


def sample(*messages, tools=None, **keys):
    """Return the sample of an OpenAI chat row."""
    row = {"messages": list(messages)} | ({"tools": tools} if tools else {}) | keys
    return parse(row, "openai-chat-tools" if tools else "openai-chat")


def names(faults, facts=False):
    """Return the (name, message) pairs of faults; facts only where asked for."""
    return [(fault.name, fault.message) for fault in faults if facts or not fault.fact]
