"""What a template does with a conversation is said, by name and by turn; what it does not do is not said."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from template_cases import ANSWER, FAMILIES, TOKENS, TOOLS, USER, call, names, result, sample

from ftdata.formats.parse import parse
from ftdata.template import Renderer, inspect, inspect_rendering, inspect_shape, inspect_template, inspect_text, shape_key

pytest.importorskip("jinja2")

SYSTEM = {"role": "system", "content": "Be brief."}
CRITIC = {"role": "critic", "content": "Too long."}
DEVELOPER = {"role": "developer", "content": "Be brief."}
THINKS = {"role": "assistant", "content": "<think>\nIt is July.\n</think>\n\nIt is warm."}
REASONS = {"role": "assistant", "content": "It is warm.", "reasoning_content": "It is July."}
LIST = {"role": "user", "content": [{"type": "text", "text": "Is it warm?"}]}
PADDED = {"role": "user", "content": "  Is it warm?\n"}
STRING, OBJECT = json.dumps({"city": "Paris"}), {"city": "Paris"}

# Each cell of the catalogue (design/formats.md B.9) that these families stand for.
CASES = [
    ("gemma", [SYSTEM, USER, ANSWER], None, [("template-raises", 0)]),
    ("gemma", [USER, ANSWER, SYSTEM, USER, ANSWER], None, [("template-raises", 2)]),
    ("gemma", [USER, USER, ANSWER], None, [("template-raises", 1)]),
    ("gemma", [USER, {"role": "assistant", "content": None}], None, [("null-printed", 1)]),
    ("gemma", [PADDED, ANSWER], None, [("text-stripped", 0)]),
    ("gemma", [LIST, ANSWER], None, [("parts-as-python", 0)]),
    ("gemma", [USER, REASONS], None, [("reasoning-dropped", 1)]),
    ("gemma", [USER, THINKS], None, []),
    ("llama31", [SYSTEM, USER, ANSWER], None, []),
    ("llama31", [USER, ANSWER, SYSTEM, CRITIC, USER, ANSWER], None, []),
    ("llama31", [USER, call(STRING, ""), result(), ANSWER], TOOLS, [("arguments-double-encoded", 1)]),
    ("llama31", [USER, call(OBJECT, ""), result(), ANSWER], TOOLS, []),
    ("llama31", [USER, call({}, ""), result(), ANSWER], TOOLS, []),
    ("llama31", [USER, call("{}", ""), result(), ANSWER], TOOLS, [("arguments-double-encoded", 1)]),
    ("llama31", [USER, call(OBJECT, "", count=2), result(), ANSWER], TOOLS, [("template-raises", 1)]),
    ("llama31", [USER, call(OBJECT, "Let me look."), result(), ANSWER], TOOLS, [("text-dropped", 1)]),
    ("llama31", [PADDED, ANSWER], None, [("text-stripped", 0)]),
    ("qwen25", [USER, CRITIC, ANSWER], None, [("role-skipped", 1)]),
    ("qwen25", [DEVELOPER, USER, ANSWER], None, [("role-skipped", 0)]),
    ("qwen25", [USER, {"role": "assistant", "content": None}], None, [("template-raises", 1)]),
    ("qwen25", [LIST, ANSWER], None, [("template-raises", 0)]),
    ("qwen25", [USER, call(STRING), result(), ANSWER], TOOLS, [("arguments-double-encoded", 1)]),
    ("qwen25", [USER, call(OBJECT), result(), ANSWER], TOOLS, []),
    ("qwen25", [USER, call(OBJECT, "Let me look."), result(), ANSWER], TOOLS, []),
    ("qwen25", [PADDED, ANSWER], None, []),
    ("qwen3", [USER, CRITIC, ANSWER], None, [("role-skipped", 1)]),
    ("qwen3", [USER, THINKS, USER, THINKS], None, [("reasoning-dropped", 1)]),
    ("qwen3", [USER, REASONS, USER, REASONS], None, [("reasoning-dropped", 1)]),
    ("qwen3", [LIST, ANSWER], None, [("turn-dropped", 0)]),
    ("qwen3", [USER, call(STRING), result(), ANSWER], TOOLS, []),
    ("qwen3", [USER, call(OBJECT), result(), ANSWER], TOOLS, []),
    ("qwen3", [SYSTEM, USER, ANSWER], None, []),
    ("phi3", [USER, CRITIC, ANSWER], None, [("role-skipped", 1)]),
    ("phi3", [USER, call(OBJECT, "Let me look."), result(), ANSWER], TOOLS,
     [("tool-call-dropped", 1), ("turn-dropped", 2), ("tools-dropped", None)]),
    ("mistral", [SYSTEM, USER, ANSWER], None, [("turn-dropped", 0)]),
    ("mistral", [USER, USER, ANSWER], None, [("template-raises", 1)]),
    ("mistral", [USER, call(OBJECT, ""), result(), ANSWER], TOOLS, []),
    ("mistral", [USER, call(STRING, ""), result(), ANSWER], TOOLS, [("arguments-double-encoded", 1)]),
    ("deepseek", [USER, CRITIC, ANSWER], None, [("role-skipped", 1)]),
    ("deepseek", [USER, ANSWER, SYSTEM, USER, ANSWER], None, [("turn-moved", 2)]),
    ("deepseek", [USER, THINKS, USER, THINKS], None, [("reasoning-dropped", 1), ("reasoning-dropped", 3)]),
    ("deepseek", [USER, call(STRING), result(), ANSWER], TOOLS, [("tools-dropped", None)]),
    ("deepseek", [USER, call(OBJECT), result(), ANSWER], TOOLS, [("template-raises", 1)]),
    ("chatml", [SYSTEM, CRITIC, PADDED, ANSWER], None, []),
    ("chatml", [USER, call(STRING, ""), ANSWER], TOOLS, [("tool-call-dropped", 1), ("tools-dropped", None)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "messages", "tools", "expected"), CASES)
def test_what_a_family_does_to_a_conversation_is_said(family, name, messages, tools, expected):
    folder, renderer = family(name)
    assert names(inspect_shape(sample(*messages, tools=tools), renderer, folder)) == expected


@pytest.mark.parametrize("name", ["llama31", "qwen25", "qwen3", "gemma", "mistral", "deepseek", "chatml"])
def test_a_plain_conversation_has_no_fault_in_any_family(family, name):
    folder, renderer = family(name)
    assert names(inspect(sample(USER, ANSWER, USER, ANSWER), renderer, folder)) == []


def test_what_a_template_raises_is_told_in_its_own_words_and_with_a_way_out(family):
    folder, renderer = family("deepseek")
    (fault,) = inspect_shape(sample(USER, call(OBJECT), result(), ANSWER), renderer, folder)
    assert 'can only concatenate str (not "dict")' in fault.text
    assert fault.words.endswith("(it renders where the arguments of calls are JSON texts)")


def test_an_id_that_a_template_refuses_is_refused_in_the_shape_too(family):
    folder, renderer = family("mistral")
    long_id = call(OBJECT, "")
    long_id["tool_calls"][0]["id"] = "call_abc123"
    (fault,) = inspect_shape(sample(USER, long_id, result(), ANSWER), renderer, folder)
    assert "length 9" in fault.words and fault.message == 1


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("{{ m.content | tojson }}", "text-json-escaped"),
        ("{{ m.content | e }}", "text-html-escaped"),
        ("{{ m.content | upper }}", "turn-dropped"),
        ("{{ m.content | replace('\"', '') }}", "text-changed"),
        ("{{ m.content }}{{ m.content }}", "turn-repeated"),
        ("{{ [m.content] }}", "text-python-escaped"),
    ],
)
def test_a_text_that_is_changed_on_its_way_is_said_to_be(family, printed, name):
    folder, renderer = family("{% for m in messages %}<|" + printed + "|>{% endfor %}")
    found = names(inspect_shape(sample(USER, ANSWER), renderer, folder))
    assert (name, 0) in found and (name, 1) in found


def test_arguments_printed_as_python_are_said_to_be(family):
    template = "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}{{ c.function }}{% endfor %}|{% endfor %}"
    folder, renderer = family(template)
    assert ("arguments-as-python", 1) in names(inspect_shape(sample(USER, call(OBJECT, ""), ANSWER), renderer, folder))


def test_a_template_that_wants_parts_gets_them_and_is_said_to_want_them(family):
    template = "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}<|im_end|>{% endfor %}"
    folder, renderer = family(template, eos="<|im_end|>")
    assert names(inspect_template(renderer, folder)) == [("text-needs-parts", None)]
    assert inspect_shape(sample(USER, ANSWER), renderer, folder) == []


# --- Facts of the template and the folder ---


@pytest.mark.parametrize(
    ("name", "fact", "text"),
    [
        ("qwen25", "default-system-prompt", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
        ("llama31", "template-text", "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024"),
    ],
)
def test_a_text_of_the_templates_own_is_a_fact_with_the_text(family, name, fact, text):
    folder, renderer = family(name)
    assert [(fault.name, fault.text, fault.fact) for fault in inspect_template(renderer, folder)] == [(fact, text, True)]


def test_a_default_system_prompt_is_told_of_samples_without_one_only(family):
    folder, renderer = family("qwen25")
    assert names(inspect_shape(sample(USER, ANSWER), renderer, folder), facts=True) == [("default-system-injected", None)]
    assert names(inspect_shape(sample(SYSTEM, USER, ANSWER), renderer, folder), facts=True) == []


def test_a_date_of_the_day_is_a_fact_with_its_form(family):
    folder, renderer = family(
        "Today is {{ strftime_now('%d %B') }}.{% for m in messages %}{{ m.content }}<e>{% endfor %}", eos="<e>"
    )
    assert ("date-injected", "31 January") in [(fault.name, fault.text) for fault in inspect_template(renderer, folder)]


def test_bos_is_doubled_where_template_and_tokenizer_both_write_it(family):
    folder, renderer = family("llama31", adds_bos=True)
    assert names(inspect_template(renderer, folder)) == [("bos-doubled", None)]


def test_bos_is_not_doubled_where_only_one_of_them_writes_it(family):
    folder, renderer = family("chatml", adds_bos=True)
    assert names(inspect_template(renderer, folder)) == []


def test_an_answer_without_an_end_is_told_once_for_the_template(family):
    folder, renderer = family(
        "{% for m in messages %}<|im_start|>{{ m.content }}{% endfor %}", eos="<|im_end|>", special=["<|im_start|>"]
    )
    assert names(inspect(sample(USER, ANSWER), renderer, folder)) == [("no-end-of-turn", None)]


def test_an_answer_without_an_end_in_one_shape_is_told_of_that_shape(family):
    template = "{% for m in messages %}{{ m.content }}{% if not m.tool_calls %}<e>{% else %}{{ m.tool_calls | tojson }}{% endif %}{% endfor %}"
    folder, renderer = family(template, eos="<e>")
    assert names(inspect(sample(USER, call(OBJECT, "")), renderer, folder)) == [("no-end-of-turn", 1)]


def test_an_end_that_stops_no_generation_is_said_to_be_none(family):
    folder, renderer = family(
        "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}", eos="<|endoftext|>", special=["<|im_end|>"]
    )
    (fault,) = inspect_template(renderer, folder)
    assert (fault.name, fault.text) == ("end-is-no-stop-token", "<|im_end|>") and "<|endoftext|>" in fault.words


def test_a_stop_token_of_the_generation_config_counts(family):
    folder, renderer = family(
        "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}", eos="<|endoftext|>", special=["<|im_end|>"],
        generation={"eos_token_id": [95, 96]},
    )  # fmt: skip
    assert inspect_template(renderer, folder) == []


def test_pad_equal_to_eos_is_a_fact(family):
    folder, renderer = family("chatml", tokenizer_config={"pad_token": "<|im_end|>"})
    assert [(fault.name, fault.fact) for fault in inspect_template(renderer, folder)] == [("pad-is-eos", True)]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{% for m in messages %}{% generation %}{{ m.content }}<e>{% endgeneration %}{% endfor %}", []),
        (
            "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}<e>{% endfor %}",
            [("stop-outside-mask", None)],
        ),
        (
            "{% for m in messages %}{% generation %}{% endgeneration %}{{ m.content }}<e>{% endfor %}",
            [("answer-outside-mask", None)],
        ),
    ],
)
def test_an_answer_outside_the_generation_tag_is_told(family, template, expected):
    folder, renderer = family(template, eos="<e>")
    assert names(inspect(sample(USER, ANSWER), renderer, folder)) == expected


def test_a_template_that_loops_is_told_in_every_part(family):
    folder, _ = family("chatml")
    with Renderer(
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", seconds=0.3, max_stops=2
    ) as renderer:
        found = inspect(sample(USER, ANSWER), renderer, folder)
    assert {fault.name for fault in found} <= {"template-time", "template-given-up"} and found


# --- Special tokens in the data ---


@pytest.mark.parametrize(
    ("messages", "tools", "expected"),
    [
        ([USER, {"role": "assistant", "content": "Use <|im_end|> and <|im_end|>."}], None, [("special-token", 1)]),
        (
            [{"role": "user", "content": "<|im_start|>system\nhi<|im_end|>"}, ANSWER],
            None,
            [("special-token", 0), ("special-token", 0)],
        ),
        ([USER, {"role": "assistant", "content": "a < b, <|im_stop|>, <plain>"}], None, []),
        ([USER, call({"a": ["<|endoftext|>"]}, "")], None, [("special-token", 1)]),
        ([USER, {"role": "assistant", "content": "x", "reasoning_content": "<|endoftext|>"}], None, [("special-token", 1)]),
        (
            [USER, ANSWER],
            [{"type": "function", "function": {"name": "f", "description": "<|im_end|>"}}],
            [("special-token", None)],
        ),
    ],
)
def test_a_special_token_of_this_tokenizer_is_found_wherever_it_stands(family, messages, tools, expected):
    folder, _ = family("qwen3")
    assert names(inspect_text(sample(*messages, tools=tools), folder)) == expected


# --- Shapes ---


def test_samples_that_differ_in_texts_only_share_a_shape(family):
    _, renderer = family("qwen3")
    first = sample(USER, call(STRING), result(), ANSWER, tools=TOOLS)
    other_tools = json.loads(json.dumps(TOOLS).replace("get_weather", "find").replace("weather", "sun").replace("city", "place"))
    other_call = call(json.dumps({"place": "Oslo"}))
    other_call["tool_calls"][0]["function"]["name"] = "find"
    second = sample(
        {"role": "user", "content": "And Oslo?"},
        other_call,
        result("cold") | {"name": "find"},
        {"role": "assistant", "content": "No."},
        tools=other_tools,
    )
    assert shape_key(first, renderer) == shape_key(second, renderer)


@pytest.mark.parametrize(
    "message", [PADDED, THINKS, REASONS, LIST, {"role": "user", "content": ""}, {"role": "user", "content": None}, SYSTEM]
)
def test_what_a_template_may_look_at_makes_another_shape(family, message):
    _, renderer = family("qwen3")
    assert shape_key(sample(USER), renderer) != shape_key(sample(message), renderer)


def test_a_marker_that_only_this_template_searches_for_is_kept_in_the_shape(family):
    template = "{% for m in messages %}{{ m.content.split('[FINAL]')[-1] }}<e>{% endfor %}"
    folder, renderer = family(template, eos="<e>")
    odd = sample(USER, {"role": "assistant", "content": "Thinking. [FINAL] It is warm."})
    assert names(inspect_shape(odd, renderer, folder)) == [("text-dropped", 1)]
    assert names(inspect_shape(sample(USER, ANSWER), renderer, folder)) == []


def test_both_sides_of_a_preference_are_looked_at(family):
    folder, renderer = family("gemma")
    row = {"prompt": [USER], "chosen": [ANSWER], "rejected": [PADDED | {"role": "assistant"}]}
    pair = parse(row, "preference-explicit-conv")
    assert names(inspect_shape(pair, renderer, folder)) == [("text-stripped", 2)]


ROLES = st.sampled_from(["system", "user", "assistant", "tool", "critic"])
TEXTS = st.sampled_from(
    ["", " ", "plain", " led", "trailed\n", "<think>a</think>b", "<think>a", "b</think>", 'q"<&é', "x" * 50]
) | st.text(max_size=12)
CONTENTS = st.none() | TEXTS | st.lists(st.builds(lambda text: {"type": "text", "text": text}, TEXTS), max_size=2)
ARGUMENTS = st.sampled_from(["{}", "not json", '{"a": "b"}', '{"a": [1, {"b": null}]}']) | st.dictionaries(
    st.text(max_size=3), st.text(max_size=3) | st.none(), max_size=2
)
CALLS = st.lists(st.builds(lambda arguments: call(arguments)["tool_calls"][0], ARGUMENTS), max_size=2)
TURNS = st.builds(
    lambda role, content, calls: {"role": role, "content": content} | ({"tool_calls": calls} if calls else {}),
    ROLES,
    CONTENTS,
    CALLS,
)


@pytest.fixture(scope="module")
def renderers():
    opened = {
        name: Renderer((FAMILIES / f"{name}.jinja").read_text("utf-8"), variables={"bos_token": "<s>", "eos_token": "</s>"})
        for name in TOKENS
    }
    yield opened
    for renderer in opened.values():
        renderer.close()


@settings(max_examples=80, deadline=None)
@given(messages=st.lists(TURNS, min_size=1, max_size=5), tools=st.sampled_from([None, TOOLS]))
def test_what_a_rendering_shows_its_shape_shows_too(renderers, messages, tools):
    """A shape raises where the conversation raises, and a turn with a fault in its rendering has one in its shape."""
    for name, renderer in renderers.items():
        item = sample(*messages, tools=tools)
        by_shape, by_text = inspect_shape(item, renderer, None), inspect_rendering(item, renderer)
        assert [f.text for f in by_shape if f.name == "template-raises"] == [
            f.text for f in by_text if f.name == "template-raises"
        ], name
        assert {f.message for f in by_text} - {None} <= {f.message for f in by_shape}, name


def test_reasoning_under_a_name_that_newer_transformers_translate_is_told_so(family):
    folder, renderer = family("qwen3")
    thinking = {"role": "assistant", "content": "It is warm.", "thinking": "It is July."}
    (fault,) = inspect_shape(sample(USER, thinking), renderer, folder)
    assert fault.name == "reasoning-dropped" and "from 5.21 on" in fault.words


def test_a_conversation_of_very_many_turns_is_looked_at_with_few_renderings(family):
    folder, renderer = family("gemma")
    many = sample(*[USER, {"role": "assistant", "content": None}] * 2000)
    assert len(inspect_shape(many, renderer, folder)) == 16


def test_looking_at_templates_imports_no_jinja2_here():
    import subprocess
    import sys

    code = (
        "import sys; from ftdata.template import Renderer\n"
        "with Renderer('{{ 1 }}') as r: assert r.render([]).text == '1'\n"
        "print(sorted({'jinja2', 'transformers', 'tokenizers', 'polars'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
