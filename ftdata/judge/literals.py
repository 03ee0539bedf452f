"""The literal strings that a regex cannot match without: seeking them first is many times as fast as a long pattern.

"(?:see|read) the (?:link|button) below" matches no text without "the link below" or "the button below". The idea is that of
FilteredRE2 and of Rust's regex-syntax, which gives up on patterns of this length (2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import import_module
from typing import Any

_parser: Any = import_module("re._parser")
_names: Any = import_module("re._constants")

Literal = tuple[str, bool]
"""A string, and whether its case is ignored (it is lower case then)."""

# Of English letters (Norvig 2012, rounded), of spaces and marks by guess: common literals do not help.
_SHARE = dict(zip("etaoinshrdlcumwfgypbvkjxqz", (10, 7, 6.5, 6, 6, 5.7, 5.3, 5, 5, 3.5, 3.3, 2.7, 2.3, 2, 1.8, 2, 1.7, 1.6, 1.5, 1.2, 0.8, 0.6, 0.1, 0.1, 0.1, 0.1), strict=True)) | {
    " ": 17, ".": 1, ",": 1, "\n": 0.5, "'": 0.4, '"': 0.4, "-": 0.4
}  # fmt: skip
_MOST_LITERALS, _MOST_IN_ALL, _MOST_SOUGHT = 24, 200, 64
_RARE = 1e-5
"""How often one of the literals may stand in ordinary text, by character, to be worth seeking."""


def required(pattern: str) -> str | None:
    """A pattern of literals, one of which every match of this one holds, where seeking it pays; ``None`` elsewhere."""
    try:
        tree = _parser.parse(pattern)
    except (re.error, RecursionError):
        return None  # what only Rust reads
    exact, needed = _sequence(tree, bool(tree.state.flags & re.IGNORECASE))
    found = _best(exact, needed)
    if not found or sum(map(_likely, found)) > _RARE:
        return None
    kept = _without_longer(found)
    # Rust seeks some dozens of strings at once; more cost as much as a pattern.
    if len(kept) > _MOST_SOUGHT or {text for text, _ in kept} == {pattern}:
        return None
    parts = sorted(re.escape(text) for text, folded in kept if not folded)
    ignored = sorted(re.escape(text) for text, folded in kept if folded)
    return "|".join([*parts, f"(?i:{'|'.join(ignored)})"] if ignored else parts)


_BOUNDARY = re.compile(r"(?<!\\)((?:\\\\)*)\\b(?![\]?*+{])")


def without_boundaries(pattern: str) -> str | None:
    """The pattern without its word boundaries, which matches at least what the pattern does; ``None`` where it has none.

    Rust looks for those of Unicode one character at a time: 30 to 270 ns a byte, and 0.1 without them (2026-11).
    """
    plain = _BOUNDARY.sub(r"\1", pattern)
    return plain if plain != pattern else None


_Found = set[Literal]


def _sequence(items: Iterable[Any], folded: bool) -> tuple[_Found | None, _Found | None]:
    """All that the items in a row can match, where that is few strings; else the best literals that they need."""
    exact: _Found = {("", False)}
    best: _Found | None = None
    whole = True
    for operator, argument in items:
        strings, needed = _node(operator, argument, folded)
        if strings is not None and len(strings) * len(exact) <= _MOST_LITERALS:
            exact = {(before + after, a or b) for before, a in exact for after, b in strings}
            continue
        whole = False
        best = _best(best, exact, needed)
        exact = strings if strings is not None else {("", False)}
    return (exact, None) if whole else (None, _best(best, exact))


def _node(operator: Any, argument: Any, folded: bool) -> tuple[_Found | None, _Found | None]:
    if operator is _names.LITERAL:
        character = chr(argument)
        cased = folded and character.lower() != character.upper()
        low = character.lower() if cased else character
        return ({(low, cased)}, None) if len(low) == 1 else (None, None)
    if operator is _names.AT:
        return {("", False)}, None
    if operator is _names.SUBPATTERN:
        _, added, removed, inner = argument
        return _sequence(inner, (folded or bool(added & re.IGNORECASE)) and not removed & re.IGNORECASE)
    if operator is _names.BRANCH:
        return _branch(argument[1], folded)
    if operator in (_names.MAX_REPEAT, _names.MIN_REPEAT):
        least, most, inner = argument
        exact, needed = _sequence(inner, folded)
        if least == 0:
            return ({*exact, ("", False)}, None) if most == 1 and exact is not None else (None, None)
        if least == most == 1:
            return exact, needed
        return None, _best(exact, needed)
    if operator is _names.IN and all(kind is _names.LITERAL for kind, _ in argument) and len(argument) <= 10:
        return {literal for _, point in argument for literal in _node(_names.LITERAL, point, folded)[0] or ()}, None
    return None, None


def _branch(ways: Iterable[Any], folded: bool) -> tuple[_Found | None, _Found | None]:
    exact: _Found | None = set()
    needed: _Found | None = set()
    for way in ways:
        strings, literals = _sequence(way, folded)
        best = _best(strings, literals)
        exact = exact | strings if exact is not None and strings is not None else None
        needed = needed | best if needed is not None and best else None
    if exact is not None and len(exact) > _MOST_IN_ALL:
        exact = None
    return exact, needed


def _best(*sets: _Found | None) -> _Found | None:
    """The literals that are least likely in ordinary text; none of them may be empty."""
    usable = [found for found in sets if found and all(text for text, _ in found)]
    return min(usable, key=lambda found: sum(map(_likely, found)), default=None)


def _likely(literal: Literal) -> float:
    chance = 1.0
    for character in literal[0]:
        chance *= _SHARE.get(character, 0.1 if character.isascii() else 0.02) / 100
    return chance


def _without_longer(found: _Found) -> list[Literal]:
    """Leave out what holds another literal."""
    kept: list[Literal] = []
    for text, folded in sorted(found, key=lambda literal: (len(literal[0]), literal)):
        low = text.lower()
        if not any((other in low) if ignored else (not folded and other in text) for other, ignored in kept):
            kept.append((text, folded))
    return kept
