"""From pairs to decisions: which samples stay, which go, and why.

A sample goes only if it matches a kept one directly, at or above the threshold, and the pair is a duplicate by
*classify*. So no chain of small steps takes a sample that the kept one does not resemble (``linkage`` direct). ``complete``
asks that all samples of a cluster match each other; ``single`` takes whole chains and shows their scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from rapidfuzz import fuzz, process

from ftdata.dedupe.approximate import Recall, find_approximately
from ftdata.dedupe.classify import Judgement, Texts, classify, telling
from ftdata.dedupe.cluster import Clusters, complete, components
from ftdata.dedupe.collect import Collection, Views
from ftdata.dedupe.pairs import Pairs, TooManyPairs
from ftdata.dedupe.search import Kernel, Metric, find_clusters, find_pairs
from ftdata.dedupe.shingles import Unit, jaccard

Linkage = Literal["direct", "complete", "single"]
LINKAGES = ("direct", "complete", "single")
MOST_PAIRS = 5_000_000
GIANT = 1000
# Beside so many samples that stay another one is looked at word by word; a set made from a template is one cluster of variants.
LOOKS = 16
_WORTH_THREADS = 2_000_000
_TEMPLATE_CHARS, _TEMPLATE_PROMPTS = 20, 3


@dataclass(frozen=True, slots=True)
class Settings:
    """What makes two samples near-duplicates; see `ftdata dedupe --help`."""

    threshold: float = 90.0
    metric: Metric = "ratio"
    view: str = "conversation"
    steps: tuple[str, ...] = ("nfkc", "case", "whitespace")
    linkage: Linkage = "direct"
    size: int = 5
    unit: Unit = "word"
    kernel: Kernel = "auto"
    approximate: bool = False

    @property
    def bar(self) -> float:
        """The threshold on the scale of scores, 0 to 100."""
        return self.threshold if self.metric == "ratio" else 100 * self.threshold


@dataclass(frozen=True, slots=True)
class Match:
    """A pair: the sample that stays, the other one, how alike they are (0 to 100), and what the pair is."""

    kept: int
    other: int
    score: float
    judgement: Judgement
    exact: bool = False


@dataclass(slots=True)
class Outcome:
    """What to do: ``dropped`` maps each sample that goes to its match; ``apart`` are pairs that look alike and stay.

    ``conflicts`` are pairs of one question with two answers, ``templates`` groups of samples with one answer. ``giant``
    is the size of the largest cluster where it should be looked at.
    """

    settings: Settings
    samples: int
    dropped: dict[int, Match] = field(default_factory=dict)
    apart: list[Match] = field(default_factory=list)
    conflicts: list[tuple[int, int]] = field(default_factory=list)
    templates: list[list[int]] = field(default_factory=list)
    clusters: int = 0
    giant: int = 0
    verified: int = 0
    compared: int = 0

    @property
    def exact(self) -> int:
        """How many go because they are equal."""
        return sum(match.exact for match in self.dropped.values())

    @property
    def near(self) -> int:
        """How many go because they are near."""
        return len(self.dropped) - self.exact


@dataclass(slots=True)
class Found:
    """A finished search, which can be decided at any threshold from its own upwards. ``pairs`` is ``None`` where there were
    too many of them to keep; the clusters hold at the search's own threshold only. ``recall`` says what a search that was asked to
    be approximate misses."""

    collection: Collection
    views: Views
    settings: Settings
    alive: list[int]
    same: dict[int, int]
    pairs: Pairs | None
    clusters: Clusters
    recall: Recall | None = None


def search(collection: Collection, views: Views, settings: Settings, progress: Callable[[int, int], None] | None = None) -> Found:
    """Find the exact duplicates by hash, then every pair of the others at or above the threshold."""
    first: dict[str, int] = {}
    same: dict[int, int] = {}
    for index, identity in enumerate(collection.ids):
        if first.setdefault(identity, index) != index:
            same[index] = first[identity]
    alive = [index for index in range(len(collection)) if index not in same]
    texts = [views.text[index] for index in alive]
    options: dict[str, Any] = {"size": settings.size, "unit": settings.unit, "kernel": settings.kernel, "progress": progress}
    pairs: Pairs | None = None
    if settings.approximate:
        pairs, recall = find_approximately(texts, settings.threshold, kernel=settings.kernel, progress=progress, limit=MOST_PAIRS)
        return Found(collection, views, settings, alive, same, pairs, components(pairs), recall)
    try:
        pairs = find_pairs(texts, settings.threshold, settings.metric, limit=MOST_PAIRS, **options)
        clusters = components(pairs)
    except TooManyPairs:
        clusters = find_clusters(texts, settings.threshold, settings.metric, **options)
    return Found(collection, views, settings, alive, same, pairs, clusters)


def decide(found: Found, rank: Callable[[Sequence[int]], Mapping[int, Any]], settings: Settings | None = None) -> Outcome:
    """Decide at the search's threshold, or at that of ``settings``. ``rank`` orders samples: the least one stays."""
    settings = settings or found.settings
    outcome = Outcome(settings, len(found.collection))
    outcome.verified, outcome.compared = found.clusters.verified, found.clusters.compared
    copies = _copies(found, rank)
    for index, kept in copies.items():
        outcome.dropped[index] = Match(kept, index, 100.0, Judgement("duplicate", 100.0, 100.0, ""), exact=True)
    scores = _Scores(found, settings)
    members = [[found.alive[at] for at in rows.tolist()] for rows in scores.clusters(settings).members()]
    outcome.clusters = len(members)
    largest = max(map(len, members), default=0)
    outcome.giant = largest if largest > GIANT and 20 * largest > len(found.alive) else 0
    ranks = rank([index for rows in members for index in rows])
    standing = {found.same.get(kept, kept): kept for kept in copies.values()}
    for rows in members:
        _decide_cluster(sorted(rows, key=lambda index: (ranks[index], index)), scores, found, outcome)
    _stand_in(outcome, standing)
    _follow(outcome)
    outcome.apart = [match for match in outcome.apart if match.kept not in outcome.dropped and match.other not in outcome.dropped]
    _apart_by_key(found, outcome)
    return outcome


def _decide_cluster(ordered: list[int], scores: _Scores, found: Found, outcome: Outcome) -> None:
    """Go through a cluster from its best sample on: one goes if it is a duplicate of one that stays, else it stays too.

    A sample is looked at word by word beside at most LOOKS of those that stay: first those with the same numbers and
    other telling words, for only they can be copies of it in a set made from a template, then the most alike. So the work grows
    with the samples of a cluster, not with its pairs; what is not looked at stays.
    """
    staying = _Staying(found, len(ordered) > LOOKS)
    for other in ordered:
        for kept, score in staying.nearest(other, scores):
            # A member of a chain may be far from the one that stays: its score says so, and no threshold holds it apart.
            judgement = judge_pair(found, kept, other, outcome.settings.threshold if score >= outcome.settings.bar else 0.0)
            match = Match(kept, other, float(score), judgement)
            if judgement.kind == "duplicate":
                outcome.dropped[other] = match
                break
            outcome.apart.append(match)
        else:
            staying.add(other, scores)


def judge_pair(found: Found, kept: int, other: int, threshold: float) -> Judgement:
    """Say what a pair is; equal texts are not looked at word by word."""
    views, collection = found.views, found.collection
    if (
        views.text[kept] == views.text[other]
        and views.answer[kept] == views.answer[other]
        and views.prompt[kept] == views.prompt[other]
    ):
        kind = "duplicate" if collection.context[kept] == collection.context[other] else "context"
        return Judgement(kind, 100.0, 100.0, "")
    return classify(
        _texts(found, kept), _texts(found, other), threshold if found.settings.metric == "ratio" or not threshold else 80.0
    )


def _texts(found: Found, index: int) -> Texts:
    collection = found.collection
    words = f"{collection.prompt[index]}\n{collection.answer[index]}"
    return Texts(found.views.prompt[index], found.views.answer[index], words, collection.context[index])


class _Scores:
    """The scores of one sample with others: from the pairs where they were kept, computed anew where not."""

    def __init__(self, found: Found, settings: Settings) -> None:
        self._found, self._settings = found, settings
        self._pairs = found.pairs.at_least(settings.threshold) if found.pairs is not None else None
        self._near: dict[int, dict[int, float]] = {}
        if self._pairs is not None:
            alive, factor = found.alive, 100.0 if settings.metric == "jaccard" else 1.0
            self._first: dict[int, int] = {index: alive[at] for index, at in zip(alive, self._pairs.first.tolist(), strict=True)}
            for a, b, score in zip(
                self._pairs.left.tolist(), self._pairs.right.tolist(), self._pairs.score.tolist(), strict=True
            ):
                self._near.setdefault(alive[a], {})[alive[b]] = score * factor
                self._near.setdefault(alive[b], {})[alive[a]] = score * factor

    @property
    def bar(self) -> float:
        """From which score on a pair is looked at: with single linkage every one is."""
        return 0.0 if self._settings.linkage == "single" else self._settings.bar

    def clusters(self, settings: Settings) -> Clusters:
        """The clusters at this threshold and linkage."""
        if self._pairs is None:
            return self._found.clusters
        return complete(self._pairs) if settings.linkage == "complete" else components(self._pairs)

    @property
    def listed(self) -> bool:
        """Whether the pairs at or above the threshold are at hand, so that no score has to be computed."""
        return self._pairs is not None and self._settings.linkage != "single"

    def text_of(self, index: int) -> int:
        """The number of a sample's text: equal texts are one text to the search, under the first row that holds it."""
        return self._first[index]

    def near(self, index: int) -> dict[int, float]:
        """The scores of a sample's text with all others at or above the threshold, by the numbers of those."""
        return self._near.get(self._first[index], {})

    def of(self, mine: int, others: Sequence[int]) -> list[float]:
        """The score of a sample with each of the others; 0 below the threshold, but for single linkage."""
        texts = self._found.views.text
        text, theirs = texts[mine], [texts[other] for other in others]
        if self._settings.metric == "jaccard":
            return [100 * jaccard(text, their, self._settings.size, self._settings.unit) for their in theirs]
        # A hair below: rapidfuzz 3.14 drops pairs that score exactly the cutoff.
        cutoff = 0.0 if self._settings.linkage == "single" else self._settings.threshold - 0.001
        workers = -1 if len(text) * len(theirs) > _WORTH_THREADS else 1
        scores: list[float] = process.cpdist(
            [text] * len(theirs), theirs, scorer=fuzz.ratio, score_cutoff=cutoff, workers=workers, dtype=np.float64
        ).tolist()
        return scores


class _Staying:
    """The samples of a cluster that stay so far, in their order, and which of them to look at beside another one."""

    def __init__(self, found: Found, many: bool) -> None:
        self._found, self._many = found, many
        self._rows: list[int] = []
        self._by_text: dict[int, list[int]] = {}
        self._by_telling: dict[int, list[int]] = {}

    def add(self, index: int, scores: _Scores) -> None:
        """Let a sample stay."""
        at = len(self._rows)
        self._rows.append(index)
        if scores.listed:
            self._by_text.setdefault(scores.text_of(index), []).append(at)
        if self._many:
            self._by_telling.setdefault(self._telling(index), []).append(at)

    def nearest(self, other: int, scores: _Scores) -> list[tuple[int, float]]:
        """Those to look at beside a sample, at most LOOKS, with their scores, in the order in which they stay."""
        found = self._listed(other, scores) if scores.listed else self._computed(other, scores)
        if len(found) > LOOKS:
            alike = set(self._by_telling.get(self._telling(other), ()))
            found = sorted(found, key=lambda entry: (entry[0] not in alike, -entry[1], entry[0]))[:LOOKS]
        return [(self._rows[at], score) for at, score in sorted(found)]

    def _listed(self, other: int, scores: _Scores) -> list[tuple[int, float]]:
        near, own = scores.near(other), scores.text_of(other)
        texts = near if len(near) < len(self._by_text) else self._by_text
        found = [(at, near[text]) for text in texts if text in near and text in self._by_text for at in self._by_text[text]]
        return found + [(at, 100.0) for at in self._by_text.get(own, ())]

    def _computed(self, other: int, scores: _Scores) -> list[tuple[int, float]]:
        wanted = list(range(len(self._rows)))
        if len(wanted) > LOOKS:
            wanted = sorted({*self._by_telling.get(self._telling(other), ()), *wanted[:LOOKS]})
        found = zip(wanted, scores.of(other, [self._rows[at] for at in wanted]), strict=True) if wanted else ()
        return [(at, score) for at, score in found if score >= scores.bar]

    def _telling(self, index: int) -> int:
        collection = self._found.collection
        return hash((telling(collection.prompt[index]), telling(collection.answer[index])))


def _copies(found: Found, rank: Callable[[Sequence[int]], Mapping[int, Any]]) -> dict[int, int]:
    """Exact copies and the one of each that stays: equal in content, they may differ in what a policy looks at."""
    groups: dict[int, list[int]] = {}
    for index, first in found.same.items():
        groups.setdefault(first, [first]).append(index)
    ranks = rank([index for rows in groups.values() for index in rows])
    best = {first: min(rows, key=lambda index: (ranks[index], index)) for first, rows in groups.items()}
    return {index: best[first] for first, rows in groups.items() for index in rows if index != best[first]}


def _stand_in(outcome: Outcome, standing: Mapping[int, int]) -> None:
    """The search knows a group of copies by its first one; name the copy that stays instead."""

    def name(match: Match) -> Match:
        kept, other = standing.get(match.kept, match.kept), standing.get(match.other, match.other)
        return Match(kept, other, match.score, match.judgement, match.exact)

    for index, match in list(outcome.dropped.items()):
        if not match.exact:
            del outcome.dropped[index]
            renamed = name(match)
            outcome.dropped[renamed.other] = renamed
    outcome.apart = [name(match) for match in outcome.apart]


def _follow(outcome: Outcome) -> None:
    """Exact copies of a sample that goes point to the one that stays in its place."""
    for index, match in list(outcome.dropped.items()):
        kept, score, judgement = match.kept, match.score, match.judgement
        while kept in outcome.dropped:
            onward = outcome.dropped[kept]
            kept, score, judgement = onward.kept, onward.score, onward.judgement
        if kept != match.kept:
            outcome.dropped[index] = Match(kept, index, score, judgement, match.exact)


def _apart_by_key(found: Found, outcome: Outcome) -> None:
    """Conflicts and answer templates among the samples that stay, found by equal prompts and equal answers."""
    views = found.views
    stay = [index for index in range(len(found.collection)) if index not in outcome.dropped]
    # By hash, and compared where hashes meet: the texts themselves would be in memory once more.
    by_prompt: dict[tuple[int, str], int] = {}
    by_answer: dict[int, list[int]] = {}
    for index in stay:
        prompt, answer = views.prompt[index], views.answer[index]
        if prompt and answer:
            first = by_prompt.setdefault((hash(prompt), found.collection.context[index]), index)
            if first != index and views.answer[first] != answer and views.prompt[first] == prompt:
                outcome.conflicts.append((first, index))
        if len(answer) >= _TEMPLATE_CHARS:
            by_answer.setdefault(hash(answer), []).append(index)
    for rows in by_answer.values():
        if len(rows) >= _TEMPLATE_PROMPTS and len({views.prompt[row] for row in rows}) >= _TEMPLATE_PROMPTS:
            outcome.templates.append([row for row in rows if views.answer[row] == views.answer[rows[0]]])


def explore(
    found: Found, rank: Callable[[Sequence[int]], Mapping[int, Any]], thresholds: Sequence[float]
) -> Iterator[tuple[float, Outcome]]:
    """Decide at several thresholds, each at or above the search's own, without searching again."""
    from dataclasses import replace

    for threshold in thresholds:
        yield threshold, decide(found, rank, replace(found.settings, threshold=threshold))
