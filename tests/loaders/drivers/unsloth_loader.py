"""Unsloth: the companion script itself is run on its CPU test mode (UNSLOTH_ALLOW_CPU=1), up to train().

Of the script only the length limit is lifted: it says nothing of the data.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ["UNSLOTH_ALLOW_CPU"] = "1"

from byte_tokenizer import byte_tokenizer, read_back
from job import run
from tiny_model import tiny_model


def load(job: dict[str, Any]) -> dict[str, Any]:
    import unsloth
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(tiny_model(Path(job["folder"]) / "model"))
    script = Path(job["companion"]).read_text("utf-8")
    assert script.count("trainer.train()") == 1 and script.count("Config(") == 1, script
    script = script.replace("trainer.train()\n", "").replace("Config(", "Config(max_length=None, use_cpu=True, report_to=[], ")
    names = {"model": model, "tokenizer": byte_tokenizer()}
    exec(compile(script, job["companion"], "exec"), names)
    rows = [read_back(names["tokenizer"], row["input_ids"]) for row in names["trainer"].train_dataset]
    return {"version": unsloth.__version__, "rows": rows}


if __name__ == "__main__":
    run(load)
