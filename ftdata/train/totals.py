"""What a set of training sequences comes to: tokens, trained tokens, tokens by role, how they were found, what was refused."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftdata.train.mask import Refusal, TrainingSequence
    from ftdata.train.routes import Text


@dataclass(slots=True)
class Totals:
    """Counts over outcomes. ``roles`` are tokens by role, ``refused`` refusals by reason; ``trained`` as ``n_trained`` counts them."""

    samples: int = 0
    sequences: int = 0
    tokens: int = 0
    trained: int = 0
    longest: int = 0
    dropped_turns: int = 0
    roles: Counter[str] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Iterable[TrainingSequence] | Refusal) -> None:
        """Count what became of one sample."""
        reason = getattr(outcome, "reason", None)
        if reason is not None:
            self.refused[reason] += 1
            return
        self.samples += 1
        for sequence in outcome:  # type: ignore[union-attr]
            self.sequences += 1
            self.tokens += len(sequence.ids)
            self.trained += sequence.n_trained
            self.longest = max(self.longest, len(sequence.ids))
            self.dropped_turns += sequence.dropped_turns
            self.roles.update(sequence.roles)
            self.routes[sequence.route] += 1
            self.notes.update(sequence.notes)


def tokens_by_role(text: Text, turns: Sequence[dict[str, Any]], starts: Sequence[int]) -> dict[str, int]:
    """Tokens by role. What the template prints around a turn counts with it, what it prints of its own before a turn too.

    A turn whose text is not in the rendering as it stands counts with the turn that follows.
    """
    trained = dict(zip(text.turns, text.spans, strict=True))
    limits: list[int] = []
    limit = len(text.text)
    for at in range(len(turns) - 1, -1, -1):
        limits.append(limit)
        limit = trained[at][0] if at in trained else limit
    counts: dict[str, int] = {}
    low = place = 0
    role = "template"
    for at, limit in enumerate(reversed(limits)):
        said = turns[at].get("role")
        if at in trained:
            end = trained[at][1]
        else:
            content = turns[at].get("content")
            wanted = content.strip() if isinstance(content, str) else ""
            found = text.text.find(wanted, place, limit) if wanted else -1
            if found < 0:
                continue
            end = found + len(wanted)
        role, place = said if isinstance(said, str) else "template", end
        high = bisect_left(starts, end)
        counts[role] = counts.get(role, 0) + high - low
        low = high
    if low < len(starts):
        counts[role] = counts.get(role, 0) + len(starts) - low
    return counts
