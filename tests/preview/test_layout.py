"""Text in terminal cells: widths, line breaks, word differences, and what is drawn of a sample."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftdata.formats import detect_row, parse, sample_id
from ftdata.preview.cells import clusters, expand, width, wrap
from ftdata.preview.paint import ASCII, paint
from ftdata.preview.text import Layout, lines_of
from ftdata.preview.view import as_json, make_view
from ftdata.preview.words import differences, visible

KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ2bC4dF6hJ8kL0n" + "T3BlbkFJ" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ2bC4dF6hJ8kL0n"
texts = st.text(alphabet=st.sampled_from("ab \n\t가나다漢字かな，。👍👨\u200d👩\ufe0fe\u0301🇰🇷"), max_size=80)


def drawn(row, **layout):
    sample = parse(row, detect_row(row))
    view = make_view(sample, "a.jsonl", 1, 1, sample_id(sample))
    return [paint(line, layout.get("colours", False)) for line in lines_of(view, Layout(**layout))]


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("abc", 3), ("한국어", 6), ("漢字", 4), ("👍", 2), ("👍🏽", 2), ("👨\u200d👩\u200d👧", 2), ("❤\ufe0f", 2), ("🇰🇷", 2), ("🇰🇷🇺🇸", 4),
        ("e\u0301", 1), ("\u1112\u1161\u11ab", 2), ("ｶﾅ", 2), ("Ａ", 2), ("", 0), ("นี่", 1),
    ],
)  # fmt: skip
def test_a_text_takes_as_many_cells_as_a_terminal_gives_it(text, cells):
    assert width(text) == cells


@given(texts)
def test_clusters_are_the_text(text):
    assert "".join(cluster for cluster, _ in clusters(text)) == text


@given(texts, st.integers(2, 30))
def test_wrapping_loses_only_the_blanks_at_which_it_breaks_and_no_line_is_too_wide(text, cells):
    line = text.replace("\n", "").replace("\t", "")
    broken = ["".join(part for part, _ in one) for one in wrap([(line[:7], "x"), (line[7:], "y")], cells)]
    assert "".join(broken).replace(" ", "") == line.replace(" ", "")
    assert all(width(one) <= cells for one in broken)


def test_korean_breaks_at_blanks_and_chinese_between_characters_but_not_before_a_comma():
    assert [line[0][0].rstrip() for line in wrap([("안녕하세요 반갑습니다", "")], 12)] == ["안녕하세요", "반갑습니다"]
    assert [line[0][0] for line in wrap([("你好，世界", "")], 4)] == ["你", "好，", "世界"]


def test_tabs_go_to_the_next_stop():
    assert expand("a\tb\t가\tc") == "a   b   가  c"


@given(texts, texts)
def test_marked_differences_say_both_texts_whole(one, other):
    found = differences(one, other)
    if found is not None:
        assert ("".join(text for text, _ in found[0]), "".join(text for text, _ in found[1])) == (one, other)
        shared = ["".join(text for text, style in side if not style and not text.isspace()) for side in found]
        assert shared[0].replace(" ", "").replace("\n", "") == shared[1].replace(" ", "").replace("\n", "")


def test_words_that_differ_are_marked_and_strangers_are_not():
    better, worse = differences("It is warm in Paris today.", "It is cold in Paris today.")
    assert "".join(text for text, _ in visible(better)) == "It is {+warm+} in Paris today."
    assert "".join(text for text, _ in visible(worse)) == "It is [-cold-] in Paris today."
    assert differences("nothing in common here", "quite another thing altogether now") is None
    assert differences("same", "same") is None


def test_long_texts_of_one_word_are_compared_in_bounded_time():
    assert differences("a " * 100_000, "b " * 100_000) is None
    differences("a b " * 1_400, "b a " * 1_400)


CALLS = {
    "messages": [
        {"role": "user", "content": "서울 날씨?"},
        {"role": "assistant", "content": None, "reasoning_content": "먼저 찾는다", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"서울","days":[1,2,3],"note":"' + "x" * 60 + '"}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": '{"temp": 21}'},
        {"role": "assistant", "content": "21도예요.", "weight": 0},
    ],
    "tools": [{"type": "function", "function": {"name": "get_weather", "description": "날씨", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "array"}}, "required": ["city"]}}}],
    "source": "test",
}  # fmt: skip


def test_calls_results_reasoning_tools_weights_and_metadata_are_all_drawn():
    text = "\n".join(drawn(CALLS))
    for words in (
        "get_weather(city: string, days?: array)", "call get_weather c1", '"city": "서울"', "┊ 먼저 찾는다", "answers c1",
        '{"temp": 21}', "weight 0: not trained", "source: test", "│ 21도예요.",
    ):  # fmt: skip
        assert words in text, words
    assert "\\uc11c" not in text and "\x1b" not in text


def test_images_are_named_and_data_in_the_row_is_only_measured():
    row = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}},
           {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}, {"type": "text", "text": "뭐예요?"}]},
           {"role": "assistant", "content": "고양이"}]}  # fmt: skip
    text = "\n".join(drawn(row))
    assert "[image] data:image/png;base64, 3,000 bytes in the row" in text and "https://example.org/cat.png" in text
    assert "AAAA" not in text


PAIR = {"prompt": "Is it warm?", "chosen": "Yes, it is warm in Paris.", "rejected": "Yes, it is cold in Paris."}


def test_a_pair_stands_side_by_side_where_there_is_room_and_one_after_another_elsewhere():
    wide, narrow = drawn(PAIR, width=120), drawn(PAIR, width=60)
    assert any("{+warm+}" in line and "[-cold-]" in line for line in wide)
    assert any("{+warm+}" in line for line in narrow) and not any("{+warm+}" in line and "[-cold-]" in line for line in narrow)
    coloured = drawn(PAIR, width=120, colours=True)
    assert not any("{+" in line for line in coloured) and any("\x1b[32;1;4mwarm\x1b[0m" in line for line in coloured)


HOSTILE = "\x1b[31mred\x07 \u202egnp.exe \x9b2J\r\n::error::x"


def test_nothing_of_the_data_acts_on_a_terminal():
    row = {"messages": [{"role": HOSTILE, "content": HOSTILE, HOSTILE: {HOSTILE: HOSTILE}}, {"role": "assistant", "content": HOSTILE,
           "name": HOSTILE, "tool_calls": [{"id": HOSTILE, "function": {"name": HOSTILE, "arguments": HOSTILE}}]},
           {"role": "tool", "tool_call_id": HOSTILE, "content": [{"type": HOSTILE, "x": HOSTILE}]}],
           "tools": [{"function": {"name": HOSTILE, "description": HOSTILE, "parameters": {"properties": {HOSTILE: {"enum": [HOSTILE]}}}}}, HOSTILE],
           HOSTILE: HOSTILE}  # fmt: skip
    for line in drawn(row):
        assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c == "\u202e" for c in line), ascii(line)


def test_secrets_are_masked_wherever_they_stand():
    row = {"messages": [{"role": "user", "content": f"my key {KEY}", "extra": KEY}, {"role": "assistant", "content": [{"type": "text", "text": KEY}],
           "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {"key": KEY}}}]}], "meta": [KEY]}  # fmt: skip
    sample = parse(row, detect_row(row))
    assert KEY not in "\n".join(drawn(row)) and KEY not in str(as_json(make_view(sample, "a", 1, 1, "0")))


@given(texts, st.integers(40, 110))
def test_no_line_is_wider_than_asked_for(text, cells):
    row = {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": text}], "note": text}
    assert all(width(line) <= cells for line in drawn(row, width=cells))


@pytest.mark.parametrize("row", [{"messages": []}, {}, {"messages": [5, None, {"role": None}]}, {"text": ""}, {"messages": "x"}, {"prompt": "only"},
                                 {"messages": [{"role": "assistant", "content": 5, "tool_calls": [None, {"function": 3}]}], "tools": "x"}])  # fmt: skip
def test_what_is_no_conversation_is_drawn_as_far_as_it_goes(row):
    assert "sample" in "\n".join(drawn(row))


def test_a_very_long_text_is_cut_and_says_how_much_is_left_out():
    row = {"messages": [{"role": "user", "content": "line\n" * 1000}, {"role": "assistant", "content": "ok"}]}
    lines = drawn(row)
    assert len(lines) < 230 and any("more characters (--full" in line for line in lines)
    assert len(drawn(row, most_lines=0)) > 1000


def test_where_the_encoding_has_no_line_drawing_the_frame_is_ascii():
    row = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]}
    assert "".join(drawn(row, glyphs=ASCII)).isascii()
