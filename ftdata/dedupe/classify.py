"""What a near-duplicate pair is: the same sample twice, or two samples that only look alike.

Five kinds are not duplicates. *variant*: they differ only in what matters, numbers, names, units, negation or opposites
("a table for 2", "a table for 12"), or their questions differ in a number, an opposite or a negation among other words, or one
word stands for another in question and answer alike ("How does a kettle work?", "How does a radio work?", each answered). *conflict*: the same question, another answer; which one is right is for a person.
*template*: the same answer to different questions. *shared*: a long text in common, and another question about it.
*context*: other tools or media beside the same words. *paraphrase* is no kind that is found here: pairs of it come from embeddings
(``ftdata.dedupe.meaning``) and are a suggestion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel, Postfix, Prefix

from ftdata.dedupe.ratio import score_pairs

KINDS = {
    "duplicate": "the same sample, but for a few words or characters",
    "variant": "the same sentence with another number, name, unit or negation: two samples",
    "conflict": "the same question with another answer: which one is right is for a person",
    "shared": "a long text in common, with another question and answer: two samples",
    "template": "the same answer to another question",
    "context": "the same words beside other tools or media: two samples",
    "paraphrase": "perhaps the same in other words, by the embeddings you gave: a suggestion",
}
# So many words of a question may differ in a conflict: beyond that two questions merely share a text.
_SMALL, _SMALL_CHARS = 3, 60
_OPENERS = frozenset('.!?:;\n。！？"“')
_TOKEN = re.compile(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|[^\w\s]|_|\n")
_MOST_TOKENS = 4000
_LARGE = 1 << 32
_WORDS = frozenset(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
    twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion first second third fourth fifth half double
    하나 둘 셋 넷 다섯 여섯 일곱 여덟 아홉 열 한 두 세 네 스무 백 천 만 억 첫 절반 一 二 三 四 五 六 七 八 九 十 百 千 万 亿 两 半
    not no never none nor neither without cannot can't don't doesn't didn't won't isn't aren't wasn't weren't shouldn't couldn't wouldn't
    안 못 않 아니 없 없이 말고 아닌 不 没 没有 无 非 未 别
    kg g mg lb lbs oz km m cm mm mi mile miles foot feet inch inches hour hours minute minutes second seconds day days week weeks month months
    year years am pm dollar dollars euro euros won yen pound pounds cent cents percent celsius fahrenheit litre litres liter liters ml gallon
    원 개 명 시간 분 초 일 주 달 개월 년 살 번 권 장 마리 킬로 미터 元 个 小时 分钟 天 周 月 年 岁 公里 米 公斤
    increase decrease more less most least before after above below left right up down left over under maximum minimum max min highest lowest
    largest smallest biggest longest shortest oldest newest best worst hot cold open close true false yes no positive negative add subtract
    remove include exclude boyfriend girlfriend father mother son daughter brother sister husband wife allow deny buy sell start end north south east west male female he she his her him
    증가 감소 이전 이후 위 아래 왼쪽 오른쪽 최대 최소 참 거짓 있다 없다 찬성 반대 增加 减少 之前 之后 最大 最小 正确 错误
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november
    december 월요일 화요일 수요일 목요일 금요일 토요일 일요일 red blue green yellow black white""".split()
)
_NEGATIONS = frozenset("not no never none nor neither without cannot 안 못 않 없이 말고 不 没 没有 别".split())
# From this likeness on two words are forms of one: "parcel" and "parcels", a letter mistyped.
_SAME_WORD = 65
_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_PARTICLE = re.compile(r"(?<=[가-힣]{2})(?:에서|으로|은|는|이|가|을|를|의|에|와|과|도|만|로)$")
_NUMBERED = re.compile(r"\d")
_KOREAN_OPPOSITE = re.compile(
    r"(?:지 ?않|지 ?못|지 ?마|없[다어는을이]|있[다어는을]|아니[다에])|^(?:남|여)(?:자|친|사|동생|학생)|^썸[남녀]|^[남녀]$"
)


@dataclass(frozen=True, slots=True)
class Texts:
    """One side of a pair: normalised prompt and answer, the words as they stand, and the tools and media."""

    prompt: str
    answer: str
    words: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a pair is, how alike its prompts and answers are (0 to 100), and the words that differ."""

    kind: str
    prompt_score: float
    answer_score: float
    difference: str


@dataclass(frozen=True, slots=True)
class Change:
    """Words that only one of two texts has, at one place; ``opens`` tells that a sentence begins there."""

    was: tuple[str, ...]
    now: tuple[str, ...]
    opens: bool


def classify(first: Texts, second: Texts, threshold: float) -> Judgement:
    """Say what a pair at or above the threshold is."""
    prompts, answers = alike(first.prompt, second.prompt), alike(first.answer, second.answer)
    if first.context != second.context:
        return Judgement("context", prompts, answers, "")
    if prompts >= threshold > answers:
        near = Indel.distance(first.prompt, second.prompt, score_cutoff=_SMALL_CHARS) <= _SMALL_CHARS
        asked = difference(first.prompt, second.prompt) if near else []
        small = near and sum(max(len(change.was), len(change.now)) for change in asked) <= _SMALL
        if not small or matters(asked):
            return Judgement("shared", prompts, answers, "")
        return Judgement("conflict", prompts, answers, describe(difference(first.words, second.words)))
    changes = difference(first.words, second.words)
    if answers >= threshold > prompts:
        return Judgement("template", prompts, answers, describe(changes))
    variant = matters(changes) or (first.prompt != second.prompt and bool(changes) and asks_otherwise(first, second))
    return Judgement("variant" if variant else "duplicate", prompts, answers, describe(changes))


def alike(first: str, second: str) -> float:
    """``rapidfuzz.fuzz.ratio``; of texts so long that it would take seconds, 0 where it is below 80."""
    if len(first) * len(second) < _LARGE:
        return fuzz.ratio(first, second) if first or second else 100.0
    return float(score_pairs([first], [second], 80.0)[0])


def asks_otherwise(first: Texts, second: Texts) -> bool:
    """Whether two questions, alike but for a few words, ask for something else, however the rest is worded.

    They do where a number stands for another, an opposite for another, or a negation is in one only; and where a word is
    replaced by an unrelated one that replaces it in the answer too.
    """
    asked = difference(first.prompt, second.prompt)
    if any(_opposed(change) for change in asked):
        return True
    words = _replaced(asked)
    return bool(words) and not words.isdisjoint(_replaced(difference(first.answer, second.answer)))


def _opposed(change: Change) -> bool:
    was, now = ([word for word in words if word[0].isalnum()] for words in (change.was, change.now))
    if not was or not now:
        return [*was, *now] != [] and all(word in _NEGATIONS or word.endswith("n't") for word in (*was, *now))
    if sorted(was) == sorted(now):
        return False
    return len(was) == len(now) and all(_is_telling(word) for word in (*was, *now))


def _replaced(changes: Sequence[Change]) -> set[tuple[str, str]]:
    """The single words that unrelated ones stand for."""
    found = set()
    for change in changes:
        if len(change.was) == len(change.now) == 1:
            was, now = _cores(change.was[0], change.now[0])
            if was[:1].isalpha() and now[:1].isalpha() and fuzz.ratio(was, now) < _SAME_WORD:
                found.add((was, now))
    return {pair for pair in found if min(map(len, pair)) > 1 or _HAN.search("".join(pair))}


def _cores(was: str, now: str) -> tuple[str, str]:
    """Two words without Korean particles; in Chinese, where a word is a clause, without what both begin and end with."""
    if _HAN.search(was) and _HAN.search(now):
        start = Prefix.similarity(was, now)
        was, now = was[start:], now[start:]
        end = Postfix.similarity(was, now)
        return was[: len(was) - end], now[: len(now) - end]
    return _PARTICLE.sub("", was), _PARTICLE.sub("", now)


def tokens(text: str) -> list[str]:
    """The words, numbers, marks and line ends of a text."""
    return _TOKEN.findall(text)


def difference(first: str, second: str) -> list[Change]:
    """Where two texts differ, word by word."""
    before, after = tokens(first)[:_MOST_TOKENS], tokens(second)[:_MOST_TOKENS]
    changes: list[Change] = []
    was: list[str] = []
    now: list[str] = []
    last = "\n"
    for step in Indel.opcodes(before, after):
        if step.tag != "equal":
            was += before[step.src_start : step.src_end]
            now += after[step.dest_start : step.dest_end]
            continue
        if was or now:
            changes.append(Change(tuple(was), tuple(now), last in _OPENERS))
            was, now = [], []
        last = before[step.src_end - 1]
    if was or now:
        changes.append(Change(tuple(was), tuple(now), last in _OPENERS))
    return changes


def matters(changes: Sequence[Change]) -> bool:
    """Whether there is a change, and every one is of numbers, names, units, negations or opposites.

    A change of marks alone ("." or not) does not matter and does not count.
    """
    counted = 0
    for change in changes:
        left, right = ([word for word in words if word[0].isalnum()] for words in (change.was, change.now))
        if [word.lower() for word in left] == [word.lower() for word in right]:
            continue
        named = bool(left) and bool(right) and not change.opens
        if not all(_is_telling(word) or (named and _is_name(word)) for word in (*left, *right)):
            return False
        counted += 1
    return counted > 0


def _is_telling(word: str) -> bool:
    plain = word.lower().replace("’", "'")
    telling = _NUMBERED.search(word) or plain in _WORDS or plain.endswith("n't")
    return bool(telling or _KOREAN_OPPOSITE.search(word))


def _is_name(word: str) -> bool:
    return word[:1].isupper() and len(word) > 1


def telling(text: str) -> tuple[str, ...]:
    """The numbers, units, negations and opposites of a text, in its order."""
    return tuple(word for token in tokens(text)[:_MOST_TOKENS] if token[0].isalnum() and _is_telling(word := token.lower()))


def describe(changes: Sequence[Change], most: int = 4) -> str:
    """The words that differ, for people: "2 → 12; + please"."""
    shown = []
    for change in changes[:most]:
        left, right = (" ".join(words).replace("\n", "⏎")[:80] for words in (change.was, change.now))
        shown.append(f"{left} → {right}" if left and right else f"+ {right}" if right else f"- {left}")
    rest = len(changes) - most
    return "; ".join(shown) + (f"; and {rest} more" if rest > 0 else "")
