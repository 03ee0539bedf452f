"""FT30: what a single answer says: refusals, placeholders, answers that stop too early or never stop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ftdata.measure.prose import looks_like_code, without_code
from ftdata.rule import TRAINED, Spot, rule, spot
from ftdata.types import Sample

# One alternation for Rust (the hint) and for Python (the place). Apostrophes are straight or curly.
REFUSALS = (
    r"(?i)\bas an? (?:\w+ )?(?:ai|artificial intelligence|large)(?: language)? model\b"
    r"|\bas an? ai(?: assistant| chatbot)?,? i (?:can['’]?t|cannot|can not|don['’]t|do not|am not|am unable|won['’]t|lack)\b"
    r"|\bas an? ai (?:assistant |model |chatbot )?(?:developed|created|trained|made|built) by \w+"
    r"|\bi['’]?a?m (?:just |only )?an? (?:ai|artificial intelligence)(?: language)? model\b"
    r"|\bi['’]?a?m (?:so |very )?sorry,? but (?:as an ai|i (?:can['’]?t|cannot|can not|am unable to|am not able to) "
    r"(?:assist|help|comply|fulfill|provide|answer|respond|generate|create|complete|do))\b"
    r"|\bi (?:can['’]?t|cannot|can not|am unable to|am not able to) (?:assist|comply|fulfill|help (?:you )?with)"
    r"(?: with)? (?:that|this|your|the) request\b"
    r"|\bi (?:do not|don['’]t) have (?:personal|human|any personal) (?:opinions|feelings|experiences|emotions|beliefs|preferences)\b"
    r"|\bmy (?:knowledge cutoff|training data (?:only )?(?:goes|ends|includes|extends|is limited)|last (?:knowledge )?update)\b"
    r"|(?:AI|인공지능|인공 지능)(?: 언어| 챗봇)? ?(?:모델|비서|어시스턴트|챗봇)?(?:로서|이므로|이기 때문에|이라서|이라|라서)[^\n.!?]{0,40}"
    r"(?:없|못|않|어렵|불가)"
    r"|(?:저는|나는|전) (?:AI|인공지능)(?: 언어)? ?(?:모델|비서|챗봇)[^\n.!?]{0,40}(?:없|못|않|어렵|불가)"
    r"|作为(?:一个|一名|一款)?(?:AI|人工智能|大型?语言|语言)(?:语言)?模型"
    r"|作为(?:一个|一名|一款)?(?:AI|人工智能)(?:助手|程序|机器人)[^。！\n]{0,20}(?:无法|不能|没有|不具备|不会)"
    r"|我(?:只)?是(?:一个|一名)?(?:AI|人工智能|语言)(?:语言)?(?:模型|助手|程序)[^。！\n]{0,20}(?:无法|不能|没有|不具备)"
    r"|\bals (?:eine? )?(?:ki|künstliche intelligenz)(?:[- ]?(?:sprach)?modell|[- ]assistent(?:in)?|[- ]chatbot)?,? (?:habe|kann|bin|darf|besitze|verfüge)\b"
    r"[^.!?\n]{0,60}\b(?:nicht|keine?[nrms]?)\b"
    r"|\bes tut mir leid,? (?:aber )?(?:dabei|damit|bei dieser anfrage|ich) kann (?:ich )?(?:dir|ihnen|euch)?[^.!?\n]{0,40}\bnicht (?:helfen|weiterhelfen|behilflich sein)"
    r"|\ben tant qu['’](?:ia|intelligence artificielle)\b|\ben tant que modèle de langage\b|\bcomo (?:un )?modelo de lenguaje\b"
    r"|(?:죄송(?:하지만|합니다만)|미안하지만),? ?(?:저는 )?(?:해당|그|이|그런|이런|그러한|이러한) ?(?:요청|질문)(?:은|는|에는|에 대해서?는?|에)? ?"
    r"(?:도와드릴|도움을 드릴|답변(?:해 ?드릴|드릴|할)|응할|수행할|들어드릴) 수 ?없"
    r"|(?:很抱歉|抱歉|对不起)[，,]?\s?(?:但)?我(?:无法|不能)(?:提供|回答|满足|完成|协助|帮助|生成)"
    r"|AI(?:言語モデル|アシスタント)(?:として|なので|ですので)"
)


@rule(
    "FT301", "refusal", category="quality", scope="text", kinds=TRAINED, roles=["assistant"], trained=True, slots=["content"],
    hint=REFUSALS, catalogue=["Q003"],
    message="the answer refuses or disclaims as an AI model: {match}",
    help="write the answer that you want instead; keep a refusal only where refusing is what you teach",
)  # fmt: skip
def refusal(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """An answer with the boilerplate of another model's refusals and disclaimers.

    ## Why
    Data made with another model carries its "As an AI language model, I cannot"; a few percent of it teach the tuned
    model to refuse what it was tuned for. English, Korean, Chinese, Japanese, German, French
    and Spanish wordings are known.

    ## Example
    "죄송하지만 저는 AI 언어 모델이라 도와드릴 수 없습니다."

    ## Fix safety
    No fix: a refusal may be what the set teaches.
    """
    match = re.search(REFUSALS, text)
    # "You, as an AI assistant, cannot": said of somebody else.
    if match and text[: match.start()].rstrip()[-1:] not in ("你", "您"):
        yield spot(*match.span(), match=match.group())


NO_VALUES = (
    "nan", "none", "null", "undefined", "[object object]", "<noinput>", "noinput", "<nooutput>", "nooutput", "no output", "n/a",
    "#n/a", "#value!", "#ref!", "nil", "<empty>", "(empty)", "<blank>", "[blank]", "tbd", "tba", "todo", "xxx", "lorem ipsum", "...",
    "…", "placeholder", "string", "<no output>", "<no input>", "답변 없음", "내용 없음", "(내용 없음)", "미정", "작성 예정", "작성 중",
    "暂无", "待补充", "待定", "无内容", "无输出", "未定", "なし",
)  # fmt: skip
# Values that are labels where many answers are: a classifier answers "None", an extractor "N/A".
_UNFINISHED = re.compile(
    r"lorem ipsum dolor|^\W{0,3}(?:TODO|FIXME|TBD)\b.{0,60}$|^\W{0,3}(?:insert|your|add|write) (?:the |an? )?(?:answer|response|output|text) (?:here|goes)"
    r"|^\W{0,3}(?:여기에|이곳에) (?:답변|내용|응답|정답)[을를]? ?(?:작성|입력|추가|넣)|^\W{0,3}(?:답변|내용|응답) ?(?:작성|입력|추가|준비) ?(?:예정|필요|중)\W{0,3}$"
    r"|^\W{0,3}在?(?:此处|这里)(?:填写|插入|输入)(?:答案|内容|回答)|^\W{0,3}(?:待补充|待完善|请填写)\W{0,3}$",
    re.I,
)
_LONGEST_NOTE = 80


# Where the question offers the word as an answer or is about a program that prints it, the word is the answer.
_OFFERED = r"(?i)\b(?:nan|none|null|nil|n/a|undefined|todo)\b|\b(?:python|javascript|typescript|pandas|numpy|sql|ruby|lua|java)\b"


def _no_value(text: Any, p: dict[str, Any]) -> Any:
    import polars as pl

    short = text.str.len_chars() <= _LONGEST_NOTE
    value = text.str.strip_chars().str.to_lowercase().is_in(pl.Series(p["values"]).implode())
    note = text.str.contains(r"(?i)ipsum|todo|fixme|tbd|insert|answer|response|답변|내용|응답|此处|这里|待补充|待完善|请填写")
    return [short, value | note, note | ~pl.col("question").fill_null("").str.contains(_OFFERED)]


@rule(
    "FT302", "placeholder-answer", category="suspicious", scope="text", kinds=TRAINED, roles=["assistant"], trained=True,
    slots=["content"], hint=_no_value, params={"values": list(NO_VALUES)}, catalogue=["Q004"],
    message="the answer is a placeholder: {match}", help="write the answer, or drop the sample",
)  # fmt: skip
def placeholder_answer(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """An answer that stands for a missing value or for a text somebody meant to write.

    ## Why
    An export writes ``nan``, ``None`` or ``[object Object]`` where a cell was empty; the model learns to say so. In a
    set whose labels are such words (a classifier that answers "None"), take them out of ``values``; a question that offers
    the word, or asks what a program gives back, is left alone.

    ## Example
    "TODO: 답변 작성 예정", "nan", "<noinput>", "Lorem ipsum dolor sit amet".

    ## Fix safety
    No fix: the answer has to be written.
    """
    plain = text.strip()
    match = _UNFINISHED.search(plain)
    if match or plain.lower() in p["values"]:
        start = len(text) - len(text.lstrip())
        yield spot(start, start + len(plain), match=plain)


_NOTHING = re.compile(r"<?no ?input>?|nan|\[object object\]|undefined|null|n/a|none", re.I)


@rule(
    "FT303", "placeholder-input", category="suspicious", scope="text", roles=["user"], slots=["content"],
    hint=r"(?i)(?:^|\n)\s*(?:<?no ?input>?|nan|\[object object\]|undefined|null|n/a|none)\s*$",
    message="the input ends in a placeholder: {match}", help="leave the input empty instead",
    fix_safety="safe",
)  # fmt: skip
def placeholder_input(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """A user turn whose last line is a word for "nothing", left by an export.

    ## Why
    The model learns that a question ends in ``<noinput>`` or ``nan``; users will not write that.

    ## Example
    "Name three birds.\\n<noinput>", the Alpaca input of a set that marks empty inputs by a word.

    ## Fix safety
    Safe: the line is removed.
    """
    whole = text.rstrip()
    start = whole.rfind("\n") + 1
    word = whole[start:].strip()
    if _NOTHING.fullmatch(word) and (start > 0 or word.lower() not in ("none", "null", "n/a", "undefined")):
        yield spot(len(whole) - len(word), len(whole), match=word)


_VARIABLE = re.compile(
    r"\{\{ ?-?\s*[^\W\d][\w.\- ]{0,40}\s*\}\}|\$\{[A-Za-z_][\w.]{0,40}\}|<%=?[^%\n]{1,60}%>|%\([A-Za-z_]\w{0,30}\)[sd]"
    r"|(?:^|(?<=[\s(\"'“:,]))\{(?:[a-z]{2,20}_[a-z_]{2,30}|name|user|username|date|company|product|customer|email|address|이름|고객명|회사명|상품명|날짜)\}"
)


_VARIABLE_HINT = r"\{\{|\$\{|<%|%\(|\{(?:[a-z]+_|name|user|date|company|product|customer|email|address|이름|고객|회사|상품|날짜)"
_ASKED_FOR_TEMPLATE = r"(?i)template|placeholder|variable|boilerplate|f-string|vorlage|platzhalter|템플릿|자리 ?표시자|변수|서식|양식|模板|占位符|变量|テンプレート"


def _unfilled(text: Any, p: dict[str, Any]) -> Any:
    import polars as pl

    return [_VARIABLE_HINT, ~pl.col("question").fill_null("").str.contains(_ASKED_FOR_TEMPLATE)]


@rule(
    "FT304", "template-variable", category="suspicious", scope="text", kinds=TRAINED, roles=["assistant"], trained=True,
    slots=["content"], hint=_unfilled,
    message="a template variable was never filled in: {match}", help="fill it in where the data is made",
)  # fmt: skip
def template_variable(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """A variable of a text template inside an answer, outside of code, where no template was asked for.

    ## Why
    The script that made the data did not fill it in, and the model will write ``{{customer_name}}`` to customers.

    ## Example
    "{{customer_name}} 고객님, 안녕하세요.", "Dear ${name},"

    ## Fix safety
    No fix: only the source knows the value.
    """
    if looks_like_code(text):
        return
    prose = without_code(text)
    for match in _VARIABLE.finditer(prose):
        line = prose[prose.rfind("\n", 0, match.start()) + 1 :].split("\n", 1)[0]
        if looks_like_code(line) or 'f"' in line or "f'" in line:
            continue
        yield spot(*match.span(), match=match.group())
        return


_FILL_IN = (
    r"(?i)\[(?:(?:insert|enter (?:your|the|a)|add (?:your|the)|your|recipient|customer|client|company|sender|employer|manager)(?:['’]s)?[ _](?:[\w'’/]+[ _]?){1,5}|name|date|address"
    r"|phone number|email|company|city, state(?:,? zip)?(?: code)?|이름|성명|고객명|고객 이름|회사명|회사 이름|날짜|주소|전화번호|연락처|이메일|상품명|금액|담당자명"
    r"|姓名|您的姓名|你的名字|公司名称|日期|地址|电话|收件人姓名"
    r"|(?:ihr|ihre|dein|deine)[ _](?:name|firma|adresse|unternehmen|telefonnummer|e-?mail(?:-adresse)?)|[\w ]{2,30} (?:hier )?(?:einfügen|eintragen)"
    r"|votre (?:nom|adresse|entreprise|e-?mail)|(?:tu|su) (?:nombre|dirección|empresa|correo))\]"
)


@rule(
    "FT305", "fill-in-text", category="quality", scope="text", kinds=TRAINED, roles=["assistant"], trained=True,
    slots=["content"], hint=_FILL_IN,
    message="a gap for the reader to fill in: {match}", help="write a concrete text, unless drafts with gaps are what you teach",
)  # fmt: skip
def fill_in_text(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """An answer with a gap in square brackets, like "[Your Name]".

    ## Why
    In a draft of a letter that is fine. Elsewhere the model learns to leave the answer to the user.

    ## Example
    "Kind regards, [Your Name]"

    ## Fix safety
    No fix: gaps may be meant.
    """
    match = re.search(_FILL_IN, without_code(text))
    if match:
        yield spot(*match.span(), match=match.group())


_FINISHED = frozenset(".!?…。！？\"”’'»」』）)]}>`*_:;~|%^=/\\-–—♪♡♥✓•°")
_OPEN_WORDS = re.compile(
    r"\b(?:and|or|the|a|an|of|to|with|in|for|that|which|because|from|by|is|are|was|were|as|such|including|like|your|their|its|this"
    r"|und|oder|der|dem|einen|einem|dass|weil|dans|une)$",
    re.I,
)
# Longer than any of these words: an end is not sought from the beginning of a text.
_ENDING = 24
_OPEN_MARKS = (",", "，", "、", "(", "（", "[", "·")
_ITEM = re.compile(r"^\s*(?:[-*•‣▪+#>|]|\d{1,3}[.)]|\(?[a-z]\)|[①-⑳가-하][.)])")
_KOREAN_OPEN = re.compile(
    r"(?:[은는을를의와과]|에서|으로|하고|하며|지만|는데|려면|면서|거나|하여|해서|그리고|또한|하지만|따라서|때문에|위해|통해|대한|있는|하는|되는|된|할|될)$"
)
_SIGNED = re.compile(r"(?:^|[\"'”’.!?…])\s*[-–—―~] ?[^\W\d_].{2,60}$|[-–—―~] ?[^\W\d_][^.!?]{2,60}$")
_STOP = re.compile(r"[.!?。！？][\"”’')\]]?\s|[。！？](?=[^\s”」』）])")
_EMPTY_ITEM = r"\n[ \t]*(\d{1,3})[.)]$"
# A sentence of so many words, or wide letters, that is not at its end after another one that is.
_LONG_TAIL, _LONG_WIDE_TAIL, _WIDE_TAIL = 20, 60, 8
_WIDE_WORDS = re.compile(r"[\w\s，、；：“”‘’《》（）,—-]*")


def _unfinished(text: Any, p: dict[str, Any]) -> Any:
    """Texts whose last character ends no sentence; they are a few percent."""
    import polars as pl

    plain = text.str.strip_chars_end()
    open_end = ~plain.str.slice(-1).is_in(pl.Series(sorted(_FINISHED - set("-(["))).implode())
    return (text.str.len_bytes() >= p["shortest"]) & (open_end | plain.str.slice(-8).str.contains(_EMPTY_ITEM))


@rule(
    "FT306", "cut-off-answer", category="suspicious", scope="text", kinds=TRAINED, roles=["assistant"], trained=True,
    slots=["content"], hint=_unfinished, params={"shortest": 60}, catalogue=["Q004"],
    message="the answer stops in the middle of a sentence: …{match}", help="take the full answer from the source, or drop the sample",
)  # fmt: skip
def cut_off_answer(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """An answer that ends where a sentence does not.

    ## Why
    The source was cut at a token limit or a column width. The model learns to stop anywhere. Lists, headings, code,
    poems and short answers are left alone: what counts is prose with full stops that ends without one, or a text that
    ends on a comma or on a word that needs another.

    ## Example
    "구매 금액의 1%가 쌓이고, 배송이 끝나면 자동으로" (the end)

    ## Fix safety
    No fix: the rest is not in the data.
    """
    plain = text.rstrip()
    if not plain or text.count("```") % 2 or looks_like_code(plain):
        return
    line = plain[plain.rfind("\n") + 1 :]
    tail = plain[-24:]
    item = re.search(_EMPTY_ITEM, plain)
    if item and re.search(rf"(?m)^[ \t]*{int(item.group(1)) - 1}[.)][ \t]+\S", plain):
        yield spot(len(plain) - len(item.group().lstrip()), len(plain), match=item.group().strip())
        return
    certain = plain.endswith(_OPEN_MARKS) or bool(_OPEN_WORDS.search(line, max(0, len(line) - _ENDING)) and len(line.split()) > 4) or (
        len(line) > 20 and bool(_KOREAN_OPEN.search(plain, max(0, len(plain) - _ENDING)))
    )  # fmt: skip
    if plain.endswith(("-", "–", "—")) and not certain:
        return
    if not certain:
        if (
            _ITEM.match(line)
            or _SIGNED.search(line)
            or not (plain[-1].isalpha() or plain[-1].isdigit())
            or without_code(plain)[-1] == " "
        ):
            return
        wide = ord(plain[-1]) > 0x2E80
        stops = [match.end() for match in _STOP.finditer(line)]
        rest = line[stops[-1] :] if stops else ""
        long = len(rest) >= _LONG_WIDE_TAIL if wide else len(rest.split()) >= _LONG_TAIL
        certain = (
            not _korean_end(plain)
            and bool(stops)
            and (long or len(_STOP.findall(plain)) >= 2)
            and (len(rest.split()) >= 3 if not wide else len(rest.strip()) >= _WIDE_TAIL and bool(_WIDE_WORDS.fullmatch(rest)))
        )
    if certain:
        yield spot(len(plain) - len(tail), len(plain), match=tail.split("\n")[-1])


def _korean_end(text: str) -> bool:
    """Whether a text ends on a Korean sentence ending; many Korean writers leave out the full stop."""
    return bool(
        re.search(
            r"(?:다|요|죠|까|네|음|함|됨|임|것|등|자|라|지|어|아|해|야|냐|니|래|군|걸|게|데|ㅎ|ㅋ|ㅠ|ㅜ|용|여|염|셈|돼)$",
            text[-2:],
        )
    )


_PROBE = 20
_LONGEST_PERIOD = 500
_ENDLESS = 400


def _recurring(text: Any, p: dict[str, Any]) -> Any:
    """Texts in which 20 characters, taken at the end or in the middle, come back often."""
    import polars as pl

    probes = (text.str.slice(-_PROBE - 1, _PROBE), text.str.slice(text.str.len_chars() // 2, _PROBE))
    often = [text.str.count_matches(probe, literal=True) >= 3 for probe in probes]
    return (text.str.len_bytes() >= p["shortest"]) & pl.any_horizontal(often)


@rule(
    "FT307", "repetition-loop", category="suspicious", scope="text", kinds=TRAINED, roles=["assistant"], trained=True,
    hint=_recurring, params={"times": 5, "shortest": 80},
    message="the same words {count} times in a row: {match}", help="cut the loop, or drop the sample",
    fix_safety="unsafe",
)  # fmt: skip
def repetition_loop(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """Words, a line or a sentence that repeats without end, at the end of an answer or around its middle.

    ## Why
    Small models loop; a loop in the training data teaches it. Characters drawn out ("haaaa", a ruler of dashes, a table
    of zeros) are no loop: at least five different letters have to repeat, or two over 400 characters ("hahaha…").

    ## Example
    "확인해 드릴게요. 확인해 드릴게요. 확인해 드릴게요. …" twelve times.

    ## Fix safety
    Unsafe: songs and counting games repeat on purpose.
    """
    for probe in dict.fromkeys((text[-_PROBE - 1 : -1], text[len(text) // 2 :][:_PROBE])):
        found = _run(text, probe)
        if found is None:
            continue
        start, period, count = found
        end = start + (count - 1) * period + len(probe)
        if text[start : end - period] != text[start + period : end]:
            continue
        unit = text[start : start + period]
        letters = {letter for letter in unit if letter.isalpha()}
        # A Chinese character or a Korean syllable says as much as two letters; what goes on and on is a loop with two.
        weight = sum(2 if ord(letter) > 0x2E80 else 1 for letter in letters)
        enough = 5 if count * period < _ENDLESS else 2
        if count >= p["times"] and count * period >= p["shortest"] and weight >= enough and len(letters) >= 2:
            yield spot(start, end, count=count, match=unit.strip())
            return


def _run(text: str, probe: str) -> tuple[int, int, int] | None:
    """The longest run of a probe at equal distances: its start, the distance and how often it stands there."""
    best: tuple[int, int, int] | None = None
    at, start, period, count = text.find(probe), -1, 0, 0
    while probe and at >= 0:
        following = text.find(probe, at + 1)
        distance = following - at
        if following < 0 or distance > _LONGEST_PERIOD:
            start, count = -1, 0
        elif start >= 0 and distance == period:
            count += 1
        else:
            start, period, count = at, distance, 2
        if count and (best is None or count * period > best[1] * best[2]):
            best = (start, period, count)
        at = following
    return best


_EDGES = " \t\r\n.?!。？！"


def _echoes(text: Any, p: dict[str, Any]) -> Any:
    import polars as pl

    question = pl.col("question").str.strip_chars()
    long = question.str.len_chars() >= p["shortest"]
    again = text.str.strip_chars_start().str.starts_with(question) & question.str.contains(r"[?？]$")
    same = text.str.strip_chars(_EDGES) == question.str.strip_chars(_EDGES)
    return long & (same | again)


@rule(
    "FT308", "prompt-echo", category="suspicious", scope="text", kinds=TRAINED, roles=["assistant"], trained=True,
    slots=["content"], hint=_echoes, params={"shortest": 15},
    message="the answer repeats the question", help="write the answer, or drop the sample", fix_safety="unsafe",
)  # fmt: skip
def prompt_echo(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """An answer that is the question over again, or begins with all of it.

    ## Why
    Columns were mixed up, or the data was made by a model that continues texts. The tuned model will parrot.

    ## Example
    "정기 배송을 해지하고 싶어요." answered with "정기 배송을 해지하고 싶어요."

    ## Fix safety
    Unsafe: a repetition may be asked for.
    """
    yield spot(0, len(text))


_UNSEEN = (
    r"(?i)\b(?:as|you can see|shown|seen|depicted|illustrated|pictured) (?:\w+ )?in the (?:image|picture|photo|photograph|figure|screenshot|diagram|video)(?: (?:above|below|attached|provided|you (?:sent|shared|provided)))\b"
    r"|\b(?:the|your) (?:attached|uploaded|enclosed) (?:image|picture|photo|file|document|pdf|spreadsheet|screenshot|video|attachment)\b"
    r"|\bin the (?:image|picture|photo|figure|screenshot) (?:above|below|you (?:sent|shared|provided|attached))\b"
    r"|\bclick (?:on )?the (?:link|button) (?:below|above)\b|\b(?:see|read|visit|check out|at|via|follow|use) the link (?:below|above)\b"
    r"|\b(?:in|shown in|see) (?:the )?(?:figure|fig\.|chart|table) \d{1,2} (?:above|below)\b"
    r"|\bin this (?:image|photo|photograph|screenshot)\b"
    r"|\b(?:in|auf|aus) (?:der|dem|den) (?:obigen|oben stehenden|unten stehenden|beigefügten|angehängten|angefügten) (?:abbildung|bild|foto|grafik|screenshot|datei|dokument|anhang)"
    r"|\b(?:im|am) (?:obigen|beigefügten|angehängten|angefügten) (?:bild|foto|dokument|screenshot|anhang|diagramm)"
    r"|(?:위|아래|첨부(?:된|하신|한)?|다음) ?(?:의 )?(?:이미지|사진|그림|스크린샷|동영상|영상|파일|첨부 ?파일)(?:을|를|에서|에|처럼|과 같이) "
    r"|(?:아래|위) ?(?:의 )?링크(?:를|에서|로) |첨부 ?파일(?:을|를) (?:참고|확인)"
    r"|如(?:上|下)?图所示|(?:见|参见)(?:上|下|附)图|(?:上|下)方的?(?:图片|链接)|点击(?:下方|上方|以下)(?:的)?链接|附件(?:中|里)的"
)

_MEDIA_WORDS = (
    "in this ", "In this ", "in Figure ", "in figure ", "in Table ", "in table ", "in Chart ", "in chart ", "see Figure ", "See Figure ",
    "obigen ", "beigefügten ", "angehängten ", "angefügten ", "stehenden ", "in the image", "in the picture", "in the photo", "in the figure", "in the Figure", "in the screenshot", "in the diagram", "in the video",
    "In the image", "In the picture", "In the photo", "In the screenshot", "attached ", "uploaded ", "enclosed ", "link below", "link above",
    "button below", "button above", "이미지", "사진", "그림", "스크린샷", "영상", "파일", "링크", "图", "链接", "附件",
)  # fmt: skip


def _blind(sample: Sample) -> bool:
    """Whether a sample shows nothing but text."""
    parts = (part for message in sample.turns() if isinstance(message.content, list) for part in message.content)
    return not sample.media and all(part.type in ("text", "refusal", "reasoning", "thinking") for part in parts)


@rule(
    "FT309", "unseen-reference", category="quality", scope="text", kinds=TRAINED, roles=["user", "assistant"], slots=["content"],
    gate=_MEDIA_WORDS, hint=_UNSEEN, when=_blind,
    message="speaks of something that is not in the sample: {match}", help="add it to the sample, or drop the reference",
)  # fmt: skip
def unseen_reference(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """A turn that refers to an image, a file or a link which the sample does not hold.

    ## Why
    The text was written for a page with pictures. The model learns to speak of what nobody can see.

    ## Example
    "As shown in the picture above, the valve is on the left." in a sample without pictures.

    ## Fix safety
    No fix: the picture is missing.
    """
    match = re.search(_UNSEEN, without_code(text))
    if match and not ("link" in match.group().lower() and "://" in text):
        yield spot(*match.span(), match=match.group().strip())


_FOREIGN_SENTENCE = re.compile(
    r"(?:^|(?<=[\n。！？.!?]))[ \t]*((?:[A-Za-z][\w'’-]*,? ){6,}[\w'’-]+[.?!])[ \t]*(?=$|\n|[^\x00-\x7f])", re.M
)
_WIDE_LETTERS = re.compile("[\uac00-\ud7a3\u4e00-\u9fff\u3040-\u30ff\u0400-\u04ff]")
_LANGUAGE_WORDS = (
    r"(?i)english|영어|영문|번역|영작|英|翻译|翻譯|translat|原文|перевод|английск|code|코드|代码|poem|시를|lyrics|가사|歌词|quote|인용|名言|명언"
    r"|paraphras|rewrite|改写|句子|문장|email|e-mail|이메일|邮件|标题|제목"
)


def _of_two_languages(text: Any, p: dict[str, Any]) -> Any:
    import polars as pl

    both = text.str.contains("[\uac00-\ud7a3\u4e00-\u9fff\u3040-\u30ff\u0400-\u04ff]") & text.str.contains(r"(?:[A-Za-z]+,? ){6}")
    return both & ~pl.col("question").fill_null("").str.contains(_LANGUAGE_WORDS)


@rule(
    "FT322", "half-translated", category="quality", scope="text", kinds=TRAINED, roles=["assistant"], trained=True,
    slots=["content"], foreign=True, hint=_of_two_languages,
    message="a whole sentence in another language: {match}", help="translate the rest, or drop the sample",
)  # fmt: skip
def half_translated(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """An answer in Korean, Chinese, Japanese or Russian with a whole English sentence in it that is no quotation.

    ## Why
    A translation stopped half-way. The model learns to fall into English. Quotations, code and tasks about languages are
    left alone.

    ## Example
    "예금자 보호 한도는 5천만 원입니다. The limit applies to each bank separately."

    ## Fix safety
    No fix: the rest has to be translated.
    """
    prose = without_code(text)
    wide, narrow = len(_WIDE_LETTERS.findall(prose)), len(re.findall("[A-Za-z]", prose))
    if looks_like_code(text) or 3 * wide < narrow or wide < 10:
        return
    for match in _FOREIGN_SENTENCE.finditer(prose):
        before = prose[: match.start(1)].rstrip()[-1:]
        if before not in "\"“‘'「『《(（:：" or not before:
            yield spot(*match.span(1), match=match.group(1))
            return
