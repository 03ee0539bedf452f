"""Make a large chat data set from a small one by deterministic word edits.

    python benchmarks/make_data.py SOURCE.jsonl OUT.jsonl --rows 1000000

SOURCE holds prompt/completion rows. Every output row is an OpenAI chat row; copies of a row get some of their words
replaced by words of other rows, by a counter-based generator, so that the same arguments write the same bytes.
"""

from __future__ import annotations

import argparse
import json
import zlib
from pathlib import Path


def edited(text: str, words: list[str], seed: int, share: float) -> str:
    """Replace about ``share`` of the words, chosen and replaced by a checksum of the seed and the position."""
    if seed == 0:
        return text
    out = []
    for position, word in enumerate(text.split(" ")):
        draw = zlib.crc32(f"{seed}:{position}".encode())
        out.append(words[draw % len(words)] if (draw >> 8) % 1000 < share * 1000 else word)
    return " ".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--share", type=float, default=0.12)
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.source.read_text("utf-8").splitlines()]
    rows = [(r["prompt"].strip(), r["completion"].replace("<|endoftext|>", "").strip()) for r in rows]
    rows = [(prompt, answer) for prompt, answer in rows if prompt and answer and len(prompt) < 1500]
    words = [word for prompt, _ in rows[::7] for word in prompt.split()[:20] if word.isalpha()]
    with options.out.open("w", encoding="utf-8") as sink:
        for number in range(options.rows):
            prompt, answer = rows[number % len(rows)]
            seed = number // len(rows) * 1_000_003 + (number % len(rows) if number >= len(rows) else 0)
            messages = [
                {"role": "user", "content": edited(prompt, words, seed, options.share)},
                {
                    "role": "assistant",
                    "content": edited(answer, words, seed + 7 if seed else 0, options.share),
                },
            ]
            sink.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
