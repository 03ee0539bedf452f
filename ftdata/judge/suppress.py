"""Suppressions of the configuration: each names a rule, where, and why, and may end on a day."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftdata.errors import ConfigError, suggest
from ftdata.judge.known import Examined, Hidden
from ftdata.judge.own import EXPIRED_SUPPRESSION, UNUSED_SUPPRESSION, selected
from ftdata.judge.patterns import matches

if TYPE_CHECKING:
    import polars as pl

    from ftdata.rule import Rule

FIELDS = ("rule", "sample", "path", "reason", "until")
LEAST_PREFIX = 8
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One entry of ``[[suppress]]``: findings of ``rule`` on these samples, or in these files, until a day."""

    rule: str
    samples: tuple[str, ...]
    paths: tuple[str, ...]
    reason: str
    until: datetime.date | None
    number: int

    def words(self) -> str:
        """Name the suppression for people."""
        where = ", ".join([*(f"sample {prefix}" for prefix in self.samples), *self.paths])
        return f"the suppression of {self.rule} for {where}"


def read_suppressions(config: Mapping[str, Any], origin: str) -> list[Suppression]:
    """Check ``[[suppress]]`` of a configuration. Raises ConfigError for an entry without a reason, or that names nothing."""
    import ftdata.checks  # noqa: F401  (fills RULES)

    entries = config.get("suppress") or []
    if not isinstance(entries, list):
        raise ConfigError(f"{origin}: 'suppress' is a list of tables", "Write [[suppress]] before each.")
    return [_read(entry, config, f"{origin}: suppress {number}", number) for number, entry in enumerate(entries, 1)]


def _read(entry: Any, config: Mapping[str, Any], where: str, number: int) -> Suppression:

    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where} is no table", "Write [[suppress]] before each.")
    for key in entry:
        if key not in FIELDS:
            raise ConfigError(f"{where}: unknown field '{key}'.{suggest(str(key), FIELDS)}", f"Known: {', '.join(FIELDS)}.")
    name = entry.get("rule")
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{where}: needs a rule", 'For example rule = "zero-width".')
    rule = _find(name, config, where)
    if rule is not None and not rule.suppressible:
        raise ConfigError(f"{where}: {rule.name} cannot be suppressed", "Mend what it finds; `ftdata rule` says how.")
    samples, paths = _texts(entry, "sample", where), _texts(entry, "path", where)
    for prefix in samples:
        if len(prefix) < LEAST_PREFIX or not set(prefix) <= _HEX:
            raise ConfigError(
                f"{where}: '{prefix}' is no beginning of a sample's hash", "Take at least 8 digits, as the report shows them."
            )
    if not samples and not paths:
        raise ConfigError(f"{where}: needs a sample or a path", "To leave a rule out everywhere, use ignore.")
    reason = entry.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise ConfigError(f"{where}: needs a reason", "Say in a sentence why this finding is none.")
    return Suppression(rule.name if rule else name, samples, paths, reason.strip(), _day(entry.get("until"), where), number)


def _find(name: str, config: Mapping[str, Any], where: str) -> Rule | None:
    """The rule of that name or code; ``None`` for a custom one. Raises ConfigError for one that nobody declares."""
    from ftdata.plugins import load_plugins
    from ftdata.rule import RULES, find_rule

    rule = find_rule(name)
    if rule is None and not any(name in (entry.get("code"), entry.get("name")) for entry in config.get("custom") or []):
        load_plugins(config.get("plugins"))
        rule = find_rule(name)
        if rule is None:
            raise ConfigError(f"{where}: unknown rule '{name}'.{suggest(name, RULES)}", "`ftdata rule --all` lists every rule.")
    return rule


def _texts(entry: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(text, str) and text for text in found):
        raise ConfigError(f"{where}: {key} is a text or a list of texts")
    return tuple(found)


def _day(value: Any, where: str) -> datetime.date | None:
    if isinstance(value, datetime.datetime):
        return value.date()
    if value is None or isinstance(value, datetime.date):
        return value
    try:
        return datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{where}: until = {value!r} is no date", 'Write it as until = "2027-01-31".') from None


class Suppressions:
    """Hides what the configuration says, and reports entries that have ended or hide nothing."""

    def __init__(self, entries: Sequence[Suppression], origin: str, folder: str, today: datetime.date | None = None) -> None:
        """``origin`` is the configuration's path; paths of entries are told from ``folder``."""
        self.entries, self.origin, self.folder = entries, origin, folder
        self.today = today or datetime.date.today()

    @property
    def dated(self) -> bool:
        """Whether an entry ends on a day."""
        return any(entry.until is not None for entry in self.entries)

    def within(self, path: str) -> list[tuple[str, tuple[str, ...]]]:
        """What has not ended and holds in a file: rules by name, each with the prefixes of its samples, or none for all of them."""
        from ftdata.rule import find_rule

        here = self._told(path)
        found = []
        for entry in self.entries:
            ended = entry.until is not None and entry.until < self.today
            if not ended and (not entry.paths or any(matches(here, pattern) for pattern in entry.paths)):
                rule = find_rule(entry.rule)
                found.append((rule.name if rule else entry.rule, entry.samples))
        return found

    def key(self) -> Any:
        """The entries and where they come from."""
        return [
            "suppress",
            self.origin,
            os.path.realpath(self.folder or os.curdir),
            str(self.today) if self.dated else "",
            repr(self.entries),
        ]

    def hide(self, examined: Examined) -> Hidden:
        """Hide the findings of every entry that has not ended."""
        import polars as pl

        frame = examined.frame
        mask = pl.Series([False] * frame.height, dtype=pl.Boolean)
        notices: list[tuple[int, str, int | None, str, str | None]] = []
        rules = [chosen.rule for number, chosen in enumerate(examined.rules) if number not in examined.skipped]
        ran = {name for rule in rules for name in (rule.name, rule.code)}
        for entry in self.entries:
            hit = self._matching(entry, examined)
            count = int(hit.sum())
            if entry.until is not None and entry.until < self.today:
                words = f"{entry.words()} ended on {entry.until}: {count:,} findings count again (reason: {entry.reason})"
                notices.append((0, self.origin, None, words, None))
            elif count:
                mask = mask | hit
            elif entry.rule in ran and self._looked_at(entry, examined):
                notices.append((1, self.origin, None, f"{entry.words()} hides nothing (reason: {entry.reason})", None))
        return Hidden(mask, "suppressed", [selected(EXPIRED_SUPPRESSION), selected(UNUSED_SUPPRESSION)], notices)

    def _matching(self, entry: Suppression, examined: Examined) -> pl.Series:
        import polars as pl

        steps = [
            number for number, chosen in enumerate(examined.rules)
            if entry.rule in (chosen.rule.name, chosen.rule.code) and chosen.suppressible
        ]  # fmt: skip
        files = [
            number for number, path in enumerate(self._paths(examined)) if any(matches(path, pattern) for pattern in entry.paths)
        ]
        here = pl.lit(True)
        if entry.samples:
            here = pl.any_horizontal([pl.col("sample").str.starts_with(prefix) for prefix in entry.samples]).fill_null(False)
        if entry.paths:
            here = here & pl.col("file").is_in(files)
        return examined.frame.select((pl.col("step").is_in(steps) & here).alias("hit"))["hit"]

    def _paths(self, examined: Examined) -> list[str]:
        return [self._told(counted.report.path) for counted in examined.dataset.files]

    def _told(self, path: str) -> str:
        """A path as entries tell it."""
        return os.path.relpath(os.path.realpath(path), os.path.realpath(self.folder or os.curdir)).replace(os.sep, "/")

    def _looked_at(self, entry: Suppression, examined: Examined) -> bool:
        """Whether this run would have met what the entry is about: one of its files was judged, or its sample is there."""
        paths = self._paths(examined)
        if entry.paths:
            return any(matches(path, pattern) for path in paths for pattern in entry.paths)
        ids = examined.dataset.table["id"]
        return any(bool(ids.str.starts_with(prefix).any()) for prefix in entry.samples)
