"""``ftdata show --template``: the exact text that training sees."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftdata.preview.cells import Line
    from ftdata.preview.pick import Picked
    from ftdata.preview.text import Layout
    from ftdata.preview.training import Trainer

Print = Callable[[Iterable[Any], bool], None]


def show(picked: Iterable[Picked], options: dict[str, Any], layout: Layout, write: Print) -> tuple[int, bool]:
    """Show samples as training sees them. Returns how many there were, and whether the template failed on any.

    Raises FtdataError for a template or folder that cannot be used, MissingExtra without jinja2 or tokenizers.
    """
    from ftdata.preview.training import open_trainer

    trainer = open_trainer(options["template"], options["tokenizer"])
    try:
        if options["output_format"] == "json":
            return _as_json(picked, options, trainer)
        return _as_text(picked, options, layout, write, trainer)
    finally:
        trainer.close()


def _as_text(
    picked: Iterable[Picked], options: dict[str, Any], layout: Layout, write: Print, trainer: Trainer
) -> tuple[int, bool]:
    from ftdata.preview.cells import wrap
    from ftdata.preview.training import Unseen, head_lines, legend, plain_lines, sequence_lines
    from ftdata.report.escape import escape

    shown, failed = 0, False
    dot = f" {layout.glyphs.dot} "
    for row in picked:
        seen = trainer(_sample(row, options))
        lines: list[Line] = [[]] if shown else []
        place = f"{row.item.path}:{row.line}" if row.line is not None else row.item.path
        lines.append([(layout.glyphs.rule * layout.width, "dim")])
        lines += wrap([(escape(place), "bold"), (f"{dot}row {row.row:,}{dot}sample {row.id[:8]}", "dim")], layout.width)
        if isinstance(seen, Unseen):
            failed |= seen.fault
            lead = "the template fails on this sample" if seen.fault else "not trained on"
            lines += wrap([(escape(f"{lead}: {seen.reason}"), "fault")], layout.width)
            lines += plain_lines(seen.text, layout) if seen.text is not None else []
        else:
            for number, sequence in enumerate(seen, 1):
                lines += head_lines(sequence, number, len(seen), layout)
                if not layout.colours:
                    trained, control = legend(sequence.text, layout)
                    words = f"{trained[0]}trained{trained[1]}{dot}{control[0]}control token{control[1]}{dot}{layout.glyphs.newline} line break{dot}the rest is only read"
                    lines += wrap([(words, "note")], layout.width)
                lines += sequence_lines(sequence, layout)
                if number < len(seen):
                    lines.append([])
        write(lines, layout.colours)
        shown += 1
    return shown, failed


def _as_json(picked: Iterable[Picked], options: dict[str, Any], trainer: Trainer) -> tuple[int, bool]:
    from ftdata.measure.private import mask
    from ftdata.preview.training import Unseen, styled

    samples: list[dict[str, Any]] = []
    failed = False
    for row in picked:
        seen = trainer(_sample(row, options))
        entry: dict[str, Any] = {
            "path": row.item.path,
            "row": row.row,
            "line": row.line,
            "sample": row.id,
            "refused": None,
            "sequences": [],
        }
        if isinstance(seen, Unseen):
            failed |= seen.fault
            entry["refused"] = {
                "reason": seen.reason,
                "template_failed": seen.fault,
                "text": None if seen.text is None else mask(seen.text),
            }
        else:
            for sequence in seen:
                parts = [
                    {"text": text, "trained": style.endswith("trained"), "control": style.startswith("control")}
                    for text, style in styled(sequence)
                ]
                entry["sequences"].append(
                    {"side": sequence.side or None, "tokens": sequence.tokens, "trained_tokens": sequence.n_trained, "route": sequence.route,
                     "notes": sequence.notes, "parts": parts}
                )  # fmt: skip
        samples.append(entry)
    text = json.dumps({"samples": samples}, ensure_ascii=False, indent=1)
    sys.stdout.write(text.encode("utf-8", "replace").decode() + "\n")
    sys.stdout.flush()
    return len(samples), failed


def _sample(row: Picked, options: dict[str, Any]) -> Any:
    from ftdata.formats import detect_row, parse

    return parse(row.value, options["format_"] or detect_row(row.value))
