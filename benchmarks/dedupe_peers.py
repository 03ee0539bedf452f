"""Near-duplicate pairs: ftdata next to rensa and datasketch in one run, each in a process of its own.

    python benchmarks/dedupe_peers.py DATA.jsonl --peer-python PEERS/bin/python [--out results.json]

The truth is every pair with ``rapidfuzz.fuzz.ratio`` of at least 90 on lower-cased texts with single spaces: what ftdata
finds, proven equal to comparing every pair on slices by ``dedupe_exact.py``. A peer's pairs are its candidates, as its own
documentation makes them (128 permutations, words in shingles of five, threshold 0.8): recall and precision are counted over
pairs of distinct texts. Seconds are the search alone; the texts are in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEERS = {
    "rensa": """
from rensa import RMinHash, RMinHashLSH
lsh, made = RMinHashLSH(threshold=0.8, num_perm=128, num_bands=16), []
for number, text in enumerate(texts):
    words = text.split()
    m = RMinHash(num_perm=128, seed=42)
    m.update([" ".join(words[k:k+5]) for k in range(max(1, len(words) - 4))])
    made.append(m); lsh.insert(number, m)
pairs = [(a, b) for a, m in enumerate(made) for b in lsh.query(m) if a < b]
""",
    "datasketch": """
from datasketch import MinHash, MinHashLSH
lsh, made = MinHashLSH(threshold=0.8, num_perm=128), []
for number, text in enumerate(texts):
    words = text.split()
    m = MinHash(num_perm=128)
    m.update_batch([" ".join(words[k:k+5]).encode() for k in range(max(1, len(words) - 4))])
    made.append(m); lsh.insert(number, m)
pairs = [(a, b) for a, m in enumerate(made) for b in lsh.query(m) if a < b]
""",
}
RUN = """
import json, resource, sys, time
texts = json.load(open(sys.argv[1]))
started = time.perf_counter()
{body}
seconds = time.perf_counter() - started
json.dump({{"seconds": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "pairs": pairs}}, open(sys.argv[2], "w"))
"""
OURS = """
from ftdata.dedupe.search import find_pairs
found = find_pairs(texts, {threshold}, "{metric}", limit=None)
pairs = list(zip(found.left.tolist(), found.right.tolist()))
"""


def texts_of(path: str) -> list[str]:
    """The distinct normalised texts of a file of chats, prompt and answer."""
    from ftdata.dedupe.collect import collect, make_views

    collection = collect([path])
    return list(dict.fromkeys(make_views(collection, "conversation", ("nfkc", "case", "whitespace")).text))


def run(python: str, body: str, texts: Path) -> dict:
    """Run one way in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        done = subprocess.run([python, "-c", RUN.format(body=body), str(texts), str(out)], capture_output=True, text=True)
        if done.returncode:
            return {"skipped": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "failed"}
        return json.loads(out.read_text())


def main() -> None:
    """Measure every way and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder) / "texts.json"
        found = texts_of(args.data)
        texts.write_text(json.dumps(found))
        ways = {
            "ftdata ratio 90": (sys.executable, OURS.format(threshold=90, metric="ratio")),
            "ftdata ratio 95": (sys.executable, OURS.format(threshold=95, metric="ratio")),
            "ftdata jaccard 0.7": (sys.executable, OURS.format(threshold=0.7, metric="jaccard")),
        } | {name: (args.peer_python, body) for name, body in PEERS.items()}
        run(*ways["ftdata jaccard 0.7"], texts)  # compiles the kernels once
        results = {name: run(python, body, texts) for name, (python, body) in ways.items()}
    truth = {tuple(pair) for pair in results["ftdata ratio 90"]["pairs"]}
    table = {}
    for name, result in results.items():
        if "skipped" in result:
            table[name] = result
            continue
        pairs = {tuple(pair) for pair in result.pop("pairs")}
        common = len(pairs & truth)
        table[name] = result | {
            "pairs": len(pairs), "recall": round(common / max(1, len(truth)), 4), "precision": round(common / max(1, len(pairs)), 4)
        }  # fmt: skip
    report = {
        "data": Path(args.data).name, "texts": len(found), "truth": len(truth), "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}", "ways": table,
    }  # fmt: skip
    for name, row in table.items():
        print(name, row)
    if args.out:
        Path(args.out).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
