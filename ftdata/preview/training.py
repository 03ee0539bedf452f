"""The exact text that training sees of a sample: what is trained, what is only read, and what are control tokens."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from ftdata.errors import FtdataError
from ftdata.measure.batch import is_trained
from ftdata.measure.private import personal, secrets
from ftdata.measure.span import settle
from ftdata.preview.cells import Line, clusters, expand, width, wrap
from ftdata.preview.text import Layout
from ftdata.report.escape import escape
from ftdata.template import Renderer, read_model_folder, to_messages
from ftdata.template.messages import as_dicts
from ftdata.types import Sample

# Marks for output without colours; the first pair that is not in the text is taken.
_TRAINED = (("⟦", "⟧"), ("⦃", "⦄"), ("⟪", "⟫"))
_CONTROL = (("‹", "›"), ("«", "»"), ("⟨", "⟩"))
_ASCII = (("[[", "]]"), ("<<", ">>"))
# What control tokens of the usual families look like, for templates that come without a tokenizer.
_LOOKS = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|<｜[^｜<>]{1,60}｜>|</?s>|\[/?(?:INST|TOOL_CALLS|AVAILABLE_TOOLS|TOOL_RESULTS|SYSTEM_PROMPT)\]|<(?:start|end)_of_turn>|<[be]os>"
)
_EDGE = 4


@dataclass(slots=True)
class Shown:
    """One sequence. ``spans`` are the trained characters of ``text``, ``control`` those of control tokens; ends exclusive.

    ``tokens`` and ``n_trained`` are ``None`` without a tokenizer. ``side`` is chosen or rejected for preference data.
    """

    text: str
    spans: list[tuple[int, int]]
    control: list[tuple[int, int]]
    tokens: int | None = None
    n_trained: int | None = None
    route: str = ""
    notes: list[str] = field(default_factory=list)
    side: str = ""


@dataclass(slots=True)
class Unseen:
    """A sample of which training sees nothing: why, in words; ``fault`` where the template itself failed, ``text`` if it renders."""

    reason: str
    fault: bool = False
    text: str | None = None


class Trainer(Protocol):
    """What turns a sample into what training sees of it."""

    def __call__(self, sample: Sample) -> list[Shown] | Unseen:
        """The sequences of a sample, or why there is none."""

    def close(self) -> None:
        """End the process of the template."""


def open_trainer(template: str, tokenizer: str | None) -> Trainer:
    """Open a model folder, or a Jinja file with the tokenizer of the folder that ``tokenizer`` names.

    A folder without a tokenizer.json, and a Jinja file alone, give texts without tokens. Raises FtdataError for what is neither.
    """
    path = Path(template).expanduser()
    if path.is_dir():
        folder = read_model_folder(path)
        return (
            _WithTokens(folder, None)
            if folder.tokenizer_file is not None
            else _Texts(Renderer(folder), folder.special_tokens, folder.stop_tokens)
        )
    if not path.is_file():
        raise FtdataError(
            f"--template {template}: no such file or folder", "Name a model folder, or a Jinja file such as chat_template.jinja."
        )
    if tokenizer is not None and Path(tokenizer).expanduser().is_dir():
        folder = read_model_folder(tokenizer)
        if folder.tokenizer_file is not None:
            return _WithTokens(folder, path)
    try:
        with path.open("rb") as file:
            data = file.read((8 << 20) + 1)
        text = data.decode("utf-8")
    except OSError as error:
        raise FtdataError(f"{path}: cannot be read ({error.strerror})", "Check the file and its permissions.") from None
    except UnicodeDecodeError:
        raise FtdataError(f"{path}: not UTF-8 text", "Name a Jinja file, or the model folder that holds it.") from None
    if len(data) > 8 << 20:
        raise FtdataError(f"{path}: larger than 8 MiB, which no template is", "Name a Jinja file.")
    if path.suffix == ".json":
        raise FtdataError(f"{path}: JSON, not a Jinja template", f"Name the folder: {path.parent}.")
    return _Texts(Renderer(text), (), ())


class _WithTokens:
    """Through the masker that training uses itself."""

    def __init__(self, folder: Any, template: Path | None) -> None:
        from ftdata.train.mask import Masker

        self._masker = Masker(folder, template=template)

    def close(self) -> None:
        self._masker.renderer.close()

    def __call__(self, sample: Sample) -> list[Shown] | Unseen:
        from ftdata.train.mask import Refusal

        masker = self._masker
        if sample.chosen and sample.rejected:
            pair = next(iter(masker.pairs([sample])))
            if isinstance(pair, Refusal):
                return _unseen(pair.reason, masker.renderer, sample)
            return [self._shown(sequence, side) for sequence, side in zip(pair, ("chosen", "rejected"), strict=True)]
        outcome = next(iter(masker.sequences([sample])))
        if isinstance(outcome, Refusal):
            return _unseen(outcome.reason, masker.renderer, sample)
        return [self._shown(sequence, "") for sequence in outcome]

    def _shown(self, sequence: Any, side: str) -> Shown:
        control = [(at, at + len(token)) for token, at in self._masker.special.find(sequence.text)]
        return Shown(
            sequence.text,
            list(sequence.spans),
            control,
            len(sequence.ids),
            sequence.n_trained,
            sequence.route,
            list(sequence.notes),
            side,
        )


class _Texts:
    """A template without a tokenizer: the text and its trained characters, no tokens."""

    def __init__(self, renderer: Renderer, special: Sequence[str], stops: Sequence[str]) -> None:
        from ftdata.template.special import SpecialTokens

        self._renderer, self._stops = renderer, stops
        self._special = SpecialTokens(tuple(special)) if special else None

    def close(self) -> None:
        self._renderer.close()

    def __call__(self, sample: Sample) -> list[Shown] | Unseen:
        from ftdata.train.routes import Unverified, find_texts

        shown = []
        for side, messages in _conversations(sample):
            first = len(sample.messages) if side else 0
            turns = [_with_objects(turn) for turn in as_dicts(messages)]
            trained = [
                at
                for at, message in enumerate(messages)
                if at >= first and message.role == "assistant" and (side or is_trained(message))
            ]
            if not trained:
                return _unseen("no assistant turn is trained" if turns else "it holds no conversation", self._renderer, sample)
            try:
                texts = find_texts(self._renderer, turns, sample.tools, trained, self._stops)
            except Unverified as error:
                return _unseen(str(error), self._renderer, sample)
            for text in texts if not self._stops else ():
                text.notes.append(
                    "which token ends an answer is known from a model folder only: what follows it is shown as trained"
                )
            shown += [
                Shown(text.text, list(text.spans), self._control(text.text), None, None, text.route, list(text.notes), side)
                for text in texts
            ]
        return shown or _unseen("it holds no conversation", self._renderer, sample)

    def _control(self, text: str) -> list[tuple[int, int]]:
        if self._special is not None:
            return [(at, at + len(token)) for token, at in self._special.find(text)]
        return [match.span() for match in _LOOKS.finditer(text)]


def _conversations(sample: Sample) -> Iterator[tuple[str, list[Any]]]:
    if sample.kind in ("text", "none"):
        return
    if sample.chosen or sample.rejected:
        yield "chosen", [*sample.messages, *sample.chosen]
        yield "rejected", [*sample.messages, *sample.rejected]
    elif sample.messages:
        yield "", sample.messages


def _with_objects(turn: dict[str, Any]) -> dict[str, Any]:
    """The turn with its arguments as objects, which is how templates of the usual families want them."""
    calls = turn.get("tool_calls")
    if not isinstance(calls, list):
        return turn
    made = []
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("arguments"), str):
            try:
                value = json.loads(function["arguments"] or "{}")
            except (ValueError, RecursionError):
                value = None
            if isinstance(value, dict):
                call = call | {"function": function | {"arguments": value}}
        made.append(call)
    return turn | {"tool_calls": made}


def _unseen(reason: str, renderer: Renderer, sample: Sample) -> Unseen:
    """Why nothing is seen; the text itself where the template renders it all the same."""
    if sample.kind in ("text", "none") or not sample.turns():
        return Unseen(reason if sample.problem is None else sample.problem)
    rendered = renderer.render([_with_objects(turn) for turn in to_messages(sample)], sample.tools)
    if rendered.fault is not None:
        return Unseen(rendered.fault.words, fault=True)
    return Unseen(reason, text=rendered.text)


# --- Lines ----------------------------------------------------------------------------------------


def legend(text: str, layout: Layout) -> tuple[tuple[str, str], tuple[str, str]]:
    """The marks of trained text and of control tokens that do not stand in the text itself."""
    if layout.glyphs.gutter.startswith("|"):
        return _ASCII
    chosen = [
        next((pair for pair in pairs if pair[0] not in text and pair[1] not in text), pairs[-1]) for pairs in (_TRAINED, _CONTROL)
    ]
    return chosen[0], chosen[1]


def sequence_lines(shown: Shown, layout: Layout) -> Iterator[Line]:
    """Yield the text of a sequence. A line break of the text is written as a mark and begins a line; other breaks are the layout's."""
    trained, control = legend(shown.text, layout)
    spans = list(styled(shown))
    if not layout.colours:
        spans = list(_marked(spans, trained, control))
    yield from _exact(spans, layout)


def plain_lines(text: str, layout: Layout) -> Iterator[Line]:
    """Yield a text of which nothing is trained."""
    yield from _exact(list(styled(Shown(text, [], []))), layout)


def styled(shown: Shown) -> Iterator[tuple[str, str]]:
    """The text in parts with their styles, what is private masked."""
    hidden = [
        (span.start + min(_EDGE, (span.end - span.start) // 8), span.end, f"…({span.kind})")
        for span in settle([*secrets(shown.text), *personal(shown.text)])
    ]
    edges = {0, len(shown.text)}
    for start, end in (*shown.spans, *shown.control, *((first, last) for first, last, _ in hidden)):
        edges |= {start, end}
    cuts = sorted(edge for edge in edges if 0 <= edge <= len(shown.text))
    starts = {first: words for first, _, words in hidden}
    in_trained, in_control, in_hidden = _inside(shown.spans), _inside(shown.control), _inside([(a, b) for a, b, _ in hidden])
    for start, end in pairwise(cuts):
        style = (
            ("control.trained" if in_control(start) else "trained")
            if in_trained(start)
            else "control"
            if in_control(start)
            else "masked"
        )
        if in_hidden(start):
            if start in starts:
                yield starts[start], style
            continue
        yield shown.text[start:end], style


def _inside(spans: Sequence[tuple[int, int]]) -> Any:
    ordered = sorted(spans)
    starts = [start for start, _ in ordered]

    def check(at: int) -> bool:
        found = bisect_right(starts, at) - 1
        return found >= 0 and at < ordered[found][1]

    return check


def _marked(spans: Sequence[tuple[str, str]], trained: tuple[str, str], control: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """The parts with marks around what is trained, and around each control token."""
    inside = False
    for text, style in spans:
        now = style.endswith("trained")
        if now != inside:
            yield trained[0] if now else trained[1], style
            inside = now
        yield (f"{control[0]}{text}{control[1]}", style) if style.startswith("control") else (text, style)
    if inside:
        yield trained[1], ""


def _exact(spans: Sequence[tuple[str, str]], layout: Layout) -> Iterator[Line]:
    glyphs = layout.glyphs
    room = max(layout.width - width(glyphs.gutter), 8)
    shown, rest = 0, 0
    for line in _lines(spans, glyphs.newline):
        for number, part in enumerate(_hard(line, room)):
            if layout.most_lines and shown >= layout.most_lines:
                rest += sum(len(text) for text, _ in part)
                continue
            shown += 1
            yield [(glyphs.thin if number else glyphs.gutter, "dim"), *part]
    if rest:
        yield [(f"{glyphs.gutter}{glyphs.more} {rest:,} more characters (--full shows all)", "note")]


def _lines(spans: Sequence[tuple[str, str]], newline: str) -> Iterator[Line]:
    line: Line = []
    for text, style in spans:
        first, *others = text.split("\n")
        if first:
            line.append((escape(expand(first)), style))
        for other in others:
            yield [*line, (newline, style)]
            line = [(escape(expand(other)), style)] if other else []
    if line:
        yield line


def _hard(line: Line, room: int) -> Iterator[Line]:
    """Break a line wherever it is full: every character of it is shown."""
    part: Line = []
    used = 0
    for text, style in line:
        begun = ""
        for character, cells in clusters(text):
            if used + cells > room:
                yield [*part, (begun, style)] if begun else part
                part, begun, used = [], "", 0
            begun += character
            used += cells
        if begun:
            part.append((begun, style))
    yield part


def head_lines(shown: Shown, number: int, of: int, layout: Layout) -> Iterator[Line]:
    """Yield what is said above a sequence: its tokens, how the trained text was found, and notes."""
    parts = []
    if shown.side:
        parts.append(shown.side)
    elif of > 1:
        parts.append(f"sequence {number} of {of}")
    if shown.tokens is not None and shown.n_trained is not None:
        share = 100 * shown.n_trained / shown.tokens if shown.tokens else 0.0
        parts.append(f"{shown.tokens:,} tokens, {shown.n_trained:,} trained ({share:.0f} %)")
    else:
        characters = sum(end - start for start, end in shown.spans)
        parts.append(f"{len(shown.text):,} characters, {characters:,} trained (no tokenizer.json: tokens are not counted)")
    yield from wrap([(f" {layout.glyphs.dot} ".join(parts), "bold")], layout.width)
    for note in shown.notes:
        yield from wrap([(escape(f"note: {note}"), "note")], layout.width)
