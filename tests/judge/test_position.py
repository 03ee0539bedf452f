"""JSON pointers are found at the right byte, line and column of the raw row."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ftdata.judge.position import find_pointer, line_and_column

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def walk(value, pointer=""):
    yield pointer, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield from walk(child, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")


@given(values, st.sampled_from([None, 1]), st.booleans())
def test_every_pointer_leads_to_its_value(value, indent, ascii_only):
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    decoder = json.JSONDecoder()
    for pointer, child in walk(value):
        offset = find_pointer(raw, pointer)
        assert offset is not None
        assert decoder.raw_decode(raw[offset:].decode())[0] == child


def test_a_pointer_that_leads_nowhere_gives_none():
    raw = b'{"messages": [{"role": "user"}]}'
    assert find_pointer(raw, "/messages/1") is None
    assert find_pointer(raw, "/messages/0/content") is None
    assert find_pointer(raw, "/nothing/at/all") is None


def test_the_last_of_duplicate_keys_counts():
    raw = b'{"a": 1, "a": 2}'
    offset = find_pointer(raw, "/a")
    assert raw[offset:] == b"2}"


def test_columns_count_characters_and_lines_count_newlines():
    raw = '{"질문": "x",\n "답": "y"}'.encode()
    assert line_and_column(raw, find_pointer(raw, "/질문"), 7) == (7, 8)
    assert line_and_column(raw, find_pointer(raw, "/답"), 7) == (8, 7)


def test_damaged_json_never_raises():
    for raw in (b"", b"{", b'{"a', b'{"a": ', b"[1,", b'{"a": "\\', b"\xff\xfe{", b"{]}", b'{"a" 1}'):
        find_pointer(raw, "/a/0/b")
