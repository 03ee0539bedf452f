"""``ftdata dedupe`` as its users meet it, and the same search in the linter."""

from __future__ import annotations

import json
import subprocess
import sys

import polars as pl
import pytest

import ftdata
import ftdata.errors

LONG = "The parcel left the warehouse on the ring road this morning and the courier will ring twice before noon."


def chat(question, answer=LONG, **more):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more}


ROWS = [
    chat("Where is it?"), chat("Where is it?", LONG.replace("courier", "couriers"), id=2), chat("Where is it?", id=3),
    chat("Book a table for 2 people, please, and make it quick."), chat("Book a table for 12 people, please, and make it quick."),
    chat("What is this?", "A <script>alert(1)</script> \x1b[31m and =1+1"),
]  # fmt: skip


@pytest.fixture
def here(tmp_path):
    lines = [json.dumps(row) for row in ROWS]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines[:2], "", "{broken", *lines[2:]]) + "\n")
    return tmp_path


def run(here, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "ftdata", "dedupe", "--keep", "first", *arguments], capture_output=True, text=True, cwd=here
    )


def test_a_report_says_what_would_go_and_exits_1(here):
    done = run(here, "a.jsonl")
    assert done.returncode == 1
    assert "2 of 6 samples would go: 1 exact, 1 near" in done.stdout
    assert "a.jsonl:2 goes for a.jsonl:1" in done.stdout and "courier → couriers" in done.stdout
    assert "2 → 12" in done.stdout and "variant" in done.stdout
    assert "not compared, and kept: 1 rows, the first at a.jsonl:4 (invalid-json)" in done.stdout


def test_what_stays_is_written_byte_for_byte_and_what_goes_with_its_reason(here):
    before = (here / "a.jsonl").read_bytes()
    done = run(here, "a.jsonl", "-o", "out.jsonl")
    assert done.returncode == 0 and (here / "a.jsonl").read_bytes() == before
    lines = before.splitlines(keepends=True)
    assert (here / "out.jsonl").read_bytes() == b"".join(lines[:1] + lines[2:4] + lines[5:])
    gone = [json.loads(line) for line in (here / "out.jsonl.dropped.jsonl").read_text().splitlines()]
    assert [(row["rule"], row["place"], row["kept_place"]) for row in gone] == [
        ("near-duplicate", "a.jsonl:2", "a.jsonl:1"), ("exact-duplicate", "a.jsonl:5", "a.jsonl:1"),
    ]  # fmt: skip
    assert [row["row"] for row in gone] == [ROWS[1], ROWS[2]]
    again = run(here, "out.jsonl")
    assert again.returncode == 0 and "0 of 4 samples would go" in again.stdout


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_review_that_a_person_edited_is_obeyed(here, suffix):
    name = f"review.{suffix}"
    assert run(here, "a.jsonl", "--review", name).returncode == 0
    path = here / name
    if suffix == "csv":
        path.write_text(
            path.read_text("utf-8-sig").replace("drop,duplicate", "keep,duplicate").replace("keep,variant", "drop,variant")
        )
    elif suffix == "jsonl":
        flip = {"drop": "keep", "keep": "drop"}
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(row | {"decision": flip[row["decision"]]}) + "\n" for row in rows))
    else:
        frame = pl.read_parquet(path)
        flipped = pl.when(pl.col("decision") == "drop").then(pl.lit("keep")).otherwise(pl.lit("drop"))
        frame.with_columns(flipped.alias("decision")).write_parquet(path)
    assert run(here, "a.jsonl", "--apply", name, "-o", "out.jsonl").returncode == 0
    stay = [json.loads(line) for line in (here / "out.jsonl").read_text().splitlines() if line.startswith('{"')]
    assert ROWS[1] in stay and ROWS[4] not in stay and ROWS[3] in stay and len(stay) == 4


def test_a_review_that_nobody_edited_changes_nothing(here):
    run(here, "a.jsonl", "--review", "review.csv", "-o", "one.jsonl")
    run(here, "a.jsonl", "--apply", "review.csv", "-o", "two.jsonl")
    assert (here / "one.jsonl").read_bytes() == (here / "two.jsonl").read_bytes()


def test_a_review_of_other_data_is_refused_and_nothing_is_written(here):
    run(here, "a.jsonl", "--review", "review.csv")
    (here / "b.jsonl").write_text(json.dumps(chat("Hello?", "Yes.")) + "\n")
    done = run(here, "b.jsonl", "--apply", "review.csv", "-o", "out.jsonl")
    assert done.returncode == 2 and "is not in the data" in done.stderr and not (here / "out.jsonl").exists()
    (here / "bad.csv").write_text("decision,kept_sample,other_sample\nperhaps,a,b\n")
    done = run(here, "a.jsonl", "--apply", "bad.csv")
    assert done.returncode == 2 and "'perhaps' is no decision" in done.stderr


def test_a_review_page_runs_nothing_and_shows_the_words_that_differ(here):
    run(here, "a.jsonl", "--review", "review.html")
    page = (here / "review.html").read_text()
    assert "<del>courier " in page and "<ins>couriers " in page
    assert "<script>" not in page and "default-src 'none'" in page and "\x1b" not in page


def test_a_cell_of_a_csv_review_is_no_formula(here):
    from ftdata.dedupe.review import COLUMNS, review_bytes

    row = dict.fromkeys(COLUMNS, "=HYPERLINK(1)")
    assert b"\n'=HYPERLINK(1)," in b"".join(review_bytes("x.csv", [row]))


def test_thresholds_are_explored_without_a_change(here):
    done = run(here, "a.jsonl", "--explore")
    assert done.returncode == 0 and [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["80", "85", "90", "95", "100"]


def test_samples_that_are_in_a_base_go(here):
    (here / "new.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in (ROWS[1], chat("Something else entirely?", "Yes, it is.")))
    )
    assert run(here, "a.jsonl", "--write-index", "base.parquet").returncode == 0
    for base in ("a.jsonl", "base.parquet"):
        done = run(here, "new.jsonl", "--against", base, "-o", "out.jsonl")
        assert done.returncode == 0 and "1 of 2 samples dropped" in done.stdout, done.stderr
        assert "Something else" in (here / "out.jsonl").read_text()
    done = run(here, "new.jsonl", "--against", "base.parquet", "--view", "prompt")
    assert done.returncode == 2 and "--view conversation" in done.stderr


def test_questions_of_an_evaluation_set_are_taken_out_of_training(here):
    (here / "bench.jsonl").write_text(json.dumps({"question": "What is this thing here?", "choices": ["a", "b"]}) + "\n")
    (here / "t.jsonl").write_text(
        "".join(json.dumps(chat(q, "An answer.")) + "\n" for q in ("What is this thing, here?", "Who are you?"))
    )
    done = run(here, "t.jsonl", "--decontaminate", "bench.jsonl", "-o", "out.jsonl")
    assert "1 of 2 samples dropped" in done.stdout
    assert "Who are you?" in (here / "out.jsonl").read_text()


def test_named_fields_are_a_view_of_their_own(here):
    (here / "rows.csv").write_text("id,title\n1,A long title about the warehouse\n2,A long title about the warehouses\n3,Else\n")
    done = run(here, "rows.csv", "--view", "title")
    assert "1 of 3 samples would go" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--threshold", "70"], "between 80 and 100"), (["--threshold", "120"], "between 80 and 100"),
        (["--metric", "jaccard", "--threshold", "3"], "between 0.5 and 1"), (["--view", "nothing"], "no row has a text under"),
        (["--normalise", "spaces"], "no normalisation step"), (["--keep", "biggest"], "unknown policy"), (["--linkage", "x"], "is not one of"),
        (["-o", "a.jsonl"], "is an input"), (["--review", "x.txt"], "a review is written as"), (["-o", "x.parquet"], "JSON Lines"),
        (["--shingle", "big"], "is no size"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_explained_and_exits_2(here, arguments, words):
    done = run(here, "a.jsonl", *arguments)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


def test_files_without_samples_are_explained(here):
    (here / "empty.jsonl").write_text("")
    (here / "none.jsonl").write_text('{"a": 1}\n')
    for name in ("empty.jsonl", "none.jsonl", "missing.jsonl"):
        done = run(here, name)
        assert done.returncode == 2 and done.stderr.startswith("error: ")


def test_the_same_input_gives_the_same_bytes(here):
    outputs = []
    for _ in range(2):
        run(here, "a.jsonl", "-o", "out.jsonl", "--review", "r.csv")
        outputs.append([(here / name).read_bytes() for name in ("out.jsonl", "out.jsonl.dropped.jsonl", "r.csv")])
    assert outputs[0] == outputs[1]


def test_the_linter_names_near_duplicates_and_near_leaks(here):
    (here / "eval.jsonl").write_text(json.dumps(chat("Where is it?", LONG.replace("noon", "midday"))) + "\n")
    report = ftdata.lint([here / "a.jsonl", here / "eval.jsonl"], select=["near-duplicate", "near-leak"])
    found = {
        finding.name: (finding.location.path.rsplit("/", 1)[-1], finding.location.line, finding.message)
        for finding in report.findings
    }
    assert found["near-duplicate"][:2] == ("a.jsonl", 2) and "courier → couriers" in found["near-duplicate"][2]
    assert found["near-leak"][:2] == ("eval.jsonl", 1) and "midday → noon" in found["near-leak"][2]


def test_near_leaks_are_looked_for_wherever_there_are_evaluation_files(here):
    (here / "held.jsonl").write_text(json.dumps(chat("Where is it?", LONG.replace("noon", "midday"))) + "\n")
    leaks = ftdata.lint(here / "a.jsonl", eval=here / "held.jsonl").findings
    assert [f.location.path.rsplit("/", 1)[-1] for f in leaks if f.name == "near-leak"] == ["held.jsonl"]
    verdicts = {verdict.name: verdict.status for verdict in ftdata.lint(here / "a.jsonl").verdicts}
    assert verdicts["near-leak"] == "clean"


def test_an_evaluation_sample_with_another_number_is_no_near_leak_unless_variants_count(here):
    (here / "train.jsonl").write_text(json.dumps(chat("Book a table at the harbour restaurant for 2 people on Friday.")) + "\n")
    (here / "eval.jsonl").write_text(json.dumps(chat("Book a table at the harbour restaurant for 12 people on Friday.")) + "\n")
    files = [here / "train.jsonl", here / "eval.jsonl"]
    assert not ftdata.lint(files, select=["near-leak"]).findings
    (here / "ftdata.toml").write_text("[rules.near-leak]\nvariants = true\n")
    assert len(ftdata.lint(files, select=["near-leak"], config=here / "ftdata.toml").findings) == 1


def test_a_search_for_near_leaks_past_its_bound_is_skipped_and_says_so(here):
    pad = "".join(json.dumps(chat(f"Question {n}?", f"{n} " + "word " * 2000)) + "\n" for n in range(120))
    (here / "train.jsonl").write_text(pad)
    (here / "eval.jsonl").write_text(json.dumps(chat("Where is it?")) + "\n")
    (here / "ftdata.toml").write_text("[rules.near-leak]\nmegabytes = 1\n")
    report = ftdata.lint([here / "train.jsonl", here / "eval.jsonl"], select=["near-leak"], config=here / "ftdata.toml")
    (verdict,) = report.verdicts
    assert verdict.status == "skipped" and "megabytes = 1 is the bound" in verdict.reason


def test_one_answer_to_many_questions_is_said_once(tmp_path):
    rows = [chat(f"Question number {n}?") for n in range(12)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (finding,) = ftdata.lint(tmp_path / "a.jsonl", select=["answer-template"]).findings
    assert finding.message == "the same answer to 12 questions"


def test_a_program_decides_anew_without_searching_again(here):
    result = ftdata.find_near_duplicates(here / "a.jsonl", threshold=80, keep="first")
    assert sorted(map(result.collection.place, result.at(90).dropped)) == [f"{here}/a.jsonl:2", f"{here}/a.jsonl:5"]
    assert [match.exact for match in result.at(100).dropped.values()] == [True]
    with pytest.raises(ftdata.errors.UsageError, match="done at 80"):
        result.at(70)
