"""``ftdata jobs``: look after jobs on a service, by the folder of a run or the id of a job."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftdata.train.remote.client import Client, Service
    from ftdata.train.runs import RunFolder

VERBS = ("list", "show", "follow", "pause", "resume", "cancel", "checkpoints", "metrics")


@click.command("jobs", epilog="Exit codes: 0 done, 1 the job failed, 2 something cannot be used or the service refused.")
@click.argument("verb", type=click.Choice(VERBS))
@click.argument("name", required=False, metavar="[RUN|JOB]")
@click.option("--base-url", metavar="URL", help="The service of a job id; a run knows its own.")
@click.option("--azure-endpoint", metavar="URL", help="The endpoint of Azure OpenAI.")
@click.option("--runs", "folder", default="runs", show_default=True, metavar="FOLDER", help="Where to look for runs.")
@click.option(
    "--poll", type=click.FloatRange(min=0.01), default=10.0, show_default=True, metavar="SECONDS", help="How often follow asks."
)
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def command(verb: str, name: str | None, **options: Any) -> int:
    """Look after jobs: list, show, follow, pause, resume, cancel, checkpoints, metrics."""
    from ftdata.errors import UsageError

    if verb == "list":
        return _list(options)
    if name is None:
        raise UsageError(f"jobs {verb}: of which run?", "Name the folder of a run, or the id of a job.")
    run, client, job_id = _find(name, options)
    if verb == "follow":
        if run is None:
            places = {"--base-url": options["base_url"], "--azure-endpoint": options["azure_endpoint"]}
            return _watch(client, job_id, options["poll"], places)
        from ftdata.cli.follow import follow

        return follow(run, client, every=options["poll"])
    if verb in ("pause", "resume", "cancel"):
        job = client.act(job_id, verb)
        if run is not None:
            run.state["job"]["status"] = job.status
            run.update(state=job.status)
        _print([f"{job_id} is {job.status}"], {"id": job_id, "status": job.status}, options)
        return 0
    return {"show": _show, "checkpoints": _checkpoints, "metrics": _metrics}[verb](run, client, job_id, options)


def _service(options: dict[str, Any]) -> Service:
    from ftdata.train.remote.client import OPENAI, Service
    from ftdata.train.remote.hosts import remember

    endpoint = options["azure_endpoint"]
    service = Service(azure=endpoint) if endpoint else Service(options["base_url"] or OPENAI)
    service.check()
    return remember(service)


def _find(name: str, options: dict[str, Any]) -> tuple[RunFolder | None, Client, str]:
    """The run, a client for its service, and the job's id. A job id is looked for among the runs first."""
    from ftdata.errors import UsageError
    from ftdata.train.remote.run import check_state, service_of
    from ftdata.train.runs import FILE, open_run

    path = Path(name)
    run = open_run(path) if path.is_dir() else None
    if run is None:
        for candidate in sorted(Path(options["folder"]).glob(f"*/{FILE}")):
            try:
                state = json.loads(candidate.read_text("utf-8"))
            except (OSError, ValueError):
                continue
            job = state.get("job") if isinstance(state, dict) else None
            if isinstance(job, dict) and job.get("id") == name:
                run = open_run(candidate.parent)
    if run is None:
        if not name.startswith("ft") or "/" in name:
            raise UsageError(f"{name}: is no folder of a run and no id of a job", "`ftdata jobs list` names them.")
        return None, _client(_service(options)), name
    if run.state.get("backend") == "local":
        raise UsageError(f"{name}: was trained here, there is no job", f"Look at {run.path / 'log.jsonl'}.")
    check_state(run)
    service = service_of(run)
    if not run.state.get("job"):
        raise UsageError(
            f"{name}: has no job yet ({run.state.get('state')})", "Give the command of the run once more: it goes on."
        )
    return run, _client(service), run.state["job"]["id"]


def _client(service: Service) -> Client:
    from ftdata.cli.follow import waiting
    from ftdata.train.remote.client import Client

    return Client(service, say=waiting)


def _list(options: dict[str, Any]) -> int:
    """The runs on disk; with a service given, its jobs."""
    from ftdata.train.runs import FILE

    if options["base_url"] or options["azure_endpoint"]:
        jobs = [
            {"id": job.id, "model": job.model, "status": job.status, "tuned": job.fine_tuned_model}
            for job in _client(_service(options)).jobs()
        ]
        _print(
            [f"{job['id']}  {job['status']:<18} {job['model']}  {job['tuned'] or ''}" for job in jobs] or ["no jobs"],
            jobs,
            options,
        )
        return 0
    rows = []
    for path in sorted(Path(options["folder"]).glob(f"*/{FILE}")):
        try:
            state = json.loads(path.read_text("utf-8"))
            rows.append({"run": str(path.parent), "backend": state.get("backend"), "state": state.get("state"), "job": (state.get("job") or {}).get("id"),
                         "model": state.get("model") or (state.get("request") or {}).get("model") or (state.get("base") or {}).get("path")})  # fmt: skip
        except (OSError, ValueError, AttributeError) as error:
            rows.append(
                {
                    "run": str(path.parent),
                    "backend": None,
                    "state": f"damaged ({type(error).__name__})",
                    "job": None,
                    "model": None,
                }
            )
    lines = [
        f"{row['run']}  {row['backend'] or '?'!s:<7} {row['state'] or '?'!s:<12} {row['job'] or '-'}  {row['model'] or ''}"
        for row in rows
    ]
    _print(lines or [f"no runs in {options['folder']}"], rows, options)
    return 0


def _show(run: RunFolder | None, client: Client, job_id: str, options: dict[str, Any]) -> int:
    job = client.job(job_id)
    facts = {
        "id": job.id, "status": job.status, "model": job.model, "tuned": job.fine_tuned_model, "trained_tokens": job.trained_tokens,
        "training_file": job.training_file, "validation_file": job.validation_file, "run": str(run.path) if run is not None else None,
        "error": job.error.message if job.error is not None and job.error.message else None,
    }  # fmt: skip
    _print([f"{name:<16} {value}" for name, value in facts.items() if value is not None], facts, options)
    return int(job.status == "failed")


def _checkpoints(run: RunFolder | None, client: Client, job_id: str, options: dict[str, Any]) -> int:
    found = [
        {
            "step": item.step_number,
            "model": item.fine_tuned_model_checkpoint,
            "metrics": {k: v for k, v in item.metrics.to_dict().items() if v is not None},
        }
        for item in client.checkpoints(job_id)
    ]
    lines = [
        f"step {item['step']:<6} {item['model']}  " + ", ".join(f"{k} {v}" for k, v in item["metrics"].items() if k != "step")
        for item in found
    ]
    _print(lines or ["no checkpoints yet"], found, options)
    return 0


def _metrics(run: RunFolder | None, client: Client, job_id: str, options: dict[str, Any]) -> int:
    from ftdata.train.curves import curves_of, draw
    from ftdata.train.log import read_log
    from ftdata.train.remote.steps import figures_of, refresh

    if run is not None:
        refresh(run, client)
        log = read_log(run / "log.jsonl") if (run / "log.jsonl").exists() else []
    else:
        log = [
            line
            for event in client.events(job_id, set())
            if isinstance(event.data, dict) and (line := figures_of(event.data)) is not None
        ]
    _print(list(draw(curves_of(log))) or ["no figures yet"], log, options)
    return 0


def _watch(client: Client, job_id: str, every: float, places: dict[str, str | None]) -> int:
    """Follow a job that has no run folder here."""
    import time

    from ftdata.cli.fix import show

    seen: set[str] = set()
    try:
        while True:
            job = client.job(job_id)
            for event in client.events(job_id, seen):
                seen.add(event.id)
                show([f"          {event.message}"])
            if job.status in ("succeeded", "failed", "cancelled"):
                show([f"{job_id} {job.status}: {job.fine_tuned_model or (job.error.message if job.error else '')}"])
                return int(job.status != "succeeded")
            time.sleep(every)
    except KeyboardInterrupt:
        where = "".join(f" {name} {shlex.quote(value)}" for name, value in places.items() if value)
        show(["", f"The job {job_id} runs on. Come back with: ftdata jobs follow {job_id}{where}"], error=True)
        return 130


def _print(lines: list[str], facts: Any, options: dict[str, Any]) -> None:
    """Print lines, or facts as JSON: ASCII alone, for what a service says may act on a terminal."""
    from ftdata.cli.fix import show

    if options["output_format"] == "json":
        sys.stdout.write(json.dumps(facts, indent=1) + "\n")
        sys.stdout.flush()
    else:
        show(lines)
