"""What a rule is, and the registry of all of them. The only module that a file of rules imports.

A rule is declared in one place: a decorated function whose docstring is its documentation. Its *scope* says
what the function sees and what it answers:

========== ======================================= ==========================================================
scope      sees                                    answers
========== ======================================= ==========================================================
file       nothing: the reader reports it          (no function body)
structure  an outline: the sample without its text an iterator of ``At``; runs once for each distinct shape
content    a whole sample                          an iterator of ``At``; runs where ``when(outline)`` is true
measure    ``m``, the names of the measures        one boolean polars expression; all run in one ``select``
text       one text that may match (see ``hint``)  an iterator of ``Spot``, the characters at fault in it
template   the name of what a chat template does    whether that is this rule's
dataset    ``data``, the table of every sample     an iterator of ``Hit``, or nothing
========== ======================================= ==========================================================
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ftdata.types import Kind, Message, Severity

Category = Literal["correctness", "suspicious", "quality", "safety", "pedantic"]
Scope = Literal["file", "structure", "content", "measure", "text", "template", "dataset"]
Turn = Literal["system", "question", "answer"]
Slot = Literal["content", "reasoning", "arguments"]
Safety = Literal["safe", "unsafe", "manual"]

CATEGORY_SEVERITY: dict[str, Severity] = {
    "correctness": "error",
    "suspicious": "warning",
    "quality": "info",
    "safety": "error",
    "pedantic": "info",
}
SFT: tuple[Kind, ...] = ("sft",)
TRAINED: tuple[Kind, ...] = ("sft", "preference", "unpaired-preference")
DATA: tuple[Kind, ...] = ("sft", "preference", "unpaired-preference", "reinforcement", "prompt-only", "text")
ANY_KIND: tuple[Kind, ...] = (*DATA, "none")
CONVERSATIONS: tuple[Kind, ...] = ("sft", "preference", "unpaired-preference", "reinforcement", "prompt-only")


class NotJudged(Exception):
    """What a dataset rule raises where it will not judge this set; its verdict is *skipped*, with these words as the reason."""


@dataclass(slots=True)
class At:
    """One place in a sample where a rule finds fault.

    ``message`` is the turn, ``key`` what in it ("content" by default, else a pointer below the turn), ``span``
    the characters at fault in the turn's text, ``pointer`` a JSON pointer in the row that overrides both.
    ``values`` fill the rule's message.
    """

    message: Message | None = None
    key: str = "content"
    span: tuple[int, int] | None = None
    pointer: str | None = None
    values: dict[str, Any] = field(default_factory=dict)


def at(
    message: Message | None = None,
    key: str = "content",
    span: tuple[int, int] | None = None,
    pointer: str | None = None,
    **values: Any,
) -> At:
    """Return a place; a shorthand for rules."""
    return At(message, key, span, pointer, values)


@dataclass(slots=True)
class Spot:
    """The characters of a text at which a text rule finds fault, ``start`` to ``end`` in code points."""

    start: int
    end: int
    values: dict[str, Any] = field(default_factory=dict)


def spot(start: int, end: int, **values: Any) -> Spot:
    """Return a spot; a shorthand for rules."""
    return Spot(start, end, values)


@dataclass(slots=True)
class Hit:
    """One finding of a dataset rule. ``row`` indexes the table, ``None`` means the whole set.

    ``other`` indexes the partner row that the finding names as ``{other}``, if any; ``turn`` is what to show of the
    sample.
    """

    row: int | None = None
    other: int | None = None
    turn: Turn | None = None
    values: dict[str, Any] = field(default_factory=dict)


def hit(row: int | None = None, other: int | None = None, *, turn: Turn | None = None, **values: Any) -> Hit:
    """Return a finding of a dataset rule; a shorthand for rules."""
    return Hit(row, other, turn, values)


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule, as declared. ``check`` follows the contract of its ``scope`` (see the module).

    ``params`` are the parameters with their defaults; ``needs`` the columns a dataset rule reads; ``when`` the
    filter on outlines of a content rule; ``kinds`` the kinds of samples that are judged; ``on`` whether the
    rule runs without being asked for; ``catalogue`` the numbers of the format catalogue it answers.

    A text rule sees the texts of these ``roles`` (all if empty) and ``slots``, only those that are trained on if
    ``trained``. Of them it sees those for which ``hint`` is true: a regex that Rust and Python read alike (no look-around,
    no back references), or a function of a polars column of texts and the parameters that answers a boolean expression
    or a regex, or a list of both: each is asked only of the texts that the ones before leave, so the cheap ones go first. The
    column "question" holds the user turn right before a text, if there is one.
    A hint is run over every text there is, so it should be cheap, and may be true too often but never false wrongly. It is
    cheaper behind a ``gate``: literal strings one of which every such text holds; or where only texts that are not all
    ASCII can match (``foreign``).
    """

    code: str
    name: str
    category: Category
    scope: Scope
    message: str
    doc: str
    check: Callable[..., Any]
    help: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    when: Callable[..., bool] | None = None
    locate: Callable[..., Iterable[At]] | None = None
    roles: tuple[str, ...] = ()
    trained: bool = False
    slots: tuple[Slot, ...] = ("content", "reasoning")
    gate: tuple[str, ...] = ()
    foreign: bool = False
    hint: str | Callable[..., Any] | None = None
    kinds: tuple[Kind, ...] = CONVERSATIONS
    on: bool = True
    fix_safety: Safety | None = None
    suppressible: bool = True
    catalogue: tuple[str, ...] = ()
    since: str = "0.1.0"

    @property
    def ours(self) -> bool:
        """Whether the rule is built in; other codes belong to plugins and to custom rules."""
        return self.code.startswith("FT")

    @property
    def severity(self) -> Severity:
        """The severity that follows from the category."""
        return CATEGORY_SEVERITY[self.category]

    @property
    def summary(self) -> str:
        """The first sentence of the documentation."""
        return self.doc.split("\n", 1)[0]


RULES: dict[str, Rule] = {}
_CODE = re.compile(r"^[A-Z]{2,8}\d{3}$")
_NAME = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")


def rule(
    code: str,
    name: str,
    *,
    category: Category,
    scope: Scope,
    message: str,
    help: str | None = None,
    params: Mapping[str, Any] | None = None,
    needs: Iterable[str] = (),
    when: Callable[..., bool] | None = None,
    locate: Callable[..., Iterable[At]] | None = None,
    roles: Iterable[str] = (),
    trained: bool = False,
    slots: Iterable[Slot] = ("content", "reasoning"),
    gate: Iterable[str] = (),
    foreign: bool = False,
    hint: str | Callable[..., Any] | None = None,
    kinds: Iterable[Kind] = CONVERSATIONS,
    on: bool = True,
    fix_safety: Safety | None = None,
    suppressible: bool = True,
    catalogue: Iterable[str] = (),
    since: str = "0.1.0",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a rule; the decorated function is its check and its docstring the documentation.

    Raises ValueError for a code or name that is malformed or taken: a mistake of the author, found on import.
    """

    def declare(check: Callable[..., Any]) -> Callable[..., Any]:
        if not _CODE.match(code) or not _NAME.match(name):
            raise ValueError(f"rule {code} {name}: a code is letters and three digits, a name is kebab-case")
        if any(code == other.code or name == other.name for other in RULES.values()):
            raise ValueError(f"rule {code} {name}: code or name is taken")
        RULES[name] = Rule(
            code=code,
            name=name,
            category=category,
            scope=scope,
            message=message,
            doc=inspect.cleandoc(check.__doc__ or ""),
            check=check,
            help=help,
            params=dict(params or {}),
            needs=tuple(needs),
            when=when,
            locate=locate,
            roles=tuple(roles),
            trained=trained,
            slots=tuple(slots),
            gate=tuple(gate),
            foreign=foreign,
            hint=hint,
            kinds=tuple(kinds),
            on=on,
            fix_safety=fix_safety,
            suppressible=suppressible,
            catalogue=tuple(catalogue),
            since=since,
        )
        return check

    return declare


class Columns:
    """The measures as polars columns: ``m.n_tokens`` is ``pl.col("n_tokens")``, and is remembered as needed."""

    def __init__(self) -> None:
        self.touched: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        import polars as pl

        if name not in self.touched:
            self.touched.append(name)
        return pl.col(name)


def find_rule(name: str) -> Rule | None:
    """Return the rule of this name or code, if there is one."""
    found = RULES.get(name) or RULES.get(name.lower())
    if found is None:
        found = next((r for r in RULES.values() if r.code == name.upper()), None)
    return found
