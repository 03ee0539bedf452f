"""Plugins: rules, measures and packs of other packages, found by their entry point in the group ``ftdata.plugins``.

The entry point names a module. Importing it declares its rules with ``@rule``, as ours are; ``MEASURES`` in it may list
measures, ``PACKS`` may name a folder with ``targets/*.yaml`` and ``goals/*.yaml``. The configuration's ``plugins`` lists
which plugins may load, before any of their code runs; without it all that are installed do, and ``plugins = []`` keeps
all out. A plugin that fails to load takes nothing with it: its verdict is *skipped*, with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ftdata.errors import ConfigError, suggest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "ftdata.plugins"
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plugin: its name, the package it came with, the rules it declared, and why it was not loaded, if it was not."""

    name: str
    package: str
    rules: tuple[str, ...] = ()
    problem: str | None = None


_LOADED: dict[str, Plugin] = {}


def load_plugins(allowed: Sequence[str] | None) -> list[Plugin]:
    """Load the plugins that are installed and allowed, each once a process, by name.

    Raises ConfigError where a name in ``allowed`` is not installed.
    """
    found = _installed()
    for name in allowed or ():
        if name not in found:
            installed = f"Installed: {', '.join(found)}." if found else "No plugin is installed."
            raise ConfigError(f"plugins: '{name}' is not installed.{suggest(name, found)}", installed)
    wanted = [name for name in found if allowed is None or name in allowed]
    for name in wanted:
        if name not in _LOADED:
            _LOADED[name] = _load(found[name])
    return [_LOADED[name] for name in wanted]


def _installed() -> dict[str, EntryPoint]:
    """The entry points of our group by name; of two with one name the first on the path counts."""
    from importlib.metadata import entry_points

    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return {point.name: point for point in reversed(points)}


def _load(point: EntryPoint) -> Plugin:
    from ftdata.measure.registry import MEASURES
    from ftdata.packs import EXTRA_PACKS
    from ftdata.rule import RULES

    package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
    rules, measures, packs = dict(RULES), dict(MEASURES), dict(EXTRA_PACKS)
    try:
        module = point.load()
        added = [rule for name, rule in RULES.items() if name not in rules]
        ours = [rule.code for rule in added if rule.code.startswith("FT")]
        if ours:
            raise ValueError(f"the codes {', '.join(ours)} begin with FT, which is ours: take a prefix of your own")
        if {name: RULES.get(name) for name in rules} != rules:
            raise ValueError("it changed rules that are not its own")
        for measure in getattr(module, "MEASURES", ()):
            if measure.name in MEASURES:
                raise ValueError(f"the measure '{measure.name}' exists already")
            MEASURES[measure.name] = measure
        folder = getattr(module, "PACKS", None)
        if folder is not None:
            EXTRA_PACKS[point.name] = _packs(folder)
    except (Exception, SystemExit) as error:
        _restore(RULES, rules)
        _restore(MEASURES, measures)
        _restore(EXTRA_PACKS, packs)
        return Plugin(point.name, package, problem=f"{type(error).__name__}: {error}")
    return Plugin(point.name, package, tuple(rule.name for rule in added))


def _restore(registry: dict[str, Value], before: dict[str, Value]) -> None:
    registry.clear()
    registry.update(before)


def _packs(folder: Any) -> Path:
    from ftdata.packs import names

    path = Path(os.fspath(folder))
    if not path.is_dir():
        raise ValueError(f"PACKS is no folder: {path}")
    for kind in ("targets", "goals"):
        taken = sorted({file.stem for file in path.glob(f"{kind}/*.yaml")} & set(names(kind)))
        if taken:
            raise ValueError(f"the {kind} {', '.join(taken)} exist already")
    return path
