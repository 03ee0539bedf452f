"""What an adapter was made of: enough to make it again, and to know what it must not be used for."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ftdata import __version__
from ftdata.train.runs import RunFolder
from ftdata.write import write_atomically

CARD = "ftdata.json"
_PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "accelerate", "trl", "tokenizers", "jinja2", "polars")


def write_card(run: RunFolder, folder: Path) -> None:
    """Write ``ftdata.json`` and ``README.md`` into the folder of the result."""
    facts = facts_of(run)
    write_atomically(folder / CARD, [json.dumps(facts, indent=1, ensure_ascii=False, sort_keys=True).encode(), b"\n"])
    write_atomically(folder / "README.md", [readme(facts).encode("utf-8", "replace")])


def versions() -> dict[str, str]:
    """The versions of what took part."""
    found = {"ftdata": __version__, "python": ".".join(map(str, sys.version_info[:3]))}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def facts_of(run: RunFolder) -> dict[str, Any]:
    """Everything that made a run what it is."""
    state = run.state
    return {
        "identity": state["identity"], "base": state["base"], "recipe": state["recipe"], "origin": state.get("origin"),
        "tokens": state["tokens"], "plan": state.get("plan"), "gate": state.get("gate"), "split": state.get("split"),
        "result": state.get("result"), "versions": versions(), "inputs": state.get("inputs"), "command": state.get("command"),
    }  # fmt: skip


def readme(facts: Mapping[str, Any]) -> str:
    """The card for people, as the hub shows it."""
    recipe, result, gate = facts["recipe"], facts.get("result") or {}, facts.get("gate") or {}
    losses = result.get("eval_loss") or {}
    base = Path(facts["base"]["path"]).name
    lines = [
        "---", f"base_model: {json.dumps(base)}", "library_name: peft" if recipe["method"] != "full" else "library_name: transformers",
        "tags: [ftdata]", "---", "", f"# {base}, {recipe['method']}", "",
        f"Trained by ftdata {facts['versions']['ftdata']}. All hashes, settings and versions stand in `{CARD}`.", "",
        "| | |", "|---|---|",
        f"| samples | {(facts.get('plan') or {}).get('samples', '?')} for training, {(facts.get('plan') or {}).get('eval_samples', '?')} for evaluation |",
        f"| data | {', '.join(_cell(Path(file['path']).name) + ' `' + str(file.get('sha256'))[:16] + '`' for file in gate.get('files', []))} |",
        f"| checks | {'passed' if gate.get('passed') else 'not passed'}; allowed by name: {', '.join(gate.get('allowed', {})) or 'nothing'} |",
        f"| steps | {result.get('steps')} ({result.get('epochs')} epochs), learning rate {recipe['learning_rate']:g}, seed {recipe['seed']} |",
    ]  # fmt: skip
    if losses:
        lines.append(
            f"| evaluation loss | {losses['before']:.4f} before, {losses['best']:.4f} best (step {losses['best_step']}), {losses['last']:.4f} last |"
        )
    if result.get("verdict"):
        lines.append(f"| verdict | {result['verdict']} |")
    lines += ["", "Do it again:", "", "```sh", str(facts.get("command") or ""), "```", ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and c not in "|`<>[]")
