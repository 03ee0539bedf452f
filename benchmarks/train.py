"""Speed and memory of ``ftdata train`` next to TRL's SFTTrainer: the same random model, the same rows, the same settings, in one run.

    python benchmarks/train.py [--shape 8b|1b|tiny] [--method qlora|lora|full] [--tokens 2048] [--batch 4] [--steps 20] [--out results.json]

The model has the shape of a Llama and random weights, made on the spot: speed and memory do not ask what it knows. Every row has
exactly ``--tokens`` tokens, four fifths of them an answer. Each trainer runs twice as a whole process, with ``--steps`` and with three
times as many: the difference is the time of the steps alone, without loading, preparing and saving. Memory is the peak that torch's
allocator says on a GPU, beside it what the plan of ftdata had said before; on a CPU it is the peak of the process.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

# (width, MLP width, layers, heads, key-value heads, vocabulary): Llama 3.1 8B and 3.2 1B by their config.json, read 2026-11-23.
SHAPES = {
    "8b": (4096, 14336, 32, 32, 8, 128_256),
    "1b": (2048, 8192, 16, 32, 8, 128_256),
    "tiny": (128, 512, 4, 4, 2, 4096),
}
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{% if message['role'] == 'assistant' %}{% generation %}"
    "{{ message['content'] }}<|end|>{% endgeneration %}{% else %}{{ message['content'] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<s>", "<pad>", "<|end|>", "<|user|>", "<|assistant|>"]

# Settings are those of ftdata's recipe; what TRL does otherwise by default stays as it is.
TRL = """
import json, sys, torch
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from trl import SFTConfig, SFTTrainer
asked = json.loads(sys.argv[1])
gpu = torch.cuda.is_available()
half = gpu and torch.cuda.is_bf16_supported()
quantised = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
    bnb_4bit_compute_dtype=torch.bfloat16 if half else torch.float32) if asked["method"] == "qlora" else None
tokenizer = AutoTokenizer.from_pretrained(asked["model"])
model = AutoModelForCausalLM.from_pretrained(asked["model"], quantization_config=quantised,
    dtype=torch.bfloat16 if half and asked["method"] != "full" else torch.float32, device_map={"": 0} if gpu else None)
adapter = None if asked["method"] == "full" else LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, target_modules=["q_proj", "v_proj"],
    task_type="CAUSAL_LM")
rows = load_dataset("json", data_files=asked["data"], split="train", cache_dir=asked["out"] + "-cache")
config = SFTConfig(output_dir=asked["out"], max_steps=asked["steps"], per_device_train_batch_size=asked["batch"],
    gradient_accumulation_steps=1, learning_rate=2e-4, lr_scheduler_type="linear", warmup_steps=0.03, weight_decay=0.0,
    optim="adamw_torch", bf16=half, use_cpu=not gpu, gradient_checkpointing=True,
    gradient_checkpointing_kwargs={"use_reentrant": False}, max_length=asked["tokens"], packing=False, assistant_only_loss=True,
    save_strategy="no", report_to=[], logging_steps=10, seed=42, disable_tqdm=True)
trainer = SFTTrainer(model, args=config, train_dataset=rows, processing_class=tokenizer, peft_config=adapter)
trainer.train()
print(json.dumps({"peak": torch.cuda.max_memory_allocated() if gpu else None, "loss": trainer.state.log_history[-1].get("train_loss")}))
"""


def make_model(folder: Path, shape: str) -> None:
    """Write a model of this shape with random weights in bfloat16, and a tokenizer of bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import LlamaConfig, LlamaForCausalLM

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE({character: number for number, character in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL)
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "<|end|>", "pad_token": "<pad>", "chat_template": TEMPLATE}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    width, mlp, layers, heads, kv_heads, vocabulary = SHAPES[shape]
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=mlp, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv_heads, max_position_embeddings=131_072, tie_word_embeddings=False, bos_token_id=tokenizer.token_to_id("<s>"),
        eos_token_id=tokenizer.token_to_id("<|end|>"), pad_token_id=tokenizer.token_to_id("<pad>"),
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        torch.set_default_dtype(torch.bfloat16)
        model = LlamaForCausalLM(config)
        torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder, max_shard_size="2GB")


def make_rows(path: Path, tokens: int, rows: int) -> None:
    """Write rows of exactly so many tokens: with a tokenizer of bytes that is a matter of length."""
    words = "the lamp is blue and one bird takes this car to my red house where green water stands".split()
    with path.open("w") as file:
        for number in range(rows):
            order = [words[(number * 7 + at * (1 + number % 5)) % len(words)] for at in range(tokens)]
            asked = f"{number}: {' '.join(order)}"[: tokens // 5]
            answer = " ".join(reversed(order))[: tokens - len(asked) - len(SPECIAL)]
            file.write(json.dumps({"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]}) + "\n")  # fmt: skip


def timed(command: list[str], folder: Path) -> tuple[float, int, str]:
    """Wall seconds of a command, the peak resident bytes of its largest process, and what it printed; ends where the command fails."""
    with (folder / "printed").open("w+") as printed:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        printed.seek(0)
        text = printed.read()
    if status:
        sys.exit(f"failed: {' '.join(command)[:200]}\n{text[-4000:]}")
    return seconds, usage.ru_maxrss * 1024, text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="8b")
    parser.add_argument("--method", choices=("qlora", "lora", "full"), default="qlora")
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--without-trl", action="store_true")
    parser.add_argument("--work", type=Path, help="where model and runs are put (an 8B model takes 16 GB)")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    import torch

    with tempfile.TemporaryDirectory(dir=options.work) as made:
        folder = Path(made)
        model, data = folder / "model", folder / "rows.jsonl"
        make_model(model, options.shape)
        make_rows(data, options.tokens, options.batch * options.steps * 3)
        results: dict[str, dict[str, Any]] = {}
        counts = (options.steps, 3 * options.steps)
        runs = []
        for steps in counts:
            out = folder / f"run-{steps}"
            command = [
                sys.executable, "-m", "ftdata", "train", str(data), "--model", str(model), "--method", options.method, "-o", str(out),
                "--max-steps", str(steps), "--batch-size", str(options.batch), "--max-length", str(options.tokens), "--no-eval",
                "--eval-every", "100000", "--select", "nothing-trained", "--isolated",
            ]  # fmt: skip
            seconds, resident, _ = timed(command, folder)
            state = json.loads((out / "run.json").read_text())
            runs.append((seconds, resident, state))
        planned = runs[-1][2]["plan"]["memory"]
        results["ftdata train"] = figures(runs[0][0], runs[1][0], runs[1][2]["result"]["peak_memory"], runs[1][1], options)
        results["ftdata train"]["loss"] = runs[1][2]["result"]["train_loss"]
        if torch.cuda.is_available():
            results["ftdata train"] |= {"planned_mb": round(planned["total"] / 1e6), "how": planned["how"]}
        if not options.without_trl:
            peers = []
            for steps in counts:
                asked = {"model": str(model), "data": str(data), "out": str(folder / f"trl-{steps}"), "steps": steps}
                asked |= {"batch": options.batch, "tokens": options.tokens, "method": options.method}
                seconds, resident, text = timed([sys.executable, "-c", TRL, json.dumps(asked)], folder)
                peers.append((seconds, resident, json.loads(text.strip().splitlines()[-1])))
            name = f"TRL {version('trl')} SFTTrainer"
            results[name] = figures(peers[0][0], peers[1][0], peers[1][2]["peak"], peers[1][1], options) | {
                "loss": peers[1][2]["loss"]
            }
    for name, row in results.items():
        print(f"{name:<28} {row['tokens_per_second']:>9,} tokens/s  {row['peak_mb']:>8,} MB peak", end="")
        print(f"  (planned {row['planned_mb']:,} MB, {row['how']})" if "planned_mb" in row else "")
    if options.out:
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores"
        about = {name: getattr(options, name) for name in ("shape", "method", "tokens", "batch", "steps")}
        about |= {"device": device, "python": platform.python_version()}
        about |= {name: version(name) for name in ("torch", "transformers", "peft", "bitsandbytes")}
        options.out.write_text(json.dumps({"about": about, "results": results}, indent=1) + "\n")


def figures(short: float, long: float, peak: int | None, resident: int, options: argparse.Namespace) -> dict[str, Any]:
    """Tokens a second of the steps that the longer run has more, and the peak of memory."""
    seconds = long - short
    tokens = 2 * options.steps * options.batch * options.tokens
    return {
        "tokens_per_second": round(tokens / seconds) if seconds > 0 else math.nan,
        "seconds": [round(short, 2), round(long, 2)],
        "peak_mb": round((peak or resident) / 1e6),
        "memory": "torch's allocator" if peak else "the process",
    }


if __name__ == "__main__":
    main()
