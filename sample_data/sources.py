"""Read the hand-written texts under `texts/`."""

from itertools import combinations
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEXTS = HERE / "texts"

Topic = tuple[str, list[str]]
Tip = tuple[str, str]


def topics(name: str) -> list[Topic]:
    """Blocks of a topic line and its facts, blank line between blocks."""
    blocks = (TEXTS / name).read_text("utf-8").strip().split("\n\n")
    return [(lines[0], lines[1:]) for lines in (block.split("\n") for block in blocks)]


def tips(facts: list[str]) -> list[Tip]:
    """Facts written as `what is asked|the answer`."""
    return [(line.split("|")[0], line.split("|")[1]) for line in facts]


def rows(name: str) -> list[list[str]]:
    """One row per line, cells separated by a bar."""
    return [line.split("|") for line in (TEXTS / name).read_text("utf-8").splitlines()]


def phrases() -> dict[str, list[str]]:
    """The sections of phrases.txt."""
    sections: dict[str, list[str]] = {}
    for line in (TEXTS / "phrases.txt").read_text("utf-8").splitlines():
        if line.startswith("## "):
            current = sections.setdefault(line[3:], [])
        else:
            current.append(line)
    return sections


def groups(n: int, *sizes: int) -> list[tuple[int, ...]]:
    """All index groups of the given sizes, in a fixed order that spreads them out."""
    found = [group for size in sizes for group in combinations(range(n), size)]
    return [group[::-1] if k % 2 else group for k, group in enumerate(found)]
