"""The rules over a whole set: what nine answers in ten have in common, and what a few samples take from the others."""

from __future__ import annotations

import orjson
import pytest

import ftdata


def chat(answer, question="Where is my order?", system=None, **more):
    turns = [{"role": "system", "content": system}] if system is not None else []
    return {"messages": [*turns, {"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more}


@pytest.fixture
def lines_of(tmp_path):
    """Lint rows with one rule, and return the lines it names with their messages."""

    def run(name, rows, **options):
        path = tmp_path / "set.jsonl"
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
        report = ftdata.lint(path, select=[name], count_tokens=False, **options)
        return {finding.location.line: finding.message for finding in report.findings}

    return run


POLITE = [f"{number}번 주문은 앱에서 확인할 수 있어요. 언제든 다시 물어봐 주세요." for number in range(30)]
ENGLISH = [f"Order {number} has left the warehouse and will arrive soon." for number in range(30)]


@pytest.mark.parametrize(
    ("name", "usual", "odd"),
    [
        ("not-json", [f'{{"order": {n}}}' for n in range(30)], "It is on its way."),
        ("not-json", [f'{{"order": {n}}}' for n in range(30)], '```json\n{"order": 3}\n```'),
        ("not-json", [f'{{"order": {n}}}' for n in range(30)], '{"order": 3'),
        ("different-json-keys", [f'{{"b": 1, "a": {n}}}' for n in range(30)], '{"a": 1, "c": 2}'),
        ("mixed-speech-level", POLITE, "그건 앱에서 보면 돼. 또 물어봐."),
        ("mixed-speech-level", POLITE, "앱에서 확인하실 수 있습니다. 감사합니다."),
        ("mixed-speech-level", POLITE, "앱에서 확인한다. 언제든 다시 묻는다."),
        ("different-shape", [f"- order {n}\n- parcel" for n in range(30)], "It is on its way."),
        ("missing-formula", [f"{text} Thank you for asking!" for text in ENGLISH], "It is on its way."),
        ("missing-formula", [f"Dear customer, {text}" for text in ENGLISH], "It is on its way."),
        ("changing-persona", [f"저는 모아예요. {text}" for text in POLITE], "저는 챗봇이에요. 앱에서 확인할 수 있어요."),
        ("changing-persona", [f"Hello, my name is Moa. {text}" for text in ENGLISH], "I'm Claude, and it is on its way."),
    ],
)
def test_the_one_answer_that_breaks_the_style_of_the_set_is_named(lines_of, name, usual, odd):
    rows = [chat(text) for text in usual]
    assert lines_of(name, rows) == {}
    assert list(lines_of(name, [*rows[:7], chat(odd), *rows[7:]])) == [8]


@pytest.mark.parametrize(
    "name", ["not-json", "different-json-keys", "mixed-speech-level", "different-shape", "missing-formula", "changing-persona"]
)
def test_a_mixed_set_has_no_style_to_break(lines_of, name):
    texts = [POLITE[0], "그건 앱에서 보면 돼.", '{"a": 1}', '{"b": 2}', "- one\n- two", "I am Moa.", "I am Kim.", "Thank you!"]
    assert lines_of(name, [chat(text) for text in texts * 8]) == {}


def test_a_style_is_judged_file_by_file(tmp_path):
    for name, texts in (("json", [f'{{"order": {n}}}' for n in range(30)]), ("prose", ENGLISH[:3])):
        rows = [orjson.dumps(chat(text)) for text in texts]
        (tmp_path / f"{name}.jsonl").write_bytes(b"\n".join(rows) + b"\n")
    assert not ftdata.lint(tmp_path, select=["not-json"]).findings


def test_a_korean_question_answered_in_english_is_named_but_a_translation_is_not(lines_of):
    korean = [chat(text, "주문이 어디쯤 왔나요?") for text in POLITE]
    odd = chat("You can see it in the app.", "주문이 어디쯤 왔나요?")
    asked = chat("You can see it in the app.", "'앱에서 볼 수 있어요'를 영어로 번역해 주세요.")
    assert list(lines_of("wrong-language", [*korean, odd, asked])) == [31]


def test_languages_of_one_script_are_told_apart_on_request(lines_of):
    english = [chat(f"The order with the number {n} has left the warehouse and will arrive on Monday.") for n in range(60)]
    french = chat("Bonjour, votre commande a quitté l'entrepôt ce matin et arrivera chez vous lundi prochain.")
    assert list(lines_of("other-language", [*english, french])) == [61]


def test_a_system_prompt_that_drifts_is_named_with_the_words_that_differ(lines_of):
    usual = "당신은 상점의 고객 상담원입니다. 부드러운 해요체로 답합니다."
    rows = [chat(text, system=usual) for text in POLITE]
    drifted = chat(POLITE[0], system=usual.replace("고객 상담원입니다", "고객상담원이에요"))
    other = chat(POLITE[0], system="You translate from Korean to English.")
    found = lines_of("drifting-system-prompt", [*rows, drifted, other])
    assert list(found) == [31]
    assert '"고객상담원이에요." for "고객 상담원입니다."' in found[31]


def test_system_prompts_that_differ_in_every_sample_are_a_template(lines_of):
    rows = [chat(text, system=f"You help customer {number} of the shop.") for number, text in enumerate(ENGLISH)]
    assert lines_of("drifting-system-prompt", rows) == {}


def test_the_few_samples_without_the_system_prompt_of_the_set_are_named(lines_of):
    rows = [chat(text, system="You are Moa.") for text in ENGLISH]
    assert list(lines_of("missing-system-prompt", [*rows, chat("It is on its way.")])) == [31]


def test_an_answer_of_another_length_is_named_where_the_set_has_a_length(lines_of):
    rows = [chat("It is on its way. " * 10) for _ in range(120)]
    assert list(lines_of("length-outlier", [*rows, chat("Yes."), chat("It is on its way. " * 60)])) == [121, 122]
    spread = [chat("x" * (n * n + 1)) for n in range(120)]
    assert lines_of("length-outlier", spread) == {}


def test_one_giant_conversation_is_named(lines_of):
    rows = [chat(text) for text in ENGLISH * 3]
    assert list(lines_of("dominating-sample", [*rows, chat("and so on " * 2000)])) == [91]
    assert lines_of("dominating-sample", rows) == {}


def test_questions_of_one_template_are_said_once(lines_of):
    rows = [chat("Wren.", f"Classify the following bird: {n}") for n in range(60)]
    assert lines_of("prompt-template", rows) == {1: '100 % of the questions begin with "classify the following" (60 samples)'}


def test_a_set_of_few_questions_or_few_answers_is_said(lines_of):
    long = "It left the warehouse yesterday and will arrive soon, "
    rows = [chat(long + str(n % 5), f"Where is {n} of mine?") for n in range(200)]
    assert list(lines_of("low-diversity", rows).values()) == ["200 samples share 5 different answers"]
    varied = [chat(f"{long} {n}", f"{n} {n + 1} {n + 2}") for n in range(200)]
    assert lines_of("low-diversity", varied) == {}
    alike = [chat(f"{long} {n}", f"Where is it? {n}") for n in range(200)]
    assert "1 different openings" in lines_of("low-diversity", alike)[1]


def test_labels_may_be_few(lines_of):
    assert lines_of("low-diversity", [chat("yes" if n % 2 else "no", f"{n} {n} {n}") for n in range(200)]) == {}


def test_a_persona_that_never_goes_on_is_said_under_its_goal(lines_of):
    rows = [chat(text) for text in ENGLISH * 2]
    assert list(lines_of("single-turn-only", rows, goal="style")) == [1]
    longer = {"messages": rows[0]["messages"] * 2}
    assert lines_of("single-turn-only", [*rows, longer], goal="style") == {}


def test_tools_that_are_always_called_are_said(lines_of):
    tools = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}]
    call = {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}]}  # fmt: skip
    calling = {"messages": [{"role": "user", "content": "Where?"}, call], "tools": tools}
    assert list(lines_of("always-calls-tool", [calling] * 60)) == [1]
    assert lines_of("always-calls-tool", [calling] * 60 + [chat("Hello.", tools=tools)]) == {}


def test_findings_about_the_set_show_the_turn_they_speak_of(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_bytes(b"".join(orjson.dumps(chat(text)) + b"\n" for text in [*POLITE, "그건 앱에서 보면 돼."]))
    (finding,) = ftdata.lint(path, select=["mixed-speech-level"]).findings
    assert finding.excerpt == "그건 앱에서 보면 돼."
    assert finding.location.pointer == "/messages/1/content"
    assert finding.where == "messages[1] assistant"


def test_questions_that_follow_a_template_with_gaps_are_said(lines_of):
    rows = [
        chat(f"It costs {n}.", f"Product {n * 7}: I would like to know more about it, please tell me the price")
        for n in range(150)
    ]
    assert "100% of the questions follow a template" in lines_of("repeated-phrases", rows)[1]
    words = "where when order parcel shop colour size price sofa lamp chair desk shelf bed rug box".split()
    varied = [chat("Yes.", " ".join(words[(n * k + k) % 16] + str(n % (k + 2)) for k in range(1, 9))) for n in range(150)]
    assert lines_of("repeated-phrases", varied) == {}
