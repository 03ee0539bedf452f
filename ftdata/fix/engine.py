"""Fix rows and judge them again, until nothing changes.

What is judged after a fix is the text that will be written, by the rules that found the fault, so "fixed" is never a
claim. Fixing what was fixed changes nothing: the last judgement of a row is the first one of its next run.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace

from ftdata.fix.argument_fixes import steady_ids
from ftdata.fix.case import Case
from ftdata.fix.document import Document
from ftdata.fix.edits import Drop, EditConflict
from ftdata.fix.fixers import FIXERS, Fix
from ftdata.fix.literal_fixes import guess_bytes, guess_row, split_values
from ftdata.formats import detect_row, parse, sample_id
from ftdata.judge.piece import Findings, Judge
from ftdata.judge.plan import Plan, Step
from ftdata.read import Piece
from ftdata.rule import RULES, At
from ftdata.types import Chunk, Sample

ROUNDS = 12
_SPACE = b" \t\r\n"


@dataclass(slots=True)
class FixedRow:
    """One row after fixing.

    ``row`` is its JSON text, byte for byte the source's where nothing was done, and ``None`` where the row is dropped:
    ``dropped`` then holds the rule and the reason, or nothing for a blank line. ``source`` counts the rows that were
    given, from 0; one of them may become several. ``applied`` are the fixes by rule and title, ``left`` the rules that
    still find fault and have a fix: it does not fit here, or the fixes work against each other. ``sidecar`` holds what
    was set aside, JSON text by pointer into the source row. ``sample`` is the sample's hash as it now is (``None`` for
    a row that cannot be read), ``tokens`` before and after where the plan counts them, ``normal_key`` where
    near copies are sought, ``was`` the text that was given. ``spared`` are the rules that a suppression
    keeps off it, ``suppressed`` those of them that find fault.
    """

    source: int
    row: bytes | None
    was: bytes = b""
    applied: list[tuple[str, str]] = field(default_factory=list)
    dropped: tuple[str, str] | None = None
    left: list[str] = field(default_factory=list)
    sidecar: dict[str, str] = field(default_factory=dict)
    sample: str | None = None
    tokens: tuple[int, int] | None = None
    normal_key: int | None = None
    turns: int = 0
    spared: frozenset[str] = frozenset()
    suppressed: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything was done to the row."""
        return bool(self.applied) or self.row is None


@dataclass(slots=True)
class _Work:
    source: int
    raw: bytes
    first: bytes
    history: list[tuple[bytes, list[str]]] = field(default_factory=list)
    barred: set[str] = field(default_factory=set)
    given: dict[str, str] = field(default_factory=dict)
    applied: dict[str, str] = field(default_factory=dict)
    sidecar: dict[str, str] = field(default_factory=dict)
    dropped: tuple[str, str] | None = None
    gone: bool = False
    parts: list[_Work] = field(default_factory=list)
    verdict: _Judged | None = None
    before: int | None = None
    spared: frozenset[str] = frozenset()

    def restart(self, without: set[str]) -> None:
        """Go back to the text that was given, and do without some fixes from now on."""
        self.raw, self.applied, self.sidecar, self.dropped, self.gone = self.first, dict(self.given), {}, None, False
        self.history = []
        self.barred |= without

    def take(self, fix: Fix, raw: bytes) -> None:
        """Take a new text and note whose it is."""
        if raw != self.raw:
            self.raw = raw
            self.applied.setdefault(fix.rule, fix.title)
            self.history[-1][1].append(fix.rule)


@dataclass(slots=True)
class _Judged:
    """What the judge says of one row: the steps that find fault, and what it counted of its samples."""

    steps: set[int] = field(default_factory=set)
    words: dict[str, str] = field(default_factory=dict)
    samples: list[str] = field(default_factory=list)
    tokens: list[dict[str, int]] = field(default_factory=list)
    keys: list[int | None] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)


class _Verdicts(Judge):
    """A judge that says which rule finds fault with which row: columns and excerpts, most of the work, are for reports."""

    def _report(self, number: int, row: int, sample: Sample, place: At, chunk: Chunk, findings: Findings) -> None:
        findings.add(number, row, chunk.lines[row], None, None, "", None, None, None, None)


class Fixer:
    """Fixes rows by the fixable rules of a plan; ``unsafe`` allows the fixes that are."""

    def __init__(self, plan: Plan, *, unsafe: bool = False) -> None:
        import ftdata.checks  # noqa: F401  (fills RULES)

        kept = [step for step in plan.steps if not step.skip and step.where is None and _allowed(step, unsafe)]
        self.rules = list(dict.fromkeys(step.rule for step in kept))
        self.unsafe = unsafe
        self._steps = [
            step for step in kept if FIXERS[step.rule].level in ("row", "line") and RULES[step.rule].scope != "dataset"
        ]
        columns = ("n_turns", *(("normal_key",) if "normalised-duplicate" in self.rules else ()))
        self._drift = next((step for step in kept if step.rule == "type-drift"), None)
        self._steady = FIXERS["type-drift"]
        if "arguments-string" in self.rules:
            # The target wants objects: text here and objects there would undo each other, and neither be done.
            self._steady = replace(self._steady, title="ids written as text", make=steady_ids)
        self._plan = replace(plan, steps=tuple(self._steps), columns=columns)
        self._judge = _Verdicts(self._plan)
        self._spared: Sequence[tuple[str, tuple[str, ...]]] = ()

    def sparing(self, spared: Sequence[tuple[str, tuple[str, ...]]]) -> Fixer:
        """The same fixer, which leaves alone what some rules find: each with the prefixes of sample hashes, or none for all samples."""
        if not spared:
            return self
        other = copy(self)
        always = {rule for rule, samples in spared if not samples}
        other.rules = [rule for rule in self.rules if rule not in always]
        other._spared = spared
        return other

    def fix_rows(self, rows: Sequence[bytes]) -> list[FixedRow]:
        """Fix rows given as their JSON text in UTF-8, one line or several each. Every row comes back, dropped or not."""
        works = [_Work(number, raw, raw) for number, raw in enumerate(rows)]
        active = works
        for _ in range(ROUNDS):
            for work, verdict in zip(active, self._judged([work.raw for work in active]), strict=True):
                work.verdict = verdict
                if work.before is None:
                    work.before = _sum(verdict.tokens)
                    work.spared = frozenset(
                        rule for rule, prefixes in self._spared
                        if not prefixes or any(key.startswith(prefixes) for key in verdict.samples)
                    )  # fmt: skip
            active = self._round(active)
            if not active:
                break
        else:
            for work in active:
                work.restart(set(self.rules))
                work.verdict = self._judged([work.raw])[0]
        return [self._result(part) for work in works for part in work.parts or [work]]

    def _round(self, active: list[_Work]) -> list[_Work]:
        """Fix once; the works to judge again."""
        again: list[_Work] = []
        for work in active:
            before = work.raw
            work.history.append((before, []))
            parts = self._fix_once(work)
            if len(parts) > 1:
                work.parts = parts
                again += parts
                continue
            known = next((number for number, (raw, _) in enumerate(work.history) if raw == work.raw), None)
            did = work.history[-1][1]
            if work.gone or (work.raw == before and not did):
                continue
            if known is not None:
                # These fixes undo each other: none of them is done.
                work.restart({rule for _, rules in work.history[known:] for rule in rules})
            again.append(work)
        return again

    def _fix_once(self, work: _Work) -> list[_Work]:
        """Apply the fixes of all rules that find fault, one after the other."""
        assert work.verdict is not None
        numbers = sorted(work.verdict.steps, key=lambda n: (RULES[self._steps[n].rule].scope != "file", n))
        for number in numbers:
            step = self._steps[number]
            fix = FIXERS[step.rule]
            if step.rule in work.barred or step.rule in work.spared:
                continue
            if fix.level == "line":
                parts = self._fix_line(work, fix)
                if len(parts) != 1 or work.gone:
                    return parts
            if fix.write is not None or fix.make is not None:
                self._fix_row(work, step, fix)
            if work.gone:
                return [work]
        if self._drift is not None and "type-drift" not in work.barred | work.spared and len(work.verdict.samples) == 1:
            self._fix_row(work, self._drift, self._steady)
        return [work]

    def _fix_line(self, work: _Work, fix: Fix) -> list[_Work]:
        """Fix what is not one row a line."""
        assert work.verdict is not None
        if fix.rule == "blank-line":
            work.gone = not work.raw.strip(_SPACE)
        elif fix.rule == "too-deep":
            work.gone, work.dropped = True, (fix.rule, work.verdict.words[fix.rule])
        elif fix.rule == "invalid-bytes":
            found = guess_bytes(work.raw)
            if found is not None:
                work.take(fix, found)
        elif fix.rule == "several-objects":
            values, rest = split_values(work.raw.decode("utf-8", "surrogateescape"))
            if len(values) > 1 and not rest:
                raws = [value.encode("utf-8", "surrogateescape") for value in values]
                did = {fix.rule: fix.title}
                return [_Work(work.source, raw, raw, barred=set(work.barred), given=did, applied=dict(did)) for raw in raws]
        elif fix.rule == "invalid-json":
            text = work.raw.decode("utf-8", "surrogateescape")
            if split_values(text)[1]:
                guessed = guess_row(text)
                if guessed is not None:
                    work.take(fix, guessed.encode("utf-8", "surrogateescape"))
                elif not work.verdict.samples:
                    work.gone, work.dropped = True, (fix.rule, work.verdict.words[fix.rule])
        return [work]

    def _fix_row(self, work: _Work, step: Step, fix: Fix) -> None:
        try:
            document = Document(work.raw.decode("utf-8", "surrogateescape"))
        except ValueError:
            return
        if fix.write is not None:
            fix.write(document)
        else:
            counted = work.verdict.tokens if work.verdict else []
            self._edit(work, document, step, fix, counted[0].get(step.tokens or "") if len(counted) == 1 else None)
        work.take(fix, document.text.encode("utf-8", "surrogateescape"))

    def _edit(self, work: _Work, document: Document, step: Step, fix: Fix, tokens: int | None) -> None:
        assert fix.make is not None
        row = document.value()
        if not isinstance(row, dict):
            return
        sample = parse(row, self._plan.format or detect_row(row), self._plan.mapping)
        case = Case(row, document, sample, sample_id(sample), RULES[step.rule], step.params, self.unsafe, tokens)
        edits = fix.make(case)
        drop = next((edit for edit in edits if isinstance(edit, Drop)), None)
        if drop is not None:
            work.gone, work.dropped = True, (fix.rule, drop.reason)
            return
        try:
            kept = document.apply(edits)
        except EditConflict:
            # Nothing was changed; the finding is still there and is reported as left.
            return
        for pointer, text in kept.items():
            work.sidecar.setdefault(pointer, text)

    def _judged(self, raws: Sequence[bytes]) -> list[_Judged]:
        starts, line = [], 1
        for raw in raws:
            starts.append(line)
            line += 1 + raw.count(b"\n")
        rows = tuple(zip(starts, [None] * len(raws), raws, strict=True))
        result = self._judge(Piece("rows", "", "json-objects", rows=rows))
        judged = [_Judged() for _ in raws]
        table = result.table
        owners = [bisect_right(starts, line) - 1 for line in table["line"].to_list()]
        counts = [(name.partition("@")[2], table[name]) for name in table.columns if name.startswith("n_tokens@")]
        for index, owner in enumerate(owners):
            judged[owner].samples.append(table["id"][index])
            judged[owner].turns.append(table["n_turns"][index])
            if counts:
                judged[owner].tokens.append({key: column[index] for key, column in counts})
            judged[owner].keys.append(table["normal_key"][index] if "normal_key" in table.columns else None)
        found = result.findings
        for number, row, line_of, words in zip(found.step, found.row, found.line, found.message, strict=True):
            owner = owners[row] if row >= 0 else bisect_right(starts, line_of or 1) - 1
            judged[owner].steps.add(number)
            judged[owner].words.setdefault(self._steps[number].rule, words)
        return judged

    def _result(self, work: _Work) -> FixedRow:
        verdict = work.verdict or _Judged()
        left = list(dict.fromkeys(self._steps[number].rule for number in sorted(verdict.steps)))
        one = len(verdict.samples) == 1
        tokens = None
        if verdict.tokens:
            tokens = (work.before or 0, 0 if work.gone else _sum(verdict.tokens))
        return FixedRow(
            source=work.source,
            row=None if work.gone else work.raw,
            was=work.first,
            applied=list(work.applied.items()),
            dropped=work.dropped,
            left=[] if work.gone else [rule for rule in left if rule not in work.spared],
            spared=work.spared,
            suppressed=[] if work.gone else [rule for rule in left if rule in work.spared],
            sidecar=work.sidecar,
            sample=verdict.samples[0] if one else None,
            tokens=tokens,
            normal_key=verdict.keys[0] if one else None,
            turns=verdict.turns[0] if one else 0,
        )


def _sum(tokens: list[dict[str, int]]) -> int:
    """The tokens of some samples by the first tokenizer of the plan."""
    return sum(next(iter(counts.values()), 0) for counts in tokens)


def _allowed(step: Step, unsafe: bool) -> bool:
    fix = FIXERS.get(step.rule)
    # A rule that counts tokens needs a tokenizer to have been found for it.
    counted = fix is not None and (RULES[fix.rule].scope != "measure" or step.tokens is not None)
    return fix is not None and counted and (unsafe or fix.safety == "safe")


def plan_of(*rules: str, **params: object) -> Plan:
    """A plan of these rules with their own parameters, for callers without a pack; ``params`` overrides those of all."""
    import ftdata.checks  # noqa: F401  (fills RULES)

    steps = [Step(name, {**RULES[name].params, **params}, None, None, RULES[name].message) for name in rules]
    return Plan(tuple(steps))
