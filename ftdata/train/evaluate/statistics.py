"""Numbers with their uncertainty: a difference that could be chance is said to be one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_DRAWS, _SEED = 2_000, 42
# An interval out of so few samples says nothing: a bootstrap of 4 samples knows 35 results.
LEAST = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """Base beside tuned over ``count`` samples, and the 95 % interval of tuned minus base (``None``: too few samples for one)."""

    base: float
    tuned: float
    count: int
    interval: tuple[float, float] | None

    @property
    def value(self) -> float:
        """Tuned minus base."""
        return self.tuned - self.base

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


def compare_ratios(base: Sequence[float], tuned: Sequence[float], weights: Sequence[float]) -> Difference:
    """Sums per sample over weights per sample, as losses over tokens: sum(base) / sum(weights) beside sum(tuned) / sum(weights).

    Samples are drawn, not tokens: the tokens of one answer are no independent witnesses. The draws are seeded.
    """
    a, b, w = (np.asarray(values, np.float64) for values in (base, tuned, weights))
    total = float(w.sum())
    if not len(w) or total <= 0:
        return Difference(math.nan, math.nan, 0, None)
    interval = None
    if len(w) >= LEAST:
        draws = np.random.default_rng(_SEED).integers(0, len(w), (_DRAWS, len(w)), dtype=np.int32) if len(w) <= 5_000 else None
        if draws is not None:
            sums = w[draws].sum(axis=1)
            deltas = (b - a)[draws].sum(axis=1)[sums > 0] / sums[sums > 0]
            low, high = np.quantile(deltas, (0.025, 0.975))
        else:
            # With many samples the normal approximation of a ratio is as good, and takes no memory.
            residual = (b - a) - float((b - a).sum()) / total * w
            spread = 1.96 * math.sqrt(float((residual**2).sum())) / total
            middle = float((b - a).sum()) / total
            low, high = middle - spread, middle + spread
        interval = (float(low), float(high))
    return Difference(float(a.sum()) / total, float(b.sum()) / total, len(w), interval)


def compare_shares(base: Sequence[bool | None], tuned: Sequence[bool | None]) -> Difference | None:
    """How often a check holds, where it applies to both; ``None`` where it applies nowhere."""
    pairs = [(x, y) for x, y in zip(base, tuned, strict=True) if x is not None and y is not None]
    if not pairs:
        return None
    return compare_ratios([float(x) for x, _ in pairs], [float(y) for _, y in pairs], [1.0] * len(pairs))
