"""Which samples to show: by row, by hash, or by a condition over the measures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftdata.errors import MissingExtra, ReadError, UsageError, suggest
from ftdata.formats import detect_row, parse, sample_id
from ftdata.read import Input, cut, decode, read_rows

if TYPE_CHECKING:
    from ftdata.measure.batch import Overhead

_MOST_NAMED = 8
_HEX = frozenset("0123456789abcdef")
PIECE_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Picked:
    """One row to show: its file, its number there from 1, its line, its value and the hash of its sample."""

    item: Input
    row: int
    line: int | None
    value: Any
    id: str


@dataclass(frozen=True, slots=True)
class Ranges:
    """Rows by number, from 1: (first, last) pairs, last ``None`` for up to the end."""

    parts: tuple[tuple[int, int | None], ...]

    def __contains__(self, row: int) -> bool:
        return any(first <= row and (last is None or row <= last) for first, last in self.parts)

    @property
    def last(self) -> int | None:
        """The last row that can be meant; ``None`` where there is no end."""
        ends = [last for _, last in self.parts]
        return None if None in ends else max(last for last in ends if last is not None)


def read_ranges(texts: Sequence[str]) -> Ranges:
    """Read "3", "3-7", "3-" and lists of these. Raises UsageError for anything else."""
    parts: list[tuple[int, int | None]] = []
    for text in (part.strip() for given in texts for part in given.split(",")):
        first, dash, last = (part.strip() for part in text.partition("-"))
        if not _is_row(first) or (last and not _is_row(last)):
            raise UsageError(f"--row {text[:80]}: not a row", "Rows count from 1: --row 3, --row 3-7, --row 3- or --row 1,4,9.")
        end = int(last) if last else None if dash else int(first)
        if end is not None and end < int(first):
            raise UsageError(f"--row {text}: ends before it begins", f"Write {last}-{first}.")
        parts.append((int(first), end))
    return Ranges(tuple(parts))


def _is_row(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16 and int(text) > 0


class Rows:
    """Goes through rows in order; ``left`` says afterwards how many were not looked at, ``seen`` the rows of each file."""

    def __init__(self, inputs: Sequence[Input], format: str | None) -> None:
        self._inputs, self._format = inputs, format
        self.left = 0
        self.seen: dict[str, int] = {}

    def first(self, limit: int) -> Iterator[Picked]:
        """Yield the first rows; those after them are counted only. Raises ReadError for a file that cannot be read."""
        given = 0
        for item in self._inputs:
            row = 0
            for piece in _pieces(item):
                if given >= limit:
                    self.left += _count(piece)
                    continue
                chunk = decode(piece)
                for value, line in zip(chunk.values, chunk.lines, strict=True):
                    row += 1
                    if given < limit:
                        given += 1
                        yield self._picked(item, row, line, value)
                    else:
                        self.left += 1

    def numbered(self, ranges: Ranges) -> Iterator[Picked]:
        """Yield the rows of these numbers of every file; reading stops after the last."""
        last = ranges.last
        for item in self._inputs:
            row = 0
            for piece in _pieces(item):
                chunk = decode(piece)
                for value, line in zip(chunk.values, chunk.lines, strict=True):
                    row += 1
                    if row in ranges:
                        yield self._picked(item, row, line, value)
                self.seen[item.path] = row
                if last is not None and row >= last:
                    break

    def _picked(self, item: Input, row: int, line: int | None, value: Any) -> Picked:
        sample = parse(value, self._format or detect_row(value))
        return Picked(item, row, line, value, sample_id(sample))


def _count(piece: Any) -> int:
    """How many rows a piece seems to hold, without decoding them: lines that are not blank."""
    if piece.rows is not None:
        return len(piece.rows)
    if piece.container == "parquet":
        return int(piece.end - piece.start)
    data = piece.data
    if data is None:
        try:
            with Path(piece.file).open("rb") as file:
                file.seek(piece.start)
                data = file.read(piece.end - piece.start)
        except OSError:
            return 0
    return sum(1 for line in data.split(b"\n") if line and not line.isspace())


def _pieces(item: Input) -> Iterator[Any]:
    try:
        yield from cut(item, PIECE_BYTES)
    except ReadError as error:
        raise ReadError(f"{item.path}: {error.message}", error.hint) from None


# --- By hash --------------------------------------------------------------------------------------


def check_prefixes(given: Sequence[str]) -> list[str]:
    """The hash prefixes in some options. Raises UsageError for what is none."""
    prefixes = [part.strip().lower() for text in given for part in text.split(",") if part.strip()]
    for prefix in prefixes:
        if not set(prefix) <= _HEX or len(prefix) > 32:
            raise UsageError(
                f"--sample {prefix[:80]}: not a hash", "Give what lint prints after 'sample', such as 1f00ba12, or its beginning."
            )
    if not prefixes:
        raise UsageError("--sample is empty", "Give what lint prints after 'sample', such as 1f00ba12.")
    return prefixes


def by_hash(
    inputs: Sequence[Input], prefixes: Sequence[str], format: str | None, progress: Any = None
) -> tuple[list[Picked], list[str]]:
    """The rows whose sample's hash begins so, and the prefixes that none has. Copies of one sample are all found.

    Raises UsageError where a prefix fits several different samples, with their hashes and places.
    """
    from ftdata.scan import Look, scan

    found = scan(inputs, Look(format), progress=progress)
    texts = found.ids.tobytes().hex()
    picked: dict[int, None] = {}
    missing = []
    for prefix in prefixes:
        rows = [row for row in range(len(found)) if texts.startswith(prefix, row * 32)]
        hashes = dict.fromkeys(found.hash_of(row) for row in rows)
        if len(hashes) > 1:
            places = []
            for text in list(hashes)[:_MOST_NAMED]:
                file, row = found.place(next(row for row in rows if found.hash_of(row) == text))
                places.append(f"{text[: len(prefix) + 4]} ({inputs[file].path} row {row})")
            more = f" and {len(hashes) - _MOST_NAMED:,} more" if len(hashes) > _MOST_NAMED else ""
            raise UsageError(
                f"--sample {prefix} fits {len(hashes):,} samples: {', '.join(places)}{more}", "Give more of the hash."
            )
        picked |= dict.fromkeys(rows)
        if not rows:
            missing.append(prefix)
    wanted = sorted(picked)
    places_of = [found.place(row) for row in wanted]
    rows_by_file: dict[int, list[int]] = {}
    for file, row in places_of:
        rows_by_file.setdefault(file, []).append(row)
    result = []
    for file, rows in rows_by_file.items():
        ranges = Ranges(tuple((row, row) for row in rows))
        result += list(Rows([inputs[file]], format).numbered(ranges))
    return result, missing


# --- By a condition -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Matches:
    """The rows for which a condition holds: (file, line, offset, row, hash), and how many rows were looked at."""

    places: list[tuple[int, int | None, int | None, int, str]]
    of: int


def read_condition(where: str) -> tuple[Any, list[str]]:
    """Return the polars expression of a SQL condition and the measures that it names.

    Raises UsageError where polars refuses it or where a column is no measure.
    """
    import polars as pl

    from ftdata.measure.registry import MEASURES

    try:
        expression = pl.sql_expr(where)
        names = list(dict.fromkeys(expression.meta.root_names()))
    except BaseException as error:  # polars panics are no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise UsageError(
            f"--where: not a SQL condition ({reason})", "Such as --where \"n_turns > 4 AND answer ILIKE '%sorry%'\"."
        ) from None
    for name in names:
        if name not in MEASURES:
            raise UsageError(
                f"--where: unknown measure '{name}'.{suggest(name, MEASURES)}", f"Measures: {', '.join(sorted(MEASURES))}."
            )
    if not names:
        raise UsageError(
            "--where names no measure, so it is the same for every sample", f"Measures: {', '.join(sorted(MEASURES))}."
        )
    if "language" in names:
        from importlib.util import find_spec

        if find_spec("py3langid") is None:
            raise MissingExtra("the measure language needs py3langid", "Install it: pip install 'ftdata[lang]'")
    return expression, names


def by_condition(
    inputs: Sequence[Input], where: str, format: str | None, tokenizer: str, overhead: Overhead, progress: Any = None
) -> Matches:
    """Find the rows for which a condition over the measures holds. Each piece is judged by itself, so no row may depend on others.

    Raises UsageError for a condition that makes no sense, MissingTokenizer where it asks for tokens and there is no tokenizer.
    """
    import polars as pl

    from ftdata.judge.piece import JUDGE
    from ftdata.judge.plan import Plan
    from ftdata.measure.registry import MEASURES
    from ftdata.measure.tokens import load_tokenizer
    from ftdata.workers import Workers

    expression, names = read_condition(where)
    counted = [name for name in names if MEASURES[name].level == "token"]
    tokenizers = {}
    if counted:
        load_tokenizer(tokenizer)
        tokenizers = {"show": (tokenizer, overhead)}
    columns = tuple([name for name in names if name not in counted] + [f"{name}@show" for name in counted])
    total = sum(item.size for item in inputs)
    plan = Plan((), columns, tokenizers, format, text_bytes=total)
    workers = Workers(min(os.cpu_count() or 1, 8) if total >= 24 << 20 else 1, JUDGE)
    owners: list[int] = []
    rows = [0] * len(inputs)
    places: list[tuple[int, int | None, int | None, int, str]] = []
    done = 0

    def pieces() -> Iterator[Any]:
        for number, item in enumerate(inputs):
            for piece in _pieces(item):
                owners.append(number)
                yield piece

    try:
        for index, (_, result) in enumerate(workers.map(plan, pieces())):
            number = owners[index]
            if result.error is not None:
                raise ReadError(f"{inputs[number].path}: {result.error[0]}", result.error[1])
            table = result.table.rename({f"{name}@show": name for name in counted})
            try:
                holds = table.select(expression.alias("holds")).to_series()
            except Exception as error:
                reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
                raise UsageError(
                    f"--where: cannot be computed ({reason})", "Compare like with like; texts stand in single quotes."
                ) from None
            if holds.dtype != pl.Boolean or len(holds) != len(table):
                raise UsageError("--where: not a condition on each sample", 'Such as --where "n_turns > 4".')
            for at in holds.fill_null(False).arg_true().to_list():
                identity, line, offset = table.select("id", "line", "offset").row(at)
                places.append((number, line, offset, rows[number] + at + 1, identity))
            rows[number] += result.rows
            done += result.size
            if progress:
                progress(min(done, total), total)
    finally:
        workers.stop()
    return Matches(places, sum(rows))


def fetch(inputs: Sequence[Input], places: Sequence[tuple[int, int | None, int | None, int, str]]) -> Iterator[Picked]:
    """Read rows once more, in the order of the places."""
    by_file: dict[int, list[tuple[int, int | None, int | None, int, str]]] = {}
    for place in places:
        by_file.setdefault(place[0], []).append(place)
    for number, wanted in by_file.items():
        values = read_rows(inputs[number], [(line, offset, row) for _, line, offset, row, _ in wanted])
        for (_, line, _, row, identity), value in zip(wanted, values, strict=True):
            if value is not None:
                yield Picked(inputs[number], row, line, value, identity)
