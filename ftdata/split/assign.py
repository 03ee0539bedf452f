"""Which group goes where: decided by a hash of its samples, so that it stays where it is when the data grows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ftdata.errors import UsageError
from ftdata.split.groups import Groups
from ftdata.split.strata import JOIN

# A hash falls unevenly on few groups: between half and one and a half times the share is left as it fell.
LEAST, MOST = 0.5, 1.5
SEEDS = 2**63


@dataclass(frozen=True, slots=True)
class Settings:
    """``share`` of the samples for the evaluation, or ``size`` of them; ``pilot`` sets of so many training samples, nested.

    ``questions``: samples that ask the same stay together.
    """

    share: float = 0.2
    size: int | None = None
    seed: int = 42
    stratify: bool = True
    pilot: tuple[int, ...] = ()
    questions: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise UsageError(
                f"{self.share:g} is no share of the data to evaluate on",
                "It is more than 0 and less than 1, as 0.2.",
            )
        if self.size is not None and self.size < 1:
            raise UsageError(f"--eval-size {self.size}: at least one sample")
        if any(pilot < 1 for pilot in self.pilot):
            raise UsageError("--pilot: at least one sample")
        if not -SEEDS <= self.seed < SEEDS:
            raise UsageError("--seed: a whole number of at most 63 bits")


@dataclass(slots=True)
class Assignment:
    """``held`` says for each sample whether it is for the evaluation. ``order`` are the samples by their own hash, ``strata`` their
    strata; ``forced`` counts the samples whose side was not decided by their own hash alone; ``notes`` say what could not be had."""

    held: list[bool]
    order: list[int]
    strata: list[str]
    forced: int = 0
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
    sample that is added to the data moves no other one, with four exceptions: it joins a group and comes first in it (once in as
    many times as the group has samples); it joins groups that were on different sides; it is of a stratum whose place in the
    evaluation was filled by force; or groups are so few or so large that the hash fell far from the share and the border was
    moved (``forced`` counts both), which ends as the data grows. With ``size`` the groups with the least numbers are taken until
    so many samples are there: those at the border may move.
    """
    numbers = [draw(settings.seed, identity) for identity in ids]
    order = sorted(range(len(ids)), key=lambda index: (numbers[index], ids[index]))
    members: dict[int, list[int]] = {}
    for index, label in enumerate(groups.label.tolist()):
        members.setdefault(label, []).append(index)
    first = {label: min(part, key=lambda index: (numbers[index], ids[index])) for label, part in members.items()}
    number = {label: draw(settings.seed, ids[index], "side") for label, index in first.items()}
    ranked = sorted(members, key=lambda label: (number[label], ids[first[label]]))
    sides = _Sides(ranked, members, strata)
    notes = []
    if settings.size is not None:
        if settings.size >= len(ids):
            raise UsageError(f"--eval-size {settings.size:,}: there are {len(ids):,} samples", "Leave some to train on.")
        drawn: set[int] = set()
        sides.take_until(settings.size, settings.size)
        most = settings.size
    else:
        drawn = {label for label in ranked if number[label] < settings.share}
        sides.chosen = set(drawn)
        most = max(1, int(MOST * settings.share * len(ids)))
        sides.take_back(most)
        if sides.taken < LEAST * settings.share * len(ids):
            sides.take_until(max(1, round(settings.share * len(ids))), most)
    if settings.stratify:
        notes += sides.fill(most, exact=settings.size is not None)
    sides.leave_some()
    held = [label in sides.chosen for label in groups.label.tolist()]
    forced = sum(len(members[label]) for label in sides.chosen ^ drawn) if settings.size is None else 0
    return Assignment(held, order, list(strata), forced, notes + _said(held, sides, groups, settings))


class _Sides:
    """The groups for the evaluation, while they are being chosen. ``ranked`` are all groups by their numbers."""

    def __init__(self, ranked: list[int], members: Mapping[int, list[int]], strata: Sequence[str]) -> None:
        self.ranked, self.members, self.strata = ranked, members, strata
        self.chosen: set[int] = set()

    @property
    def taken(self) -> int:
        """Samples for the evaluation."""
        return sum(len(self.members[label]) for label in self.chosen)

    def take_until(self, wanted: int, most: int) -> None:
        """Take more groups in their order until ``wanted`` samples are there; a group that would make it more than ``most`` is left."""
        taken = self.taken
        for label in self.ranked:
            if taken >= wanted:
                break
            if label not in self.chosen and taken + len(self.members[label]) <= most:
                self.chosen.add(label)
                taken += len(self.members[label])

    def take_back(self, most: int) -> None:
        """Give groups back to the training until at most ``most`` samples are taken: those that alone are too many, then the last."""
        taken = self.taken
        if taken <= most:
            return
        large = [label for label in self.ranked if label in self.chosen and len(self.members[label]) > most]
        last = [label for label in reversed(self.ranked) if label in self.chosen and label not in set(large)]
        for label in [*large, *last]:
            if taken <= most:
                break
            self.chosen.discard(label)
            taken -= len(self.members[label])

    def fill(self, most: int, *, exact: bool) -> list[str]:
        """Give each stratum, and each of its traits by itself, a sample in the evaluation, the most common first, where a group of it
        can be spared and the evaluation stays within ``most`` samples. Returns what could not be had.

        ``exact``: for every sample taken others are given back, so that the number stays.
        """
        counts: Counter[str] = Counter(name for stratum in self.strata for name in _names(stratum))
        by_name: dict[str, list[int]] = {}
        for label in self.ranked:
            for name in dict.fromkeys(name for index in self.members[label] for name in _names(self.strata[index])):
                by_name.setdefault(name, []).append(label)
        held: Counter[str] = Counter(self._names_of(self.chosen))
        taken, missing = self.taken, []
        # Whole strata before single traits, which they bring with them.
        for name in sorted(counts, key=lambda name: (JOIN not in name, -counts[name], name)):
            if held[name] or counts[name] < 2:
                continue
            small = max(1, counts[name] // 4)
            spare = next((label for label in by_name[name] if len(self.members[label]) <= small), None)
            more = len(self.members[spare]) if spare is not None else 0
            if spare is None:
                missing.append(f"{name} ({counts[name]:,} samples that hang together)")
            elif taken + more > most and not (exact and self._swap(more, held)):
                missing.append(f"{name} ({counts[name]:,} samples)")
            else:
                self.chosen.add(spare)
                held.update(self._names_of([spare]))
                taken = self.taken
        return _missing(missing)

    def _swap(self, more: int, held: Counter[str]) -> bool:
        """Give back groups of so many samples, the last ones first, that leave no stratum without any. ``False`` where there are none."""
        given, back = 0, []
        after = held.copy()
        for label in reversed(self.ranked):
            if given >= more:
                break
            if label not in self.chosen or given + len(self.members[label]) > more:
                continue
            lost = Counter(self._names_of([label]))
            if all(after[name] > count for name, count in lost.items()):
                after -= lost
                given += len(self.members[label])
                back.append(label)
        if given < more:
            return False
        self.chosen.difference_update(back)
        held.clear()
        held.update(after)
        return True

    def _names_of(self, labels: Iterable[int]) -> Iterator[str]:
        return (name for label in labels for index in self.members[label] for name in _names(self.strata[index]))

    def leave_some(self) -> None:
        """Have a group on both sides, where there are two."""
        if not self.chosen and len(self.ranked) > 1:
            self.chosen = {min(self.ranked, key=lambda label: len(self.members[label]))}
        if len(self.chosen) == len(self.ranked):
            self.chosen.discard(max(self.ranked, key=lambda label: len(self.members[label])))


def _names(stratum: str) -> list[str]:
    """A stratum and its traits."""
    parts = stratum.split(JOIN)
    return [stratum, *parts] if len(parts) > 1 else parts


def _missing(names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - 4:,} more" if len(names) > 4 else ""
    return [f"not in the evaluation, for it could not be spared: {'; '.join(names[:4])}{more}"]


def _said(held: list[bool], sides: _Sides, groups: Groups, settings: Settings) -> list[str]:
    total, taken = len(held), sum(held)
    giant = max(sides.ranked, key=lambda label: len(sides.members[label]), default=None)
    largest = len(sides.members[giant]) if giant is not None else 0
    if settings.size is not None:
        if taken == settings.size:
            return []
        return [f"{taken:,} samples are for the evaluation, {settings.size:,} were asked for: groups go to one side whole"]
    notes = []
    if largest > max(1, MOST * settings.share * total):
        side = "for the evaluation" if giant in sides.chosen else "for training, and the evaluation shows nothing of them"
        notes.append(f"{largest:,} of {total:,} samples hang together ({groups.reasons}): they are all {side}")
    if total >= 20 and abs(taken / total - settings.share) > settings.share / 2:
        why = "the others hang together" if largest > total * 0.1 else "so few groups fall unevenly"
        notes.append(f"{taken / total:.0%} of the samples are for the evaluation, {settings.share:.0%} were asked for: {why}")
    return notes
