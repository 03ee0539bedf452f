"""The companion that a trainer needs beside the data: what tells it how to read the columns that were really written.

Each is made from the columns found in the output, for a trainer that is told of a column which is not there stops
(LLaMA-Factory: KeyError). Read in the packages' own loaders, 2026-11-23: llamafactory 0.9.5 data/{parser,converter}.py and
v1/core/data_engine.py, axolotl 0.19.0 utils/schemas/datasets.py and prompt_strategies, trl 1.16.0 trainer/sft_trainer.py,
torchtune 0.6.1 datasets, ms_swift 4.6.0 dataset/preprocessor/core.py, unsloth_zoo 2026.10.9 dataset_utils.py.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from ftdata.errors import UsageError
from ftdata.formats.registry import FORMATS


@dataclass(frozen=True, slots=True)
class Companion:
    """A companion file: its name, its text, and what to do with it. ``merge`` adds it to such a file that is there already."""

    name: str
    text: str
    use: str
    merge: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the format, the path, the rows' columns, and whether turns have a mask of the target's."""

    format: str
    path: str
    columns: Collection[str]
    masked: bool = False

    @property
    def kind(self) -> str:
        """What the rows are for: sft, preference, unpaired-preference, text ..."""
        return FORMATS[self.format].kind

    @property
    def loader(self) -> str:
        """The name of the loader of ``datasets`` that reads the file."""
        name = PurePath(self.path).name.lower()
        return "parquet" if name.endswith(".parquet") else "csv" if ".csv" in name or ".tsv" in name else "json"


def companion(target: str, written: Written) -> Companion | None:
    """Return what a trainer needs beside the data; ``None`` for targets that need nothing, and formats they have no reader for."""
    maker = _MAKERS.get(target.partition(":")[0])
    return maker(written) if maker is not None and written.path != "-" else None


_SHARE = frozenset({"sharegpt", "sharegpt-tools-lf", "sharegpt-hermes-tools", "sharegpt-kto", "sharegpt-ranking"})
_ROLE_TAGS = {
    "role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant", "observation_tag": "tool",
    "function_tag": "function_call", "system_tag": "system",
}  # fmt: skip
# LLaMA-Factory's names of columns, and what they are called in rows.
_PAIRS: Mapping[str, tuple[str, str]] = {
    "prompt-completion": ("prompt", "completion"), "query-response": ("query", "response"), "question-answer": ("question", "answer"),
    "input-output": ("input", "output"), "instruction-response": ("instruction", "response"), "metharme": ("prompt", "generation"),
    "gemini-inline": ("text_input", "output"), "orca": ("question", "response"),
}  # fmt: skip


def _llama_factory(written: Written) -> Companion | None:
    if written.format in ("llamafactory-v1", "llamafactory-v1-dpo"):
        text = f"{_stem(written)}:\n  path: {json.dumps(written.path, ensure_ascii=False)}\n  source: local\n"
        return Companion("dataset.yaml", text, "name it as train_dataset of a v1 training file")
    entry = _llama_factory_entry(written)
    if entry is None:
        return None
    made = {_stem(written): entry}

    def merge(old: str) -> str:
        try:
            known = json.loads(old)
        except ValueError:
            known = None
        if not isinstance(known, dict):
            raise UsageError("dataset_info.json is there, and is no JSON object", "Mend or move it, or give --no-companion.")
        return _pretty(known | made)

    return Companion(
        "dataset_info.json", _pretty(made), f"train with dataset: {_stem(written)} and dataset_dir: its folder", merge
    )


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _llama_factory_entry(written: Written) -> dict[str, Any] | None:
    """The entry of dataset_info.json. Columns that are not named there are none, once any is named; so are tags."""
    format, there = written.format, written.columns
    made: dict[str, Any] = {"file_name": PurePath(written.path).name}
    common = {name: name for name in ("system", "tools", "images", "videos", "audios") if name in there}
    label = next((name for name in ("kto_tag", "label") if name in there), None)
    if written.kind == "preference":
        made["ranking"] = True
        common |= {"chosen": "chosen", "rejected": "rejected"}
    elif written.kind == "unpaired-preference" and label:
        common["kto_tag"] = label
    if format in _SHARE or format == "sharegpt-rolecontent":
        made |= {"formatting": "sharegpt", "columns": {"messages": "conversations", **common}}
        return made | ({"tags": _ROLE_TAGS} if format == "sharegpt-rolecontent" else {})
    if FORMATS[format].family == "openai":
        made |= {"formatting": "openai" if "tools" in common else "sharegpt", "columns": {"messages": "messages", **common}}
        return made | {"tags": _ROLE_TAGS}
    if FORMATS[format].family == "alpaca" and "instruction" in there:
        columns = {"prompt": "instruction", "query": "input", "response": "output", "history": "history"}
        if format in ("instruction-response", "dolly"):
            columns |= {"query": "context" if format == "dolly" else "input", "response": "response"}
        return made | {"columns": {name: column for name, column in columns.items() if column in there} | common}
    if format == "preference-explicit":
        return made | {"columns": {"prompt": "prompt", **common}}
    if format == "text-lm":
        return made | {"columns": {"prompt": "text"}}
    if format in _PAIRS:
        prompt, answer = _PAIRS[format]
        return made | {"columns": {"prompt": prompt, "response": answer, **common}}
    return None


def _stem(written: Written) -> str:
    """The file's name without its suffixes, as a name in a configuration."""
    name = PurePath(written.path).name.partition(".")[0]
    kept = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
    return kept or "data"


def _axolotl(written: Written) -> Companion | None:
    format, path = written.format, json.dumps(written.path, ensure_ascii=False)
    lines = ["datasets:", f"  - path: {path}", f"    ds_type: {written.loader}"]
    if format == "preference-messages-axolotl":
        lines = ["rl: dpo", *lines, "    split: train", "    type: chat_template.default", "    field_messages: messages",
                 "    field_chosen: chosen", "    field_rejected: rejected"]  # fmt: skip
    elif format == "preference-implicit-conv":
        lines = ["rl: dpo", *lines, "    split: train", "    type: chat_template.argilla_chat"]
    elif format == "preference-intel":
        lines = ["rl: dpo", *lines, "    split: train", "    type: chatml.intel"]
    elif format == "unpaired-kto":
        lines = [
            "rl: kto",
            "remove_unused_columns: false",
            *lines,
            "    split: train",
            "    type: chatml.argilla_chat  # or llama3.argilla_chat",
        ]
    elif format in _SHARE or format == "sharegpt-rolecontent":
        lines += ["    type: chat_template", "    field_messages: conversations"]
        if format != "sharegpt-rolecontent":
            lines += ["    message_property_mappings:", "      role: from", "      content: value"]
    elif FORMATS[format].family == "openai" and written.kind == "sft":
        lines += ["    type: chat_template", "    field_messages: messages"]
    elif format in ("alpaca", "alpaca-history"):
        lines += ["    type: alpaca"]
    elif format == "text-lm":
        lines += ["    type: completion", "    field: text"]
    elif format in _PAIRS:
        prompt, answer = _PAIRS[format]
        lines += ["    type:", f"      field_instruction: {prompt}", f"      field_output: {answer}",
                  '      format: "{instruction}"', '      no_input_format: "{instruction}"']  # fmt: skip
    else:
        return None
    if "    type: chat_template" in lines and written.masked:
        lines += ["    message_field_training: training"]
    return Companion(f"{_stem(written)}.axolotl.yaml", "\n".join(lines) + "\n", "put it into the training file")


def _trl(written: Written) -> Companion | None:
    config, arguments = "SFT", ""
    if written.kind == "preference":
        config = "DPO"
    elif written.kind == "unpaired-preference":
        config = "KTO"
    elif written.kind in ("prompt-only", "reinforcement"):
        config = "GRPO"
    elif written.kind not in ("sft", "text"):
        return None
    if config == "SFT" and FORMATS[written.format].family == "openai":
        # By default user and system text is trained on too (trl 1.16.0, SFTConfig; formats.md P802).
        arguments = "assistant_only_loss=True"
    rewards = "reward_funcs=REWARDS, " if config == "GRPO" else ""
    text = (
        f"from datasets import load_dataset\nfrom trl import {config}Config, {config}Trainer\n\n{_loaded(written)}"
        f"trainer = {config}Trainer(model=MODEL, {rewards}args={config}Config({arguments}), train_dataset=dataset)\ntrainer.train()\n"
    )
    return Companion(f"{_stem(written)}.trl.py", text, "MODEL is the name or folder of the model")


def _loaded(written: Written) -> str:
    return (
        f'dataset = load_dataset("{written.loader}", data_files={json.dumps(written.path, ensure_ascii=False)}, split="train")\n'
    )


def _torchtune(written: Written) -> Companion | None:
    format = written.format
    more: list[str] = []
    if format in ("sharegpt", "openai-chat", "openai-chat-think", "openai-chat-vision", "openai-chat-tools"):
        column, style = ("conversations", "sharegpt") if format == "sharegpt" else ("messages", "openai")
        name, more = "chat_dataset", [f"conversation_column: {column}", f"conversation_style: {style}", "train_on_input: False"]
    elif format == "preference-implicit-conv":
        name, more = "preference_dataset", ["train_on_input: False"]
    elif format in ("alpaca", "alpaca-history") and not {"history", "system"} & set(written.columns):
        name, more = "alpaca_dataset", ["train_on_input: False"]
    elif format == "text-lm":
        name, more = "text_completion_dataset", ["column: text"]
    elif format in _PAIRS:
        prompt, answer = _PAIRS[format]
        name, more = "instruct_dataset", ["column_map:", f"  input: {prompt}", f"  output: {answer}", "train_on_input: False"]
    else:
        return None
    lines = [f"_component_: torchtune.datasets.{name}", f"source: {written.loader}",
             f"data_files: {json.dumps(written.path, ensure_ascii=False)}", "split: train", *more]  # fmt: skip
    return Companion(
        f"{_stem(written)}.torchtune.yaml",
        "dataset:\n" + "".join(f"  {line}\n" for line in lines),
        "put it into the recipe's configuration",
    )


def _swift(written: Written) -> Companion:
    command = {"preference": "rlhf --rlhf_type dpo", "unpaired-preference": "rlhf --rlhf_type kto",
               "prompt-only": "rlhf --rlhf_type grpo", "text": "pt"}.get(written.kind, "sft")  # fmt: skip
    # Without strict, rows that cannot be read are deleted without a word (ms_swift 4.6.0, dataset/preprocessor/core.py).
    text = f"swift {command} --model MODEL --dataset {shlex.quote(written.path)} --strict true\n"
    return Companion(f"{_stem(written)}.swift.sh", text, "MODEL is the name or folder of the model")


def _unsloth(written: Written) -> Companion | None:
    imports, made = "", ""
    column = "conversations"
    if written.format in ("sharegpt", "sharegpt-rolecontent"):
        imports = "from unsloth.chat_templates import standardize_data_formats\n"
        made = "dataset = standardize_data_formats(dataset)\n"
    elif FORMATS[written.format].family == "openai" and written.kind == "sft":
        column = "messages"
    elif written.kind != "text":
        return _trl(written)
    if written.kind != "text":
        tools = ', tools=row["tools"]' if "tools" in written.columns else ""
        made += f'dataset = dataset.map(lambda row: {{"text": tokenizer.apply_chat_template(row["{column}"]{tools}, tokenize=False)}})\n'
    text = (
        f"from datasets import load_dataset\nfrom trl import SFTConfig, SFTTrainer\n{imports}\n{_loaded(written)}{made}"
        'trainer = SFTTrainer(model=model, args=SFTConfig(dataset_text_field="text"), train_dataset=dataset)\n'
        "# Answers only: train_on_responses_only(trainer, instruction_part=..., response_part=...), with the template's own marks.\n"
        "trainer.train()\n"
    )
    return Companion(f"{_stem(written)}.unsloth.py", text, "model and tokenizer come from FastLanguageModel.from_pretrained")


_MAKERS: Mapping[str, Callable[[Written], Companion | None]] = {
    "llama-factory": _llama_factory, "axolotl": _axolotl, "trl": _trl, "torchtune": _torchtune, "ms-swift": _swift, "unsloth": _unsloth,
}  # fmt: skip
