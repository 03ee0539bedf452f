"""Results of lint runs, kept so that a run over unchanged files is instant.

A result is found under a key of everything that decides it and is cheap to know: the bytes of the files, what was asked, the
configuration, the code of ftdata, the installed packages. What only a run can tell, such as which tokenizer files were read, stands
in the result and is checked before it is used. Plugins are code that may do anything: with one, nothing is kept.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from ftdata import __version__
from ftdata.types import SEVERITIES, Changes, Finding, InputReport, Location, Pair, Report, Severity, Verdict

if TYPE_CHECKING:
    import polars as pl

    from ftdata.judge.run import Options
    from ftdata.judge.select import Choice, Selection

FORMAT = 1
MOST_BYTES = 256 << 20
KEPT_BYTES = 192 << 20
MOST_ENTRY = 64 << 20
# Weights and the like, which no rule reads: known by size and time.
_BIG = 64 << 20
_OLD_SECONDS = 3600.0
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of ftdata; it may be deleted at any time.\n"
_COLUMNS = ("step", "path", "row", "line", "column", "pointer", "sample", "code", "name", "severity", "message", "excerpt", "start",
            "end", "where", "tokens")  # fmt: skip


def default_folder() -> Path:
    """``$XDG_CACHE_HOME/ftdata``, or ``~/.cache/ftdata``."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return Path(given if os.path.isabs(given) else os.path.join(os.path.expanduser("~"), ".cache"), "ftdata")


class Cache:
    """A folder of results. Nothing that goes wrong with it stops a run: what cannot be read is computed again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries = folder / "lint"

    def load(self, key: str) -> tuple[dict[str, Any], bytes] | None:
        """The head and the packed findings of a result; ``None`` where there is none. A damaged one is deleted."""
        import orjson

        path = self.entries / key
        try:
            data = path.read_bytes()
        except OSError:
            return None
        line, _, rest = data.partition(b"\n")
        if line != b"ftdata-cache %d %s" % (FORMAT, hashlib.sha256(rest).hexdigest().encode()):
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        head, _, packed = rest.partition(b"\n")
        with contextlib.suppress(OSError):
            os.utime(path)
        loaded: dict[str, Any] = orjson.loads(head)
        return loaded, packed

    def store(self, key: str, head: bytes, packed: bytes) -> None:
        """Keep a result: it appears whole or not at all, whoever else writes at the same time."""
        rest = head + b"\n" + packed
        if len(rest) > MOST_ENTRY:
            return
        try:
            self._make()
            handle, name = tempfile.mkstemp(prefix=".new-", dir=self.entries)
        except OSError:
            return
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(b"ftdata-cache %d %s\n" % (FORMAT, hashlib.sha256(rest).hexdigest().encode()))
                file.write(rest)
            os.replace(name, self.entries / key)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name)
        self.shrink()

    def _make(self) -> None:
        self.entries.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in (("CACHEDIR.TAG", _TAG), (".gitignore", "*\n")):
            if not (self.folder / name).exists():
                (self.folder / name).write_text(text, "utf-8")

    def files(self) -> list[tuple[float, int, Path]]:
        """(time of last use, bytes, path) of everything in it, the oldest first."""
        found = []
        try:
            names = list(os.scandir(self.entries))
        except OSError:
            return []
        for entry in names:
            with contextlib.suppress(OSError):
                stat = entry.stat(follow_symlinks=False)
                found.append((stat.st_mtime, stat.st_size, Path(entry.path)))
        return sorted(found)

    def shrink(self, most: int = MOST_BYTES, kept: int = KEPT_BYTES) -> None:
        """Delete what was used longest ago where there is too much, and what a killed run left behind."""
        files = self.files()
        total = sum(size for _, size, _ in files)
        full = total > most
        for used, size, path in files:
            left_behind = path.name.startswith(".new-") and time.time() - used > _OLD_SECONDS
            if left_behind or (full and total > kept):
                with contextlib.suppress(OSError):
                    path.unlink()
                    total -= size

    def clear(self) -> tuple[int, int]:
        """Delete everything; return how many results and bytes that were."""
        count = freed = 0
        for _, size, path in self.files():
            with contextlib.suppress(OSError):
                path.unlink()
                count, freed = count + 1, freed + size
        return count, freed


def lint(cache: Cache | None, paths: Sequence[str], choice: Choice, options: Options, since: str | None = None) -> Report:
    """Judge, or return the result of the same run before: equal in everything but the time it took. Raises as ``judge`` does."""
    before = None
    if since is not None:
        from ftdata.judge.since import find_base_files

        before = find_base_files(paths, options, since)
    key = None
    if cache is not None:
        moment = [since, before.base.commit, before.head, before.base.note] if before is not None else None
        key = _key(paths, choice, options, moment)
    if cache is not None and key is not None:
        report = _loaded(cache, key, options)
        if report is not None:
            return report
    if before is not None and since is not None:
        from ftdata.judge.since import judge_since

        report = judge_since(paths, choice, options, since, before)
    else:
        from ftdata.judge.run import judge

        report = judge(paths, choice, options)
    if cache is not None and key is not None and key == _key(paths, choice, options, moment):
        _store(cache, key, report, choice, options)
    return report


def _key(paths: Sequence[str], choice: Choice, options: Options, moment: Any) -> str | None:
    """The key of a run; ``None`` for one that is not kept: of standard input, or of files that cannot be read."""
    import orjson

    from ftdata.read import find_files

    files: list[Any] = []
    try:
        for group in (find_files(paths), find_files(options.eval_paths) if options.eval_paths else []):
            for path in group:
                if path == "-" or not os.path.isfile(path):
                    return None
                files.append([os.fsencode(path).hex(), os.path.realpath(path) if path.isascii() else "", _sha256(path)])
            files.append("")
        hidden = [hider.key() for hider in options.hide]
    except OSError:
        return None
    asked = asdict(choice) | {"config": dict(choice.config)}
    parts = [
        FORMAT, __version__, _code(), _packages(), sys.version_info[:3], sys.platform, os.getcwd(), files, asked, options.format,
        options.mapping, options.count_tokens, hidden, moment,
    ]  # fmt: skip
    try:
        data = orjson.dumps(parts, default=repr, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):
        return None
    return hashlib.sha256(data).hexdigest()


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _code() -> str:
    """A fingerprint of ftdata itself and of its packs, so that a changed checkout of one version is another one."""
    from ftdata.packs import packs_dir

    digest = hashlib.sha256()
    for root in (Path(__file__).parent.parent, packs_dir()):
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted(names):
                stat = os.stat(os.path.join(folder, name))
                digest.update(f"{folder}\0{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _packages() -> list[tuple[str, int]]:
    """The folders of installed packages and when they last changed: another polars, a new plugin."""
    found = []
    for folder in sys.path:
        with contextlib.suppress(OSError):
            if folder and any(name.endswith((".dist-info", ".egg-info")) for name in os.listdir(folder)):
                found.append((folder, os.stat(folder).st_mtime_ns))
    return found


def fingerprint(path: str) -> str:
    """What a file or folder holds, as far as a run reads it; "" where there is none. Weights count by size and time."""
    if os.path.isfile(path):
        stat = os.stat(path)
        return _sha256(path) if stat.st_size <= _BIG else f"{stat.st_size} {stat.st_mtime_ns}"
    if not os.path.isdir(path):
        return ""
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = os.path.join(folder, name)
            if os.path.isfile(file):
                digest.update(f"{os.path.relpath(file, path)}\0{fingerprint(file)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _depends(selection: Selection, choice: Choice) -> list[str] | None:
    """The files besides the data that a run read; ``None`` where its result must not be kept."""
    from ftdata.errors import MissingTokenizer
    from ftdata.measure.tokens import ENCODINGS, load_tokenizer

    if selection.plugins:
        return None
    paths = [name for name in (*choice.targets, choice.goal or "") if os.path.exists(name)]
    for pack in selection.packs:
        paths += [str(name) for name in pack.data.get("extends") or [] if str(name).endswith((".yaml", ".yml"))]
    for name in {selection.tokenizer, *(chosen.tokenizer for chosen in selection.rules)}:
        if name is not None and name not in ENCODINGS:
            paths.append(os.path.expanduser(name))
        elif name is not None:
            try:
                load_tokenizer(name)
            except MissingTokenizer:
                return None  # it may be at hand tomorrow
    return sorted(set(paths))


def _store(cache: Cache, key: str, report: Report, choice: Choice, options: Options) -> None:
    import orjson

    from ftdata.judge.select import resolve

    frame = getattr(report.findings, "frame", None)
    if frame is None or any(item.error for item in report.inputs):
        return
    selection = resolve(choice)
    depends = _depends(selection, choice)
    if depends is None:
        return
    dated = any("today" in chosen.params for chosen in selection.rules) or any(hider.dated for hider in options.hide)
    steps: dict[int, Any] = {}
    for finding, step in zip(*_first_of_steps(report, frame), strict=True):
        steps[step] = [list(finding.targets), finding.fix]
    head = {
        "day": str(datetime.date.today()) if dated else None,
        "depends": [[path, fingerprint(path)] for path in depends],
        "version": report.version, "inputs": [asdict(item) for item in report.inputs],
        "verdicts": [asdict(verdict) for verdict in report.verdicts], "facts": report.facts, "targets": report.targets,
        "goal": report.goal, "seconds": report.seconds, "counts": report.counts,
        "changes": asdict(report.changes) if report.changes is not None else None, "steps": [[step, *entry] for step, entry in steps.items()],
        "types": {name: str(frame.schema[name]) for name in _COLUMNS}, "length": frame.height,
    }  # fmt: skip
    try:
        columns = orjson.dumps({name: frame[name].to_list() for name in _COLUMNS})
        cache.store(key, orjson.dumps(head), zlib.compress(columns, 1))
    except (TypeError, ValueError):
        return  # a path that is no text


def _first_of_steps(report: Report, frame: pl.DataFrame) -> tuple[list[Finding], list[int]]:
    first = frame.with_row_index("nth").unique("step", keep="first", maintain_order=True).select("nth", "step")
    return [report.findings[nth] for nth in first["nth"]], first["step"].to_list()


def _loaded(cache: Cache, key: str, options: Options) -> Report | None:
    entry = cache.load(key)
    if entry is None:
        return None
    head, packed = entry
    if head["day"] not in (None, str(datetime.date.today())):
        return None
    try:
        if any(fingerprint(path) != known for path, known in head["depends"]):
            return None
    except OSError:
        return None
    verdicts = [Verdict(**(fields | {"targets": tuple(fields["targets"])})) for fields in head["verdicts"]]
    changes = head["changes"]
    if changes is not None:
        changes = Changes(**(changes | {"pairs": [Pair(**pair) for pair in changes["pairs"]]}))
    return Report(
        version=head["version"], inputs=[InputReport(**fields) for fields in head["inputs"]], verdicts=verdicts,
        findings=CachedFindings(head, packed), facts=head["facts"], targets=tuple(head["targets"]), goal=head["goal"],
        seconds=head["seconds"], fail_on=options.fail_on, fail_on_skip=options.fail_on_skip, changes=changes,
    )  # fmt: skip


class CachedFindings(Sequence[Finding]):
    """The findings of a kept result, unpacked when somebody looks; as ``FindingTable``, without a data frame unless it is asked for."""

    def __init__(self, head: Mapping[str, Any], packed: bytes) -> None:
        self._head, self._packed = head, packed
        self._steps = {step: (tuple(targets), fix) for step, targets, fix in head["steps"]}

    @cached_property
    def _columns(self) -> dict[str, list[Any]]:
        import orjson

        columns: dict[str, list[Any]] = orjson.loads(zlib.decompress(self._packed))
        return columns

    @cached_property
    def _rows(self) -> dict[tuple[str, tuple[str, ...]], list[int]]:
        found: dict[tuple[str, tuple[str, ...]], list[int]] = {}
        for at, (code, step) in enumerate(zip(self._columns["code"], self._columns["step"], strict=True)):
            found.setdefault((code, self._steps[step][0]), []).append(at)
        return found

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The findings as a table."""
        import polars as pl

        return pl.DataFrame(self._columns, schema={name: getattr(pl, kind) for name, kind in self._head["types"].items()})

    @property
    def counts(self) -> dict[Severity, int]:
        """How many findings there are of each severity."""
        return {severity: self._head["counts"][severity] for severity in SEVERITIES}

    def __len__(self) -> int:
        return int(self._head["length"])

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> list[Finding]: ...
    def __getitem__(self, index: int | slice) -> Finding | list[Finding]:
        if isinstance(index, slice):
            return [self._make(at) for at in range(*index.indices(len(self)))]
        return self._make(range(len(self))[index])

    def __iter__(self) -> Iterator[Finding]:
        return map(self._make, range(len(self)))

    def of(self, code: str, limit: int | None = None) -> list[Finding]:
        """Return the findings of one rule, at most ``limit``."""
        rows = [at for at, name in enumerate(self._columns["code"]) if name == code]
        return [self._make(at) for at in rows[:limit]]

    def of_verdict(self, verdict: Verdict, limit: int) -> list[Finding]:
        """Return the first findings behind a verdict."""
        return [self._make(at) for at in self._rows.get((verdict.code, verdict.targets), ())[:limit]]

    def _make(self, at: int) -> Finding:
        get: Callable[[str], Any] = lambda name: self._columns[name][at]  # noqa: E731
        targets, fix = self._steps[get("step")]
        start, end = get("start"), get("end")
        return Finding(
            code=get("code"), name=get("name"), severity=get("severity"), message=get("message"),
            location=Location(get("path"), get("row"), get("line"), get("column"), get("pointer")), sample=get("sample"), targets=targets,
            excerpt=get("excerpt"), mark=(start, end) if start is not None and end is not None else None, where=get("where"),
            fix=fix, tokens=get("tokens"),
        )  # fmt: skip
