"""Whatever a template does, its rendering ends, says what happened, and the next one works."""

from __future__ import annotations

import os
import subprocess

import pytest

from ftdata.template import Conversation, Renderer

pytest.importorskip("jinja2")

CHAT = [{"role": "user", "content": "hello"}]
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
HOSTILE = {
    "a range without end": ("{% for i in range(10**12) %}x{% endfor %}", {"raised"}),
    "nested loops": (ENDLESS, {"time"}),
    "nested loops that print": (
        "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}",
        {"output", "time"},
    ),
    "text times a number": ("{{ 'x' * 10**10 }}", {"memory"}),
    "a number times text": ("{{ 10**10 * 'x' }}", {"memory"}),
    "a list times a number": ("{{ [[]] * 10**9 }}", {"memory"}),
    "a power of powers": ("{{ 10 ** (10 ** 10) }}", {"memory"}),
    "doubling a text": (
        "{% set n = namespace(s='x') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
        {"memory"},
    ),
    "a wide format": ("{{ '%10000000000d' % 1 }}", {"memory"}),
    "a wide centre": ("{{ 'x' | center(10**10) }}", {"memory"}),
    "gigabytes of output": (
        "{% for a in range(99999) %}{% for b in range(99999) %}{{ 'x' * 100000 }}{% endfor %}{% endfor %}",
        {"output"},
    ),
    "words without end": ("{{ lipsum(n=10**9) }}", {"time", "memory"}),
    "a macro that calls itself": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", {"recursion"}),
    "a deep expression": ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", {"recursion"}),
    "the class of a text": ("{{ ''.__class__.__mro__ }}", {"security"}),
    "the globals of a function": ("{{ cycler.__init__.__globals__.os.popen('id').read() }}", {"security"}),
    "changing the messages": ("{{ messages.append(1) }}", {"security"}),
    "an underscore in a namespace": ("{{ namespace(__class__=1) }}", {"security"}),
    "including a file": ("{% include '/etc/passwd' %}", {"raised"}),
    "importing a module": ("{% import 'os' as os %}", {"raised"}),
    "extending a file": ("{% extends '../config.json' %}", {"raised"}),
    "no template at all": ("{% if %}", {"syntax"}),
    "an unknown tag": ("{% exec 'id' %}", {"syntax"}),
    "its own words": ("{{ raise_exception('only ' + messages[0].role) }}", {"raised"}),
    "enormous words": ("{{ raise_exception('x' * 10**6) }}", {"raised"}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_is_stopped_and_named(name):
    template, kinds = HOSTILE[name]
    with Renderer(template, seconds=1.0, memory=256 << 20, output=4 << 20) as renderer:
        rendered = renderer.render(CHAT)
    assert rendered.fault is not None and rendered.fault.kind in kinds
    assert rendered.text == "" and rendered.error and len(rendered.error) < 1000


@pytest.mark.parametrize(
    "template",
    [
        "{{ cycler | attr('__init__') }}",
        "{{ '{0.__class__}'.format(messages) }}",
        "{{ messages.__class__ }}",
        "{{ self }}",
        "{{ caller }}",
    ],
)
def test_what_the_sandbox_denies_quietly_prints_nothing_of_python(template):
    with Renderer(template) as renderer:
        text = renderer.render(CHAT).text
    assert "class" not in text and "function" not in text


@pytest.mark.parametrize("trap", [ENDLESS, "{{ 'x' * 10**10 }}", "{{ 'x' * 10**7 }}", "{{ raise_exception('no') }}"])
def test_the_rendering_after_a_stopped_one_works(trap):
    template = "{% if messages[0].content == 'trap' %}" + trap + "{% endif %}{{ messages[0].content }}"
    with Renderer(template, seconds=1.0, output=1 << 20) as renderer:
        before, stopped, after = renderer.render_many(
            [Conversation([{"role": "user", "content": text}]) for text in ("one", "trap", "two")]
        )
        again = renderer.render(CHAT)
    assert [before.text, after.text, again.text] == ["one", "two", "hello"]
    assert stopped.fault is not None


def test_a_template_that_hangs_on_everything_is_given_up():
    with Renderer(ENDLESS, seconds=0.3, max_stops=2) as renderer:
        kinds = [rendered.fault.kind for rendered in renderer.render_many([Conversation(CHAT)] * 500)]
        assert kinds == ["time", "time"] + ["given up"] * 498
        assert "more than 0.3 seconds" in renderer.render(CHAT).error


def test_the_time_limit_holds_where_memory_cannot_be_limited():
    with Renderer("{% set n = namespace(s='x') %}" + ENDLESS, seconds=0.5, memory=None) as renderer:
        assert renderer.render(CHAT).fault.kind == "time"


def test_a_worker_that_is_killed_is_replaced():
    with Renderer("{{ messages[0].content }}") as renderer:
        assert renderer.render(CHAT).text == "hello"
        renderer._process.kill()
        assert renderer.render(CHAT).fault.kind == "crash"
        assert renderer.render(CHAT).text == "hello"


def test_no_process_outlives_its_renderer():
    with Renderer("{{ messages[0].content }}") as renderer:
        renderer.render(CHAT)
        process = renderer._process
    assert isinstance(process, subprocess.Popen) and process.returncode is not None


def test_the_environment_of_the_caller_stays_out_of_the_worker(monkeypatch):
    monkeypatch.setenv("A_SECRET_KEY", "sesame")
    with Renderer("{{ messages[0].content }}") as renderer:
        renderer.render(CHAT)
        status = f"/proc/{renderer._process.pid}/environ"
        if not os.path.exists(status):
            pytest.skip("no /proc here")
        with open(status, "rb") as file:
            assert b"sesame" not in file.read()


def test_a_value_that_json_cannot_hold_is_a_fault_of_its_conversation_only():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with Renderer("{{ messages[0].content }}") as renderer:
        good, bad = renderer.render_many([Conversation(CHAT), Conversation([{"role": "user", "content": deep}])])
    assert (good.text, bad.fault.kind) == ("hello", "input")
