"""The library: every verb of the command line as a function."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ftdata.types import Report, Severity

if TYPE_CHECKING:
    from ftdata.dedupe.collect import Collection
    from ftdata.dedupe.result import NearDuplicates
    from ftdata.judge.known import Hider

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Names = str | Sequence[str]


def lint(
    paths: Paths,
    *,
    target: Names = (),
    goal: str | None = None,
    select: Names = (),
    extend_select: Names = (),
    ignore: Names = (),
    format: str | None = None,
    eval: Paths = (),
    tokenizer: str | None = None,
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    fail_on: Severity | Literal["never"] = "error",
    jobs: int | None = None,
    count_tokens: bool = True,
    since: str | None = None,
    baseline: str | os.PathLike[str] | None = None,
) -> Report:
    """Judge data files and return the report that ``ftdata lint`` prints.

    ``config`` is a file, a mapping with the fields of one, or ``None`` for no configuration: a library call does
    not look around in the working directory. ``since`` names a commit: only what is new counts, and ``report.changes`` tells what
    changed. ``baseline`` is a file of ``ftdata baseline``; its findings, and those that the configuration suppresses, do not count. Raises UsageError for unknown names and missing paths, ConfigError
    for a configuration that cannot be used; an input that cannot be read is in ``report.inputs`` with its error.
    """
    from ftdata.config import Config, load_config
    from ftdata.judge.run import Options, judge
    from ftdata.judge.select import Choice

    if config is None or isinstance(config, Mapping):
        settings = Config(dict(config or {}), "config argument")
    else:
        settings = load_config(Path(config))
    data = settings.data
    choice = Choice(
        targets=_names(target) or _names(data.get("target") or ()),
        goal=goal or data.get("goal"),
        config=data,
        config_origin=settings.origin,
        select=_names(select),
        extend_select=_names(extend_select),
        ignore=_names(ignore),
        tokenizer=tokenizer or data.get("tokenizer"),
    )
    accepted = os.fspath(baseline) if baseline else str(settings.folder / data["baseline"]) if data.get("baseline") else None
    hide: list[Hider] = []
    if data.get("suppress"):
        from ftdata.judge.suppress import Suppressions, read_suppressions

        hide.append(Suppressions(read_suppressions(data, settings.origin), settings.origin, str(settings.folder)))
    if accepted:
        from ftdata.judge.baseline import KnownFindings, read_baseline

        hide.append(KnownFindings(read_baseline(accepted)))
    options = Options(
        format=format, eval_paths=_paths(eval), jobs=jobs, fail_on=fail_on, count_tokens=count_tokens, hide=tuple(hide)
    )  # fmt: skip
    if since is None:
        return judge(_paths(paths), choice, options)
    from ftdata.judge.since import judge_since

    return judge_since(_paths(paths), choice, options, since)


def find_near_duplicates(
    paths: Paths,
    *,
    threshold: float | None = None,
    metric: Literal["ratio", "jaccard"] = "ratio",
    view: str = "conversation",
    normalise: Sequence[str] = ("nfkc", "case", "whitespace"),
    keep: str = "best",
    linkage: Literal["direct", "complete", "single"] = "direct",
    format: str | None = None,
) -> NearDuplicates:
    """Find near-duplicates exactly, as ``ftdata dedupe`` does; nothing is written.

    ``result.outcome`` says what goes and why; ``result.at(95)`` decides anew at a higher threshold without a search.
    Raises UsageError for paths, thresholds and names that make no sense.
    """
    from ftdata.dedupe.result import find

    def count(collection: Collection) -> Mapping[tuple[str, int], Sequence[int]]:
        from ftdata.judge.counting import count_findings

        return count_findings([item.path for item in collection.inputs])

    return find(
        _paths(paths), threshold=threshold, metric=metric, view=view, steps=normalise, keep=keep, linkage=linkage, format=format,
        count=count,
    )  # fmt: skip


def _names(value: Names) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _paths(value: Paths) -> tuple[str, ...]:
    if isinstance(value, str | os.PathLike):
        return (os.fspath(value),)
    return tuple(os.fspath(path) for path in value)
