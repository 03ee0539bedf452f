"""Samples against other data: a base that is there already, or an evaluation set that must stay out of training."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ftdata.dedupe.classify import Judgement, Texts, classify
from ftdata.dedupe.collect import Collection, Views, make_views, shared_systems
from ftdata.dedupe.decide import Settings
from ftdata.dedupe.search import find_pairs
from ftdata.errors import UsageError

INDEX = "ftdata-dedupe-index"
_QUESTIONS = ("question", "prompt", "input", "query", "problem", "instruction", "text", "goal", "sentence", "ctx")


@dataclass(slots=True)
class Base:
    """The other data, ready to compare with: its normalised texts, words as they stand, hashes and places."""

    views: Views
    words: list[str]
    context: list[str]
    ids: list[str]
    places: list[str]

    def __len__(self) -> int:
        return len(self.ids)


def make_base(collection: Collection, settings: Settings) -> Base:
    """Make a base of samples."""
    views = make_views(collection, settings.view, settings.steps)
    words = [f"{prompt}\n{answer}" for prompt, answer in zip(collection.prompt, collection.answer, strict=True)]
    return Base(views, words, collection.context, collection.ids, [collection.place(index) for index in range(len(collection))])


def write_index(base: Base, settings: Settings) -> bytes:
    """The base as a Parquet file that ``--against`` reads instead of the data; it holds the texts."""
    import io

    import polars as pl

    clean = [[text.encode("utf-8", "replace").decode() for text in column] for column in _columns(base)]
    frame = pl.DataFrame(dict(zip(_NAMES, clean, strict=True)), schema=dict.fromkeys(_NAMES, pl.String))
    sink = io.BytesIO()
    frame.write_parquet(sink, metadata={INDEX: json.dumps({"view": settings.view, "steps": settings.steps})})
    return sink.getvalue()


_NAMES = ("text", "prompt", "answer", "words", "context", "id", "place")


def _columns(base: Base) -> tuple[Sequence[str], ...]:
    return (base.views.text, base.views.prompt, base.views.answer, base.words, base.context, base.ids, base.places)


def read_index(path: str, settings: Settings) -> Base | None:
    """Read an index; ``None`` where the file is no index. Raises UsageError where it was made with other settings."""
    import polars as pl

    if Path(path).suffix.lower() != ".parquet":
        return None
    try:
        found = pl.read_parquet_metadata(path).get(INDEX)
    except Exception:
        return None
    if found is None:
        return None
    made = json.loads(found)
    if made != {"view": settings.view, "steps": list(settings.steps)}:
        raise UsageError(
            f"{path}: the index was made with --view {made['view']} --normalise {','.join(made['steps'])}",
            "Give the same options, or write a new index.",
        )
    columns = [pl.read_parquet(path)[name].to_list() for name in _NAMES]
    return Base(Views(*columns[:3]), *columns[3:])


def match_base(
    collection: Collection, views: Views, base: Base, settings: Settings, progress: Callable[[int, int], None] | None = None
) -> list[tuple[int, int, float, Judgement]]:
    """The best match of each sample in the base at or above the threshold: (sample, base row, score 0 to 100, what it is)."""
    pairs = find_pairs(
        views.text, settings.threshold, settings.metric, against=base.views.text, size=settings.size, unit=settings.unit,
        kernel=settings.kernel, progress=progress,
    )  # fmt: skip
    factor = 100.0 if settings.metric == "jaccard" else 1.0
    near: dict[int, list[tuple[float, int]]] = {}
    for row, other, score in zip(pairs.left.tolist(), pairs.right.tolist(), pairs.score.tolist(), strict=True):
        near.setdefault(row, []).append((-score * factor, other))
    threshold = settings.threshold if settings.metric == "ratio" else 80.0
    found: list[tuple[int, int, float, Judgement]] = []
    for index in range(len(collection)):
        # An equal text is found under the first row that holds it.
        candidates = sorted(near.get(int(pairs.first[index]), []))[:8]
        judged = [
            (classify(_mine(collection, views, index), _theirs(base, other), threshold), -score, other)
            for score, other in candidates
        ]
        if judged:
            best = next((entry for entry in judged if entry[0].kind == "duplicate"), judged[0])
            found.append((index, best[2], best[1], best[0]))
    return found


def _mine(collection: Collection, views: Views, index: int) -> Texts:
    words = f"{collection.prompt[index]}\n{collection.answer[index]}"
    return Texts(views.prompt[index], views.answer[index], words, collection.context[index])


def _theirs(base: Base, row: int) -> Texts:
    return Texts(base.views.prompt[row], base.views.answer[row], base.words[row], base.context[row])


def read_benchmark(paths: Sequence[str], settings: Settings) -> Base:
    """The questions of evaluation sets, whatever their format: prompts of samples, or the first key that names a question."""
    from ftdata.dedupe.collect import collect

    found = collect(paths)
    if not len(found):
        found = _questions(paths)
    if not len(found):
        raise UsageError(f"{', '.join(paths)}: no question found", f"Rows need one of the keys {', '.join(_QUESTIONS)}.")
    base = make_base(found, settings)
    # Only the questions are compared: the answers of a benchmark are often kept apart.
    return Base(
        Views(list(base.views.prompt), base.views.prompt, [""] * len(base)), found.prompt, [""] * len(base), base.ids, base.places
    )


def _questions(paths: Sequence[str]) -> Collection:
    from ftdata.dedupe.collect import collect

    for name in _QUESTIONS:
        found = collect(paths, fields=[name])
        if len(found):
            found.prompt, found.answer = found.answer, found.prompt
            return found
    return Collection()


def decontamination_views(collection: Collection, settings: Settings) -> Views:
    """The questions of the training data, without answers, to be compared with those of a benchmark."""
    views = make_views(collection, "prompt", settings.steps, shared_systems(collection) | set(collection.system))
    return Views(list(views.prompt), views.prompt, [""] * len(collection))
