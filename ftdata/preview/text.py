"""A view as lines for people: a gutter for every turn, wrapped by display width, escaped, preference pairs side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from ftdata.preview.cells import Line, expand, pad, width, wrap
from ftdata.preview.paint import LINES, Glyphs
from ftdata.preview.view import Block, TurnView, View, title_of
from ftdata.preview.words import differences, visible
from ftdata.report.escape import escape
from ftdata.types import Finding

ROLES = ("system", "developer", "user", "assistant", "tool")
SIDE_BY_SIDE = 100


@dataclass(frozen=True, slots=True)
class Layout:
    """How to lay out: cells of the whole width, lines of one text at most (0: all), whether styles are seen as colours."""

    width: int = 80
    most_lines: int = 200
    colours: bool = False
    glyphs: Glyphs = LINES


def lines_of(view: View, layout: Layout) -> Iterator[Line]:
    """Yield the lines of one sample, every character of the data escaped."""
    yield from _head(view, layout)
    for finding in view.findings:
        yield from _finding(finding, layout, "")
    if view.problem:
        yield from wrap([(escape(f"no conversation: {view.problem}"), "fault")], layout.width)
    if view.tools:
        yield []
        yield from _tools(view, layout)
    shared = [turn for turn in view.turns if turn.side == "messages"]
    better = [turn for turn in view.turns if turn.side == "chosen"]
    worse = [turn for turn in view.turns if turn.side == "rejected"]
    for turn in shared:
        yield []
        yield from turn_lines(turn, layout)
    if better or worse:
        yield from _pair(better, worse, layout)
    if view.more:
        yield []
        yield from _more(view, layout)


def _head(view: View, layout: Layout) -> Iterator[Line]:
    glyphs = layout.glyphs
    place = f"{view.path}:{view.line}" if view.line is not None else view.path
    parts = [
        f"row {view.row:,}",
        f"sample {view.id[:8]}",
        title_of(view.format),
        f"{len(view.turns):,} turn{'s' if len(view.turns) != 1 else ''}",
    ]
    if view.tokens is not None:
        parts.append(f"{view.tokens:,} tokens")
    head: Line = [(escape(place), "bold"), (f" {glyphs.dot} " + f" {glyphs.dot} ".join(parts), "dim")]
    yield [(glyphs.rule * layout.width, "dim")]
    yield from wrap(head, layout.width)


def _finding(finding: Finding, layout: Layout, gutter: str) -> Iterator[Line]:
    lead: Line = [(gutter, "dim")] if gutter else []
    said = f"{finding.severity} {finding.name} {finding.code}: {finding.message}"
    for line in wrap([(escape(said), finding.severity)], layout.width - width(gutter)):
        yield [*lead, *line]


def _tools(view: View, layout: Layout) -> Iterator[Line]:
    yield [(f"tools ({len(view.tools):,})", "bold")]
    for block in view.tools:
        yield from _wrapped([(escape(block.title), "call")], layout, [(layout.glyphs.gutter, "call")])
        if block.text:
            yield from _text(block.text, "dim", layout, [(layout.glyphs.gutter + "  ", "call")])


def _more(view: View, layout: Layout) -> Iterator[Line]:
    yield [("beside the conversation", "bold")]
    for key, text in view.more.items():
        lead: Line = [(layout.glyphs.gutter, "dim")]
        if "\n" not in text and width(key) + len(text) < layout.width * 2:
            yield from _wrapped([(f"{escape(key)}: ", "key"), (escape(text), "")], layout, lead)
        else:
            yield [*lead, (f"{escape(key)}:", "key")]
            yield from _text(text, "", layout, [(layout.glyphs.gutter + "  ", "dim")])


def role_style(role: str) -> str:
    """The style of a role."""
    return f"role.{role}" if role in ROLES else "role.other"


def turn_lines(turn: TurnView, layout: Layout, marked: Line | None = None) -> Iterator[Line]:
    """Yield the lines of one turn. ``marked`` are the spans to show in place of its first text."""
    style = role_style(turn.role)
    head: Line = [(escape(turn.role), f"{style}")]
    notes = [*([f"{turn.tokens:,} token{'s' if turn.tokens != 1 else ''}"] if turn.tokens is not None else []), *turn.notes]
    if notes:
        head.append((escape(f" {layout.glyphs.dot} " + f" {layout.glyphs.dot} ".join(notes)), "dim"))
    yield from wrap(head, layout.width)
    gutter: Line = [(layout.glyphs.gutter, style)]
    for number, block in enumerate(turn.blocks):
        if number and block.kind != "medium":
            yield [(layout.glyphs.gutter.rstrip(), style)]
        if marked is not None and block.kind == "text" and not block.title:
            yield from _spans(marked, layout, gutter)
            marked = None
        else:
            yield from _block(block, layout, gutter, style)
    for finding in turn.findings:
        yield from _finding(finding, layout, layout.glyphs.gutter)


def _block(block: Block, layout: Layout, gutter: Line, style: str) -> Iterator[Line]:
    title = escape(block.title)
    if block.kind == "note":
        yield [*gutter, (f"({escape(block.text)})", "note")]
    elif block.kind == "medium":
        yield from _wrapped([(f"[{title}] ", "bold"), (escape(block.text), "medium")], layout, gutter)
    elif block.kind == "reasoning":
        yield [*gutter, (title, "note")]
        yield from _text(block.text, "reasoning", layout, [(layout.glyphs.thin, style)])
    elif block.kind == "call":
        if block.text and "\n" not in block.text and width(title) + len(block.text) + 12 < layout.width:
            yield [*gutter, ("call ", "note"), (title, "call"), (f" {escape(block.text)}", "")]
            return
        yield from _wrapped([("call ", "note"), (title, "call")], layout, gutter)
        if block.text:
            yield from _text(block.text, "", layout, [*gutter, ("  ", "")])
    elif block.kind == "extra":
        yield from _wrapped(
            [(f"{title}: ", "key"), *([(escape(block.text), "")] if "\n" not in block.text else [])], layout, gutter
        )
        if "\n" in block.text:
            yield from _text(block.text, "", layout, [*gutter, ("  ", "")])
    else:
        if block.title:
            yield [*gutter, (f"({title})", "note")]
        yield from _text(block.text, "", layout, gutter)


def _text(text: str, style: str, layout: Layout, lead: Line) -> Iterator[Line]:
    yield from _spans([(text, style)], layout, lead)


def _spans(spans: Line, layout: Layout, lead: Line) -> Iterator[Line]:
    """Lines of a text in spans, wrapped beside the lead, no more than the layout allows."""
    room = max(layout.width - sum(width(part) for part, _ in lead), 8)
    most = layout.most_lines
    if most:
        spans, rest = _cut(spans, most * room * 2)
    else:
        rest = 0
    shown = 0
    for line in _split(visible(spans) if not layout.colours else spans):
        for part in wrap([(escape(expand(text)), style) for text, style in line], room):
            if most and shown >= most:
                rest += sum(len(text) for text, _ in part)
                continue
            shown += 1
            yield [*lead, *part]
    if rest:
        yield [*lead, (f"{layout.glyphs.more} {rest:,} more characters (--full shows all)", "note")]


def _cut(spans: Line, most: int) -> tuple[Line, int]:
    """The first characters of some spans, and how many there are after them."""
    out: Line = []
    left = most
    rest = 0
    for text, style in spans:
        if left > 0:
            out.append((text[:left], style))
        rest += max(len(text) - max(left, 0), 0)
        left -= len(text)
    return out, rest


def _split(spans: Line) -> Iterator[Line]:
    """The lines of a text in spans. A carriage return before a newline is part of it."""
    line: Line = []
    for text, style in spans:
        first, *others = text.replace("\r\n", "\n").split("\n")
        if first:
            line.append((first, style))
        for other in others:
            yield line
            line = [(other, style)] if other else []
    yield line


def _wrapped(line: Line, layout: Layout, lead: Line) -> Iterator[Line]:
    for part in wrap(line, max(layout.width - sum(width(text) for text, _ in lead), 8)):
        yield [*lead, *part]


# --- Preference pairs -----------------------------------------------------------------------------


def _pair(better: list[TurnView], worse: list[TurnView], layout: Layout) -> Iterator[Line]:
    """Both continuations, side by side where there is room, with the words that differ marked."""
    marks = _marks(better, worse)
    marked = any(one is not None for one, _ in marks)
    legend = "" if not marked else " (differing words marked)" if layout.colours else " (words of its own in {+ +} and [- -])"
    sides = layout.width >= SIDE_BY_SIDE
    cells = (layout.width - width(layout.glyphs.between)) // 2 if sides else layout.width
    column = Layout(cells, layout.most_lines, layout.colours, layout.glyphs)
    left = list(_column("chosen" + legend, better, [one for one, _ in marks], column))
    right = list(_column("rejected" + ("" if sides else legend), worse, [other for _, other in marks], column))
    yield []
    if not sides:
        yield from left
        yield []
        yield from right
        return
    for one, other in zip_longest(left, right):
        yield [*pad(one or [], cells), (layout.glyphs.between, "dim"), *(other or [])]


def _column(title: str, turns: list[TurnView], marks: list[Line | None], layout: Layout) -> Iterator[Line]:
    name, _, more = title.partition(" ")
    head: Line = [(name, "bold"), (f" {more}" if more else "", "note")]
    yield from wrap(head, layout.width)
    if not turns:
        yield [("(nothing)", "note")]
    for turn, marked in zip_longest(turns, marks[: len(turns)]):
        yield from turn_lines(turn, layout, marked)


def _marks(better: list[TurnView], worse: list[TurnView]) -> list[tuple[Line | None, Line | None]]:
    """For each pair of turns in the same place the spans of their first texts with the differing words marked."""
    found: list[tuple[Line | None, Line | None]] = []
    for one, other in zip_longest(better, worse):
        pair = None
        if one is not None and other is not None and one.role == other.role:
            texts = [next((b.text for b in turn.blocks if b.kind == "text" and not b.title), "") for turn in (one, other)]
            pair = differences(texts[0], texts[1]) if all(texts) else None
        found.append(pair if pair is not None else (None, None))
    return found
