"""TRL: the companion script itself is run, up to train(); its trainer's dataset is read back from the tokens.

The model is a tiny random one with a tokenizer of bytes. Of the script only the length limit is lifted: it says nothing of the data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from byte_tokenizer import END, read_back
from job import run
from tiny_model import tiny_model


def load(job: dict[str, Any]) -> dict[str, Any]:
    import trl

    script = Path(job["companion"]).read_text("utf-8")
    assert script.count("trainer.train()") == 1 and script.count("Config(") == 1, script
    script = script.replace("trainer.train()\n", "").replace("Config(", "Config(max_length=None, use_cpu=True, report_to=[], ")
    names = {"MODEL": tiny_model(Path(job["folder"]) / "model"), "REWARDS": [len]}
    exec(compile(script, job["companion"], "exec"), names)
    trainer = names["trainer"]
    tokenizer = trainer.processing_class
    rows = []
    for row in trainer.train_dataset:
        if "input_ids" in row:
            made = read_back(tokenizer, row["input_ids"])
            kept = [label for label in row.get("labels") or () if label != -100]
            made["trained"] = tokenizer.decode(kept).split(END)[:-1]
            rows.append(made)
        else:
            rows.append(dict(row))
    return {"version": trl.__version__, "rows": rows}


if __name__ == "__main__":
    run(load)
