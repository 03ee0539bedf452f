"""A remote run, step by step: every step is written down before and after it, so that a crash between two of them costs nothing.

prepared → uploading → uploaded → creating → created → (the service's own states) → succeeded, failed or cancelled

What may have happened while nothing was written down is asked for: a file by its name, which carries its hash; a job by its mark
in the metadata. Only what is not there is done.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ftdata import __version__
from ftdata.errors import UsageError
from ftdata.train.remote.client import Client, ServiceError
from ftdata.train.remote.explain import rule_of
from ftdata.train.runs import RunFolder

ENDED = ("succeeded", "failed", "cancelled")
PART = 64 << 20
SINGLE = 512 << 20
LARGEST = 8 << 30

Say = Callable[[str], None]


def upload_all(run: RunFolder, client: Client, say: Say, *, single: int = SINGLE, part: int = PART) -> None:
    """Upload the files of a run that are not there yet. ``single`` is the largest file that goes in one piece, in bytes."""
    for name, file in run.state["files"].items():
        if file.get("id") and client.get_file(file["id"]) is not None:
            continue
        path = run / file["path"]
        data = _checked(path, file)
        if data > LARGEST:
            raise UsageError(f"{path} has {data:,} bytes; the service takes {LARGEST:,}", "Leave some samples out.")
        run.update(state="uploading")
        found = _upload(run, client, name, path, say, single, part)
        run.state["files"][name] |= {"id": found.id, "status": found.status}
        run.update(state="uploaded")


def _upload(run: RunFolder, client: Client, name: str, path: Path, say: Say, single: int, part: int) -> Any:
    file = run.state["files"][name]
    started, wait = time.monotonic(), client.pause
    while True:
        found = client.find_file(file["name"], file["bytes"])
        if found is not None:
            say(f"{file['name']} is there already as {found.id}")
            return found
        try:
            if file["bytes"] <= single:
                say(f"uploading {file['name']} ({file['bytes'] / 1e6:,.1f} MB)")
                return client.upload(path, file["name"])
            return _in_parts(run, client, name, path, say, part)
        except ServiceError as error:
            # Whether it arrived is looked up before it is sent again.
            again = error.lost or (error.status or 0) >= 500
            if not again or time.monotonic() - started + wait > client.deadline:
                raise
            wait = client.wait(error, wait)


def _in_parts(run: RunFolder, client: Client, name: str, path: Path, say: Say, part: int) -> Any:
    """Upload in parts, going on after those that arrived. An upload that the service gave up is begun anew."""
    file = run.state["files"][name]
    if not file.get("upload"):
        file |= {"upload": client.begin_upload(file["name"], file["bytes"]).id, "parts": []}
        run.update()
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with path.open("rb") as source:
            number = 0
            while data := source.read(part):
                digest.update(data)
                if number >= len(file["parts"]):
                    say(f"uploading {file['name']}: part {number + 1} of {-(-file['bytes'] // part)}")
                    file["parts"].append(client.upload_part(file["upload"], data).id)
                    run.update()
                number += 1
        made = client.end_upload(file["upload"], file["parts"], digest.hexdigest())
    except ServiceError as error:
        if error.status in (400, 404, 409):
            # Expired after an hour, or completed by a call whose answer was lost: the next round looks for the file first.
            for key in ("upload", "parts"):
                file.pop(key, None)
            run.update()
            if not file.get("restarted"):
                file["restarted"] = True
                raise ServiceError(error.message, error.hint, status=error.status, lost=True) from None
        raise
    return made.file


def _checked(path: Path, file: dict[str, Any]) -> int:
    """The size of a file that is still what the run began with."""
    from ftdata.errors import ReadError

    try:
        with path.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        size = path.stat().st_size
    except OSError as error:
        raise ReadError(f"{path}: cannot be read ({error.strerror})", "Start the run anew in another folder with -o.") from None
    if digest != file["sha256"]:
        raise ReadError(f"{path}: is not what the run began with", "Start the run anew in another folder with -o.")
    return size


def create(run: RunFolder, client: Client, say: Say, *, settle: float = 3.0) -> str:
    """Create the job of a run unless it is there. Returns its id. ``settle`` seconds are given to a service that lists late."""
    if run.state.get("job"):
        return str(run.state["job"]["id"])
    mark = run.state["mark"]
    if run.state.get("state") == "creating":
        found = _find(client, mark, settle)
        if found is not None:
            say(f"the job is there already: {found.id}")
            return _take(run, found)
    run.update(state="creating")
    arguments = run.state["request"] | {"training_file": run.state["files"]["train"]["id"]}
    if "eval" in run.state["files"]:
        arguments["validation_file"] = run.state["files"]["eval"]["id"]
    started, wait = time.monotonic(), client.pause
    while True:
        try:
            return _take(run, client.create_job(**arguments))
        except ServiceError as error:
            if not error.lost and (error.status or 0) < 500:
                run.update(state="uploaded")
                raise
            # The answer was lost, perhaps after the job was made: only a job that is nowhere is made again.
            found = _find(client, mark, settle)
            if found is not None:
                return _take(run, found)
            if time.monotonic() - started + wait > client.deadline:
                raise
            wait = client.wait(error, wait)


def _find(client: Client, mark: str, settle: float) -> Any | None:
    limit = time.monotonic() + settle
    while True:
        found = client.find_job(mark)
        if found is not None or time.monotonic() >= limit:
            return found
        time.sleep(min(1.0, settle / 3))


def _take(run: RunFolder, job: Any) -> str:
    run.update(job={"id": job.id, "status": job.status}, state=job.status)
    return str(job.id)


def new_mark() -> str:
    """The mark that a run's job carries in its metadata, by which it is found again."""
    return f"{__version__}-{uuid.uuid4().hex}"


def request_of(
    model: str,
    method: str,
    hyper: dict[str, Any],
    *,
    mark: str,
    data: str,
    suffix: str | None,
    seed: int | None,
    wandb: str | None = None,
    azure_tier: str | None = None,
    grader: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The arguments of ``fine_tuning.jobs.create`` but for the files."""
    how: dict[str, Any] = {"hyperparameters": hyper} | ({"grader": grader} if grader is not None else {})
    request: dict[str, Any] = {
        "model": model,
        "method": {"type": method, method: how},
        "metadata": {"ftdata_run": mark, "ftdata_data": data, "ftdata_version": __version__},
    }
    if suffix:
        request["suffix"] = suffix
    if seed is not None:
        request["seed"] = seed
    if wandb:
        request["integrations"] = [{"type": "wandb", "wandb": {"project": wandb}}]
    if azure_tier:
        request["extra_body"] = {"trainingType": azure_tier}
    return request


def refresh(run: RunFolder, client: Client) -> tuple[Any, list[Any]]:
    """Ask how the job is, and what is new: events go to ``events.jsonl``, metrics to ``log.jsonl``."""
    import json

    job = client.job(run.state["job"]["id"])
    seen = {line["id"] for line in _lines(run / "events.jsonl")}
    events = client.events(job.id, seen)
    for event in events:
        data = event.data if isinstance(event.data, dict) else {}
        line = {
            "id": event.id,
            "at": event.created_at,
            "level": event.level,
            "type": event.type,
            "message": event.message,
            "data": data,
        }
        # Figures first: an event that is written counts as seen.
        figures = figures_of(data)
        if event.type == "metrics" and figures and figures["step"] not in {known["step"] for known in _lines(run / "log.jsonl")}:
            _append(run / "log.jsonl", json.dumps(figures))
        _append(run / "events.jsonl", json.dumps(line, ensure_ascii=False))
    facts: dict[str, Any] = {"id": job.id, "status": job.status}
    for name in ("fine_tuned_model", "trained_tokens", "estimated_finish", "finished_at", "result_files"):
        if getattr(job, name, None) is not None:
            facts[name] = getattr(job, name)
    error = getattr(job, "error", None)
    if error is not None and getattr(error, "message", None):
        facts["error"] = {
            "message": error.message,
            "code": getattr(error, "code", None),
            "rule": rule_of(f"{getattr(error, 'code', '')} {error.message}"),
        }
    if facts != run.state.get("job") or run.state.get("state") != job.status:
        run.update(job=facts, state=job.status)
    return job, events


def figures_of(data: dict[str, Any]) -> dict[str, Any] | None:
    """A line of ``log.jsonl`` from the data of a metrics event."""
    if not isinstance(data.get("step"), int):
        return None
    line: dict[str, Any] = {"step": data["step"]}
    for name, key in (
        ("loss", "train_loss"),
        ("eval_loss", "full_valid_loss"),
        ("eval_loss", "valid_loss"),
        ("accuracy", "train_mean_token_accuracy"),
    ):
        if isinstance(data.get(key), int | float) and name not in line:
            line[name] = data[key]
    return line


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def _lines(path: Path) -> list[dict[str, Any]]:
    from ftdata.train.log import read_log

    return read_log(path) if path.exists() else []


def follow(
    run: RunFolder, client: Client, show: Callable[[Any, list[Any]], None], *, every: float = 10.0, most: float | None = None
) -> str:
    """Look at the job until it ends (or ``most`` seconds have passed). Statuses that are not known count as still going."""
    started = time.monotonic()
    while True:
        job, events = refresh(run, client)
        show(job, events)
        if job.status in ENDED or (most is not None and time.monotonic() - started >= most):
            return str(job.status)
        time.sleep(every)


def collect(run: RunFolder, client: Client, say: Say) -> None:
    """After success: fetch the result files and the checkpoints, and say what the curve says."""
    import base64
    import binascii

    from ftdata.write import write_atomically

    folder = run / "results"
    folder.mkdir(exist_ok=True)
    for file_id in run.state["job"].get("result_files") or []:
        target = folder / f"{_safe(file_id)}.csv"
        if target.exists():
            continue
        data = client.content(file_id)
        if not data.startswith(b"step"):
            with contextlib.suppress(ValueError, binascii.Error):
                data = base64.b64decode(data, validate=True)  # OpenAI sends its result files like this
        write_atomically(target, [data])
        say(f"results: {target}")
    checkpoints = [
        {"step": item.step_number, "model": item.fine_tuned_model_checkpoint, "metrics": {k: v for k, v in item.metrics.to_dict().items() if v is not None}}
        for item in client.checkpoints(run.state["job"]["id"])
    ]  # fmt: skip
    run.update(checkpoints=checkpoints, model=run.state["job"].get("fine_tuned_model"))


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name)[:80]
