"""Axolotl's own reading of a training file: as its commands do it: validate_config, then prepare_datasets, or prepare_preference_datasets for `rl`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from byte_tokenizer import END, TEMPLATE, byte_tokenizer, read_back
from job import run
from tiny_model import tiny_model


def load(job: dict[str, Any]) -> dict[str, Any]:
    from importlib.metadata import version

    import yaml
    from axolotl.utils.config import normalize_cfg_datasets, normalize_config, validate_config
    from axolotl.utils.data import prepare_datasets, prepare_preference_datasets
    from axolotl.utils.dict import DictDefault

    settings = {
        "base_model": tiny_model(Path(job["folder"]) / "model"), "sequence_len": 1_000_000, "chat_template": "jinja",
        "chat_template_jinja": TEMPLATE, "dataset_prepared_path": job["folder"] + "/prepared", "dataset_num_proc": 1,
        "micro_batch_size": 1, "gradient_accumulation_steps": 1, "num_epochs": 1, "learning_rate": 0.1, "output_dir": "out",
        "shuffle_merged_datasets": False, "bf16": False,
    }  # fmt: skip
    block = yaml.safe_load(Path(job["companion"]).read_text("utf-8"))
    cfg = validate_config(DictDefault(settings | block))
    normalize_config(cfg)
    normalize_cfg_datasets(cfg)
    tokenizer = byte_tokenizer()
    if cfg.rl:
        found = prepare_preference_datasets(cfg, tokenizer)[0]
        return {"version": version("axolotl"), "rows": [dict(row) for row in found]}
    found = prepare_datasets(cfg, tokenizer)[0]
    rows = []
    for row in found:
        made = read_back(tokenizer, row["input_ids"])
        made["trained"] = tokenizer.decode([label for label in row["labels"] if label != -100]).split(END)[:-1]
        rows.append(made)
    return {"version": version("axolotl"), "rows": rows}


if __name__ == "__main__":
    run(load)
