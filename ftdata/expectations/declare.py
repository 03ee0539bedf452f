"""What a pack says under ``expectations:``, checked before anything is loaded.

    expectations:
      - {expect: expect_column_mean_to_be_between, batch: samples, column: n_tokens, max_value: 2000, severity: warning, because: "..."}

``batch`` is ``samples`` (one row a sample, one column a measure) or ``dataset`` (one row, one column a fact).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ftdata.errors import ConfigError, suggest
from ftdata.types import SEVERITIES, Severity

BATCHES = ("samples", "dataset")
_OWN = ("expect", "batch", "severity", "because")
_COLUMNS = ("column", "column_A", "column_B", "column_list", "column_set")


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation by Great Expectations' own name and arguments; ``where`` names the pack it stands in."""

    type: str
    batch: str
    severity: Severity
    arguments: Mapping[str, Any] = field(default_factory=dict)
    because: str | None = None
    where: str = ""

    @property
    def columns(self) -> list[str]:
        """The columns that it names."""
        found: list[str] = []
        for name in _COLUMNS:
            value = self.arguments.get(name)
            found += (
                [value]
                if isinstance(value, str)
                else [part for part in value if isinstance(part, str)]
                if isinstance(value, list)
                else []
            )
        return found

    @property
    def name(self) -> str:
        """How it is called in a verdict: what is expected, and of which columns."""
        return self.type.removeprefix("expect_") + ("" if not self.columns else f"({', '.join(self.columns)})")


def check_expectations(entries: Any, where: str) -> None:
    """Refuse what is no list of expectations. Raises ConfigError with a suggestion."""
    for _ in read_expectations(entries, where):
        pass


def read_expectations(entries: Any, where: str) -> Iterable[Expectation]:
    """Read the entries of one pack. Raises ConfigError."""
    if not isinstance(entries, list):
        raise ConfigError(
            f"{where}: expectations must be a list",
            "As - {expect: expect_column_max_to_be_between, batch: samples, column: n_tokens, max_value: 4096}.",
        )
    found = []
    for number, entry in enumerate(entries, 1):
        place = f"{where}: expectations[{number}]"
        if not isinstance(entry, Mapping):
            raise ConfigError(f"{place} must be a mapping with 'expect'")
        kind = entry.get("expect")
        if not isinstance(kind, str) or not re.fullmatch(r"expect_[a-z0-9_A-Z]+", kind):
            raise ConfigError(
                f"{place}: expect = {kind!r} is no name of an expectation",
                "As expect_column_max_to_be_between; see greatexpectations.io/expectations.",
            )
        batch, severity = entry.get("batch", "samples"), entry.get("severity", "error")
        if batch not in BATCHES:
            raise ConfigError(
                f"{place}: unknown batch '{batch}'.{suggest(str(batch), BATCHES)}", f"Batches: {', '.join(BATCHES)}."
            )
        if severity not in SEVERITIES:
            raise ConfigError(f"{place}: unknown severity '{severity}'.{suggest(str(severity), SEVERITIES)}")
        arguments = {str(name): value for name, value in entry.items() if name not in _OWN}
        because = entry.get("because")
        found.append(Expectation(kind, batch, severity, arguments, str(because) if because is not None else None, place))
    return found
