"""From files to the tokens of a run: read, split where no evaluation data is given, mask, count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ftdata.dedupe.collect import Collection, Progress, collect
from ftdata.errors import UsageError
from ftdata.formats import detect_row, parse
from ftdata.split.assign import Settings
from ftdata.split.run import Split, split
from ftdata.train.mask import Masker, Refusal, TrainingSequence
from ftdata.train.tokens import TokenSet, gather
from ftdata.types import Sample

_AT_ONCE = 512


@dataclass(slots=True)
class Side:
    """The samples of one side: which they are, their tokens, and those that are refused (place, reason)."""

    tokens: TokenSet
    samples: int
    refused: list[tuple[str, str]] = field(default_factory=list)
    routes: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    shown: list[TrainingSequence] = field(default_factory=list)


@dataclass(slots=True)
class Chosen:
    """Which samples train and which evaluate: indexes into the collections; ``split`` where it was made here."""

    collection: Collection
    train: list[int]
    held_collection: Collection
    held: list[int]
    split: Split | None = None


def choose(
    paths: Sequence[str], evals: Sequence[str], settings: Settings, *, format: str | None = None, pilot: int | None = None,
    evaluate: bool = True, progress: Progress | None = None,
) -> Chosen:  # fmt: skip
    """Decide who trains. Without evaluation files the data is split. Raises UsageError where there is too little of it."""
    if evals or not evaluate:
        collection = collect(paths, format=format, progress=progress)
        held = collect(evals, format=format) if evals else Collection()
        chosen = Chosen(collection, list(range(len(collection))), held, list(range(len(held))))
    else:
        made = split(paths, settings, format=format, reading=progress)
        chosen = Chosen(made.collection, made.train, made.collection, made.eval, made)
    if not chosen.train:
        raise UsageError("there is no sample to train on", "`ftdata lint` says what is wrong with the file.")
    if pilot is not None:
        from ftdata.split.assign import draw

        order = sorted(
            chosen.train, key=lambda index: (draw(settings.seed, chosen.collection.ids[index]), chosen.collection.ids[index])
        )
        chosen.train = sorted(order[:pilot])
    return chosen


def samples_of(collection: Collection, indexes: Sequence[int], format: str | None) -> Iterator[Sample]:
    """The samples at these indexes, read once more."""
    for start in range(0, len(indexes), _AT_ONCE):
        for value in collection.fetch(indexes[start : start + _AT_ONCE]):
            yield parse(value, format or detect_row(value))


def kind_of(collection: Collection, indexes: Sequence[int], format: str | None) -> str:
    """What the data is: "sft", "preference", ... Raises UsageError where it is several kinds at once."""
    kinds = Counter(sample.kind for sample in samples_of(collection, indexes, format))
    if len(kinds) > 1:
        words = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
        raise UsageError(
            f"the data holds several kinds of samples ({words})", "Train them apart, or convert them with `ftdata convert`."
        )
    return next(iter(kinds), "none")


def encode(
    collection: Collection, indexes: Sequence[int], masker: Masker, *, format: str | None, preference: bool, show: int = 0
) -> Side:
    """Make the tokens of a side; refused samples are named by their place."""
    side = Side(gather([]), 0)
    sequences: list[tuple[list[int], list[bool]]] = []
    samples = samples_of(collection, indexes, format)
    outcomes = masker.pairs(samples) if preference else masker.sequences(samples)
    for index, outcome in zip(indexes, outcomes, strict=True):
        if isinstance(outcome, Refusal):
            side.refused.append((collection.place(index), outcome.reason))
            continue
        side.samples += 1
        for sequence in outcome:
            sequences.append((sequence.ids, sequence.trained))
            side.routes[sequence.route] += 1
            side.notes.update(set(sequence.notes))
            if sequence.dropped_turns:
                side.notes["earlier turns were left out, for the sample is too long"] += 1
            if len(side.shown) < show:
                side.shown.append(sequence)
    side.tokens = gather(sequences, paired=preference)
    return side
