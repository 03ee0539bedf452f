"""Speed and memory of ``ftdata convert``, ShareGPT to OpenAI chat, next to the converters of LLaMA-Factory and TRL on the same rows.

    python benchmarks/convert.py SHAREGPT.jsonl [--peer-python PYTHON] [--runs 3] [--out results.json]

The peers' Python holds ``datasets``, and ``trl`` and ``llamafactory`` installed with ``--no-deps``: their converters are single
functions, whose own source is run, without the libraries around it. They are measured twice: as their trainers run them, which is
``datasets`` that loads the file, maps it with four processes and writes it as JSON Lines (its cache is new each time); and
alone, on one core: every line decoded by orjson or json, converted, and encoded again. ftdata checks what does not arrive and
writes an account of it; the peers do not. LLaMA-Factory's function makes its own columns of the rows, not OpenAI's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from lint import run

# The peers' functions, without importing torch or transformers: their files' own definitions.
LLAMA_FACTORY = """
import importlib.util, pathlib, shutil, sys
root = pathlib.Path(importlib.util.find_spec("llamafactory").origin).parent
folder = pathlib.Path(sys.argv[3] + "-lf")
data, extras = folder / "lf/data", folder / "lf/extras"
for made in (data, extras):
    made.mkdir(parents=True)
for name in ("parser.py", "converter.py"):
    shutil.copy(root / "data" / name, data / name)
(data / "data_utils.py").write_text('''
import enum
class Role(str, enum.Enum):
    USER, ASSISTANT, SYSTEM, FUNCTION, OBSERVATION = "user", "assistant", "system", "function", "observation"
''')
(extras / "logging.py").write_text("import logging\\nget_logger = logging.getLogger\\n")
(extras / "constants.py").write_text("DATA_CONFIG = None\\n")
(extras / "misc.py").write_text("use_modelscope = use_openmind = None\\n")
sys.path.insert(0, str(folder))
from lf.data.converter import SharegptDatasetConverter
from lf.data.parser import DatasetAttr
convert = SharegptDatasetConverter(DatasetAttr("file", "bench", formatting="sharegpt"), None)
"""
TRL = """
import ast, importlib.util, pathlib
path = pathlib.Path(importlib.util.find_spec("trl").origin).parent / "data_utils.py"
tree = ast.parse(path.read_text())
tree.body = [node for node in tree.body if getattr(node, "name", "") == "maybe_convert_to_chatml"]
names = {}
exec(compile(tree, str(path), "exec"), names)
convert = names["maybe_convert_to_chatml"]
"""
MAPPED = """
import sys
from datasets import load_dataset
dataset = load_dataset("json", data_files=sys.argv[1], split="train", cache_dir=sys.argv[3])
dataset = dataset.map(convert, remove_columns=dataset.column_names, num_proc=int(sys.argv[4]))
dataset.to_json(sys.argv[2], num_proc=int(sys.argv[4]))
"""
ALONE = """
import json, sys
with open(sys.argv[1], "rb") as source, open(sys.argv[2], "wb") as sink:
    for line in source:
        sink.write(json.dumps(convert(json.loads(line)), ensure_ascii=False).encode() + b"\\n")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--peer-python", type=Path, help="a Python whose environment holds datasets, trl and llamafactory")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    size = options.data.stat().st_size
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(dir=options.data.parent) as folder:
        out = str(Path(folder, "out.jsonl"))
        ours = [sys.executable, "-m", "ftdata", "convert", str(options.data), "--to", "openai-chat", "-o", out]
        commands = {
            f"ftdata convert, {options.jobs} processes": [*ours, "--jobs", str(options.jobs)],
            "ftdata convert, 1 process": [*ours, "--jobs", "1"],
        }
        if options.peer_python:
            python = str(options.peer_python)
            for name, code in (("LLaMA-Factory SharegptDatasetConverter", LLAMA_FACTORY), ("TRL maybe_convert_to_chatml", TRL)):
                for way, body in ((f"datasets.map, {options.jobs} processes", MAPPED), ("the function alone, 1 process", ALONE)):
                    cache = str(Path(folder, f"cache{len(commands)}"))
                    commands[f"{name}, {way}"] = [python, "-c", code + body, str(options.data), out, cache, str(options.jobs)]
        for name, command in commands.items():
            # The peers run once: they take minutes, and their cache would answer the second time.
            runs = [run(command) for _ in range(options.runs if name.startswith("ftdata") else 1)]
            seconds = statistics.median(wall for wall, _, _ in runs)
            peak = max(memory for _, memory, _ in runs)
            if any(code for _, _, code in runs):
                print(f"{name:<75} failed")
                continue
            results[name] = {"seconds": round(seconds, 2), "mb_per_second": round(size / 1e6 / seconds, 1), "peak_mb": round(peak / 1e6), "exit": runs[-1][2]}  # fmt: skip
            print(f"{name:<75} {seconds:8.2f} s {size / 1e6 / seconds:8.1f} MB/s {peak / 1e6:8.0f} MB", flush=True)
    if options.out:
        about = {"bytes": size, "cpus": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
        options.out.write_text(json.dumps({"about": about, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
