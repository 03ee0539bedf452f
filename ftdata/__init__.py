"""ftdata: the linter for fine-tuning data.

>>> import ftdata
>>> report = ftdata.lint("train.jsonl", target="openai")
>>> report.exit_code, len(report.findings)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftdata.api import find_near_duplicates, lint
    from ftdata.rule import At, Hit, Rule, at, hit, rule
    from ftdata.types import Finding, Location, Message, Report, Sample, Verdict

__version__ = "0.1.0"

_LAZY = {
    "lint": "ftdata.api",
    "find_near_duplicates": "ftdata.api",
    "At": "ftdata.rule",
    "Hit": "ftdata.rule",
    "Rule": "ftdata.rule",
    "at": "ftdata.rule",
    "hit": "ftdata.rule",
    "rule": "ftdata.rule",
    "Finding": "ftdata.types",
    "Location": "ftdata.types",
    "Message": "ftdata.types",
    "Report": "ftdata.types",
    "Sample": "ftdata.types",
    "Verdict": "ftdata.types",
}

__all__ = [
    "At",
    "Finding",
    "Hit",
    "Location",
    "Message",
    "Report",
    "Rule",
    "Sample",
    "Verdict",
    "__version__",
    "at",
    "find_near_duplicates",
    "hit",
    "lint",
    "rule",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'ftdata' has no attribute '{name}'")
