"""A template renders here as transformers renders it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.errors import FtdataError
from ftdata.template import ModelFolder, Renderer, read_model_folder

pytest.importorskip("jinja2")

CHAT = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "yes"}]


def render(template, messages=CHAT, tools=None, **variables):
    with Renderer(template) as renderer:
        rendered = renderer.render(messages, tools, **variables)
    assert rendered.error is None
    return rendered


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{% if true %}\nx\n{% endif %}\ny", "x\ny"),
        ("  {% if true %}x{% endif %}", "x"),
        ("{{ '<é&\"' | tojson }}", '"<é&\\""'),
        ("{{ {'b': 1, 'a': [1, 2]} | tojson(indent=1) }}", '{\n "b": 1,\n "a": [\n  1,\n  2\n ]\n}'),
        ("{% for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}{{ m.role }}{% endfor %}", "user"),
        ("{{ messages[0].nothing }}|{{ messages[0]['nothing'] }}", "|"),
        ("{{ none }}", "None"),
        ("{{ '<b>' }}", "<b>"),
        ("{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}", "TrueTrueFalse"),
        ("{{ strftime_now('%d %b %Y') }}", "31 Jan 2026"),
        ("{{ dict(a=1) }}{{ dict.fromkeys(['k'], 2) }}", "{'a': 1}{'k': 2}"),
        ("{% set n = namespace(a=1) %}{% set n.a = 2 %}{{ n.a }}", "2"),
        ("{{ ' x ' | trim }}{{ 'a-b'.split('-')[-1] }}", "xb"),
    ],
)
def test_a_construct_of_templates_prints_what_transformers_prints(template, text):
    assert render(template).text == text


def test_the_special_tokens_of_the_folder_are_variables(tmp_path):
    (tmp_path / "tokenizer_config.json").write_text('{"bos_token": {"content": "<s>"}, "eos_token": "</s>"}')
    (tmp_path / "chat_template.jinja").write_text("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ pad_token }}")
    assert render(read_model_folder(tmp_path)).text == "<s>hello</s>"


def test_variables_are_passed_on():
    assert (
        render("{{ enable_thinking }}{{ add_generation_prompt }}", enable_thinking=False, add_generation_prompt=True).text
        == "FalseTrue"
    )


def test_the_spans_of_generation_hold_the_answers():
    template = "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}!{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}"
    rendered = render(template, CHAT * 2)
    assert [rendered.text[start:end] for start, end in rendered.spans] == ["yes!", "yes!"]


def test_a_template_for_tools_is_used_where_there_are_tools():
    templates = {"default": "plain", "tool_use": "tools {{ tools | length }}"}
    assert render(templates).text == "plain"
    assert render(templates, tools=[{"name": "f"}]).text == "tools 1"


def test_a_random_choice_is_the_same_in_every_run():
    template = "{{ range(1000) | random }} {{ lipsum(n=1) }}"
    assert render(template).text == render(template).text


def test_dates_that_a_template_takes_are_told():
    assert render("{{ strftime_now('%Y') }}").dates == ("2026",)
    assert render("2026").dates == ()


def test_a_folder_without_a_template_cannot_render(tmp_path):
    with pytest.raises(FtdataError, match="no chat template"):
        Renderer(ModelFolder(tmp_path))


@pytest.fixture(scope="module")
def echo():
    with Renderer("{{ messages | tojson }}") as renderer:
        yield renderer


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=60, deadline=None)
@given(content=JSON)
def test_any_value_reaches_the_template_as_it_stands(echo, content):
    import json

    rendered = echo.render([{"role": "user", "content": content}])
    assert json.loads(rendered.text) == [{"role": "user", "content": content}]


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "😀" * 1000, "한국어\u2028", "x" * 1_000_000])
def test_odd_texts_come_back_as_they_were(text):
    assert render("{{ messages[0].content }}", [{"role": "user", "content": text}]).text == text
