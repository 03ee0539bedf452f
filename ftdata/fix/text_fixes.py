"""Fixes of single texts: each takes a text at fault and returns what it should be."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Any

from ftdata.checks import characters
from ftdata.fix.case import Case, Piece, pieces
from ftdata.fix.edits import Drop, Edit
from ftdata.measure.mojibake import damage
from ftdata.measure.private import Span, personal, secrets
from ftdata.measure.prose import without_code
from ftdata.measure.span import settle
from ftdata.rule import Spot

# A fix of one place may uncover the next one; a text that needs more turns than this is left as it is.
_TURNS = 200
_NESTED = 20
# A mask may complete what was no private span before.
_MASKED = 8
Repair = Callable[[str, Case, Piece], str]


def of_texts(repair: Repair) -> Callable[[Case], list[Edit]]:
    """Make a fixer of a function that repairs one text. A turn that would be left without any text is not touched."""

    def make(case: Case) -> list[Edit]:
        edits: list[Edit] = []
        for found in pieces(case):
            fixed = [repair(piece.text, case, piece) for piece in found]
            if any(text.strip() for text in fixed):
                for piece, text in zip(found, fixed, strict=True):
                    edits += piece.becomes(text)
        return edits

    return make


def _spots(case: Case, text: str) -> list[Spot]:
    return list(case.rule.check(text, case.params))


def each_spot(change: Callable[[str, Spot, Mapping[str, Any]], str]) -> Repair:
    """Make a repair of a function that mends the first place at fault; it is called until there is none."""

    def repair(text: str, case: Case, piece: Piece) -> str:
        for _ in range(_TURNS):
            spots = _spots(case, text)
            if not spots:
                break
            changed = change(text, spots[0], case.params)
            if changed == text:
                break
            text = changed
        return text

    return repair


def html_entities(text: str, case: Case, piece: Piece) -> str:
    """Decode entities outside of code, for as long as the rule finds some."""
    for _ in range(5):
        if not _spots(case, text):
            break
        out, at = [], 0
        for match in re.finditer(characters._ENTITY, without_code(text)):
            out += [text[at : match.start()], html.unescape(match.group())]
            at = match.end()
        changed = "".join([*out, text[at:]])
        if changed == text:
            break
        text = changed
    return text


def invisible(text: str, case: Case, piece: Piece) -> str:
    """Take out the invisible characters that do not belong where they stand."""
    for _ in range(5):
        if not _spots(case, text):
            break
        text = "".join(
            character for at, character in enumerate(text)
            if character not in characters._INVISIBLE or characters._in_place(text, at, character)
        )  # fmt: skip
    return text


def special_tokens(text: str, case: Case, piece: Piece) -> str:
    """Take out control tokens, and the white space that stood before one at the end of the text."""
    pattern = re.compile("|".join(map(re.escape, sorted(case.params["tokens"], key=len, reverse=True))))
    stripped = text == text.strip()
    # Taking one out may put the halves of another together.
    for _ in range(_NESTED):
        changed = pattern.sub("", text)
        if changed == text:
            break
        text = changed
    return text.strip() if stripped else text


def encoding_damage(text: str, case: Case, piece: Piece) -> str:
    """Put right what can be undone exactly; what cannot is left."""
    for _ in range(4):
        found = [piece for piece in damage(text) if piece.repaired is not None]
        if not found:
            break
        for spoiled in reversed(found):
            text = text[: spoiled.start] + (spoiled.repaired or "") + text[spoiled.end :]
    return text


def surrounding_space(text: str, case: Case, piece: Piece) -> str:
    """Strip the ends of an answer. A completion for a base model may need its leading space: only where unsafe is allowed."""
    if case.sample.format == "prompt-completion" and not case.unsafe:
        return text
    text = text.lstrip() if piece.first else text
    return text.rstrip() if piece.last else text


def placeholder_input(text: str, case: Case, piece: Piece) -> str:
    """Take the placeholder off the end of a question."""
    if not piece.last:
        return text
    # The second half of a question stands on a line of its own.
    lead = "" if piece.first else "x\n"
    for _ in range(_TURNS):
        spots = _spots(case, lead + text)
        if not spots:
            break
        text = (lead + text)[: spots[-1].start].rstrip()[len(lead.rstrip()) :] if lead else text[: spots[-1].start].rstrip()
    return text


_SIGN = re.compile(r"(?P<lines>(?:(?:\\r)?\\n)+)|(?P<units>(?:\\u[0-9a-fA-F]{4})+)|(?P<bytes>(?:\\x[0-9a-fA-F]{2}){2,})")


def literal_escapes(text: str, case: Case, piece: Piece) -> str:
    """Decode the escapes that the rule sees; one that decodes to nothing is left."""
    if not _spots(case, text):
        return text
    prose = without_code(text)
    starts = {match.start() for match in characters._ESCAPED.finditer(prose)}
    out, at = [], 0
    for match in _SIGN.finditer(prose):
        if not starts & set(range(match.start(), match.end())) or (match.start() and prose[match.start() - 1] == "\\"):
            continue
        out += [text[at : match.start()], _decoded(match)]
        at = match.end()
    return "".join([*out, text[at:]])


def _decoded(match: re.Match[str]) -> str:
    found = match.group()
    try:
        if match.group("lines"):
            return "\n" * found.count("\\n")
        if match.group("units"):
            return bytes.fromhex(found.replace("\\u", "")).decode("utf-16-be")
        return bytes.fromhex(found.replace("\\x", "")).decode()
    except ValueError:
        return found


def close_fence(text: str, spot: Spot, params: Mapping[str, Any]) -> str:
    """Add the end of a code fence."""
    return f"{text.rstrip()}\n{text[spot.start : spot.end]}"


def cut_loop(text: str, spot: Spot, params: Mapping[str, Any]) -> str:
    """Leave the last of the repetitions, and what stands around them."""
    count = spot.values["count"]
    # The place ends with the 20 characters that the rule looks for.
    length = spot.end - spot.start
    period = (length - min(20, len(text))) // (count - 1) if count > 1 else 0
    return text[: spot.start] + text[spot.start + (count - 1) * period :] if period > 0 else text


def cut_marker(text: str, spot: Spot, params: Mapping[str, Any]) -> str:
    """Drop what follows the marker of another turn; a marker that begins the text goes alone.

    A text that begins with one and holds more is a dialogue that was asked for: it is left.
    """
    before, after = text[: spot.start].rstrip(), text[spot.end :].lstrip()
    if not before and re.search(characters._MARKER, without_code(after)):
        return text
    return before or after


_SENTENCES = re.compile(
    r"Below is an instruction that describes a task[^\n]*|아래는 작업을 설명하는 명령어[^\n]*|以下是描述任务的指令[^\n]*"
    r"|(?m:^#{2,4} ?(?:Instruction|Input|Response|지시|입력|응답|명령어|指令|输入)\s*[:：][ \t]*)"
)
# Labels of a template around the whole question: only where it has the form of one, from its beginning to its end.
_LABELLED = re.compile(
    r"^\s*(?:Instruction|Task): ?(?P<task>[^\n]*)\n(?:Input|Context): ?(?P<given>[^\n]*)\n+(?:Output|Response|Answer):(?P<rest>.*)$"
    r"|^\s*(?:USER|Human): ?(?P<said>[^\n]*)\s(?:ASSISTANT|Assistant): ?$",
    re.S,
)


def unmerge(text: str, case: Case, piece: Piece) -> str:
    """Take the sentences and headings of a prompt template out of a question."""
    if not _spots(case, text):
        return text
    labelled = _LABELLED.match(text)
    if labelled is not None:
        return "\n".join(part.strip() for part in labelled.groups() if part and part.strip())
    prose, out, at = without_code(text), [], 0
    for match in _SENTENCES.finditer(prose):
        out.append(text[at : match.start()])
        at = match.end()
    return re.sub(r"\n{3,}", "\n\n", "".join([*out, text[at:]])).strip()


def open_thought(text: str, case: Case, piece: Piece) -> str:
    """Put the missing beginning before a block of reasoning that is only closed."""
    if not _spots(case, text):
        return text
    tags = re.findall(r"</?(?:think|thinking|reasoning)>", without_code(text))
    return f"{tags[0].replace('/', '')}\n{text}" if len(tags) == 1 and tags[0].startswith("</") else text


_PRIVATE = {
    "secret": (secrets, True), "possible-secret": (secrets, False),
    "personal-data": (personal, True), "possible-personal-data": (personal, False),
}  # fmt: skip


def private_spans(case: Case, text: str) -> list[Span]:
    """Every span that the rule of the case finds in a text; the rule itself names the first fifty."""
    find, certain = _PRIVATE[case.rule.name]
    return settle(span for span in find(text) if span.certain == certain)


def mask(text: str, case: Case, piece: Piece) -> str:
    """Replace what is private by its kind, as ``ftdata.measure.private.mask`` does: ``sk-p…(openai-key)``."""
    for _ in range(_MASKED):
        spans = private_spans(case, text)
        if not spans:
            break
        out, at = [], 0
        for span in spans:
            out += [text[at : span.start + shown(span.start, span.end)], f"…({span.kind})"]
            at = span.end
        text = "".join([*out, text[at:]])
    return text


def shown(start: int, end: int) -> int:
    """How many characters of a private span stay, so that a person knows which it was."""
    return min(4, (end - start) // 8)


def drop_echo(case: Case) -> list[Edit]:
    """An answer that is its question: what it should be is not in the data."""
    return [Drop("the answer repeats the question")]
