"""What ``ftdata diff`` found, for people: on a terminal, or as Markdown for a comment. It comes as the plain data of its JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ftdata.report.escape import escape
from ftdata.report.known import counts_words, facts_rows, place_words
from ftdata.report.markdown import code, words
from ftdata.report.words import Mark, shortened, word_diff
from ftdata.types import Changes

Style = Callable[..., str]
_OPEN: dict[Mark, str] = {"same": "", "removed": "[-", "added": "{+"}
_CLOSE: dict[Mark, str] = {"same": "", "removed": "-]", "added": "+}"}
_COLOUR: dict[Mark, str | None] = {"same": None, "removed": "red", "added": "green"}
_TAG: dict[Mark, tuple[str, str]] = {"same": ("", ""), "removed": ("<del>", "</del>"), "added": ("<ins>", "</ins>")}
MOST_MARKDOWN = 60_000


def render(found: Mapping[str, Any], style: Style | None = None) -> Iterator[str]:
    """Yield lines for a terminal; without ``style`` changes are marked as [-gone-] and {+come+}."""
    head = f"{found['before']} → {found['after']}: {_counts(found)}"
    yield escape(head) if style is None else style(escape(head), bold=True)
    rows = list(facts_rows(found["facts"]["before"], found["facts"]["after"]))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for name, old, new in rows:
        yield f"  {escape(name):<{widths[0]}}  {old:>{widths[1]}} → {new:>{widths[2]}}"
    for edit in found["edited"]:
        yield ""
        yield f"edited {_name(edit['after'])} was {_name(edit['before'])} ({edit['score']:g} % alike)"
        if not edit["turns"]:
            yield "  differs in what is masked, or in names and ids"
        for turn in edit["turns"]:
            yield f"  {escape(turn['role'])}: {_line(turn, style)}"
    yield from _rest(found, "edited", "edited samples")
    for kind in ("added", "removed"):
        for number, sample in enumerate(found[kind]):
            yield from [""] * (number == 0)
            yield f"{kind} {_name(sample)}  sample {sample['sample'][:8]}"
            for turn in sample["turns"]:
                yield f"  {escape(turn['role'])}: {escape(turn['text'])}"
            yield from [f"  … {sample['more']:,} more turns"] * bool(sample["more"])
        yield from _rest(found, kind, f"{kind} samples")
    for number, pair in enumerate(found["moved"]):
        yield from [""] * (number == 0)
        yield f"moved {_name(pair['after'])} was {_name(pair['before'])}"
    yield from _rest(found, "moved", "moved samples")
    for note in found["notes"]:
        yield f"note: {escape(note)}"


def _rest(found: Mapping[str, Any], kind: str, what: str) -> Iterator[str]:
    more = found["counts"][kind] - len(found[kind])
    if more:
        named = what if more > 1 else what.removesuffix("s")
        yield f"… and {more:,} more {named}" if found[kind] else f"{more:,} {named}"


def _counts(found: Mapping[str, Any]) -> str:
    return counts_words(Changes("", None, **found["counts"]))


def _name(place: Mapping[str, Any]) -> str:
    return escape(place_words(place["path"], place["line"], place["row"]))


def _line(turn: Mapping[str, Any], style: Style | None) -> str:
    parts = []
    for mark, text in shortened(word_diff(turn["before"] or "", turn["after"] or "")):
        shown = escape(text)
        if style is not None and mark != "same":
            parts.append(style(shown, fg=_COLOUR[mark], strikethrough=mark == "removed"))
        else:
            parts.append(f"{_OPEN[mark]}{shown}{_CLOSE[mark]}")
    return "".join(parts)


def markdown(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield Markdown of about 60,000 bytes at most, for a comment; nothing of the data acts in it."""
    yield f"## {'No sample changed' if found['same'] else 'Changed samples'}: {code(found['before'])} → {code(found['after'])}"
    yield ""
    yield words(_counts(found))
    yield ""
    yield "| | before | after |"
    yield "|---|--:|--:|"
    for name, old, new in facts_rows(found["facts"]["before"], found["facts"]["after"]):
        yield f"| {words(name)} | {words(old)} | {words(new)} |"
    left = MOST_MARKDOWN
    for kind in ("edited", "added", "removed", "moved"):
        block = list(_block(found, kind))
        left -= sum(len(line.encode("utf-8", "replace")) + 1 for line in block)
        if left < 0:
            yield ""
            yield f"… {found['counts'][kind]:,} {kind} samples are left out for want of room."
            left = 0
            continue
        yield from block
    for note in found["notes"]:
        yield ""
        yield f"- note: {words(note)}"


def _block(found: Mapping[str, Any], kind: str) -> Iterator[str]:
    count = found["counts"][kind]
    if not count:
        return
    yield from ("", f"<details{' open' if kind == 'edited' else ''}><summary>{count:,} {kind}</summary>", "")
    for entry in found[kind]:
        if kind in ("edited", "moved"):
            yield f"- {code(_plain(entry['after']))} was {code(_plain(entry['before']))}"
        else:
            yield f"- {code(_plain(entry))}"
        for turn in entry.get("turns", ()):
            yield f"  <br>{words(turn['role'])}: {_spans(turn) if kind == 'edited' else code(turn['text'])}"
    if count > len(found[kind]):
        yield f"- … and {count - len(found[kind]):,} more"
    yield from ("", "</details>")


def _plain(place: Mapping[str, Any]) -> str:
    return place_words(place["path"], place["line"], place["row"])


def _spans(turn: Mapping[str, Any]) -> str:
    parts = []
    for mark, text in shortened(word_diff(turn["before"] or "", turn["after"] or "")):
        first, last = _TAG[mark]
        parts.append(f"{first}{code(text, 2_000)}{last}")
    return "".join(parts)
