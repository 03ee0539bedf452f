"""The commands of services that have an API of their own, for files that were checked and written by us."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from ftdata.train.remote.run import Order


def commands_of(service: str, order: Order, files: Mapping[str, Path]) -> Iterator[str]:
    """Yield the lines to run, one after the other. Names in capitals are what the command before them prints."""
    if service == "together":
        yield from _together(order, files)
    elif service == "fireworks":
        yield from _fireworks(order, files)
    else:
        yield "These files are what would be uploaded; nothing was sent."


def _together(order: Order, files: Mapping[str, Path]) -> Iterator[str]:
    """together 2.10.0, command ``tg`` (read in its wheel, 2026-11-23); its checker runs on upload."""
    yield "Upload (the SDK checks the files once more):"
    for path in files.values():
        yield f"  tg files upload {shlex.quote(str(path))} --purpose fine-tune"
    yield "Train:"
    parts = ["tg fine-tuning create", "--training-file TRAINING_FILE_ID", f"--model {shlex.quote(order.model)}"]
    if "eval" in files:
        parts += ["--validation-file VALIDATION_FILE_ID", "--n-evals 10"]
    parts += [f"--n-epochs {order.hyper.get('n_epochs', 3)}"]
    if order.method == "dpo":
        parts.append("--training-method dpo")
    if order.suffix:
        parts.append(f"--suffix {shlex.quote(order.suffix)}")
    yield "  " + " ".join(parts)


def _fireworks(order: Order, files: Mapping[str, Path]) -> Iterator[str]:
    """docs.fireworks.ai/tools-sdks/firectl, read 2026-11-23."""
    name = files["train"].parent.name.lower().replace("_", "-").replace(".", "-")[:50].strip("-") or "ftdata"
    yield "Upload:"
    yield f"  firectl dataset create {shlex.quote(name)} {shlex.quote(str(files['train']))}"
    if "eval" in files:
        yield f"  firectl dataset create {shlex.quote(name + '-eval')} {shlex.quote(str(files['eval']))}"
    yield "Train:"
    verb = "dpo-job" if order.method == "dpo" else "supervised-fine-tuning-job"
    parts = [
        f"firectl {verb} create",
        f"--base-model {shlex.quote(order.model)}",
        f"--dataset {shlex.quote(name)}",
        f"--output-model {shlex.quote(order.suffix or name)}",
    ]
    if order.method != "dpo" and "eval" in files:
        parts.append(f"--evaluation-dataset {shlex.quote(name + '-eval')}")
    parts.append(f"--epochs {order.hyper.get('n_epochs', 1)}")
    yield "  " + " ".join(parts)
