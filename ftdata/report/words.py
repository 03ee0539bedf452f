"""Two texts as one, word by word: what went, what came, and enough of what stayed to know where."""

from __future__ import annotations

import re
from typing import Literal

Mark = Literal["same", "removed", "added"]
Spans = list[tuple[Mark, str]]

# Chinese and Japanese are written without blanks: each character counts as a word.
_ALONE = "\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_ALONE}]|[^\W{_ALONE}]+|\s+|[^\w\s]")
MOST_WORDS = 8_000
CONTEXT = 40


def word_diff(before: str, after: str) -> Spans:
    """Return the spans of both texts in order. Texts of more than 8,000 words are one change from end to end."""
    from rapidfuzz.distance import LCSseq

    one, other = _WORD.findall(before), _WORD.findall(after)
    if max(len(one), len(other)) > MOST_WORDS:
        return [("removed", before), ("added", after)]
    spans: Spans = []
    for edit in LCSseq.opcodes(one, other):
        was, now = "".join(one[edit.src_start : edit.src_end]), "".join(other[edit.dest_start : edit.dest_end])
        if edit.tag == "equal":
            _add(spans, "same", was)
        else:
            _add(spans, "removed", was)
            _add(spans, "added", now)
    return _together(spans)


def _add(spans: Spans, mark: Mark, text: str) -> None:
    if text and spans and spans[-1][0] == mark:
        spans[-1] = (mark, spans[-1][1] + text)
    elif text:
        spans.append((mark, text))


def _together(spans: Spans) -> Spans:
    """Neighbouring changes as one, with a blank between them in both: a phrase, not a word at a time."""
    out: Spans = []
    was = now = ""
    for at, (mark, text) in enumerate(spans):
        if mark == "removed":
            was += text
        elif mark == "added":
            now += text
        elif text.isspace() and (was or now) and at + 1 < len(spans):
            was, now = was + text, now + text
        else:
            out += _change(was, now)
            was = now = ""
            out.append((mark, text))
    return out + _change(was, now)


def _change(was: str, now: str) -> Spans:
    end = 0
    while end < min(len(was), len(now)) and was[-1 - end] == now[-1 - end] and was[-1 - end].isspace():
        end += 1
    shared = was[len(was) - end :] if end else ""
    was, now = was[: len(was) - end], now[: len(now) - end]
    spans: Spans = []
    _add(spans, "removed", was)
    _add(spans, "added", now)
    _add(spans, "same", shared)
    return spans


def shortened(spans: Spans, context: int = CONTEXT, most: int = 2_000) -> Spans:
    """Cut what stayed to ``context`` characters beside each change, and all of it to ``most``."""
    out: Spans = []
    size = 0
    for at, (mark, text) in enumerate(spans):
        if mark == "same" and len(text) > 2 * context + 3:
            head = text[:context] if at else ""
            tail = text[-context:] if at + 1 < len(spans) else ""
            text = f"{head}…{tail}"
        if size + len(text) > most:
            out.append((mark, text[: max(most - size, 0)] + "…"))
            break
        size += len(text)
        out.append((mark, text))
    return out
