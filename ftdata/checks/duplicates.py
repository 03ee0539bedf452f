"""FT4 and FT7: samples that repeat or contradict each other, inside a file and across train and eval."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftdata.rule import DATA, SFT, Hit, NotJudged, hit, rule


def _repeats(frame: Any, *keys: str) -> Any:
    """Rows that repeat an earlier one in these columns: their index and the first one's.

    The rows that nothing repeats, nearly all, are left out before the costly step.
    """
    import polars as pl

    some = frame.select("index", *keys)
    if some.schema[keys[0]] == pl.String:
        some = some.filter(pl.col(keys[0]).hash(0).is_duplicated())
    few = some.filter(pl.struct(keys).is_duplicated() if len(keys) > 1 else pl.col(keys[0]).is_duplicated())
    return (
        few.with_columns(first=pl.col("index").first().over(keys))
        .filter(pl.col("first") != pl.col("index"))
        .select("index", "first")
    )


def _spoken(frame: Any) -> Any:
    """The samples that hold a turn; empty ones are another rule's."""
    import polars as pl

    return frame if (frame["n_turns"] > 0).all() else frame.filter(pl.col("n_turns") > 0)


def _without(frame: Any, repeats: Any) -> Any:
    """The rows but for the repeats."""
    return frame.join(repeats.select("index"), on="index", how="anti", maintain_order="left") if repeats.height else frame


@rule(
    "FT401", "exact-duplicate", category="suspicious", scope="dataset", kinds=DATA, needs=["id", "n_turns"], catalogue=["D001", "D007"],
    message="the same sample as {other}", help="keep one of them", fix_safety="safe",
)  # fmt: skip
def exact_duplicate(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A sample whose content equals an earlier one's, whatever its ids, keys and formatting.

    ## Why
    It is trained twice per epoch: the model leans to it, and the tokens are paid twice. Cohere counts duplicates as
    invalid, Axolotl removes them on request, nobody else says a word.

    ## Example
    The same question and answer at lines 12 and 841, with different ids.

    ## Fix safety
    Safe: the first one stays.
    """
    for index, first in _repeats(_spoken(data.train), "id").iter_rows():
        yield hit(index, first, turn="question")


@rule(
    "FT402", "normalised-duplicate", category="suspicious", scope="dataset", kinds=DATA, needs=["id", "n_turns", "normal_key"], catalogue=["D002"],
    message="the same sample as {other}, but for case, white space or Unicode form", help="keep one of them", fix_safety="unsafe",
)  # fmt: skip
def normalised_duplicate(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A sample that equals an earlier one after Unicode (NFKC), case and white space are folded.

    ## Why
    To the model it is the same sample twice. Korean typed on a Mac (decomposed) and on Windows (composed) looks alike
    and differs in every byte.

    ## Example
    "How are you?" and "how  are you?"

    ## Fix safety
    Unsafe: in code and in JSON, case and white space can matter.
    """

    frame = _spoken(data.train).select("index", "id", "normal_key")
    frame = _without(frame, _repeats(frame, "id"))
    for index, first in _repeats(frame, "normal_key").iter_rows():
        yield hit(index, first, turn="question")


@rule(
    "FT403", "conflicting-answers", category="quality", scope="dataset", kinds=SFT,
    needs=["prompt_key", "answer_key"], catalogue=["D006"],
    message="the same prompt as {other}, with a different answer", help="decide which answer is right; where the question is open, both may stay",
)  # fmt: skip
def conflicting_answers(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """The same conversation up to the last answer, and then another answer.

    ## Why
    The model learns both, and answers with either. For an open question ("tell me a joke") that is variety; for a
    fact or a task it is a contradiction. Information by default, a warning under the goals task and domain.

    ## Example
    "환불 기간이 며칠인가요?" answered with "7일입니다." at line 3 and "14일입니다." at line 90.

    ## Fix safety
    No fix: which answer is right is for a person.
    """
    import polars as pl

    frame = data.train.select("index", "kind", "prompt_key", "answer_key").filter(
        (pl.col("kind").cast(pl.String) == "sft") & pl.col("prompt_key").is_not_null() & pl.col("answer_key").is_not_null()
    )
    frame = frame.filter(pl.col("prompt_key").is_duplicated())
    frame = _without(frame, _repeats(frame, "prompt_key", "answer_key"))
    for index, first in _repeats(frame, "prompt_key").iter_rows():
        yield hit(index, first, turn="question")


@rule(
    "FT701", "leaked-sample", category="correctness", scope="dataset", kinds=DATA, needs=["normal_key", "prompt_key"],
    catalogue=["D004"],
    message="{kind} as {other}, which is trained on", help="remove it from one of the two files", fix_safety="unsafe",
)  # fmt: skip
def leaked_sample(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A training sample that also stands in an evaluation file.

    ## Why
    The evaluation then measures memory. Nothing warns about it: the validation loss only looks too good. OpenAI's
    reference says the same data should not be present in both files.

    ## Example
    A file split by hand after the duplicates were added.

    ## Fix safety
    Unsafe: the sample is removed from the evaluation file.
    """
    import polars as pl

    train, held = data.train, data.eval
    if not held.height or not train.height:
        return
    # Each evaluation sample is named once: as the same sample if it is one, else by its prompt.
    for key, kind in (("normal_key", "the same sample"), ("prompt_key", "the same prompt")):
        first = train.filter(pl.col(key).is_not_null()).unique(key, keep="first", maintain_order=True)
        pairs = held.filter(pl.col(key).is_not_null()).join(
            first.select(pl.col("index").alias("other"), key), on=key, how="inner", maintain_order="left"
        )
        for index, other in pairs.select("index", "other").iter_rows():
            yield hit(index, other, kind=kind)
        held = held.join(pairs.select("index"), on="index", how="anti", maintain_order="left")


@rule(
    "FT404", "near-duplicate", category="suspicious", scope="dataset", kinds=DATA, on=False, needs=["id"], catalogue=["D003"],
    params={"threshold": 90.0},
    message="{score} % the same as {other}: {difference}", help="`ftdata dedupe` shows the pairs and drops what may go", fix_safety="unsafe",
)  # fmt: skip
def near_duplicate(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A sample that differs from another one in a few characters only. Found exactly, as by ``ftdata dedupe``.

    ## Why
    It is trained twice per epoch. Samples that differ only in a number, a name, a unit or a negation are no duplicates,
    and neither is the same question with another answer. Off by default, for large sets take minutes.

    ## Example
    "The parcel has left the warehouse." and "The parcels have left the warehouse."

    ## Fix safety
    Unsafe: which one stays is a choice.
    """
    for index, other, score, difference in data.near_duplicates(p["threshold"]):
        yield hit(index, other, turn="question", score=f"{score:.1f}", difference=difference or "white space or case")


@rule(
    "FT405", "answer-template", category="quality", scope="dataset", kinds=SFT, needs=["answer_key", "prompt_key", "n_answer_chars"],
    params={"questions": 10, "shortest": 40},
    message="the same answer to {count} questions", help="vary it, unless one answer to all of them is what you teach",
)  # fmt: skip
def answer_template(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """One answer, longer than a label, to many different questions. Said once, at its first sample.

    ## Why
    The model learns to answer with it whatever is asked.

    ## Example
    "I'm sorry, I can only help with questions about our shop." 140 times.

    ## Fix safety
    No fix: it may be right.
    """
    import polars as pl

    frame = data.train.filter((pl.col("n_answer_chars") >= p["shortest"]) & pl.col("answer_key").is_not_null())
    frame = frame.filter(pl.col("answer_key").is_duplicated())
    groups = frame.group_by("answer_key", maintain_order=True).agg(
        pl.col("index").first(), pl.col("prompt_key").n_unique().alias("n")
    )
    for index, count in groups.filter(pl.col("n") >= p["questions"]).select("index", "n").iter_rows():
        yield hit(index, turn="answer", count=count)


@rule(
    "FT702", "near-leak", category="suspicious", scope="dataset", kinds=DATA, needs=["id"], catalogue=["D005"],
    params={"threshold": 90.0, "variants": False, "megabytes": 128},
    message="{score} % the same as {other}, which is trained on: {difference}", help="remove it from one of the two files",
    fix_safety="unsafe",
)  # fmt: skip
def near_leak(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """An evaluation sample that nearly equals a training sample.

    ## Why
    The model has seen it: the score says nothing about what it has learned. Equal samples are *leaked-sample*'s. Only
    evaluation files are compared with training files, exactly: 5,000 samples with 45,000 (38 MB) in 3 seconds on four cores
    (2026-11-23). Files of more than ``megabytes`` together are skipped, and the verdict says so; 0 lifts the bound. Samples
    that differ in a number, a name, a unit or a negation count with ``variants``.

    ## Example
    The same question with one word changed, at train.jsonl:12 and eval.jsonl:3.

    ## Fix safety
    Unsafe: from which file it goes is a choice.
    """
    if not data.eval.height or not data.train.height:
        return
    if 0 < p["megabytes"] * 1_000_000 < data.size:
        raise NotJudged(
            f"{data.size // 1_000_000:,} MB to compare, and megabytes = {p['megabytes']} is the bound: "
            "set [rules.near-leak] megabytes = 0, or run `ftdata dedupe TRAIN --against EVAL`"
        )
    for index, other, score, difference in data.near_leaks(p["threshold"], p["variants"]):
        yield hit(index, other, turn="question", score=f"{score:.1f}", difference=difference or "white space or case")
