"""MS-Swift: the companion's command is parsed by its own arguments; its pipeline loads, preprocesses and encodes the data."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from job import run
from tiny_model import tiny_model


def load(job: dict[str, Any]) -> dict[str, Any]:
    import os

    os.environ["MODELSCOPE_CACHE"] = job["folder"] + "/cache"
    import swift
    from swift.pipelines import SwiftSft
    from swift.pipelines.train import SwiftRLHF
    from swift.template import TemplateInputs

    program, command, *arguments = shlex.split(Path(job["companion"]).read_text("utf-8"))
    assert program == "swift", program
    arguments[arguments.index("MODEL")] = tiny_model(Path(job["folder"]) / "model")
    more = "--model_type llama --template qwen2_5 --torch_dtype float32 --max_length 1000000 --split_dataset_ratio 0 --report_to none"
    more += " --output_dir out --save_strategy no --load_from_cache_file false --loss_scale default --dataset_shuffle false --per_device_train_batch_size 2 --gradient_accumulation_steps 1"
    pipeline = {"sft": SwiftSft, "rlhf": SwiftRLHF, "pt": SwiftSft}[command]([*arguments, *more.split()])
    rows = []
    for row in pipeline.args.load_dataset()[0]:
        made = TemplateInputs.from_dict(dict(row))
        sides = {"chosen": made.chosen, "rejected": made.rejected}
        rows.append({name: read(side) for name, side in sides.items() if side is not None} | {"label": row.get("label")})
    encoded = pipeline._encode_dataset(*pipeline._get_dataset())[0]
    decode = pipeline.template.tokenizer.decode
    pipeline.template.set_mode("train")
    for row, source in zip(rows, encoded if command == "sft" else (), strict=False):
        # What is added to the rows here is their length; the trainer's collator encodes them as it goes.
        tokens = source if "labels" in source else pipeline.template.encode(dict(source))
        # The line end after an answer is trained on too, but for the last one.
        pieces = decode([label for label in tokens["labels"] if label != -100]).split("<|im_end|>")[:-1]
        row["trained"] = [piece if number == 0 else piece.removeprefix("\n") for number, piece in enumerate(pieces)]
    return {"version": swift.__version__, "rows": rows, "tokenized": len(encoded)}


def read(side: Any) -> dict[str, Any]:
    return {"messages": side.messages, "system": side.system, "tools": side.tools, "label": side.label, "images": side.images}


if __name__ == "__main__":
    run(load)
