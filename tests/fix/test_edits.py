"""Edits change what they name and nothing else, all of them or none."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftdata.fix.document import Document
from ftdata.fix.edits import Delete, Drop, EditConflict, Insert, Raw, Rename, ReplaceSpan, SetValue

ROW = '{"a": 1.0, "m":[{"role":"user","content":"caf\\u00e9 \\ud83d\\ude00 x\\n"},  2e400 ], "big":123456789012345678901234567890}\n'


def edited(text, *edits):
    document = Document(text)
    document.apply(list(edits))
    return document.text


numbers = st.one_of(
    st.integers().map(str),
    st.sampled_from(["1.0", "1e400", "-0", "0.1000000000000000055", "1E+5", "123456789012345678901234567890"]),
)
words = st.text(max_size=8)
strings = words.flatmap(lambda text: st.sampled_from([json.dumps(text), json.dumps(text, ensure_ascii=False)]))
strings = strings.filter(lambda text: text.isprintable() or text.isascii())
spaces = st.sampled_from(["", " ", "\n  ", "\t"])


def _list(inner):
    items = st.lists(st.tuples(spaces, inner, spaces).map("".join), max_size=3)
    return items.map(lambda found: f"[{','.join(found)}]")


def _object(inner):
    member = st.tuples(spaces, strings, spaces, st.just(":"), spaces, inner, spaces).map("".join)
    return st.tuples(st.lists(member, max_size=3).map(",".join), spaces).map(
        lambda parts: f"{{{parts[0]}}}" if parts[0] else f"{{{parts[1]}}}"
    )


json_texts = st.recursive(
    st.one_of(numbers, strings, st.sampled_from(["true", "null", "NaN"])),
    lambda inner: st.one_of(_list(inner), _object(inner)),
    max_leaves=8,
)


@given(spaces, json_texts, spaces)
def test_a_text_that_is_not_edited_comes_back_byte_for_byte(before, text, after):
    assert Document(before + text + after).text == before + text + after


@given(json_texts)
def test_a_text_on_one_line_holds_the_same_tokens(text):
    flat = Document(text).flat()
    assert "\n" not in flat
    assert repr(Document(flat).value()) == repr(Document(text).value())


def test_deleting_a_member_leaves_numbers_escapes_and_spacing():
    assert edited(ROW, Delete("/m")) == '{"a": 1.0, "big":123456789012345678901234567890}\n'
    assert edited(ROW, Delete("/a")) == ROW.replace('"a": 1.0, ', "")
    assert edited(ROW, Delete("/m/1")) == ROW.replace(",  2e400", "")


def test_deleting_everything_leaves_an_empty_object():
    assert edited('{ "a": 1, "b": 2 }', Delete("/a"), Delete("/b")) == "{}"


def test_replacing_a_span_leaves_the_other_escapes_as_they_are_written():
    assert edited(ROW, ReplaceSpan("/m/0/content", 5, 6, "한")) == ROW.replace("\\ud83d\\ude00", "\\ud55c")
    assert edited('{"a": "\\u00e9 한 \\/ z"}', ReplaceSpan("/a", 6, 7, "é\n")) == '{"a": "\\u00e9 한 \\/ é\\n"}'


def test_several_spans_of_one_text_are_counted_in_the_text_before():
    assert edited('{"a": "0123456789"}', ReplaceSpan("/a", 8, 9, ""), ReplaceSpan("/a", 1, 3, "xxxx")) == '{"a": "0xxxx345679"}'


def test_a_value_is_set_in_place_or_put_last():
    assert edited('{"a":1,"b":2}', SetValue("/a", "x"), SetValue("/c", None)) == '{"a":"x","b":2,"c":null}'
    assert edited('{"a": [1]}', SetValue("/a/0", Raw("1e999"))) == '{"a": [1e999]}'


def test_a_pretty_object_stays_pretty_when_it_grows():
    text = '{\n  "a": 1,\n  "b": 2\n}'
    assert edited(text, SetValue("/c", 3)) == '{\n  "a": 1,\n  "b": 2,\n  "c": 3\n}'
    assert edited(text, Insert("", 0, 0, "z")) == '{\n  "z": 0,\n  "a": 1,\n  "b": 2\n}'


def test_a_renamed_member_keeps_its_place_and_its_value():
    assert edited('{"x": 1.50, "old": [1.0], "y": 2}', Rename("/old", "new")) == '{"x": 1.50, "new": [1.0], "y": 2}'


def test_items_are_inserted_before_the_item_of_the_old_list():
    assert edited("[0, 1, 2]", Delete("/0"), Insert("", 1, "b"), Insert("", 3, "e")) == '["b", 1, 2, "e"]'


def test_a_pointer_goes_on_inside_a_text_that_holds_json():
    row = json.dumps({"messages": json.dumps([{"role": "gpt", "content": "한", "n": 1}], ensure_ascii=False)}, ensure_ascii=False)
    made = edited(row, SetValue("/messages/0/role", "assistant"), Delete("/messages/0/n"))
    assert json.loads(json.loads(made)["messages"]) == [{"role": "assistant", "content": "한"}]
    assert "한" in made


def test_a_json_text_that_is_only_looked_into_is_not_written_again():
    row = '{"j": "{\\u0022a\\u0022:1}", "k": 1}'
    assert edited(row, Delete("/k")) == '{"j": "{\\u0022a\\u0022:1}"}'


def test_of_duplicate_keys_the_last_is_edited_and_both_stay():
    assert edited('{"a": 1, "a": 2}', SetValue("/a", 3)) == '{"a": 1, "a": 3}'


def test_keys_with_slashes_and_tildes_are_found():
    assert edited('{"a/b": {"~c": 1}}', SetValue("/a~1b/~0c", 2)) == '{"a/b": {"~c": 2}}'


def test_what_is_deleted_to_be_kept_comes_back_as_its_own_text():
    assert Document('{"a": {"n": 1.0,\n "m": 2e400}, "b": 1}').apply([Delete("/a", keep=True)]) == {
        "/a": '{"n": 1.0, "m": 2e400}'
    }


@pytest.mark.parametrize(
    "edits",
    [
        [Delete("/m"), SetValue("/m/0/role", "x")],
        [SetValue("/m", 1), ReplaceSpan("/m/0/content", 0, 1, "")],
        [SetValue("/a", 1), Delete("/a")],
        [SetValue("/a", 1), SetValue("/a", 2)],
        [ReplaceSpan("/m/0/content", 0, 3, ""), ReplaceSpan("/m/0/content", 2, 4, "")],
        [SetValue("/new", 1), SetValue("/new", 2)],
        [Rename("/a", "m")],
        [Delete("/m"), Insert("/m", 0, 1)],
        [Delete("/nowhere")],
        [SetValue("/nowhere/deep", 1)],
        [ReplaceSpan("/a", 0, 1, "x")],
        [ReplaceSpan("/m/0/content", 0, 99, "x")],
        [Insert("/m", 5, 1)],
        [Insert("/m", 0, 1, "key")],
        [Insert("", 0, 1, "a")],
        [SetValue("", 1)],
        [Delete("")],
        [Drop("no")],
    ],
    ids=repr,
)
def test_edits_that_overlap_or_lead_nowhere_are_refused_and_nothing_is_changed(edits):
    document = Document(ROW)
    with pytest.raises(EditConflict):
        document.apply([SetValue("/big", 0), *edits])
    assert document.text == ROW


def test_the_same_edit_twice_is_one():
    assert edited('{"a": 1, "b": 2}', Delete("/a"), Delete("/a")) == '{"b": 2}'


def _places(value, pointer=""):
    if isinstance(value, dict):
        for key, item in value.items():
            place = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            yield place, value, key
            yield from _places(item, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield f"{pointer}/{index}", value, index
            yield from _places(item, f"{pointer}/{index}")


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=10,
)


@given(values, values, st.data())
def test_setting_and_deleting_agree_with_python(value, new, data):
    value = {"x": value}
    expected = copy.deepcopy(value)
    places = list(_places(expected))
    pointer, holder, key = data.draw(st.sampled_from(places))
    delete = data.draw(st.booleans())
    document = Document(json.dumps(value))
    if delete:
        document.apply([Delete(pointer)])
        del holder[key]
    else:
        document.apply([SetValue(pointer, new)])
        holder[key] = new
    assert document.value() == expected
    assert json.loads(document.text) == expected


@given(st.text(), st.data())
def test_a_replaced_span_agrees_with_python(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    new = data.draw(st.text(max_size=4))
    for ascii in (True, False):
        document = Document(json.dumps({"t": text}, ensure_ascii=ascii))
        document.apply([ReplaceSpan("/t", start, end, new)])
        assert json.loads(document.text) == {"t": text[:start] + new + text[end:]}


def test_a_row_nested_a_thousand_deep_is_edited():
    text = '{"deep": ' + "[" * 5000 + "]" * 5000 + ', "a": 1}'
    assert edited(text, Delete("/a")) == text.replace(', "a": 1', "")


def test_ten_thousand_keys_are_deleted_at_once():
    text = json.dumps({f"k{n}": n for n in range(10_000)} | {"keep": 1})
    assert edited(text, *(Delete(f"/k{n}") for n in range(10_000))) == '{"keep": 1}'
