"""Which rules run, with what parameters, and where each value comes from.

Layers, later ones win: rule defaults < core < target < goal < configuration < command line. Within a layer a
more specific selector beats a less specific one, and at equal specificity ignore wins.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ftdata.errors import ConfigError, suggest
from ftdata.judge.guard import Guard
from ftdata.packs import (
    Pack,
    check_custom,
    check_rules,
    check_selectors,
    load_core,
    load_goal,
    load_target,
    matching,
    specificity,
)
from ftdata.plugins import Plugin, load_plugins
from ftdata.rule import RULES, Columns, Rule, find_rule
from ftdata.types import SEVERITIES, Severity


@dataclass(frozen=True, slots=True)
class Target:
    """One target: its facts, and the tokenizer and overhead to count with."""

    name: str
    facts: Mapping[str, Any]

    @property
    def tokenizer(self) -> str | None:
        """The tokenizer's name or path; ``None`` where the target has none of its own."""
        return self.facts.get("tokenizer")


@dataclass(slots=True)
class Selected:
    """One rule as it will run. ``origin`` names the layer that set each value."""

    rule: Rule
    severity: Severity
    params: dict[str, Any]
    targets: tuple[str, ...] = ()
    tokenizer: str | None = None
    budgets: dict[str, str] = field(default_factory=dict)
    because: dict[str, str] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    suppressible: bool = True
    where: str | None = None
    wants_tokens: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two selections the same check: the rule, its parameters and its tokenizer."""
        return (self.rule.name, repr(sorted(self.params.items())), self.tokenizer, repr(self.budgets))


@dataclass(slots=True)
class Choice:
    """What the user asked for: targets, a goal, and the layers of configuration and command line."""

    targets: tuple[str, ...] = ()
    goal: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    config_origin: str = "ftdata.toml"
    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    tokenizer: str | None = None


@dataclass(slots=True)
class Selection:
    """Everything that will be judged: the rules, the targets, the packs they come from."""

    rules: list[Selected]
    targets: list[Target]
    packs: list[Pack]
    goal: str | None = None
    tokenizer: str | None = None
    plugins: list[Plugin] = field(default_factory=list)


def resolve(choice: Choice) -> Selection:
    """Resolve every layer into the rules that run. Raises UsageError or ConfigError for unknown names."""
    import ftdata.checks  # noqa: F401  (fills RULES)

    plugins = load_plugins(choice.config.get("plugins"))
    for option, selectors in (
        ("--select", choice.select),
        ("--extend-select", choice.extend_select),
        ("--ignore", choice.ignore),
    ):
        check_selectors(list(selectors), option)
    core = load_core()
    goals = load_goal(choice.goal) if choice.goal else []
    merged: dict[tuple[Any, ...], Selected] = {}
    targets, used = [], [core]
    for name in choice.targets or (None,):
        packs = _target_packs(name) if name else []
        facts = {key: value for pack in packs for key, value in pack.target.items()}
        target = Target(name, facts) if name else None
        if target:
            targets.append(target)
        used += packs
        tokenizer = choice.tokenizer or (target.tokenizer if target else "o200k_base")
        for selected in _layered([core, *packs, *goals], choice, target, tokenizer):
            _merge(merged, selected)
    shared = {t.name for t in targets}
    for selected in merged.values():
        if set(selected.targets) == shared and not selected.because:
            selected.targets = ()
    rules = sorted(merged.values(), key=lambda s: (s.rule.code, s.targets))
    counted = choice.tokenizer or (targets[0].tokenizer if targets else "o200k_base")
    return Selection(rules, targets, [*used, *goals], choice.goal, counted, plugins)


def _target_packs(name: str) -> list[Pack]:
    if os.path.isdir(name):
        from ftdata.judge.templates import folder_pack, is_model_folder

        if is_model_folder(name):
            return [folder_pack(name)]
    return load_target(name)


def _merge(merged: dict[tuple[Any, ...], Selected], selected: Selected) -> None:
    known = merged.get(selected.key)
    if known is None:
        merged[selected.key] = selected
        return
    known.targets += selected.targets
    known.because |= selected.because
    known.suppressible &= selected.suppressible
    if selected.severity != known.severity:
        milder = max(selected, known, key=lambda s: SEVERITIES.index(s.severity))
        for target in milder.targets if milder is selected else known.targets[: -len(selected.targets)]:
            known.because.setdefault(target, f"{milder.severity} only")
    if SEVERITIES.index(selected.severity) < SEVERITIES.index(known.severity):
        known.severity = selected.severity
        known.origin["severity"] = selected.origin["severity"]


def _layered(packs: Sequence[Pack], choice: Choice, target: Target | None, tokenizer: str | None) -> list[Selected]:
    active: dict[str, str] = {}
    settings: dict[str, dict[str, Any]] = {}
    origins: dict[str, dict[str, str]] = {}
    custom: list[tuple[Mapping[str, Any], str]] = []
    because: dict[str, str] = {}

    def apply(table: Mapping[str, Any], origin: str, turn_on: bool) -> None:
        for key, entry in table.items():
            rule = find_rule(str(key))
            if rule is None:
                raise ConfigError(f"{origin}: unknown rule '{key}'.{suggest(str(key), RULES)}")
            entry = {"severity": entry or "off"} if isinstance(entry, str) or entry is False else entry
            if entry.get("severity") in ("off", False):
                active.pop(rule.name, None)
                continue
            if turn_on:
                active.setdefault(rule.name, origin)
            if "because" in entry and target:
                source = f" [{entry['source']}, {entry['date_read']}]" if "source" in entry and "date_read" in entry else ""
                because[rule.name] = f"{entry['because']}{source}"
            for name, value in entry.items():
                if name not in ("because", "source", "date_read"):
                    settings.setdefault(rule.name, {})[name] = value
                    origins.setdefault(rule.name, {})[name] = origin

    for pack in packs:
        data = pack.data
        _toggle(active, data.get("select") or [], data.get("ignore") or [], pack.origin)
        apply(data.get("rules") or {}, pack.origin, turn_on=True)
        custom += [(entry, pack.origin) for entry in data.get("custom") or []]
    config, origin = choice.config, choice.config_origin
    if config:
        for name in ("select", "extend-select", "ignore"):
            check_selectors(config.get(name) or [], f"{origin}: {name}")
        check_rules(config.get("rules") or {}, origin)
        check_custom(config.get("custom") or [], origin)
        if config.get("select"):
            active.clear()
        _toggle(
            active,
            [*(config.get("select") or []), *(config.get("extend-select") or [])],
            config.get("ignore") or [],
            origin,
        )
        apply(config.get("rules") or {}, origin, turn_on=not config.get("select"))
        custom += [(entry, origin) for entry in config.get("custom") or []]
    if choice.select:
        active.clear()
    _toggle(active, [*choice.select, *choice.extend_select], choice.ignore, "command line")
    selected = [
        _select(
            RULES[name],
            origin,
            settings.get(name, {}),
            origins.get(name, {}),
            because.get(name),
            target,
            tokenizer,
        )
        for name, origin in active.items()
    ]
    if not choice.select:
        selected += [_custom(entry, origin, target, tokenizer) for entry, origin in custom]
    return selected


def _toggle(active: dict[str, str], select: Sequence[str], ignore: Sequence[str], origin: str) -> None:
    """Apply one layer's select and ignore: the most specific selector decides, ignore wins a tie."""
    best: dict[str, tuple[int, bool]] = {}
    for selectors, on in ((select, True), (ignore, False)):
        for selector in selectors:
            rank = specificity(selector)
            for rule in matching(selector):
                if on and not rule.on and rank < 100:
                    continue
                if (rank, not on) >= (
                    best.get(rule.name, (-1, True))[0],
                    not best.get(rule.name, (-1, True))[1],
                ):
                    best[rule.name] = (rank, on)
    for name, (_, on) in best.items():
        if on:
            active.setdefault(name, origin)
        else:
            active.pop(name, None)


def _select(
    rule: Rule,
    origin: str,
    settings: Mapping[str, Any],
    origins: Mapping[str, str],
    because: str | None,
    target: Target | None,
    tokenizer: str | None,
) -> Selected:
    params = dict(rule.params)
    where = dict.fromkeys(params, "default") | {"selected": origin, "severity": f"category {rule.category}"}
    for name, value in settings.items():
        if name in params:
            params[name] = value
        where[name] = origins[name]
    if target and "target" in params:
        params["target"] = dict(target.facts)
    severity = settings.get("severity", rule.severity)
    wants_tokens = needs_tokens(rule, params)
    return Selected(
        rule=rule,
        severity=severity,
        params={k: str(v) if isinstance(v, datetime.date) else v for k, v in params.items()},
        targets=(target.name,) if target else (),
        tokenizer=tokenizer if wants_tokens else None,
        wants_tokens=wants_tokens,
        budgets={k: str(settings[k]) for k in ("error", "warning") if k in settings},
        because={target.name: because} if target and because else {},
        origin=where,
        suppressible=bool(settings.get("suppressible", rule.suppressible)),
    )


def needs_tokens(rule: Rule, params: Mapping[str, Any]) -> bool:
    """Whether the rule reads a token measure, so that it depends on a tokenizer."""
    if rule.scope == "measure":
        columns = Columns()
        Guard().run(0, rule, lambda: [rule.check(columns, params)])
        return any(name.startswith("n_") and "tokens" in name for name in columns.touched)
    return any("tokens" in name for name in rule.needs)


def _custom(entry: Mapping[str, Any], origin: str, target: Target | None, tokenizer: str | None) -> Selected:
    severity = entry.get("severity", "warning")
    rule = Rule(
        code=str(entry["code"]),
        name=str(entry["name"]),
        category="suspicious",
        scope="measure",
        message=str(entry.get("message", "matches the custom rule {where}")).replace("{where}", str(entry["where"])),
        doc=f"Custom rule of {origin}: {entry['where']}",
        check=lambda m, p: None,
        help=entry.get("help"),
    )
    return Selected(
        rule=rule,
        severity=severity,
        params={},
        targets=(target.name,) if target else (),
        tokenizer=tokenizer if "tokens" in str(entry["where"]) else None,
        wants_tokens="tokens" in str(entry["where"]),
        origin={"selected": origin, "severity": origin},
        where=str(entry["where"]),
    )
