"""Fixing comes to rest, says what it leaves, and survives any row."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.fix.engine import Fixer, plan_of
from ftdata.fix.fixers import FIXERS
from ftdata.judge.plan import Plan
from ftdata.measure.batch import Overhead

AGAINST = {"arguments-string", "type-drift", "json-container"}
RULES = [name for name in FIXERS if name not in AGAINST]
EVERY = Fixer(plan_of(*FIXERS), unsafe=True)
UNSAFE = Fixer(plan_of(*RULES), unsafe=True)
SAFE = Fixer(plan_of(*RULES))


def of(*rules, unsafe=True, **params):
    return Fixer(plan_of(*rules, **params), unsafe=unsafe)


def fixed(fixer, row):
    (made,) = fixer.fix_rows([row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode()])
    return made


def chat(*turns, **more):
    return {"messages": [turn if isinstance(turn, dict) else {"role": turn[0], "content": turn[1]} for turn in turns], **more}


snippets = st.sampled_from(
    [
        "Hi", "안녕하세요", "네, 열어요.", " Yes.\n", "", " ", "caf\u00c3\u00a9 or tea?", "Don\u00e2\u20ac\u2122t worry", "비밀\u200b번호",
        "환불 &amp; 교환", "a &amp;amp; b", "Done.<|im_end|>", "<|im_<|im_end|>end|>", "[INST] Hi [/INST]", "Here:\n```python\nprint(1)",
        "~~~\nx\n```", "x\nUser: And on Sunday?\nAssistant: Closed.", "User: hi", "### Instruction:\nName a bird.\n\n### Response:",
        "First, open the box.\\nThen take it out.", "caf\\u00e9 is open", "\\ud83d\\ude00 ok", "확인해 드릴게요. " * 12, "The answer is in the manual. " * 9,
        "Name a bird.\nnan", "<noinput>", "nan", "Mail me: ann.lee@shop-north.co.kr", "카드 번호는 4000-0017-3824-9150예요.", "Two and two.</think>Four",
        "<think>a</think>b", "my phone 010-1234-5678", 'key = "sk-proj-' + "a1B2" * 12 + '"', "\u0000x", "\ufffd lost", "🙂👩‍👩‍👧", "e\u0301", "x" * 300,
    ]
)  # fmt: skip
contents = st.one_of(
    snippets, snippets, snippets, st.lists(snippets, min_size=2, max_size=3).map(" ".join), st.text(max_size=20),
    st.none(), st.just(42), st.just(True), st.just({"text": "x"}),
    st.lists(st.one_of(
        snippets.map(lambda t: {"type": "text", "text": t}), st.just({"type": "image_url", "image_url": "https://example.org/a.png"}),
        st.just({"type": "image_url", "image_url": {"url": "data:x"}}), st.just("plain"), st.just({"text": "y"}), st.just(7),
    ), max_size=3),
)  # fmt: skip
arguments = st.one_of(
    st.just({"harbour": "Whitby", "n": 1.0}), st.just('{"harbour": "Whitby"}'), st.just("{'harbour': 'Whitby'}"), st.just(""), st.just("[1]"),
    st.just([1, 2]), st.just('{"a": NaN}'), st.just('{"mail": "ann.lee@shop-north.co.kr", "phone": "010-1234-5678"}'), st.just("null"), st.just(5),
    st.just({"card": "4000-0017-3824-9150", "password": "Winter2024!"}),
)  # fmt: skip
ids = st.sampled_from(["call_1", "call_1", "call_2", "호출12345678", "abcdefgh1"])
names = st.sampled_from(["tide_at", "날씨_조회", "weather.get", "tide at"])


def optional(**fields):
    return st.fixed_dictionaries({}, optional=fields)


calls = st.one_of(
    st.builds(
        lambda base, function: base | {"function": function},
        optional(id=st.one_of(ids, st.just(7)), type=st.just("function")), optional(name=names, arguments=arguments),
    ),
    st.just("broken"), st.just({}),
)  # fmt: skip
roles = st.sampled_from(
    ["user", "assistant", "user", "assistant", "system", "developer", "tool", "function", "human", "gpt", "moderator"]
)
messages = st.builds(
    lambda base, more: base | more,
    st.builds(lambda role, content: {"role": role, "content": content}, roles, contents),
    optional(
        weight=st.sampled_from([0, 1, 1.0, True, 0.5, "1", None]), name=st.sampled_from(["ann lee", "김 대리", "", "ok", None]),
        tool_calls=st.lists(calls, max_size=3), function_call=st.one_of(st.none(), st.just({"name": "tide_at", "arguments": "{}"})),
        tool_call_id=st.one_of(ids, st.just(7)), timestamp=st.just(1), reasoning_content=snippets,
    ),
)  # fmt: skip
bare = st.builds(
    lambda message, key: {k: v for k, v in message.items() if k != key}, messages, st.sampled_from(["content", "role"])
)
conversations = st.lists(st.one_of(messages, messages, messages, bare, st.just("turn")), max_size=6)
tools = st.lists(
    st.one_of(names.map(lambda n: {"type": "function", "function": {"name": n, "parameters": {}}}), st.just("x")), max_size=3
)
extras = optional(
    id=st.just(17),
    tools=st.one_of(tools, st.none()),
    functions=st.just([{"name": "f0"}]),
    label=st.sampled_from(["true", 0, True]),
)
shares = st.lists(
    st.builds(
        lambda speaker, value: {"from": speaker, "value": value},
        st.sampled_from(["human", "gpt", "system", "function_call", "observation", "prompter"]),
        st.one_of(snippets, st.just('{"name": "tide_at", "arguments": "{\\"a\\": 1}"}'), st.none()),
    ),
    max_size=5,
)
rows = st.one_of(
    st.builds(lambda m, more: {"messages": m} | more, conversations, extras),
    st.builds(lambda m, more: {"messages": m} | more, conversations, extras),
    conversations.map(lambda m: {"messages": json.dumps(m)}),
    shares.map(lambda c: {"conversations": c}),
    st.fixed_dictionaries({"instruction": contents, "input": contents, "output": contents}),
    st.fixed_dictionaries({"prompt": snippets, "completion": contents}, optional={"label": st.sampled_from(["false", 1, True])}),
    st.builds(
        lambda p, a, b, old: {"input": {"messages": p}, f"preferred_{old}": a, f"non_preferred_{old}": b},
        conversations, conversations, conversations, st.sampled_from(["output", "completion"]),
    ),
    st.fixed_dictionaries({"prompt": snippets, "chosen": contents, "rejected": contents}),
    st.fixed_dictionaries({"text": snippets}),
    st.fixed_dictionaries({"contents": st.lists(st.fixed_dictionaries({"role": st.just("user"), "parts": st.lists(st.fixed_dictionaries({"text": snippets}), max_size=2)}), max_size=3)}),
)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(rows)
def test_a_fixed_row_is_not_fixed_again_and_what_is_left_is_said(row):
    for fixer in (SAFE, UNSAFE, EVERY):
        once = fixed(fixer, row)
        if once.row is None:
            assert once.dropped is not None
            continue
        assert isinstance(json.loads(once.row), dict)
        twice = fixed(fixer, once.row)
        assert twice.row == once.row and not twice.applied and twice.left == once.left
        if not once.applied:
            assert once.row == json.dumps(row, ensure_ascii=False).encode()


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=2, max_size=6))
def test_a_row_is_fixed_the_same_alone_and_among_others(several):
    raws = [json.dumps(row).encode() for row in several]
    assert [row.row for row in UNSAFE.fix_rows(raws)] == [UNSAFE.fix_rows([raw])[0].row for raw in raws]


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), st.text(max_size=8), snippets),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(
        st.sampled_from(["messages", "role", "content", "tool_calls", "function", "arguments", "conversations", "from", "value", "prompt", "a/b~c", "tools", "id"]),
        inner, max_size=4)),
    max_leaves=15,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["messages", "conversations", "prompt", "chosen", "rejected", "text", "input", "x"]), values, max_size=4
    )
)
def test_no_object_breaks_the_fixer(row):
    made = fixed(EVERY, json.dumps(row).encode())
    if made.row is not None:
        assert fixed(EVERY, made.row).row == made.row


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b'{"messages": [', b'{"a": "', b"\xef\xbb\xbf{"]),
    st.sampled_from([b"", b'"}', b"]}", b"}"]),
)
def test_no_line_breaks_the_fixer(data, before, after):
    raw = (before + data + after).replace(b"\n", b"")
    once = UNSAFE.fix_rows([raw])
    for part in once:
        if part.row is not None:
            assert [again.row for again in UNSAFE.fix_rows([part.row])] == [part.row]


def test_fixes_that_work_against_each_other_are_both_left():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    row = chat(("user", "x"), {"role": "assistant", "content": "", "tool_calls": [call]})
    made = fixed(of("arguments-not-string", "arguments-string"), row)
    assert json.loads(made.row) == row and not made.applied and made.left == ["arguments-not-string"]


def test_a_fault_that_a_fix_uncovers_is_fixed_too():
    row = chat(("user", "Hi"), ("assistant", "Done. <|im_end|>"), ("user", "x"))
    made = fixed(of("special-token", "surrounding-whitespace", "last-turn-not-assistant"), row)
    assert json.loads(made.row) == chat(("user", "Hi"), ("assistant", "Done. ".strip()))


def test_minted_ids_are_the_same_in_every_run_and_pair_calls_with_results():
    call = {"function": {"name": "f", "arguments": "{}"}}
    row = chat(
        ("user", "x"),
        {"role": "assistant", "content": "", "tool_calls": [call, call]},
        ("tool", "1"),
        ("tool", "2"),
        ("assistant", "y"),
    )
    made = [json.loads(fixed(of("incomplete-tool-call", "missing-tool-call-id"), row).row)["messages"] for _ in range(2)]
    assert made[0] == made[1]
    given_ids = [call["id"] for call in made[0][1]["tool_calls"]]
    assert len(set(given_ids)) == 2 and [turn["tool_call_id"] for turn in made[0][2:4]] == given_ids
    assert all(len(identity) == 9 and identity.isalnum() for identity in given_ids)


def test_arguments_keep_their_digits_in_both_directions():
    text = '{"n": 123456789012345678901234567890, "x": 1.0, "e": 1e2}'
    row = json.dumps(chat(("user", "x"), {"role": "assistant", "content": "", "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": text}}]})).encode()  # fmt: skip
    to_object = fixed(of("arguments-string"), row).row
    assert text.encode() in to_object
    assert fixed(of("arguments-not-string"), to_object).row == row


def test_arguments_that_would_not_be_json_in_a_row_stay_text():
    for text in ('{"a": NaN}', '{"a": "\\ud83d"}', "[1]", "x"):
        row = chat(("user", "x"), {"role": "assistant", "content": "", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": text}}]})  # fmt: skip
        assert fixed(of("arguments-string"), row).left == ["arguments-string"]


@pytest.mark.parametrize("spelled", [lambda row: row, lambda row: {"messages": json.dumps(row["messages"])}])
def test_a_conversation_that_is_a_text_is_fixed_inside_it(spelled):
    row = chat(("human", "Hi"), ("gpt", " Hello "))
    good = chat(("user", "Hi"), ("assistant", "Hello"))
    assert json.loads(fixed(of("alias-role", "surrounding-whitespace"), spelled(row)).row) == spelled(good)


def test_private_data_is_masked_in_texts_and_in_arguments_that_stay_json():
    mail = "ann.lee@shop-north.co.kr"
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps({"to": mail, "n": 1})}}
    row = chat(("user", f"Write to {mail}"), {"role": "assistant", "content": "", "tool_calls": [call]})
    made = fixed(of("personal-data"), row)
    turns = json.loads(made.row)["messages"]
    assert mail.encode() not in made.row and made.left == []
    assert json.loads(turns[1]["tool_calls"][0]["function"]["arguments"])["n"] == 1


def test_a_completion_for_a_base_model_keeps_its_leading_space_unless_asked():
    row = {"prompt": "The sky is", "completion": " blue"}
    assert fixed(of("surrounding-whitespace", unsafe=False), row).left == ["surrounding-whitespace"]
    assert json.loads(fixed(of("surrounding-whitespace"), row).row)["completion"] == "blue"


def test_a_turn_that_is_nothing_but_a_marker_is_left_rather_than_emptied():
    row = chat(("user", "<|im_end|>"), ("assistant", "x"))
    assert fixed(of("special-token"), row).left == ["special-token"]


def test_parallel_calls_are_written_in_their_order_each_with_its_result():
    def call(n):
        return {"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}}

    def answer(n):
        return {"role": "tool", "tool_call_id": f"c{n}", "content": str(n)}

    row = chat(
        ("user", "x"),
        {"role": "assistant", "content": None, "tool_calls": [call(1), call(2), call(3)]},
        answer(2),
        answer(1),
        answer(3),
        ("assistant", "y"),
    )
    turns = json.loads(fixed(of("parallel-tool-calls"), row).row)["messages"]
    assert [turn.get("tool_call_id") or [c["id"] for c in turn.get("tool_calls", ())] for turn in turns[1:-1]] == [
        ["c1"], "c1", ["c2"], "c2", ["c3"], "c3",
    ]  # fmt: skip


def test_extra_keys_that_may_hold_the_conversation_stay():
    row = {"msgs": [{"role": "user", "content": "x"}]}
    assert fixed(of("extra-key"), row).row == json.dumps(row).encode()


def test_types_that_drift_are_written_as_text_where_the_caller_asks():
    call = {"id": 7, "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    row = chat(
        ("user", "x"),
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": 7, "content": "1"},
    )
    turns = json.loads(fixed(of("type-drift", unsafe=False), row).row)["messages"]
    assert turns[1]["tool_calls"][0] == {"id": "7", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    assert turns[2]["tool_call_id"] == "7"


def test_a_conversation_that_is_too_long_loses_its_last_exchanges_and_is_counted_again():
    key = "o200k_base+3+3"
    steps = plan_of("too-long", max=60).steps
    fixer = Fixer(Plan((replace(steps[0], tokens=key),), tokenizers={key: ("o200k_base", Overhead())}), unsafe=True)
    turns = [("user" if n % 2 == 0 else "assistant", f"Turn number {n} of a long talk about the sea.") for n in range(12)]
    made = fixed(fixer, chat(*turns))
    kept = json.loads(made.row)["messages"]
    assert made.left == [] and made.tokens[0] > 60 >= made.tokens[1] > 30
    assert kept == chat(*turns)["messages"][: len(kept)] and kept[-1]["role"] == "assistant"
    assert fixed(fixer, chat(("user", "x " * 100), ("assistant", "y"))).left == ["too-long"]


def test_rules_without_a_fix_and_steps_that_cannot_run_are_passed_over():
    fixer = Fixer(Plan(plan_of("refusal", "alias-role").steps))
    assert fixer.rules == ["alias-role"]
    assert fixed(fixer, chat(("gpt", "As an AI language model, I cannot"))).applied == [
        ("alias-role", "role written as chat templates know it")
    ]


def test_types_that_drift_become_objects_where_the_target_wants_objects():
    calls = [{"id": 7, "type": "function", "function": {"name": "f", "arguments": said}} for said in ('{"a": 1}', {"a": 2})]
    row = chat(("user", "x"), *({"role": "assistant", "content": "", "tool_calls": [call]} for call in calls))
    made = fixed(of("type-drift", "arguments-string", unsafe=False), row)
    found = [turn["tool_calls"][0] for turn in json.loads(made.row)["messages"][1:]]
    assert [call["function"]["arguments"] for call in found] == [{"a": 1}, {"a": 2}]
    assert [call["id"] for call in found] == ["7", "7"] and made.left == []


def test_null_stands_for_a_number_that_no_float_holds():
    row = b'{"messages": [{"role": "user", "content": "x"}], "a": 1e999, "b": -2E+400, "c": %b, "d": 1e300}' % (b"9" * 500)
    made = of("nan-literal").fix_rows([row])[0]
    assert made.row == row.replace(b"1e999", b"null").replace(b"-2E+400", b"null") and made.left == []
