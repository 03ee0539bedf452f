"""Which differences between texts do not count: named steps, each of which can be left out.

The steps run in the order of `STEPS`, whatever the order they are asked for, so that a set of steps has one meaning.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ftdata.dedupe.work import for_all
from ftdata.errors import UsageError, suggest

if TYPE_CHECKING:
    import polars as pl

# In the order in which they run: what each does to a text.
STEPS = {
    "nfkc": "Unicode form NFKC: full-width and half-width letters, ligatures and decomposed Hangul become one form",
    "case": "lower case as Unicode defines it; a sigma that ends a word becomes ς",
    "punctuation": "every character of Unicode class P or S (punctuation, symbols, emoji) becomes a space",
    "digits": "every run of decimal digits of any script becomes one 0",
    "whitespace": "every run of white space becomes one space; none is left at the ends",
}
DEFAULT = ("nfkc", "case", "whitespace")
_SLICE = 1 << 15


def check_steps(steps: Collection[str]) -> tuple[str, ...]:
    """Return the steps in running order; raises UsageError for a name that is no step."""
    for step in steps:
        if step not in STEPS:
            raise UsageError(f"'{step}' is no normalisation step.{suggest(step, STEPS)}", f"Steps are {', '.join(STEPS)}.")
    return tuple(step for step in STEPS if step in steps)


def normalise(texts: pl.Series, steps: Collection[str] = DEFAULT) -> pl.Series:
    """Return the texts after the named steps, same length, nulls kept; each step is linear in the text.

    NFKC can make a text longer, at most 18 times (U+FDFA, Unicode Standard Annex 15, read 2026-11). Works on slices of
    the series on all processors. Raises UsageError for an unknown step.
    """
    import polars as pl

    wanted = check_steps(steps)
    slices = for_all(range(0, max(len(texts), 1), _SLICE), lambda start: _normalise(texts.slice(start, _SLICE), wanted))
    return pl.concat(slices, rechunk=True)


def _normalise(texts: pl.Series, steps: tuple[str, ...]) -> pl.Series:
    for step in steps:
        if step == "nfkc":
            # ASCII is its own normal form, and nearly all of many files.
            foreign = texts.str.contains(r"[^\x00-\x7F]").fill_null(False).arg_true()
            if foreign.len():
                texts = texts.clone().scatter(foreign, texts.gather(foreign).str.normalize("NFKC"))
        elif step == "case":
            texts = texts.str.to_lowercase()
        elif step == "punctuation":
            texts = texts.str.replace_all(r"[\p{P}\p{S}]", " ")
        elif step == "digits":
            texts = texts.str.replace_all(r"\p{Nd}+", "0")
        else:
            # Single spaces, nearly all white space there is, need no replacement.
            texts = texts.str.replace_all(r"\s\s+|[^\S ]", " ").str.strip_chars()
    return texts
