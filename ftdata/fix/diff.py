"""A unified diff of a file and its fix, which ``git apply`` and ``patch`` take; made line by line, in bounded memory."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Callable, Iterable, Iterator

CONTEXT = 3
_MOST = 2000


def patch(path: str, changes: Iterable[tuple[bytes, bytes]], renamed: str | None = None) -> Iterator[bytes]:
    """Yield the patch from (old, new) stretches of a file, which need not end with lines. Nothing changed, nothing is yielded.

    ``path`` is named as ``a/path`` and, unless ``renamed``, as ``b/path``.
    """
    hunk = _Hunk()
    started = False
    for made in _hunks(hunk, _whole_lines(changes)):
        if not started:
            started = True
            yield _header(b"--- a/", path)
            yield _header(b"+++ b/", renamed or path)
        yield from made


def for_terminal(lines: Iterable[bytes], escape: Callable[[str], str]) -> Iterator[str]:
    """The patch as text for a person: what acts on a terminal is shown as ``escape`` shows it."""
    for block in lines:
        for line in block.removesuffix(b"\n").split(b"\n"):
            text = line.decode("utf-8", "replace")
            yield text[:1] + escape(text[1:])


def _header(mark: bytes, path: str) -> bytes:
    raw = path.encode("utf-8", "surrogateescape")
    if any(byte < 0x20 or byte >= 0x7F or byte in b'"\\' for byte in raw):
        quoted = b"".join(bytes([b]) if 0x20 <= b < 0x7F and b not in b'"\\' else b"\\%03o" % b for b in raw)
        return mark[:4] + b'"' + mark[4:] + quoted + b'"\n'
    return mark + raw + (b"\t\n" if b" " in raw else b"\n")


def _whole_lines(changes: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """The stretches cut so that each holds whole lines on both sides."""
    old, new = [], []
    for before, after in changes:
        old.append(before)
        new.append(after)
        if (not before or before.endswith(b"\n")) and (not after or after.endswith(b"\n")) and _ended(old) and _ended(new):
            yield _split(b"".join(old)), _split(b"".join(new))
            old, new = [], []
    yield _split(b"".join(old)), _split(b"".join(new))


def _ended(parts: list[bytes]) -> bool:
    last = next((part for part in reversed(parts) if part), b"\n")
    return last.endswith(b"\n")


def _split(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    out = [line + b"\n" for line in lines[:-1]]
    return [*out, lines[-1]] if lines[-1] else out


class _Hunk:
    """The hunk that is being made, and the lines that stand before it."""

    def __init__(self) -> None:
        self.before: deque[bytes] = deque(maxlen=CONTEXT)
        self.old = self.new = 1
        self.lines: list[tuple[bytes, bytes]] = []
        self.quiet = 0
        self.start = (1, 1)

    def same(self, line: bytes) -> Iterator[bytes]:
        self.old += 1
        self.new += 1
        if not self.lines:
            self.before.append(line)
            return
        self.lines.append((b" ", line))
        self.quiet += 1
        if self.quiet > 2 * CONTEXT:
            yield from self.close()

    def differs(self, sign: bytes, line: bytes) -> None:
        if not self.lines:
            self.start = (self.old - len(self.before), self.new - len(self.before))
            self.lines = [(b" ", shared) for shared in self.before]
            self.before.clear()
        self.lines.append((sign, line))
        self.quiet = 0
        self.old += sign == b"-"
        self.new += sign == b"+"

    def close(self) -> Iterator[bytes]:
        if not self.lines:
            return
        keep = len(self.lines) - max(0, self.quiet - CONTEXT)
        shown, rest = self.lines[:keep], self.lines[keep:]
        old = sum(sign != b"+" for sign, _ in shown)
        new = sum(sign != b"-" for sign, _ in shown)
        first = (self.start[0] - (old == 0), self.start[1] - (new == 0))
        yield b"@@ -%d,%d +%d,%d @@\n" % (first[0], old, first[1], new)
        for sign, line in shown:
            yield sign + line if line.endswith(b"\n") else sign + line + b"\n\\ No newline at end of file\n"
        trailing = [line for _, line in self.lines[len(self.lines) - self.quiet :]] if self.quiet else []
        del rest
        self.before.extend(trailing)
        self.lines, self.quiet = [], 0


def _hunks(hunk: _Hunk, groups: Iterable[tuple[list[bytes], list[bytes]]]) -> Iterator[list[bytes]]:
    for old, new in groups:
        if old == new:
            for line in old:
                made = list(hunk.same(line))
                if made:
                    yield made
            continue
        for sign, line in _compared(old, new):
            if sign == b" ":
                made = list(hunk.same(line))
                if made:
                    yield made
            else:
                hunk.differs(sign, line)
    made = list(hunk.close())
    if made:
        yield made


def _compared(old: list[bytes], new: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    if len(old) + len(new) > _MOST or len(old) * len(new) <= 1:
        yield from ((b"-", line) for line in old)
        yield from ((b"+", line) for line in new)
        return
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from ((b" ", line) for line in old[a:b])
        else:
            yield from ((b"-", line) for line in old[a:b])
            yield from ((b"+", line) for line in new[c:d])
