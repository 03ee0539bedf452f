"""Near-duplicate pairs: ftdata next to five peers in one run, each in a process of its own.

    python benchmarks/dedupe_peers.py DATA.jsonl --peer-python PEERS/bin/python [--peer-python NAME=PYTHON] [--only NAME] [--out results.json]

The truth is every pair with ``rapidfuzz.fuzz.ratio`` of at least 90 on lower-cased texts with single spaces: what ftdata
finds, proven equal to comparing every pair on slices by ``dedupe_exact.py``. Recall and precision are counted over pairs of
distinct texts. rensa and datasketch answer with pairs; text-dedup, datatrove and semhash with what stays and what goes for it,
which is clusters, of which every pair counts: so ftdata's connected components stand there too. Peers as their documents make them: 128 permutations, words in
shingles of five, threshold 0.8; datatrove its 14 buckets of 8 hashes and English words by spaCy; both with four processes.
semhash wants a model that has to be downloaded: here it gets a static one made on the spot, a random vector of 256 numbers
for each word, so its row tells the time of its search and what a bag of words can find, not what its own model would.
Seconds are the search alone, texts in memory or in the peer's own folder; MB is the largest single process.
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
from collections import Counter
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
    "text-dedup": """
import datasets
from text_dedup import minhash
sys.setrecursionlimit(100_000)
datasets.Dataset.from_dict({"text": texts}).save_to_disk(folder + "/in")
started = time.perf_counter()
minhash.main([
    "--path", folder + "/in", "--local", "--column", "text", "--output", folder + "/out", "--cache_dir", folder + "/cache",
    "--num_proc", "4", "--ngram", "5", "--min_length", "1", "--num_perm", "128", "--threshold", "0.8",
], standalone_mode=False)
labels = [minhash.uf.find(number) for number in range(len(texts))]
""",
    "datatrove": """
import os, struct
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupSignature
from datatrove.pipeline.readers import JsonlReader
os.makedirs(folder + "/in")
for part in range(4):
    with open(f"{folder}/in/{part}.jsonl", "w") as file:
        file.writelines(json.dumps({"id": str(number), "text": texts[number]}) + "\\n" for number in range(part, len(texts), 4))
started = time.perf_counter()
for tasks, steps in (
    (4, [JsonlReader(folder + "/in"), MinhashDedupSignature(folder + "/signatures", language="eng")]),
    (14, [MinhashDedupBuckets(folder + "/signatures", folder + "/buckets")]),
    (1, [MinhashDedupCluster(folder + "/buckets", folder + "/clusters", save_cluster_id=True)]),
):
    LocalPipelineExecutor(pipeline=steps, tasks=tasks, workers=4, logging_dir=f"{folder}/logs{tasks}").run()
labels = [-1 - number for number in range(len(texts))]
for part in range(4):
    for row, label in struct.iter_unpack("<2I", open(f"{folder}/clusters/{part:06d}.clusters", "rb").read()):
        labels[part + 4 * row] = label
""",
    "semhash": """
import numpy
from model2vec import StaticModel
from semhash import SemHash
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer.train_from_iterator(texts, trainers.WordLevelTrainer(vocab_size=100_000, min_frequency=1, special_tokens=["[UNK]", "[PAD]"]))
vectors = numpy.random.default_rng(0).standard_normal((tokenizer.get_vocab_size(), 256)).astype("float32")
model = StaticModel(vectors, tokenizer, normalize=True)
started = time.perf_counter()
result = SemHash.from_records(texts, model=model).self_deduplicate(threshold=0.9)
numbers = {text: number for number, text in enumerate(texts)}
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
edges = numpy.array([(numbers[one.record], numbers[other]) for one in result.filtered for other, _ in one.duplicates]).reshape(-1, 2)
seconds = time.perf_counter() - started
graph = coo_array((numpy.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(texts), len(texts)))
labels = connected_components(graph, directed=False)[1].tolist()
""",
}
RUN = """
import json, resource, sys, time
texts, folder = json.load(open(sys.argv[1])), sys.argv[2]
labels = pairs = seconds = None
started = time.perf_counter()
{body}
seconds = seconds or time.perf_counter() - started
largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
json.dump(dict(seconds=seconds, mb=largest // 1024, pairs=pairs, labels=labels), open(folder + "/out.json", "w"))
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
        done = subprocess.run(
            [python, "-c", RUN.replace("{body}", body), str(texts), folder], capture_output=True, text=True, cwd=folder
        )
        if done.returncode:
            return {"skipped": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "failed"}
        return json.loads((Path(folder) / "out.json").read_text())


def score(answer: dict, truth: set[tuple[int, int]]) -> dict:
    """Recall and precision of pairs, or of every pair that clusters join (counted, not listed: there may be many)."""
    labels, pairs = answer.pop("labels"), answer.pop("pairs")
    if labels is not None:
        number = sum(size * (size - 1) // 2 for size in Counter(labels).values())
        common = sum(labels[one] == labels[other] for one, other in truth)
    else:
        number, common = len(found := {tuple(pair) for pair in pairs}), len(found & truth)
    ratios = {"recall": round(common / max(1, len(truth)), 4), "precision": round(common / max(1, number), 4)}
    return answer | {"pairs": number} | ratios


def connected(pairs: list[list[int]], count: int) -> list[int]:
    """The connected component of every text."""
    parent = list(range(count))
    for pair in pairs:
        roots = []
        for one in pair:
            while parent[one] != one:
                parent[one] = one = parent[parent[one]]
            roots.append(one)
        parent[max(roots)] = min(roots)
    for one in range(count):
        parent[one] = parent[parent[one]]
    return parent


def main() -> None:
    """Measure every way and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--peer-python", action="append", default=[], metavar="[NAME=]PYTHON")
    parser.add_argument("--only", action="append", help="run this peer only; repeatable")
    parser.add_argument("--out")
    args = parser.parse_args()
    pythons = {name: python for name, _, python in (given.rpartition("=") for given in args.peer_python)}
    peers = {name: body for name, body in PEERS.items() if not args.only or name in args.only}
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder) / "texts.json"
        found = texts_of(args.data)
        texts.write_text(json.dumps(found))
        ways = {
            "ftdata ratio 90": (sys.executable, OURS.format(threshold=90, metric="ratio")),
            "ftdata ratio 95": (sys.executable, OURS.format(threshold=95, metric="ratio")),
            "ftdata jaccard 0.7": (sys.executable, OURS.format(threshold=0.7, metric="jaccard")),
        } | {name: (pythons.get(name, pythons.get("", sys.executable)), body) for name, body in peers.items()}
        run(*ways["ftdata jaccard 0.7"], texts)  # compiles the kernels once
        results = {name: run(python, body, texts) for name, (python, body) in ways.items()}
    exact = results["ftdata ratio 90"]
    truth = {(one, other) for one, other in exact["pairs"]}
    results["ftdata ratio 90, as clusters"] = exact | {"labels": connected(exact["pairs"], len(found))}
    table = {name: result if "skipped" in result else score(result, truth) for name, result in results.items()}
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
