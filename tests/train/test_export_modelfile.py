"""A Go template is derived from a Jinja one only where both say the same."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from tiny_export import CHATML

from ftdata.template import Renderer
from ftdata.train.export.go_template import derive

LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
QWEN = (
    "{% if messages[0].role == 'system' %}<|im_start|>system\n{{ messages[0].content }}<|im_end|>\n{% else %}<|im_start|>system\nYou are Qwen.<|im_end|>\n"
    "{% endif %}{% for m in messages if m.role != 'system' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MISTRAL = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
THINKING = CHATML.replace(
    "{{ message['content'] }}", "{{ message['content'].split('4')[-1] if not loop.last else message['content'] }}"
)
TOOLS = CHATML + "{% if tools %}{{ tools }}{% endif %}"
TURNS = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "a {{ b }}"}, {"role": "assistant", "content": "c\n"}, {"role": "user", "content": "d"}]  # fmt: skip


def derived(template):
    with Renderer(template, variables={"bos_token": "<s>", "eos_token": "</s>"}) as renderer:
        return derive(renderer, template)


@pytest.mark.parametrize("template", [CHATML, QWEN, LLAMA3, MISTRAL])
def test_a_template_of_marks_is_derived_and_says_the_same(template):
    found = derived(template)
    assert found.marks is not None
    turns = TURNS if found.marks.system else TURNS[1:]
    with Renderer(template, variables={"bos_token": "<s>", "eos_token": "</s>"}) as renderer:
        wanted = renderer.render([turn | {"content": turn["content"].strip()} for turn in turns], add_generation_prompt=True).text
    assert found.marks.render([turn | {"content": turn["content"].strip()} for turn in turns]) == wanted


def test_a_system_prompt_of_the_template_stays_where_none_is_given():
    marks = derived(QWEN).marks
    assert marks.start == "<|im_start|>system\nYou are Qwen.<|im_end|>\n" and marks.system == (
        "<|im_start|>system\n",
        "<|im_end|>\n",
    )


def test_a_template_that_trims_is_derived_with_a_note():
    assert any("trims" in note for note in derived(LLAMA3).notes) and not derived(CHATML).notes


@pytest.mark.parametrize(("template", "words"), [(TOOLS, "tools"), (THINKING, "another way"), ("{{ messages | length }}", "two marks"), ("{{ 1 / 0 }}", "two marks")])  # fmt: skip
def test_a_template_that_does_more_than_marks_is_left_out_with_the_reason(template, words):
    found = derived(template)
    assert found.marks is None and words in found.reason


@pytest.mark.skipif(shutil.which("go") is None, reason="needs go")
def test_go_itself_prints_what_jinja_prints(tmp_path):
    marks = derived(QWEN).marks
    (tmp_path / "main.go").write_text(
        'package main\nimport ("os"; "text/template")\ntype M struct { Role, Content string }\nfunc main() {\n'
        f"t := template.Must(template.New(\"\").Parse(`{marks.go()}`))\n"
        't.Execute(os.Stdout, map[string]any{"System": "Be kind.", "Messages": []*M{{"system","Be kind."},{"user","a {{ b }}"},{"assistant","c\\n"},{"user","d"}}})\n}\n'
    )  # fmt: skip
    made = subprocess.run(["go", "run", "main.go"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert made.stdout == marks.render(TURNS)
