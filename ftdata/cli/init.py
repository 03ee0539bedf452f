"""``ftdata init``: configuration, workflow and hook for the repository it stands in, shown before they are written."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

_CONFIG = """\
# ftdata judges fine-tuning data. All settings: ftdata lint --help, ftdata lint --show-rules
{target}{goal}
# Findings at or above this severity make a run red: error, warning, info or never.
fail-on = "error"
{evals}
# [rules]
# empty-content = {{ error = "> 1%", warning = "> 0" }}   # budgets: more than that is an error
"""
_WORKFLOW = """\
name: data
on:
  pull_request:
  merge_group:
permissions:
  contents: read
jobs:
  ftdata:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: ftdata/ftdata@v{version}
        with:
          paths: |
{paths}
"""
_GITLAB = """\
include:
  - remote: "https://raw.githubusercontent.com/ftdata/ftdata/v{version}/ci/gitlab.yml"
variables:
  FTDATA_PATHS: |
{paths}
"""
_HOOK = """\
repos:
  - repo: https://github.com/ftdata/ftdata
    rev: v{version}
    hooks:
      - id: ftdata-lint{files}
"""
_DATA_IN = r"/.*\.(jsonl|ndjson|json|csv|tsv|parquet)(\.(gz|zst))?"
MOST_FILES = 2_000
MOST_PATHS = 20


@dataclass(frozen=True, slots=True)
class Data:
    """Where a repository keeps training data: paths to judge, the evaluation files among them, and paths that a workflow cannot hold."""

    paths: list[str]
    evals: list[str]
    left: list[str]


@click.command("init", epilog="Exit codes: 0 written or nothing to do, 2 something cannot be used.")
@click.argument("folder", default=".", metavar="[FOLDER]")
@click.option("-t", "--target", metavar="NAME", help="Where the data is trained; written into the configuration.")
@click.option("-g", "--goal", metavar="NAME", help="What it teaches: style, task or domain.")
@click.option(
    "--ci",
    type=click.Choice(["auto", "github", "gitlab", "none"]),
    default="auto",
    show_default=True,
    help="Whose workflow to write.",
)
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
def command(**options: Any) -> int:
    """Set up a repository: ftdata.toml, a workflow and a pre-commit hook. Files that are there stay as they are."""
    from ftdata.cli.fix import show
    from ftdata.errors import UsageError

    folder = Path(options["folder"])
    if not folder.is_dir():
        raise UsageError(f"{folder}: is no folder", "Name the root of a repository.")
    data = _data_of(folder)
    files = plan(folder, options["target"], options["goal"], options["ci"], data)
    new = {path: text for path, text in files.items() if not (folder / path).exists()}
    for path, text in files.items():
        if path not in new:
            show(
                [
                    f"{path}: is there already and stays as it is",
                    *(
                        ["  add this to it:", *(f"    {line}" for line in text.splitlines())]
                        if path.endswith((".yaml", ".yml"))
                        else []
                    ),
                ]
            )
            continue
        show([f"--- {path}", *(f"  {line}" for line in text.splitlines())])
    if data.left:
        shown = ", ".join(data.left[:5]) + (" ..." if len(data.left) > 5 else "")
        show([f"not in these files, add it by hand: {shown}"])
    if not new:
        show(["Nothing to write."])
        return 0
    if options["dry_run"]:
        return 0
    if not options["yes"]:
        if not sys.stdin.isatty():
            raise UsageError("nobody can be asked here", "Add --yes to write these files, or --dry-run to only see them.")
        if not click.confirm(f"Write {len(new)} file{'s' if len(new) != 1 else ''}?", default=True, err=True):
            return 0
    write(folder, new)
    show([f"written: {', '.join(new)}", f"next: ftdata lint {' '.join(data.paths) or '.'}"])
    return 0


def plan(folder: Path, target: str | None, goal: str | None, ci: str, data: Data | None = None) -> dict[str, str]:
    """The files that belong into a repository, by their path in it. Raises UsageError for unknown names."""
    from ftdata import __version__
    from ftdata.errors import UsageError, suggest
    from ftdata.packs import names

    for value, kind in ((target, "targets"), (goal, "goals")):
        if value is not None and value.partition(":")[0] not in names(kind):
            raise UsageError(f"unknown {kind[:-1]} '{value}'.{suggest(value, names(kind))}", f"Known: {', '.join(names(kind))}.")
    data = data or _data_of(folder)
    evals, paths = data.evals, data.paths or ["."]
    files = {
        "ftdata.toml": _CONFIG.format(
            target=f'target = ["{target}"]'
            if target
            else '# target = ["openai"]      # where the data is trained: `ftdata lint --help`',
            goal=f'\ngoal = "{goal}"' if goal else '\n# goal = "style"           # what it teaches: style, task or domain',
            evals="eval = [" + ", ".join(_quoted(path) for path in evals) + "]\n" if evals else "",
        )
    }
    host = _host(folder) if ci == "auto" else ci
    if host == "github":
        files[".github/workflows/ftdata.yml"] = _WORKFLOW.format(
            version=__version__, paths="\n".join(f"            {path}" for path in paths)
        )
    elif host == "gitlab":
        files[".gitlab-ci.yml"] = _GITLAB.format(version=__version__, paths="\n".join(f"    {path}" for path in paths))
    pattern = f"\n        files: '{_pattern(data.paths, folder)}'" if data.paths else ""
    files[".pre-commit-config.yaml"] = _HOOK.format(version=__version__, files=pattern)
    return files


def write(folder: Path, files: dict[str, str]) -> None:
    """Write the files, each whole."""
    from ftdata.errors import UsageError
    from ftdata.write import write_atomically

    for path, text in files.items():
        try:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"{folder / path}: cannot be written ({error.strerror})", "Check the folder and its permissions."
            ) from None
        write_atomically(folder / path, [text.encode()])


def _data_of(folder: Path) -> Data:
    """The training data of a repository. A folder stands for its files where every data file in it holds samples: JSON and CSV are
    also what settings and tables are written in, and a gate that cannot judge them would always be red."""
    from ftdata.errors import UsageError
    from ftdata.judge.run import EVAL_NAME
    from ftdata.read import find_files

    try:
        found = [Path(path).relative_to(folder) for path in find_files([str(folder)])][:MOST_FILES]
    except UsageError:
        return Data([], [], [])
    samples = [path for path in found if _holds_samples(folder / path)]
    others = {parent for path in set(found) - set(samples) for parent in path.parents} | {Path()}
    # The shallowest folder with nothing else in it, and the file itself where there is none.
    tops = sorted(
        {next((parent for parent in reversed(path.parents) if parent not in others), path).as_posix() for path in samples}
    )
    evals = [path.as_posix() for path in samples if EVAL_NAME.search(path.name)]
    plain = [path for path in tops if _is_plain(path)]
    return Data(plain[:MOST_PATHS], [path for path in evals if _is_plain(path)][:MOST_PATHS],
                [*(path for path in tops if not _is_plain(path)), *plain[MOST_PATHS:]])  # fmt: skip


def _holds_samples(path: Path) -> bool:
    """Whether one of the first rows of a file is something to train on."""
    from ftdata.errors import FtdataError
    from ftdata.formats import detect_row
    from ftdata.read import cut, decode, open_input

    try:
        piece = next(iter(cut(open_input(str(path)), 1 << 18)), None)
        return piece is not None and any(detect_row(row) != "unknown" for row in decode(piece).values[:50])
    except (FtdataError, OSError):
        return False


def _is_plain(path: str) -> bool:
    """Whether a path can stand in a workflow, a pattern and a shell as it is."""
    return all(character.isalnum() or character in "-_./" for character in path)


def _pattern(paths: list[str], folder: Path) -> str:
    """A regular expression for pre-commit: these files, and the data files in these folders."""
    parts = [re.escape(path) + (_DATA_IN if (folder / path).is_dir() else "") for path in paths]
    return f"^({'|'.join(parts)})$"


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _host(folder: Path) -> str:
    """Who runs the workflows of a repository, by what is in it and where it was cloned from."""
    if (folder / ".gitlab-ci.yml").exists():
        return "gitlab"
    if (folder / ".github").is_dir():
        return "github"
    try:
        text = (folder / ".git" / "config").read_text("utf-8", "replace").lower()
    except OSError:
        return "none"
    return "gitlab" if "gitlab" in text else "github"
