"""Great Expectations as a second opinion: thresholds compiled both ways over generated tables give equal verdicts."""

from __future__ import annotations

import json
import subprocess
import sys

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("great_expectations")

from ftdata.errors import ConfigError
from ftdata.expectations import Expectation, read_expectations
from ftdata.expectations.gx import choose_rows, flatten, run, suite_json

pytestmark = pytest.mark.filterwarnings("ignore")
numbers = st.lists(st.none() | st.integers(-50, 50), min_size=1, max_size=12)


def expect(kind, batch="samples", severity="error", **arguments):
    return Expectation(kind, batch, severity, arguments, where="pack: expectations[1]")


def table(values):
    return pl.DataFrame({"id": [f"{n:032x}" for n in range(len(values))], "n_tokens": pl.Series(values, dtype=pl.Int64)})


@given(values=numbers, low=st.integers(-40, 0), high=st.integers(0, 40))
@settings(max_examples=12, deadline=None)
def test_thresholds_on_measures_agree_with_polars(values, low, high):
    frame, known = table(values), [value for value in values if value is not None]
    outcomes = run([
        expect("expect_column_values_to_be_between", column="n_tokens", min_value=low, max_value=high),
        expect("expect_column_values_to_be_between", column="n_tokens", min_value=low, max_value=high, mostly=0.5),
        expect("expect_column_values_to_not_be_null", column="n_tokens"),
        expect("expect_table_row_count_to_be_between", min_value=3),
    ], frame, {})  # fmt: skip
    outside = sum(not low <= value <= high for value in known)
    assert outcomes[0].status == ("found" if outside else "clean") and (outside == 0 or outcomes[0].count == outside)
    # GX leaves nulls out of the share.
    assert (outcomes[1].status == "clean") == (not known or (len(known) - outside) / len(known) >= 0.5)
    assert (outcomes[2].status == "clean") == (len(known) == len(values))
    assert (outcomes[3].status == "clean") == (len(values) >= 3)


@given(
    facts=st.fixed_dictionaries({"samples": st.integers(0, 100), "share": st.none() | st.floats(0, 1) | st.just(float("nan"))}),
    limit=st.integers(0, 100),
)
@settings(max_examples=12, deadline=None)
def test_thresholds_on_facts_agree_and_unknown_facts_are_skipped(facts, limit):
    outcomes = run([
        expect("expect_column_max_to_be_between", "dataset", column="samples", min_value=limit),
        expect("expect_column_max_to_be_between", "dataset", column="share", max_value=0.5),
    ], table([1]), facts)  # fmt: skip
    assert (outcomes[0].status == "clean") == (facts["samples"] >= limit) and outcomes[0].observed == facts["samples"]
    share = facts["share"]
    assert outcomes[1].status == ("skipped" if share is None or share != share else "clean" if share <= 0.5 else "found")


def test_an_empty_table_is_skipped_and_not_passed():
    (outcome,) = run([expect("expect_column_values_to_not_be_null", column="n_tokens")], table([]), {})
    assert outcome.status == "skipped" and outcome.reason


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (expect("expect_column_maxx_to_be_between", column="n_tokens"), "expect_column_max_to_be_between"),
        (expect("expect_column_max_to_be_between", column="n_token"), "n_tokens"),
        (expect("expect_column_max_to_be_between", column="n_tokens", max_value="x"), "arguments"),
    ],
)
def test_what_does_not_exist_is_refused_with_a_suggestion(item, words):
    with pytest.raises(ConfigError) as caught:
        run([item], table([1]), {})
    assert words in caught.value.message + (caught.value.hint or "")


def test_packs_are_checked_before_anything_is_loaded():
    assert next(
        iter(read_expectations([{"expect": "expect_column_max_to_be_between", "column": "a", "severity": "info"}], "p"))
    ).columns == ["a"]
    for wrong in (
        "x",
        [1],
        [{"expect": "max"}],
        [{"expect": "expect_x", "batch": "rows"}],
        [{"expect": "expect_x", "severity": "fatal"}],
    ):
        with pytest.raises(ConfigError):
            list(read_expectations(wrong, "p"))


def test_no_value_of_the_data_reaches_a_page(tmp_path):
    frame = pl.DataFrame({"id": ["1", "2"], "answer": ["<script>alert(1)</script>", "sk-proj-SECRETSECRET"]})
    outcomes = run(
        [expect("expect_column_values_to_match_regex", column="answer", regex="^x")], frame, {}, docs=tmp_path / "docs"
    )
    assert outcomes[0].count == 2
    pages = "".join(path.read_text("utf-8", "replace") for path in (tmp_path / "docs").rglob("*.html"))
    assert pages and "<script>alert(1)" not in pages and "SECRETSECRET" not in pages


def test_a_capped_batch_is_the_same_every_time():
    frame = table(list(range(500)))
    assert choose_rows(frame.sample(fraction=1, shuffle=True, seed=1), 50).equals(choose_rows(frame, 50))


def test_facts_become_columns():
    assert dict(flatten({"a": 1, "b": {"c": 2, "d": {"e": None}}, "f": [1]})) == {"a": 1, "b_c": 2, "b_d_e": None}


def test_a_suite_is_what_a_project_reads():
    text = suite_json([expect("expect_column_max_to_be_between", column="n_tokens", max_value=10, severity="warning"),
                       expect("expect_column_max_to_be_between", "dataset", column="samples", min_value=10)], "ours")  # fmt: skip
    suites = json.loads(text)
    assert [suite["name"] for suite in suites] == ["ours-samples", "ours-dataset"] and "id" not in text
    assert suites[0]["expectations"][0]["kwargs"] == {"column": "n_tokens", "max_value": 10.0}


def test_nothing_is_loaded_without_expectations(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n')
    code = "import sys; from ftdata import lint; lint('a.jsonl'); print([n for n in ('great_expectations', 'pandas') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path).stdout.strip() == "[]"
