"""A faster search that may miss pairs, and says how many: only where a person asks for it.

Candidates are pairs that share three fifths of their shingles of three words (an exact join, but on another measure); each is then scored
with rapidfuzz, so what is found is true. What is missed is estimated honestly: some texts, chosen by hash, are compared with all
others by the exact search, and their true pairs are looked for among those found.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from rapidfuzz import fuzz, process

from ftdata.dedupe.pairs import Ints, Pairs, Progress
from ftdata.dedupe.search import Kernel, find_pairs

SHARED, SIZE = 0.6, 3
PROBED = 300


@dataclass(frozen=True, slots=True)
class Recall:
    """Of ``true`` pairs of the ``probed`` texts, ``found`` were found: the share, and an interval of 95 % around it.

    The interval is Wilson's; pairs of one cluster are found or missed together, so it is on the narrow side.
    """

    probed: int
    true: int
    found: int

    @property
    def share(self) -> float | None:
        """The recall as measured; ``None`` where the probed texts have no pair."""
        return self.found / self.true if self.true else None

    @property
    def interval(self) -> tuple[float, float]:
        """From and to, by Wilson (1927)."""
        if not self.true:
            return 0.0, 1.0
        z, n, p = 1.96, self.true, self.found / self.true
        middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (middle - spread) / (1 + z * z / n)), min(1.0, (middle + spread) / (1 + z * z / n))


def find_approximately(
    texts: Sequence[str], threshold: float, *, kernel: Kernel = "auto", progress: Progress | None = None, limit: int | None = None
) -> tuple[Pairs, Recall]:
    """Find pairs with ``rapidfuzz.fuzz.ratio`` of at least the threshold, not all of them. Raises as find_pairs."""
    wide = find_pairs(texts, SHARED, "jaccard", size=SIZE, unit="word", kernel=kernel, progress=progress, limit=limit)
    scores = process.cpdist(
        [texts[row] for row in wide.left.tolist()], [texts[row] for row in wide.right.tolist()], scorer=fuzz.ratio, dtype=np.float64, workers=-1
    ) if len(wide) else np.zeros(0)  # fmt: skip
    keep = scores >= threshold
    pairs = replace(wide, left=wide.left[keep], right=wide.right[keep], score=scores[keep], verified=len(wide))
    return pairs, _recall(texts, threshold, pairs, kernel)


def _recall(texts: Sequence[str], threshold: float, pairs: Pairs, kernel: Kernel) -> Recall:
    first = pairs.first
    distinct = np.unique(first)
    rows = sorted(
        distinct.tolist(), key=lambda row: hashlib.blake2b(texts[row].encode("utf-8", "surrogatepass"), digest_size=8).digest()
    )[:PROBED]
    truth = find_pairs([texts[row] for row in rows], threshold, against=texts, kernel=kernel)
    # Row numbers on the right are those of the first row with the text: a pair of a text with itself is none.
    left = np.asarray([rows[at] for at in truth.left.tolist()], np.int64)
    right = first[truth.right]
    apart = left != right
    asked = _keys(left[apart], right[apart], len(texts))
    return Recall(len(rows), len(asked), int(np.isin(asked, _keys(first[pairs.left], first[pairs.right], len(texts))).sum()))


def _keys(left: Ints, right: Ints, size: int) -> Ints:
    return np.unique(np.minimum(left, right) * np.int64(size) + np.maximum(left, right))
