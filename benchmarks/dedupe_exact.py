"""Near-duplicate search: proof against every pair, and time.

    python benchmarks/dedupe_exact.py prove FILE_OR_FOLDER... [--rows 10000] [--thresholds 80-99]
    python benchmarks/dedupe_exact.py time FILE [--views prompt conversation] [--measures ratio:95 ratio:90 jaccard:0.7]

prove compares find_pairs with rapidfuzz.process.cdist over all pairs of the first rows of each file, in the views
conversation and prompt, at every threshold; any missing, superfluous or differently scored pair ends the run with 1.
Exhaustive here means: every cell of the table is computed, with rapidfuzz's score_cutoff just below the lowest threshold.
time prints wall seconds of the search (texts in memory and normalised), pairs, pairs verified and peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
from rapidfuzz import fuzz, process

from ftdata.dedupe.normalise import normalise
from ftdata.dedupe.search import find_clusters, find_pairs

ENDINGS = {".jsonl", ".json", ".csv", ".tsv", ".parquet"}


def samples(path: Path, rows: int):
    """The first samples of a file, read as any format that ftdata knows; a file that cannot be read has none."""
    from ftdata.errors import FtdataError
    from ftdata.formats import detect_row, parse
    from ftdata.read import cut, decode, open_input

    try:
        for piece in cut(open_input(str(path))):
            for value in decode(piece).values:
                yield parse(value, detect_row(value))
                rows -= 1
                if not rows:
                    return
    except FtdataError as error:
        print(f"  {path.name}: {error.message}", file=sys.stderr)


def view(sample, name: str) -> str:
    turns = [turn for turn in sample.turns() if turn.role != "system"]
    if name == "prompt":
        turns = [turn for turn in turns if turn.role == "user"]
    return "\n".join(turn.text for turn in turns)


def files(paths):
    for path in map(Path, paths):
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (one for one in found if one.suffix in ENDINGS and one.is_file())


def every_pair(texts: list[str], lowest: float):
    """All pairs at or above the lowest threshold, by rapidfuzz alone: left, right, score."""
    parts = []
    for start in range(0, len(texts), 500):
        table = process.cdist(
            texts[start : start + 500], texts[start:], scorer=fuzz.ratio, score_cutoff=lowest - 1, dtype=np.float64, workers=-1
        )
        left, right = np.nonzero(np.triu(table >= lowest, 1))
        parts.append((left + start, right + start, table[left, right]))
    return [np.concatenate([part[n] for part in parts]) for n in range(3)] if parts else [np.empty(0)] * 3


def prove(options) -> int:
    low, high = (int(part) for part in options.thresholds.split("-"))
    wrong = 0
    for path in files(options.paths):
        found = list(samples(path, options.rows))
        for name in ("conversation", "prompt"):
            texts = normalise(pl.Series([view(one, name) for one in found], dtype=pl.String)).to_list()
            texts = list(dict.fromkeys(texts))
            left, right, score = every_pair(texts, low)
            faults, pairs, verified = [], 0, 0
            for threshold in range(low, high + 1):
                result = find_pairs(texts, threshold, kernel=options.kernel)
                keep = score >= threshold
                same = all(
                    np.array_equal(a, b[keep]) for a, b in ((result.left, left), (result.right, right), (result.score, score))
                )
                pairs, verified = pairs + len(result), verified + result.verified
                if not same:
                    faults.append(threshold)
            wrong += len(faults)
            print(
                f"{'WRONG at ' + str(faults) if faults else 'exact'}  {path.parent.name}/{path.name} {name}: {len(texts):,} distinct "
                f"texts, {pairs:,} pairs at {low} to {high}, {verified:,} verified",
                flush=True,
            )
    return 1 if wrong else 0


def timed(options) -> int:
    """Each search in a process of its own, so that memory peaks are its own."""
    for name in options.views:
        for measure in options.measures:
            command = [sys.executable, __file__, "one", str(options.file), name, measure, options.kernel, options.mode]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            print(done.stdout.strip() or done.stderr, flush=True)
    return 0


def one(options) -> int:
    metric, _, threshold = options.measure.partition(":")
    frame = pl.scan_lines(options.file).collect() if hasattr(pl, "scan_lines") else None
    lines = frame.to_series() if frame is not None else pl.Series(Path(options.file).read_text("utf-8").splitlines())
    texts = normalise(_views(lines, options.view)).to_list()
    del frame, lines
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    search = find_pairs if options.mode == "pairs" else find_clusters
    search(["warm", "warm up"], float(threshold), metric, kernel=options.kernel)
    started = time.perf_counter()
    found = search(texts, float(threshold), metric, kernel=options.kernel)
    wall = time.perf_counter() - started
    print(
        json.dumps(
            {
                "rows": len(texts),
                "view": options.view,
                "measure": options.measure,
                "kernel": options.kernel,
                "mode": options.mode,
                "seconds": round(wall, 2),
                "found": len(found) if options.mode == "pairs" else len(found.members()),
                "verified": found.verified,
                "compared": found.compared,
                "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
                "peak_before_gb": round(before / 1e6, 2),
                "load": round(os.getloadavg()[0], 1),
            }
        )
    )
    return 0


def _views(lines: pl.Series, name: str) -> pl.Series:
    """Prompt and conversation of chat rows, or of prompt/completion rows."""
    if '"messages"' in lines[0]:
        turns = lines.str.json_decode(pl.Struct({"messages": pl.List(pl.Struct({"role": pl.String, "content": pl.String}))}))
        said = turns.struct.field("messages")
        said = said.list.eval(pl.element().filter(pl.element().struct.field("role") != "system"))
        if name == "prompt":
            said = said.list.eval(pl.element().filter(pl.element().struct.field("role") == "user"))
        return said.list.eval(pl.element().struct.field("content")).list.join("\n")
    row = lines.str.json_decode(pl.Struct({"prompt": pl.String, "completion": pl.String}))
    if name == "prompt":
        return row.struct.field("prompt")
    return row.struct.field("prompt") + "\n" + row.struct.field("completion")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("prove")
    command.add_argument("paths", nargs="+")
    command.add_argument("--rows", type=int, default=10_000)
    command.add_argument("--thresholds", default="80-99")
    command.add_argument("--kernel", default="auto")
    command.set_defaults(run=prove)
    command = commands.add_parser("time")
    command.add_argument("file", type=Path)
    command.add_argument("--views", nargs="+", default=["prompt", "conversation"])
    command.add_argument("--measures", nargs="+", default=["ratio:95", "ratio:90", "jaccard:0.7"])
    command.add_argument("--kernel", default="auto")
    command.add_argument("--mode", choices=["pairs", "clusters"], default="pairs")
    command.set_defaults(run=timed)
    command = commands.add_parser("one")
    for name in ("file", "view", "measure", "kernel", "mode"):
        command.add_argument(name)
    command.set_defaults(run=one)
    options = parser.parse_args()
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
