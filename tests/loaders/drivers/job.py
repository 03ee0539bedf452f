"""How a driver is called: a job as JSON in a file, the answer as JSON in another. Drivers run in the trainers' environments."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(
    HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false", WANDB_DISABLED="true"
)


def run(load: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Call ``load`` with the job of the first argument, and write its answer to the second."""
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    answer_path = Path(sys.argv[2]).resolve()
    os.chdir(job["folder"])
    answer = load(job)
    answer_path.write_text(json.dumps(answer, ensure_ascii=False), "utf-8")
