"""The search and its result as one object, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ftdata.dedupe.collect import VIEWS, Collection, collect, make_views
from ftdata.dedupe.decide import Found, Linkage, Outcome, Settings, decide, search
from ftdata.dedupe.keep import Count, Rank, make_rank
from ftdata.dedupe.normalise import check_steps
from ftdata.dedupe.search import Measure, Metric
from ftdata.errors import UsageError


@dataclass(frozen=True)
class NearDuplicates:
    """A finished search: ``collection`` holds the samples, ``outcome`` what to do with them at the search's threshold."""

    found: Found
    rank: Rank

    @property
    def collection(self) -> Collection:
        """The samples; indexes in an outcome count from 0 in them, and ``collection.place(index)`` names their places."""
        return self.found.collection

    @cached_property
    def outcome(self) -> Outcome:
        """What goes, what stays apart, conflicts and answer templates."""
        return decide(self.found, self.rank)

    def at(self, threshold: float) -> Outcome:
        """Decide at a higher threshold, without searching again. Raises UsageError for a lower one."""
        settings = self.found.settings
        if threshold < settings.threshold or (self.found.pairs is None and threshold != settings.threshold):
            raise UsageError(
                f"the search was done at {settings.threshold:g}, not for {threshold:g}", "Search again at the lower threshold."
            )
        return decide(self.found, self.rank, replace(settings, threshold=threshold))


def find(
    paths: Sequence[str], *, threshold: float | None, metric: Metric, view: str, steps: Sequence[str], keep: str, linkage: Linkage,
    format: str | None, count: Count | None,
) -> NearDuplicates:  # fmt: skip
    """Read files and search them; the arguments are those of ``ftdata dedupe``."""
    limit = threshold if threshold is not None else 90.0 if metric == "ratio" else 0.7
    Measure(limit, metric)
    fields = () if view in VIEWS else tuple(part.strip() for part in view.split(",") if part.strip())
    settings = Settings(limit, metric, view, check_steps(steps), linkage)
    collection = collect(paths, fields=fields, format=format)
    views = make_views(collection, "answer" if fields else view, settings.steps)
    return NearDuplicates(search(collection, views, settings), make_rank(keep, collection, count))
