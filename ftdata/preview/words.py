"""Which words two texts do not share."""

from __future__ import annotations

import re

from ftdata.preview.cells import Line

# Chinese and Japanese are written without blanks: each character counts as a word.
_ALONE = "\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_ALONE}]|[^\W{_ALONE}]+|\s+|[^\w\s]")
MOST_WORDS = 6_000
LEAST_ALIKE = 0.5
OPEN = {"added": "{+", "removed": "[-"}
CLOSE = {"added": "+}", "removed": "-]"}


def differences(better: str, worse: str) -> tuple[Line, Line] | None:
    """Both texts as spans, the words of their own styled ``added`` and ``removed``.

    ``None`` where marks would not help: the texts are equal, share less than half of their words, or have more than 6,000 words.
    """
    from rapidfuzz.distance import LCSseq

    if better == worse:
        return None
    one, other = _WORD.findall(better), _WORD.findall(worse)
    if not one or not other or max(len(one), len(other)) > MOST_WORDS:
        return None
    edits = LCSseq.opcodes(one, other)
    shared = sum(_words(one[edit.src_start : edit.src_end]) for edit in edits if edit.tag == "equal")
    if 2 * shared < LEAST_ALIKE * (_words(one) + _words(other)):
        return None
    left: Line = []
    right: Line = []
    for edit in edits:
        mine, theirs = "".join(one[edit.src_start : edit.src_end]), "".join(other[edit.dest_start : edit.dest_end])
        equal = edit.tag == "equal"
        _add(left, mine, "" if equal else "added")
        _add(right, theirs, "" if equal else "removed")
    return left, right


def _words(parts: list[str]) -> int:
    return sum(part[0].isalnum() or part[0] == "_" for part in parts)


def _add(spans: Line, text: str, style: str) -> None:
    """Append a span. A blank between two marked spans is marked too: one phrase, not two words."""
    if not text:
        return
    if (
        style
        and len(spans) > 1
        and not spans[-1][1]
        and spans[-2][1] == style
        and spans[-1][0].isspace()
        and "\n" not in spans[-1][0]
    ):
        blank = spans.pop()[0]
        spans[-1] = (spans[-1][0] + blank + text, style)
    elif spans and spans[-1][1] == style:
        spans[-1] = (spans[-1][0] + text, style)
    else:
        spans.append((text, style))


def visible(spans: Line) -> Line:
    """The spans with their styles written out, for output without colours: {+added+}, [-removed-]."""
    return [(f"{OPEN[style]}{text}{CLOSE[style]}" if style in OPEN else text, style) for text, style in spans]
