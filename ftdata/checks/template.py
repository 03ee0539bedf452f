"""FT8: what the chat template and the tokenizer of one's own model do to a conversation. On for model folders.

The engine renders each distinct shape of conversation once, in a sandbox, and names what it sees; a rule here says
which of those names are its own.
"""

from __future__ import annotations

from typing import Any

from ftdata.rule import CONVERSATIONS, rule

_FOLDER = {"folder": ""}


@rule(
    "FT801", "template-raises", category="correctness", scope="template", on=False, params=_FOLDER, kinds=CONVERSATIONS,
    message="the chat template refuses the conversation: {words}", help="change the data, or give the model a template that takes it",
)  # fmt: skip
def template_raises(name: str, p: dict[str, Any]) -> bool:
    """A conversation that the model's chat template refuses with an error of its own.

    ## Why
    Training stops at this row, hours in, or the trainer leaves the row out.

    ## Example
    "Conversation roles must alternate user/assistant/user/assistant/..." of Gemma and Mistral.

    ## Fix safety
    No fix here: it depends on what the template refuses.
    """
    return name == "template-raises"


@rule(
    "FT802", "template-stopped", category="correctness", scope="template", on=False, params=_FOLDER, kinds=CONVERSATIONS,
    message="{words}", help="use another template: this one cannot be trained with",
)  # fmt: skip
def template_stopped(name: str, p: dict[str, Any]) -> bool:
    """A chat template that had to be stopped: it is broken, loops, takes all memory, or tries what is forbidden.

    ## Why
    Templates are programs from the internet. They run here in a process of their own, with limits of time, memory and
    output; trainers run them without.

    ## Example
    ``{% for i in range(10**12) %}{% endfor %}``

    ## Fix safety
    No fix: the template is at fault, not the data.
    """
    return name.startswith("template-") and name not in ("template-raises", "template-text")


_DROPS = (
    "turn-dropped", "role-skipped", "text-dropped", "reasoning-dropped", "tool-call-dropped", "tool-arguments-dropped",
    "tools-dropped",
)  # fmt: skip


@rule(
    "FT803", "template-drops", category="correctness", scope="template", on=False, params=_FOLDER, kinds=CONVERSATIONS,
    message="{words}", help="the model never sees it: move it where the template looks, or leave it out knowingly",
)  # fmt: skip
def template_drops(name: str, p: dict[str, Any]) -> bool:
    """Something in the conversation that the model's chat template does not print.

    ## Why
    It is in the data and not in the training. A tool result that is dropped leaves an answer out of nothing.

    ## Example
    Phi-3's template skips tool turns; Qwen 3's drops the reasoning of every answer but the last.

    ## Fix safety
    No fix: what is missing may be needed.
    """
    return name in _DROPS


_CHANGES = (
    "text-stripped", "text-json-escaped", "text-html-escaped", "text-python-escaped", "text-changed", "turn-moved", "turn-repeated",
    "null-printed", "arguments-double-encoded", "arguments-as-python", "parts-as-python", "parts-as-json", "text-needs-parts",
)  # fmt: skip


@rule(
    "FT804", "template-changes", category="suspicious", scope="template", on=False, params=_FOLDER, kinds=CONVERSATIONS,
    message="{words}", help="write it the way the template prints it unchanged",
)  # fmt: skip
def template_changes(name: str, p: dict[str, Any]) -> bool:
    """Something that the model's chat template prints differently: stripped, escaped, encoded twice, moved.

    ## Why
    The model learns the changed form. Arguments that are encoded twice come back from the model encoded twice.

    ## Example
    Tool arguments given as text, which Llama 3.1's template prints as ``"{\\"city\\": …}"``.

    ## Fix safety
    Safe for arguments (text to object); not here for the rest.
    """
    return name in _CHANGES


_TOKENS = ("bos-doubled", "eos-doubled", "no-end-of-turn", "end-is-no-stop-token", "answer-outside-mask", "stop-outside-mask")


@rule(
    "FT805", "template-tokens", category="suspicious", scope="template", on=False, params=_FOLDER, kinds=CONVERSATIONS,
    message="{words}", help="set it right in the trainer or in the model folder, before training",
)  # fmt: skip
def template_tokens(name: str, p: dict[str, Any]) -> bool:
    """Template and tokenizer that do not fit: a doubled beginning, an answer without an end, a mask that misses it.

    ## Why
    A model that never sees the end of its turn never stops; a sequence that starts twice is one the model has never
    seen.

    ## Example
    The template prints ``<s>`` and the tokenizer adds another.

    ## Fix safety
    No fix: it is a setting.
    """
    return name in _TOKENS


@rule(
    "FT806", "template-note", category="quality", scope="template", on=False, params=_FOLDER, kinds=CONVERSATIONS,
    message="{words}",
)  # fmt: skip
def template_note(name: str, p: dict[str, Any]) -> bool:
    """What is worth knowing about the model's template: a system prompt it writes by itself, today's date, pad as eos.

    ## Why
    The model is trained on it, and nobody wrote it into the data.

    ## Example
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant." in every sample without a system turn.

    ## Fix safety
    Nothing to fix.
    """
    return name in (
        "default-system-prompt",
        "default-system-injected",
        "template-text",
        "date-injected",
        "pad-is-eos",
        "folder-note",
    )
