"""Packs: YAML that says which rules run, how strictly, and why. Data only; checked when loaded.

``rules/core.yaml`` is for everyone, ``rules/targets/*.yaml`` say what a provider or trainer accepts,
``rules/goals/*.yaml`` what a dataset must offer to teach something.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ftdata.errors import ConfigError, UsageError, suggest
from ftdata.expectations import check_expectations
from ftdata.rule import RULES, Rule, find_rule
from ftdata.types import SEVERITIES

FIELDS = {
    "name", "title", "description", "extends", "target", "goal", "models", "facts", "select", "ignore", "rules", "custom", "expectations", "train",
}  # fmt: skip
RULE_FIELDS = {"severity", "error", "warning", "because", "source", "date_read", "suppressible"}
CUSTOM_FIELDS = {"code", "name", "severity", "where", "message", "help"}
CATEGORIES = ("correctness", "suspicious", "quality", "safety", "pedantic")


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack as read. ``origin`` is how it is named to the user ("target together"); ``data`` is checked."""

    name: str
    origin: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> Mapping[str, Any]:
        """The facts of the target, if the pack is one."""
        return self.data.get("target") or {}


def packs_dir() -> Path:
    """Return the folder of packs: inside the installed package, or ``rules/`` of a checkout."""
    installed = Path(__file__).parent / "_packs"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "rules"


# The folders of packs that plugins bring, by the plugin's name.
EXTRA_PACKS: dict[str, Path] = {}


def names(kind: str) -> list[str]:
    """Return the names of the packs of a kind ("targets", "goals"), those of plugins included."""
    return sorted(path.stem for folder in _folders() for path in (folder / kind).glob("*.yaml"))


def _folders() -> list[Path]:
    return [packs_dir(), *EXTRA_PACKS.values()]


@functools.cache
def load_core() -> Pack:
    """Return the pack that is on for everyone."""
    return _load(packs_dir() / "core.yaml", "core")


def load_goal(name: str) -> list[Pack]:
    """Return the goal's packs, the inherited ones first. Raises UsageError for an unknown goal."""
    return _load_named("goals", "goal", name)


def load_target(name: str) -> list[Pack]:
    """Return the target's packs, the inherited ones first; "openai:MODEL" adds what holds for that model.

    Raises UsageError for an unknown target or model.
    """
    base, _, model = name.partition(":")
    packs = _load_named("targets", "target", base)
    models = {key: entry for pack in packs for key, entry in (pack.data.get("models") or {}).items()}
    model = model or next((pack.target["default_model"] for pack in reversed(packs) if "default_model" in pack.target), "")
    if not model:
        return packs
    plain = model.split(":")[1] if model.startswith("ft:") else model
    key = plain if plain in models else next((k for k in models if k.startswith(plain)), None)
    if key is None:
        raise UsageError(
            f"unknown model '{model}' for target {base}.{suggest(plain, models)}",
            f"Known models: {', '.join(models) or 'none'}.",
        )
    entry = models[key]
    facts = {name: value for name, value in entry.items() if name != "rules"} | {"model": key}
    chosen = Pack(f"{base}:{key}", f"target {base}:{key}", {"target": facts, "rules": entry.get("rules") or {}})
    # What a model brings comes before a pack that extends its target, so that one's own pack has the last word.
    owner = max(at for at, pack in enumerate(packs) if key in (pack.data.get("models") or {}))
    return [*packs[: owner + 1], chosen, *packs[owner + 1 :]]


def _load_named(folder: str, word: str, name: str, seen: tuple[str, ...] = ()) -> list[Pack]:
    known = names(folder)
    file = f"{name}.yaml"
    path = next((base / folder / file for base in _folders() if (base / folder / file).is_file()), packs_dir() / folder / file)
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"{word} pack {name} is not a file", "Give the path of a YAML pack, or a built-in name.")
    elif name not in known:
        raise UsageError(f"unknown {word} '{name}'.{suggest(name, known)}", f"Known {word}s: {', '.join(known)}.")
    if name in seen:
        raise ConfigError(f"{path}: pack extends itself through {' -> '.join(seen)}", "Remove one of the 'extends'.")
    pack = _load(path, f"{word} {name}")
    inherited: list[Pack] = []
    parents = pack.data.get("extends") or []
    for parent in [parents] if isinstance(parents, str) else parents:
        if parent != "core":
            inherited += _load_named(folder, word, parent, (*seen, name))
    return [*inherited, pack]


@functools.lru_cache(maxsize=64)
def _load(path: Path, origin: str) -> Pack:
    try:
        data = yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})", "Check the path and its permissions.") from None
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: not valid YAML ({_one_line(error)})", "Mend the file at that place.") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: a pack is a YAML mapping with 'name' and 'rules'", "See CONTRIBUTING.md.")
    check_pack(data, str(path))
    return Pack(str(data.get("name", path.stem)), origin, data)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def check_pack(data: Mapping[str, Any], where: str) -> None:
    """Refuse a pack with unknown fields, rules, parameters or values. Raises ConfigError with a suggestion."""
    for key in data:
        if key not in FIELDS:
            raise ConfigError(f"{where}: unknown field '{key}'.{suggest(str(key), FIELDS)}")
    check_selectors(data.get("select") or [], f"{where}: select")
    check_selectors(data.get("ignore") or [], f"{where}: ignore")
    check_rules(data.get("rules") or {}, where)
    check_custom(data.get("custom") or [], where)
    check_expectations(data.get("expectations") or [], where)
    parents = data.get("extends") or []
    if not isinstance(parents, str | list) or not all(isinstance(parent, str) for parent in parents):
        raise ConfigError(f"{where}: extends is no list of names", "Write extends: [core, style].")
    if not isinstance(data.get("train") or {}, Mapping):
        raise ConfigError(f"{where}: train is no table of settings", "Write train: {epochs: 2}, as [train] of ftdata.toml.")
    for model, entry in (data.get("models") or {}).items():
        check_rules(entry.get("rules") or {}, f"{where}: models.{model}")


def check_selectors(selectors: Any, where: str) -> None:
    """Refuse a selector that is no category, code, code prefix or name."""
    if not isinstance(selectors, list):
        raise ConfigError(f"{where} must be a list of rule names, codes or categories")
    for selector in selectors:
        if str(selector).lower() not in (*CATEGORIES, "all") and not matching(str(selector)):
            known = [*RULES, *(r.code for r in RULES.values()), *CATEGORIES]
            raise UsageError(
                f"{where}: unknown rule '{selector}'.{suggest(str(selector), known)}",
                "`ftdata rule --all` lists every rule.",
            )


def matching(selector: str) -> list[Rule]:
    """Return the rules that a selector means: "all", a category, a code, a prefix of codes, or a name."""
    if selector.lower() == "all":
        return list(RULES.values())
    if selector.lower() in CATEGORIES:
        return [rule for rule in RULES.values() if rule.category == selector.lower()]
    exact = find_rule(selector)
    if exact is not None:
        return [exact]
    if selector.isalnum() and selector[:2].isalpha():
        return [rule for rule in RULES.values() if rule.code.startswith(selector.upper())]
    return []


def specificity(selector: str) -> int:
    """Return how narrow a selector is: category 1, prefix 2 and up, exact code or name 100."""
    if selector.lower() == "all":
        return 0
    if selector.lower() in CATEGORIES:
        return 1
    return 100 if find_rule(selector) else len(selector)


def check_rules(table: Any, where: str) -> None:
    """Refuse a ``rules:`` table with unknown rules, parameters, severities or budgets."""
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: 'rules' must map rule names to their settings")
    for name, entry in table.items():
        rule = find_rule(str(name))
        if rule is None:
            raise ConfigError(f"{where}: unknown rule '{name}'.{suggest(str(name), RULES)}")
        if isinstance(entry, str) or entry is False:
            entry = {"severity": entry or "off"}
        if not isinstance(entry, Mapping):
            raise ConfigError(f"{where}: rules.{name} must be a mapping of settings, or a severity")
        for key, value in entry.items():
            _check_setting(rule, str(key), value, f"{where}: rules.{name}")


def _check_setting(rule: Rule, key: str, value: Any, where: str) -> None:
    if key == "severity":
        if value not in (*SEVERITIES, "off", False):
            raise ConfigError(f"{where}: severity '{value}' is not one of {', '.join(SEVERITIES)}, off")
    elif key in ("error", "warning"):
        parse_budget(value, f"{where}.{key}")
    elif key in RULE_FIELDS:
        return
    elif key not in rule.params:
        known = [*rule.params, *RULE_FIELDS]
        raise ConfigError(f"{where}: unknown parameter '{key}'.{suggest(key, known)}", f"Known: {', '.join(known)}.")
    else:
        default = rule.params[key]
        if not _same_type(default, value):
            raise ConfigError(f"{where}.{key}: {value!r} is not {_type_name(default)}")


def _same_type(default: Any, value: Any) -> bool:
    if default is None or value is None:
        return True
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, int | float):
        return isinstance(value, int | float)
    if isinstance(default, list | tuple):
        return isinstance(value, list | tuple)
    return isinstance(value, type(default))


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    return {
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        tuple: "a list",
        dict: "a mapping",
    }.get(type(value), type(value).__name__)


def parse_budget(text: Any, where: str) -> tuple[float, bool]:
    """Read "> 1%" or "> 10" as (limit, is_share): more findings than that exceed the budget."""
    raw = str(text).strip().removeprefix(">").strip()
    share = raw.endswith("%")
    try:
        number = float(raw.removesuffix("%"))
    except ValueError:
        raise ConfigError(f"{where}: budget {text!r} is not like '> 10' or '> 1%'") from None
    if number < 0 or (share and number > 100):
        raise ConfigError(f"{where}: budget {text!r} is out of range")
    return (number / 100 if share else number), share


def check_custom(entries: Any, where: str) -> None:
    """Refuse custom rules that lack a field, take our code prefix, or whose SQL is not a plain predicate."""
    if not isinstance(entries, list):
        raise ConfigError(f"{where}: 'custom' must be a list of rules")
    for entry in entries:
        if not isinstance(entry, Mapping) or not {"code", "name", "where"} <= set(entry):
            raise ConfigError(f"{where}: a custom rule needs code, name and where")
        for key in entry:
            if key not in CUSTOM_FIELDS:
                raise ConfigError(f"{where}: custom rule: unknown field '{key}'.{suggest(str(key), CUSTOM_FIELDS)}")
        if str(entry["code"]).upper().startswith("FT"):
            raise ConfigError(f"{where}: custom rule {entry['code']}: the prefix FT is ftdata's own; take another")
        if entry.get("severity", "warning") not in SEVERITIES:
            raise ConfigError(f"{where}: custom rule {entry['code']}: severity must be one of {', '.join(SEVERITIES)}")
        if find_rule(str(entry["name"])) or find_rule(str(entry["code"])):
            raise ConfigError(f"{where}: custom rule {entry['code']} {entry['name']}: that code or name is taken")
