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
    source = f"{table['source']}, read {table['date']}"
    price = table["models"].get(base)
    if host != table["host"]:
        return Estimate(tokens, epochs, None, None, source, f"no prices of {host} are known here: look at its price page")
    if price is None:
        return Estimate(
            tokens, epochs, None, None, source, f"no price of {base} is known here: look at the price page before you go on"
        )
    per_million = Decimal(str(price))
    dollars = (per_million * tokens * epochs / 1_000_000).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return Estimate(tokens, epochs, dollars, per_million, source)


@cache
def _table() -> dict[str, Any]:
    import yaml

    data: dict[str, Any] = yaml.load((Path(__file__).parent / "prices.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
    return data
