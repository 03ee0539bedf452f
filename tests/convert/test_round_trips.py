"""OpenAI to any format and back: with the sidecar nothing is lost, without it exactly what the account says."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai_rows import chats, labelled, preferences, prompts, rows

from ftdata.convert import WRITABLE, canonical_row, openai_row, read_row, render, restore, sidecar, without
from ftdata.convert.loss import same
from ftdata.formats import FORMATS, detect_row

every = pytest.mark.parametrize("name", WRITABLE)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
FITTING = {
    "preference": preferences(),
    "unpaired-preference": labelled(),
    "reinforcement": prompts() | chats(),
    "prompt-only": prompts() | chats(),
}


def sources(name):
    """Rows of the kind that the format holds."""
    return FITTING.get(FORMATS[name].kind, chats())


def stored(losses):
    """The sidecar as it comes back from a file."""
    return json.loads(json.dumps(sidecar(losses)))


def check(row, name):
    sample = read_row(row, detect_row(row))
    made, losses = render(sample, name, row=row)
    if made is None:
        assert [loss.kind for loss in losses] == ["refused"]
        assert losses[0].reason
        return None
    json.dumps(made)
    back = openai_row(read_row(made, name))
    assert same(restore(back, stored(losses)), row)
    assert same(without(row, losses), back)
    for loss in losses:
        assert not same(loss.value, loss.became)
        assert loss.reason
    return made


@every
@quick
@given(data=st.data())
def test_a_round_trip_loses_what_the_account_says_and_the_sidecar_restores_it(name, data):
    row = data.draw(sources(name))
    made = check(row, name)
    if made is not None:
        assert FORMATS[detect_row(made)].family == FORMATS[name].family


@settings(quick, max_examples=100)
@given(row=rows)
def test_a_row_becomes_itself_in_its_own_format(row):
    name = detect_row(row)
    target = "openai-dpo" if "input" in row and "preferred_output" in row else name
    sample = read_row(row, name)
    if sample.problem is None and target in WRITABLE:
        check(row, target)
        assert same(canonical_row(sample), canonical_row(sample))


KINDS = {
    name: {"reinforcement": "prompt", "prompt-only": "prompt", "text": "sft"}.get(FORMATS[name].kind, FORMATS[name].kind)
    for name in WRITABLE
}


@settings(quick, max_examples=500)
@given(data=st.data())
def test_every_pair_of_formats_keeps_the_account_through_the_sample(data):
    one = data.draw(st.sampled_from(WRITABLE))
    row = data.draw(sources(one))
    first, _ = render(read_row(row, detect_row(row)), one)
    if first is None:
        return
    other = data.draw(st.sampled_from([name for name in WRITABLE if KINDS[name] == KINDS[one]]))
    sample = read_row(first, one)
    made, losses = render(sample, other)
    if made is not None:
        back, source = openai_row(read_row(made, other)), canonical_row(sample)
        assert same(restore(back, stored(losses)), source)
        assert same(without(source, losses), back)
        assert FORMATS[detect_row(made)].family == FORMATS[other].family
