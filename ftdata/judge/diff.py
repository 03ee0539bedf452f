"""What became of a set of samples: added, removed, edited, moved. Samples are known by their hashes, edits by likeness."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from ftdata.dedupe.collect import Collection
    from ftdata.dedupe.decide import Settings
    from ftdata.judge.dataset import Dataset

# An edited sample is at least so much like what it was (rapidfuzz.fuzz.ratio), or asks the same.
ALIKE = 80.0
# More comparisons than that would take minutes; then samples that ask the same are paired, and no others.
MOST_COMPARED = 400_000_000
# The texts of so many samples are read at most.
MOST_READ = 200_000

# Of so many edits the words that differ are named, and of so much of a text.
DESCRIBED = 20
MOST_TEXT = 50_000
# So many rows are sought one by one; of more, the files are read once.
MOST_SOUGHT = 500


@dataclass(frozen=True, slots=True)
class Edit:
    """A sample that was changed: its index before and after, how alike both are (0 to 100), and the words that differ."""

    before: int
    after: int
    score: float
    difference: str


@dataclass(slots=True)
class Comparison:
    """Two tables of samples. ``added`` and ``removed`` are indexes, the edited ones left out; ``same`` and ``moved`` are pairs (before,
    after). ``notes`` say what was too much to look at."""

    added: list[int]
    removed: list[int]
    same: int
    moved: list[tuple[int, int]]
    edited: list[Edit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def fresh(self) -> list[int]:
        """The indexes after of all samples that were not there before."""
        return sorted([*self.added, *(edit.after for edit in self.edited)])


def compare(before: pl.DataFrame, after: pl.DataFrame) -> Comparison:
    """Compare two tables with the columns ``id`` and ``label``, the name of the file on both sides, in the order of the rows.

    Copies of a sample are told apart by their number: of three where two were, the last one is new. A sample has moved where it
    stands in another file, or in another place among those that stayed: as few as possible of them are said to have.
    """
    import polars as pl

    left, right = _numbered(before), _numbered(after)
    stayed = left.join(right, on=["id", "label", "copy"], how="inner", suffix="_after").select("index", "index_after", "label")
    rest = [
        frame.join(stayed, left_on="index", right_on=key, how="anti", maintain_order="left")
        .with_columns(pl.col("index").cum_count().over("id").alias("copy"))
        for frame, key in ((left, "index"), (right, "index_after"))
    ]  # fmt: skip
    elsewhere = rest[0].join(rest[1], on=["id", "copy"], how="inner", suffix="_after").select("index", "index_after")
    removed = rest[0].join(elsewhere, on="index", how="anti", maintain_order="left")["index"].to_list()
    added = rest[1].join(elsewhere, left_on="index", right_on="index_after", how="anti", maintain_order="left")["index"].to_list()
    moved = [(int(a), int(b)) for a, b in elsewhere.iter_rows()]
    for group in stayed.sort("index_after").partition_by("label", maintain_order=True):
        old, new = group["index"].to_numpy(), group["index_after"].to_numpy()
        moved += [(int(old[at]), int(new[at])) for at in _out_of_order(old)]
    moved.sort(key=lambda pair: pair[1])
    return Comparison(added, removed, stayed.height + elsewhere.height - len(moved), moved)


def _numbered(table: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    frame = table.select("id", "label").with_row_index("index")
    return frame.with_columns(pl.col("index").cum_count().over("id", "label").alias("copy"))


def _out_of_order(places: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> list[int]:
    """The positions that do not belong to the longest increasing subsequence."""
    if places.size < 2 or bool((places[1:] > places[:-1]).all()):
        return []
    tails: list[int] = []
    ends: list[int] = []
    behind = [-1] * len(places)
    for at, place in enumerate(places.tolist()):
        where = bisect_left(tails, place)
        behind[at] = ends[where - 1] if where else -1
        if where == len(tails):
            tails.append(place)
            ends.append(at)
        else:
            tails[where], ends[where] = place, at
    kept, at = set(), ends[-1]
    while at >= 0:
        kept.add(at)
        at = behind[at]
    return [at for at in range(len(places)) if at not in kept]


def pair_edits(found: Comparison, before: Dataset, after: Dataset) -> None:
    """Find which added samples are edited ones: those that ask the same as a removed one, then those that are most alike.

    Every pair that is at least 80 % alike is looked at; each sample has one partner, the best ones are chosen first.
    """
    if not found.added or not found.removed:
        return
    if len(found.added) + len(found.removed) > MOST_READ:
        found.notes.append(f"more than {MOST_READ:,} samples were added and removed: edited ones are not looked for among them")
        return
    from ftdata.dedupe.collect import Collection, make_views, shared_systems
    from ftdata.dedupe.decide import Settings

    settings = Settings(ALIKE, steps=("nfkc",))
    old, new = read_texts(before, found.removed), read_texts(after, found.added)
    both = Collection(system=old.system + new.system)
    shared = shared_systems(both)
    views = [make_views(side, settings.view, settings.steps, shared) for side in (old, new)]
    pairs = _same_question(views[0].prompt, views[1].prompt, views[0].text, views[1].text)
    taken = ({one for one, _, _ in pairs}, {other for _, other, _ in pairs})
    rows = [[at for at, text in enumerate(views[side].text) if text and at not in taken[side]] for side in (0, 1)]
    if rows[0] and rows[1]:
        if len(rows[0]) * len(rows[1]) > MOST_COMPARED:
            found.notes.append(
                f"{len(rows[1]):,} added and {len(rows[0]):,} removed samples are too many to look for edited ones by likeness"
            )
        else:
            pairs += _alike(views[0].text, views[1].text, rows, settings)
    _settle(found, pairs, old, new)


def _same_question(
    one: Sequence[str], other: Sequence[str], texts: Sequence[str], others: Sequence[str]
) -> list[tuple[int, int, float]]:
    """Pairs of samples that ask the same, where only one on each side does: (before, after, how alike the whole is)."""
    from rapidfuzz import fuzz

    sides: list[dict[str, list[int]]] = []
    for prompts in (one, other):
        seen: dict[str, list[int]] = {}
        for at in range(len(prompts)):
            if prompts[at].strip():
                seen.setdefault(prompts[at], []).append(at)
        sides.append(seen)
    pairs = [(rows[0], sides[1][text][0]) for text, rows in sides[0].items() if len(rows) == 1 == len(sides[1].get(text, ()))]
    return [(a, b, fuzz.ratio(texts[a], others[b])) for a, b in pairs]


def _alike(one: Sequence[str], other: Sequence[str], rows: list[list[int]], settings: Settings) -> list[tuple[int, int, float]]:
    from ftdata.dedupe.pairs import TooManyPairs
    from ftdata.dedupe.search import find_pairs

    try:
        pairs = find_pairs(
            [other[at] for at in rows[1]], settings.threshold, against=[one[at] for at in rows[0]], limit=5_000_000
        )
    except TooManyPairs:
        return []
    copies: list[dict[int, list[int]]] = []
    for first in (pairs.first_right, pairs.first):
        same: dict[int, list[int]] = {}
        for at, head in enumerate(first.tolist()):
            same.setdefault(head, []).append(at)
        copies.append(same)
    order = sorted(
        zip(pairs.score.tolist(), pairs.right.tolist(), pairs.left.tolist(), strict=True), key=lambda p: (-p[0], p[1], p[2])
    )
    chosen = []
    for score, right, left in order:
        olds, news = copies[0][right], copies[1][left]
        while olds and news:
            chosen.append((rows[0][olds.pop(0)], rows[1][news.pop(0)], score))
    return chosen


def _settle(found: Comparison, pairs: list[tuple[int, int, float]], old: Collection, new: Collection) -> None:
    found.edited = sorted(
        (Edit(found.removed[one], found.added[other], score, words_between(old, one, new, other) if nth < DESCRIBED else "")
         for nth, (one, other, score) in enumerate(sorted(pairs, key=lambda pair: pair[1]))),
        key=lambda edit: edit.after,
    )  # fmt: skip
    gone, come = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    found.removed = [index for at, index in enumerate(found.removed) if at not in gone]
    found.added = [index for at, index in enumerate(found.added) if at not in come]


def words_between(old: Collection, one: int, new: Collection, other: int) -> str:
    """The words that differ between two samples. Secrets are masked first: cut into words, nothing would know them any more."""
    from ftdata.dedupe.classify import describe, difference
    from ftdata.measure.private import mask

    sides = ((old, one), (new, other))
    before, after = (
        mask("\n".join(part for part in (side.system[at], side.prompt[at], side.answer[at]) if part)[:MOST_TEXT])
        for side, at in sides
    )
    return describe(difference(before, after))


def read_texts(dataset: Dataset, indexes: Sequence[int]) -> Collection:
    """The texts of some samples, one row each, with their hashes; a sample that cannot be read again is empty.

    A few rows are sought, many are read in one pass over their files.
    """
    from ftdata.dedupe.collect import Collection, collect, texts_of

    side = Collection(ids=dataset.table["id"][list(indexes)].to_list() if indexes else [])
    if len(indexes) <= MOST_SOUGHT:
        texts = [texts_of(s) if s is not None and s.kind != "none" else ("",) * 4 for s in dataset.samples(indexes)]
    else:
        files = [number for number, counted in enumerate(dataset.files) if counted.item is not None and not counted.report.error]
        items = [item.file for number in files if (item := dataset.files[number].item) is not None]
        found = collect(items, format=dataset.format) if items else Collection()
        columns = zip(found.system, found.prompt, found.answer, found.context, strict=True)
        at = {(files[f], row): four for f, row, four in zip(found.file, found.row, columns, strict=True)}
        places = dataset.table.select("file", "row")[list(indexes)].iter_rows()
        texts = [at.get(place, ("",) * 4) for place in places]
    side.system, side.prompt, side.answer, side.context = (
        (list(column) for column in zip(*texts, strict=True)) if texts else ([], [], [], [])
    )
    return side
