"""``ftdata baseline``: accept the findings that are there, so that only new ones count."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftdata.cli.options import eval_paths, find_baseline, find_settings, hiders, judging, make_choice

if TYPE_CHECKING:
    from ftdata.config import Config
    from ftdata.judge.baseline import Baseline
    from ftdata.judge.known import Examined


@click.command("baseline", epilog="Exit codes: 0 done, 2 a damaged or missing baseline, an input or a flag that cannot be used.")
@click.argument("verb", type=click.Choice(["create", "prune", "show"]))
@click.argument("paths", nargs=-1)
@judging
@click.option("--baseline", metavar="FILE", help="The file (default: that of the configuration, else ftdata-baseline.json).")
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    metavar="RULE=TEXT",
    help="With create: why the findings of a rule are accepted; repeatable.",
)
@click.option("--force", is_flag=True, help="With create: accept new findings too, in a baseline that is there already.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Worker processes (default: one a core, for large inputs).")
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)  # fmt: skip
def command(**options: Any) -> int:
    """Accept known findings: `create` once, then `prune` what is mended; `show` counts what is left.

    `ftdata lint --baseline FILE`, or `baseline = "FILE"` in the configuration, then leaves them out. A baseline only shrinks: new findings
    are never added to one that is there unless --force says so, and findings of a secret are never accepted.
    """
    config = find_settings(options)
    path = find_baseline(options, config) or "ftdata-baseline.json"
    if options["verb"] == "create":
        return _create(path, options, config)
    return _prune(path, options, config) if options["verb"] == "prune" else _show(path, options)


def _create(path: str, options: dict[str, Any], config: Config) -> int:
    from ftdata.errors import UsageError
    from ftdata.judge.baseline import accept, contrast, read_baseline

    if not options["paths"]:
        raise UsageError("baseline create: of which data?", "Name files or folders, as for `ftdata lint`.")
    reasons = _reasons(options["reasons"])
    old = read_baseline(path) if os.path.lexists(path) else None
    examined = _examine(options["paths"], options, config)
    made, refused = accept(examined, path)
    if old is not None:
        difference = contrast(old, examined)
        if difference.new and not options["force"]:
            counts = _counted(difference.new)
            raise UsageError(
                f"{path} is there already, and {counts} are not in it: a baseline only shrinks",
                "Mend them; `ftdata baseline prune` takes out what is gone; --force accepts them too.",
            )
        ran = {chosen.rule.name for number, chosen in enumerate(examined.rules) if number not in examined.skipped}
        made.findings |= {rule: keys for rule, keys in difference.pruned.findings.items() if rule not in ran}
        made.reasons = dict(old.reasons)
    made.reasons |= reasons
    _write(made)
    lines = [
        f"{path}: {_plural(made.total, 'finding')} of {_plural(len(made.findings), 'rule')} accepted in {_plural(len(made.files), 'file')}"
    ]
    if refused:
        lines.append(f"  not accepted, for these can never be: {_counted(refused)}")
    configured = not options["baseline"] and config.data.get("baseline")
    lines.append(
        "  now: ftdata lint, which finds it by the configuration"
        if configured
        else f'  now: ftdata lint --baseline {path}, or baseline = "{path}" in ftdata.toml'
    )
    _print(lines, {"baseline": path, "accepted": made.total, "refused": refused}, options)
    return 0


def _prune(path: str, options: dict[str, Any], config: Config) -> int:
    from ftdata.errors import UsageError
    from ftdata.judge.baseline import contrast, read_baseline

    if options["force"] or options["reasons"]:
        raise UsageError("--force and --reason are of `ftdata baseline create`", "prune only takes out what is gone.")
    old = read_baseline(path)
    folder = Path(path).parent
    paths = options["paths"] or tuple(str(folder / name) for name in old.files if os.path.lexists(folder / name))
    if not paths:
        raise UsageError(
            f"{path}: none of its files is there any more", "Delete it, or name the data: `ftdata baseline prune PATHS`."
        )
    difference = contrast(old, _examine(paths, options, config))
    gone = old.total - difference.pruned.total
    _write(difference.pruned)
    lines = [f"{path}: {_plural(gone, 'finding')} taken out, {difference.pruned.total:,} left"]
    if difference.new:
        lines.append(f"  not in it: {_counted(difference.new)}; `ftdata lint` shows them")
    _print(lines, {"baseline": path, "removed": gone, "left": difference.pruned.total, "new": difference.new}, options)
    return 0


def _show(path: str, options: dict[str, Any]) -> int:
    from ftdata.judge.baseline import read_baseline

    baseline = read_baseline(path)
    rules = {rule: sum(entry.count for entry in keys.values()) for rule, keys in sorted(baseline.findings.items())}
    lines = [
        f"{path}: {_plural(baseline.total, 'finding')} of {_plural(len(rules), 'rule')} accepted in {_plural(len(baseline.files), 'file')}"
    ]
    for rule, count in sorted(rules.items(), key=lambda item: (-item[1], item[0])):
        reason = baseline.reasons.get(rule)
        lines.append(f"  {count:>7,}  {rule}" + (f": {reason}" if reason else ""))
    _print(
        lines,
        {"baseline": path, "accepted": baseline.total, "rules": rules, "files": baseline.files, "reasons": baseline.reasons},
        options,
    )
    return 0


def _examine(paths: tuple[str, ...], options: dict[str, Any], config: Config) -> Examined:
    """Judge the data; what the configuration suppresses needs no baseline. Raises ReadError where a file cannot be judged."""
    from ftdata.cli.progress import Progress
    from ftdata.errors import ReadError
    from ftdata.judge.run import Options, examine

    choice = make_choice(options, config)
    with Progress("linting") as progress:
        how = Options(
            format=options["format_"], eval_paths=eval_paths(options, config), jobs=options["jobs"], progress=progress.update
        )
        examined = examine(paths, choice, how)
    broken = next((counted.report for counted in examined.dataset.files if counted.report.error), None)
    if broken is not None:
        raise ReadError(f"{broken.path}: {broken.error}", broken.help or "`ftdata lint` says more.")
    for hider in hiders(options, config, baseline=False):
        examined = replace(examined, frame=examined.frame.filter(~hider.hide(examined).mask))
    return examined


def _write(baseline: Baseline) -> None:
    from ftdata.judge.baseline import dump
    from ftdata.write import write_atomically

    write_atomically(baseline.path, [dump(baseline)])


def _reasons(given: tuple[str, ...]) -> dict[str, str]:
    import ftdata.checks  # noqa: F401  (fills RULES)
    from ftdata.errors import UsageError, suggest
    from ftdata.rule import RULES, find_rule

    reasons = {}
    for text in given:
        name, equals, words = text.partition("=")
        rule = find_rule(name.strip())
        if not equals or not words.strip():
            raise UsageError(f"--reason {text}: is not RULE=TEXT", 'For example --reason zero-width="an old export".')
        if rule is None:
            raise UsageError(
                f"--reason {text}: unknown rule '{name}'.{suggest(name, RULES)}", "`ftdata rule --all` lists every rule."
            )
        reasons[rule.name] = words.strip()
    return reasons


def _counted(counts: dict[str, int]) -> str:
    named = [f"{count:,} of {rule}" for rule, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    return ", ".join(named[:8]) + (f" and {len(named) - 8} rules more" if len(named) > 8 else "")


def _plural(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' if number != 1 else ''}"


def _print(lines: list[str], facts: dict[str, Any], options: dict[str, Any]) -> None:
    from ftdata.cli.fix import show

    show([json.dumps(facts)] if options["output_format"] == "json" else lines)
