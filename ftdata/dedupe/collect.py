"""Read samples as the texts that are compared: system, prompt and answer of each, and where it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from ftdata.dedupe.normalise import normalise
from ftdata.errors import ReadError, UsageError
from ftdata.formats import detect_row, parse, read_plain, sample_id
from ftdata.measure.batch import call_text, context_text
from ftdata.read import Input, cut, decode, find_files, open_input, read_rows
from ftdata.types import Message, Sample

if TYPE_CHECKING:
    import polars as pl

VIEWS = ("conversation", "prompt", "answer")
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Collection:
    """Samples in the order of files and rows, column by column.

    ``file`` indexes ``inputs``; ``row`` counts from 1 in its file; ``lost`` rows could not be read or hold no sample
    (place and reason): they are never compared, and never dropped. ``context`` is a text of the tools and media.
    """

    inputs: list[Input] = field(default_factory=list)
    file: list[int] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    line: list[int | None] = field(default_factory=list)
    offset: list[int | None] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    system: list[str] = field(default_factory=list)
    prompt: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)
    context: list[str] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    rows_read: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def place(self, index: int) -> str:
        """Name a sample's place for people: "train.jsonl:812"."""
        path, line = self.inputs[self.file[index]].path, self.line[index]
        return f"{path}:{line}" if line is not None else f"{path} row {self.row[index]}"

    def fetch(self, indexes: Sequence[int]) -> list[Any]:
        """Read some rows once more, as they stand in their files; ``None`` for one that is gone."""
        values: dict[int, Any] = {}
        by_file: dict[int, list[int]] = {}
        for index in dict.fromkeys(indexes):
            by_file.setdefault(self.file[index], []).append(index)
        for file, wanted in by_file.items():
            places = [(self.line[index], self.offset[index], self.row[index]) for index in wanted]
            values |= dict(zip(wanted, read_rows(self.inputs[file], places), strict=True))
        return [values.get(index) for index in indexes]


def collect(
    paths: Sequence[str], *, fields: Sequence[str] = (), format: str | None = None, progress: Progress | None = None
) -> Collection:
    """Read the samples of all files. With ``fields`` the text is that of these keys, and every row is a sample.

    Raises UsageError for paths that do not exist or files that cannot be opened, or where no sample is left.
    """
    found = Collection()
    files = find_files(list(paths))
    for path in files:
        try:
            found.inputs.append(open_input(path))
        except ReadError as error:
            raise UsageError(f"{path}: {error.message}", error.hint or "Name a file of samples.") from None
    total, done = sum(item.size for item in found.inputs), 0
    for number, item in enumerate(found.inputs):
        row = 0
        try:
            for piece in cut(item):
                chunk = decode(piece)
                found.lost += [(f"{item.path}:{fault.line}", fault.rule) for fault in chunk.faults if fault.lost]
                for value, line, offset in zip(chunk.values, chunk.lines, chunk.offsets, strict=True):
                    row += 1
                    _add(found, number, row, line, offset, value, fields, format)
                done += chunk.size
                if progress is not None:
                    progress(min(done, total), total)
        except ReadError as error:
            raise UsageError(f"{item.path}: {error.message}", error.hint or "Read it with `ftdata lint` first.") from None
        found.rows_read.append(row)
    return found


def _add(
    found: Collection, file: int, row: int, line: int | None, offset: int | None, value: Any,
    fields: Sequence[str], format: str | None,
) -> None:  # fmt: skip
    if fields:
        taken = _of_fields(value, fields)
        parts = None if taken is None else ("", "", taken, "")
        identity = sample_id(parse(value, "unknown"))
    elif format is None and (plain := read_plain(value)) is not None:
        texts, _, identity = plain
        parts = (*_split([message["role"] for message in value["messages"]], texts), "")
    else:
        sample = parse(value, format or detect_row(value))
        parts, identity = (None if sample.kind == "none" else texts_of(sample)), sample_id(sample)
    if parts is None or not "".join(parts[:3]).strip():
        reason = "it holds no text" if parts is not None else "it is no sample"
        found.lost.append((f"{found.inputs[file].path}:{line if line is not None else f'row {row}'}", reason))
        return
    for column, part in zip((found.system, found.prompt, found.answer, found.context), parts, strict=True):
        column.append(part)
    found.file.append(file)
    found.row.append(row)
    found.line.append(line)
    found.offset.append(offset)
    found.ids.append(identity)


def _split(roles: Sequence[str], texts: Sequence[str]) -> tuple[str, str, str]:
    """System, prompt and answer of plain turns: the answer is the last turn if that is the assistant's."""
    first = 1 if roles and roles[0] in ("system", "developer") else 0
    last = len(roles) - 1 if roles and roles[-1] == "assistant" else len(roles)
    return "\n".join(texts[:first]), "\n".join(texts[first:last]), "\n".join(texts[last:])


def texts_of(sample: Sample) -> tuple[str, str, str, str]:
    """The texts of a sample: system, prompt, answer, and its tools and media."""
    turns = [*sample.messages, *sample.chosen]
    system, prompt, answer = _split([turn.role or "" for turn in turns], [said(turn) for turn in turns])
    if sample.rejected:
        answer = "\n".join([answer, *map(said, sample.rejected)])
    return system, prompt, answer, context_text(sample)


def said(message: Message) -> str:
    """All the text of a turn: content, reasoning, and its calls."""
    calls = [call_text(call) or "" for call in message.tool_calls]
    return "\n".join(text for text in (message.reasoning or "", message.text, *calls) if text)


def _of_fields(value: Any, fields: Sequence[str]) -> str | None:
    if not isinstance(value, dict):
        return None
    found = [value[name] for name in fields if name in value and value[name] is not None]
    return "\n".join(text if isinstance(text, str) else orjson.dumps(text).decode() for text in found) if found else None


@dataclass(frozen=True, slots=True)
class Views:
    """The normalised texts: what is compared, and prompt and answer for telling kinds of pairs apart."""

    text: list[str]
    prompt: Sequence[str]
    answer: Sequence[str]


class _Parts(Sequence[str]):
    """A part of each text, cut out when it is asked for: a million prompts need not be in memory twice."""

    def __init__(self, texts: list[str], starts: list[int] | None, ends: list[int] | None) -> None:
        self._texts, self._starts, self._ends = texts, starts, ends

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        start = self._starts[index] if self._starts is not None else None
        return self._texts[index][start : self._ends[index] if self._ends is not None else None]


def make_views(collection: Collection, view: str, steps: Sequence[str], shared: set[str] | None = None) -> Views:
    """Normalise the texts and make the view. A system prompt that several samples share is left out of the conversation.

    ``shared`` names those prompts; without it they are counted here.
    """
    import polars as pl

    if shared is None:
        shared = shared_systems(collection)
    heads = [system if system not in shared else "" for system in collection.system]
    frame = pl.DataFrame(
        {
            "system": normalise(pl.Series(heads, dtype=pl.String), steps),
            "prompt": normalise(pl.Series(collection.prompt, dtype=pl.String), steps),
            "answer": normalise(pl.Series(collection.answer, dtype=pl.String), steps),
        }
    )
    frame = frame.select(_join("system", "prompt").alias("prompt"), "answer")
    if view != "conversation":
        return Views(frame[view].to_list(), frame["prompt"].to_list(), frame["answer"].to_list())
    ends = frame["prompt"].str.len_chars()
    both = (ends > 0) & (frame["answer"] != "")
    texts = frame.select(_join("prompt", "answer")).to_series().to_list()
    return Views(texts, _Parts(texts, None, ends.to_list()), _Parts(texts, (ends + both).to_list(), None))


def _join(first: str, second: str) -> pl.Expr:
    import polars as pl

    empty = (pl.col(first) == "") | (pl.col(second) == "")
    return pl.when(empty).then(pl.concat_str(first, second)).otherwise(pl.concat_str(first, second, separator="\n"))


def shared_systems(collection: Collection) -> set[str]:
    """The system prompts that more than one sample has."""
    return {text for text, count in Counter(collection.system).items() if count > 1}
