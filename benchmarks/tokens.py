"""Token counting against tiktoken and its peers, one run, one table: python benchmarks/tokens.py FILE...

Each FILE is JSON lines; every string in it is a text. Way after way counts the same texts; each answer is
compared with tiktoken's own loop before its speed is printed. Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tiktoken

from ftdata.measure.tokens import ENCODINGS, BundledTokenizer, TiktokenTokenizer, read_tokens

HANGUL = ("가", "힣")
KOREAN_BYTES = 20_000_000


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def read_texts(paths: list[Path]) -> list[str]:
    return [
        text
        for path in paths
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        for text in (strings(json.loads(line)) if path.suffix == ".jsonl" else [line])
    ]


def compose(texts: list[str], size: int) -> list[str]:
    """Make texts of 5 to 60 words drawn from these by a seeded generator; hardly any two are equal."""
    draw = random.Random(0)
    words = [word for text in texts for word in text.split(" ")]
    made: list[str] = []
    total = 0
    while total < size:
        made.append(" ".join(draw.choices(words, k=draw.randrange(5, 60))))
        total += len(made[-1].encode())
    return made


def ours(threads: int, name: str) -> Callable[[list[str]], list[int]]:
    tokenizer = BundledTokenizer(name)
    tokenizer.prepare(1 << 30, threads)
    tokenizer.count(["warm up"])
    return tokenizer.count


def ways(name: str) -> Iterator[tuple[str, Callable[[list[str]], list[int]]]]:
    encoding = ENCODINGS[name]
    ranks = {token: rank for rank, token in enumerate(read_tokens(encoding))}
    peer = tiktoken.Encoding(name, pat_str=encoding.pattern, mergeable_ranks=ranks, special_tokens={})
    yield "tiktoken loop", lambda texts: [len(peer.encode_ordinary(text)) for text in texts]
    yield (
        "tiktoken batch, 4 threads",
        lambda texts: list(map(len, peer.encode_ordinary_batch(texts, num_threads=4))),
    )
    try:
        import bpe_openai

        rust = getattr(bpe_openai, name)()
        yield "bpe-openai", lambda texts: [rust.count(text) for text in texts]
    except ImportError:
        pass
    try:
        import rs_bpe

        fast = getattr(rs_bpe.openai, name)()
        yield "rs-bpe", lambda texts: [fast.count(text) for text in texts]
    except ImportError:
        pass
    yield "ftdata without numba", TiktokenTokenizer(name, encoding.pattern, lambda: ranks).count
    for threads in (1, 2, 4):
        yield f"ftdata kernel, {threads} thread{'s' if threads > 1 else ''}", ours(threads, name)


def measure(title: str, texts: list[str], name: str) -> None:
    size = sum(len(text.encode()) for text in texts)
    print(f"\n{title}, {name}: {len(texts):,} texts, {len(set(texts)):,} distinct, {size / 1e6:.1f} MB")
    print(f"{'way':<30}{'MB/s':>9}{'ratio':>8}{'mismatches':>12}")
    truth: list[int] = []
    first = 0.0
    for way, count in ways(name):
        count(texts[:1])
        start = time.perf_counter()
        counts = count(texts)
        seconds = time.perf_counter() - start
        truth = truth or counts
        first = first or seconds
        wrong = sum(a != b for a, b in zip(truth, counts, strict=True))
        print(f"{way:<30}{size / seconds / 1e6:>9.1f}{first / seconds:>8.1f}{wrong:>12}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", help="JSONL or text files, of which some hold Korean")
    given = read_texts(parser.parse_args().files)
    korean = [text for text in given if sum(HANGUL[0] <= c <= HANGUL[1] for c in text) > len(text) / 4]
    english = [text for text in given if text.isascii()]
    if not korean or not english:
        parser.error("the files must hold English and Korean texts")
    for name in ("o200k_base", "cl100k_base"):
        measure("English", english, name)
        measure("Korean, words drawn", compose(korean, KOREAN_BYTES), name)


if __name__ == "__main__":
    main()
