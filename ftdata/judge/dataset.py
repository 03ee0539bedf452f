"""The whole input as one table, for the rules that look at all samples together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ftdata.rule import Turn
from ftdata.types import InputReport, Message, Sample

if TYPE_CHECKING:
    import polars as pl

    from ftdata.dedupe.collect import Collection
    from ftdata.read import Input

READ_AGAIN = 64 << 20


@dataclass(slots=True)
class FileCounts:
    """What was counted of one file while it was read."""

    report: InputReport
    faults: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    problem: str | None = None
    item: Input | None = None


class Dataset:
    """All samples of all inputs: ``table`` has one row each, in the order of the files and rows.

    Columns: file (index into ``files``), row (1-based in its file), line, offset, id, format, kind, held (whether it is
    for evaluation), and the measures that the selected dataset rules need.
    """

    def __init__(
        self,
        table: pl.DataFrame,
        files: Sequence[FileCounts],
        format: str | None = None,
        mapping: Mapping[str, str] | None = None,
    ) -> None:
        """``format`` and ``mapping`` are those that the rows were parsed with."""
        self.table = table
        self.files = files
        self.format = format
        self._mapping = mapping
        self._fetched: dict[int, Sample | None] = {}

    @property
    def count(self) -> int:
        """How many samples there are."""
        return self.table.height

    @property
    def size(self) -> int:
        """How many bytes the files hold, as they are on disk."""
        return sum(counted.item.size for counted in self.files if counted.item is not None)

    @cached_property
    def train(self) -> pl.DataFrame:
        """The samples of the training files, with their ``index`` in the table."""
        return self._part(held=False)

    @cached_property
    def sets(self) -> list[pl.DataFrame]:
        """The samples of each training file on their own: a style is the style of a file, not of a folder."""
        train = self.train
        return train.partition_by("file", maintain_order=True) if train["file"].n_unique() > 1 else [train]

    @cached_property
    def eval(self) -> pl.DataFrame:
        """The samples of the evaluation files, with their ``index`` in the table."""
        return self._part(held=True)

    def _part(self, held: bool) -> pl.DataFrame:
        import polars as pl

        table = self.table.with_row_index("index")
        kept = (pl.col("held") == held) & (pl.col("kind") != "none")
        # A filter copies the table; most inputs are all training data, and need none.
        return table if table.select(kept.all()).item() else table.filter(kept)

    def samples(self, indexes: Sequence[int]) -> list[Sample | None]:
        """Read some samples once more, for the table holds no texts; ``None`` where a file cannot be read again.

        Files that have to be read from their beginning (compressed ones, arrays) are read again up to 64 MB.
        """
        from ftdata.errors import ReadError
        from ftdata.formats import detect_row, parse
        from ftdata.read import read_rows

        missing = sorted({index for index in indexes if index not in self._fetched})
        places = self.table.select("file", "line", "offset", "row")[missing].rows() if missing else []
        by_file: dict[int, list[tuple[int, tuple[int | None, int | None, int]]]] = {}
        for index, (file, line, offset, row) in zip(missing, places, strict=True):
            by_file.setdefault(file, []).append((index, (line, offset, row)))
        for file, wanted in by_file.items():
            item = self.files[file].item
            values: list[Any] = [None] * len(wanted)
            if item is not None and (item.container == "jsonl" or item.size <= READ_AGAIN):
                with suppress(ReadError):
                    values = read_rows(item, [place for _, place in wanted])
            for (index, _), value in zip(wanted, values, strict=True):
                known = value is not None
                self._fetched[index] = parse(value, self.format or detect_row(value), self._mapping) if known else None
        return [self._fetched[index] for index in indexes]

    def turns(self, indexes: Sequence[int], turn: Turn) -> list[Message | None]:
        """The turn of each sample that findings show: its first system turn, its last question or its last answer."""
        return [turn_of(sample, turn) if sample is not None else None for sample in self.samples(indexes)]

    def texts(self, indexes: Sequence[int], turn: Turn) -> list[str | None]:
        """The text of that turn."""
        return [message.text if message is not None else None for message in self.turns(indexes, turn)]

    def near_duplicates(self, threshold: float) -> Iterator[tuple[int, int, float, str]]:
        """Training samples that go as near-duplicates: (index, index of the one that stays, score 0 to 100, words that differ).

        The texts are read once more; copies are another rule's.
        """
        from ftdata.dedupe.collect import make_views
        from ftdata.dedupe.decide import Settings, decide, search
        from ftdata.dedupe.keep import make_rank

        collection, indexes = self._collected(held=False)
        if not len(collection):
            return
        settings = Settings(threshold)
        outcome = decide(
            search(collection, make_views(collection, settings.view, settings.steps), settings), make_rank("first", collection)
        )
        for other, match in sorted(outcome.dropped.items()):
            if not match.exact:
                yield indexes[other], indexes[match.kept], match.score, match.judgement.difference

    def near_leaks(self, threshold: float, variants: bool) -> Iterator[tuple[int, int, float, str]]:
        """Evaluation samples that a training sample resembles: (index, index of the training sample, score, words).

        With ``variants`` also those that differ in a number, a name, a unit or a negation only.
        """
        from ftdata.dedupe.against import make_base, match_base
        from ftdata.dedupe.collect import make_views
        from ftdata.dedupe.decide import Settings

        (train, train_at), (held, held_at) = self._collected(held=False), self._collected(held=True)
        if not len(train) or not len(held):
            return
        settings = Settings(threshold)
        views = make_views(held, settings.view, settings.steps)
        for index, other, score, judgement in match_base(held, views, make_base(train, settings), settings):
            if judgement.kind in (("duplicate", "variant") if variants else ("duplicate",)) and score < 100.0:
                yield held_at[index], train_at[other], score, judgement.difference

    def _collected(self, held: bool) -> tuple[Collection, list[int]]:
        """The samples of the training or the evaluation files for a search, and their indexes in the table."""
        import polars as pl

        from ftdata.dedupe.collect import Collection, collect

        files = [
            number
            for number, counted in enumerate(self.files)
            if (counted.report.role == "eval") == held and counted.item is not None
        ]
        items = [item for number in files if (item := self.files[number].item) is not None]
        collection = collect([item.file for item in items], format=self.format) if items else Collection()
        table = self.table.with_row_index("index").filter(pl.col("file").is_in(files))
        at = {(file, row): index for index, file, row in table.select("index", "file", "row").iter_rows()}
        places = zip(collection.file, collection.row, strict=True)
        return collection, [at[files[file], row] for file, row in places]

    def first_of_file(self, number: int) -> int | None:
        """Return the index of a file's first sample."""
        import polars as pl

        found = self.table.with_row_index("index").filter(pl.col("file") == number).head(1)
        return int(found["index"][0]) if found.height else None

    def first_of_format(self, number: int, name: str) -> int | None:
        """Return the index of a file's first sample of one format."""
        import polars as pl

        rows = self.table.with_row_index("index").filter((pl.col("file") == number) & (pl.col("format").cast(pl.String) == name))
        return int(rows["index"][0]) if rows.height else None

    def mixed_families(self) -> Iterator[tuple[dict[str, int], dict[str, int]] | None]:
        """For each file ``None`` if it holds one format family, else counts by family and, for every family but
        the commonest, the index of its first sample."""
        from ftdata.formats import FORMATS

        for number, counted in enumerate(self.files):
            families: dict[str, int] = {}
            names: dict[str, list[str]] = {}
            for name, count in counted.report.formats.items():
                if name in FORMATS and FORMATS[name].kind != "none":
                    family = FORMATS[name].family
                    families[family] = families.get(family, 0) + count
                    names.setdefault(family, []).append(name)
            if len(families) < 2:
                yield None
                continue
            ordered = dict(sorted(families.items(), key=lambda item: (-item[1], item[0])))
            firsts: dict[str, int] = {}
            for family in list(ordered)[1:]:
                indexes = [self.first_of_format(number, name) for name in names[family]]
                firsts[family] = min(index for index in indexes if index is not None)
            yield ordered, firsts

    def type_drift(self) -> Iterator[tuple[int, str, str, str]]:
        """Samples in which a field has another JSON type than in most samples of the same file.

        Yields (index, field, type found, usual type), by file and row.
        """
        import polars as pl

        rows = self.table.with_row_index("index").select("index", "file", pl.col("types"))
        counted = rows.group_by("file", "types").agg(pl.len().alias("n")).sort("file", "types")
        usual: dict[tuple[int, str], dict[str, int]] = {}
        for file, types, n in counted.iter_rows():
            for field_, kind in _pairs(types):
                kinds = usual.setdefault((file, field_), {})
                kinds[kind] = kinds.get(kind, 0) + n
        common = {key: max(sorted(kinds), key=lambda k: kinds[k]) for key, kinds in usual.items()}
        drifting = {
            (file, types): [(f, k, common[file, f]) for f, k in _pairs(types) if k != common[file, f]]
            for file, types, _ in counted.iter_rows()
        }
        wanted = [key for key, fields in drifting.items() if fields]
        if not wanted:
            return
        keys = pl.DataFrame(wanted, schema={"file": pl.UInt16, "types": pl.String}, orient="row")
        for index, file, types in rows.join(keys, on=["file", "types"], how="semi", maintain_order="left").iter_rows():
            for field_, kind, most in drifting[file, types]:
                yield index, field_, kind, most

    def places(self, indexes: list[int | None]) -> list[tuple[int, int | None, int] | None]:
        """Return (file, line, row) of each index, ``None`` for ``None``."""
        wanted = [index for index in indexes if index is not None]
        found = iter(self.table.select("file", "line", "row")[wanted].rows() if wanted else [])
        return [next(found) if index is not None else None for index in indexes]

    def name_place(self, place: tuple[int, int | None, int]) -> str:
        """Name a place for people: "train.jsonl:812"."""
        file, line, row = place
        path = self.files[file].report.path
        return f"{path}:{line}" if line is not None else f"{path} row {row}"


_ROLES: dict[Turn, tuple[str, ...]] = {"system": ("system", "developer"), "question": ("user",), "answer": ("assistant",)}


def turn_of(sample: Sample, turn: Turn) -> Message | None:
    """Return the turn of a sample that a finding shows: its first system turn, its last question or its last answer."""
    found = [message for message in (*sample.messages, *sample.chosen) if message.role in _ROLES[turn]]
    return (found[0] if turn == "system" else found[-1]) if found else None


def _pairs(types: str | None) -> list[tuple[str, str]]:
    return [(field_, kind) for field_, _, kind in (pair.partition("=") for pair in (types or "").split("|") if pair)]
