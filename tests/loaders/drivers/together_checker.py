"""Together's SDK: its check_file, which decides what may be uploaded. It gives back a judgement and a count, no messages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ["TOGETHER_DISABLE_TQDM"] = "true"

from job import run


def load(job: dict[str, Any]) -> dict[str, Any]:
    from importlib.metadata import version

    from together.lib.utils.files import check_file

    report = check_file(Path(job["data"]))
    return {"version": version("together"), "report": {key: str(value) for key, value in report.items()}}


if __name__ == "__main__":
    run(load)
