"""The near-duplicate search: all pairs at or above a threshold, or the clusters they make, exactly."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np

from ftdata.dedupe import jaccard, ratio, shingles
from ftdata.dedupe.cluster import Clusters, Union
from ftdata.dedupe.pairs import Block, Floats, Ints, Labels, Pairs, Progress, first_rows, gather, nothing
from ftdata.errors import MissingExtra, UsageError

Metric = Literal["ratio", "jaccard"]
Kernel = Literal["auto", "numba", "numpy"]

_NEIGHBOURS = 1 << 16  # pairs of neighbours scored at once
_KEY = 64  # characters of a text's end that put it beside others


@dataclass(frozen=True, slots=True)
class Measure:
    """What makes two texts near-duplicates.

    ratio: rapidfuzz.fuzz.ratio at or above `threshold`, 80 to 100. jaccard: shared shingles over all shingles, 0.5 to 1,
    shingles of `size` words or characters.
    """

    threshold: float
    metric: Metric = "ratio"
    size: int = 5
    unit: shingles.Unit = "word"

    def __post_init__(self) -> None:
        low, high = (80.0, 100.0) if self.metric == "ratio" else (0.5, 1.0)
        if self.metric not in ("ratio", "jaccard"):
            raise UsageError(f"'{self.metric}' is no measure.", "Measures are ratio and jaccard.")
        if not low <= self.threshold <= high:
            raise UsageError(f"A {self.metric} threshold is between {low:g} and {high:g}, not {self.threshold:g}.")
        if self.size < 1 or self.unit not in ("word", "character"):
            raise UsageError(f"A shingle is one or more words or characters, not {self.size} of '{self.unit}'.")

    @property
    def best(self) -> float:
        """The score of two equal texts."""
        return 100.0 if self.metric == "ratio" else 1.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A search that is ready to run, on positions: left_rows and right_rows are the distinct texts' places."""

    left_rows: Ints
    right_rows: Ints
    run: Callable[[Progress | None, Callable[[], Labels | None]], Generator[Block, None, None]]
    score: Callable[[Ints, Ints], Floats]


def find_pairs(
    texts: Sequence[str],
    threshold: float,
    metric: Metric = "ratio",
    *,
    against: Sequence[str] | None = None,
    size: int = 5,
    unit: shingles.Unit = "word",
    kernel: Kernel = "auto",
    progress: Progress | None = None,
    limit: int | None = 20_000_000,
) -> Pairs:
    """Find every pair of texts at or above the threshold: recall and precision 1.0 by definition (see Measure).

    Equal texts count as one, named by their first row; Pairs.expanded writes them out. With `against`, pairs are of a row
    of `texts` and a row of `against`, equal texts included. Texts are taken as they are: normalise them first.
    Raises UsageError for a threshold or a measure that makes no sense, TooManyPairs past `limit` pairs of distinct texts
    (16 bytes each while they are gathered), MissingExtra for kernel="numba" without numba. `progress` is called with
    the work done and in all: pairs inside the length windows for ratio, rows for jaccard.
    """
    measure = Measure(threshold, metric, size, unit)
    distinct, rows, first = first_rows(texts)
    base, base_rows, base_first = (None, rows, first) if against is None else first_rows(against)
    prepared = prepare(distinct, base, measure, kernel)
    with closing(prepared.run(progress, nothing)) as blocks:
        found = gather(blocks, limit)
    left, right = rows[prepared.left_rows[found.left]], base_rows[prepared.right_rows[found.right]]
    if against is None:
        left, right = np.minimum(left, right), np.maximum(left, right)
    order = np.lexsort((right, left))
    score = found.score[order]
    return Pairs(left[order], right[order], score, first, base_first, against is not None, found.verified, found.compared)


def find_clusters(
    texts: Sequence[str],
    threshold: float,
    metric: Metric = "ratio",
    *,
    size: int = 5,
    unit: shingles.Unit = "word",
    kernel: Kernel = "auto",
    progress: Progress | None = None,
) -> Clusters:
    """Find the connected components of the near-duplicate pairs without listing the pairs (single linkage).

    The same components as cluster.components(find_pairs(...)), in memory that does not grow with the pairs: two texts
    that are known to be connected are not compared. Raises as find_pairs.
    """
    distinct, rows, first = first_rows(texts)
    prepared = prepare(distinct, None, Measure(threshold, metric, size, unit), kernel)
    union = Union(len(distinct))
    verified = compared = 0
    for block in _neighbours(distinct, prepared, threshold):
        union.join(block.left, block.right)
        verified += block.verified
    with closing(prepared.run(progress, union.labels)) as blocks:
        for block in blocks:
            union.join(block.left, block.right)
            verified += block.verified
            compared += block.compared
    smallest = np.full(len(distinct), len(texts), np.int64)
    labels = union.labels()
    own = rows[prepared.left_rows]
    np.minimum.at(smallest, labels, own)
    by_text = np.empty(len(texts), np.int64)
    by_text[own] = smallest[labels]
    return Clusters(by_text[first], verified, compared)


def _neighbours(distinct: Sequence[str], prepared: Prepared, threshold: float) -> Iterator[Block]:
    """Compare each text with its neighbours by beginning, by end and by length: three pairs per text.

    That connects most of a large cluster before its pairs, which are quadratic, are looked at.
    """
    rows = prepared.left_rows
    ordered = [distinct[row] for row in rows.tolist()]
    by_start = sorted(range(len(ordered)), key=ordered.__getitem__)
    by_end = sorted(range(len(ordered)), key=lambda at: ordered[at][: -_KEY - 1 : -1])
    for order in (np.array(by_start, np.int64), np.array(by_end, np.int64), np.arange(len(ordered))):
        for start in range(0, max(order.size - 1, 0), _NEIGHBOURS):
            pairs = order[start : start + _NEIGHBOURS + 1]
            keep = prepared.score(pairs[:-1], pairs[1:]) >= threshold
            yield Block(pairs[:-1][keep], pairs[1:][keep], np.empty(0, np.float64), pairs.size - 1, 0)


def prepare(left: Sequence[str], right: Sequence[str] | None, measure: Measure, kernel: Kernel) -> Prepared:
    """Sort and sketch distinct texts for a search; without `right`, left is searched against itself."""
    if measure.metric == "ratio":
        return _prepare_ratio(left, right, measure, kernel)
    return _prepare_jaccard(left, right, measure, kernel)


def _prepare_ratio(left: Sequence[str], right: Sequence[str] | None, measure: Measure, kernel: Kernel) -> Prepared:
    task = ratio.make_task(left, right, measure.threshold)
    find = _kernel("ratio", kernel).make_finder(task)

    def score(a: Ints, b: Ints) -> Floats:
        texts, others = task.left.texts, task.right.texts
        return ratio.score_pairs([texts[row] for row in a.tolist()], [others[row] for row in b.tolist()], measure.threshold)

    def run(progress: Progress | None, known: Callable[[], Labels | None]) -> Generator[Block, None, None]:
        return ratio.search(task, measure.threshold, find, progress, known)

    return Prepared(task.left.rows, task.right.rows, run, score)


def _prepare_jaccard(left: Sequence[str], right: Sequence[str] | None, measure: Measure, kernel: Kernel) -> Prepared:
    module = _kernel("jaccard", kernel)
    collections = [left] if right is None else [left, right]
    sets = module.make_sets(collections, measure.size, measure.unit)
    join = jaccard.make_join(sets[0], None if right is None else sets[1], measure.threshold)
    find = module.make_finder(join)

    def score(a: Ints, b: Ints) -> Floats:
        scores: Floats = module.score_sets(join, a, b)
        return scores

    def run(progress: Progress | None, known: Callable[[], Labels | None]) -> Generator[Block, None, None]:
        return jaccard.search(join, find, progress, known)

    return Prepared(join.left_rows, join.right_rows, run, score)


def _kernel(metric: Metric, kernel: Kernel) -> ModuleType:
    """The module that does the work: numba where it is installed, unless told otherwise."""
    from importlib import import_module

    if kernel not in ("auto", "numba", "numpy"):
        raise UsageError(f"'{kernel}' is no kernel.", "Kernels are auto, numba and numpy.")
    if kernel != "numpy":
        try:
            return import_module(f"ftdata.dedupe.{metric}_numba")
        except (ImportError, RuntimeError) as error:  # no numba, or nowhere to keep what it compiles
            if kernel == "numba":
                raise MissingExtra(f"numba cannot be used: {error}", "pip install 'ftdata[fast]'") from error
    return import_module(f"ftdata.dedupe.{metric}_numpy")
