# ruff: noqa: D102, D103
"""The files with planted faults. Each fault is noted with the line where its sample starts."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import clean_samples as clean
from tool_samples import tools_en

Row = dict[str, Any]

CLEAN_SIZES = {"banmal": 220, "support_en": 210, "support_ko": 110, "domain": 2100, "json": 520, "tools": 125}


def dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


class File:
    """A JSON Lines file under construction, with the list of its faults."""

    def __init__(self, name: str, pool: list[Row], encoding: str = "utf-8") -> None:
        self.name, self.encoding = f"dirty/{name}", encoding
        self.data, self.line = b"", 1
        self.faults: list[Row] = []
        self.pool: Iterator[Row] = iter(pool)
        self.korean: Iterator[Row] = iter(())

    def next(self) -> Row:
        """A clean sample that this file has not used yet."""
        return deepcopy(next(self.pool))

    def add(self, row: Row | str | bytes, end: str = "\n") -> int:
        """Write a sample, or text as it stands; the line where it starts."""
        text = dumps(row) if isinstance(row, dict) else row
        raw = text if isinstance(text, bytes) else text.encode(self.encoding)
        raw += end.encode(self.encoding)
        start, self.line = self.line, self.line + raw.count(b"\n")
        self.data += raw
        return start

    def clean(self, n: int = 1) -> int:
        """Write clean samples; the line of the last one."""
        for _ in range(n):
            start = self.add(self.next())
        return start

    def note(self, rule: str, line: int, note: str, **more: Any) -> None:
        self.faults.append({"file": self.name, "line": line, "rule": rule, "note": note, **more})

    def fault(self, rule: str, row: Row | str | bytes, note: str, **more: Any) -> int:
        """Write a faulty sample, one clean sample before it."""
        self.clean()
        line = self.add(row)
        self.note(rule, line, note, **more)
        return line

    def change(self, rule: str, edit: Callable[[Row], object], note: str, **more: Any) -> int:
        """Write the next clean sample with one thing broken."""
        row = self.next()
        edit(row)
        return self.fault(rule, row, note, **more)


class ArrayFile(File):
    """The same as an indented JSON array."""

    def __init__(self, name: str, pool: list[Row]) -> None:
        super().__init__(name, pool)
        self.data, self.line = b"[", 1

    def add(self, row: Row | str | bytes, end: str = "\n") -> int:
        assert isinstance(row, dict)
        text = json.dumps(row, ensure_ascii=False, indent=2).replace("\n", "\n  ")
        start = self.line + 1
        self.data += (b",\n  " if start > 2 else b"\n  ") + text.encode()
        self.line += 1 + text.count("\n")
        return start

    def close(self) -> "ArrayFile":
        self.data += b"\n]\n"
        return self


def say(row: Row, text: str) -> None:
    """Replace the last turn's text."""
    row["messages"][-1]["content"] = text


def edit_answer(change: Callable[[str], str]) -> Callable[[Row], object]:
    return lambda row: say(row, change(row["messages"][-1]["content"]))


def set_key(index: int, key: str, value: object) -> Callable[[Row], object]:
    return lambda row: row["messages"][index].__setitem__(key, value)


def pools() -> dict[str, list[Row]]:
    """Samples that the clean files leave over."""
    size = CLEAN_SIZES
    return {
        "ko": clean.support_ko()[size["support_ko"] :],
        "en": clean.support_en()[size["support_en"] :],
        "preference": clean.preference_ko()[size["support_ko"] :],
        "domain": clean.domain_legal_medical_ko()[size["domain"] :],
        "json": clean.task_json()[size["json"] :],
        "tools": tools_en()[size["tools"] :],
        "sharegpt": clean.sharegpt_ko()[60:],
    }


def resident_number() -> str:
    """A Korean resident number with the right check digit for a birthday in 1900, so that it is nobody's today."""
    digits = "000817" + "124561"
    total = sum(int(d) * w for d, w in zip(digits, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5], strict=True))
    return f"{digits[:6]}-{digits[6:]}{(11 - total % 11) % 10}"


def card_number() -> str:
    """A card number with the right check digit (Luhn), in the range 400000 that payment services keep for tests."""
    digits = "400000173824915"
    total = sum(sum(divmod(2 * int(d), 10)) if k % 2 == 0 else int(d) for k, d in enumerate(digits))
    whole = digits + str(-total % 10)
    return "-".join(whole[k : k + 4] for k in range(0, 16, 4))


def mixed_support(pool: dict[str, list[Row]]) -> list[Row]:
    """Two Korean samples, then an English one."""
    ko, en = iter(pool["ko"][:48]), iter(pool["en"][:24])
    return [next(en) if k % 3 == 2 else next(ko) for k in range(72)]


# --- the main demonstration -------------------------------------------------------------------------------------------


def support(pool: dict[str, list[Row]]) -> File:
    file = File("support_ko.jsonl", mixed_support(pool))
    file.korean = iter(pool["ko"][48:106])
    file.clean(4)
    structure(file)
    repeats(file, pool)
    texts(file)
    file.clean(2)
    for goal, rule, why in (
        ("style", "few-samples", "over the minimum of 50 for a style, under the recommended 200"),
        ("task", "too-few-samples", "under the minimum of 100 for a task"),
        ("domain", "too-few-samples", "under the minimum of 500 for a domain"),
    ):
        file.note(rule, 1, why, lint={"goal": goal})
    return file


def structure(file: File) -> None:
    """Faults of roles, turns and keys, all in Korean samples."""

    def change(rule: str, edit: Callable[[Row], object], note: str, **more: Any) -> None:
        row = korean_row(file)
        edit(row)
        file.fault(rule, row, note, **more)

    change(
        "unknown-role",
        set_key(2, "role", "agent"),
        "the answer has role 'agent'",
        also=["missing-assistant-turn", "last-turn-not-assistant"],
    )

    def human_and_gpt(row: Row) -> None:
        row["messages"][1]["role"], row["messages"][2]["role"] = "human", "gpt"

    change(
        "alias-role",
        human_and_gpt,
        "roles 'human' and 'gpt' inside messages",
        also=["missing-assistant-turn", "first-turn-not-user", "last-turn-not-assistant"],
    )
    change(
        "missing-assistant-turn",
        lambda r: r["messages"].pop(),
        "a question and no answer",
        also=["last-turn-not-assistant"],
    )
    change(
        "last-turn-not-assistant",
        lambda r: r["messages"].append({"role": "user", "content": "아, 알겠습니다."}),
        "the customer has the last word",
    )
    change(
        "first-turn-not-user",
        lambda r: r["messages"].insert(1, {"role": "assistant", "content": "어서 오세요, 모아 상담실이에요."}),
        "the conversation opens with the assistant",
    )
    change(
        "consecutive-roles",
        lambda r: r["messages"].insert(2, {"role": "user", "content": "그리고 되도록 빨리 부탁드려요."}),
        "two user turns in a row",
    )
    change(
        "misplaced-system",
        lambda r: r["messages"].insert(1, r["messages"].pop(0)),
        "the system message comes after the user's turn",
    )
    change(
        "several-systems",
        lambda r: r["messages"].insert(1, {"role": "system", "content": "고객의 이름을 부르지 않습니다."}),
        "two system messages",
        also=["misplaced-system", "consecutive-roles"],
    )
    change("empty-content", lambda r: say(r, ""), "the answer is an empty string")
    change("empty-content", lambda r: say(r, "   "), "the answer is only spaces", also=["surrounding-whitespace"])
    change("missing-content", lambda r: r["messages"][2].pop("content"), "the answer has no content key")
    change("invalid-weight", set_key(2, "weight", 0.5), "weight 0.5; only 0 and 1 are allowed")
    change("weight-outside-assistant", set_key(1, "weight", 0), "a weight on the user's turn")
    change("nothing-trained", set_key(2, "weight", 0), "every answer has weight 0")
    change(
        "developer-role",
        set_key(0, "role", "developer"),
        "role 'developer' instead of 'system'",
        also=["missing-system"],
    )
    change("invalid-name", set_key(1, "name", "김 고객"), "a name with a space and Hangul")
    change("extra-message-key", set_key(2, "sent_at", "2026-11-02"), "key 'sent_at' in a message")
    change(
        "extra-key",
        lambda r: r.__setitem__("source", "chat export"),
        "key 'source' beside messages",
        lint={"target": ["openai"]},
    )
    file.fault("blank-line", "", "an empty line")
    file.fault("invalid-json", dumps(korean_row(file))[:-2] + ",]}", "a comma before the closing bracket")


def repeats(file: File, pool: dict[str, list[Row]]) -> None:
    """The same sample again, in three ways."""
    first, second, third = korean_row(file), korean_row(file), korean_row(file)
    english = next(row for row in pool["en"][60:] if "." in row["messages"][2]["content"])
    here = file.add(first)
    file.fault("exact-duplicate", deepcopy(first), "the same sample again", of=here)
    here = file.add(english)
    shouted = deepcopy(english)
    shouted["messages"][1]["content"] = shouted["messages"][1]["content"].upper()
    file.fault("normalised-duplicate", shouted, "the same sample with the question in capitals", of=here)
    here = file.add(second)
    second, third = deepcopy(second), deepcopy(third)
    third["messages"][:2] = second["messages"][:2]
    file.fault("conflicting-answers", third, "the same question with another answer", of=here)


def texts(file: File) -> None:
    """Faults inside the text; most are found by the rules of issue 3."""
    three = {"issue": 3}

    def change(rule: str, edit: Callable[[Row], object], note: str, **more: Any) -> None:
        row = korean_row(file)
        edit(row)
        file.fault(rule, row, note, **more)

    change(
        "special-token",
        edit_answer(lambda t: t + "<|endoftext|>"),
        "a control token at the end of the answer",
    )
    change("special-token", edit_answer(lambda t: "<|im_start|>" + t), "a control token before the answer")
    wrong = "Don’t worry — we’ll sort it out today.".encode().decode("cp1252")
    row = next(row for row in file.pool if "Harbour" in row["messages"][0]["content"])
    say(row, f"{wrong} The courier calls before noon.")
    file.fault("mojibake", row, "UTF-8 read as cp1252: curly apostrophes and a dash fell apart", **three)
    wrong = "네, 바로 도와드릴게요.".encode().decode("latin-1")
    change(
        "mojibake",
        edit_answer(lambda t: f"{wrong} {t}"),
        "UTF-8 read as Latin-1: one Korean sentence fell apart",
        **three,
        also=["control-character", "wrong-language"],
    )
    korean(
        file,
        "refusal",
        lambda t: "죄송하지만 저는 AI 언어 모델이라서 그 질문에는 답변해 드릴 수 없어요.",
        "the assistant refuses as an AI model",
    )
    korean(file, "placeholder-answer", lambda t: "TODO: 답변 작성 예정", "a note to self instead of an answer")
    korean(file, "template-variable", lambda t: "{{customer_name}} 고객님, " + t, "an unfilled template variable")
    korean(
        file,
        "cut-off-answer",
        lambda t: t[: t.rindex("요.") - 4],
        "the answer stops in the middle of a sentence",
    )
    row = korean_row(file)
    say(row, row["messages"][1]["content"])
    file.fault("prompt-echo", row, "the answer repeats the question", **three)
    korean(
        file,
        "html-entity",
        lambda t: "환불 &amp; 교환 메뉴를&nbsp;눌러 주세요. " + t,
        "HTML entities in the answer",
    )
    korean(
        file,
        "zero-width",
        lambda t: t[:8] + "\u200b" + t[8:14] + "\u200b" + t[14:],
        "invisible zero-width spaces",
    )
    korean(
        file,
        "leaked-role-marker",
        lambda t: t + "\n\nUser: 배송비는요?\nAssistant: 무료예요.",
        "another exchange pasted into the answer",
    )
    korean(
        file,
        "mixed-speech-level",
        lambda t: "그건 앱에서 바로 하면 돼. 이틀이면 끝나니까 너무 걱정하지 마. 모르는 거 있으면 또 물어봐.",
        "반말 in a set of 해요체 answers",
    )
    korean(
        file,
        "wrong-language",
        lambda t: "You can change that in the app under Settings, and the new choice applies from the next order.",
        "a Korean question answered in English",
    )
    korean(
        file,
        "surrounding-whitespace",
        lambda t: f"  {t}\n",
        "spaces before and a line break after the answer",
    )
    korean(
        file,
        "repetition-loop",
        lambda t: "확인해 드릴게요. " * 11 + "확인해 드릴게요.",
        "one sentence twelve times",
    )

    def drift(row: Row) -> None:
        row["messages"][0]["content"] = row["messages"][0]["content"].replace("고객 상담원입니다", "고객상담원이에요")

    row = korean_row(file)
    drift(row)
    file.fault("drifting-system-prompt", row, "the system prompt differs slightly from all others", **three)
    row = korean_row(file)
    row["messages"][1]["content"] += f" 제 주민등록번호는 {resident_number()}이에요."
    file.fault("personal-data", row, "a Korean resident number (right check digit, birthday in 1900)", **three)
    row = korean_row(file)
    row["messages"][1]["content"] += f" 카드 번호는 {card_number()}예요."
    file.fault("personal-data", row, "a card number (right check digit, in a range that no bank issues)", **three)
    row = korean_row(file)
    row["messages"][1]["content"] += " 연동 키는 " + "AKIA" + "Q4ZTN7WJ2LMX6RBD" + " 값을 쓰고 있어요."
    file.fault("secret", row, "a made-up cloud access key", **three)
    row = korean_row(file)
    row["messages"][1]["content"] += " 주소는 postgres://report:" + "Vk7mQ2xTz9Lp" + "@db.internal:5432/orders 로 넣었어요."
    file.fault("secret", row, "a password inside a database address", **three)


def korean_row(file: File) -> Row:
    """A Korean sample to plant a fault in."""
    return deepcopy(next(file.korean))


def korean(file: File, rule: str, change: Callable[[str], str], note: str) -> None:
    """Break the answer of the next Korean sample."""
    row = korean_row(file)
    say(row, change(row["messages"][-1]["content"]))
    file.fault(rule, row, note, issue=3)


# --- tools ------------------------------------------------------------------------------------------------------------


def called(row: Row) -> Row:
    """The message that makes the first call."""
    return next(message for message in row["messages"] if message.get("tool_calls"))


def tools(pool: dict[str, list[Row]]) -> File:
    single = [row for row in pool["tools"] if sum(len(m.get("tool_calls", [])) for m in row["messages"]) == 1]
    file = File("tools.jsonl", single)
    double = iter([row for row in pool["tools"] if any(len(m.get("tool_calls", [])) == 2 for m in row["messages"])])
    function = lambda row: called(row)["tool_calls"][0]["function"]  # noqa: E731
    file.clean(2)

    def as_object(row: Row) -> None:
        function(row)["arguments"] = json.loads(function(row)["arguments"])

    file.change("arguments-not-string", as_object, "arguments is an object, not a JSON string", also=["type-drift"])
    file.change(
        "arguments-not-json",
        lambda r: function(r).__setitem__("arguments", "city=Oslo, unit=celsius"),
        "arguments is text that is not JSON",
    )
    file.change(
        "arguments-not-json",
        lambda r: function(r).__setitem__("arguments", function(r)["arguments"][:-1]),
        "the arguments lack their closing brace",
    )
    file.change(
        "incomplete-tool-call",
        lambda r: called(r)["tool_calls"][0].pop("id"),
        "a call without id",
        also=["unknown-tool-call-id", "unanswered-tool-call"],
    )
    file.change("incomplete-tool-call", lambda r: called(r)["tool_calls"][0].pop("type"), "a call without type")
    file.change(
        "incomplete-tool-call",
        lambda r: function(r).pop("name"),
        "a call without a function name",
        also=["undefined-tool"],
    )
    file.change(
        "unknown-tool-call-id",
        lambda r: r["messages"][2].__setitem__("tool_call_id", "cdeadbeef"),
        "the result names an id that no call has",
        also=["unanswered-tool-call"],
    )
    file.change(
        "missing-tool-call-id",
        lambda r: r["messages"][2].pop("tool_call_id"),
        "the result names no id",
        also=["unanswered-tool-call"],
    )
    file.change(
        "unanswered-tool-call",
        lambda r: r["messages"].pop(2),
        "a call, then the answer, without a result between",
        also=["consecutive-roles"],
    )

    def forget(row: Row) -> None:
        name = function(row)["name"]
        row["tools"] = [tool for tool in row["tools"] if tool["function"]["name"] != name]

    file.change("undefined-tool", forget, "the called function is not among the tools")

    def without_required(row: Row) -> None:
        function(row)["arguments"] = "{}"

    def wrong_type(row: Row) -> None:
        asked = json.loads(function(row)["arguments"])
        function(row)["arguments"] = json.dumps({key: [value] for key, value in asked.items()})

    def unknown_argument(row: Row) -> None:
        asked = json.loads(function(row)["arguments"])
        function(row)["arguments"] = json.dumps({**asked, "mood": "hopeful"})

    file.change("arguments-against-schema", without_required, "a required argument is missing")
    file.change("arguments-against-schema", wrong_type, "arguments are lists where the schema wants single values")
    file.change("arguments-against-schema", unknown_argument, "an argument that the schema does not allow")
    file.change(
        "invalid-tool-definition",
        lambda r: r["tools"][0]["function"]["parameters"].__setitem__("type", "objekt"),
        "parameters is not a valid JSON Schema: type 'objekt'",
        also=["arguments-against-schema"],
    )
    file.change(
        "invalid-tool-definition",
        lambda r: r["tools"][-1]["function"].__setitem__("parameters", "none"),
        "parameters is text",
        also=["type-drift", "arguments-against-schema"],
    )
    file.change(
        "invalid-tool-definition",
        lambda r: r.__setitem__("tools", {"tool": r["tools"][0]}),
        "tools is an object, not a list",
        also=["type-drift", "undefined-tool", "missing-tools"],
    )
    file.change("missing-tools", lambda r: r.pop("tools"), "calls, but no tools at all", also=["undefined-tool"])

    def odd_name(row: Row) -> None:
        name = function(row)["name"]
        for tool in row["tools"]:
            if tool["function"]["name"] == name:
                tool["function"]["name"] = f"{name}, please!"
        function(row)["name"] = f"{name}, please!"

    file.change("invalid-tool-name", odd_name, "a function name with a comma, a space and an exclamation mark")
    file.change(
        "ends-with-tool-result",
        lambda r: r["messages"].pop(),
        "the sample ends with the tool's result",
        also=["last-turn-not-assistant"],
    )

    def legacy(row: Row) -> None:
        old = function(row)
        messages = row["messages"]
        messages[1] = {"role": "assistant", "content": "", "function_call": old}
        messages[2] = {"role": "function", "name": old["name"], "content": messages[2]["content"]}
        row["functions"] = [tool["function"] for tool in row.pop("tools")]

    file.change("legacy-function-call", legacy, "the old functions and function_call instead of tools")
    row = deepcopy(next(double))
    first, second = called(row)["tool_calls"]
    for message in row["messages"]:
        if message.get("tool_call_id") == second["id"]:
            message["tool_call_id"] = first["id"]
    second["id"] = first["id"]
    file.note("duplicate-tool-call-id", file.add(row), "two calls share one id")
    row = deepcopy(next(double))
    second = called(row)["tool_calls"][1]
    row["messages"] = [m for m in row["messages"] if m.get("tool_call_id") != second["id"]]
    file.note("unanswered-tool-call", file.add(row), "only one of two parallel calls has a result")
    for row in double:
        file.add(deepcopy(row))
    return file


# --- preference -------------------------------------------------------------------------------------------------------


def preference(pool: dict[str, list[Row]]) -> File:
    file = File("preference.jsonl", pool["preference"][80:])
    file.clean(3)
    change = file.change
    answer = lambda text: {"role": "assistant", "content": text}  # noqa: E731
    change(
        "preference-not-single",
        lambda r: r["preferred_output"].append(answer("또 궁금한 점이 있으세요?")),
        "two messages in preferred_output",
        lint={"target": ["openai"]},
    )
    change("preference-not-single", lambda r: r["non_preferred_output"].clear(), "non_preferred_output is empty")
    change(
        "preference-not-single",
        lambda r: r["preferred_output"][0].__setitem__("role", "user"),
        "preferred_output is a user turn",
        also=["missing-assistant-turn"],
    )
    change(
        "preference-ends-with-assistant",
        lambda r: r["input"]["messages"].append(answer("잠시만 기다려 주세요.")),
        "the input already ends with an assistant turn",
        also=["consecutive-roles"],
    )
    change(
        "identical-preference",
        lambda r: r.__setitem__("non_preferred_output", deepcopy(r["preferred_output"])),
        "both answers are the same",
    )
    change(
        "empty-content",
        lambda r: r["non_preferred_output"][0].__setitem__("content", ""),
        "the rejected answer is empty",
    )

    def old_names(row: Row) -> None:
        row["preferred_completion"] = row.pop("preferred_output")
        row["non_preferred_completion"] = row.pop("non_preferred_output")

    change(
        "misnamed-preference-key",
        old_names,
        "preferred_completion and non_preferred_completion, as an old specification had it",
        also=["mixed-formats", "extra-key", "preference-not-single"],
    )
    change(
        "missing-messages",
        lambda r: r["input"].pop("messages"),
        "the input holds no messages",
        also=["mixed-formats", "preference-not-single"],
    )
    row = file.next()
    here = file.add(row)
    file.fault("exact-duplicate", deepcopy(row), "the same pair again", of=here)
    file.clean(2)
    return file


def preference_trl(pool: dict[str, list[Row]]) -> File:
    """Chosen and rejected as whole conversations."""

    def whole(row: Row) -> Row:
        asked = row["input"]["messages"]
        return {"chosen": asked + row["preferred_output"], "rejected": asked + row["non_preferred_output"]}

    file = File("preference_trl.jsonl", [whole(row) for row in pool["preference"][130:160]])
    file.clean(4)

    def other_question(row: Row) -> None:
        row["rejected"][1] = {"role": "user", "content": "매장은 몇 시까지 열어요?"}

    file.change("prompt-mismatch", other_question, "chosen and rejected answer different questions", issue=3)
    file.change("prompt-mismatch", lambda r: r["rejected"].pop(0), "only chosen has the system message", issue=3)
    file.change(
        "identical-preference",
        lambda r: r.__setitem__("rejected", deepcopy(r["chosen"])),
        "both conversations are the same",
        issue=3,
    )
    file.clean(5)
    return file


# --- JSON and bytes ---------------------------------------------------------------------------------------------------


def broken(pool: dict[str, list[Row]]) -> File:
    file = File("broken.jsonl", pool["domain"][:100])
    file.clean(2)
    change, text = file.change, lambda: dumps(file.next())
    file.fault("invalid-json", text() + ",", "a comma after the object")
    file.fault("invalid-json", text().replace('"', "'"), "single quotes")
    file.fault(
        "invalid-json",
        text().replace("니다.", '니"다.', 1),
        "a quotation mark inside the text is not escaped",
    )
    file.fault("invalid-json", text()[:-1], "the closing brace is missing")
    file.fault(
        "invalid-json",
        text().replace("합쇼체로", "합쇼체로\t", 1),
        "a raw tab inside a string",
        also=["control-character", "drifting-system-prompt"],
    )
    whole = text()
    cut = whole.index(". ") + 1
    file.fault(
        "invalid-json",
        whole[:cut] + "\n" + whole[cut + 1 :],
        "a raw line break inside a string: one sample on two lines",
    )
    file.note("invalid-json", file.line - 1, "the second half of the sample broken by a raw line break")
    file.fault("several-objects", text() + text(), "two objects on one line")
    file.fault("not-an-object", dumps(file.next()["messages"]), "the line is a list")
    file.fault("not-an-object", '"전체 대화는 다음 파일에 있습니다."', "the line is a string")
    file.fault("not-an-object", "42", "the line is a number")
    file.fault("blank-line", "", "an empty line")
    file.fault("blank-line", "   ", "a line of spaces")
    file.fault("nan-literal", text()[:-1] + ', "score": NaN}', "NaN is not JSON", also=["extra-key"])
    whole = text()
    file.fault("duplicate-key", whole[:-1] + ", " + whole[1:], "messages twice in one object")
    file.fault(
        "duplicate-key",
        text().replace('"role": "user",', '"role": "user", "role": "user",', 1),
        "role twice in one message",
    )
    file.fault("lone-surrogate", text()[:-4] + " \\ud83d" + '"}]}', "half of an emoji")
    change(
        "control-character",
        edit_answer(lambda t: t[:6] + "\x00" + t[6:]),
        "an escaped NUL character in the answer",
    )
    change(
        "control-character",
        edit_answer(lambda t: t[:6] + "\x07" + t[6:]),
        "an escaped bell character in the answer",
    )
    depth = 20_000
    file.fault(
        "too-deep",
        '{"messages": ' + "[" * depth + "]" * depth + "}",
        f"{depth:,} levels of nesting",
        also=["malformed-message"],
    )
    change(
        "missing-messages",
        lambda r: r.__setitem__("message", r.pop("messages")),
        "the key is called message",
        also=["mixed-formats", "extra-key"],
    )
    change(
        "missing-messages",
        lambda r: r["messages"].clear(),
        "messages is an empty list",
        also=["missing-assistant-turn"],
    )
    change("missing-messages", lambda r: r.__setitem__("messages", None), "messages is null", also=["type-drift"])
    change(
        "malformed-message",
        lambda r: r["messages"].__setitem__(2, r["messages"][2]["content"]),
        "a message is plain text",
        also=["type-drift", "missing-assistant-turn", "last-turn-not-assistant"],
    )
    change(
        "malformed-message",
        lambda r: r["messages"][2].pop("role"),
        "a message without role",
        also=["missing-assistant-turn", "last-turn-not-assistant"],
    )
    change("wrong-content-type", lambda r: say_any(r, 42), "the answer is a number", also=["type-drift"])
    change(
        "wrong-content-type",
        lambda r: say_any(r, {"text": r["messages"][2]["content"]}),
        "the answer is an object",
        also=["type-drift"],
    )
    drift = {"also": ["type-drift", "wrong-content-type"]}
    change(
        "malformed-part",
        lambda r: say_any(r, [{"type": "txt", "text": r["messages"][2]["content"]}]),
        "a content part of unknown type",
        **drift,
    )
    change(
        "malformed-part",
        lambda r: r["messages"][1].__setitem__("content", [{"type": "image_url", "image_url": "https://example.org/rash.png"}]),
        "image_url is a bare string",
        **drift,
    )
    file.clean()
    half = text()
    file.note(
        "invalid-json",
        file.add(half[: len(half) * 2 // 3], end=""),
        "the last line is cut and has no line break",
    )
    return file


def say_any(row: Row, value: object) -> None:
    row["messages"][-1]["content"] = value


def bytes_file(pool: dict[str, list[Row]]) -> File:
    file = File("bytes.jsonl", pool["domain"][100:130])
    file.clean(3)
    raw = lambda: dumps(file.next()).encode()  # noqa: E731
    file.fault(
        "invalid-bytes",
        raw().replace("니다.".encode(), "니다.".encode("cp949"), 1),
        "four bytes of cp949 in a UTF-8 file",
    )
    file.fault("invalid-bytes", raw().replace("니다.".encode(), b"\xff\xfe.", 1), "two bytes that no UTF-8 text has")
    file.fault(
        "control-character",
        raw().replace("니다.".encode(), "니\x00다.".encode(), 1),
        "a raw NUL byte",
        also=["invalid-json"],
    )
    file.clean(2)
    return file


def encodings(pool: dict[str, list[Row]]) -> list[File]:
    """Whole files whose container is at fault."""
    rows = pool["domain"][130:]
    korean = File("cp949.jsonl", rows[:12], "cp949")
    korean.clean(12)
    korean.note("non-utf8-encoding", 1, "the whole file is cp949")
    wide = File("utf16.jsonl", rows[12:24], "utf-16-le")
    wide.data = b"\xff\xfe"
    wide.clean(12)
    wide.note("non-utf8-encoding", 1, "the whole file is UTF-16 with a byte order mark", also=["byte-order-mark"])
    marked = File("bom.jsonl", rows[24:36])
    marked.data = b"\xef\xbb\xbf"
    marked.clean(12)
    marked.note("byte-order-mark", 1, "the file starts with a byte order mark")
    ends = File("newlines.jsonl", rows[36:48])
    ends.clean(7)
    ends.note("mixed-newlines", ends.line, "from this line on, lines end in CR LF")
    for _ in range(5):
        ends.add(ends.next(), end="\r\n")
    array = File("array.jsonl", [])
    array.add(json.dumps(rows[48:60], ensure_ascii=False, indent=1))
    array.note("not-json-lines", 1, "one JSON array in a .jsonl file")
    pretty = File("pretty.jsonl", [])
    for row in rows[60:72]:
        pretty.add(json.dumps(row, ensure_ascii=False, indent=2))
    pretty.note("not-json-lines", 1, "indented objects, one after another")
    lines = File("lines.json", rows[72:84])
    lines.clean(12)
    lines.note("wrong-extension", 1, "JSON Lines in a file named .json", lint={"target": ["openai"]})
    tiny = File("tiny.jsonl", rows[84:90])
    tiny.clean(6)
    tiny.note("too-few-for-target", 1, "6 samples; OpenAI wants 10", lint={"target": ["openai"]})
    tiny.note("too-few-samples", 1, "6 samples; a style needs 50", lint={"goal": "style"})
    return [korean, wide, marked, ends, array, pretty, lines, tiny, cut_archive(rows[90:102])]


def cut_archive(rows: list[Row]) -> File:
    """A gzip file cut in the middle of the ninth sample; stored blocks, so no compressor decides its bytes."""
    file = File("cut.jsonl.gz", [])
    file.data = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    for k, row in enumerate(rows[:9]):
        raw = dumps(row).encode() + b"\n"
        size = len(raw).to_bytes(2, "little")
        block = b"\x00" + size + bytes(255 - byte for byte in size) + raw
        file.data += block if k < 8 else block[: len(block) // 2]
    file.note("truncated-file", 9, "the archive stops in the middle of the ninth sample", also=["invalid-json"])
    return file


# --- other formats ----------------------------------------------------------------------------------------------------


def alpaca(pool: dict[str, list[Row]]) -> File:
    def task(row: Row) -> Row:
        _, user, answer = row["messages"]
        return {"instruction": user["content"], "input": "", "output": answer["content"]}

    file = ArrayFile("alpaca.json", [task(row) for row in pool["domain"][240:300]])
    file.clean(2)
    change = file.change
    change("empty-content", lambda r: r.__setitem__("output", ""), "output is empty")
    change(
        "missing-content",
        lambda r: r.pop("output"),
        "there is no output",
        also=["missing-assistant-turn", "mixed-formats"],
    )
    change("wrong-content-type", lambda r: r.__setitem__("output", 14), "output is a number", also=["type-drift"])
    change(
        "malformed-message",
        lambda r: r.__setitem__("history", [["지난번에 알려 주신 내용이 무엇이었나요?"]]),
        "a turn of history lacks its answer",
        also=["type-drift"],
    )
    row = file.next()
    here = file.add(row)
    file.fault("exact-duplicate", deepcopy(row), "the same task again", of=here)
    row, other = file.next(), file.next()
    here = file.add(row)
    file.fault(
        "conflicting-answers",
        {**row, "output": other["output"]},
        "the same task with another answer",
        of=here,
    )
    change(
        "placeholder-answer",
        lambda r: r.__setitem__("output", "lorem ipsum dolor sit amet"),
        "filler text",
        issue=3,
        also=["wrong-language"],
    )
    change(
        "html-entity",
        lambda r: r.__setitem__("output", r["output"].replace(" ", "&nbsp;", 2)),
        "HTML entities in output",
        issue=3,
    )
    file.note("too-few-samples", 1, "fewer than 50 samples for a style", lint={"goal": "style"})
    file.clean(2)
    return file.close()


def sharegpt(pool: dict[str, list[Row]]) -> File:
    file = ArrayFile("sharegpt.json", pool["sharegpt"])
    file.clean(2)

    def change(rule: str, edit: Callable[[list[Any]], object], note: str, **more: Any) -> None:
        row = file.next()
        edit(row["conversations"])
        file.note(rule, file.add(row), note, **more)
        if len(file.faults) % 2:
            file.clean()

    change(
        "unknown-role",
        lambda c: c[1].__setitem__("from", "operator"),
        "speaker 'operator'",
        also=["consecutive-roles", "first-turn-not-user"],
    )
    change("last-turn-not-assistant", lambda c: c.pop(), "the conversation ends with the human")
    change(
        "consecutive-roles",
        lambda c: c.insert(1, {"from": "human", "value": "아직 계획은 없어요."}),
        "two human turns in a row",
    )
    change(
        "first-turn-not-user",
        lambda c: c.insert(0, {"from": "gpt", "value": "무엇이든 물어보세요."}),
        "the conversation opens with the model",
    )
    change("empty-content", lambda c: c[3].__setitem__("value", ""), "the last answer is empty")
    change("missing-content", lambda c: c[3].pop("value"), "the last answer has no value")
    change(
        "missing-assistant-turn",
        lambda c: c.__delitem__(slice(1, None)),
        "a question only",
        also=["last-turn-not-assistant"],
    )
    change(
        "malformed-message",
        lambda c: c.__setitem__(3, c[3]["value"]),
        "a turn is plain text",
        also=["type-drift", "last-turn-not-assistant"],
    )
    change(
        "missing-messages",
        lambda c: c.clear(),
        "conversations is an empty list",
        also=["missing-assistant-turn"],
    )
    change(
        "wrong-content-type",
        lambda c: c[3].__setitem__("value", ["네", "그래요"]),
        "the last answer is a list",
        also=["type-drift", "malformed-part"],
    )
    wrong = "좋은 생각이에요.".encode().decode("latin-1")
    change(
        "mojibake",
        lambda c: c[3].__setitem__("value", f"{wrong} {c[3]['value']}"),
        "UTF-8 read as Latin-1",
        issue=3,
        also=["control-character", "wrong-language"],
    )
    row = file.next()
    here = file.add(row)
    file.clean()
    file.note("exact-duplicate", file.add(deepcopy(row)), "the same conversation again", of=here)
    file.clean(2)
    return file.close()


def mixed(pool: dict[str, list[Row]]) -> File:
    file = File("mixed.jsonl", pool["domain"][300:340])
    file.clean(12)
    _, user, answer = file.next()["messages"]
    file.fault(
        "mixed-formats",
        {"instruction": user["content"], "input": "", "output": answer["content"]},
        "an Alpaca row among chat rows",
        also=["missing-messages", "extra-key"],
    )
    _, user, answer = file.next()["messages"]
    turns = [{"from": "human", "value": user["content"]}, {"from": "gpt", "value": answer["content"]}]
    file.fault(
        "mixed-formats",
        {"conversations": turns},
        "a ShareGPT row among chat rows",
        also=["missing-messages", "extra-key"],
    )
    row, (_, user, answer) = file.next(), file.next()["messages"]
    file.fault(
        "ambiguous-row",
        {**row, "prompt": user["content"], "completion": answer["content"]},
        "messages and prompt/completion in one row",
        also=["extra-key", "mixed-formats"],
    )

    def parts(row: Row) -> None:
        for message in row["messages"]:
            message["content"] = [{"type": "text", "text": message["content"]}]

    file.change("type-drift", parts, "content is a list of parts here and a string elsewhere")
    file.clean(6)
    return file


def columns(pool: dict[str, list[Row]]) -> File:
    """Prompt and completion as CSV; quoted cells, some with line breaks."""

    def cells(row: Row) -> list[str]:
        return [row["messages"][1]["content"], row["messages"][2]["content"]]

    def text(values: list[str]) -> str:
        return ",".join('"' + value.replace('"', '""') + '"' for value in values)

    file = File("columns.csv", [])
    file.pool = (cells(row) for row in pool["en"][100:140])  # type: ignore[assignment]
    take: Callable[[], Any] = lambda: next(file.pool)  # noqa: E731
    file.add("prompt,completion")

    def plain(n: int = 1) -> int:
        for _ in range(n):
            start = file.add(text(take()))
        return start

    plain(3)
    prompt, completion = take()
    file.add(text([prompt, completion.replace(". ", ".\n", 1)]))
    plain()
    file.note("ragged-row", file.add(text([*take(), "yes"])), "three cells under two headings")
    plain()
    file.note(
        "ragged-row",
        file.add(text(take()[:1])),
        "one cell under two headings",
        also=["missing-content", "empty-content"],
    )
    plain(2)
    file.note("empty-content", file.add(text([take()[0], ""])), "the completion is empty")
    row = take()
    here = file.add(text(row))
    plain(2)
    file.note("exact-duplicate", file.add(text(row)), "the same row again", of=here)
    row, other = take(), take()
    here = file.add(text(row))
    plain()
    file.note(
        "conflicting-answers",
        file.add(text([row[0], other[1]])),
        "the same prompt with another completion",
        of=here,
    )
    plain(2)
    return file


def json_task(pool: dict[str, list[Row]]) -> File:
    file = File("json_task.jsonl", pool["json"])
    file.clean(22)
    change = file.change
    change(
        "not-json",
        lambda r: say(r, "배송이 늦어진 문의로 보이며 급하지 않습니다."),
        "a sentence where all others are JSON",
        issue=3,
    )
    file.clean()
    change(
        "not-json",
        edit_answer(lambda t: t[: t.index('"summary"')]),
        "the JSON stops before its last key",
        issue=3,
        also=["cut-off-answer", "surrounding-whitespace", "unclosed-bracket"],
    )
    change("not-json", edit_answer(lambda t: f"```json\n{t}\n```"), "JSON wrapped in a Markdown fence", issue=3)
    change(
        "different-json-keys",
        edit_answer(lambda t: t.replace('"urgency"', '"priority"')),
        "key 'priority' instead of 'urgency'",
        issue=3,
    )
    file.clean(20)
    return file


def long_files(pool: dict[str, list[Row]]) -> list[File]:
    """Samples over the token limit of OpenAI (65,536) and over the default of TRL (1,024)."""
    big = File("long.jsonl", pool["en"][60:80])
    big.clean(6)
    readings, state = [], 11
    for _ in range(14_500):
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        readings.append(f"{10 + (state >> 8) % 200 / 10:.1f}")

    def log(row: Row) -> None:
        row["messages"][1]["content"] += " Our sensor readings: " + ", ".join(readings)

    openai = {"lint": {"target": ["openai"]}}
    line = big.change("too-long", log, "about 73,000 tokens; OpenAI trains on 65,536", **openai)
    big.note("answer-cut", line, "the answer lies behind the limit", **openai)
    big.clean(5)
    small = File("long_trl.jsonl", pool["en"][80:100])
    small.clean(6)
    trl = {"lint": {"target": ["trl"], "tokenizer": "o200k_base"}}
    facts = [row["messages"][2]["content"] for row in clean.support_en()[:60]]
    line = small.change(
        "longer-than-default",
        lambda r: r["messages"][1].__setitem__("content", "Summarise your help pages for me. " + " ".join(facts[:30])),
        "about 1,500 tokens; TRL keeps 1,024 unless told otherwise",
        **trl,
    )
    small.note("answer-cut", line, "the answer lies behind the limit", **trl)
    small.change(
        "longer-than-default",
        lambda r: say(r, " ".join(facts[30:])),
        "a long answer: its end is lost, its beginning is trained",
        **trl,
    )
    small.clean(5)
    return [big, small]


def leak(pool: dict[str, list[Row]]) -> list[File]:
    """A training file and an evaluation file that share three samples."""
    source = [row for pair in zip(pool["ko"][110:150], pool["en"][104:144], strict=True) for row in pair]
    train, held = File("train.jsonl", source[:56]), File("eval.jsonl", source[56:])
    shared = [source[8], source[21], source[35]]
    train.clean(56)
    held.clean(4)
    more = {"with": ["dirty/train.jsonl"]}
    held.fault("leaked-sample", deepcopy(shared[0]), "also line 9 of train.jsonl", **more)
    held.clean(2)
    held.fault("leaked-sample", deepcopy(shared[1]), "also line 22 of train.jsonl", **more)
    held.clean(1)
    row = deepcopy(shared[2])
    row["messages"][1]["content"] = row["messages"][1]["content"].upper()
    held.fault("leaked-sample", row, "also line 36 of train.jsonl, there in ordinary letters", **more)
    held.clean(3)
    return [train, held]


def dirty_files() -> list[File]:
    pool = pools()
    return [
        support(pool), tools(pool), preference(pool), preference_trl(pool), broken(pool), bytes_file(pool),
        *encodings(pool), alpaca(pool), sharegpt(pool), mixed(pool), columns(pool), json_task(pool), *long_files(pool),
        *leak(pool),
    ]  # fmt: skip
