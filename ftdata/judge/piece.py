"""Judge one piece of one file: decode, parse, measure, and run every rule that looks at single samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ftdata.errors import ReadError
from ftdata.formats import detect_row, outline, parse, read_plain, sample_id, shape
from ftdata.judge.excerpt import describe, excerpt, fill
from ftdata.judge.guard import Guard
from ftdata.judge.plan import Plan
from ftdata.judge.position import find_pointer, line_and_column
from ftdata.judge.texts import TextRules, place
from ftdata.measure.batch import Batch, ShapeFacts, shape_facts
from ftdata.measure.registry import MEASURES
from ftdata.measure.tokens import Tokenizer, load_tokenizer
from ftdata.plugins import load_plugins
from ftdata.rule import CONVERSATIONS, At, Columns, Rule
from ftdata.types import Chunk, Fault, Message, Sample

if TYPE_CHECKING:
    import polars as pl

    from ftdata.read import Piece

MAX_SHAPES = 50_000
MANY_BYTES = 8 << 20
JUDGE = "ftdata.judge.piece:Judge"
"""What worker processes make of a plan."""
FINDING_COLUMNS = ("step", "row", "line", "column", "pointer", "message", "where", "excerpt", "start", "end")


@dataclass(slots=True)
class Findings:
    """Findings of one piece, column by column; ``row`` is the sample's index in the piece, -1 for none."""

    step: list[int] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    line: list[int | None] = field(default_factory=list)
    column: list[int | None] = field(default_factory=list)
    pointer: list[str | None] = field(default_factory=list)
    message: list[str] = field(default_factory=list)
    where: list[str | None] = field(default_factory=list)
    excerpt: list[str | None] = field(default_factory=list)
    start: list[int | None] = field(default_factory=list)
    end: list[int | None] = field(default_factory=list)

    def add(self, *values: Any) -> None:
        """Append one finding; the values in the order of FINDING_COLUMNS."""
        for name, value in zip(FINDING_COLUMNS, values, strict=True):
            getattr(self, name).append(value)


@dataclass(slots=True)
class PieceResult:
    """What a worker sends back: the table's rows, the findings, and counts. No texts beyond excerpts."""

    table: pl.DataFrame
    findings: Findings
    formats: Counter[str]
    kinds: Counter[str]
    faults: Counter[str]
    size: int
    lost: int
    rows: int
    problem: str | None = None
    error: tuple[str, str | None] | None = None
    failed: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Shape:
    """A distinct shape: its shared facts, the structural places at fault, and the content steps to run."""

    facts: ShapeFacts
    places: list[tuple[int, int, At]]
    content: list[int]
    exempt: frozenset[int]
    kind: str
    format: str


class _Samples(Sequence[Sample]):
    """The samples of a piece. Plain chats are parsed only when somebody looks at them: nobody looks at most."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values
        self._parsed: dict[int, Sample] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, row: int) -> Sample:  # type: ignore[override]
        found = self._parsed.get(row)
        return found if found is not None else self.keep(row, parse(self._values[row], "openai-chat"))

    def keep(self, row: int, sample: Sample) -> Sample:
        """Take the sample of a row."""
        self._parsed[row] = sample
        return sample


@dataclass(slots=True)
class _Rows:
    """The rows of a piece, column by column: sample, texts where they are plain, hash, shape."""

    samples: _Samples
    ready: list[list[str] | None] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    shapes: list[_Shape] = field(default_factory=list)


class Judge:
    """One process's judge. Keeps the shapes it has seen, so that structural rules run once for each."""

    def __init__(self, plan: Plan) -> None:
        import ftdata.checks  # noqa: F401  (fills RULES)

        if plan.plugins:
            load_plugins(plan.plugins)
        self.plan = plan
        self.guard = Guard()
        self.shapes: dict[Hashable, _Shape] = {}
        self.seen = 0
        self.rules: list[Rule | None] = [step.find() for step in plan.steps]
        self.by_scope: dict[str, list[int]] = {
            "file": [],
            "structure": [],
            "content": [],
            "measure": [],
            "text": [],
            "template": [],
            "dataset": [],
        }
        for number, found in enumerate(self.rules):
            if plan.steps[number].skip:
                continue
            self.by_scope[found.scope if found else "measure"].append(number)
        self.faults: dict[str, list[int]] = {}
        for number in self.by_scope["file"]:
            self.faults.setdefault(plan.steps[number].rule, []).append(number)
        self.tokenizers: dict[str, tuple[Tokenizer, Any]] = {}
        for key, (name, overhead) in plan.tokenizers.items():
            tokenizer = load_tokenizer(name)
            prepare = getattr(tokenizer, "prepare", None)
            if prepare is not None:
                prepare(plan.text_bytes)
            self.tokenizers[key] = (tokenizer, overhead)
        self._prepare_expressions()

    def _prepare_expressions(self) -> None:
        """Build each measure rule's expression once, and learn what columns they need."""
        import polars as pl

        names: list[str] = list(self.plan.columns)
        self.expressions: dict[str | None, list[tuple[int, pl.Expr]]] = {}
        for number in self.by_scope["measure"]:
            step, found = self.plan.steps[number], self.rules[number]
            columns = Columns()
            if found is None:
                made = [pl.sql_expr(step.where or "false")]
                columns.touched = made[0].meta.root_names()
            else:
                made = self.guard.run(number, found, lambda check, *given: [check(*given)], found.check, columns, step.params)
            names += columns.touched
            self.expressions.setdefault(step.tokens, []).extend((number, expression) for expression in made)
        self.texts = TextRules(
            [(n, r, self.plan.steps[n].params) for n in self.by_scope["text"] if (r := self.rules[n])],
            self.guard,
            many=self.plan.text_bytes >= MANY_BYTES,
        )
        self.templates = _templates(
            [(n, r, self.plan.steps[n].params) for n in self.by_scope["template"] if (r := self.rules[n])]
        )
        self.names = list(dict.fromkeys(n for n in names if n in MEASURES))
        self.shape_names = [n for n in self.names if MEASURES[n].level == "shape"]

    def __call__(self, piece: Piece) -> PieceResult:
        """Judge every row of a piece."""
        from ftdata.read import decode

        try:
            chunk = decode(piece)
        except ReadError as error:
            chunk = Chunk(piece.path, [], [], [], [], [], piece.size)
            failed: ReadError | None = error
        else:
            failed = None
        findings = Findings()
        faults: Counter[str] = Counter(fault.rule for fault in chunk.faults)
        for fault in chunk.faults:
            self._report_fault(fault, findings)
        rows = self._parse(chunk)
        samples = rows.samples
        batch = Batch(samples, [known.facts for known in rows.shapes], rows.ready)
        # The text rules go first, for they know which turns need masking.
        self._run_texts(batch, rows, chunk, findings)
        for row, known in enumerate(rows.shapes):
            if known.places:
                for number, turn, place in known.places:
                    self._report(number, row, samples[row], _at_turn(samples[row], turn, place), chunk, findings)
            for number in known.content:
                found = self.rules[number]
                assert found is not None
                for place in self.guard.run(number, found, found.check, samples[row], self.plan.steps[number].params):
                    self._report(number, row, samples[row], place, chunk, findings)
        frame = batch.frame(self.names, self.tokenizers)
        self._run_expressions(frame, rows, chunk, findings)
        if self.templates:
            self._run_templates(rows, chunk, findings)
        return PieceResult(
            table=self._table(frame, rows, chunk),
            findings=findings,
            formats=Counter(known.format for known in rows.shapes),
            kinds=Counter(known.kind for known in rows.shapes),
            faults=faults,
            size=chunk.size,
            lost=sum(fault.lost for fault in chunk.faults),
            rows=len(rows.shapes),
            problem=next((samples[row].problem for row, known in enumerate(rows.shapes) if known.kind == "none"), None),
            error=(failed.message, failed.hint) if failed else None,
            failed=dict(self.guard.failed),
        )

    def _parse(self, chunk: Chunk) -> _Rows:
        forced, mapping = self.plan.format, self.plan.mapping
        known = self.shapes
        rows = _Rows(_Samples(chunk.values))
        for row, value in enumerate(chunk.values):
            plain = read_plain(value) if not forced and not mapping else None
            if plain is not None:
                texts, key, identity = plain
                found = known.get(key)
                if found is None:
                    found = self._judge_shape(key, rows.samples[row])
                rows.ready.append(texts)
            else:
                sample = rows.samples.keep(row, parse(value, forced or detect_row(value), mapping))
                key, identity = shape(sample), sample_id(sample)
                found = known.get(key)
                if found is None:
                    found = self._judge_shape(key, sample)
                rows.ready.append(None)
            rows.ids.append(identity)
            rows.shapes.append(found)
        return rows

    def _judge_shape(self, key: Hashable, sample: Sample) -> _Shape:
        if len(self.shapes) >= MAX_SHAPES:
            self.shapes.clear()
        drawn = outline(sample)
        self.seen += 1
        places: list[tuple[int, int, At]] = []
        content: list[int] = []
        turns = drawn.turns()
        for number in self.by_scope["structure"]:
            found = self.rules[number]
            assert found is not None
            if sample.kind in found.kinds:
                for place in self.guard.run(number, found, found.check, drawn, self.plan.steps[number].params):
                    turn = next((i for i, message in enumerate(turns) if message is place.message), -1)
                    places.append((number, turn, place))
        for number in self.by_scope["content"]:
            found = self.rules[number]
            assert found is not None
            if sample.kind in found.kinds and (found.when is None or found.when(drawn)):
                content.append(number)
        exempt = frozenset(
            number for number in self.by_scope["text"] if (rule := self.rules[number]) and rule.when and not rule.when(drawn)
        )
        facts = shape_facts(self.seen, drawn, self.shape_names)
        self.shapes[key] = result = _Shape(facts, places, content, exempt, sample.kind, sample.format)
        return result

    def _run_expressions(self, frame: pl.DataFrame, rows: _Rows, chunk: Chunk, findings: Findings) -> None:
        import polars as pl

        for tokens, expressions in self.expressions.items():
            renamed = frame
            if tokens:
                suffix = f"@{tokens}"
                renamed = frame.rename({c: c.removesuffix(suffix) for c in frame.columns if c.endswith(suffix)})
            # All of ours in one go; a plugin's by itself, for it may fail.
            ours = [(n, e) for n, e in expressions if (rule := self.rules[n]) is None or rule.ours]
            flags = {f.name: f for f in renamed.select(expression.alias(str(number)) for number, expression in ours)}
            for number, expression in expressions:
                found = self.rules[number]
                if str(number) not in flags:
                    made = self.guard.run(number, found, lambda of, by: [of.select(by).to_series()], renamed, expression)
                    flags |= {str(number): series for series in made}
                if str(number) not in flags:
                    continue
                hits = flags[str(number)].fill_null(False)
                if hits.dtype != pl.Boolean or not hits.any():
                    continue
                for row in hits.arg_true().to_list():
                    sample = rows.samples[row]
                    if found is not None and sample.kind not in found.kinds:
                        continue
                    values = renamed.row(row, named=True) if "{" in (self.plan.steps[number].message) else {}
                    self._report_measure(number, row, sample, values, chunk, findings)

    def _run_texts(self, batch: Batch, rows: _Rows, chunk: Chunk, findings: Findings) -> None:
        self.texts.private = None
        if not self.by_scope["text"]:
            return
        spoiled = _spoiled_lines(chunk)
        for number, row, turn, slot, text, spots in list(self.texts.hits(batch.texts())):
            found, known = self.rules[number], rows.shapes[row]
            assert found is not None
            if known.kind not in found.kinds or number in known.exempt:
                continue
            if found.name == "mojibake" and chunk.lines[row] in spoiled:
                continue
            sample = rows.samples[row]
            message = sample.turns()[turn]
            for spot in spots:
                self._report(number, row, sample, place(message, slot, text, spot), chunk, findings)

    def _run_templates(self, rows: _Rows, chunk: Chunk, findings: Findings) -> None:
        for row, known in enumerate(rows.shapes):
            if known.kind not in CONVERSATIONS:
                continue
            sample = rows.samples[row]
            for number, message, fault in self.templates.of_sample(sample):
                pointer = None if message is not None else ""
                found_at = At(message, key="", pointer=pointer, values={"words": fault.words})
                self._report(number, row, sample, found_at, chunk, findings)

    def close(self) -> None:
        """End what was started to judge."""
        if self.templates:
            self.templates.close()

    def _report_measure(
        self, number: int, row: int, sample: Sample, values: dict[str, Any], chunk: Chunk, findings: Findings
    ) -> None:
        found, step = self.rules[number], self.plan.steps[number]
        places: Iterable[At] = ()
        if found is not None and found.locate is not None:
            places = self.guard.run(number, found, found.locate, sample, step.params)
        for found_at in places or [At(pointer="")]:
            found_at.values = values | found_at.values
            self._report(number, row, sample, found_at, chunk, findings)

    def _report(self, number: int, row: int, sample: Sample, place: At, chunk: Chunk, findings: Findings) -> None:
        step = self.plan.steps[number]
        message = place.message
        if place.pointer is not None:
            pointer = place.pointer
        elif message is None:
            pointer = ""
        elif place.key == "content":
            pointer = message.content_pointer
        else:
            key = "from" if place.key == "role" and message.content_key == "value" else place.key
            pointer = f"{message.pointer}/{key}" if key else message.pointer
        line, column = chunk.lines[row], None
        raw = chunk.raws[row]
        if raw is not None and line is not None:
            line, column = line_and_column(raw, _nearest(raw, pointer), line)
        shown, mark = excerpt(place, self._is_private(row, sample, message))
        findings.add(
            number, row, line, column, pointer or None, fill(step.message, place.values, step.params),
            describe(message, sample) if message is not None else None,
            shown, mark[0] if mark else None, mark[1] if mark else None,
        )  # fmt: skip

    def _is_private(self, row: int, sample: Sample, message: Message | None) -> bool:
        private = self.texts.private
        if private is None or message is None:
            return True
        return any((row, turn) in private for turn, other in enumerate(sample.turns()) if other is message)

    def _report_fault(self, fault: Fault, findings: Findings) -> None:
        for number in self.faults.get(fault.rule, ()):
            step = self.plan.steps[number]
            caret = fault.values.get("caret")
            mark = (caret, caret + 1) if isinstance(caret, int) else (None, None)
            findings.add(
                number, -1, fault.line, fault.column, None, fill(step.message, fault.values, step.params), None,
                fault.excerpt, mark[0], mark[1],
            )  # fmt: skip

    def _table(self, frame: pl.DataFrame, rows: _Rows, chunk: Chunk) -> pl.DataFrame:
        import polars as pl

        keep = [
            name for name in frame.columns
            if name in self.plan.columns or ("@" in name and name.split("@")[0] in ("n_tokens", "n_trained_tokens"))
        ]  # fmt: skip
        return frame.select(
            *keep,
            pl.Series("id", rows.ids, dtype=pl.String),
            pl.Series("line", chunk.lines, dtype=pl.UInt32),
            pl.Series("offset", chunk.offsets, dtype=pl.UInt64),
            pl.Series("format", [known.format for known in rows.shapes], dtype=pl.Categorical),
            pl.Series("kind", [known.kind for known in rows.shapes], dtype=pl.Categorical),
        )


def _templates(rules: list[tuple[int, Rule, Any]]) -> Any:
    """The template rules; what renders is loaded only where there are some."""
    if not rules:
        return None
    from ftdata.judge.templates import Templates

    return Templates(rules)


def _spoiled_lines(chunk: Chunk) -> set[int | None]:
    """Lines whose replacement characters the reader itself put in, and has reported."""
    return {fault.line for fault in chunk.faults if fault.rule in ("invalid-bytes", "lone-surrogate")}


def _nearest(raw: bytes, pointer: str) -> int:
    """The offset of the value at a pointer, or of the closest one above it: a key may be missing, or hold JSON as
    text."""
    while pointer:
        offset = find_pointer(raw, pointer)
        if offset is not None:
            return offset
        pointer = pointer.rpartition("/")[0]
    return 0


def _at_turn(sample: Sample, turn: int, place: At) -> At:
    return At(sample.turns()[turn] if turn >= 0 else None, place.key, place.span, place.pointer, place.values)
