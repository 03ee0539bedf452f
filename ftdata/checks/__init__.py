"""JUDGE: the built-in rules, a family per file. Importing this package declares them all.

A check is code; a pack (``rules/*.yaml``) chooses which checks run. A file here imports ``ftdata.rule`` and the
types it speaks of, nothing else of ftdata.
"""

from ftdata.checks import (
    answers,
    arithmetic,
    balance,
    characters,
    counts,
    definitions,
    duplicates,
    file,
    masks,
    preference,
    private,
    results,
    roles,
    schema,
    style,
    template,
    tokens,
    tools,
)

__all__ = [
    "answers",
    "arithmetic",
    "balance",
    "characters",
    "counts",
    "definitions",
    "duplicates",
    "file",
    "masks",
    "preference",
    "private",
    "results",
    "roles",
    "schema",
    "style",
    "template",
    "tokens",
    "tools",
]
