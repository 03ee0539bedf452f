"""Model folders as targets: their pack, and what their chat templates do to samples."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ftdata.errors import FtdataError
from ftdata.packs import Pack, names
from ftdata.rule import Rule
from ftdata.template import (
    Conversation,
    Fault,
    ModelFolder,
    Renderer,
    inspect_shape,
    inspect_template,
    read_model_folder,
    shape_key,
)
from ftdata.types import Message, Sample

MAX_SHAPES = 20_000
# What the template itself now decides, rule by rule.
_DECIDED = (
    "unknown-role", "alias-role", "developer-role", "system-not-supported", "stripped-reasoning", "reasoning-ignored",
    "arguments-string", "parallel-tool-calls", "content-with-tool-calls", "null-content", "mixed-content-types",
)  # fmt: skip
_RULES = ("template-raises", "template-stopped", "template-drops", "template-changes", "template-tokens", "template-note")


def is_model_folder(target: str) -> bool:
    """Whether a target's name means a folder: a built-in target of that name goes before, unless a slash says so."""
    return os.path.isdir(target) and (os.sep in target or target not in names("targets"))


@lru_cache(maxsize=8)
def read_folder(path: str) -> ModelFolder:
    """Read a model folder once. Raises FtdataError where it is none."""
    return read_model_folder(path)


def folder_pack(path: str) -> Pack:
    """Return the pack of a model folder: its template, tokenizer and length as rules. Raises FtdataError."""
    folder = read_folder(path)
    tokenizer = str(folder.tokenizer_file or folder.path)
    origin = f"model folder {path}"
    rules: dict[str, Any] = {name: {"severity": "off"} for name in _DECIDED}
    rules |= {name: {"folder": path} for name in _RULES}
    rules["weight-ignored"] = {"severity": "warning", "treatment": "ignores",
                               "because": "a chat template knows no weights; what is masked is the trainer's choice"}  # fmt: skip
    if folder.special_tokens:
        rules["special-token"] = {"tokens": list(folder.special_tokens), "because": "the tokenizer makes the control token of it"}
    if folder.max_length:
        because = f"{folder.max_length:,} tokens by {folder.max_length_source}"
        rules["too-long"] = {"severity": "warning", "max": folder.max_length, "because": because}
        rules["answer-cut"] = {"severity": "error", "max": folder.max_length, "because": because}
    facts = {"tokenizer": tokenizer, "overhead": _overhead(folder, tokenizer), "mask_key": None}
    return Pack(path, origin, {"target": facts, "rules": rules})


def _overhead(folder: ModelFolder, tokenizer: str) -> dict[str, int]:
    """The tokens that the template adds to a message and to a sample, measured on a plain conversation."""
    from ftdata.measure.tokens import load_tokenizer

    pair = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "x"}]
    if not folder.templates:
        return {"per_message": 0, "per_sample": 0}
    try:
        count = load_tokenizer(tokenizer).count
        with Renderer(folder) as renderer:
            one, two = renderer.render_many([Conversation(pair), Conversation(pair * 2)])
        if one.fault or two.fault:
            return {"per_message": 0, "per_sample": 0}
        texts, first, second = count(["x", one.text, two.text])
    except FtdataError:
        # Neither tokens nor templates can be judged then, and their rules say why.
        return {"per_message": 0, "per_sample": 0}
    per_message = max(0, (second - first) // 2 - texts)
    return {"per_message": per_message, "per_sample": max(0, first - 2 * (per_message + texts))}


def why_not(path: str) -> str | None:
    """Why the template of a folder cannot be rendered here; ``None`` if it can."""
    from importlib.util import find_spec

    if not read_folder(path).templates:
        return f"{path} has no chat template"
    return None if find_spec("jinja2") else "rendering a chat template needs jinja2: pip install 'ftdata[template]'"


class Templates:
    """The template rules of a plan, by folder. Each folder has one renderer, started when it is needed."""

    def __init__(self, rules: Sequence[tuple[int, Rule, Mapping[str, Any]]]) -> None:
        """``rules`` are (step number, rule, parameters)."""
        self._rules: dict[str, list[tuple[int, Rule, Mapping[str, Any]]]] = {}
        for number, rule, params in rules:
            self._rules.setdefault(params["folder"], []).append((number, rule, params))
        self._renderers: dict[str, Renderer] = {}
        self._known: dict[tuple[str, str], list[Fault]] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def of_sample(self, sample: Sample) -> Iterator[tuple[int, Message | None, Fault]]:
        """Yield (step number, turn, fault) for one sample. A template that renders nothing is not asked again."""
        for path, rules in self._rules.items():
            renderer, folder = self._renderer(path), read_folder(path)
            if _is_broken(inspect_template(renderer, folder)):
                continue
            key = (path, shape_key(sample, renderer))
            faults = self._known.get(key)
            if faults is None:
                if len(self._known) >= MAX_SHAPES:
                    self._known.clear()
                faults = self._known[key] = inspect_shape(sample, renderer, folder)
            for fault in faults:
                turn = sample.turns()[fault.message] if fault.message is not None else None
                yield from ((number, turn, fault) for number in _owners(rules, fault))

    def of_folders(self) -> Iterator[tuple[int, Fault]]:
        """Yield (step number, fault) for what holds for every sample."""
        for path, rules in self._rules.items():
            for fault in inspect_template(self._renderer(path), read_folder(path)):
                yield from ((number, fault) for number in _owners(rules, fault))

    def close(self) -> None:
        """End the processes that render."""
        for renderer in self._renderers.values():
            renderer.close()

    def _renderer(self, path: str) -> Renderer:
        if path not in self._renderers:
            self._renderers[path] = Renderer(read_folder(path))
        return self._renderers[path]


def _owners(rules: Sequence[tuple[int, Rule, Mapping[str, Any]]], fault: Fault) -> Iterator[int]:
    """The steps a fault belongs to; what is only worth knowing is a note, whatever its name."""
    for number, rule, params in rules:
        if rule.name == "template-note" if fault.fact else rule.check(fault.name, params):
            yield number


def _is_broken(faults: Sequence[Fault]) -> bool:
    return any(fault.name.startswith("template-") and fault.name != "template-text" for fault in faults)
