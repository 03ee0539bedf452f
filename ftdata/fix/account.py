"""What a run of fixes did: counts for the summary, and the lines of the files beside the output."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from ftdata.fix.document import Document
from ftdata.fix.engine import FixedRow
from ftdata.fix.files import Change


@dataclass(slots=True)
class Summary:
    """Samples and tokens by what became of them; tokens are 0 where the plan counts none.

    ``kept`` samples are written as they were. ``applied`` counts the samples by rule and title, ``left`` those that a
    rule still finds fault with though it has a fix, ``dropped_by`` the dropped ones by rule, ``suppressed`` those left alone because
    the configuration says so. ``of_file`` names what was
    done to the file as a whole. ``tokens`` are those that were read, ``tokens_after`` those that are written.
    """

    samples: int = 0
    kept: int = 0
    changed: int = 0
    dropped: int = 0
    unreadable: int = 0
    blank: int = 0
    tokens: int = 0
    tokens_after: int = 0
    tokens_dropped: int = 0
    applied: Counter[tuple[str, str]] = field(default_factory=Counter)
    dropped_by: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    of_file: list[tuple[str, str]] = field(default_factory=list)

    def add(self, change: Change) -> None:
        """Count one change."""
        self.of_file += [fixed for fixed in change.fixed if fixed not in self.of_file]
        for row in change.rows:
            self._add_row(row)

    def _add_row(self, row: FixedRow) -> None:
        if row.row is None and row.dropped is None:
            self.blank += 1
            return
        before, after = row.tokens or (0, 0)
        self.tokens += before
        self.tokens_after += after
        self.left.update(row.left)
        self.suppressed.update(row.suppressed)
        if row.sample is None and row.dropped is None:
            self.unreadable += 1
            return
        self.samples += 1
        if row.dropped is not None:
            self.dropped += 1
            self.dropped_by[row.dropped[0]] += 1
            self.tokens_dropped += before
            return
        self.changed += bool(row.applied)
        self.kept += not row.applied
        self.applied.update(row.applied)


def dropped_line(row: FixedRow, line: int | None) -> bytes:
    """The line of OUT.dropped.jsonl for a row: its rule, the reason, its line, and the row; its text where it is no JSON."""
    assert row.dropped is not None
    head = {"rule": row.dropped[0], "reason": row.dropped[1], "line": line}
    text = row.was.decode("utf-8", "surrogateescape")
    try:
        held, key = Document(text).flat(), "row"
        json.loads(held)
        held.encode()
    except (ValueError, RecursionError):
        held, key = json.dumps(text.strip("\r\n")), "text"
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "{key}": {held}}}\n'.encode("utf-8", "replace")


def sidecar_line(row: FixedRow, line: int | None) -> bytes:
    """The line of the sidecar for a row that had something set aside: the hash of the sample as it now is, its line in
    the source, and the values by pointer into the source row."""
    head = json.dumps({"sample": row.sample, "line": line}, ensure_ascii=False)
    kept = ", ".join(f"{json.dumps(pointer, ensure_ascii=False)}: {text}" for pointer, text in row.sidecar.items())
    return f'{head[:-1]}, "kept": {{{kept}}}}}\n'.encode("utf-8", "replace")
