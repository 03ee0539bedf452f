"""Write JSON one object a line, in ASCII: a log or a terminal that shows it interprets nothing of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any


def dump(value: Any) -> str:
    """Return the value as one line of ASCII JSON.

    "##[" starts a command anywhere in a line of an Azure or GitHub log; the escape reads back as the same text.
    """
    return json.dumps(value, ensure_ascii=True).replace("##[", "#\\u0023[")


def separated(values: Iterable[Any]) -> Iterator[str]:
    """Yield the values as JSON, one a line, with a comma after each but the last."""
    last = ""
    for value in values:
        if last:
            yield f"{last},"
        last = dump(value)
    if last:
        yield last
