"""A whole remote run: its folder is made once, and ``advance`` takes it on from wherever it stands."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftdata.errors import ReadError, UsageError
from ftdata.train.log import read_log, verdict
from ftdata.train.remote import steps
from ftdata.train.remote.client import Client, Service
from ftdata.train.remote.hosts import check_named
from ftdata.train.runs import FILE, RunFolder, hash_of, start_run
from ftdata.write import write_atomically

METHODS = ("supervised", "dpo", "reinforcement")
# openai-openapi, FineTuneReinforcementMethod, 2026-08-21.
GRADERS = ("string_check", "text_similarity", "python", "score_model", "multi")
# Documented in the README: the tutorial's values, both legal for OpenAI (n_epochs 1 to 50, multiplier above 0).
DEFAULT_EPOCHS = 3
DEFAULT_MULTIPLIER = 0.1


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of the service. ``hyper`` are the hyperparameters as its API names them, ``grader`` is for reinforcement alone."""

    model: str
    method: str
    hyper: dict[str, Any]
    suffix: str | None = None
    seed: int | None = None
    wandb: str | None = None
    azure_tier: str | None = None
    grader: dict[str, Any] | None = None

    def check(self, service: Service) -> None:
        """Raise UsageError for what the API's description refuses, before anything is sent (openai-openapi, 2026-08-21)."""
        if self.method not in METHODS:
            raise UsageError(f"--method {self.method}: the service knows {', '.join(METHODS)}")
        if self.suffix is not None and not 1 <= len(self.suffix) <= 64:
            raise UsageError(f"--suffix has {len(self.suffix)} characters", "The service takes 1 to 64.")
        if self.seed is not None and not 0 <= self.seed <= 2147483647:
            raise UsageError(f"--seed {self.seed}: the service takes 0 to 2147483647")
        self._check_grader()
        limits: dict[str, tuple[float, float]] = {"n_epochs": (1, 50), "batch_size": (1, 256), "beta": (0, 2)}
        for name, value in self.hyper.items():
            if value == "auto" or not isinstance(value, int | float):
                continue
            low, high = limits.get(name, (float("-inf"), float("inf")))
            if service.is_openai and not low <= value <= high:
                raise UsageError(f"{name} {value:g}: OpenAI takes {low:g} to {high:g}, or auto")
            if name == "learning_rate_multiplier" and value <= 0:
                raise UsageError(f"{name} {value:g}: must be above 0")

    def _check_grader(self) -> None:
        if self.method != "reinforcement":
            if self.grader is not None:
                raise UsageError(f"--grader is for reinforcement; this data is for {self.method}", "Leave it out.")
            return
        if self.grader is None:
            raise UsageError("reinforcement needs a grader", "Name a JSON file that describes it: --grader FILE.")
        if self.grader.get("type") not in GRADERS:
            raise UsageError(f"--grader: its type is none of {', '.join(GRADERS)}", "As OpenAI's description of graders has it.")


def prepare(folder: str | Path, order: Order, service: Service, files: dict[str, bytes], **card: Any) -> tuple[RunFolder, bool]:
    """Make the folder of a run with the files that will be uploaded ("train", and perhaps "eval"), or open the one that is there.

    Returns the run, and whether it goes on. A run with other data, another model or other settings is refused by name.
    """
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    settings = {
        "method": order.method,
        "hyper": order.hyper,
        "suffix": order.suffix,
        "seed": order.seed,
        "tier": order.azure_tier,
    }
    # Only where it is given: the runs made before keep their identity.
    settings |= {name: value for name, value in (("grader", order.grader), ("wandb", order.wandb)) if value is not None}
    identity = {
        "data": hash_of(hashes), "model": order.model, "service": service.host, "settings": hash_of(settings),
    }  # fmt: skip
    run, goes_on = start_run(folder, identity, backend="openai", state="preparing")
    if goes_on and run.state.get("state") != "preparing":
        check_state(run)
        return run, True
    (run / "data").mkdir(exist_ok=True)
    entries = {}
    for name, data in files.items():
        write_atomically(run / "data" / f"{name}.jsonl", [data])
        entries[name] = {
            "path": f"data/{name}.jsonl", "name": f"ftdata-{hashes[name][:16]}-{name}.jsonl", "sha256": hashes[name], "bytes": len(data),
        }  # fmt: skip
    mark = run.state.get("mark") or steps.new_mark()
    request = steps.request_of(
        order.model, order.method, order.hyper, mark=mark, data=identity["data"], suffix=order.suffix, seed=order.seed,
        wandb=order.wandb, azure_tier=order.azure_tier, grader=order.grader,
    )  # fmt: skip
    run.update(
        state="prepared", mark=mark, files=entries, request=request, card=card,
        service={"base_url": service.base_url, "azure": service.azure, "api_version": service.api_version},
    )  # fmt: skip
    return run, goes_on


def check_state(run: RunFolder) -> None:
    """Raise ReadError where ``run.json`` lacks what a run on a service needs, or holds something else there."""
    state = run.state
    if state.get("state") == "preparing":
        raise UsageError(f"{run.path}: has no job yet (preparing)", "Give the command of the run once more: it goes on.")
    request, files = _dict(state.get("request")), _dict(state.get("files"))
    method = _dict(request.get("method"))
    kinds = {"path": str, "name": str, "sha256": str, "bytes": int}
    whole = {
        "state": isinstance(state.get("state"), str),
        "mark": isinstance(state.get("mark"), str) and bool(state["mark"]),
        "service": _is_service(state.get("service")),
        "request": isinstance(request.get("model"), str) and isinstance(method.get(str(method.get("type"))), dict)
        and isinstance(method[str(method["type"])].get("hyperparameters"), dict),
        "files": "train" in files and all(
            isinstance(file, dict) and all(isinstance(file.get(key), kind) for key, kind in kinds.items())
            and file["path"] == f"data/{name}.jsonl" and isinstance(file.get("parts", []), list)
            for name, file in files.items()
        ),
        "job": "job" not in state or (isinstance(state["job"], dict) and isinstance(state["job"].get("id"), str)
                                      and isinstance(state["job"].get("status"), str)),
    }  # fmt: skip
    wrong = [name for name, right in whole.items() if not right]
    if wrong:
        raise ReadError(
            f"{run / FILE}: is damaged ({', '.join(wrong)}); nothing was sent",
            "Restore it. Where it is lost, start anew in another folder with -o: a job that was made is in `ftdata jobs list --base-url URL`.",
        )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_service(value: Any) -> bool:
    names = {"base_url", "azure", "api_version"}
    return (
        isinstance(value, dict)
        and set(value) <= names
        and all(isinstance(text, str) or (name == "azure" and text is None) for name, text in value.items())
    )


def service_of(run: RunFolder) -> Service:
    """The service that a run was made for. Raises ReadError where the run is damaged, UsageError where the user never named it."""
    if not _is_service(run.state.get("service")):
        raise ReadError(f"{run / FILE}: is damaged (service); nothing was sent", "Restore it.")
    service = Service(**run.state["service"])
    check_named(service)
    return service


def check_model(client: Client, order: Order) -> str | None:
    """Ask the service for the model before anything is uploaded. Returns what has to be known, raises UsageError where it has none.

    Of others than OpenAI only a note: their lists of models name those that answer, which need not be those that can be tuned.
    """
    if client.lists_model(order.model) is not False:
        return None
    host = client.service.host
    if client.service.is_openai:
        raise UsageError(
            f"{host} has no model {order.model} for this key: nothing was uploaded",
            "Look at its models; `ftdata lint --target openai:MODEL` knows those that can be tuned.",
        )
    return f"{host} does not list the model {order.model}: it may refuse the job after the upload"


def advance(
    run: RunFolder,
    client: Client,
    say: steps.Say,
    show: Callable[[Any, list[Any]], None],
    *,
    every: float = 10.0,
    settle: float = 3.0,
    single: int = steps.SINGLE,
    part: int = steps.PART,
    detach: bool = False,
) -> str:
    """Take a run on: upload what is not there, create the job if it is not there, follow it, fetch what it made. Returns its state."""
    with run.locked():
        if not run.state.get("job"):
            steps.upload_all(run, client, say, single=single, part=part)
            steps.create(run, client, say, settle=settle)
        if detach:
            return str(run.state["state"])
        state = str(run.state["state"])
        if state not in steps.ENDED:
            state = steps.follow(run, client, show, every=every)
        if state == "succeeded" and not run.state.get("collected"):
            steps.collect(run, client, say)
            run.update(collected=True, verdict=_verdict(run))
        return state


def _verdict(run: RunFolder) -> str | None:
    """What the validation curve says, and which checkpoint is the best one."""
    log = read_log(run / "log.jsonl") if (run / "log.jsonl").exists() else []
    last = max((line["step"] for line in log), default=0)
    epochs = run.state["request"]["method"][run.state["request"]["method"]["type"]]["hyperparameters"].get("n_epochs")
    count = float(epochs) if isinstance(epochs, int | float) else 1.0
    evals = [(line["step"], line["step"] / last * count, line["eval_loss"]) for line in log if "eval_loss" in line and last]
    words = verdict(evals, count)
    best = best_checkpoint(run)
    if words and words.startswith("overfitting") and best:
        words += f". The best checkpoint that was kept: {best['model']} (step {best['step']})"
    return words


def best_checkpoint(run: RunFolder) -> dict[str, Any] | None:
    """The checkpoint with the lowest validation loss, ``None`` where none was measured."""
    measured = []
    for checkpoint in run.state.get("checkpoints") or []:
        loss = checkpoint["metrics"].get("full_valid_loss", checkpoint["metrics"].get("valid_loss"))
        if isinstance(loss, int | float):
            measured.append((loss, checkpoint["step"], checkpoint))
    return min(measured, key=lambda entry: entry[:2])[2] if measured else None
