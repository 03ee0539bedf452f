"""A batch of samples as tables: one row per sample, and one row per text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

import orjson

from ftdata.measure.registry import ARGUMENTS, CONTENT, MEASURES, REASONING, ROLE_NUMBER, Level
from ftdata.types import Message, Sample, ToolCall

if TYPE_CHECKING:
    import polars as pl

    from ftdata.measure.tokens import Tokenizer

OTHER_SAMPLE = 2**32 - 1
OTHER = ROLE_NUMBER["other"]
# Odd 64-bit constants: a conversation's key is a sum of its texts' hashes, each times one of these by position.
_POSITION = 0x9E3779B97F4A7C15


@dataclass(slots=True)
class ShapeFacts:
    """What is the same for all samples of one shape, computed once.

    ``plain`` shapes have one text in every turn and nothing else there; ``bare`` ones have no tools or media either.
    """

    number: int
    roles: list[int]
    trained: list[bool]
    turns: list[int]
    sides: list[int]
    plain: bool
    bare: bool = True
    measures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overhead:
    """Tokens a chat template adds. OpenAI's: 3 a message and 3 a sample (cookbook, an estimate of 2023)."""

    per_message: int = 3
    per_sample: int = 3


def is_trained(message: Message) -> bool:
    """Whether a trainer that knows the weight would train on this turn: assistant turns of non-zero weight."""
    return message.role == "assistant" and not (message.weight is not None and message.weight in (0, False))


def shape_facts(number: int, outline: Sample, names: Iterable[str]) -> ShapeFacts:
    """Compute what every sample of this shape shares."""
    roles: list[int] = []
    trained: list[bool] = []
    turns: list[int] = []
    sides: list[int] = []
    plain = not outline.chosen and not outline.rejected
    for side, messages in enumerate((outline.messages, outline.chosen, outline.rejected)):
        for message in messages:
            roles.append(ROLE_NUMBER.get(message.role or "", OTHER))
            trained.append(is_trained(message) and side < 2)
            turns.append(len(turns))
            sides.append(side)
            plain &= isinstance(message.content, str) and not message.tool_calls and message.reasoning is None
    measures = {name: MEASURES[name].make(outline) for name in names}
    bare = plain and not outline.tools and not outline.media
    return ShapeFacts(number, roles, trained, turns, sides, plain, bare, measures)


def arguments_text(arguments: Any) -> str | None:
    """The arguments of a tool call as the text a template would print."""
    if isinstance(arguments, str):
        return arguments
    if isinstance(arguments, dict | list):
        return compact(arguments)
    return None


def compact(value: Any) -> str:
    """Any JSON value as compact JSON text; what JSON cannot hold becomes its repr."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError, RecursionError):
        return repr(value)[:10_000].encode("utf-8", "replace").decode()


class Batch:
    """Samples with their shapes, and the two tables made of them when somebody asks."""

    def __init__(
        self, samples: Sequence[Sample], facts: Sequence[ShapeFacts], ready: Sequence[list[str] | None] | None = None
    ) -> None:
        """``ready`` holds the texts of the plain samples that were read without being parsed."""
        self.samples = samples
        self.facts = facts
        self.ready = ready or [None] * len(facts)
        self._texts: pl.DataFrame | None = None

    def texts(self) -> pl.DataFrame:
        """One row per text: sample, turn, side, slot, role, trained, text."""
        if self._texts is None:
            self._texts = self._collect_texts()
        return self._texts

    def _collect_texts(self) -> pl.DataFrame:
        """Gather the texts row by row; the other columns repeat by shape, and are joined to them at once."""
        import polars as pl

        texts: list[str] = []
        layout: list[int] = []
        layouts: dict[int, tuple[list[int], list[int], list[int], list[int], list[bool]]] = {}
        for row, (ready, fact) in enumerate(zip(self.ready, self.facts, strict=True)):
            number = fact.number
            if ready is not None:
                texts += ready
            elif fact.plain:
                texts += [message.content for message in self.samples[row].messages]  # type: ignore[misc]
            else:
                number = -1 - row
                slots = [(turn, *slot) for turn, message in enumerate(self.samples[row].turns()) for slot in _slots(message)]
                texts += [text for _, _, text in slots]
                turns = [turn for turn, _, _ in slots]
                layouts[number] = (
                    turns, [fact.sides[turn] for turn in turns], [slot for _, slot, _ in slots],
                    [fact.roles[turn] for turn in turns], [fact.trained[turn] for turn in turns],
                )  # fmt: skip
            if number not in layouts:
                layouts[number] = (fact.turns, fact.sides, [CONTENT] * len(fact.roles), fact.roles, fact.trained)
            layout.append(number)
        types = {"turn": pl.UInt32, "side": pl.UInt8, "slot": pl.UInt8, "role": pl.UInt8, "trained": pl.Boolean}
        known = pl.DataFrame(
            {"layout": list(layouts)} | {name: [lists[at] for lists in layouts.values()] for at, name in enumerate(types)},
            schema={"layout": pl.Int64} | {name: pl.List(kind) for name, kind in types.items()},
        )
        owner = pl.DataFrame({"layout": pl.Series(layout, dtype=pl.Int64)}).with_row_index("sample")
        placed = owner.join(known.filter(pl.col("turn").list.len() > 0), on="layout", how="inner", maintain_order="left")
        return placed.drop("layout").explode(list(types)).with_columns(pl.Series("text", texts, dtype=pl.String))

    def frame(
        self,
        names: Iterable[str],
        tokenizers: Mapping[str, tuple[Tokenizer, Overhead]] | None = None,
    ) -> pl.DataFrame:
        """One row per sample with the measures asked for.

        Token measures come once per tokenizer, as ``n_tokens@KEY`` for each KEY of ``tokenizers``.
        """
        import polars as pl

        names = list(names)
        by_level: dict[str, list[str]] = {level: [] for level in get_args(Level)}
        for name in names:
            by_level[MEASURES[name].level].append(name)
        columns = [pl.Series("sample", range(len(self.facts)), dtype=pl.UInt32)]
        for name in by_level["shape"]:
            values = [fact.measures[name] for fact in self.facts]
            columns.append(pl.Series(name, values, dtype=getattr(pl, MEASURES[name].dtype)))
        frame = pl.DataFrame(columns)
        if by_level["text"]:
            frame = self._join(frame, [MEASURES[name].make().alias(name) for name in by_level["text"]])
            zero = [n for n in by_level["text"] if MEASURES[n].dtype.startswith("UInt")]
            frame = frame.with_columns(pl.col(zero).fill_null(0))
        for role, level in (("assistant", "answer"), ("user", "question")):
            if by_level[level] or (role == "assistant" and by_level["language"]):
                frame = frame.join(self._of_last(role, by_level), on="sample", how="left", maintain_order="left")
        if by_level["key"]:
            frame = self._keys(frame, by_level["key"])
        for key, (tokenizer, overhead) in (tokenizers or {}).items():
            frame = self._count_tokens(frame, key, tokenizer, overhead)
        return frame

    def _of_last(self, role: str, by_level: Mapping[str, list[str]]) -> pl.DataFrame:
        """The measures of each sample's last turn of a role; of preference pairs the chosen side counts."""
        import polars as pl

        texts = self.texts()
        of_role = (pl.col("role") == ROLE_NUMBER[role]) & (pl.col("slot") == CONTENT) & (pl.col("side") < 2)
        is_last = pl.col("sample") != pl.col("sample").shift(-1).fill_null(OTHER_SAMPLE)
        last = texts.lazy().filter(of_role).select("sample", "text").filter(is_last)
        text = pl.col("text")
        wanted = role == "assistant" and by_level["language"]
        named = {name: MEASURES[name].make(text) for name in by_level["answer" if role == "assistant" else "question"]}
        made = last.select("sample", *(["text"] if wanted else []), **named).collect()
        if wanted:
            made = made.with_columns(pl.Series("language", list(map(language_of, made["text"])), dtype=pl.String)).drop("text")
        return made

    def _join(self, frame: pl.DataFrame, aggregations: list[pl.Expr], texts: pl.DataFrame | None = None) -> pl.DataFrame:
        texts = self.texts() if texts is None else texts
        return frame.join(
            texts.group_by("sample", maintain_order=True).agg(aggregations),
            on="sample",
            how="left",
            maintain_order="left",
        )

    def _keys(self, frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
        """Keys that are equal for equal normalised texts in the same order; 64 bits, so a chance clash in a
        million samples has a probability of 3e-8."""
        import polars as pl

        texts = self.texts()
        if "system_key" in names:
            names = [name for name in names if name != "system_key"]
            first = texts.filter((pl.col("role") < ROLE_NUMBER["user"]) & (pl.col("slot") == CONTENT)).unique(
                "sample", keep="first"
            )
            frame = frame.join(
                first.select("sample", system_key=pl.col("text").hash(0)), on="sample", how="left", maintain_order="left"
            )
        if not names:
            return frame
        texts = texts.drop("text", "trained").with_columns(normalise(texts["text"]).hash(0).alias("hash"))
        last = (pl.col("turn").filter((pl.col("role") == ROLE_NUMBER["assistant"]) & (pl.col("slot") == CONTENT))).last()
        texts = texts.with_columns(last=last.over("sample"))
        place = (pl.col("turn").cast(pl.UInt64) * 2 + 1) * pl.lit(_POSITION, dtype=pl.UInt64)
        voice = pl.col("hash") ^ (pl.col("role").cast(pl.UInt64) + 8 * pl.col("slot").cast(pl.UInt64))
        term = voice * place
        is_last = (pl.col("turn") == pl.col("last")).fill_null(False)
        made = {
            "normal_key": term.sum(),
            "prompt_key": term.filter(pl.col("last").is_null() | (pl.col("turn") < pl.col("last"))).sum(),
            "answer_key": pl.col("hash").filter(is_last & (pl.col("slot") == CONTENT)).last(),
        }
        frame = self._join(frame, [made[name].alias(name) for name in names], texts)
        context = self._context()
        if context is None:
            return frame
        # A question means another thing beside other tools or another picture.
        asked = [name for name in names if name != "answer_key"]
        return frame.with_columns(context).with_columns(pl.col(name) + pl.col("context") for name in asked).drop("context")

    def _context(self) -> pl.Series | None:
        """A hash of the tools and media of each sample, 0 where there are none; ``None`` where no sample has any."""
        import polars as pl

        texts = ["" if fact.bare else context_text(self.samples[row]) for row, fact in enumerate(self.facts)]
        if not any(texts):
            return None
        hashes = pl.Series("context", texts, dtype=pl.String).hash(0)
        return pl.select(
            pl.when(pl.Series(texts) == "").then(pl.lit(0, dtype=pl.UInt64)).otherwise(hashes).alias("context")
        ).to_series()

    def _count_tokens(self, frame: pl.DataFrame, key: str, tokenizer: Tokenizer, overhead: Overhead) -> pl.DataFrame:
        import polars as pl

        texts = self.texts()
        counts = pl.Series("n", tokenizer.count(texts["text"].to_list()), dtype=pl.UInt32)
        texts = texts.drop("text").with_columns(counts)
        # Rejected answers are never trained on, but they are read: they count in n_tokens only.
        first = pl.col("turn").filter(pl.col("trained")).min().over("sample")
        texts = texts.with_columns(first=first)
        sums = [
            pl.col("n").sum().alias("text"),
            pl.col("n").filter(pl.col("trained")).sum().alias(f"n_trained_tokens@{key}"),
            pl.col("n").filter(pl.col("turn") < pl.col("first")).sum().alias("before"),
            pl.col("first").first(),
        ]
        frame = self._join(frame, sums, texts)
        turns = pl.Series("turns", [len(fact.roles) for fact in self.facts], dtype=pl.UInt32)
        tools = pl.Series("tools", self._tool_tokens(tokenizer), dtype=pl.UInt32)
        frame = frame.with_columns(turns, tools).with_columns(
            (pl.col("text").fill_null(0) + turns * overhead.per_message + overhead.per_sample + tools)
            .cast(pl.UInt32)
            .alias(f"n_tokens@{key}"),
            pl.col(f"n_trained_tokens@{key}").fill_null(0),
            (pl.col("before").fill_null(0) + tools + pl.col("first").fill_null(0) * overhead.per_message)
            .cast(pl.UInt32)
            .alias(f"n_tokens_before_answer@{key}"),
        )
        return frame.drop("text", "before", "first", "turns", "tools")

    def _tool_tokens(self, tokenizer: Tokenizer) -> list[int]:
        """Tokens of the tool definitions as compact JSON: an estimate, for providers do not publish theirs."""
        texts = [
            "" if fact.bare or not self.samples[row].tools else compact(self.samples[row].tools)
            for row, fact in enumerate(self.facts)
        ]
        if not any(texts):
            return [0] * len(texts)
        distinct = dict.fromkeys(texts, 0)
        for text, count in zip(distinct, tokenizer.count(list(distinct)), strict=True):
            distinct[text] = count
        return [distinct[text] for text in texts]


def language_of(text: str | None) -> str | None:
    """The language of a text as ISO 639-1, by py3langid; ``None`` where there is too little to tell."""
    import py3langid

    if text is None or sum(map(str.isalpha, text[:200])) < 5:
        return None
    return str(py3langid.classify(text[:2000])[0])


def context_text(sample: Sample) -> str:
    """The tools and media of a sample as one text; empty where it has none."""
    media = [
        part.url or compact(part.raw)
        for m in sample.messages
        if isinstance(m.content, list)
        for part in m.content
        if part.text is None
    ]
    if not (sample.tools or sample.media or media):
        return ""
    return compact([sample.tools, sample.media, media])


def _slots(message: Message) -> Iterable[tuple[int, str]]:
    text = message.text
    if text or isinstance(message.content, str):
        yield CONTENT, text
    if message.reasoning:
        yield REASONING, message.reasoning
    for call in message.tool_calls:
        said = call_text(call)
        if said is not None:
            yield ARGUMENTS, said


def call_text(call: ToolCall) -> str | None:
    """The text of a tool call: its name and its arguments; ``None`` where it has neither."""
    arguments = arguments_text(call.arguments)
    return f"{call.name or ''}{arguments or ''}" if arguments is not None or call.name else None


_SPACES = [
    "\t",
    "\n",
    "\r",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x1f",
    "\x85",
    "\u1680",
    "\u2028",
    "\u2029",
]
_ASCII_SPACES = [space for space in _SPACES if space.isascii() and space != "\n"]
_ANY_SPACE = f"[{''.join(_SPACES)}]"
# What NFKC may change: all but the letters and signs of ordinary text, none of which it changes or joins.
_COMPOSABLE = "[^\x00-\x7fÀ-ÖØ-öø-ÿ–—‘-”А-Яа-я가-힣一-龥ぁ-ゖァ-ヶ、。]"


def normalise(texts: pl.Series) -> pl.Series:
    """Fold what a reader would not call different: compatibility forms (NFKC), case, runs of white space.

    The slow steps run only on the texts that need them.
    """
    folded = _put(texts, _any_of(texts, _COMPOSABLE), lambda some: some.str.normalize("NFKC")).str.to_lowercase()
    # Literals one by one: each is sought at many times the speed of a set. Rarer spaces are folded where one of these stands
    # or the text is not all ASCII.
    spaced = folded.str.contains("\n", literal=True)
    for space in ("  ", "\t", "\r"):
        spaced |= folded.str.contains(space, literal=True)
    return _put(folded, spaced | _any_of(folded, _ANY_SPACE), _one_space).str.strip_chars()


def _one_space(texts: pl.Series) -> pl.Series:
    """Every run of white space as one space."""
    rarer = _any_of(texts, _ANY_SPACE)
    for space in _ASCII_SPACES:
        rarer |= texts.str.contains(space, literal=True)
    texts = _put(texts, rarer, lambda some: some.str.replace_many(_SPACES, [" "] * len(_SPACES)))
    return texts.str.replace_all("\n", " ", literal=True).str.replace_all(r"  +", " ")


def _any_of(texts: pl.Series, pattern: str) -> pl.Series:
    """Which texts are not all ASCII and match."""
    foreign = (texts.str.len_bytes() != texts.str.len_chars()).fill_null(False)
    at = foreign.arg_true()
    return foreign.scatter(at, texts.gather(at).str.contains(pattern)) if len(at) else foreign


def _put(texts: pl.Series, where: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """The texts, changed where a flag is true."""
    at = where.arg_true()
    if len(at) == len(texts):
        return change(texts)
    return texts.clone().scatter(at, change(texts.gather(at))) if len(at) else texts
