"""FT31 and FT035: characters that should not stand in a text: damage, markup, invisible ones, markers of other turns."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

from ftdata.measure.hints import hint
from ftdata.measure.prose import looks_like_code, without_code
from ftdata.rule import ANY_KIND, TRAINED, Spot, rule, spot

FIRST = 5
# A text about encodings shows a few damaged characters on purpose.
_ABOUT_ENCODINGS = re.compile(
    r"(?i)\butf-?8\b|\blatin-?1\b|iso-?8859|windows-125\d|\bcp125\d|mojibake|charset|\bencoding|인코딩|编码|文字化け"
)
_QUOTED = 6


def _mojibake_hint(text: Any, p: dict[str, Any]) -> Any:
    """The detector's hint; of texts that are all ASCII only those with question marks in odd places can match it."""
    import polars as pl

    def run(texts: Any) -> Any:
        foreign = texts.str.len_bytes() != texts.str.len_chars()
        maybe = (foreign | texts.str.contains(r"\?[?a-z]|[\\&=]")).fill_null(False).arg_true()
        found = texts.gather(maybe).str.contains(hint("mojibake"))
        return pl.repeat(False, len(texts), dtype=pl.Boolean, eager=True).scatter(maybe, found) if len(maybe) else foreign

    return text.map_batches(run, return_dtype=pl.Boolean)


@rule(
    "FT035", "mojibake", category="suspicious", scope="text", kinds=ANY_KIND, hint=_mojibake_hint, catalogue=["F020"],
    message="{kind}: {match}{repaired}", help="restore it from the source, or repair what can be repaired", fix_safety="unsafe",
)  # fmt: skip
def mojibake(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """Text that was written in one encoding and read in another, or lost its letters on the way.

    ## Why
    The model learns to write the damage. It comes from one wrong step in an export and hides in a few rows: one sentence
    of a long text is found too. Where the damage can be undone exactly, the message says what was meant.

    ## Example
    ``cafÃ©`` for café, ``ì•ˆë…•`` and ``¾È³ç`` for 안녕, ``浣犲ソ`` for 你好, U+FFFD, ``???? ??`` where letters were.

    ## Fix safety
    Unsafe: some damage can be undone exactly, some only guessed, and some not at all.
    """
    from ftdata.measure.mojibake import damage

    wrong = [found for found in damage(text, hinted=True) if found.kind != "literal escapes"]
    if wrong and all(found.end - found.start <= _QUOTED for found in wrong) and _ABOUT_ENCODINGS.search(text):
        return
    for found in wrong[:FIRST]:
        repaired = f", which was {found.repaired}" if found.repaired else ""
        yield spot(found.start, found.end, kind=found.kind, match=text[found.start : found.end], repaired=repaired)


_ENTITY = (
    r"&(?:amp|lt|gt|quot|apos|nbsp|hellip|mdash|ndash|rsquo|lsquo|ldquo|rdquo|middot|bull|copy|reg|trade|euro|pound|deg|times|laquo|raquo|iexcl|iquest|szlig"
    r"|[AEIOUYNCaeiouync](?:acute|grave|circ|uml|tilde|cedil)|[Aa](?:ring|Elig|elig)|[Oo]slash|#\d{2,6}|#x[0-9A-Fa-f]{2,5});"
)
_MARKUP = re.compile(
    r"</?(?:p|div|span|a|b|i|br|ul|li|h\d|html|body|head|table|tr|td|img|script|style|input|form)\b[^>\n]*>|<!DOCTYPE", re.I
)
_ABOUT_ENTITIES = re.compile(r"(?i)\bhtml\b|\bxml\b|entit|escap|엔티티|이스케이프|转义|实体|&amp;(?:lt|gt|amp|quot|#)")


@rule(
    "FT310", "html-entity", category="suspicious", scope="text", slots=["content"], hint=_ENTITY, catalogue=["Q005"],
    message="an HTML entity in plain text: {match} for {means}", help="decode it with html.unescape", fix_safety="unsafe",
)  # fmt: skip
def html_entity(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """An HTML entity left in a text that is no HTML and does not speak of it.

    ## Why
    Text taken from web pages without decoding. The model writes ``&amp;`` to users.

    ## Example
    "환불 &amp; 교환 메뉴를&nbsp;여세요."

    ## Fix safety
    Unsafe: in text about HTML it may be meant.
    """
    prose = without_code(text)
    if _MARKUP.search(text) or _ABOUT_ENTITIES.search(prose) or looks_like_code(text):
        return
    match = re.search(_ENTITY, prose)
    if match:
        means = html.unescape(match.group())
        yield spot(*match.span(), match=match.group(), means="a space that does not break" if means == "\xa0" else f'"{means}"')


_INVISIBLE = {
    "\u200b": "zero-width space", "\u200c": "zero-width non-joiner", "\u200d": "zero-width joiner", "\u2060": "word joiner",
    "\ufeff": "byte order mark", "\u00ad": "soft hyphen", "\u200e": "left-to-right mark", "\u200f": "right-to-left mark",
    "\u202a": "left-to-right embedding", "\u202b": "right-to-left embedding", "\u202c": "end of a direction",
    "\u202d": "left-to-right override", "\u202e": "right-to-left override", "\u2061": "function application",
    "\u2062": "invisible times", "\u2063": "invisible separator", "\u180e": "Mongolian vowel separator", "\u115f": "Hangul filler",
    "\u1160": "Hangul filler", "\u3164": "Hangul filler", "\uffa0": "Hangul filler",
}  # fmt: skip
# Joiners and direction marks belong to the scripts that are written with them, to emoji and to old Hangul.
_BELONGS = re.compile("[\u0590-\u08ff\u0900-\u0dff\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\ufb1d-\ufdff\ufe70-\ufefc]")
_EMOJI = re.compile("[\u2190-\u2bff\ufe0f\u20e3\U0001f000-\U0001faff]")
_SCRIPTED = frozenset("\u200c\u200d\u200e\u200f\u202a\u202b\u202c")


@rule(
    "FT311", "zero-width", category="suspicious", scope="text", slots=["content"], foreign=True,
    hint="[\u00ad\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2063\u3164\ufeff\uffa0]",
    message="invisible characters: {count} in this text, the first a {name} (U+{number})", help="remove them", fix_safety="unsafe",
)  # fmt: skip
def zero_width(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """Characters that nobody sees: zero-width spaces, soft hyphens, byte order marks, fillers, direction overrides.

    ## Why
    To the tokenizer a word with a zero-width space inside is other tokens: the model learns a second, rare spelling.
    Duplicates go unnoticed, and a direction override can hide text. Joiners inside emoji and in scripts that need them
    (Arabic, Persian, Hindi, Thai …) are right.

    ## Example
    "비밀\\u200b번호"

    ## Fix safety
    Unsafe: some scripts need some of them.
    """
    found = [
        at for at, character in enumerate(text)
        if character in _INVISIBLE and not _in_place(text, at, character)
    ]  # fmt: skip
    if found:
        first = text[found[0]]
        yield spot(found[0], found[0] + 1, count=len(found), name=_INVISIBLE[first], number=f"{ord(first):04X}")


def _in_place(text: str, at: int, character: str) -> bool:
    around = text[max(0, at - 2) : at] + text[at + 1 : at + 3]
    if character in _SCRIPTED and _BELONGS.search(text):
        return True
    if character in "\u115f\u1160":
        return any("\u1100" <= c <= "\u11ff" for c in around)
    return character == "\u200d" and _EMOJI.search(around) is not None


_MARKER = (
    r"(?m)^[ \t]*(?:#{2,4} ?(?:Instruction|Input|Response|Human|User|Assistant|System|지시|입력|응답|질문|답변|指令|输入|回答)\s*:?[ \t]*$"
    r"|#{2,4} ?(?:Instruction|Input|Response|Human|Assistant):|\[\|(?:Human|AI)\|\]|<(?:human|bot)>:|<\|?(?:user|assistant|system)\|?>"
    r"|\*{0,2}(?:Human|User|USER|HUMAN|사용자|유저|用户|ユーザー)\*{0,2} ?[:：]|(?:Assistant|ASSISTANT|어시스턴트|助手|アシスタント) ?[:：])"
)
_ASKED_FOR_DIALOGUE = re.compile(
    r"(?m)^[ \t]*\*{0,2}(?!(?:Human|User|Assistant|HUMAN|USER|ASSISTANT|AI|Bot)\b)[A-Z][\w .]{1,24}\*{0,2}: ?\S"
)


@rule(
    "FT312", "leaked-role-marker", category="suspicious", scope="text", kinds=TRAINED, roles=["assistant"], trained=True,
    slots=["content"], hint=_MARKER, catalogue=["Q002"],
    message='the answer holds a marker of another turn: "{match}"', help="split the text into turns, or drop what follows the marker",
    fix_safety="unsafe",
)  # fmt: skip
def leaked_role_marker(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """An answer that holds "User:", "### Response:" or another marker of a rendered prompt at the start of a line.

    ## Why
    Two exchanges were pasted into one answer, or a prompt template was left in. The model learns to answer, and then to
    go on as the user. Written dialogues between named people are left alone.

    ## Example
    "Sure, it is open.\\nUser: And on Sunday?\\nAssistant: Closed."

    ## Fix safety
    Unsafe: a written dialogue may be meant.
    """
    prose = without_code(text)
    match = re.search(_MARKER, prose)
    if match and not _ASKED_FOR_DIALOGUE.search(prose):
        start = match.end() - len(match.group().lstrip())
        yield spot(start, match.end(), match=match.group().strip())


_TEMPLATE = (
    r"Below is an instruction that describes a task|아래는 작업을 설명하는 명령어|以下是描述任务的指令"
    r"|^\s*(?:Instruction|Task): ?[^\n]*\n(?:Input|Context): ?[^\n]*\n+(?:Output|Response|Answer):"
    r"|^\s*(?:USER|Human): ?[^\n]*\s(?:ASSISTANT|Assistant): ?$"
    r"|(?m)^#{2,4} ?(?:Instruction|Input|Response|지시|입력|응답|명령어|指令|输入)\s*[:：]"
)


@rule(
    "FT313", "merged-instruction", category="suspicious", scope="text", roles=["user"], slots=["content"],
    hint=_TEMPLATE.replace("(?m)^", "(?m:^)"),
    message='the question holds a prompt template: "{match}"', help="keep instruction and input as plain text; the chat template adds its own marks",
    fix_safety="unsafe",
)  # fmt: skip
def merged_instruction(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """A user turn into which an instruction, an input and the headings of a prompt template were merged.

    ## Why
    The tuned model will expect "### Instruction:" from its users, and the real chat template comes on top of it.

    ## Example
    "Below is an instruction that describes a task.\\n\\n### Instruction:\\nName three birds.\\n\\n### Response:"

    ## Fix safety
    Unsafe: the marks are removed.
    """
    match = re.search(_TEMPLATE.replace("(?m)^", "(?m:^)"), without_code(text))
    if match:
        yield spot(*match.span(), match=match.group().strip())


def _edged(text: Any, p: dict[str, Any]) -> Any:
    return (text.str.len_bytes() != text.str.strip_chars().str.len_bytes()) & (text.str.strip_chars() != "")


@rule(
    "FT314", "surrounding-whitespace", category="quality", scope="text", kinds=TRAINED, roles=["assistant"], trained=True,
    slots=["content"], hint=_edged, catalogue=["Q001", "Q008"],
    message="white space {where} the answer", help="strip it", fix_safety="safe",
)  # fmt: skip
def surrounding_whitespace(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """An answer that begins or ends with spaces or line breaks.

    ## Why
    The chat templates of Gemma, Llama 3 and GLM 4 strip it, the others keep it and train on it: what the model learns
    depends on the trainer.

    ## Example
    ``" Yes, until nine.\\n"``

    ## Fix safety
    Safe in conversations. Prompts and completions for base models may need their leading space.
    """
    plain = text.strip()
    if not plain or plain == text:
        return
    before, after = text[0].isspace(), text[-1].isspace()
    where = "before and after" if before and after else "before" if before else "after"
    yield spot(0, 1, where=where) if before else spot(len(plain), len(text), where=where)


_ESCAPE = r"\\n(?:\\n)?(?:[ \-*•#\d\p{Lu}\p{Lo}]|$)|\\r\\n|\\t[\p{L}\d]|\\u[0-9a-fA-F]{4}|\\x[0-9a-f]{2}\\x[0-9a-f]{2}"
_ESCAPED = re.compile(
    r"(?<!\\)(?:\\r)?\\n(?:\\n)?(?=[ \-*•#\d]|[^\W\d_]|$)|(?<!\\)\\u[0-9a-fA-F]{4}|\\x[0-9a-f]{2}\\x[0-9a-f]{2}"
)
_NEARBY = 500
_ABOUT_ESCAPES = re.compile(
    r"(?i)\bnewline|\bcsv\b|\.(?:txt|csv|json|tsv|log)\b|\bfile\b|\btables?\b|\bstring\b|\bescape|\bregex|regular expression|\bprintf?\b|\blatex\b|\\(?:frac|text|begin|nabla|neq|not|nu|left|right|times|sum)"
    r"|줄 ?바꿈|개행|이스케이프|정규식|换行|转义|正则|[A-Z]:\\|[\"'][^\"'\n]{0,60}\\n|\w\\n\w*[\"']"
)


@rule(
    "FT315", "literal-escape", category="suspicious", scope="text", kinds=TRAINED, roles=["user", "assistant"], slots=["content"],
    gate=["\\"], hint=r"\\n|\\u[0-9a-fA-F]{4}|\\x[0-9a-f]{2}\\x", catalogue=["Q005"],
    message="an escape sequence written out: {match}", help="decode the text once more where the data is made", fix_safety="unsafe",
)  # fmt: skip
def literal_escape(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """A backslash and an "n", or ``\\\\u00e9``, written out in prose: the text was escaped twice.

    ## Why
    The model learns to write a backslash and an n where a line should end.

    ## Example
    "First, open the box.\\\\nThen take out the manual."

    ## Fix safety
    Unsafe: in code and in text about escapes it is meant.
    """
    if text.lstrip()[:1] in "{[":
        return
    prose = without_code(text)
    match = _ESCAPED.search(prose)
    if (
        match
        and not _ABOUT_ESCAPES.search(prose, max(0, match.start() - _NEARBY), match.end() + _NEARBY)
        and not looks_like_code(text)
    ):
        yield spot(*match.span(), match=match.group())


@rule(
    "FT316", "unclosed-fence", category="suspicious", scope="text", kinds=TRAINED, roles=["assistant"], trained=True, slots=["content"],
    gate=["```", "~~~"], hint=r"(?m)^[ \t]*(?:```|~~~)", catalogue=["Q004"],
    message="a code fence is opened and never closed", help="close it, or look whether the answer was cut", fix_safety="unsafe",
)  # fmt: skip
def unclosed_fence(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """A Markdown code fence without its end.

    ## Why
    Either the answer was cut inside the code, or all that follows is shown as code. The model learns both.

    ## Example
    "Here it is:\\n```python\\nprint(1)" (the end)

    ## Fix safety
    Unsafe: a fence can be added at the end, a missing rest cannot.
    """
    open_at, opened = None, ""
    for match in re.finditer(r"(?m)^[ \t>]*(?:[-*+]|\d+[.)])?[ \t]*(`{3,20}|~{3,20})([^\n`]*)$", text):
        mark, words = match.groups()
        if open_at is None:
            open_at, opened = match.start(1), mark
        elif mark[0] == opened[0] and len(mark) >= len(opened) and not words.strip():
            open_at = None
    if open_at is not None:
        yield spot(open_at, open_at + len(opened))


_PAIRS = {")": "(", "]": "[", "}": "{", "】": "【", "」": "「", "』": "『", "》": "《"}
_SMILEY = re.compile(
    r"[\"'“‘][()\[\]{}]+[\"'”’]|[:;=8xX][-^o']?[()\[\]{}DP]+|[(\[]\s?[:;]|\^_*\^|\(\s?[ㅠㅜㅎㅋ;]+|[ㅠㅜㅎㅋ;^]+\)"
)


_INTERVAL = re.compile(r"[(\[]\s?[-−+]?[\w.∞π/]{1,12}\s?[,;]\s?[-−+]?[\w.∞π/]{1,12}\s?[)\]]")
_JSON_START = re.compile(r"\s*(?:\{\s*\"|\[\s*[\[{\"\d])")


def _json_cut(text: str) -> int | None:
    """Where the JSON starts of a text that is JSON up to its last character and lacks the rest; ``None`` for all others."""
    if not _JSON_START.match(text) or text.rstrip()[-1:] in "}":
        return None
    start = len(text) - len(text.lstrip())
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        unterminated = error.msg.startswith("Unterminated string")
        return start if unterminated or not text[error.pos :].strip() else None
    except (RecursionError, ValueError):
        return None
    return None


def _lopsided(text: Any, p: dict[str, Any]) -> Any:
    import polars as pl

    pairs = [("(", ")"), ("[", "]"), ("{", "}"), ("（", "）"), ("「", "」"), ("《", "》"), ("【", "】")]
    counts = [text.str.count_matches(left, literal=True) > text.str.count_matches(right, literal=True) for left, right in pairs]
    return pl.any_horizontal(counts)


@rule(
    "FT317", "unclosed-bracket", category="quality", scope="text", kinds=TRAINED, roles=["assistant"], trained=True,
    slots=["content"], gate=["(", "[", "{", "（", "「", "《", "【"], hint=_lopsided,
    message='"{match}" is opened and never closed', help="close it, or look whether the text was cut",
)  # fmt: skip
def unclosed_bracket(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """A bracket in prose that is opened and never closed, or a JSON answer that stops before its end.

    ## Why
    A sign of a cut or a broken export, and the model learns to leave brackets open. Code, formulas, smileys, half-open
    intervals and the brackets of enumerations are left alone.

    ## Example
    "The office (second floor is open until six."

    ## Fix safety
    No fix: where it should close is unknown.
    """
    prose = without_code(text)
    cut = _json_cut(text)
    if cut is not None:
        yield spot(cut, cut + 1, match=text[cut : cut + 30].split("\n")[0])
        return
    if looks_like_code(text) or "$" in prose or "\\" in prose or text.lstrip()[:1] in "{[" or prose.count("|") > 5:
        return
    prose = _INTERVAL.sub(lambda match: " " * len(match.group()), prose)
    # Wide and narrow brackets are mixed freely: "（Basilisk)".
    prose = _SMILEY.sub(lambda match: " " * len(match.group()), prose.replace("（", "(").replace("）", ")"))
    waiting: list[tuple[str, int]] = []
    for match in re.finditer(r"[()\[\]{}【】「」『』《》]", prose):
        mark = match.group()
        if mark in _PAIRS:
            at = next((n for n in range(len(waiting) - 1, -1, -1) if waiting[n][0] == _PAIRS[mark]), None)
            if at is not None:
                del waiting[at:]
        elif mark != "{":
            waiting.append((mark, match.start()))
    if waiting:
        mark, at = waiting[0]
        yield spot(at, at + 1, match=text[at : at + 30].split("\n")[0])


_THINK = r"</?(?:think|thinking|reasoning)>"


@rule(
    "FT318", "unbalanced-think", category="suspicious", scope="text", slots=["content"], gate=["<"], hint=_THINK, catalogue=["Q006"],
    message="{words}", help="give every answer one whole <think>…</think> block or none", fix_safety="unsafe",
)  # fmt: skip
def unbalanced_think(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """A ``<think>`` block that is never closed or never opened.

    ## Why
    A reasoning model that never learns to close its thoughts never answers.

    ## Example
    ``"<think>The user wants … The answer is 4."``

    ## Fix safety
    Unsafe: where the reasoning ends is a guess.
    """
    prose = without_code(text)
    depth = 0
    for match in re.finditer(_THINK, prose):
        depth += -1 if match.group().startswith("</") else 1
        if depth not in (0, 1):
            words = "reasoning is closed that was never opened" if depth < 0 else "reasoning is opened twice"
            yield spot(*match.span(), words=f"{words}: {match.group()}")
            return
    if depth:
        last = list(re.finditer(_THINK, prose))[-1]
        yield spot(*last.span(), words=f"reasoning is never closed: {last.group()}")


@rule(
    "FT319", "upper-case-answer", category="quality", scope="text", kinds=TRAINED, roles=["assistant"], trained=True,
    slots=["content"], hint=r"[A-Z]{4}[^a-z]{20}", params={"share": 0.8, "shortest": 40}, catalogue=["Q008"],
    message="{percent} % of its letters are upper case",
)  # fmt: skip
def upper_case_answer(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """An answer written mostly in capital letters.

    ## Why
    The model learns to shout. OpenAI's old data checker asked for the same.

    ## Example
    "PLEASE RESTART THE DEVICE AND TRY AGAIN."

    ## Fix safety
    No fix: lower case loses names and abbreviations.
    """
    letters = [letter for letter in without_code(text) if letter.isalpha()]
    upper = sum(letter.isupper() for letter in letters)
    if len(letters) >= p["shortest"] and upper >= p["share"] * len(letters):
        yield spot(0, min(len(text), 40), percent=round(100 * upper / len(letters)))


_KEYWORDS = re.compile(
    r"(?m)^[ \t]*(?:만약 .{1,60}:|아니면:|그렇지 않으면:|동안 .{1,60}:|반환 \w+|인쇄 ?\(|출력 ?\(|정의 \w+ ?\(|함수 \w+ ?\(|클래스 \w+|가져오기 \w+|에서 \w+ 가져오기"
    r"|如果 ?.{1,60}[:：]|否则[:：]|打印 ?[(（]|定义 ?\w+ ?[(（]|返回 ?\w|导入 ?\w+|函数 ?\w+ ?[(（]|对于 .{1,40}[:：]"
    r"|если .{1,60}:|иначе:|печать ?\(|импорт \w+|вернуть \w+|imprimir ?\(|importar \w+|si .{1,60}:$|sinon:|afficher ?\("
    r"|印刷 ?\(|もし.{1,60}:|インポート \w+)"
)
_FENCED = re.compile(
    r"(?m)^[ \t]*```[ \t]*(?:python|py|java|javascript|js|c|cpp|c\+\+|csharp|go|ruby|php|typescript|ts|rust|kotlin|파이썬)?[ \t]*\n(.*?)^[ \t]*```",
    re.S | re.I,
)


@rule(
    "FT320", "translated-code", category="suspicious", scope="text", kinds=TRAINED, slots=["content"], gate=["```"],
    message='code whose keywords were translated: "{match}"', help="take the code from the source before translation",
)  # fmt: skip
def translated_code(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """Code in which a translation service translated the keywords and function names.

    ## Why
    Data sets translated by machine hold programs that cannot run. The model learns to write them.

    ## Example
    ``인쇄("안녕")`` for ``print("안녕")``, ``如果 x > 3:`` for ``if x > 3:``

    ## Fix safety
    No fix: the source has it.
    """
    for block in _FENCED.finditer(text):
        match = _KEYWORDS.search(block.group(1))
        if match:
            start = block.start(1) + match.start()
            yield spot(start, start + len(match.group()), match=match.group().strip())
            return
