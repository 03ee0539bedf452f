"""Data that tries to act on a platform only shows itself: commands, terminal escapes, markup, links, mentions."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import REPORTERS, finding, report, text_of, verdict
from test_platforms import check

from ftdata.report.markdown import code, words
from ftdata.types import InputReport

PIECES = [
    "::add-mask::x", "::set-output name=a::b", "::error file=a,line=1::x", "::stop-commands::t", "##[error]x", "##vso[task.x]",
    "\x1b[31m", "\x1b]8;;http://evil.example\x07", "\x9b2J", "\x00", "\r", "\n", "\u2028", "\u202e", "\u200b", "\ud800", "\udcff",
    "\ufffe", "\uffff", "\ufeff", "%0A", "%", "<script>alert(1)</script>", "</code>", "</details>", "<!--", "-->", "]]>", "<![CDATA[",
    "&lt;", "&#60;", "[x](http://evil.example)", "![x](http://evil.example/p.png)", "<http://evil.example>", "http://evil.example",
    "www.evil.example", "@everyone", "#1", "GH-1", "user/repo#1", "`", "```", "|", "\\|", "\\", "*b*", "_i_", "~~s~~", "$x$", ":tada:",
    "a@b.example", "\n\n# heading\n", "\n- item", "=HYPERLINK()", "{0}", "{{x}}", "/close", "0123abc0123abc", "한국어", "👩\u200d💻", " ",
]  # fmt: skip
hostile = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=8).map("".join)
OURS = {"details", "summary", "b", "code", "br"}


@st.composite
def hostile_reports(draw):
    """A report in which everything that comes from data, paths, packs or plugins is hostile."""
    paths = draw(st.lists(hostile.filter(bool), min_size=1, max_size=3, unique=True))
    rules = draw(st.lists(st.sampled_from(["FT101", "FT102", "FT103", "ACME001"]), min_size=1, unique=True))
    findings = [
        finding(
            draw(st.integers(1, 9)), draw(st.sampled_from(paths)), draw(st.sampled_from(rules)),
            message=draw(hostile), excerpt=draw(hostile), where=draw(hostile), place={"pointer": draw(hostile)},
        )
        for _ in range(draw(st.integers(0, 5)))
    ]  # fmt: skip
    counts = {rule: sum(each.code == rule for each in findings) for rule in rules}
    verdicts = [
        verdict(rule, count=counts[rule], help=draw(hostile), notes=[draw(hostile)])
        if counts[rule]
        else verdict(rule, count=0, status="skipped", reason=draw(hostile), targets=(draw(hostile),))
        for rule in rules
    ]
    inputs = [InputReport(path, "openai-chat", error=draw(st.none() | hostile), help=draw(hostile)) for path in paths]
    return report(findings, verdicts, inputs, targets=(draw(hostile),))


@pytest.mark.parametrize("name", REPORTERS)
@given(judged=hostile_reports())
def test_hostile_text_breaks_no_report_and_prints_nothing_raw(name, judged):
    text = text_of(name, judged)
    check(name, text)
    # Every line is ours: nothing of the data starts one, and what prints is printable.
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c != "\n" for c in text)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\ufeff]", text)
    assert "##[" not in text
    for line in text.splitlines():
        if line.lstrip().startswith("::"):
            assert name == "github" and re.match(r"::(error|warning|notice) (file|title)=[^:]*::", line)
    text.encode("utf-8")


@given(judged=hostile_reports())
def test_hostile_text_adds_no_annotation_and_no_property(judged):
    lines = [line for line in text_of("github", judged).splitlines() if line.startswith("::")]
    most = len(judged.inputs) + len(judged.verdicts) + 1
    assert len(lines) <= most
    for line in lines:
        properties = line.split(" ", 1)[1].split("::", 1)[0]
        assert {part.split("=", 1)[0] for part in properties.split(",")} <= {"file", "line", "col", "title"}


@given(judged=hostile_reports())
def test_hostile_text_adds_no_element_to_markdown(judged):
    text = text_of("markdown", judged).replace("&#64;<!-- -->", "&#64;")
    tags = re.findall(r"<[^>]*>?", text)
    assert all(re.fullmatch(r"</?(\w+)>", tag) and tag.strip("</>") in OURS for tag in tags)
    for tag in ("details", "summary", "b", "code"):
        assert tags.count(f"<{tag}>") == tags.count(f"</{tag}>")
    # Outside of our heading, rule of the table, bold words and backquotes of the pointer nothing is Markdown.
    for line in text.splitlines():
        if not line.startswith(("## ", "|---", "| | rule", "… cut", "The whole report")):
            bare = re.sub(r"&#\d+;", "", line.replace("**cannot be judged**", ""))
            assert not re.search(r"[`*_\[\]\\~#@$^{}]", bare)
            assert bare.count("|") == (6 if line.startswith("| ") else 0)


@given(text=hostile)
def test_code_shows_the_text_it_is_given(text):
    shown = code(text, 10_000)
    assert "@" not in html.unescape(shown.replace("&#64;<!-- -->", ""))
    shown = shown.replace("<!-- -->", "")
    inner = html.unescape(shown.removeprefix("<code>").removesuffix("</code>"))
    assert "<" not in shown[6:-7] and "\n" not in inner
    if text.isascii() and text.isprintable() and "::" not in text and "##[" not in text:
        assert inner == text


@pytest.mark.parametrize(
    "text", ["@everyone", "see #12", "http://x.example", "www.x.example", "GH-3", "a@b.example", "!4", "0123abc0123abc", "~bug"]
)
def test_what_a_platform_would_link_stands_in_code(text):
    assert words(text).startswith("<code>")


@pytest.mark.parametrize("text", ["add the answer, or drop the sample", "94 % of the answers", "한국어 문장"])
def test_plain_sentences_stay_plain(text):
    assert words(text) == text


@given(judged=hostile_reports())
def test_xml_says_the_same_paths_as_json(judged):
    suites = [suite.get("name") for suite in ElementTree.fromstring(text_of("junit", judged))]
    paths = {item["location"]["path"] for item in json.loads(text_of("rdjson", judged))["diagnostics"]}
    assert {path for path in paths if "\\u" not in path and not re.search("[\ufffe\uffff]", path)} <= {*suites}
