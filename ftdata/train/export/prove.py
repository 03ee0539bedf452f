"""Prove that an exported model says what base and adapter say: their logits on sequences of the run's own evaluation data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftdata.errors import ReadError
from ftdata.train.export.source import ExportError, Source, weights_size
from ftdata.train.local.inference import Loaded, load, logits_of, pick_device
from ftdata.train.tokens import TokenSet, load_tokens

# The largest difference that rounding the merged weights may make, times the spread of the logits (their standard deviation).
# A weight is rounded by up to 2^-9 of itself in bfloat16, 2^-12 in float16. Measured on 2026-11-23 with random models of seven
# families and of 2 to 32 layers: up to 0.05 and 0.006 of the spread. What an adapter does that is left out: 1.7 to 5.
TOLERANCE = {"float32": 0.001, "float16": 0.05, "bfloat16": 0.3}
# How much of what the adapter changes may be lost to rounding, root mean squares: small changes vanish in bfloat16.
LOST = 0.5
SEQUENCES, POSITIONS, LONGEST = 16, 512, 1024


@dataclass(frozen=True, slots=True)
class Question:
    """A sequence and the positions whose next token is trained."""

    ids: list[int]
    positions: list[int]


@dataclass(frozen=True, slots=True)
class Proof:
    """How far two models are apart on ``positions`` positions of ``sequences`` sequences.

    ``difference`` is the largest one of any logit, ``agreement`` the share of positions with the same likeliest token,
    ``tolerance`` what is allowed, ``effect`` what the adapter changes (``None`` without an adapter) and ``lost`` which part of
    that, as a root mean square, is not in the result.
    """

    what: str
    sequences: int
    positions: int
    difference: float
    agreement: float
    tolerance: float
    effect: float | None
    data: str
    lost: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether it is the same model. A difference that is no number does not pass."""
        return self.difference <= self.tolerance and self.lost <= LOST

    def lines(self) -> list[str]:
        """The proof in words."""
        found = [
            f"{self.what}: logits on {self.positions:,} positions of {self.sequences} sequences ({self.data}) differ by at most "
            f"{self.difference:.2g} (allowed {self.tolerance:.2g}), the likeliest token is the same on {self.agreement:.1%}"
        ]
        if self.effect is not None:
            found.append(
                f"  for comparison: the adapter itself changes them by up to {self.effect:.3g}; {1 - self.lost:.1%} of that is kept"
            )
            if self.effect == 0.0:
                found.append("  this adapter changes nothing: look at the run's losses")
        return found

    def require(self) -> None:
        """Raise ExportError where it did not pass."""
        if self.difference <= self.tolerance and self.lost > LOST:
            raise ExportError(
                f"{self.what}: {self.lost:.0%} of what the adapter changes is lost when the weights are rounded",
                "The adapter does very little. Use base and adapter side by side: --gguf or --ollama without --merged.",
            )
        if not self.passed:
            raise ExportError(
                f"{self.what}: its logits differ from those of base and adapter by {self.difference:.3g}, allowed is {self.tolerance:.3g}"
                f" (the likeliest token is the same on {self.agreement:.1%})",
                "Nothing was kept. This should not happen: please report it with the versions in the run's card.",
            )


@dataclass(slots=True)
class Reference:
    """The logits of base and adapter (or of the model that was trained whole) that all results are compared with."""

    questions: list[Question]
    logits: list[Any]
    base_logits: list[Any] | None
    effect: float | None
    spread: float
    data: str
    device: str
    dtype: str


def questions_of(source: Source) -> tuple[list[Question], str]:
    """Some sequences of the evaluation data, of the training data where nothing was held back, and which it is. Raises ReadError."""
    for name, words in (("eval", "evaluation data"), ("train", "training data: nothing was held back")):
        if name not in (source.run.state.get("tokens") or {}):
            continue
        tokens = load_tokens(source.run / "data" / f"{name}.npz")
        found = _pick(tokens)
        if found:
            return found, words
    raise ReadError(f"{source.run.path / 'data'}: there are no tokens to prove the result with", "Restore the folder of the run.")


def _pick(tokens: TokenSet) -> list[Question]:
    found: list[Question] = []
    left = POSITIONS
    step = max(1, len(tokens) // SEQUENCES)
    for number in range(0, len(tokens), step):
        ids, trained = tokens[number]
        positions = [at - 1 for at in trained.nonzero()[0].tolist() if 0 < at < LONGEST][: max(1, min(left, POSITIONS // 4))]
        if positions and left > 0 and len(found) < SEQUENCES:
            found.append(Question(ids[:LONGEST].tolist(), positions))
            left -= len(positions)
    return found


def make_reference(source: Source, device: str | None = None) -> Reference:
    """The logits of base and adapter, computed in float32 where that fits into memory, else in the checkpoint's type."""
    import torch

    questions, data = questions_of(source)
    device = pick_device(device)
    dtype = "float32" if _fits(source.model, device) else None
    loaded = load(source.model, source.output if source.adapted else None, device=device, dtype=dtype)
    logits = [logits_of(loaded, question.ids, question.positions) for question in questions]
    base_logits, effect = None, None
    if source.adapted:
        with loaded.base() as base:
            base_logits = [logits_of(base, question.ids, question.positions) for question in questions]
        effect = max(float((a - b).abs().max()) for a, b in zip(logits, base_logits, strict=True))
    spread = float(torch.cat([part.std(dim=-1) for part in logits]).mean())
    return Reference(questions, logits, base_logits, effect, max(spread, 1e-6), data, device, loaded.dtype)


def compare(
    loaded: Loaded, reference: Reference, what: str, stored: str, *, against: Sequence[Any] | None = None
) -> Proof:  # fmt: skip
    """Compare a model with the reference. ``stored`` is the number type of its weights; ``against`` other logits than the tuned ones."""
    import torch

    wanted = list(against) if against is not None else reference.logits
    difference, same, total, squares = 0.0, 0, 0, 0.0
    for question, before in zip(reference.questions, wanted, strict=True):
        after = logits_of(loaded, question.ids, question.positions)
        width = min(after.shape[-1], before.shape[-1])
        apart = float((after[:, :width] - before[:, :width]).abs().max())
        squares += float(((after[:, :width] - before[:, :width]) ** 2).sum())
        # max() of a list with a NaN may pass over it.
        difference = apart if not apart <= difference else difference
        same += int((after[:, :width].argmax(-1) == before[:, :width].argmax(-1)).sum())
        total += len(question.positions)
        if not torch.isfinite(after).all():
            difference = float("nan")
            break
    tolerance = max(TOLERANCE[stored], TOLERANCE[reference.dtype]) * reference.spread
    lost = 0.0
    if against is None and reference.base_logits is not None and squares > 0:
        whole = sum(float(((a - b) ** 2).sum()) for a, b in zip(reference.logits, reference.base_logits, strict=True))
        lost = (squares / whole) ** 0.5 if whole > 0 else 0.0
    return Proof(
        what, len(reference.questions), total, difference, same / max(1, total), tolerance,
        reference.effect if against is None else None, reference.data, lost,
    )  # fmt: skip


def _fits(folder: Path, device: str) -> bool:
    """Whether the weights fit into memory in float32, with a third more for the rest."""
    need = 1.3 * 4 * _count(folder)
    if device == "cuda":
        import torch

        return bool(need < torch.cuda.mem_get_info()[0])
    try:
        return need < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError):
        return need < 4e9


def _count(folder: Path) -> int:
    """About how many weights a folder holds, by the size of its files and the number type that its configuration names."""
    from ftdata.train.export.source import read_json

    config = read_json(folder / "config.json")
    name = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    return weights_size(folder) // (4 if name == "float32" else 2)
