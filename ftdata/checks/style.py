"""FT33 to FT35: the style of a set: what nine answers in ten have in common, and the tenth has not.

A set is a file. A trait counts as its own where at least ``share`` of at least ``minimum`` answers have it. So a mixed set gets no
findings, and a set that teaches a style gets one for every answer that would unteach it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ftdata.rule import SFT, TRAINED, Hit, hit, rule

DOMINANT = {"share": 0.9, "minimum": 20}


def dominant(frame: Any, column: str, p: dict[str, Any]) -> tuple[Any, int, float] | None:
    """The commonest value of a column, how many rows have one at all, and its share of them; ``None`` below the limits."""
    import polars as pl

    known = frame[column].drop_nulls()
    if len(known) < p["minimum"]:
        return None
    value, count = known.value_counts().sort(["count", column], descending=[True, False]).row(0)
    share = count / len(known)
    return (value, len(known), share) if share >= p["share"] and frame.filter(pl.col(column) != value).height else None


def _percent(share: float) -> int:
    return int(100 * share)


def _answers(frame: Any) -> Any:
    """The samples with an answer."""
    import polars as pl

    return frame.filter(pl.col("n_answer_chars") > 0)


@rule(
    "FT330", "not-json", category="suspicious", scope="dataset", kinds=TRAINED, needs=["answer_json", "n_answer_chars", "has_tools"], params=DOMINANT,
    message="the answer is not JSON, as {percent} % of the answers are", help="make it the JSON that the others are, without words or fences around it",
)  # fmt: skip
def not_json(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """An answer that is no valid JSON, in a set whose answers are JSON.

    ## Why
    "Always answer in JSON" is learned from every sample: a sentence, a Markdown fence or a JSON that stops too early
    among them breaks the parser of whoever uses the model, now and then.

    ## Example
    "Sure! Here is the JSON: …" where 97 % of the answers are JSON objects.

    ## Fix safety
    No fix: only a fence could be taken off safely.
    """
    import polars as pl

    for train in data.sets:
        # An answer beside tools may be a call or a text: its form is no style.
        frame = _answers(train).filter(~pl.col("has_tools"))
        is_json = frame["answer_json"].is_not_null()
        share = is_json.mean() or 0.0
        if frame.height >= p["minimum"] and share >= p["share"]:
            for index in frame.filter(~is_json)["index"]:
                yield hit(index, turn="answer", percent=_percent(share))


@rule(
    "FT331", "different-json-keys", category="suspicious", scope="dataset", kinds=TRAINED, needs=["answer_keys"], params=DOMINANT,
    message="the JSON has the keys {keys}; {percent} % of the answers have {usual}", help="use the keys of the others",
)  # fmt: skip
def different_json_keys(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A JSON answer with other keys than the set's.

    ## Why
    A fixed schema with exceptions is no schema: the model drops or invents keys.

    ## Example
    ``{"priority": …}`` where the others have ``{"urgency": …}``

    ## Fix safety
    No fix: whether a key was renamed or a value is missing is unknown.
    """
    import polars as pl

    for train in data.sets:
        found = dominant(train, "answer_keys", p)
        if found:
            usual, _, share = found
            for index, keys in train.filter(pl.col("answer_keys") != usual).select("index", "answer_keys").iter_rows():
                yield hit(index, turn="answer", keys=keys or "(none)", usual=usual, percent=_percent(share))


_SPEAKS_OF_LANGUAGE = (
    r"(?i)translat|번역|영어|한국어|일본어|중국어|한글|영문|국문|스페인어|프랑스어|독일어|外语|翻译|英文|英语|中文|汉语|日语|韩语|日文|韩文|英語|日本語|中国語|韓国語|訳"
    r"|\bin (?:english|korean|chinese|japanese|spanish|french|german|russian|arabic|hindi|italian|portuguese)\b|\blanguages?\b|\b(?:english|korean|chinese|japanese)\b"
    r"|перевед|перевод|traduc|traduire|übersetz|code|코드|코딩|파이썬|python|java|sql|함수|프로그램|代码|函数|编程|程序|コード"
)


def _lacks(frame: Any, script: str, column: str) -> Any:
    import polars as pl

    return ~pl.col(column).str.contains(script, literal=True)


@rule(
    "FT332", "wrong-language", category="suspicious", scope="dataset", kinds=TRAINED,
    needs=["answer_scripts", "question_scripts", "answer_json", "answer_shape", "n_answer_chars"],
    params={"share": 0.9, "minimum": 20, "shortest": 15},
    message="a question in {asked} is answered in {answered}", help="answer in the language of the question",
)  # fmt: skip
def wrong_language(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A question in one script answered in another, in a set whose answers follow their questions.

    ## Why
    The model learns to switch languages on its own. Translations, code, JSON and questions about languages are left
    alone; languages of one script (English and French) are told apart by *other-language*.

    ## Example
    "배송지를 바꾸고 싶어요." answered with "You can change it in the app."

    ## Fix safety
    No fix: the answer has to be translated.
    """
    import polars as pl

    for train in data.sets:
        frame = train.filter(
            pl.col("answer_scripts").is_not_null() & pl.col("question_scripts").is_not_null() & pl.col("answer_json").is_null()
            & (pl.col("answer_shape") != "code") & (pl.col("n_answer_chars") >= p["shortest"])
        )  # fmt: skip
        if frame.height < p["minimum"]:
            continue
        asked, answered = (pl.col(name).str.split("+") for name in ("question_scripts", "answer_scripts"))
        apart = (asked.list.set_intersection(answered).list.len() == 0).fill_null(False)
        frame = frame.with_columns(apart=apart)
        share = 1 - (frame["apart"].mean() or 0.0)
        if share >= p["share"]:
            rows = frame.filter("apart").select("index", "question_scripts", "answer_scripts").rows()
            indexes = [row[0] for row in rows]
            turns = zip(rows, data.texts(indexes, "question"), data.texts(indexes, "answer"), strict=True)
            for (index, asked_in, answered_in), question, answer in turns:
                # Names and labels are of no language.
                if answered_in == "Latin" and answer is not None and len(re.findall(r"\b[a-z]{2,}\b", answer)) < 4:
                    continue
                if question is None or not re.search(_SPEAKS_OF_LANGUAGE, question):
                    yield hit(index, turn="answer", asked=_written(asked_in), answered=_written(answered_in))


_SCRIPT_NAMES = {"Hangul": "Korean", "Han": "Chinese", "Kana": "Japanese", "Latin": "Latin letters"}


def _written(scripts: str) -> str:
    return " and ".join(_SCRIPT_NAMES.get(name, name) for name in scripts.split("+"))


@rule(
    "FT333", "other-language", category="quality", scope="dataset", kinds=TRAINED, needs=["language", "n_answer_chars"], on=False,
    params={"share": 0.95, "minimum": 50, "shortest": 60},
    message="the answer is in {language}, {percent} % of the answers are in {usual}", help="translate it, or drop the sample",
)  # fmt: skip
def other_language(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """An answer in another language than the set's, languages of one script told apart. Needs the extra [lang].

    ## Why
    One French answer in an English set teaches the model to answer in French at times. Off by default: the guess is a
    statistical one, and short texts are guessed wrongly now and then.

    ## Example
    "Bien sûr, avec plaisir …" where 98 % of the answers are English.

    ## Fix safety
    No fix: the answer has to be translated.
    """
    import polars as pl

    for train in data.sets:
        frame = train.filter(pl.col("n_answer_chars") >= p["shortest"])
        found = dominant(frame, "language", p)
        if found:
            usual, _, share = found
            for index, language in frame.filter(pl.col("language") != usual).select("index", "language").iter_rows():
                yield hit(index, turn="answer", language=language, usual=usual, percent=_percent(share))


@rule(
    "FT334", "mixed-speech-level", category="suspicious", scope="dataset", kinds=TRAINED, needs=["speech_level", "answer_json"], params=DOMINANT,
    message="the answer is in {level}, {percent} % of the answers are in {usual}", help="rewrite it in the speech level of the others",
)  # fmt: skip
def mixed_speech_level(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A Korean answer in another speech level than the set's, judged by its sentence endings.

    ## Why
    해요체, 합쇼체 and 반말 are what a Korean style is made of. A tenth of 반말 in a set of polite answers is enough for
    the model to be rude to a customer at times.

    ## Example
    "그건 앱에서 바로 하면 돼." among answers like "앱에서 바꿀 수 있어요."

    ## Fix safety
    No fix: the answer has to be rewritten.
    """
    import polars as pl

    for train in data.sets:
        frame = train.filter(pl.col("answer_json").is_null())
        found = dominant(frame, "speech_level", p)
        if found:
            usual, _, share = found
            for index, level in frame.filter(pl.col("speech_level") != usual).select("index", "speech_level").iter_rows():
                yield hit(index, turn="answer", level=level, usual=usual, percent=_percent(share))


@rule(
    "FT335", "different-shape", category="quality", scope="dataset", kinds=TRAINED, needs=["answer_shape", "answer_json"], params=DOMINANT,
    message="the answer is {shape}; {percent} % of the answers are {usual}", help="give it the shape of the others",
)  # fmt: skip
def different_shape(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """An answer without the Markdown shape of the set: a list, a table, headings or a code block.

    ## Why
    If nine answers in ten are lists, lists are what is taught.

    ## Example
    One paragraph among bulleted summaries.

    ## Fix safety
    No fix: the answer has to be rewritten.
    """
    import polars as pl

    for train in data.sets:
        words = {
            "code": "code",
            "table": "a table",
            "headings": "a text with headings",
            "list": "a list",
            "paragraphs": "paragraphs",
            "line": "one line",
        }
        frame = train.filter(pl.col("answer_json").is_null())
        found = dominant(frame, "answer_shape", p)
        if found and found[0] not in ("paragraphs", "line"):
            usual, _, share = found
            for index, shape in frame.filter(pl.col("answer_shape") != usual).select("index", "answer_shape").iter_rows():
                yield hit(index, turn="answer", shape=words[shape], usual=words[usual], percent=_percent(share))


@rule(
    "FT336", "missing-formula", category="quality", scope="dataset", kinds=TRAINED, needs=["answer_start", "answer_end", "answer_json"],
    params=DOMINANT,
    message='the answer does not {verb} "{usual}", as {percent} % do', help="add the formula, or take it out of the others",
)  # fmt: skip
def missing_formula(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """An answer without the opening or closing words of the set.

    ## Why
    A greeting or a closing line that nine answers in ten have is part of the style.

    ## Example
    "감사합니다, 모아였습니다." at the end of every answer but this one.

    ## Fix safety
    No fix: whether the formula is wanted is for a person.
    """
    import polars as pl

    for train in data.sets:
        frame = train.filter(pl.col("answer_json").is_null())
        for column, verb in (("answer_start", "begin with"), ("answer_end", "end with")):
            found = dominant(frame, column, p)
            if found and any(character.isalpha() for character in found[0]):
                usual, _, share = found
                for index in frame.filter(pl.col(column) != usual)["index"]:
                    yield hit(index, turn="answer", verb=verb, usual=usual, percent=_percent(share))


@rule(
    "FT337", "length-outlier", category="quality", scope="dataset", kinds=TRAINED, needs=["n_answer_chars", "has_tools"],
    params={"minimum": 100, "factor": 4.0, "spread": 4.0},
    message="the answer has {length} characters; the median of the set is {median}, and 90 % have {low} to {high}",
    help="look whether it belongs into this set",
)  # fmt: skip
def length_outlier(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """An answer far shorter or far longer than a set whose answers are of one length.

    ## Why
    How long to answer is part of a style. In a set without a length of its own (nine answers in ten spread over more
    than ``spread`` times) nothing is an outlier.

    ## Example
    "네." in a set whose answers have 150 to 400 characters.

    ## Fix safety
    No fix.
    """
    import polars as pl

    for train in data.sets:
        frame = _answers(train).filter(~pl.col("has_tools"))
        if frame.height < p["minimum"]:
            continue
        low, median, high = (int(frame["n_answer_chars"].quantile(q, "lower") or 0) for q in (0.05, 0.5, 0.95))
        if low <= 0 or high > p["spread"] * low:
            continue
        lengths = pl.col("n_answer_chars")
        for index, length in (
            frame.filter((lengths * p["factor"] < low) | (lengths > high * p["factor"]))
            .select("index", "n_answer_chars")
            .iter_rows()
        ):
            yield hit(index, turn="answer", length=length, median=median, low=low, high=high)


@rule(
    "FT338", "drifting-system-prompt", category="suspicious", scope="dataset", kinds=TRAINED, needs=["system_key"],
    params={"share": 0.5, "minimum": 10, "similar": 85.0, "most": 500},
    message="the system prompt differs slightly from that of {percent} % of the samples: {words}",
    help="use one wording, unless the difference matters",
)  # fmt: skip
def drifting_system_prompt(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A system prompt that is nearly, not quite, the one of most samples.

    ## Why
    The prompt was edited while the data was made. In use there will be one wording; the others weaken what it means.
    Prompts that differ more than a little (``similar``, by ``rapidfuzz.fuzz.ratio``) are other prompts, and those that
    differ in every sample, such as by a date, are a template: neither is a finding.

    ## Example
    "당신은 상점의 고객상담원이에요." among "당신은 상점의 고객 상담원입니다."

    ## Fix safety
    No fix here: which wording is right is for a person.
    """
    import polars as pl
    from rapidfuzz import fuzz

    for train in data.sets:
        frame = train.filter(pl.col("system_key").is_not_null())
        if frame.height < p["minimum"]:
            continue
        counts = (
            frame.group_by("system_key")
            .agg(pl.len().alias("n"), pl.col("index").first())
            .sort("n", "index", descending=[True, False])
        )
        usual, others = counts.row(0, named=True), counts.slice(1)
        share = usual["n"] / frame.height
        if share < p["share"] or not 0 < others.height <= p["most"]:
            continue
        texts = data.texts([usual["index"], *others["index"].to_list()], "system")
        if texts[0] is None:
            continue
        drifted = {}
        for key, n, text in zip(others["system_key"], others["n"], texts[1:], strict=True):
            # A prompt that was damaged is another rule's.
            if (
                text is not None
                and not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]", text)
                and n * 5 <= usual["n"]
                and fuzz.ratio(texts[0], text) >= p["similar"]
            ):
                drifted[key] = _difference(texts[0], text)
        for index, key in frame.select("index", "system_key").iter_rows():
            if key in drifted:
                yield hit(index, turn="system", percent=_percent(share), words=drifted[key])


def _difference(usual: str, other: str) -> str:
    """The first words that differ between two texts, as "a for b"."""
    from rapidfuzz.distance import Indel

    before, after = usual.split(), other.split()
    equal = [op for op in Indel.opcodes(before, after) if op.tag == "equal"]
    same = equal[0].src_end if equal and equal[0].src_start == equal[0].dest_start == 0 else 0
    resumed = next((op for op in equal if op.src_start >= same and (op.src_start, op.dest_start) != (0, 0)), None)
    was = " ".join(before[same : resumed.src_start if resumed else None])
    now = " ".join(after[same : resumed.dest_start if resumed else None])
    if not was and not now:
        return "in white space"
    return f'"{now}" for "{was}"' if was and now else f'"{now}" added' if now else f'"{was}" left out'


@rule(
    "FT339", "missing-system-prompt", category="quality", scope="dataset", kinds=SFT, needs=["system_key", "n_answer_chars", "n_user"], params=DOMINANT,
    message="no system prompt, as {percent} % of the samples have", help="add the one of the others, if they share one",
)  # fmt: skip
def missing_system_prompt(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """A sample without a system prompt in a set that has them.

    ## Why
    A persona that is taught with its system prompt and once without it will leak into conversations without it.

    ## Example
    3 samples of 300 without the persona's prompt.

    ## Fix safety
    No fix: whether it was left out on purpose is unknown.
    """
    import polars as pl

    for train in data.sets:
        frame = _answers(train).filter(pl.col("n_user") > 0)
        if frame.height < p["minimum"]:
            continue
        frame = frame.filter(pl.col("format") == frame["format"].mode().sort().first())
        share = frame["system_key"].is_not_null().mean() or 0.0
        if frame.height >= p["minimum"] and p["share"] <= share < 1:
            for index in frame.filter(pl.col("system_key").is_null())["index"]:
                yield hit(index, percent=_percent(share))


@rule(
    "FT340", "changing-persona", category="suspicious", scope="dataset", kinds=TRAINED, needs=["persona"],
    params={"share": 0.8, "minimum": 8},
    message='the answer introduces itself as "{name}"; {percent} % of the introductions say "{usual}"', help="use one name",
)  # fmt: skip
def changing_persona(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """An answer that introduces itself under another name than the persona of the set.

    ## Why
    The model will be two people. Often it is the name of the model that wrote the data.

    ## Example
    "저는 챗봇이에요." in a set where "저는 모아예요." is said 40 times.

    ## Fix safety
    No fix: a conversation may be about another person.
    """
    import polars as pl

    for train in data.sets:
        found = dominant(train, "persona", p)
        if found:
            usual, _, share = found
            for index, name in train.filter(pl.col("persona") != usual).select("index", "persona").iter_rows():
                yield hit(index, turn="answer", name=name, usual=usual, percent=_percent(share))
