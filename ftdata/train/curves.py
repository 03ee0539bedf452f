"""Loss curves: in the terminal, and as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Curve = Sequence[tuple[float, float]]
_WIDTH, _HEIGHT = 60, 12


def curves_of(log: Sequence[dict[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """The curves in the lines of a log: train and eval, as (step, loss)."""
    named = (("train", "loss"), ("eval", "eval_loss"))
    curves = {name: [(line["step"], line[key]) for line in log if isinstance(line.get(key), int | float)] for name, key in named}
    return {name: curve for name, curve in curves.items() if curve}


def draw(curves: Mapping[str, Curve], width: int = _WIDTH, height: int = _HEIGHT) -> Iterator[str]:
    """Yield the lines of a chart: ``·`` is train, ``o`` is eval; the loss upwards, steps to the right."""
    points = [(x, y) for curve in curves.values() for x, y in curve if y == y and abs(y) != float("inf")]
    if not points:
        return
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    grid = [[" "] * width for _ in range(height)]
    for name, curve in curves.items():
        for x, y in curve:
            if y != y or abs(y) == float("inf"):
                continue
            column = round((x - left) / (right - left) * (width - 1)) if right > left else 0
            row = round((high - y) / (high - low) * (height - 1)) if high > low else 0
            grid[row][column] = "o" if name == "eval" else grid[row][column] if grid[row][column] == "o" else "·"
    for number, row_of in enumerate(grid):
        label = f"{high:8.3f}" if number == 0 else f"{low:8.3f}" if number == height - 1 else " " * 8
        yield f"{label} |{''.join(row_of).rstrip()}"
    yield f"{'':8} +{'-' * width}"
    yield f"{'':9} {left:<{width // 2}g}{right:>{width - width // 2}g}  step"
    yield f"{'':9} " + ", ".join(f"{'o' if name == 'eval' else '·'} {name}" for name in curves)


def draw_png(path: Path, curves: Mapping[str, Curve], title: str) -> bool:
    """Write the chart as a PNG. Returns False where matplotlib is not installed."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for name, curve in curves.items():
        style: dict[str, Any] = (
            {"color": "#d95f02", "marker": "o", "markersize": 4} if name == "eval" else {"color": "#1b6ca8", "linewidth": 1.2}
        )
        axes.plot([x for x, _ in curve], [y for _, y in curve], label=name, **style)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend()
    # No date and no version in the file: the same run gives the same picture.
    figure.savefig(path, metadata={"Software": None})
    return True
