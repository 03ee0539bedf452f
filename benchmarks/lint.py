"""Speed and memory of ``ftdata lint`` next to its named peers, in one run, as ratios.

    python benchmarks/make_data.py SOURCE.jsonl work/1m.jsonl
    python benchmarks/lint.py work/1m.jsonl [--peer-python PYTHON_WITH_CLEANLLM] [--runs 3] [--out results.json]

Every command runs as a whole process; wall seconds and the peak memory of the process and its children are taken
from the operating system. The tiktoken row is its own loop over every text, on one core: what it costs to count the
same tokens without ftdata.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

TIKTOKEN_LOOP = """
import sys, orjson, tiktoken
from ftdata.measure.tokens import ENCODINGS, read_tokens
definition = ENCODINGS["o200k_base"]
ranks = {token: rank for rank, token in enumerate(read_tokens(definition))}
encoding = tiktoken.Encoding("o200k_base", pat_str=definition.pattern, mergeable_ranks=ranks, special_tokens={})
total = 0
for line in open(sys.argv[1], "rb"):
    for message in orjson.loads(line)["messages"]:
        total += len(encoding.encode_ordinary(message["content"]))
print(total)
"""


def tree_memory(pid: int) -> int:
    """Resident bytes of a process and its children; shared pages count once a process (an upper bound)."""
    total, waiting = 0, [pid]
    while waiting:
        current = waiting.pop()
        try:
            status = Path(f"/proc/{current}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("Pss:")) * 1024
            for task in Path(f"/proc/{current}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except (OSError, StopIteration, ValueError):
            continue
    return total


def run(command: list[str]) -> tuple[float, int, int]:
    """Run a command; return wall seconds, peak proportional memory of its process tree, and its exit code."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            peak = max(peak, tree_memory(process.pid))
            time.sleep(1.0)  # reading the memory of a process holds it up

    watcher = threading.Thread(target=watch)
    watcher.start()
    error = process.communicate()[1]
    wall = time.perf_counter() - started
    watcher.join()
    if process.returncode not in (0, 1):
        print(f"  exit {process.returncode}: {error.decode('utf-8', 'replace')[-300:]}", file=sys.stderr)
    return wall, peak, process.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer-python", type=Path, help="a Python whose environment holds cleanllm")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    data, ftdata = str(options.data), [sys.executable, "-m", "ftdata", "lint"]
    small = options.data.with_name("100.jsonl")
    with options.data.open("rb") as source:
        small.write_bytes(b"".join(source.readline() for _ in range(100)))
    quiet = ["--isolated", "--statistics"]
    commands = {
        "ftdata --help": [sys.executable, "-m", "ftdata", "--help"],
        "ftdata lint, 100 samples": [*ftdata, str(small), *quiet],
        "ftdata lint, core rules, exact tokens": [*ftdata, data, *quiet],
        "ftdata lint, no tokens": [*ftdata, data, *quiet, "--no-tokens"],
        "tiktoken loop, one core": [sys.executable, "-c", TIKTOKEN_LOOP, data],
    }
    if options.peer_python:
        cleanllm = str(options.peer_python.with_name("cleanllm"))
        commands |= {
            "cleanllm scan": [cleanllm, "scan", data],
            "cleanllm validate": [cleanllm, "validate", data, "--schema", "basic_sft"],
            "cleanllm preflight": [cleanllm, "preflight", data, "--framework", "trl"],
        }
    rows = {}
    for name, command in commands.items():
        times, peaks = [], []
        for _ in range(1 if name.startswith("cleanllm") else options.runs):
            wall, peak, code = run(command)
            times.append(wall)
            peaks.append(peak)
        rows[name] = {
            "seconds": round(statistics.median(times), 3),
            "peak_mb": round(max(peaks) / 1e6),
            "exit": code,
        }
        print(
            f"{name:<40} {rows[name]['seconds']:>9.2f} s  {rows[name]['peak_mb']:>6} MB  exit {code}",
            flush=True,
        )
    size = options.data.stat().st_size / 1e6
    ours, plain = (
        rows["ftdata lint, core rules, exact tokens"]["seconds"],
        rows["ftdata lint, no tokens"]["seconds"],
    )
    ratios = {
        "tiktoken loop / ftdata with exact tokens": rows["tiktoken loop, one core"]["seconds"] / ours,
        "MB/s without tokens": size / plain,
        "MB/s with exact tokens": size / ours,
    }
    if options.peer_python:
        peers = sum(rows[name]["seconds"] for name in rows if name.startswith("cleanllm"))
        ratios["cleanllm scan + validate + preflight / ftdata with exact tokens"] = peers / ours
    for name, ratio in ratios.items():
        print(f"{name:<62} {ratio:8.1f}")
    if options.out:
        facts = {
            "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
            "mb": round(size),
        }
        options.out.write_text(
            json.dumps(facts | {"rows": rows, "ratios": {k: round(v, 2) for k, v in ratios.items()}}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
