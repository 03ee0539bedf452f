"""Edits between JSON trees: exact, aligned at the least cost, undone and done without a rest."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai_rows import values

from ftdata.convert.loss import ABSENT, Loss, differences, field_name, pointer, restore, same, sidecar, without


def account(one, other):
    """The differences as losses without reasons."""
    return [Loss(field_name(e.steps), pointer(e.steps), "", e.value, e.became, e.kind) for e in differences(one, other)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0, False),
        (0.0, -0.0),
        ("1", 1),
        (None, False),
        ([], {}),
        ("é", "e\u0301"),
        (2**64, float(2**64)),
        ({"a": 1}, {"a": 1, "b": None}),
    ],
)
def test_values_that_json_tells_apart_are_not_the_same(one, other):
    assert not same(one, other)
    assert same(one, one)


def test_key_order_is_no_content():
    assert same({"a": 1, "b": [{"c": 2, "d": 3}]}, {"b": [{"d": 3, "c": 2}], "a": 1})


def test_a_dropped_turn_is_one_edit_and_not_a_shift_of_all_others():
    turns = [{"role": role, "content": text} for role, text in (("system", "s"), ("user", "u"), ("assistant", "a"))]
    (edit,) = differences({"messages": turns}, {"messages": turns[1:]})
    assert (edit.steps, edit.value, edit.became) == (("messages", 0), turns[0], ABSENT)


def test_an_added_turn_counts_in_the_row_that_comes_back():
    one = [{"role": "user"}, {"role": "assistant"}]
    other = [{"role": "system"}, {"role": "user"}, {"role": "tool"}, {"role": "assistant"}]
    assert [(edit.kind, edit.steps) for edit in differences(one, other)] == [("added", (0,)), ("added", (2,))]


def test_keys_with_slashes_tildes_and_nothing_are_found_again():
    one = {"": {"a/b": 1, "~1": 2, "0": 3}}
    losses = account(one, {"": {}})
    assert {loss.where for loss in losses} == {"//a~1b", "//~01", "//0"}
    assert restore({"": {}}, sidecar(losses)) == one


trees = st.recursive(
    values, lambda inner: st.lists(st.dictionaries(st.sampled_from("abc/~"), inner, max_size=3), max_size=5), max_leaves=10
)
objects = st.dictionaries(st.sampled_from(["", "a", "b/c", "0"]), trees, max_size=3)


@settings(max_examples=500, deadline=None)
@given(one=objects, other=objects)
def test_any_two_rows_are_led_to_each_other(one, other):
    losses = account(one, other)
    assert same(restore(other, json.loads(json.dumps(sidecar(losses)))), one)
    assert same(without(one, losses), other)
    assert bool(losses) != same(one, other)


@settings(max_examples=200, deadline=None)
@given(one=objects, other=objects)
def test_neither_row_is_changed_by_the_edits(one, other):
    before = json.dumps([one, other])
    losses = account(one, other)
    restore(other, sidecar(losses))
    without(one, losses)
    assert json.dumps([one, other]) == before


@settings(max_examples=300, deadline=None)
@given(
    row=objects,
    entries=st.lists(
        st.dictionaries(
            st.sampled_from(["where", "edit", "value"]), values | st.sampled_from(["/a/0", "/b~1c/x", "", "lost", "added"])
        )
    ),
)
def test_a_sidecar_that_does_not_fit_raises_nothing(row, entries):
    restore(row, {"losses": entries})


@pytest.mark.parametrize(
    "broken",
    [{}, {"losses": None}, {"losses": [None, 5, {"where": 5}]}, {"losses": [{"where": "/a/9999999999999/b", "value": 1}]}],
)
def test_a_broken_sidecar_changes_nothing(broken):
    assert restore({"a": [1]}, broken) == {"a": [1]}
