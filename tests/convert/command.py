"""The command, run in this process."""

from __future__ import annotations

import json

from ftdata.cli.convert import command
from ftdata.errors import FtdataError


def convert(*arguments):
    """Run ``ftdata convert`` and return its exit code; errors for the user are raised."""
    return command.main([str(argument) for argument in arguments], standalone_mode=False)


def exit_code(*arguments):
    """The exit code as the command line gives it."""
    try:
        return convert(*arguments)
    except FtdataError as error:
        return error.exit_code


def write(path, rows):
    """Write rows as JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def read(path):
    """Read JSON Lines."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
