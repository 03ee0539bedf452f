"""Real data, converted by the command as a user would, and what has to come out of a loader then.

What has to come out is what stands in the source, less what the loss report of the same conversion says does not arrive.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftdata.convert import OPENAI_SHAPED, canonical_row, render, without
from ftdata.convert.choose import target_details
from ftdata.formats import detect_row
from ftdata.formats.parse import parse

DATA = Path(__file__).parents[3] / "shared" / "data"
# English, Chinese, Korean and French; one turn and many; with system prompts, loss weights and keys of their own.
PLAIN = (
    "llama-factory/alpaca_en_demo.json", "open-instruct/sft_sample.jsonl", "fastchat/dummy_conversation.json",
    "kullm/user_oriented_instructions_eval.jsonl", "emollm/tiangou.json", "llama-factory/v1_sft_demo.jsonl",
)  # fmt: skip
# With definitions, calls and results: one call and several, text beside calls, reasoning.
TOOLS = (
    "llama-factory/glaive_toolcall_en_demo.json", "llama-factory/glaive_toolcall_zh_demo.json", "tau-bench/airline_openai.jsonl",
    "llama-factory/reason_tool_use_demo_50.jsonl",
)  # fmt: skip
PAIRS = ("llama-factory/dpo_en_demo.json", "llama-factory/dpo_zh_demo.json", "open-instruct/preference_sample.jsonl")
LABELS = ("llama-factory/kto_en_demo.json",)
GROUPS = {"plain": PLAIN, "tools": TOOLS, "pairs": PAIRS, "labels": LABELS}


@dataclass(frozen=True)
class Converted:
    """What the command wrote: the data, its companion, the report, and the row in OpenAI's shape that each line stands for."""

    path: Path
    companion: Path | None
    report: dict[str, Any]
    expected: list[dict[str, Any]]


def convert(group: str, target: str, folder: Path, *options: str, files: Sequence[Path] = ()) -> Converted:
    """Convert a group of files, or those given, for a target with ``ftdata convert``, companion and all."""
    files = files or [DATA / name for name in GROUPS[group]]
    path = folder / f"{group}.{target.partition(':')[0]}.jsonl"
    command = [
        sys.executable,
        "-m",
        "ftdata",
        "convert",
        *map(str, files),
        "-o",
        path.name,
        "--target",
        target,
        "--companion",
        *options,
    ]
    done = subprocess.run([*command, "--format", "json"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    companion = report["companion"]
    expected = [row for name in files for row in _expected(name, target, report["to"])]
    assert len(expected) == report["written"], "the command and the library write different rows"
    return Converted(path, folder / companion["name"] if companion else None, report, expected)


def _rows(path: Path) -> list[dict[str, Any]]:
    text = path.read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)


def _expected(path: Path, target: str, format: str) -> list[dict[str, Any]]:
    """The rows of a file that can be written, in OpenAI's shape, less their losses."""
    import ftdata.checks  # noqa: F401  (packs name rules)
    from ftdata.packs import load_target

    details = target_details(pack.data for pack in load_target(target))
    made = []
    for row in _rows(path):
        name = detect_row(row)
        sample = parse(row, name)
        own = row if name in OPENAI_SHAPED else None
        written, losses = render(sample, format, details, row=own)
        if written is not None:
            made.append(without(own or canonical_row(sample), losses))
    return made
