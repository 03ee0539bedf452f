"""What a learning curve of a few nested training sets says of more data. A range, never a point: with 50 samples chance is large."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

# How far one seed's loss at 50 samples lies from another's: 1.87 to 2.47 around 2.09 in our measurement (three seeds, 2026-11-23).
CHANCE = 0.15


def reading(points: Sequence[tuple[int, float]]) -> Iterator[str]:
    """Yield what the curve, given as (samples, best evaluation loss), says."""
    yield "pilot     " + ", ".join(f"{loss:.4f} with {samples}" for samples, loss in points)
    if len(points) < 2 or any(loss <= 0 for _, loss in points):
        return
    (first, high), (last, low) = points[0], points[-1]
    doublings = math.log2(last / first)
    drop = 1 - (low / high) ** (1 / doublings)
    if drop <= 0.01:
        yield "          more samples of this kind did not lower the loss: look at their quality and variety before you make more"
        return
    least, most = max(0.0, drop * (1 - 2 * CHANCE)), drop
    yield f"          each doubling lowered the loss by about {drop:.0%}: more data helps"
    for times in (2, 4):
        best, worst = low * (1 - most) ** math.log2(times), low * (1 - least / 2) ** math.log2(times)
        yield f"          with {last * times:,} samples expect {best:.2f} to {min(low, worst):.2f} (one seed, so a range at best)"
