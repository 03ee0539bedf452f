"""Path patterns: ``*`` and ``?`` within a folder, ``**`` across folders, as in .gitignore. No pattern takes long on any path."""

from __future__ import annotations


def matches(path: str, pattern: str) -> bool:
    """Whether a path with forward slashes matches; a pattern without a slash matches the file's name in any folder."""
    pattern = pattern.removeprefix("./")
    if pattern.endswith("/"):
        pattern += "**"
    if "/" not in pattern:
        return _same(path.rsplit("/", 1)[-1], pattern)
    parts = pattern.split("/")
    # Which beginnings of the pattern match the folders read so far.
    states = _closed({0}, parts)
    for name in path.split("/"):
        ahead = {
            at if parts[at] == "**" else at + 1
            for at in states
            if at < len(parts) and (parts[at] == "**" or _same(name, parts[at]))
        }
        states = _closed(ahead, parts)
        if not states:
            return False
    return len(parts) in states


def _closed(states: set[int], parts: list[str]) -> set[int]:
    """The states with those added that "**" reaches by matching nothing."""
    for at in sorted(states):
        while at < len(parts) and parts[at] == "**":
            at += 1
            states.add(at)
    return states


def _same(name: str, part: str) -> bool:
    """Whether a name matches one part of a pattern; on a mismatch only the last star is tried again."""
    at = here = 0
    star = mark = -1
    while at < len(name):
        if here < len(part) and part[here] == "*":
            star, mark = here, at
            here += 1
        elif here < len(part) and part[here] in ("?", name[at]):
            at += 1
            here += 1
        elif star >= 0:
            mark += 1
            at, here = mark, star + 1
        else:
            return False
    return all(character == "*" for character in part[here:])
