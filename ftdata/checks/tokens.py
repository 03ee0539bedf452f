"""FT2: tokens: what is longer than the target reads, and text that is no text to a tokenizer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ftdata.rule import TRAINED, At, Spot, at, rule, spot
from ftdata.types import Sample


@rule(
    "FT201", "too-long", category="suspicious", scope="measure", on=False, params={"max": 65536},
    catalogue=["L001", "L004"],
    message="{n_tokens} tokens, the limit is {max}", help="split the conversation or shorten it; the end is cut off",
    fix_safety="unsafe", kinds=[*TRAINED, "reinforcement", "text"],
)  # fmt: skip
def too_long(m: Any, p: dict[str, Any]) -> Any:
    """A sample longer than the target's context.

    ## Why
    OpenAI removes tokens from the end, LLaMA-Factory cuts in proportion, MS-Swift deletes the row, Axolotl drops it.
    What is lost first is the end of the last answer, which is what should be learned.

    ## Example
    A conversation of 70,000 tokens for a model that trains on 65,536.

    ## Fix safety
    Unsafe: turns are dropped.
    """
    return m.n_tokens > p["max"]


@rule(
    "FT202", "answer-cut", category="correctness", scope="measure", on=False, params={"max": 65536}, catalogue=["L002"],
    message="the first trained answer starts after {n_tokens_before_answer} tokens, the limit is {max}: nothing is trained",
    help="shorten what stands before the answer", kinds=TRAINED,
)  # fmt: skip
def answer_cut(m: Any, p: dict[str, Any]) -> Any:
    """A sample whose every trained token lies behind the cut.

    ## Why
    After truncation no token is trained: TRL and Axolotl drop the row without a word, others compute a loss of NaN.

    ## Example
    A document of 9,000 tokens before the question, trained at 8,192.

    ## Fix safety
    No fix: what to leave out is for a person.
    """
    return (m.n_tokens_before_answer >= p["max"]) & (m.n_trained_tokens > 0)


@rule(
    "FT203", "longer-than-default", category="suspicious", scope="measure", on=False, params={"max": 2048, "flag": ""},
    catalogue=["L003"],
    message="{n_tokens} tokens, the trainer's default length is {max}", help="raise the trainer's length: {flag}", kinds=TRAINED,
)  # fmt: skip
def longer_than_default(m: Any, p: dict[str, Any]) -> Any:
    """A sample longer than the trainer reads unless told otherwise.

    ## Why
    TRL reads 1,024 tokens, Axolotl 512, LLaMA-Factory and Unsloth 2,048 by default; the rest of the sample is cut or
    the row is dropped without a word.

    ## Example
    A conversation of 1,500 tokens under TRL's defaults.

    ## Fix safety
    No fix: it is a setting of the trainer.
    """
    return m.n_tokens > p["max"]


SPECIAL_TOKENS = (
    "<|endoftext|>", "<|endofprompt|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|im_start|>", "<|im_end|>",
    "<|im_sep|>", "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
    "<|eom_id|>", "<|python_tag|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>", "<|call|>",
    "<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<|user|>", "<|assistant|>", "<|system|>",
)  # fmt: skip


def _written_out(text: Any, p: dict[str, Any]) -> Any:
    return text.str.contains_any(p["tokens"])


@rule(
    "FT204", "special-token", category="suspicious", scope="text", hint=_written_out, params={"tokens": list(SPECIAL_TOKENS)},
    catalogue=["L006", "Q010"],
    message="the text holds the special token {token}", help="remove it from the text; the chat template adds its own",
    fix_safety="unsafe",
)  # fmt: skip
def special_token(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """A control token of a chat template or tokenizer, written out inside a text.

    ## Why
    OpenAI refuses the file ("message contains an invalid token: <|fim_suffix|>"). Elsewhere the tokenizer turns the
    text into the real control token: a turn ends in the middle, or the sequence starts twice. OpenAI's list is wider
    than tiktoken's, so the tokens of all common templates count.

    ## Example
    ``"content": "Done.<|im_end|>"``, left over from data that was rendered once already.

    ## Fix safety
    Unsafe: text about chat templates may mean it.
    """
    match = re.search("|".join(map(re.escape, p["tokens"])), text)
    if match:
        yield spot(*match.span(), token=match.group())


@rule(
    "FT205", "missing-end", category="quality", scope="content", on=False, kinds=["text"], catalogue=["L007"],
    params={"ends": ["<|endoftext|>", "</s>", "<|im_end|>", "<|eot_id|>", "<eos>", "<end_of_turn>", "<|end_of_text|>"]},
    message="the text does not end with an end token", help="append the tokenizer's end token, or let the trainer do it", fix_safety="safe",
)  # fmt: skip
def missing_end(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A plain text without an end token, for trainers that do not append one.

    ## Why
    A model that never sees the end of a text never stops.

    ## Example
    ``{"text": "Q: ... A: ..."}``

    ## Fix safety
    Safe: a token is appended.
    """
    for message in s.messages:
        if not message.text.rstrip().endswith(tuple(p["ends"])):
            yield at(message)
