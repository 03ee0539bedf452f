"""The options that every command which judges data shares: what to judge by, and where that is configured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftdata.config import Config
    from ftdata.judge.known import Hider
    from ftdata.judge.select import Choice
    from ftdata.judge.suppress import Suppressions

_OPTIONS = (
    click.option(
        "-t",
        "--target",
        "targets",
        multiple=True,
        metavar="NAME",
        help="Judge what this provider or trainer accepts; repeatable. `openai:MODEL` names a model; the path of a local model folder judges by its own chat template and tokenizer.",
    ),
    click.option("-g", "--goal", metavar="NAME", help="What the data shall teach: style, task, domain ... sets sample counts."),
    click.option("--from", "format_", metavar="FORMAT", help="Read the rows as this format instead of detecting it."),
    click.option(
        "--eval",
        "evals",
        multiple=True,
        metavar="PATH",
        help="An evaluation file: training samples must not be in it. Files named eval, test, valid ... are taken as such.",
    ),
    click.option("--tokenizer", metavar="PATH", help="Count tokens with this tokenizer.json, model folder or encoding."),
    click.option(
        "--select",
        multiple=True,
        metavar="RULE",
        help="Run only these rules: names, codes, code prefixes or categories, comma-separated.",
    ),
    click.option("--extend-select", multiple=True, metavar="RULE", help="Run these rules too."),
    click.option("--ignore", multiple=True, metavar="RULE", help="Do not run these rules."),
    click.option("--config", "config_path", metavar="FILE", help="Use this configuration instead of the closest ftdata.toml."),
    click.option("--isolated", is_flag=True, help="Ignore configuration files."),
)


def judging(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options to a command, in the order of the table."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def find_settings(options: dict[str, Any]) -> Config:
    """The configuration that the options name, else the closest one, else none."""
    from ftdata.config import Config, find_config, load_config

    if options["config_path"]:
        return load_config(Path(options["config_path"]))
    found = None if options["isolated"] else find_config(Path.cwd())
    return load_config(found) if found else Config()


def make_choice(options: dict[str, Any], config: Config) -> Choice:
    """What to judge by: flags before configuration."""
    from ftdata.judge.select import Choice

    data = config.data
    configured = data.get("target")
    targets = options["targets"] or ((configured,) if isinstance(configured, str) else tuple(configured or ()))
    return Choice(
        targets=tuple(dict.fromkeys(split(targets))),
        goal=options["goal"] or data.get("goal"),
        config=data,
        config_origin=config.origin,
        select=split(options["select"]),
        extend_select=split(options["extend_select"]),
        ignore=split(options["ignore"]),
        tokenizer=options["tokenizer"] or data.get("tokenizer"),
    )


def eval_paths(options: dict[str, Any], config: Config) -> tuple[str, ...]:
    """The evaluation files that the options name, else those of the configuration."""
    return options["evals"] or tuple(str(config.folder / path) for path in config.data.get("eval") or ())


def find_baseline(options: dict[str, Any], config: Config) -> str | None:
    """The path of the baseline that the options name, else that of the configuration."""
    configured = config.data.get("baseline")
    path: str | None = options.get("baseline") or (str(config.folder / configured) if configured else None)
    return path


def hiders(options: dict[str, Any], config: Config, *, baseline: bool = True) -> tuple[Hider, ...]:
    """What hides findings: the suppressions of the configuration, and the baseline."""
    found: list[Hider] = []
    suppressions = find_suppressions(config)
    if suppressions is not None:
        found.append(suppressions)
    path = find_baseline(options, config) if baseline else None
    if path:
        from ftdata.judge.baseline import KnownFindings, read_baseline

        found.append(KnownFindings(read_baseline(path)))
    return tuple(found)


def find_suppressions(config: Config) -> Suppressions | None:
    """The suppressions of the configuration, if it has any."""
    if not config.data.get("suppress"):
        return None
    from ftdata.judge.suppress import Suppressions, read_suppressions

    return Suppressions(read_suppressions(config.data, config.origin), config.origin, str(config.folder))


def split(values: Iterable[str]) -> tuple[str, ...]:
    """The names in comma-separated values."""
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())
