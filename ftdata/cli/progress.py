"""A progress bar on standard error: only on a terminal, only after a second."""

from __future__ import annotations

import sys
import time
from types import TracebackType

PATIENCE = 1.0
REFRESH = 0.1


class Progress:
    """Draw how much of the bytes is done. Nothing is drawn in a pipe, a file or a short run."""

    def __init__(self, word: str, unit: str = "MB") -> None:
        self.word = word
        self.unit = unit
        self.started = self.drawn = time.monotonic()
        self.visible = False
        self.first: tuple[float, int] | None = None
        self.enabled = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def update(self, done: int, total: int) -> None:
        """Take note of the bytes done."""
        now = time.monotonic()
        if self.first is None:
            self.first = (now, done)  # what came before was starting, not linting
        if not self.enabled or now - self.started < PATIENCE or now - self.drawn < REFRESH:
            return
        self.drawn, self.visible = now, True
        share = done / total if total else 1.0
        began, before = self.first
        left = (now - began) * (total - done) / (done - before) if done > before else 0.0
        bar = "#" * int(30 * share)
        sys.stderr.write(f"\r{self.word} [{bar:<30}] {100 * share:3.0f} %  {self._amount(done)}, {left:,.0f} s left \x1b[K")
        sys.stderr.flush()

    def _amount(self, done: int) -> str:
        return f"{done / 1e6:,.0f} MB" if self.unit == "MB" else f"{done:,} {self.unit}"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.visible:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
