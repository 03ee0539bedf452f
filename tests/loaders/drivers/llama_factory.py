"""LLaMA-Factory's own loading of a dataset_info.json: llamafactory.data.get_dataset, and the aligned rows on the way.

Only torchaudio, which reads sound files, is stubbed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "stubs"))

from byte_tokenizer import byte_tokenizer
from job import run


def load(job: dict[str, Any]) -> dict[str, Any]:
    import llamafactory
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer, loader
    from llamafactory.hparams import DataArguments, ModelArguments
    from transformers import Seq2SeqTrainingArguments

    data = DataArguments(
        template="qwen", dataset=job["name"], dataset_dir=job["folder"], cutoff_len=1_000_000, overwrite_cache=True
    )
    model = ModelArguments(model_name_or_path="none")
    training = Seq2SeqTrainingArguments(output_dir=job["folder"] + "/out", use_cpu=True, report_to=[])
    tokenizer = byte_tokenizer(None)
    template = get_template_and_fix_tokenizer(tokenizer, data)
    aligned = loader._get_merged_dataset(data.dataset, model, data, training, job["stage"])
    whole = get_dataset(template, model, data, training, job["stage"], tokenizer)["train_dataset"]
    rows = [{key: row[key] for key in ("_prompt", "_response", "_system", "_tools")} for row in aligned]
    for row, tokens in zip(rows, whole if job["stage"] == "sft" else (), strict=False):
        row["trained"] = tokenizer.decode([label for label in tokens["labels"] if label != -100]).split("<|im_end|>\n")[:-1]
    return {"version": llamafactory.__version__, "rows": rows, "tokenized": len(whole)}


if __name__ == "__main__":
    run(load)
