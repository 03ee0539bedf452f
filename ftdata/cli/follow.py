"""How a job on a service goes, for people: followed until it ends, let go of by Ctrl-C, and what came of it."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftdata.train.remote.client import Client
    from ftdata.train.runs import RunFolder


def follow(made: RunFolder, client: Client, *, every: float, detach: bool = False) -> int:
    """Take a run on and show how it goes. Ctrl-C lets go of it: the job runs on."""
    from ftdata.cli.fix import show
    from ftdata.train.remote.run import advance

    view = Live(made)
    try:
        state = advance(made, client, lambda words: show([f"          {words}"]), view.show, every=every, detach=detach)
    except KeyboardInterrupt:
        view.clear()
        show(["", _left(made)], error=True)
        return 130
    view.clear()
    if detach and state not in ("succeeded", "failed", "cancelled"):
        show(
            [f"job       {made.state['job']['id']} is {state}. Come back with: ftdata jobs follow {shlex.quote(str(made.path))}"]
        )
        return 0
    return finished(made)


def _left(made: RunFolder) -> str:
    """What goes on without us, and how to come back."""
    folder = shlex.quote(str(made.path))
    job = made.state.get("job")
    if job and job.get("status") == "succeeded":
        return f"The job {job['id']} is done; what it made is not fetched yet. Go on with: ftdata jobs follow {folder}"
    if job:
        return f"The job {job['id']} runs on. Come back with: ftdata jobs follow {folder}"
    if made.state.get("state") == "creating":
        return f"It is not known whether the job was made. Give the same command once more: it looks first, and makes no second one ({folder})."
    return f"No job was made yet, and nothing spent. Give the same command once more: it goes on from {folder}."


def waiting(words: str) -> None:
    """Say that a call is tried again."""
    from ftdata.cli.fix import show

    show([f"          {words}"], error=True)


def finished(made: RunFolder) -> int:
    """Say how a run ended. Returns the exit code."""
    from ftdata.cli.fix import show
    from ftdata.train.curves import curves_of, draw, draw_png
    from ftdata.train.log import read_log

    job = made.state["job"]
    log = read_log(made / "log.jsonl") if (made / "log.jsonl").exists() else []
    show(draw(curves_of(log)))
    if log and draw_png(made / "loss.png", curves_of(log), f"{made.path.name}: {made.state['request']['model']}"):
        show([f"curve     {made / 'loss.png'}"])
    if job["status"] == "succeeded":
        show(
            [
                f"model     {made.state.get('model')}",
                *([f"verdict   {made.state['verdict']}"] if made.state.get("verdict") else []),
            ]
        )
        folder = shlex.quote(str(made.path))
        show([f"next: ftdata chat --run {folder}   ftdata eval --run {folder} --html eval.html"])
        return 0
    error = job.get("error") or {}
    if error:
        rule = f" `ftdata lint` finds that as {error['rule']}." if error.get("rule") else ""
        show([f"The job {job['status']}: {error['message']}{rule}"])
    else:
        show([f"The job is {job['status']}."])
    show([f"To try again, start a new run: the same command with another folder (-o), not {shlex.quote(str(made.path))}."])
    return 1


class Live:
    """What is shown while a job runs: new messages, and on a terminal a line that says how far it is."""

    def __init__(self, made: RunFolder) -> None:
        self.run = made
        self.terminal = sys.stderr.isatty()
        self.status = ""

    def show(self, job: Any, events: list[Any]) -> None:
        """Show what is new."""
        from ftdata.cli.fix import show

        self.clear()
        for event in events:
            if event.type != "metrics":
                show([f"          {event.message}"])
        if job.status != self.status and job.status not in ("succeeded", "failed", "cancelled"):
            hint = f": `ftdata jobs resume {shlex.quote(str(self.run.path))}` lets it go on" if job.status == "paused" else ""
            show([f"status    {job.status}{hint}"])
        self.status = job.status
        last = next((event.data for event in reversed(events) if event.type == "metrics" and isinstance(event.data, dict)), None)
        if self.terminal and last:
            figures = "  ".join(
                f"{name.replace('_', ' ')} {last[name]:.4f}"
                for name in ("train_loss", "valid_loss")
                if isinstance(last.get(name), int | float)
            )
            sys.stderr.write(f"\rstep {last.get('step', '?')} of {last.get('total_steps', '?')}  {figures}\x1b[K")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self.terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
