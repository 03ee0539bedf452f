"""Every format by id: its family, what kind of samples it holds, and the top-level keys it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ftdata.types import Kind


@dataclass(frozen=True, slots=True)
class Format:
    """One format. Files are judged mixed by ``family``, for features of one family differ from row to row.

    ``keys`` are the top-level keys that it knows; ``metadata`` those of them that say nothing of the conversation.
    """

    id: str
    family: str
    kind: Kind
    title: str
    keys: frozenset[str]
    metadata: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Detection:
    """What a file is: the format shown for it, and how many rows are of which format and family."""

    format: str
    family: str
    counts: Mapping[str, int] = field(default_factory=dict)
    families: Mapping[str, int] = field(default_factory=dict)
    explain: str = ""


FORMATS: dict[str, Format] = {}


def _add(family: str, kind: Kind, keys: str, metadata: str = "", /, **titles: str) -> None:
    more = frozenset(metadata.split())
    for name, title in titles.items():
        identity = name.replace("__", ".").replace("_", "-")
        FORMATS[identity] = Format(identity, family, kind, title, more.union(keys.split()), more)


_CHAT = "messages tools functions parallel_tool_calls"
_CHOICE = "function_call tool_choice"
_MEDIA = "images videos audios image"
_add(
    "openai", "sft", _CHAT, _CHOICE,
    openai_chat="OpenAI chat", openai_chat_tools="OpenAI chat with tools", openai_chat_functions="OpenAI chat with legacy functions",
    openai_chat_vision="OpenAI chat with images", openai_chat_reasoning="OpenAI chat with reasoning",
    openai_chat_think="OpenAI chat with <think> texts", trl_harmony="OpenAI chat with thinking (gpt-oss)",
)  # fmt: skip
_add("openai", "sft", f"{_CHAT} {_MEDIA}", _CHOICE, messages_mm_columns="chat messages with media columns")
_add("openai", "unpaired-preference", f"{_CHAT} label kto_tag", _CHOICE, messages_kto="chat messages with a label (KTO)")
_add("openai", "reinforcement", _CHAT, _CHOICE, openai_rft="OpenAI reinforcement fine-tuning")
_add("openai", "sft", f"{_CHAT} {_MEDIA}", f"{_CHOICE} channel objects label", swift_messages="MS-Swift messages")
_add(
    "openai",
    "sft",
    f"{_CHAT} system",
    _CHOICE,
    anthropic="Anthropic messages",
    anthropic_tools="Anthropic messages with tools",
)
_add("openai", "sft", _CHAT, _CHOICE, cohere_chat="Cohere chat", vertex_messages_old="Vertex messages (old)")
_add(
    "openai-preference",
    "preference",
    "input preferred_output non_preferred_output",
    openai_dpo="OpenAI preference",
)
_add(
    "openai-preference", "preference", "input preferred_completion non_preferred_completion",
    openai_dpo_oldspec="OpenAI preference, misprinted keys of the old specification",
)  # fmt: skip
_add("llamafactory-v1", "sft", "messages tools", llamafactory_v1="LLaMA-Factory v1")
_add(
    "llamafactory-v1",
    "preference",
    "chosen_messages rejected_messages tools",
    llamafactory_v1_dpo="LLaMA-Factory v1 preference",
)
_add("bedrock", "sft", "schemaVersion system messages toolConfig", bedrock_converse="Bedrock Converse")
_add("gemini", "sft", "systemInstruction system_instruction contents tools", "generationConfig", gemini="Gemini")
_add(
    "mistral", "sft", f"{_CHAT} interactions system_prompt available_tools only_last", _CHOICE,
    mistral_instruct="mistral-finetune",
)  # fmt: skip
_SHARE = "conversations conversation system tools"
_add(
    "sharegpt", "sft", f"{_SHARE} {_MEDIA}", "id",
    sharegpt="ShareGPT", sharegpt_rolecontent="ShareGPT with role and content", sharegpt_tools_lf="ShareGPT with LLaMA-Factory tools",
    sharegpt_hermes_tools="ShareGPT with Hermes tool tags",
)  # fmt: skip
_add("sharegpt", "preference", f"{_SHARE} {_MEDIA} chosen rejected", "id", sharegpt_ranking="ShareGPT preference")
_add("sharegpt", "unpaired-preference", f"{_SHARE} kto_tag label", "id", sharegpt_kto="ShareGPT with a label (KTO)")
_add("nemo", "sft", "conversations system mask", "type", nemo_conversations="NeMo conversations")
_add(
    "swift-pairs",
    "sft",
    "conversation conversations system",
    swift_pairs="human and assistant pairs",
    xtuner="xtuner conversation",
)
_ALPACA = "instruction input output system history"
_add("alpaca", "sft", _ALPACA, alpaca="Alpaca", alpaca_history="Alpaca with history or system")
_add("alpaca", "preference", f"{_ALPACA} chosen rejected", alpaca_ranking="Alpaca preference")
_add("alpaca", "unpaired-preference", f"{_ALPACA} kto_tag label", alpaca_kto="Alpaca with a label (KTO)")
_add("alpaca", "sft", f"{_ALPACA} {_MEDIA}", alpaca_mm="Alpaca with media")
_add(
    "alpaca",
    "sft",
    "instruction input response context system",
    "category",
    dolly="Dolly",
    instruction_response="instruction and response",
)
_add(
    "alpaca",
    "sft",
    "instruction instances",
    "id name is_classification",
    self_instruct="self-instruct seed tasks",
)
_add("prompt-completion", "sft", "prompt completion", prompt_completion="prompt and completion")
_add(
    "prompt-completion",
    "sft",
    "prompt completion tools",
    trl_prompt_completion_conv="prompt and completion as messages (TRL)",
)
_add(
    "prompt-completion",
    "unpaired-preference",
    "prompt completion label",
    unpaired_kto="prompt, completion and label (KTO)",
)
_add("prompt-completion", "prompt-only", "prompt tools", trl_prompt_only="prompt only (TRL)")
_add(
    "query-response",
    "sft",
    "query response answer output system history",
    query_response="query and response",
)
_add(
    "query-response",
    "preference",
    "query response rejected_response system history",
    preference_swift_qr="MS-Swift query preference",
)
_add(
    "question-answer",
    "sft",
    "question answer system_prompt response system",
    question_answer="question and answer",
    orca="Orca",
)
_add("question-answer", "sft", "input output system", input_output="input and output")
_add("question-answer", "sft", "prompt generation", metharme="Metharme")
_add("question-answer", "sft", "text_input output", gemini_inline="Gemini inline")
_add("question-answer", "sft", "column_1 column_2", column_pairs="a table of two columns without a header")
_PREF = "prompt chosen rejected system tools"
_add(
    "preference", "preference", _PREF,
    preference_explicit="prompt, chosen, rejected", preference_explicit_conv="prompt, chosen, rejected as messages",
    preference_implicit_conv="chosen and rejected conversations", preference_implicit="chosen and rejected texts",
    hh_rlhf="chosen and rejected transcripts (HH-RLHF)",
)  # fmt: skip
_add(
    "preference", "preference", "messages chosen rejected rejected_response rejected_messages tools system images",
    preference_messages_axolotl="messages with chosen and rejected", preference_messages_swift="messages with rejected_response",
)  # fmt: skip
_add(
    "preference", "preference", "system question instruction input chosen rejected chosen_response rejected_response",
    preference_intel="question, chosen, rejected",
)  # fmt: skip
_add(
    "preference",
    "preference",
    "question response_j response_k",
    preference_paired_se="question, response_j, response_k",
)
_add("preference", "preference", "prompt answers", ranked_nectar="prompt with ranked answers")
_add("oasst", "sft", "message_tree_id tree_state prompt", oasst_tree="OpenAssistant tree")
_add("oasst", "none", "message_id parent_id text role lang", oasst_flat="OpenAssistant messages, one a row")
_add("glaive", "sft", "system chat", glaive_text="Glaive transcript")
_add("baize", "sft", "input", "topic", baize="Baize transcript")
_add("transcript", "sft", "messages_display", transcript="a transcript of user: and assistant: lines")
_add(
    "text",
    "text",
    "text",
    text_lm="plain text",
    chatml_text="text with ChatML markers",
    human_bot_text="text with <human> and <bot> markers",
)
_add("text", "text", "response", response_only="responses only")
_add("stepwise", "none", "prompt completions labels", stepwise="stepwise supervision")
_add("segments", "none", "segments", segments="segments (Axolotl input_output)")
_add("pretokenized", "none", "input_ids attention_mask labels position_ids", pretokenized="token ids")
_add(
    "batch",
    "none",
    "custom_id method url body",
    openai_batch_request="Batch API requests",
    batch_output="Batch API results",
)
_add(
    "evaluation",
    "none",
    "",
    evaluation_item="evaluation items",
    model_answers="answers of a model under evaluation",
)
_add(
    "config",
    "none",
    "",
    tool_definition="tool definitions",
    dataset_config="a dataset configuration",
    span_labels="labels of text spans",
)
_add("unknown", "none", "", unknown="no format that ftdata knows")


def summarise(counts: Mapping[str, int]) -> Detection:
    """Name a file's format from its rows: the commonest family, and in it the format with the most features."""
    families: dict[str, int] = {}
    for name, count in counts.items():
        family = FORMATS[name].family if name in FORMATS else "unknown"
        families[family] = families.get(family, 0) + count
    known = {family: count for family, count in families.items() if family != "unknown"} or families
    family = max(sorted(known), key=lambda f: known[f])
    names = [name for name in counts if name in FORMATS and FORMATS[name].family == family]
    order = list(FORMATS)
    # Rows with and without tools are one format with tools: a feature counts from one row in twenty on.
    rows = families[family]
    featured = [name for name in names if counts[name] * 20 >= rows]
    plain = min(featured or names, key=order.index) if names else "unknown"
    special = [name for name in featured if name != plain]
    shown = max(special, key=lambda name: (counts[name], order.index(name))) if special else plain
    text = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))
    return Detection(shown, family, dict(counts), families, text)
