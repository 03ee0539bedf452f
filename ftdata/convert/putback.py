"""Convert back: rows of a format become what they were, with the sidecar of the conversion that made them."""

from __future__ import annotations

from typing import Any

from ftdata.convert.canonical import openai_row
from ftdata.convert.kept import Sidecar
from ftdata.convert.loss import restore
from ftdata.convert.piece import Dropped, Plan, Result, dumped, read_values
from ftdata.convert.render import OPENAI_SHAPED, render
from ftdata.formats.detect import detect_row
from ftdata.formats.identity import sample_id
from ftdata.formats.parse import parse
from ftdata.formats.registry import FORMATS
from ftdata.read import Piece, decode


class Restorer:
    """Converts pieces in their order, each row with its entry of the sidecar. ``source`` of the plan is its format.

    ``edited`` counts rows that the sidecar does not know; they are converted as any other row. ``restored`` counts the rest.
    """

    def __init__(self, plan: Plan, kept: Sidecar) -> None:
        self.plan, self.kept = plan, kept
        self.edited = self.restored = 0

    def __call__(self, piece: Piece) -> Result:
        """Convert the rows of the next piece."""
        chunk = decode(piece)
        made = Result(size=chunk.size, rows=len(chunk.values))
        made.fail(chunk)
        out: list[bytes] = []
        for index, value in enumerate(read_values(chunk, piece.container, self.plan.source)):
            row, lost = self._row(value, made)
            if row is None:
                made.reasons[lost[0].reason] += 1
                made.dropped.append(Dropped(index, chunk.lines[index], lost[0].reason, lost[0].where, dumped(value)))
                continue
            if lost:
                made.tally.add(lost, chunk.path, chunk.lines[index], index + 1)
            made.columns |= dict.fromkeys(row)
            out.append(dumped(row))
        made.written = len(out)
        made.lines = b"\n".join([*out, b""])
        return made

    def _row(self, value: dict[str, Any], made: Result) -> tuple[dict[str, Any] | None, list[Any]]:
        plan = self.plan
        name = plan.source or detect_row(value)
        sample = parse(value, name)
        made.formats[sample.format] += 1
        entry = self.kept.find(sample_id(sample))
        if entry is None:
            self.edited += 1
            return render(sample, plan.format, plan.details)
        self.restored += 1
        was = entry.get("row")
        if (
            isinstance(was, dict)
            and (known := FORMATS.get(entry.get("format", "")))
            and known.family == FORMATS[plan.format].family
        ):
            return was, []
        row = restore(openai_row(sample), entry)
        name = detect_row(row)
        alike = FORMATS[name].family == FORMATS[plan.format].family
        if alike and name in OPENAI_SHAPED and plan.format in OPENAI_SHAPED:
            return row, []
        return render(parse(row, name), plan.format, plan.details, row=row if name in OPENAI_SHAPED else None)
