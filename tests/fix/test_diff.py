"""The patch says exactly what changes, in the form that other programs apply."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftdata.fix.diff import for_terminal, patch
from ftdata.report.escape import escape

lines = st.sampled_from([b"a\n", b"b\n", b"c\n", b"{}\n", b"x\r\n", b"\xff\n", b"\n", b"- y\n", b"+ z\n"])
stretches = st.lists(st.tuples(st.lists(lines, max_size=3), st.one_of(st.none(), st.lists(lines, max_size=3))), max_size=25)


def whole(found):
    return [(b"".join(old), b"".join(old if new is None else new)) for old, new in found]


def applied(old, made):
    """Apply a patch as its format is defined: every context and removed line has to be where the hunk says."""
    source, out, at = old.splitlines(keepends=True), [], 0
    source = re.findall(rb"[^\n]*\n|[^\n]+", old)
    body = re.findall(rb"[^\n]*\n|[^\n]+", made)[2:]
    number = 0
    while number < len(body):
        start, count, first, size = map(int, re.match(rb"@@ -(\d+),(\d+) \+(\d+),(\d+) @@", body[number]).groups())
        number += 1
        begin = start - (count > 0)
        out += source[at:begin]
        at = begin
        assert len(out) == first - (size > 0)
        while count or size:
            sign, line = body[number][:1], body[number][1:]
            number += 1
            if number < len(body) and body[number].startswith(b"\\"):
                line = line.removesuffix(b"\n")
                number += 1
            if sign != b"+":
                assert source[at] == line
                at += 1
                count -= 1
            if sign != b"-":
                out.append(line)
                size -= 1
    return b"".join(out + source[at:])


@given(stretches, st.booleans(), st.booleans())
def test_the_patch_turns_the_old_file_into_the_new_one(found, old_open, new_open):
    changes = whole(found)
    changes.append((b"last" if old_open else b"last\n", b"last" if new_open else b"last\n"))
    old, new = (b"".join(side) for side in zip(*changes, strict=True))
    made = b"".join(patch("data.jsonl", changes))
    assert made or old == new
    if made:
        assert applied(old, made) == new


@given(st.binary(max_size=40), st.binary(max_size=40), st.lists(st.integers(0, 40), max_size=4))
def test_stretches_may_end_in_the_middle_of_lines(old, new, cuts):
    places = [0, *sorted(cuts), 40]
    changes = [(old[a:b], new[a:b]) for a, b in itertools.pairwise(places)]
    made = b"".join(patch("data.jsonl", changes))
    assert applied(old, made) == new if old != new else made == b""


def test_nothing_is_said_where_nothing_changed():
    assert list(patch("data.jsonl", [(b"a\n", b"a\n"), (b"b", b"b")])) == []


def test_far_changes_stand_in_hunks_of_their_own():
    body = [(b"%d\n" % n, b"%d\n" % n) for n in range(20)]
    made = b"".join(patch("f", [(b"x\n", b"y\n"), *body, (b"z\n", b"")])).decode()
    assert re.findall(r"@@ .* @@", made) == ["@@ -1,4 +1,4 @@", "@@ -19,4 +19,3 @@"]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("name", ["plain.jsonl", "with space.jsonl", "한글.jsonl", 'quo"te.jsonl', "tab\there.jsonl"])
def test_git_finds_a_file_by_its_name_in_the_patch(name, tmp_path):
    (tmp_path / name).write_bytes(b"a\nb\n")
    (tmp_path / "the.patch").write_bytes(b"".join(patch(name, [(b"a\n", b""), (b"b\n", b"c")])))
    subprocess.run(["git", "apply", "the.patch"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / name).read_bytes() == b"c"


def test_on_a_terminal_hostile_characters_are_shown_and_elsewhere_they_are_exact():
    made = list(patch("f", [(b"a\x1b[31m\n", "b\u202e\n".encode())]))
    assert b"-a\x1b[31m\n" in made
    assert list(for_terminal(made, escape)) == ["--- a/f", "+++ b/f", "@@ -1,1 +1,1 @@", "-a\\x1b[31m", "+b\\u202e"]
