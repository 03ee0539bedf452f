"""The samples that a model is compared on: those that the run held back, proven by their tokens to be the same ones, or others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftdata.dedupe.collect import Collection, collect
from ftdata.errors import FtdataError, ReadError, UsageError
from ftdata.formats import detect_row, parse
from ftdata.split.assign import Settings
from ftdata.split.strata import strata_of
from ftdata.template import ModelFolder, to_messages
from ftdata.template.messages import as_dicts
from ftdata.train.mask import Masker, Refusal, TooLong, TrainingSequence
from ftdata.train.prepare import choose, samples_of
from ftdata.train.runs import RunFolder
from ftdata.train.tokens import TokenSet, gather, load_tokens
from ftdata.types import Sample


@dataclass(slots=True)
class Item:
    """One sample. ``sequences`` are (ids, trained); ``prompt`` the tokens before its last answer (empty for a service).

    ``turns`` are the conversation before the answer, ``reference`` the answer in the data, ``slices`` what the data shows of it.
    """

    place: str
    turns: list[dict[str, Any]]
    tools: list[Any] | None
    reference: str
    sequences: list[tuple[list[int], list[bool]]] = field(default_factory=list)
    prompt: list[int] = field(default_factory=list)
    slices: tuple[str, ...] = ()


@dataclass(slots=True)
class Items:
    """All samples, whose they are in words, and what has to be known about them."""

    items: list[Item]
    origin: str
    notes: list[str] = field(default_factory=list)


def held_back(run: RunFolder, folder: ModelFolder, tokenizer: Any, template: str | None) -> Items:
    """The samples that the run held back, found again in its data files.

    Where those are gone or other ones, the tokens in the run's folder stand in for them: without slices, with a note.
    """
    if "eval" not in (run.state.get("tokens") or {}):
        raise UsageError(f"{run.path}: this run held nothing back", "Name data that it has not seen: --data FILE.")
    tokens = load_tokens(run / "data" / "eval.npz")
    wanted = run.state["tokens"]["eval"]["sha256"]
    if tokens.sha256() != wanted:
        raise ReadError(f"{run / 'data' / 'eval.npz'}: is not what the run began with", "Name the data with --data FILE.")
    try:
        found = _again(run, folder, tokenizer, template)
    except FtdataError as error:
        return _from_tokens(tokens, folder, tokenizer, f"the data files of the run cannot be read again ({error.message})")
    if _hash(found.items, bool(run.state["recipe"].get("preference"))) != wanted:
        return _from_tokens(tokens, folder, tokenizer, "the data files of the run are not what they were")
    return found


def of_files(
    paths: Sequence[str], run: RunFolder, folder: ModelFolder, tokenizer: Any, template: str | None, format: str | None
) -> Items:
    """The samples of other files. Notes say how many of them the run was trained on."""
    collection = collect(list(paths), format=format)
    made = _items(collection, range(len(collection)), run, folder, tokenizer, template, format)
    if not made.items:
        raise UsageError("there is no sample to compare the models on", "`ftdata lint` says what is wrong with the file.")
    made.origin = ", ".join(dict.fromkeys(Path(item.path).name for item in collection.inputs))
    path = run / "data" / "train.npz"
    if path.exists():
        known = set(_keys(load_tokens(path)))
        seen = sum(any(_key(ids) in known for ids, _ in item.sequences) for item in made.items)
        if seen:
            made.notes.append(
                f"{seen:,} of these {len(made.items):,} samples were trained on: on them the tuned model only looks good"
            )
    return made


def _again(run: RunFolder, folder: ModelFolder, tokenizer: Any, template: str | None) -> Items:
    """Choose once more as the run did."""
    files = (run.state.get("gate") or {}).get("files") or []
    paths = [str(file["path"]) for file in files if file.get("role") != "eval"]
    evals = [str(file["path"]) for file in files if file.get("role") == "eval"]
    split = run.state.get("split")
    if not paths or (split is None and not evals):
        raise UsageError("the run does not say where its data was", "Name the data with --data FILE.")
    settings = Settings(share=float(split["share"]), seed=int(split["seed"])) if split else Settings()
    format = (run.state.get("inputs") or {}).get("format")
    if evals:
        collection = collect(evals, format=format)
        indexes: Sequence[int] = range(len(collection))
    else:
        chosen = choose(paths, (), settings, format=format)
        collection, indexes = chosen.held_collection, chosen.held
    made = _items(collection, indexes, run, folder, tokenizer, template, format)
    made.origin = "the samples that the run held back"
    return made


def _items(
    collection: Collection, indexes: Sequence[int], run: RunFolder, folder: ModelFolder, tokenizer: Any, template: str | None, format: str | None
) -> Items:  # fmt: skip
    """Samples with their tokens, as the run would make them."""
    recipe = run.state["recipe"]
    asked = not str((run.state.get("origin") or {}).get("max_length", "default")).startswith("default")
    too_long: TooLong = "drop-turns" if (run.state.get("inputs") or {}).get("too_long") == "drop-turns" else "refuse"
    strata = strata_of(collection)
    made = Items([], "")
    refused = 0
    with Masker(
        folder, template=template, max_tokens=int(recipe["max_length"]) if asked else folder.max_length, too_long=too_long
    ) as masker:
        first, second = samples_of(collection, indexes, format), samples_of(collection, indexes, format)
        outcomes: Any = masker.pairs(first) if recipe.get("preference") else masker.sequences(first)
        for index, sample, outcome in zip(indexes, second, outcomes, strict=True):
            if isinstance(outcome, Refusal):
                refused += 1
                continue
            made.items.append(_item(collection.place(index), sample, list(outcome), strata[index], folder, tokenizer))
    if refused:
        made.notes.append(f"{refused:,} samples cannot be rendered or are too long, and are left out")
    if recipe.get("preference"):
        made.notes.append("preference pairs: losses and answers are those of the chosen side")
    return made


def _item(
    place: str, sample: Sample, sequences: list[TrainingSequence], stratum: str, folder: ModelFolder, tokenizer: Any
) -> Item:
    pair = bool(sample.chosen and sample.rejected)
    last = sequences[0] if pair else sequences[-1]
    turns = as_dicts([*sample.messages, *sample.chosen]) if pair else to_messages(sample)
    prompt, reference = split_answer(last.ids, last.trained, folder, tokenizer)
    return Item(
        place, turns[: max(last.turns)], sample.tools, reference, [(s.ids, s.trained) for s in sequences], prompt, slices_of(stratum, sample)
    )  # fmt: skip


def split_answer(ids: Sequence[int], trained: Sequence[bool], folder: ModelFolder, tokenizer: Any) -> tuple[list[int], str]:
    """The tokens before the last answer, and its text without the stop token."""
    stops = {tokenizer.token_to_id(text) for text in folder.stop_tokens}
    end = len(trained) - 1
    while end > 0 and not trained[end]:
        end -= 1
    start = end
    while start > 0 and trained[start - 1]:
        start -= 1
    answer = list(ids[start : end + 1])
    cut = next((at for at, number in enumerate(answer) if number in stops), len(answer))
    return list(ids[:start]), str(tokenizer.decode(answer[:cut], skip_special_tokens=False))


def slices_of(stratum: str, sample: Sample) -> tuple[str, ...]:
    """What a sample shows of itself, as the slices of a table: script, length, turns, tools, system prompt."""
    parts = [part.strip() for part in stratum.split(",")]
    words = [f"script: {parts[0]}"] + [f"length: {parts[1]}"] * (len(parts) > 1)
    roles = [message.role for message in sample.messages]
    return (
        *words, "turns: one question" if roles.count("user") < 2 else "turns: several questions",
        "tools: yes" if sample.tools or "tool" in roles else "tools: no",
        "system prompt: yes" if "system" in roles or "developer" in roles else "system prompt: no",
    )  # fmt: skip


def _hash(items: Sequence[Item], paired: bool) -> str:
    return gather([sequence for item in items for sequence in item.sequences], paired=paired).sha256()


def _from_tokens(tokens: TokenSet, folder: ModelFolder, tokenizer: Any, why: str) -> Items:
    made = Items(
        [], "the tokens that the run held back", [f"{why}: what is compared are the tokens in the run's folder, without slices"]
    )
    for number in range(0, len(tokens), 2 if len(tokens.pairs) else 1):
        ids, trained = (part.tolist() for part in tokens[number])
        prompt, reference = split_answer(ids, trained, folder, tokenizer)
        question = {"role": "prompt", "content": tokenizer.decode(prompt, skip_special_tokens=False)}
        made.items.append(Item(f"sequence {number + 1}", [question], None, reference, [(ids, trained)], prompt))
    return made


def _key(ids: Sequence[int]) -> int:
    return hash(tuple(ids))


def _keys(tokens: TokenSet) -> list[int]:
    return [_key(tokens[number][0].tolist()) for number in range(len(tokens))]


def of_service(run: RunFolder, paths: Sequence[str], format: str | None) -> Items:
    """The samples of the validation file of a run on a service, or of other files. Raises UsageError where there are none."""
    if paths:
        collection, origin = collect(list(paths), format=format), ", ".join(Path(path).name for path in paths)
    elif isinstance(files := run.state.get("files"), dict) and "eval" in files:
        if not isinstance(files["eval"], dict) or not isinstance(files["eval"].get("path"), str):
            raise ReadError(f"{run / 'run.json'}: is damaged (files)", "Restore it, or name data with --data FILE.")
        collection, origin = collect([str(run / files["eval"]["path"])]), "the validation file of the run"
    else:
        raise UsageError(f"{run.path}: this run held nothing back", "Name data that it has not seen: --data FILE.")
    made = Items([], origin)
    strata = strata_of(collection)
    for index, value in enumerate(collection.fetch(range(len(collection)))):
        sample = parse(value, format or detect_row(value))
        messages = [*sample.messages, *sample.chosen]
        at = max((number for number, message in enumerate(messages) if message.role == "assistant"), default=0)
        if at and messages[at].text:
            made.items.append(
                Item(
                    collection.place(index),
                    as_dicts(messages[:at]),
                    sample.tools,
                    messages[at].text,
                    slices=slices_of(strata[index], sample),
                )
            )
    if not made.items:
        raise UsageError("no sample has an answer of text to compare with", "Name other data with --data FILE.")
    return made
