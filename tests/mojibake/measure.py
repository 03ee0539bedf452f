"""Measure the detector on the test set; run as a script it prints recall, false alarms and repairs, half by half."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from runpy import run_path

from ftdata.measure.mojibake import Damage, damage

GENERATED = run_path(str(Path(__file__).with_name("generate.py")))
HALVES = GENERATED["HALVES"]


def repaired(text: str, found: list[Damage]) -> str:
    """The text with every piece replaced by what it should read."""
    for piece in reversed(found):
        text = (
            text[: piece.start]
            + (piece.repaired if piece.repaired is not None else text[piece.start : piece.end])
            + text[piece.end :]
        )
    return text


def measured(half: str) -> dict[str, Counter]:
    """Counts by kind (of, found, named, astray, exact, repaired) and by language of clean texts (clean, alarms)."""
    out = {name: Counter() for name in ("of", "found", "named", "astray", "exact", "repaired", "clean", "alarms")}
    for text in GENERATED["damaged"]():
        if text.half != half:
            continue
        found = damage(text.text)
        inside = [piece for piece in found if piece.start < text.end and text.start < piece.end]
        out["of"][text.kind] += 1
        out["found"][text.kind] += bool(inside)
        out["astray"][text.kind] += len(inside) < len(found)
        out["named"][text.kind] += any(piece.kind == text.kind.split(",")[0] for piece in inside)
        if inside and text.exact:
            out["exact"][text.kind] += 1
            out["repaired"][text.kind] += repaired(text.text, found) == text.original
    for text in GENERATED["clean"]():
        if text.half == half:
            out["clean"][text.language] += 1
            out["alarms"][text.language] += bool(damage(text.text))
    return out


if __name__ == "__main__":
    import sys

    for half in sys.argv[1:] or HALVES:
        out = measured(half)
        print(half, "recall", f"{out['found'].total()}/{out['of'].total()}", "repaired", f"{out['repaired'].total()}/{out['exact'].total()}",
              "false alarms", f"{out['alarms'].total()}/{out['clean'].total()}", "astray", out["astray"].total())  # fmt: skip
        for kind, of in out["of"].items():
            print(
                f"{out['found'][kind] / of:6.1%} of {of:4} named {out['named'][kind]:4} repaired {out['repaired'][kind]}/{out['exact'][kind]} {kind}"
            )
        print({language: count for language, count in out["alarms"].items() if count})
