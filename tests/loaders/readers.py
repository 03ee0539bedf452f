"""What the drivers give back, in the one form of ``said``: a reader for each trainer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from drivers.byte_tokenizer import END, read_turns
from said import Said, Turn, call_of, openai_turns, text_of, tools_of

# How LLaMA-Factory joins the results of parallel calls (llamafactory 0.9.5, data/converter.py).
JOINED = "\n</tool_response>\n<tool_response>\n"


def template_said(row: Mapping[str, Any]) -> Said:
    """Of what the drivers' template printed: TRL, Axolotl, Unsloth."""
    return Said(openai_turns(row["messages"]), tools_of(row["tools"]))


def calls_in(text: str) -> tuple[tuple[str, str], ...]:
    """The calls of a turn function_call or tool_call: one, or a list."""
    value = json.loads(text)
    return tuple(map(call_of, value if isinstance(value, list) else [value]))


def llama_factory_said(row: Mapping[str, Any]) -> Said:
    """Of LLaMA-Factory's aligned row."""

    def turns(messages: list[dict[str, Any]]) -> tuple[Turn, ...]:
        made: list[Turn] = []
        for message in messages:
            role, text = message["role"], message["content"]
            if role == "function":
                made.append(Turn("assistant", "", calls_in(text)))
            elif role == "observation":
                made += [Turn("tool", part) for part in text.split(JOINED)]
            else:
                made.append(Turn(role, text))
        return tuple(made)

    system = (Turn("system", row["_system"]),) if row["_system"] else ()
    prompt, answers, tools = turns(row["_prompt"]), turns(row["_response"]), tools_of(row["_tools"])
    return (
        Said(system + prompt + answers[:1], tools) if len(answers) < 2 else Said(system + prompt, tools, answers[:1], answers[1:])
    )


def llama_factory_labelled(row: Mapping[str, Any]) -> Said:
    """Of LLaMA-Factory's aligned row for KTO: the answer stands first if it is good, second if it is bad, "" at the other place."""
    pair = llama_factory_said(row)
    good = bool(pair.chosen[0].text)
    return Said(pair.turns + (pair.chosen if good else pair.rejected), pair.tools, label=good)


def torchtune_said(row: Mapping[str, Any]) -> Said:
    """Of the messages that torchtune tokenizes, one list, or two of a preference; the shared turns are the prompt."""

    def turns(messages: list[dict[str, Any]]) -> tuple[Turn, ...]:
        return tuple(Turn(message["role"], text_of(message["content"])) for message in messages)

    if len(row["turns"]) == 1:
        return Said(turns(row["turns"][0]))
    better, worse = map(turns, row["turns"])
    return Said(better[:-1], (), better[-1:], worse[-1:]) if better[:-1] == worse[:-1] else Said(better, (), (), worse)


def swift_side(side: Mapping[str, Any]) -> tuple[Turn, ...]:
    """Of MS-Swift's standard inputs: calls in a row are those of one turn."""
    made = [Turn("system", side["system"])] if side["system"] else []
    before = ""
    for message in side["messages"]:
        role, text = message["role"], message["content"]
        if role == "tool_call":
            calls = calls_in(text)
            if before == "tool_call":
                calls = made.pop().calls + calls
            made.append(Turn("assistant", "", calls))
        else:
            made.append(Turn(role, text))
        before = role
    return tuple(made)


def swift_said(row: Mapping[str, Any]) -> Said:
    """Of MS-Swift's standard inputs of a row."""
    turns, tools = swift_side(row["chosen"]), tools_of(row["chosen"]["tools"])
    label = None if row["label"] is None else bool(row["label"])
    if "rejected" not in row:
        return Said(turns, tools, label=label)
    worse = swift_side(row["rejected"])
    same = next((index for index, pair in enumerate(zip(turns, worse, strict=False)) if pair[0] != pair[1]), 0)
    return Said(turns[:same], tools, turns[same:], worse[same:])


def mistral_said(row: Mapping[str, Any]) -> Said:
    """Of mistral-common's normalised request; old versions keep the system prompt apart, new ones reasoning in parts."""
    system = (Turn("system", row["system"]),) if row["system"] else ()
    messages = []
    for message in row["messages"]:
        content = message.get("content")
        parts = content if isinstance(content, list) else []
        thought = "".join(part["thinking"] for part in parts if part["type"] == "thinking")
        messages.append({**message, "reasoning_content": thought})
    return Said(system + openai_turns(messages), tools_of(row["tools"]))


def trl_pair(row: Mapping[str, Any]) -> Said:
    """Of the row that TRL's preference trainers hold: turns still, or the texts of the template."""
    tools = tools_of(row.get("tools"))
    return Said(openai_turns(row["prompt"]), tools, openai_turns(row["chosen"]), openai_turns(row["rejected"]))


def trl_labelled(row: Mapping[str, Any]) -> Said:
    """Of the row that TRL's KTO trainer holds."""
    return Said(openai_turns([*row["prompt"], *row["completion"]]), tools_of(row.get("tools")), label=row["label"])


def axolotl_pair(row: Mapping[str, Any]) -> Said:
    """Of Axolotl's texts for DPO: the prompt by the drivers' template, the answers as they end a turn of it."""

    def answer(text: str) -> tuple[Turn, ...]:
        return (Turn("assistant", text.removesuffix(END)),)

    prompt = read_turns(row["prompt"])["messages"]
    assert prompt.pop() == {"whole": False, "role": "assistant"}
    return Said(openai_turns(prompt), (), answer(row["chosen"]), answer(row["rejected"]))


def axolotl_labelled(row: Mapping[str, Any]) -> Said:
    """Of Axolotl's texts for KTO, in ChatML."""
    end = "<|im_end|>"
    *turns, last = row["prompt"].split("<|im_start|>")[1:]
    assert last == "assistant\n" and row["completion"].endswith(end)
    made = [Turn(role, text.removesuffix(f"{end}\n")) for role, _, text in (turn.partition("\n") for turn in turns)]
    return Said((*made, Turn("assistant", row["completion"].removesuffix(end))), label=row["label"])


PAIRS: Mapping[str, Callable[[Mapping[str, Any]], Said]] = {"trl": trl_pair, "axolotl": axolotl_pair}
LABELS: Mapping[str, Callable[[Mapping[str, Any]], Said]] = {
    "trl": trl_labelled, "llama-factory": llama_factory_labelled, "axolotl": axolotl_labelled,
}  # fmt: skip
