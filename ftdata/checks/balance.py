"""FT61 and FT62: variety and balance: what a few samples or one template take away from all the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ftdata.rule import SFT, TRAINED, Hit, hit, rule


@rule(
    "FT610", "dominating-sample", category="suspicious", scope="dataset", kinds=TRAINED, needs=["n_chars"], catalogue=["C008"],
    params={"share": 0.1, "minimum": 50},
    message="this one sample holds {percent} % of all the text in the set ({count} samples)",
    help="split it, or look whether it belongs there",
)  # fmt: skip
def dominating_sample(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """One giant conversation that makes a tenth or more of the set's text.

    ## Why
    Loss is averaged over tokens: the model learns mostly what stands in it, and it is cut at the context limit besides.

    ## Example
    One exported chat of 900 turns among 300 short ones.

    ## Fix safety
    No fix.
    """
    import polars as pl

    for train in data.sets:
        total = train["n_chars"].sum()
        if train.height < p["minimum"] or not total:
            continue
        for index, chars in train.filter(pl.col("n_chars") > p["share"] * total).select("index", "n_chars").iter_rows():
            yield hit(index, turn="question", percent=round(100 * chars / total), count=train.height)


@rule(
    "FT611", "prompt-template", category="quality", scope="dataset", kinds=TRAINED, needs=["opening"],
    params={"share": 0.3, "minimum": 50},
    message='{percent} % of the questions begin with "{words}" ({count} samples)', help="ask the same thing in more ways",
)  # fmt: skip
def prompt_template(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """Questions of which a third or more begin with the same three words.

    ## Why
    The model learns to answer that template. A user who asks otherwise gets the base model.

    ## Example
    "Classify the following …" at the start of 80 % of the questions.

    ## Fix safety
    No fix: a fixed prompt may be how the model will be used.
    """
    for train in data.sets:
        known = train["opening"].drop_nulls()
        if len(known) < p["minimum"]:
            continue
        words, count = known.value_counts().sort(["count", "opening"], descending=[True, False]).row(0)
        if count >= p["share"] * len(known):
            yield hit(int(train["index"][0]), percent=int(100 * count / len(known)), words=words, count=count)


@rule(
    "FT612", "low-diversity", category="suspicious", scope="dataset", kinds=TRAINED, needs=["opening", "answer_key", "n_answer_chars"],
    params={"minimum": 100, "openings": 0.35, "answers": 0.1, "label": 30},
    message="{words}", help="add samples that ask for other things, in other words",
)  # fmt: skip
def low_diversity(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """Questions that nearly all begin alike, or a handful of answers to all of them.

    ## Why
    A thousand samples of one kind teach one kind. Two numbers are looked at: the entropy of the questions' first three
    words, as a share of what it is if all differ (``openings``), and the share of distinct answers (``answers``), where
    answers are longer than a label (half of them longer than ``label`` characters).

    ## Example
    1,000 questions with 12 openings; 500 samples with 9 different answers.

    ## Fix safety
    No fix.
    """
    for train in data.sets:
        openings, answers = train["opening"].drop_nulls(), train["answer_key"].drop_nulls()
        if len(openings) >= p["minimum"]:
            value = entropy(openings) / math.log2(len(openings))
            if value < p["openings"]:
                distinct = openings.n_unique()
                yield hit(
                    int(train["index"][0]),
                    words=f"{len(openings):,} questions have {distinct:,} different openings (entropy {value:.2f} of 1)",
                )
        if (train["n_answer_chars"].median() or 0) <= p["label"]:
            continue
        if len(answers) >= p["minimum"] and answers.n_unique() < p["answers"] * len(answers):
            distinct = answers.n_unique()
            yield hit(int(train["index"][0]), words=f"{len(answers):,} samples share {distinct:,} different answers")


def entropy(values: Any) -> float:
    """The entropy of a column's values, in bits."""
    counts: list[int] = values.value_counts()["count"].to_list()
    total = sum(counts)
    return -math.fsum(n / total * math.log2(n / total) for n in counts)


@rule(
    "FT615", "repeated-phrases", category="quality", scope="dataset", kinds=TRAINED, needs=["opening"],
    params={"minimum": 100, "sample": 1000, "distinct": 0.35, "templates": 0.5},
    message="{words}", help="ask in other words, and for other things",
)  # fmt: skip
def repeated_phrases(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """Questions that share most of their phrases, wherever in the question they stand.

    ## Why
    Variety is what makes a model general. Up to ``sample`` questions, evenly spaced over the file, are read once more:
    of their three-word phrases at least a share of ``distinct`` should stand only once, and at most a share of
    ``templates`` of the questions may be made of phrases that a tenth of them have (a template with gaps).

    ## Example
    "I would like to know more about {product}, please tell me the price and the size." 400 times.

    ## Fix safety
    No fix.
    """
    for train in data.sets:
        known = train.filter(train["opening"].is_not_null())
        if known.height < p["minimum"]:
            continue
        step = max(1, known.height // p["sample"])
        texts = [text for text in data.texts(known["index"].gather_every(step).to_list(), "question") if text]
        phrases = [
            set(zip(words, words[1:], words[2:], strict=False)) for words in (text.lower().split()[:200] for text in texts)
        ]
        phrases = [found for found in phrases if found]
        if len(phrases) < p["minimum"]:
            continue
        counts = Counter(phrase for found in phrases for phrase in found)
        distinct = len(counts) / counts.total()
        common = {phrase for phrase, count in counts.items() if 10 * count >= len(phrases)}
        share = sum(2 * len(found & common) >= len(found) for found in phrases) / len(phrases)
        if distinct < p["distinct"] or share > p["templates"]:
            words = (
                f"of the three-word phrases in {len(phrases):,} questions {distinct:.0%} are different; "
                f"{share:.0%} of the questions follow a template"
            )
            yield hit(int(train["index"][0]), words=words)


@rule(
    "FT613", "single-turn-only", category="quality", scope="dataset", kinds=SFT, needs=["n_user"], on=False, params={"minimum": 50},
    message="all {count} conversations have one question: the style is not shown over several turns",
    help="add conversations of several turns, if users will have them",
)  # fmt: skip
def single_turn_only(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A set for a style or a persona in which no conversation goes on.

    ## Why
    A persona that is taught for one turn fades in the third.

    ## Example
    300 samples of one question and one answer, for a chat persona.

    ## Fix safety
    No fix.
    """
    import polars as pl

    for train in data.sets:
        count = train.filter(pl.col("kind").cast(pl.String) == "sft").height
        if count >= p["minimum"] and (train["n_user"].max() or 0) <= 1:
            yield hit(int(train["index"][0]), count=count)


@rule(
    "FT614", "always-calls-tool", category="quality", scope="dataset", kinds=SFT, needs=["n_tools", "n_tool_calls"],
    params={"minimum": 50}, catalogue=["C008"],
    message="all {count} samples with tools call one", help="add samples in which the right answer needs no tool",
)  # fmt: skip
def always_calls_tool(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """Samples with tools, every one of which calls a tool.

    ## Why
    The model learns that tools are there to be called, and calls one to say hello.

    ## Example
    400 samples with a weather tool, and a call in each.

    ## Fix safety
    No fix.
    """
    import polars as pl

    for train in data.sets:
        tooled = train.filter(pl.col("n_tools") > 0)
        if tooled.height >= p["minimum"] and (tooled["n_tool_calls"] > 0).all():
            yield hit(int(tooled["index"][0]), count=tooled.height)
