"""What a near-duplicate pair is: the same sample twice, or two samples that only look alike.

Five kinds are not duplicates. *variant*: they differ only in what matters, numbers, names, units, negation or opposites
("a table for 2", "a table for 12"). *conflict*: the same question, another answer; which one is right is for a person.
*template*: the same answer to different questions. *shared*: a long text in common, and another question about it.
*context*: other tools or media beside the same words. *paraphrase* is no kind that is found here: pairs of it come from embeddings
(``ftdata.dedupe.meaning``) and are a suggestion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel

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
    prompts = fuzz.ratio(first.prompt, second.prompt) if first.prompt or second.prompt else 100.0
    answers = fuzz.ratio(first.answer, second.answer) if first.answer or second.answer else 100.0
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
    return Judgement("variant" if matters(changes) else "duplicate", prompts, answers, describe(changes))


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


def describe(changes: Sequence[Change], most: int = 4) -> str:
    """The words that differ, for people: "2 → 12; + please"."""
    shown = []
    for change in changes[:most]:
        left, right = (" ".join(words).replace("\n", "⏎")[:80] for words in (change.was, change.now))
        shown.append(f"{left} → {right}" if left and right else f"+ {right}" if right else f"- {left}")
    rest = len(changes) - most
    return "; ".join(shown) + (f"; and {rest} more" if rest > 0 else "")
