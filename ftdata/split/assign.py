"""Which group goes where: decided by a hash of its samples, so that it stays where it is when the data grows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ftdata.errors import UsageError
from ftdata.split.groups import Groups

# A stratum this small is not forced to give a sample to the evaluation.
LEAST_STRATUM = 5


@dataclass(frozen=True, slots=True)
class Settings:
    """``share`` of the samples for the evaluation, or ``size`` of them; ``pilot`` sets of so many training samples, nested."""

    share: float = 0.2
    size: int | None = None
    seed: int = 42
    stratify: bool = True
    pilot: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise UsageError(
                f"--eval {self.share:g}: is no share of the data",
                "It is more than 0 and less than 1, as 0.2; --eval-size takes a number of samples.",
            )
        if self.size is not None and self.size < 1:
            raise UsageError(f"--eval-size {self.size}: at least one sample")
        if any(pilot < 1 for pilot in self.pilot):
            raise UsageError("--pilot: at least one sample")


@dataclass(slots=True)
class Assignment:
    """``held`` says for each sample whether it is for the evaluation. ``order`` are the samples by their own hash, ``strata`` their
    strata; ``notes`` say what could not be had."""

    held: list[bool]
    order: list[int]
    strata: list[str]
    notes: list[str] = field(default_factory=list)

    def pilot(self, count: int) -> list[int]:
        """The first ``count`` training samples by hash, in the order of the data: any smaller pilot is a part of it."""
        return sorted([index for index in self.order if not self.held[index]][:count])


def draw(seed: int, identity: str, purpose: str = "order") -> float:
    """A number in [0, 1) for a sample, by the seed and its hash alone; another one for each purpose."""
    digest = hashlib.blake2b(f"{purpose}\0{identity}".encode(), digest_size=8, key=f"ftdata split {seed}".encode()).digest()
    return int.from_bytes(digest, "big") / 2**64


def assign(ids: Sequence[str], groups: Groups, strata: Sequence[str], settings: Settings) -> Assignment:
    """Send every group to one side.

    One sample of a group, the one that comes first by hash, draws for all: below the share the group is for the evaluation. A
    sample that is added to the data moves no other one, unless it joins a group and comes first in it (once in as many times as the
    group has samples), joins two groups that were on different sides, or brings a stratum to the size from which it must be in the
    evaluation. With ``size`` the groups with the least numbers are taken until so many samples are there: those at the border may
    move.
    """
    numbers = [draw(settings.seed, identity) for identity in ids]
    order = sorted(range(len(ids)), key=lambda index: (numbers[index], ids[index]))
    members: dict[int, list[int]] = {}
    for index, label in enumerate(groups.label.tolist()):
        members.setdefault(label, []).append(index)
    first = {label: min(part, key=lambda index: (numbers[index], ids[index])) for label, part in members.items()}
    number = {label: draw(settings.seed, ids[index], "side") for label, index in first.items()}
    notes: list[str] = []
    ranked = sorted(members, key=lambda label: (number[label], ids[first[label]]))
    if settings.size is not None:
        chosen = _by_size(ranked, members, settings.size, len(ids))
    else:
        chosen = {label for label in ranked if number[label] < settings.share}
    if settings.stratify:
        notes += _fill_strata(chosen, ranked, members, strata)
    if not chosen and len(ranked) > 1:
        chosen = {min((label for label in ranked), key=lambda label: (len(members[label]), number[label]))}
    if len(chosen) == len(ranked):
        chosen.discard(max(ranked, key=lambda label: len(members[label])))
    held = [label in chosen for label in groups.label.tolist()]
    return Assignment(held, order, list(strata), notes + _said(held, members, settings))


def _by_size(ranked: list[int], members: dict[int, list[int]], size: int, total: int) -> set[int]:
    if size >= total:
        raise UsageError(f"--eval-size {size:,}: there are {total:,} samples", "Leave some to train on.")
    chosen: set[int] = set()
    left = size
    for label in ranked:
        if len(members[label]) <= left:
            chosen.add(label)
            left -= len(members[label])
        if not left:
            break
    return chosen


def _fill_strata(chosen: set[int], ranked: list[int], members: dict[int, list[int]], strata: Sequence[str]) -> list[str]:
    """Give each stratum that is large enough a sample in the evaluation, where a group of it can be spared."""
    counts: Counter[str] = Counter(strata)
    held: Counter[str] = Counter(strata[index] for label in chosen for index in members[label])
    notes = []
    for name in sorted(counts):
        if counts[name] < LEAST_STRATUM or held[name]:
            continue
        for label in ranked:
            inside = [index for index in members[label] if strata[index] == name]
            # Small groups only: one sample of a stratum is not worth half of another one.
            if inside and len(members[label]) <= max(1, counts[name] // 4):
                chosen.add(label)
                held.update(strata[index] for index in members[label])
                break
        else:
            notes.append(
                f"no sample of the stratum {name} could be spared for the evaluation: its {counts[name]:,} samples hang together"
            )
    return notes


def _said(held: list[bool], members: dict[int, list[int]], settings: Settings) -> list[str]:
    total, taken = len(held), sum(held)
    notes = []
    largest = max((len(part) for part in members.values()), default=0)
    if total and settings.size is None and total >= 20 and abs(taken / total - settings.share) > 0.1:
        notes.append(
            f"{taken / total:.0%} of the samples are for the evaluation, {settings.share:.0%} were asked for"
            + (
                f": {largest:,} samples hang together and go to one side"
                if largest > total * 0.1
                else ": so few samples fall unevenly"
            )
        )
    if settings.size is not None and taken != settings.size:
        notes.append(f"{taken:,} samples are for the evaluation, {settings.size:,} were asked for: groups go to one side whole")
    return notes
