"""Bad data never trains: the data is judged now, by the rules of what it is trained on, and errors stop the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ftdata.errors import ReadError, UsageError, suggest
from ftdata.judge.run import Options, Progress, judge
from ftdata.judge.select import Choice
from ftdata.rule import RULES
from ftdata.types import Report, Verdict

# Never waved through: what a model has learned by heart it says to anybody.
NEVER = ("secret",)


@dataclass(slots=True)
class Gate:
    """What the checks said. ``blocking`` are the verdicts that stop the run, ``allowed`` those that were waved through by name."""

    report: Report
    blocking: list[Verdict]
    allowed: list[Verdict]

    @property
    def passed(self) -> bool:
        """Whether the data may train."""
        return not self.blocking

    def card(self) -> dict[str, object]:
        """What goes into the run's card: counts, rules waved through, and the hash of each file as it was judged."""
        return {
            "passed": self.passed,
            "findings": dict(self.report.counts),
            "allowed": {verdict.name: verdict.count for verdict in self.allowed},
            "skipped": [verdict.name for verdict in self.report.verdicts if verdict.status == "skipped"],
            "targets": list(self.report.targets),
            "files": [
                {"path": item.path, "role": item.role, "sha256": item.sha256, "samples": item.samples}
                for item in self.report.inputs
            ],
        }


def check(
    paths: Sequence[str], evals: Sequence[str], choice: Choice, *, targets: Sequence[str], allow: Sequence[str] = (),
    format: str | None = None, progress: Progress | None = None,
) -> Gate:  # fmt: skip
    """Judge the data for these targets. Raises UsageError for rules that do not exist or cannot be allowed, ReadError for a file that
    cannot be judged at all."""
    names = _names(allow)
    report = judge(
        [*paths, *evals],
        replace(choice, targets=tuple(targets)),
        Options(format=format, eval_paths=tuple(evals), progress=progress),
    )
    broken = next((item for item in report.inputs if item.error), None)
    if broken is not None:
        raise ReadError(f"{broken.path}: {broken.error}", broken.help or "`ftdata lint` says more.")
    found = [verdict for verdict in report.verdicts if verdict.status == "found" and verdict.severity == "error"]
    return Gate(report, [v for v in found if v.name not in names], [v for v in found if v.name in names])


def _names(allow: Sequence[str]) -> set[str]:
    import ftdata.checks  # noqa: F401  (fills RULES)

    codes = {rule.code: rule.name for rule in RULES.values()}
    names = set()
    for given in allow:
        name = codes.get(given.upper(), given)
        if name not in RULES:
            raise UsageError(f"--allow {given}: there is no such rule.{suggest(given, RULES)}", "`ftdata rule --all` lists them.")
        if name in NEVER:
            raise UsageError(
                f"--allow {given}: this cannot be allowed", "Mask it first: `ftdata fix --unsafe-fixes --select secret`."
            )
        names.add(name)
    return names
