"""Real git repositories for tests, and data for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

WORDS = "harbour lantern pepper violin meadow copper thunder blanket orchard compass walnut ribbon glacier saddle pigeon".split()


def chat(number, answer=True, **more):
    """A conversation like no other; without an answer it is an error."""
    mixed = [WORDS[(number * step + step * step) % len(WORDS)] for step in range(1, 9)]
    turns = [{"role": "user", "content": f"Tell me of {number} {' '.join(mixed)}"}]
    if answer:
        turns.append(
            {"role": "assistant", "content": f"The {mixed[0]} number {number} is near the {' and the '.join(mixed[3:])}."}
        )
    return {"messages": turns} | more


def lines(rows):
    return "".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows)


class Work:
    """A repository in a folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", ".")

    def git(self, *arguments, **options):
        environment = os.environ | {
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_ALLOW_PROTOCOL": "file",
        }  # fmt: skip
        done = subprocess.run(["git", *arguments], cwd=self.folder, env=environment, capture_output=True, check=True, **options)
        return done.stdout.decode().strip()

    def write(self, name, rows):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rows if isinstance(rows, bytes) else lines(rows).encode())
        return path

    def commit(self, message="change"):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


def ftdata(*arguments, cwd, env=None):
    """Run the command line as a user does; returns the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "ftdata", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, encoding="utf-8",
        env=os.environ | {"NO_COLOR": "1"} | (env or {}), check=False,
    )  # fmt: skip


def lint(*arguments, cwd, **options):
    """Lint with JSON output: (exit code, report)."""
    done = ftdata("lint", *arguments, "--output-format", "json", cwd=cwd, **options)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def names(report):
    return sorted(finding["name"] for finding in report["findings"])
