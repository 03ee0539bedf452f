"""What a job will cost, from the table in ``prices.yaml``; a model that is not in it has no price, not a guessed one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens that are billed and what they cost in US dollars (``None``: not known, ``why`` says so)."""

    tokens: int
    epochs: int
    dollars: Decimal | None
    per_million: Decimal | None
    source: str
    why: str | None = None

    @property
    def billed(self) -> int:
        """Tokens of the file in all epochs."""
        return self.tokens * self.epochs


def estimate(model: str, tokens: int, epochs: int, host: str = "api.openai.com") -> Estimate:
    """The price of training on ``tokens`` for ``epochs``, to the cent. ``model`` may be a tuned one: its base is what is billed."""
    table = _table()
    base = model.split(":")[1] if model.startswith("ft:") else model
    row = table["models"].get(base)
    if host != table["host"]:
        return Estimate(tokens, epochs, None, None, "", f"no prices of {host} are known here: look at its price page")
    if row is None:
        return Estimate(
            tokens, epochs, None, None, "", f"no price of {base} is known here: look at the price page before you go on"
        )
    if row.get("per") == "hour":
        why = f"{base} is billed by the time it takes, ${row['dollars']} an hour, and by the tokens of a grading model ({row['source']}, read {row['date']})"
        return Estimate(tokens, epochs, None, None, "", why)
    per_million = Decimal(str(row["dollars"]))
    dollars = (per_million * tokens * epochs / 1_000_000).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return Estimate(tokens, epochs, dollars, per_million, f"{row['source']}, read {row['date']}")


@cache
def _table() -> dict[str, Any]:
    import yaml

    data: dict[str, Any] = yaml.load((Path(__file__).parent / "prices.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
    return data
