"""A comparison as one HTML page that needs nothing else: no scripts, no network, everything from the data escaped."""

from __future__ import annotations

import difflib
import html
import math
import re
from collections.abc import Iterator
from typing import Any

from ftdata import __version__
from ftdata.measure.private import mask
from ftdata.report.escape import escape
from ftdata.train.evaluate.checks import CHECKS, check
from ftdata.train.evaluate.compare import Comparison
from ftdata.train.evaluate.items import Item
from ftdata.train.evaluate.speakers import Said
from ftdata.train.evaluate.statistics import Difference
from ftdata.train.evaluate.table import verdict

# Words that are compared, and characters that are shown of one text: a page stays readable, and is made in time.
_WORDS, _CHARACTERS = 1_500, 20_000

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Noto Sans", "Noto Sans CJK KR", sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1c2126; background: #fff; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; } .quiet { color: #59636e; }
.verdict { font-weight: 600; margin: .75rem 0; }
.note { background: #fff8e1; border-left: 4px solid #d4a72c; padding: .35rem .75rem; margin: .35rem 0; }
table { border-collapse: collapse; margin: .5rem 0; } th, td { padding: .25rem .75rem; border-bottom: 1px solid #d8dee4; text-align: right; white-space: nowrap; }
th:first-child, td:first-child, td.text { text-align: left; white-space: normal; } th { color: #59636e; font-weight: 600; }
.good { color: #116329; } .bad { color: #a40e26; } .chance { color: #59636e; }
article { border: 1px solid #d8dee4; border-radius: 6px; margin: 1rem 0; padding: .75rem 1rem; break-inside: avoid; }
article h3 { font-size: .9rem; margin: 0 0 .5rem; color: #59636e; font-weight: 600; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
.turn { margin: .25rem 0; } .role { display: inline-block; min-width: 5.5em; color: #59636e; font-size: .85em; }
.three { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 1rem; margin-top: .5rem; }
.three > div { border-top: 3px solid #d8dee4; padding-top: .35rem; } .three > .tuned { border-color: #0969da; }
.three h4 { margin: 0 0 .25rem; font-size: .9rem; }
ins { background: #ffebe9; text-decoration: none; margin: 0 1px; border-bottom: 2px solid #cf222e; } del { background: #eef1f4; color: #59636e; }
.checks { font-size: .85em; margin-top: .35rem; color: #59636e; }
@page { size: A4 landscape; margin: 1cm; }
@media (max-width: 48rem) { .three { grid-template-columns: 1fr; } }
"""


def page(made: Comparison, name: str) -> str:
    """The whole page."""
    title = f"{_text(name)}: tuned beside base"
    return "\n".join(
        [
            "<!doctype html>", '<html lang="en"><head><meta charset="utf-8">', '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{title}</title><style>{STYLE}</style></head><body>", *_head(made, title), *_losses(made), *_checks(made), *_answers(made),
            f'<p class="quiet">ftdata {__version__}</p>', "</body></html>", "",
        ]
    )  # fmt: skip


def _text(text: str) -> str:
    """A text as HTML: secrets masked, control characters and bidirectional marks named, markup escaped."""
    cut = text[:_CHARACTERS]
    lines = [escape("x" + line)[1:] for line in mask(cut).replace("\r\n", "\n").split("\n")]
    return html.escape("\n".join(lines)) + (" …" if len(cut) < len(text) else "")


def _head(made: Comparison, title: str) -> Iterator[str]:
    yield f"<h1>{title}</h1>"
    yield f'<p class="quiet">base {_text(made.base)}<br>tuned {_text(made.tuned)}</p>'
    yield f"<p>{len(made.items.items):,} samples: {_text(made.items.origin)}</p>"
    yield f'<p class="verdict">{_text(verdict(made))}</p>'
    for note in made.notes:
        yield f'<p class="note">{_text(note)}</p>'


def _losses(made: Comparison) -> Iterator[str]:
    if not made.slices:
        return
    yield "<h2>Loss on the answers (nats a token; lower is better)</h2>"
    yield "<table><tr><th>slice</th><th>samples</th><th>base</th><th>tuned</th><th>difference</th><th>95 % interval</th><th>perplexity</th></tr>"
    for name, entry in made.slices.items():
        both = " → ".join(f"{math.exp(min(loss, 30)):.2f}" for loss in (entry.base, entry.tuned))
        yield _row(name, entry, "{:.4f}", lower=True, last=f"<td>{both}</td>")
    yield "</table>"


def _checks(made: Comparison) -> Iterator[str]:
    if not made.checks:
        return
    yield f"<h2>Checks of the first {len(made.heard[0].answers)} answers (higher is better)</h2>"
    yield "<table><tr><th>check</th><th>samples</th><th>base</th><th>tuned</th><th>difference</th><th>95 % interval</th><th></th></tr>"
    for name, entry in made.checks.items():
        yield _row(name, entry, "{:.0%}", lower=False, last=f'<td class="text quiet">{_text(CHECKS[name])}</td>')
    yield "</table>"
    if made.lengths is not None:
        yield f"<p>In the middle an answer is as long as {made.lengths[0]:.2f} references (base), {made.lengths[1]:.2f} (tuned).</p>"


def _row(name: str, entry: Difference, form: str, *, lower: bool, last: str) -> str:
    def signed(value: float) -> str:
        shown = form.format(value)
        return shown.replace("-", "\u2212") if shown.startswith("-") else "+" + shown

    kind = "chance" if not entry.sure else "good" if (entry.value < 0) == lower else "bad"
    interval = "too few samples" if entry.interval is None else " … ".join(signed(value) for value in entry.interval)
    if entry.interval == (0.0, 0.0):
        interval = "all the same"
    elif entry.interval is not None and not entry.sure:
        interval += " (chance)"
    return (
        f"<tr><td>{_text(name)}</td><td>{entry.count:,}</td><td>{form.format(entry.base)}</td><td>{form.format(entry.tuned)}</td>"
        f'<td class="{kind}">{signed(entry.value)}</td><td class="{kind}">{interval}</td>{last}</tr>'
    )


def _answers(made: Comparison) -> Iterator[str]:
    base, tuned = (side.answers for side in made.heard)
    if not base:
        return
    yield "<h2>Answers</h2>"
    yield '<p class="quiet">Compared with the reference: <ins>words that it does not have</ins>, <del>words of it that are missing</del>.</p>'
    items = made.items.items[: len(base)]
    references = [item.reference for item in items]
    held = [check([said.text for said in side], references, [said.stopped for said in side]) for side in (base, tuned)]
    for number, item in enumerate(items):
        yield from _article(
            item, base[number], tuned[number], [{name: values[number] for name, values in side.items()} for side in held]
        )


def _article(item: Item, base: Said, tuned: Said, held: list[dict[str, bool | None]]) -> Iterator[str]:
    yield f"<article><h3>{_text(item.place)}</h3>"
    for turn in item.turns:
        yield f'<div class="turn"><span class="role">{_text(str(turn.get("role", "")))}</span> <span class="text">{_text(_said(turn))}</span></div>'
    yield '<div class="three">'
    yield f'<div><h4>reference</h4><div class="text">{_text(item.reference)}</div></div>'
    for word, said, checks in (("base", base, held[0]), ("tuned", tuned, held[1])):
        marks = ", ".join(f'<span class="{"good" if value else "bad"}">{"✓" if value else "✗"} {_text(name)}</span>' for name, value in checks.items() if value is not None)  # fmt: skip
        yield f'<div class="{word}"><h4>{word}</h4><div class="text">{differences(item.reference, said.text)}</div><div class="checks">{marks}</div></div>'
    yield "</div></article>"


def _said(turn: dict[str, Any]) -> str:
    content = turn.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", part.get("type", ""))) if isinstance(part, dict) else str(part) for part in content)
    return "" if content is None else str(content)


def differences(reference: str, answer: str) -> str:
    """An answer as HTML, with the words that differ from the reference marked."""
    wanted, said = _words(reference), _words(answer)
    if len(wanted) > _WORDS or len(said) > _WORDS:
        return _text(answer)
    parts = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, wanted, said, autojunk=False).get_opcodes():
        old, new = "".join(wanted[a:b]), "".join(said[c:d])
        if kind == "equal":
            parts.append(_text(new))
            continue
        if old.strip():
            parts.append(f"<del>{_text(old)}</del>")
        if new.strip():
            parts.append(f"<ins>{_text(new)}</ins>")
        elif new:
            parts.append(_text(new))
    return "".join(parts) or '<span class="quiet">(nothing)</span>'


def _words(text: str) -> list[str]:
    return re.findall(r"\s+|\w+|[^\w\s]", mask(text[:_CHARACTERS]))
