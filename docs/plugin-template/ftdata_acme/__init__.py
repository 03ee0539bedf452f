"""Acme's rules for fine-tuning data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ftdata.measure.registry import Measure
from ftdata.rule import TRAINED, Spot, rule, spot

# A folder with targets/*.yaml and goals/*.yaml, written as ftdata's own packs are.
PACKS = Path(__file__).parent / "packs"

# A measure is a polars expression over the last answer; custom rules and packs can use it by its name.
MEASURES = [
    Measure("acme_questions", "answer", "UInt32", "question marks in the last answer", lambda text: text.str.count_matches(r"\?"))
]


@rule(
    "ACME001", "mentions-competitor", category="suspicious", scope="text", kinds=TRAINED, roles=["assistant"], trained=True,
    params={"names": ["Globex", "Initech"]}, hint=lambda text, p: text.str.contains_any(p["names"]),
    message="the answer names {name}", help="leave competitors out of what the model learns to say",
)  # fmt: skip
def mentions_competitor(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """An answer that names a competitor.

    ## Why
    The assistant speaks for Acme.

    ## Example
    "Globex sells that too."

    ## Fix safety
    No fix: the sentence has to be rewritten.
    """
    match = re.search("|".join(map(re.escape, p["names"])), text)
    if match:
        yield spot(*match.span(), name=match.group())


@rule(
    "ACME002", "asks-back", category="quality", scope="measure", kinds=TRAINED, params={"most": 2},
    message="the answer asks {acme_questions} questions, at most {most} are wanted",
)  # fmt: skip
def asks_back(m: Any, p: dict[str, Any]) -> Any:
    """An answer that asks the customer too many questions at once.

    ## Why
    Customers answer the first one only.

    ## Example
    "Which size? Which colour? When?"

    ## Fix safety
    No fix.
    """
    return m.acme_questions > p["most"]
