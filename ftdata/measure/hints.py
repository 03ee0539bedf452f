"""The hints of the detectors, ready made: building them costs more than linting a small file.

``hints.json`` holds them as the detectors' own modules define them; ``python -m ftdata.measure.hints`` writes it anew,
and a test keeps the two equal. The detectors are loaded only where a text matches.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

FILE = Path(__file__).with_name("hints.json")


@functools.cache
def hint(name: str) -> str:
    """The hint of a detector: mojibake, secrets or personal. A regex that Rust and Python read alike."""
    found: dict[str, str] = _all()
    return found[name]


@functools.cache
def compiled(name: str) -> re.Pattern[str]:
    """The same hint for Python."""
    return re.compile(hint(name))


@functools.cache
def _all() -> dict[str, str]:
    read: dict[str, str] = json.loads(FILE.read_text("utf-8"))
    return read


def computed() -> dict[str, str]:
    """The hints as the detectors define them now."""
    from ftdata.measure.mojibake import HINTS
    from ftdata.measure.private import PERSONAL_HINTS, SECRET_HINTS

    return {"mojibake": HINTS, "personal": PERSONAL_HINTS, "secrets": SECRET_HINTS}


if __name__ == "__main__":
    FILE.write_text(json.dumps(computed(), ensure_ascii=False, indent=0, sort_keys=True) + "\n", "utf-8")
