"""Compare a tuned model with its base: losses on all samples, answers on the first ones."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ftdata.train.evaluate.checks import CHECKS, check, ratios
from ftdata.train.evaluate.items import Item, Items
from ftdata.train.evaluate.speakers import LocalSpeaker, Said, Speaker
from ftdata.train.evaluate.statistics import LEAST, Difference, compare_ratios, compare_shares
from ftdata.train.local.inference import Loaded, generate, loss_of

Progress = Callable[[int, int], None]
# An interval is wide below this; people read it anyway.
FEW = 30


@dataclass(slots=True)
class Heard:
    """What one model did: (loss sum, tokens) of each sample, and its answers to the first ones."""

    losses: list[tuple[float, int]] = field(default_factory=list)
    answers: list[Said] = field(default_factory=list)


@dataclass(slots=True)
class Comparison:
    """The result. ``slices`` are losses by name, the first one "all"; ``checks`` by name; ``lengths`` medians of base and tuned."""

    base: str
    tuned: str
    items: Items
    slices: dict[str, Difference]
    checks: dict[str, Difference]
    lengths: tuple[float, float] | None
    heard: tuple[Heard, Heard]
    limit: int
    notes: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Everything as JSON."""
        return {
            "base": self.base, "tuned": self.tuned, "data": self.items.origin, "samples": len(self.items.items),
            "loss": {name: _facts(entry) for name, entry in self.slices.items()},
            "checks": {name: _facts(entry) for name, entry in self.checks.items()},
            "length_ratio": None if self.lengths is None else {"base": self.lengths[0], "tuned": self.lengths[1]},
            "answers": [
                {"place": item.place, "reference": item.reference, "base": base.text, "tuned": tuned.text,
                 "base_stopped": base.stopped, "tuned_stopped": tuned.stopped}
                for item, base, tuned in zip(self.items.items, self.heard[0].answers, self.heard[1].answers, strict=False)
            ],
            "notes": self.notes,
        }  # fmt: skip


def _facts(entry: Difference) -> dict[str, Any]:
    return {
        "base": entry.base, "tuned": entry.tuned, "difference": entry.value, "samples": entry.count,
        "interval": None if entry.interval is None else list(entry.interval), "sure": entry.sure,
    }  # fmt: skip


def listen_local(
    speaker: LocalSpeaker, items: Sequence[Item], limit: int, *, base: bool, progress: Progress | None = None
) -> Heard:
    """Losses of all samples and answers to the first ``limit``, of one model on this machine."""
    heard = Heard()
    with _inside(speaker, base) as loaded:
        for number, item in enumerate(items):
            parts = [loss_of(loaded, ids, trained) for ids, trained in item.sequences[: 1 if _paired(item) else None]]
            heard.losses.append((sum(total for total, _ in parts), sum(count for _, count in parts)))
            if progress is not None:
                progress(number + 1, len(items) + min(limit, len(items)))
        for number, item in enumerate(items[:limit]):
            answer = generate(loaded, item.prompt, speaker.stops, speaker.sampling, pad=speaker.pad)
            text = speaker.tokenizer.decode(answer.ids, skip_special_tokens=False)
            heard.answers.append(Said(text, answer.stopped, len(answer.ids)))
            if progress is not None:
                progress(len(items) + number + 1, len(items) + min(limit, len(items)))
    return heard


def _paired(item: Item) -> bool:
    """Whether an item holds the two sides of a preference: they begin with the same prompt."""
    if len(item.sequences) != 2:
        return False
    first = item.prompt
    return all(list(ids[: len(first)]) == first for ids, _ in item.sequences)


@contextlib.contextmanager
def _inside(speaker: LocalSpeaker, base: bool) -> Iterator[Loaded]:
    if base and speaker.loaded.adapted:
        with speaker.loaded.base() as loaded:
            yield loaded
    else:
        yield speaker.loaded


def listen_remote(speaker: Speaker, items: Sequence[Item], limit: int, progress: Progress | None = None) -> Heard:
    """Answers to the first ``limit`` samples; a service tells no losses of a text that it is given."""
    heard = Heard()
    for number, item in enumerate(items[:limit]):
        heard.answers.append(speaker.say(item.turns, item.tools))
        if progress is not None:
            progress(number + 1, min(limit, len(items)))
    return heard


def compare(base: Heard, tuned: Heard, items: Items, names: tuple[str, str], limit: int) -> Comparison:
    """Put two models side by side."""
    lengths = None
    references = [item.reference for item in items.items[: len(base.answers)]]
    checks: dict[str, Difference] = {}
    if base.answers:
        both = [
            check([said.text for said in side.answers], references, [said.stopped for said in side.answers])
            for side in (base, tuned)
        ]
        found = {name: compare_shares(both[0][name], both[1][name]) for name in CHECKS}
        checks = {name: entry for name, entry in found.items() if entry is not None}
        values = [ratios([said.text for said in side.answers], references) for side in (base, tuned)]
        lengths = (statistics.median(values[0]), statistics.median(values[1])) if values[0] else None
    notes = [*items.notes]
    if base.losses and len(items.items) < FEW:
        notes.append(f"losses of {len(items.items)} samples only: read the intervals, not the numbers")
    if base.answers and len(base.answers) < FEW:
        notes.append(
            f"answers to {len(base.answers)} samples only: a check that holds on all of them may still fail on every tenth"
        )
    if base.answers and len(base.answers) < LEAST:
        notes.append("no intervals: they would need five samples")
    return Comparison(*names, items, _slices(base, tuned, items.items), checks, lengths, (base, tuned), limit, notes)


def _slices(base: Heard, tuned: Heard, items: Sequence[Item]) -> dict[str, Difference]:
    if not base.losses:
        return {}
    members: dict[str, list[int]] = {"all": list(range(len(items)))}
    for number, item in enumerate(items):
        for name in item.slices:
            members.setdefault(name, []).append(number)
    order = sorted(members, key=lambda name: (name != "all", name.partition(":")[0], -len(members[name]), name))
    found = {}
    for name in order:
        inside = members[name]
        if name == "all" or len(inside) < len(items):
            found[name] = compare_ratios(
                [base.losses[n][0] for n in inside], [tuned.losses[n][0] for n in inside], [base.losses[n][1] for n in inside]
            )
    return found
