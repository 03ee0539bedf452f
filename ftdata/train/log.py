"""``log.jsonl`` of a run, and what its curve says."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; a last one that was cut off is left out."""
    lines = []
    for line in path.read_text("utf-8", "replace").splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            break
        if isinstance(value, dict):
            lines.append(value)
    return lines


def verdict(evals: Sequence[tuple[int, float, float]], epochs: float) -> str | None:
    """What the evaluations, given as (step, epoch, loss), say of the length of a run of so many epochs; ``None``: nothing."""
    evals = [entry for entry in evals if math.isfinite(entry[2])]
    if len(evals) < 3:
        return None
    best = min(evals, key=lambda entry: entry[2])
    first, before, last = evals[0], evals[-2], evals[-1]
    if best[0] == first[0]:
        return "the evaluation loss never became better than at the start: look at the data, or lower the learning rate"
    if best[0] != last[0] and last[2] > best[2] * 1.02:
        better = max(1, math.ceil(best[1] - 1e-9))
        shorter = f"; epochs {better} of {epochs:g} would have been better" if better < epochs else ""
        return f"overfitting: the evaluation loss was lowest at step {best[0]} (epoch {best[1]:.2f}, {best[2]:.4f}) and rose to {last[2]:.4f}{shorter}"
    if best[0] == last[0] and before[2] > best[2] * 1.02:
        return "the evaluation loss was still falling at the end: more epochs may help"
    return None
