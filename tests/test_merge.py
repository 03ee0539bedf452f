"""``ftdata merge``: copies once, every origin told, rows as they stand."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftdata.errors import UsageError
from ftdata.merge import alike, check_formats, decide, merge
from ftdata.read import open_input
from ftdata.scan import Look, scan

KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ2bC4dF6hJ8kL0n" + "T3BlbkFJ" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ2bC4dF6hJ8kL0n"


def run(here, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "ftdata", "merge", *map(str, arguments)], capture_output=True, text=True, cwd=here
    )


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def chat(question, answer, **more):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more}


def share(question, answer, **more):
    return {"conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}], **more}


def write(path, given, **options):
    path.write_text("".join(json.dumps(row, ensure_ascii=False, **options) + "\n" for row in given), "utf-8")


@pytest.fixture
def here(tmp_path):
    write(
        tmp_path / "a.jsonl",
        [chat("배는?", "아홉 시"), chat("Where?", "Here."), chat("배는?", "아홉 시")],
        separators=(" , ", " : "),
    )
    write(tmp_path / "b.jsonl", [chat("Where?", "There."), chat("배는?", "아홉 시", id=7), chat("Who?", "Me.")])
    write(tmp_path / "s.jsonl", [share("Where?", "Here."), share("Why?", "So.", source=f"key {KEY}")])
    return tmp_path


def test_copies_are_written_once_and_rows_keep_their_bytes(here):
    done = run(here, "a.jsonl", "b.jsonl", "-o", "out.jsonl")
    a, b = ((here / name).read_bytes().splitlines() for name in ("a.jsonl", "b.jsonl"))
    assert done.returncode == 0
    assert (here / "out.jsonl").read_bytes().splitlines() == [a[0], a[1], b[0], b[2]]
    assert "2 copies" in done.stderr or "1 copy dropped" in done.stderr


def test_the_last_copy_stays_when_asked_for(here):
    run(here, "a.jsonl", "b.jsonl", "-o", "out.jsonl", "--keep", "last")
    assert [row["messages"][1]["content"] for row in rows(here / "out.jsonl")] == ["Here.", "There.", "아홉 시", "Me."]
    assert rows(here / "out.jsonl")[2]["id"] == 7


def test_the_sidecar_names_the_origin_of_every_row_that_is_written(here):
    run(here, "a.jsonl", "b.jsonl", "-o", "out.jsonl")
    origins = rows(here / "out.jsonl.provenance.jsonl")
    assert [(o["row"], o["path"], o["path_row"]) for o in origins] == [
        (1, "a.jsonl", 1), (2, "a.jsonl", 2), (3, "b.jsonl", 1), (4, "b.jsonl", 3)
    ]  # fmt: skip
    for origin, line in zip(origins, (here / "out.jsonl").read_bytes().splitlines(), strict=True):
        assert line == (here / origin["path"]).read_bytes().splitlines()[origin["path_row"] - 1]
        assert len(origin["sample"]) == 32


def test_the_origin_stands_in_the_row_when_asked_for_and_the_rest_of_its_bytes_stays(here):
    run(here, "a.jsonl", "-o", "out.jsonl", "--provenance-field", "origin")
    line = (here / "out.jsonl").read_bytes().splitlines()[0]
    assert line.startswith((here / "a.jsonl").read_bytes().splitlines()[0][:-1])
    assert json.loads(line)["origin"]["path"] == "a.jsonl" and not (here / "out.jsonl.provenance.jsonl").exists()


def test_a_field_that_a_row_or_its_format_has_already_is_refused(here):
    write(here / "c.jsonl", [chat("Hm?", "Hm.", origin="old")])
    for key, words in (("origin", "already"), ("messages", "is a key of")):
        done = run(here, "c.jsonl", "-o", "out.jsonl", "--provenance-field", key)
        assert done.returncode == 2 and words in done.stderr and not (here / "out.jsonl").exists()


def test_what_is_dropped_is_kept_with_the_reason_and_the_row_that_stays(here):
    run(here, "a.jsonl", "b.jsonl", "-o", "out.jsonl")
    dropped = rows(here / "out.jsonl.dropped.jsonl")
    assert [(d["path"], d["row"], d["reason"], d["kept_path"], d["kept_row"]) for d in dropped] == [
        ("a.jsonl", 3, "exact-duplicate", "a.jsonl", 1), ("b.jsonl", 2, "exact-duplicate", "a.jsonl", 1)
    ]  # fmt: skip
    assert dropped[1]["sample"]["id"] == 7


def test_other_answers_to_the_same_prompt_across_files_are_counted_and_stay(here):
    done = run(here, "a.jsonl", "b.jsonl", "-o", "out.jsonl")
    assert "1 prompt has other answers" in done.stderr and "a.jsonl row 2 and b.jsonl row 1" in done.stderr
    alone = run(here, "b.jsonl", "-o", "alone.jsonl")
    assert "conflicts" not in alone.stderr


def test_files_of_different_formats_are_refused_with_the_way_out(here):
    done = run(here, "a.jsonl", "s.jsonl", "-o", "out.jsonl")
    assert done.returncode == 2 and "--to openai-chat" in done.stderr and not list(here.glob("out*"))
    write(here / "p.jsonl", [{"prompt": "Q", "chosen": "good", "rejected": "bad"}])
    assert "convert one first" in run(here, "a.jsonl", "p.jsonl", "-o", "out.jsonl").stderr


def test_a_copy_is_found_across_formats_and_the_loss_is_told(here):
    done = run(here, "a.jsonl", "s.jsonl", "-o", "out.jsonl", "--to", "openai-chat")
    out = rows(here / "out.jsonl")
    assert [row["messages"][0]["content"] for row in out] == ["배는?", "Where?", "Why?"]
    assert (here / "out.jsonl").read_bytes().splitlines()[0] == (here / "a.jsonl").read_bytes().splitlines()[0]
    assert done.returncode == 0 and "1 of them converted" in done.stderr and KEY not in done.stderr


def test_what_the_format_does_not_hold_is_listed(here):
    write(here / "w.jsonl", [chat("Which?", "This one.") | {"messages": [{"role": "user", "content": "Which?"},
          {"role": "assistant", "content": "This one.", "weight": 0}, {"role": "user", "content": "And?"},
          {"role": "assistant", "content": "That."}]}])  # fmt: skip
    done = run(here, "s.jsonl", "w.jsonl", "-o", "out.jsonl", "--to", "sharegpt")
    assert "does not hold everything" in done.stderr and "weight" in done.stderr
    facts = json.loads(run(here, "s.jsonl", "w.jsonl", "-o", "out.jsonl", "--to", "sharegpt", "--format", "json").stdout)
    assert any("weight" in loss["field"] for loss in facts["losses"])


def test_a_row_that_the_format_cannot_hold_is_dropped_with_exit_1(here):
    write(here / "t.jsonl", [{"text": "only a text"}])
    done = run(here, "a.jsonl", "t.jsonl", "-o", "out.jsonl", "--to", "openai-chat")
    assert done.returncode == 1 and "a plain text has no turns" in done.stderr
    assert rows(here / "out.jsonl.dropped.jsonl")[-1]["sample"] == {"text": "only a text"}


def test_lines_that_hold_no_row_are_dropped_and_told(here):
    (here / "broken.jsonl").write_text('{"messages": [\n' + json.dumps(chat("Q", "A")) + "\n")
    done = run(here, "broken.jsonl", "-o", "out.jsonl")
    assert "dropped 1 line without a row" in done.stderr and len(rows(here / "out.jsonl")) == 1
    assert rows(here / "out.jsonl.dropped.jsonl")[0]["line"] == 1


def test_near_duplicates_go_when_asked_for_and_are_pointed_to_otherwise(here):
    long = "The parcel left the warehouse on the ring road this morning and the courier will ring twice before noon."
    write(here / "n.jsonl", [chat("Where is it?", long), chat("Where is it?", long.replace("courier", "couriers"))])
    assert "near-duplicates were not looked for" in run(here, "n.jsonl", "-o", "out.jsonl").stderr
    assert len(rows(here / "out.jsonl")) == 2
    assert "near-duplicates dropped: 1" in run(here, "n.jsonl", "-o", "out.jsonl", "--near", "90").stderr
    assert len(rows(here / "out.jsonl")) == 1
    assert rows(here / "out.jsonl.dropped.jsonl")[0]["reason"].startswith("near-duplicate")
    run(here, "n.jsonl", "-o", "out.jsonl", "--near", "90", "--keep", "last")
    assert "couriers" in rows(here / "out.jsonl")[0]["messages"][1]["content"]


def test_a_report_of_dropped_rows_of_an_earlier_merge_does_not_stay(here):
    run(here, "a.jsonl", "-o", "out.jsonl")
    write(here / "clean.jsonl", [chat("Q", "A")])
    run(here, "clean.jsonl", "-o", "out.jsonl")
    assert (here / "out.jsonl.dropped.jsonl").read_text() == ""


@pytest.mark.parametrize("options", [(), ("--keep", "last"), ("--to", "sharegpt")])
def test_the_same_merge_gives_the_same_bytes(here, options):
    outputs = []
    for name in ("one.jsonl", "two.jsonl"):
        run(here, "a.jsonl", "b.jsonl", "-o", name, *options)
        outputs.append((here / name).read_bytes())
    assert outputs[0] == outputs[1] != b""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.jsonl", "b.jsonl"), "-o is missing"),
        (("a.jsonl", "-o", "a.jsonl"), "not written over"),
        (("a.jsonl", "-o", "out.jsonl", "--to", "opnai-chat"), "unknown format"),
        (("a.jsonl", "-o", "out.jsonl", "--provenance", "a.jsonl"), "not written over"),
        (("a.jsonl", "-o", "out.jsonl", "--provenance", "p", "--provenance-field", "f"), "exclude"),
        (("a.jsonl", "-o", "out.csv", "--provenance-field", "f"), "rows of JSON"),
        (("a.jsonl", "-o", "-", "--format", "json"), "standard output"),
        (("a.jsonl", "-o", "out.jsonl", "--near", "20"), ""),
        (("a.jsonl", "-o", "no/such/folder/out.jsonl"), "cannot be written"),
    ],
)
def test_what_makes_no_sense_exits_2_and_leaves_nothing_behind(here, arguments, words):
    before = sorted(here.iterdir())
    done = run(here, *arguments)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
    assert sorted(here.iterdir()) == before


def test_rows_go_to_standard_output_without_files_beside(here):
    done = run(here, "a.jsonl", "-o", "-")
    assert len(done.stdout.splitlines()) == 2 and not list(here.glob("*provenance*")) and not list(here.glob("*dropped*"))


def test_formats_that_loaders_read_alike_are_one():
    assert alike("openai-chat-tools") == alike("openai-chat") != alike("anthropic") != alike("sharegpt")
    assert alike("alpaca") != alike("dolly")


letters = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(letters, letters, st.sampled_from(["first", "last"]))
def test_a_merge_holds_every_sample_once_and_accounts_for_every_row(tmp_path, one, other, keep):
    files = []
    for name, given_ in (("one", one), ("other", other)):
        path = tmp_path / f"{name}.jsonl"
        write(path, [chat(letter, letter) for letter in given_])
        files.append(open_input(str(path)))
    found = scan(files, Look(keys=True))
    decision = decide(found, keep)
    out = tmp_path / "out.jsonl"
    outcome = merge(found, decision, str(out), provenance=str(tmp_path / "p.jsonl"))
    kept = [row["messages"][0]["content"] for row in rows(out)]
    assert sorted(kept) == sorted(set(one + other))
    assert outcome.written + sum(outcome.copies) == len(one) + len(other)
    order = list(dict.fromkeys(one + other)) if keep == "first" else list(dict.fromkeys(reversed(one + other)))[::-1]
    assert kept == order
    assert decision.conflicts == 0


def test_one_format_and_unknown_rows_are_no_conflict_of_formats(tmp_path):
    write(tmp_path / "a.jsonl", [chat("Q", "A")])
    write(tmp_path / "u.jsonl", [{"whatever": 1}])
    found = scan([open_input(str(tmp_path / name)) for name in ("a.jsonl", "u.jsonl")], Look(keys=True))
    check_formats(found, None)
    write(tmp_path / "s.jsonl", [share("Q", "A")])
    with pytest.raises(UsageError, match="different formats"):
        check_formats(scan([open_input(str(tmp_path / name)) for name in ("a.jsonl", "s.jsonl")], Look(keys=True)), None)
