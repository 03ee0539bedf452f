"""What can be checked of an answer exactly, without another model as a judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ftdata.measure.style import json_keys, json_kind, scripts_of, speech_level

CHECKS = {
    "valid JSON": "where the reference is JSON",
    "the same keys": "where the reference is a JSON object",
    "the same speech level": "where the reference has a Korean one",
    "the same script": "where the reference has ten letters",
    "ends by itself": "with a stop token, before the limit",
    "about as long": "half to double the characters of the reference",
    "word for word": "the reference itself, but for white space at its ends",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    kind: list[str | None]
    keys: list[str | None]
    level: list[str | None]
    script: list[str | None]


def check(answers: list[str], references: list[str], stopped: list[bool | None]) -> dict[str, list[bool | None]]:
    """For each check and each answer whether it holds; ``None`` where it does not apply."""
    said, wanted = _see(answers), _see(references)
    found: dict[str, list[bool | None]] = {
        "valid JSON": [None if r is None else a is not None for a, r in zip(said.kind, wanted.kind, strict=True)],
        "the same keys": _equal(said.keys, wanted.keys),
        "the same speech level": _equal(said.level, wanted.level),
        "the same script": _equal(said.script, wanted.script),
        "ends by itself": list(stopped),
        "about as long": [_about(len(a.strip()), len(r.strip())) for a, r in zip(answers, references, strict=True)],
        "word for word": [a.strip() == r.strip() for a, r in zip(answers, references, strict=True)],
    }
    return {name: found[name] for name in CHECKS}


def ratios(answers: list[str], references: list[str]) -> list[float]:
    """Characters of each answer, as a multiple of its reference's; references without any are left out."""
    return [len(a.strip()) / len(r.strip()) for a, r in zip(answers, references, strict=True) if r.strip()]


def _equal(said: list[str | None], wanted: list[str | None]) -> list[bool | None]:
    return [None if r is None else a == r for a, r in zip(said, wanted, strict=True)]


def _about(length: int, wanted: int) -> bool | None:
    return None if not wanted else wanted <= 2 * length and length <= 2 * wanted


def _see(texts: list[str]) -> _Seen:
    import polars as pl

    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})

    def column(expression: Callable[[pl.Expr], pl.Expr]) -> list[str | None]:
        values: list[str | None] = frame.select(expression(pl.col("text"))).to_series().to_list() if len(texts) else []
        return values

    return _Seen(column(json_kind), column(json_keys), column(speech_level), [scripts_of(text) for text in texts])
