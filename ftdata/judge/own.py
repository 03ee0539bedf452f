"""Rules about the exceptions themselves: what is accepted must still be there, have a reason, and not be out of date."""

from __future__ import annotations

from ftdata.judge.select import Selected
from ftdata.rule import ANY_KIND, Category, Rule


def _own(code: str, name: str, category: Category, summary: str, help: str) -> Rule:
    return Rule(
        code=code, name=name, category=category, scope="file", message="{words}", doc=summary, check=lambda: None, help=help,
        kinds=ANY_KIND, suppressible=False,
    )  # fmt: skip


STALE_BASELINE = _own(
    "FT901", "stale-baseline", "correctness", "The baseline holds findings that are gone.",
    "run `ftdata baseline prune` and commit the file: what is mended must not come back unseen",
)  # fmt: skip
EXPIRED_SUPPRESSION = _own(
    "FT902", "expired-suppression", "correctness", "A suppression of the configuration has ended; its findings count again.",
    "mend the findings, or give the suppression a new date and a reason for it",
)  # fmt: skip
UNUSED_SUPPRESSION = _own(
    "FT903", "unused-suppression", "suspicious", "A suppression of the configuration hides nothing.", "delete it",
)  # fmt: skip


def selected(rule: Rule) -> Selected:
    """The rule as it runs."""
    return Selected(rule, rule.severity, {}, suppressible=False)
