"""``ftdata rule``: explain one rule, or list all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftdata.rule import Rule


@click.command("rule")
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="List every rule.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def command(name: str | None, every: bool, output: str) -> None:
    """Explain a rule: why it exists, an example, what a fix would do.

    NAME is a rule's name or code, such as missing-assistant-turn or FT101.
    """
    import ftdata.checks  # noqa: F401  (fills RULES)
    from ftdata.errors import UsageError, suggest
    from ftdata.plugins import load_plugins
    from ftdata.rule import RULES, find_rule

    found = find_rule(name) if name is not None else None
    own = {} if found is not None and not every else _own()
    if found is None or every:
        load_plugins(_allowed())
    if every or name is None:
        rules = sorted((*RULES.values(), *own.values()), key=lambda r: r.code)
        if output == "json":
            click.echo(json.dumps([describe(rule) for rule in rules], ensure_ascii=False, indent=1))
            return
        widest = max(len(rule.name) for rule in rules)
        for rule in rules:
            state = rule.severity if rule.on else "off"
            click.echo(f"{rule.code}  {rule.name:<{widest}}  {state:<7}  {rule.summary}")
        return
    found = found or next((rule for rule in own.values() if name.lower() in (rule.name, rule.code.lower())), None)
    found = found or find_rule(name)
    if found is None:
        if re.fullmatch(r"GX\d{3,}", name, re.I):
            raise UsageError(
                f"{name} is an expectation of a pack", "Its `expectations:` say what it demands, in their order, and why."
            )
        known = [*RULES, *own, *(rule.code for rule in (*RULES.values(), *own.values()))]
        raise UsageError(
            f"unknown rule '{name}'.{suggest(name, known)}",
            "`ftdata rule --all` lists every rule; custom ones stand in the configuration.",
        )
    if output == "json":
        click.echo(json.dumps(describe(found), ensure_ascii=False, indent=1))
        return
    facts = [f"{found.severity} by default" if found.on else "off until a target or --select asks for it"]
    facts.append(f"category {found.category}")
    if found.fix_safety:
        facts.append(f"fix: {found.fix_safety}")
    if not found.suppressible:
        facts.append("cannot be suppressed")
    click.echo(f"{click.style(found.name, bold=True)} {found.code}\n{' · '.join(facts)}\n")
    click.echo(found.doc)
    for line in _cases(found.code):
        click.echo(line)
    for line in _targets(found.name):
        click.echo(line)
    params = {key: value for key, value in found.params.items() if key != "target"}
    if params:
        click.echo("\n## Parameters")
        for key, value in params.items():
            click.echo(f"{key} = {json.dumps(value, ensure_ascii=False, default=list)}")
    if found.help:
        click.echo(f"\n## What to do\n{found.help}")


def _own() -> dict[str, Rule]:
    """The rules about exceptions, which no pack chooses: they run wherever there is a baseline or a suppression."""
    from ftdata.judge.own import EXPIRED_SUPPRESSION, STALE_BASELINE, UNUSED_SUPPRESSION

    return {rule.name: rule for rule in (STALE_BASELINE, EXPIRED_SUPPRESSION, UNUSED_SUPPRESSION)}


def _allowed() -> list[str] | None:
    """The plugins that the configuration of this folder allows."""
    from ftdata.config import find_config, load_config

    path = find_config(Path.cwd())
    allowed: list[str] | None = load_config(path).data.get("plugins") if path else None
    return allowed


def _cases(code: str) -> Iterator[str]:
    """The rule's passing and failing rows, which are also its tests."""
    import yaml

    folder = Path(__file__).parent.parent
    for path in (folder / "_cases" / f"{code}.yaml", folder.parent / "tests" / "rules" / f"{code}.yaml"):
        if not path.is_file():
            continue
        cases = yaml.safe_load(path.read_text("utf-8"))
        for kind, title in (("pass", "Passes"), ("fail", "Fails")):
            yield f"\n## {title}"
            for case in cases.get(kind) or []:
                row = case["row"] if isinstance(case, dict) and "row" in case else case
                params = case.get("params") if row is not case else None
                yield json.dumps(row, ensure_ascii=False) + (
                    f"   with {json.dumps(params, ensure_ascii=False)}" if params else ""
                )
        return


def _targets(name: str) -> Iterator[str]:
    """What the targets do with the fault, in their words and with the source."""
    from ftdata.packs import load_target, names

    said = [
        (target, entry) for target in names("targets") if (entry := (load_target(target)[0].data.get("rules") or {}).get(name))
    ]
    if said:
        yield "\n## Targets"
    for target, entry in said:
        words = f": {entry['because']} [{entry['source']}, {entry['date_read']}]" if "because" in entry else ""
        yield f"{target}: {entry.get('severity', 'on')}{words}"


def describe(rule: Any) -> dict[str, Any]:
    """Return a rule as a JSON object."""
    return {
        "code": rule.code,
        "name": rule.name,
        "summary": rule.summary,
        "category": rule.category,
        "severity": rule.severity,
        "on_by_default": rule.on,
        "scope": rule.scope,
        "kinds": list(rule.kinds),
        "message": rule.message,
        "help": rule.help,
        "params": {k: list(v) if isinstance(v, tuple | set | frozenset) else v for k, v in rule.params.items() if k != "target"},
        "fix_safety": rule.fix_safety,
        "suppressible": rule.suppressible,
        "catalogue": list(rule.catalogue),
        "since": rule.since,
        "doc": rule.doc,
    }
