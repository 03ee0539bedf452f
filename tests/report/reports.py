"""Reports made by hand for tests of reporters, and every reporter of a platform by name."""

from __future__ import annotations

from collections.abc import Sequence

from ftdata.report import github, gitlab, junit, markdown, rdjson, sarif
from ftdata.types import Finding, InputReport, Location, Report, Verdict

REPORTERS = {
    "github": github.render,
    "sarif": sarif.render,
    "gitlab": gitlab.render,
    "junit": junit.render,
    "rdjson": rdjson.render,
    "markdown": markdown.render,
}


class Many(Sequence):
    """Findings that are made when asked for, as the table of a run makes them."""

    def __init__(self, count, make):
        self._count, self._make = count, make

    def __len__(self):
        return self._count

    def __getitem__(self, index):
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._make(index)


def finding(number=1, path="train.jsonl", code="FT101", severity="error", **values):
    """Return a finding of rule ``code`` in line ``number``; its sample is known by path and number."""
    place = {"row": number, "line": number, "column": 3, "pointer": "/messages", **values.pop("place", {})}
    fields = {"message": "no answer", "sample": f"{number:016x}", **values}
    return Finding(code, name_of(code), severity, location=Location(path, **place), **fields)


def name_of(code):
    """The name of a rule of these reports."""
    return f"rule-{code.lower()}"


def verdict(code="FT101", severity="error", count=1, status="found", **values):
    """Return a verdict on rule ``code``."""
    return Verdict(code, name_of(code), status, severity, count, 1000, **{"help": "mend it", **values})


def report(findings=(), verdicts=None, inputs=("train.jsonl",), **values):
    """Return a report; verdicts follow from the findings where they are not given."""
    if verdicts is None:
        seen = {}
        for each in findings:
            known = seen.setdefault((each.code, each.targets), verdict(each.code, each.severity, 0, targets=each.targets))
            known.count += 1
        verdicts = list(seen.values())
    files = [item if isinstance(item, InputReport) else InputReport(item, "openai-chat", "jsonl", 9, 9) for item in inputs]
    return Report("0.0.0", files, list(verdicts), findings, {"samples": 9 * len(files)}, **values)


def text_of(name, judged, **options):
    """Render with a reporter and return the text as it is written to a file."""
    return "".join(line + "\n" for line in REPORTERS[name](judged, **options))


EMPTY = report(inputs=(), verdicts=())
CLEAN = report(verdicts=[verdict(count=0, status="clean")])
