"""The rules of packs that are a limit on one number, each as an expectation of Great Expectations on that number itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ftdata.expectations.declare import Expectation
from ftdata.types import InputReport

Bound = Literal["at least", "at most", "below"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """``column`` of ``batch`` is to be ``bound`` the rule's parameter ``param``, in the rows where ``where`` holds.

    ``where`` is an expression of pandas; names in braces are parameters of the rule. A parameter of 0 or None that is ``optional``
    means that nothing is demanded.
    """

    batch: str
    column: str
    bound: Bound
    param: str
    where: str | None = None
    optional: bool = False


_TRAINED = "distinct_training_samples"
# The columns n_images and n_functions are no measures: what lacks its column is judged by the count of its findings alone.
THRESHOLDS: dict[str, Threshold] = {
    "too-long": Threshold("samples", "n_tokens", "at most", "max"),
    "longer-than-default": Threshold("samples", "n_tokens", "at most", "max"),
    "answer-cut": Threshold("samples", "n_tokens_before_answer", "below", "max", "n_trained_tokens > 0"),
    "media-limits": Threshold("samples", "n_images", "at most", "per_sample"),
    "legacy-functions-limit": Threshold("samples", "n_functions", "at most", "max"),
    "too-few-samples": Threshold("dataset", _TRAINED, "at least", "minimum"),
    "few-samples": Threshold("dataset", _TRAINED, "at least", "recommended", f"{_TRAINED} >= {{minimum}}"),
    "sample-count": Threshold("dataset", _TRAINED, "below", "recommended", optional=True),
    "too-few-for-target": Threshold("dataset", "smallest_training_file_samples", "at least", "minimum"),
    "too-many-for-target": Threshold("dataset", "largest_file_samples", "at most", "maximum"),
    "file-too-large": Threshold("dataset", "largest_file_bytes", "at most", "max_bytes"),
}


def limit_facts(inputs: Sequence[InputReport], distinct: int) -> dict[str, Any]:
    """The facts that thresholds look at. ``distinct`` is how many different training samples there are; ``None`` is not known."""
    trained = [item.samples for item in inputs if item.role == "train" and not item.error]
    return {
        _TRAINED: distinct,
        "smallest_training_file_samples": min(trained, default=None),
        "largest_file_samples": max((item.samples for item in inputs), default=None),
        "largest_file_bytes": max((item.bytes for item in inputs), default=None),
    }


def compile_threshold(
    rule: str, severity: Any, params: Mapping[str, Any], kinds: Sequence[str], because: str | None
) -> Iterator[Expectation]:
    """Yield the rule as an expectation on the number that it limits; nothing for a rule that is no threshold, or demands nothing.

    ``kinds`` are the kinds of samples that the rule judges.
    """
    threshold = THRESHOLDS.get(rule)
    if threshold is None or (threshold.optional and not params.get(threshold.param)):
        return
    limit = params[threshold.param]
    arguments: dict[str, Any] = {"column": threshold.column}
    if threshold.bound == "at least":
        arguments["min_value"] = limit
    else:
        arguments["max_value"] = limit
    if threshold.bound == "below":
        arguments["strict_max"] = True
    conditions = [threshold.where.format(**params)] if threshold.where else []
    if threshold.batch == "samples":
        conditions.append(f"kind in {sorted(kinds)!r}")
    if conditions:
        arguments |= {"row_condition": " and ".join(conditions), "condition_parser": "pandas"}
    # An aggregate of no row is no number: what holds in some rows only is a map, and facts that are not known never get here.
    kind = "expect_column_values_to_be_between" if conditions else "expect_column_max_to_be_between"
    yield Expectation(kind, threshold.batch, severity, arguments, because, f"rule {rule}")
