"""A baseline: findings that are known and accepted for now. It is made once, and after that it only shrinks.

A finding is known by its rule and the hash of its sample, so that sorting, splitting and conversion change nothing. One about
a whole file is known by the file, and where it has a number that may get worse, only up to that number.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftdata.errors import ConfigError
from ftdata.judge.known import Examined, Hidden
from ftdata.judge.own import STALE_BASELINE, selected
from ftdata.judge.whole import WHOLE, is_worse, value_of

if TYPE_CHECKING:
    from ftdata.judge.select import Selected

NAME = "ftdata-baseline.json"
VERSION = 1
# Of a sample's hash; 64 bits tell apart what one baseline will ever hold.
DIGITS = 16
MOST_BYTES = 256 << 20
_MOST_SHOWN = 100


@dataclass(slots=True)
class Accepted:
    """How many findings of one rule are accepted at one sample or file, and their number where it may not get worse."""

    count: int
    value: float | None = None


Table = dict[str, dict[str, Accepted]]


@dataclass(slots=True)
class Baseline:
    """What is accepted: rule to key to how much. ``files`` were judged when it was made, told from the baseline's folder."""

    path: str
    findings: Table = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many findings are accepted."""
        return sum(entry.count for keys in self.findings.values() for entry in keys.values())


def read_baseline(path: str) -> Baseline:
    """Read a baseline. Raises ConfigError where there is none, or where it is damaged: never is one taken for empty."""
    make = "Make one with `ftdata baseline create PATHS`."
    try:
        if os.path.getsize(path) > MOST_BYTES:
            raise ConfigError(f"{path}: a baseline of more than {MOST_BYTES >> 20} MB", "Mend the data, or ignore the rule.")
        data = json.loads(Path(path).read_bytes(), object_pairs_hook=_unique)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such baseline", make) from None
    except OSError as error:
        raise ConfigError(f"{path}: the baseline cannot be read ({error.strerror})", "Check its permissions.") from None
    except (ValueError, RecursionError) as error:
        words = " ".join(str(error).split())[:160]
        raise ConfigError(f"{path}: the baseline is damaged: not valid JSON ({words})", _MEND) from None
    return _checked(data, path)


_MEND = "Take it from git again, or delete it and make a new one with `ftdata baseline create PATHS`."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice: was it merged by hand?")
    return found


def _checked(data: Any, path: str) -> Baseline:
    def refuse(words: str) -> ConfigError:
        return ConfigError(f"{path}: the baseline is damaged: {words}", _MEND)

    if not isinstance(data, dict) or "ftdata-baseline" not in data:
        raise refuse("it is no object with the key 'ftdata-baseline'")
    if data["ftdata-baseline"] != VERSION:
        raise ConfigError(
            f"{path}: the baseline has version {data['ftdata-baseline']!r}, this ftdata reads {VERSION}", "Update ftdata."
        )
    unknown = sorted(set(data) - {"ftdata-baseline", "files", "findings", "reasons"})
    if unknown:
        raise refuse(f"unknown field '{unknown[0]}'")
    files, findings, reasons = data.get("files", []), data.get("findings"), data.get("reasons", {})
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        raise refuse("'files' is no list of paths")
    if not isinstance(reasons, dict) or not all(isinstance(words, str) for words in reasons.values()):
        raise refuse("'reasons' maps rules to texts")
    if not isinstance(findings, dict):
        raise refuse("'findings' maps rules to samples")
    table: Table = {}
    for rule, keys in findings.items():
        if not isinstance(keys, dict):
            raise refuse(f"findings.{rule} maps samples to counts")
        for key, entry in keys.items():
            table.setdefault(rule, {})[key] = _entry(
                entry, lambda rule=rule, key=key: refuse(f"findings.{rule}.{key} is no count")
            )
    return Baseline(path, table, files, reasons)


def _entry(entry: Any, refuse: Any) -> Accepted:
    count, value = (entry.get("count"), entry.get("value")) if isinstance(entry, dict) else (entry, None)
    if type(count) is not int or count < 1 or not (value is None or type(value) in (int, float)):
        raise refuse()
    return Accepted(count, value)


def dump(baseline: Baseline) -> bytes:
    """The baseline as JSON that is read and merged by people: sorted, a finding a line."""
    findings = {
        rule: {key: entry.count if entry.value is None else {"count": entry.count, "value": entry.value} for key, entry in sorted(keys.items())}
        for rule, keys in sorted(baseline.findings.items()) if keys
    }  # fmt: skip
    data: dict[str, Any] = {"ftdata-baseline": VERSION, "files": sorted(baseline.files), "findings": findings}
    reasons = {rule: words for rule, words in sorted(baseline.reasons.items()) if rule in findings}
    if reasons:
        data["reasons"] = reasons
    return (json.dumps(data, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def keys_of(examined: Examined, folder: str) -> list[tuple[str, float | None]]:
    """What each finding of a run is known by, and its number where it may not get worse."""
    places = [_place(counted.report.path, folder) for counted in examined.dataset.files]
    rules = [chosen.rule.name for chosen in examined.rules]
    keys: list[tuple[str, float | None]] = []
    for step, at, file, sample, message, excerpt, path in examined.frame.select(
        "step", "at", "file", "sample", "message", "excerpt", "path"
    ).iter_rows():
        name = rules[step]
        if name in WHOLE:
            keys.append((places[file] + (f" {_digest(excerpt)}" if excerpt else ""), value_of(name, message, path)))
        elif at is None or sample is None:
            keys.append((f"{places[file]} {_digest(excerpt or message)}", None))
        else:
            keys.append((sample[:DIGITS], None))
    return keys


def _place(path: str, folder: str) -> str:
    if path.startswith("<"):
        return path
    try:
        return os.path.relpath(os.path.realpath(path), os.path.realpath(folder or os.curdir)).replace(os.sep, "/")
    except ValueError:  # another drive
        return path.replace(os.sep, "/")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def accept(examined: Examined, path: str) -> tuple[Baseline, dict[str, int]]:
    """A baseline of all findings of a run, and how many of which rule cannot be accepted."""
    folder = os.path.dirname(path)
    made = Baseline(path, files=[_place(counted.report.path, folder) for counted in examined.dataset.files])
    refused: dict[str, int] = {}
    per_step: dict[tuple[int, str], Accepted] = {}
    for step, (key, value) in zip(examined.frame["step"].to_list(), keys_of(examined, folder), strict=True):
        chosen = examined.rules[step]
        if not chosen.suppressible:
            refused[chosen.rule.name] = refused.get(chosen.rule.name, 0) + 1
            continue
        known = per_step.setdefault((step, key), Accepted(0, value))
        known.count += 1
        known.value = value if is_worse(chosen.rule.name, value, known.value) else known.value
    for (step, key), entry in per_step.items():
        # A rule that runs for two targets finds the same twice.
        keys = made.findings.setdefault(examined.rules[step].rule.name, {})
        old = keys.get(key)
        keys[key] = entry if old is None or entry.count > old.count else old
    return made, refused


@dataclass(slots=True)
class Difference:
    """A baseline against a run: ``stale`` are entries that are gone (rule, key), ``new`` counts findings it does not hold."""

    pruned: Baseline
    stale: list[tuple[str, str]]
    new: dict[str, int]


def contrast(baseline: Baseline, examined: Examined) -> Difference:
    """Tell what of a baseline is gone, and what it would be without that; nothing is ever added.

    A rule that did not run says nothing, and neither do files that were not judged.
    """
    now, _ = accept(examined, baseline.path)
    ran = {chosen.rule.name for number, chosen in enumerate(examined.rules) if number not in examined.skipped}
    refused = {chosen.rule.name for chosen in examined.rules if not chosen.suppressible}
    every = _covers(baseline, now.files)
    pruned = Baseline(baseline.path, {}, list(now.files) if every else baseline.files, baseline.reasons)
    stale: list[tuple[str, str]] = []
    for rule, keys in baseline.findings.items():
        for key, entry in keys.items():
            found = now.findings.get(rule, {}).get(key)
            kept = entry
            if rule in refused or (every and rule in ran and found is None):
                stale.append((rule, key))
                continue
            if found is not None and every:
                value = entry.value if found.value is None or is_worse(rule, found.value, entry.value) else found.value
                kept = Accepted(min(entry.count, found.count), value)
            pruned.findings.setdefault(rule, {})[key] = kept
    new: dict[str, int] = {}
    for rule, keys in now.findings.items():
        for key, entry in keys.items():
            known = baseline.findings.get(rule, {}).get(key)
            more = entry.count - (known.count if known and not is_worse(rule, entry.value, known.value) else 0)
            if more > 0:
                new[rule] = new.get(rule, 0) + more
    return Difference(pruned, stale, new)


def _covers(baseline: Baseline, judged: Sequence[str]) -> bool:
    """Whether a run judged every file of the baseline that is still there."""
    folder = os.path.dirname(baseline.path)
    return all(name in judged or not os.path.lexists(os.path.join(folder, name)) for name in set(baseline.files))


class KnownFindings:
    """Hides the findings of a baseline, as many as are accepted at each sample, and reports entries that are gone."""

    dated = False

    def __init__(self, baseline: Baseline) -> None:
        self.baseline = baseline

    def key(self) -> Any:
        """The content of the baseline, and which of its files are there."""
        folder = os.path.dirname(self.baseline.path)
        there = [os.path.lexists(os.path.join(folder, name)) for name in self.baseline.files]
        return ["baseline", self.baseline.path, hashlib.sha256(dump(self.baseline)).hexdigest(), there]

    def hide(self, examined: Examined) -> Hidden:
        """Hide what is accepted; rules that cannot be suppressed are never hidden."""
        import polars as pl

        table = self.baseline.findings
        used: dict[tuple[int, str], int] = {}
        mask = []
        for step, (key, value) in zip(
            examined.frame["step"].to_list(), keys_of(examined, os.path.dirname(self.baseline.path)), strict=True
        ):
            chosen = examined.rules[step]
            known = table.get(chosen.rule.name, {}).get(key) if chosen.suppressible else None
            used[step, key] = used.get((step, key), 0) + 1
            mask.append(
                known is not None and used[step, key] <= known.count and not is_worse(chosen.rule.name, value, known.value)
            )
        stale = contrast(self.baseline, examined).stale
        return Hidden(
            pl.Series(mask, dtype=pl.Boolean), "baseline", [selected(STALE_BASELINE)], self._notices(stale, examined.rules)
        )

    def _notices(
        self, stale: list[tuple[str, str]], rules: Sequence[Selected]
    ) -> list[tuple[int, str, int | None, str, str | None]]:
        if not stale:
            return []
        lines = _lines(self.baseline.path)
        refused = {chosen.rule.name for chosen in rules if not chosen.suppressible}
        out: list[tuple[int, str, int | None, str, str | None]] = []
        for rule, key in stale[:_MOST_SHOWN]:
            why = "can never be accepted" if rule in refused else "is gone"
            command = f"`ftdata baseline prune`{'' if os.path.basename(self.baseline.path) == NAME else ' with --baseline'}"
            out.append((0, self.baseline.path, lines.get((rule, key)), f"{rule} at {key} {why}: {command} takes it out", None))
        if len(stale) > _MOST_SHOWN:
            out.append((0, self.baseline.path, None, f"{len(stale) - _MOST_SHOWN:,} more entries are gone", None))
        return out


def _lines(path: str) -> Mapping[tuple[str, str], int]:
    """The line of each entry in a file as ``dump`` writes it; nothing for one that was written otherwise."""
    found: dict[tuple[str, str], int] = {}
    rule = ""
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return found
    for number, line in enumerate(lines, 1):
        depth = len(line) - len(line.lstrip(" "))
        if depth not in (2, 3) or not line.lstrip().startswith('"'):
            continue
        try:
            name, _ = json.JSONDecoder().raw_decode(line, depth)
        except ValueError:
            continue
        if depth == 2:
            rule = name
        else:
            found.setdefault((rule, name), number)
    return found
