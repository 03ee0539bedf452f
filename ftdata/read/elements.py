"""Cut a JSON array, or objects that follow each other, into its rows; each may span many lines.

The rows are found by parsing, not by their looks: a guess at where a row ends only counts if the bytes up to there
are one JSON object. After a broken row the next one is sought by the indentation and first key of its siblings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from ftdata.read.exact import around, exact_decoder
from ftdata.read.inputs import MAX_ROW, Input, Piece
from ftdata.read.reasons import explain, place
from ftdata.read.streams import TextStream, truncated
from ftdata.types import Fault

_BRACKETS = re.compile(rb'(?:[^"{}\[\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+[{}\[\]]', re.S)
_GAP = re.compile(rb"[ \t\r\n,]*")
_SCALAR = re.compile(rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|[^,\]\s{\["]++|.', re.S)
_AFTER = re.compile(rb"[ \t\r\n]*(?:,?[ \t\r\n]*[\[{]|\]|\Z)")
_FIRST_KEY = re.compile(rb'\{[ \t\r\n]*"(?:[^"\\]|\\.){0,80}"')
_DEEP = 1000


class _Window:
    """A window over the file: ``data`` from ``at`` on is still to be read; its place there is kept."""

    def __init__(self, item: Input) -> None:
        self.stream = TextStream(item)
        self.blocks = iter(self.stream)
        self.data = b""
        self.at = 0
        self.offset = item.skip
        self.line = 1
        self.ended = False

    def more(self) -> bool:
        """Read on, about doubling what is left, and drop what lies before ``at``; False at the end of the file."""
        left = self.data[self.at :]
        blocks, wanted = [left], max(len(left), 4 << 20)
        while wanted > 0 and (block := next(self.blocks, None)) is not None:
            blocks.append(block)
            wanted -= len(block)
        self.data, self.at = b"".join(blocks), 0
        self.ended = self.ended or wanted > 0
        return len(blocks) > 1

    def move(self, to: int) -> None:
        """Go on at this place of ``data``."""
        self.line += self.data.count(b"\n", self.at, to)
        self.offset += to - self.at if self.stream.encoding == "utf-8" else self.stream.width(self.data[self.at : to])
        self.at = to

    def gap(self) -> bytes | None:
        """Skip white space and commas and return them; ``None`` at the end of the file."""
        skipped = b""
        while True:
            match = _GAP.match(self.data, self.at)
            end = match.end() if match else self.at
            skipped = (skipped + self.data[self.at : end])[-4096:]
            self.move(end)
            if end < len(self.data):
                return skipped
            if not self.more():
                return None


class _Cutter:
    def __init__(self, item: Input) -> None:
        self.item = item
        self.window = _Window(item)
        self.array = item.container == "json-array"
        self.rows: list[tuple[int, int, bytes]] = []
        self.faults: list[Fault] = []
        self.size = 0
        self.usual_gap: bytes | None = None
        self.border: bytes | None = None  # what usually stands from the end of a row to the first key of the next
        self.misses = 0
        self.indent: bytes | None = None  # what stands before a row on its line; None where rows share lines
        self.last: bytes = b""
        self.balanced = False
        self.loose = False

    def rows_of_file(self) -> Iterator[None]:
        """Read element after element; yields after each, so that pieces can be made."""
        window = self.window
        before = window.gap()
        if before is None:
            return
        closed = not self.array
        if self.array:
            window.move(window.at + 1)
        expected: int | None = 0
        while (gap := window.gap()) is not None:
            ends = self.array and window.data[window.at] == 0x5D
            if ends or gap != self.usual_gap:
                self._check_gap(gap, ends, expected)
            if ends:
                window.move(window.at + 1)
                expected = None
                if closed:
                    continue
                closed = True
                if not self._goes_on():
                    break
                continue
            if expected == 1:
                self.usual_gap = gap
            start = window.at
            end = self._end_of_element()
            if end:
                self._learn(start, end)
                expected = 1
                yield
            else:
                expected = None
                if not self._resynchronise():
                    closed = True
                    break
        self.faults += window.stream.faults
        if window.stream.cut_off:
            self.faults.append(truncated(self.item, window.line, window.offset))
        elif not closed:
            reason = "the file ends before the array is closed with ]"
            self.faults.append(Fault("invalid-json", window.line, 1, window.offset, values={"reason": reason}))

    def _check_gap(self, gap: bytes, ends: bool, expected: int | None) -> None:
        """Say what is wrong with the commas before an element; after a broken element anything goes."""
        commas = gap.count(b",")
        reason = None
        if expected is None or self.loose or (not self.array and not commas):
            return
        if not self.array:
            reason = "a comma between two objects; without a list around them there is none"
        elif ends:
            reason = "a comma before the closing bracket" if commas else None
        elif commas > expected:
            reason = "one comma too many"
        elif commas < expected:
            reason = "a comma is missing between two rows"
        if reason:
            self._fault("invalid-json", self.window.at, False, reason=reason)

    def _fault(self, rule: str, at: int, lost: bool, **values: Any) -> None:
        """Add a fault at a place of the window's data that is not before ``at``."""
        window = self.window
        start = window.data.rfind(b"\n", 0, at) + 1
        left = max(start, at - 400)
        stop = window.data.find(b"\n", at, at + 400)
        before = window.data[left:at].decode("utf-8", "replace")
        after = window.data[at : stop if stop >= 0 else at + 400].decode("utf-8", "replace")
        excerpt, caret = around(before + after, len(before))
        column = len(window.data[start:at].decode("utf-8", "replace")) + 1
        line = window.line + window.data.count(b"\n", window.at, at)
        offset = window.offset + at - window.at
        self.faults.append(Fault(rule, line, column, offset, lost, values | {"caret": caret}, excerpt))

    def _goes_on(self) -> bool:
        """Whether more rows follow the end of an array; whatever follows it is a fault, and no comma is missed."""
        window = self.window
        if window.gap() is None:
            return False
        self._fault("invalid-json", window.at, False, reason="there is text after the end of the array")
        self.loose = True
        if window.data[window.at] == 0x5B:
            window.move(window.at + 1)
            return True
        return window.data[window.at] == 0x7B or self._resynchronise()

    def _end_of_element(self) -> int:
        """Keep the element at the window's place and return where it ends; 0 if it is broken, which is a fault."""
        window = self.window
        end = self._guess()
        if end:
            self._keep(end)
            return end
        if window.data[window.at] not in b"{[":
            return self._scalar()
        depth, deepest, place = 0, 0, window.at
        while True:
            match = _BRACKETS.match(window.data, place)
            if match is None:
                place -= window.at
                if self._surely_broken():
                    return self._broken()
                if len(window.data) - window.at > MAX_ROW:
                    return self._too_large()
                if window.ended or not window.more():
                    return self._broken()
                place += window.at
                continue
            place = match.end()
            if window.data[place - 1] in b"{[":
                depth += 1
                deepest = max(deepest, depth)
            else:
                depth -= 1
                if depth == 0:
                    break
        if place - window.at > MAX_ROW:
            return self._too_large(place)
        if deepest > _DEEP:
            self._fault("too-deep", window.at, True)
            window.move(place)
            return place
        if self._parses(place) or self._parses_exactly(place):
            self._keep(place)
            return place
        return self._broken(place)

    def _guess(self) -> int:
        """Where the element ends if the next one looks like its siblings; 0 if that is not so."""
        window = self.window
        if self.border is None:
            return 0
        found = window.data.find(self.border, window.at, window.at + 65536)
        if found < 0:
            return 0
        if self._parses(found + 1):
            self.misses = 0
            return found + 1
        self.misses += 1
        if self.misses > 3:
            self.border = None
        return 0

    def _parses(self, end: int) -> bool:
        try:
            orjson.loads(memoryview(self.window.data)[self.window.at : end])
        except (ValueError, RecursionError):
            return False
        return True

    def _parses_exactly(self, end: int) -> bool:
        """Whether the element can be kept, though it has faults that only the exact way sees through."""
        text = self.window.data[self.window.at : end].decode("utf-8", "replace")
        try:
            _, stop = exact_decoder().raw_decode(text)
        except (ValueError, RecursionError):
            return False
        return stop == len(text)

    def _surely_broken(self) -> bool:
        """Whether what is there of an unfinished element cannot be the beginning of one."""
        text = self.window.data[self.window.at :].decode("utf-8", "replace")
        try:
            exact_decoder().raw_decode(text)
        except json.JSONDecodeError as error:
            return error.pos < len(text) - 64 and not error.msg.startswith("Unterminated string")
        except RecursionError:
            return False
        return False

    def _scalar(self) -> int:
        """An element that is no object or list: the worker says what it is."""
        window = self.window
        match = _SCALAR.match(window.data, window.at)
        while match is not None and match.end() == len(window.data) and len(window.data) - window.at < MAX_ROW and window.more():
            match = _SCALAR.match(window.data, window.at)
        end = match.end() if match else window.at + 1
        self._keep(end)
        return end

    def _keep(self, end: int) -> None:
        window = self.window
        if not self.last:
            self.indent = self._own_line(window.at)
        raw = self.last = window.data[window.at : end]
        self.rows.append((window.line, window.offset, raw))
        self.size += len(raw)
        window.move(end)

    def _own_line(self, at: int) -> bytes | None:
        """The indentation of the element that starts here, if it is the first thing on its line."""
        data = self.window.data
        before = data[data.rfind(b"\n", 0, at) + 1 : at]
        return None if before.strip(b" \t") else before

    def _learn(self, start: int, end: int) -> None:
        """Remember the border between this element and the next, if the border is not known yet."""
        window = self.window
        if self.border is not None or window.at != end or self.misses > 30:
            return
        gap = _GAP.match(window.data, end)
        key = _FIRST_KEY.match(window.data, gap.end()) if gap else None
        if key and window.data[end - 1 : end] == b"}":
            self.border = window.data[end - 1 : key.end()]
            self.misses *= 2

    def _too_large(self, end: int | None = None) -> int:
        window = self.window
        size = (end or len(window.data)) - window.at
        self._fault("row-too-large", window.at, True, size=size, limit=MAX_ROW)
        if end:
            window.move(end)
            return end
        # The rest of it is skipped as text: the next row is sought where one may begin.
        window.move(len(window.data))
        return 0

    def _broken(self, end: int = 0) -> int:
        """Add the fault of an element that does not parse, and go to where the next may begin; returns 0."""
        window = self.window
        stop = min(end or len(window.data), window.at + MAX_ROW)
        text = window.data[window.at : stop].decode("utf-8", "replace")
        at, reason = self._why(text)
        if at is None:
            self._fault("too-deep", window.at, True)
            at = 0
        else:
            place = window.at + len(text[:at].encode("utf-8"))
            self._fault("invalid-json", min(place, stop), True, reason=reason)
        self._leave(end)
        return 0

    def _why(self, text: str) -> tuple[int | None, str]:
        """Where and why a text is no JSON; no place where it is nested too deeply."""
        at, error = len(text), json.JSONDecodeError("Expecting value", text, len(text))
        for strict in (True, False):
            try:
                json.JSONDecoder(strict=strict).raw_decode(text)
            except json.JSONDecodeError as found:
                error, at = found, place(found)
                # Only a text that is never closed runs on over the end of its line to somewhere else.
                break
            except RecursionError:
                return None, ""
            except ValueError:
                continue
        left = max(0, text.rfind("\n", 0, at) + 1, at - 200)
        stop = text.find("\n", at, at + 200)
        return at, explain(error, text[left : stop if stop >= 0 else at + 200], at - left)

    def _leave(self, end: int) -> None:
        """Move past the beginning of a broken element: to its end where its brackets are balanced, else one byte."""
        window = self.window
        start = window.at
        if self.indent is None and not self.last:
            self.indent = self._own_line(start)
        key = self._sibling_key()
        inside = key is not None and end and window.data.find(key, start + 1, end) >= 0
        if end and self.indent is None and not inside and _AFTER.match(window.data, end):
            window.move(end)
            self.balanced = True
            return
        self.balanced = False
        window.move(start + 1)

    def _sibling_key(self) -> bytes | None:
        """The opening brace and first key of a row, as the rows before had it."""
        return self.border[self.border.rfind(b"{") :] if self.border else None

    def _resynchronise(self) -> bool:
        """Go to where the next element most likely begins; False at the end of the file."""
        window = self.window
        if self.balanced:
            self.balanced = False
            return True
        key = self._sibling_key()
        if self.indent is not None:
            line = rb"\n" + self.indent
            # Where rows are indented no less than what is in them, only the first key tells a row.
            flat = key is not None and b"\n" + self.indent + b"{" in self.last
            brace = re.escape(key) if flat and key is not None else rb"\{"
            pattern = line + rb"(?=" + brace + rb")|" + line + rb"\}[ \t]*,?[ \t]*(?=" + brace + rb")"
        elif key is not None:
            pattern = rb"(?=" + re.escape(key) + rb")"
        else:
            pattern = rb"\}[ \t]*,?[ \t]*(?=\{[ \t]*\")|\n(?=\{)"
        while True:
            match = re.compile(pattern).search(window.data, window.at)
            if match:
                window.move(match.end())
                return True
            window.move(max(window.at, len(window.data) - 4096))
            if not window.more():
                return False


def cut_elements(item: Input, piece_bytes: int) -> Iterator[Piece]:
    """Yield the elements of the file in pieces."""
    cutter = _Cutter(item)

    def piece() -> Piece:
        made = Piece(
            item.path, item.file, item.container, rows=tuple(cutter.rows), faults=tuple(cutter.faults), size=cutter.size,
            encoding=cutter.window.stream.encoding,
        )  # fmt: skip
        cutter.rows, cutter.faults, cutter.size = [], [], 0
        return made

    for _ in cutter.rows_of_file():
        if cutter.size >= piece_bytes:
            yield piece()
    if cutter.rows or cutter.faults:
        yield piece()
