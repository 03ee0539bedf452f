"""``ftdata fix`` and ``ftdata lint --fix`` as their users meet them."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import polars as pl
import pytest
from places import SAMPLES

import ftdata


def chat(question, answer, **more):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more}


KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ2bC4dF6hJ8kL0n" + "T3BlbkFJ" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ2bC4dF6hJ8kL0n"
ROWS = [
    chat("Which way?", "North by the quay. "),
    chat("Which way?", "North by the quay."),
    {"messages": [{"role": "human", "content": "배는 언제 떠나요?"}, {"role": "gpt", "content": "아홉 시에 떠나요."}]},
    chat("And back?", "By the same road."),
    chat("And back?", "By the same road."),
    chat("The key?", f"It is {KEY} as you know."),
]


@pytest.fixture
def here(tmp_path):
    lines = [json.dumps(row, ensure_ascii=False) for row in ROWS]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines[:2], "", *lines[2:]]) + "\n", "utf-8")
    return tmp_path


def run(here, *arguments, command="fix", **more):
    return subprocess.run([sys.executable, "-m", "ftdata", command, *arguments], capture_output=True, text=True, cwd=here, **more)


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def names(here):
    return sorted(path.name for path in here.iterdir())


def test_alone_it_says_what_it_would_do_and_writes_nothing(here):
    before = (here / "a.jsonl").read_bytes()
    done = run(here, "a.jsonl")
    assert done.returncode == 1
    assert "Nothing was written" in done.stdout and "exact-duplicate" in done.stdout
    assert names(here) == ["a.jsonl"] and (here / "a.jsonl").read_bytes() == before


def test_an_output_holds_what_stays_and_the_rest_stands_beside_it_with_its_reason(here):
    before = (here / "a.jsonl").read_bytes()
    done = run(here, "a.jsonl", "-o", "b.jsonl")
    assert done.returncode == 0, done.stderr
    assert (here / "a.jsonl").read_bytes() == before
    dropped = rows(here / "b.jsonl.dropped.jsonl")
    assert {row["rule"] for row in dropped} == {"exact-duplicate"} and all(row["reason"] and row["line"] for row in dropped)
    assert len(rows(here / "b.jsonl")) + len(dropped) == len(ROWS)
    found = {finding.name for finding in ftdata.lint(here / "b.jsonl").findings}
    assert not found & {"exact-duplicate", "surrounding-whitespace", "alias-role", "blank-line"}


def test_fixing_twice_changes_nothing_more(here):
    run(here, "a.jsonl", "-o", "b.jsonl", "--unsafe-fixes")
    first = (here / "b.jsonl").read_bytes()
    done = run(here, "b.jsonl", "--in-place", "--unsafe-fixes")
    assert "nothing to fix" in done.stdout
    assert (here / "b.jsonl").read_bytes() == first


def test_in_place_keeps_what_was_dropped_before(here):
    (here / "a.jsonl.dropped.jsonl").write_text('{"rule": "earlier"}\n')
    assert run(here, "a.jsonl", "--in-place").returncode == 0
    assert [row["rule"] for row in rows(here / "a.jsonl.dropped.jsonl")][:2] == ["earlier", "exact-duplicate"]
    assert names(here) == ["a.jsonl", "a.jsonl.dropped.jsonl"]


def test_keys_that_are_taken_out_go_to_the_sidecar_under_the_hash_of_the_sample(here):
    (here / "k.jsonl").write_text(json.dumps(chat("Which way?", "North.", source="forum", score=3)) + "\n")
    run(here, "k.jsonl", "-o", "out.jsonl", "--target", "openai")
    (kept,) = rows(here / "out.jsonl.sidecar.jsonl")
    assert kept["kept"] == {"/source": "forum", "/score": 3}
    assert rows(here / "out.jsonl") == [chat("Which way?", "North.")]
    import ftdata.formats as formats

    row = rows(here / "out.jsonl")[0]
    assert kept["sample"] == formats.sample_id(formats.parse(row, "openai-chat"))


def test_a_patch_goes_to_standard_output_and_counts_to_standard_error(here):
    subprocess.run(["git", "init", "-q", "."], cwd=here, check=True)
    done = run(here, "a.jsonl", "--diff")
    assert done.returncode == 1 and done.stdout.startswith("--- a/a.jsonl\n") and "dropped" in done.stderr
    run(here, "a.jsonl", "-o", "b.jsonl")
    subprocess.run(["git", "apply", "-"], input=done.stdout, text=True, cwd=here, check=True)
    assert (here / "a.jsonl").read_bytes() == (here / "b.jsonl").read_bytes()


def test_lint_diff_prints_the_same_patch(here):
    assert run(here, "a.jsonl", "--diff", command="lint").stdout == run(here, "a.jsonl", "--diff").stdout


def test_lint_fix_writes_and_then_judges_what_remains(here):
    done = run(here, "a.jsonl", "--fix", command="lint")
    assert done.returncode == 1 and "secret" in done.stdout and "exact-duplicate" not in done.stdout
    assert KEY not in done.stdout + done.stderr
    done = run(here, "a.jsonl", "--fix", "--unsafe-fixes", command="lint")
    assert KEY not in (here / "a.jsonl").read_text() and "secret FT" not in done.stdout


def test_lint_says_how_much_of_what_it_found_can_be_fixed(here):
    assert "can be fixed with --fix" in run(here, "a.jsonl", command="lint").stdout


def test_several_files_go_to_a_folder_under_their_names(here):
    shutil.copy(here / "a.jsonl", here / "c.jsonl")
    (here / "t.csv").write_text("prompt,completion\nWhich way?,North\nWhich way?,North\n")
    done = run(here, "a.jsonl", "c.jsonl", "t.csv", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert {"a.jsonl", "c.jsonl", "t.jsonl"} <= {path.name for path in (here / "out").iterdir()}
    assert rows(here / "out" / "c.jsonl") == []  # the same samples as those of the first file


def test_duplicates_within_an_evaluation_file_are_left_to_a_person(here):
    shutil.copy(here / "a.jsonl", here / "eval.jsonl")
    (here / "b.jsonl").write_text(json.dumps(chat("Which one?", "The left one.")) + "\n")
    run(here, "b.jsonl", "eval.jsonl", "--in-place")
    assert len(rows(here / "eval.jsonl")) == len(ROWS)


def test_standard_input_and_output_make_a_pipe(here):
    done = run(here, "-", "-o", "-", input=(here / "a.jsonl").read_text("utf-8"))
    run(here, "a.jsonl", "-o", "b.jsonl")
    assert done.stdout == (here / "b.jsonl").read_text("utf-8") and "dropped" in done.stderr


def test_a_compressed_file_stays_one(here):
    (here / "z.jsonl.gz").write_bytes(gzip.compress((here / "a.jsonl").read_bytes()))
    assert run(here, "z.jsonl.gz", "--in-place").returncode == 0
    run(here, "a.jsonl", "-o", "b.jsonl")
    assert gzip.decompress((here / "z.jsonl.gz").read_bytes()) == (here / "b.jsonl").read_bytes()
    assert run(here, "z.jsonl.gz", "--diff").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.jsonl", "-o", "a.jsonl"], "is an input"),
        (["a.jsonl", "-o", "./a.jsonl"], "is an input"),
        (["a.jsonl", "-o", "b.csv"], "JSON Lines"),
        (["a.jsonl", "-o", "b.jsonl", "--in-place"], "different things"),
        (["a.jsonl", "--diff", "--format", "json"], "--format"),
        (["no.jsonl"], "no such file"),
        (["a.jsonl", "-o", "no/b.jsonl"], "cannot be written"),
        (["a.jsonl", "--select", "nosuchrule"], "nosuchrule"),
        (["e.jsonl", "--in-place"], "empty"),
        (["t.csv", "--in-place"], "CSV"),
        (["config.json", "--in-place"], "not fixed"),
    ],
)
def test_what_cannot_be_done_is_explained_and_nothing_is_touched(here, arguments, words):
    (here / "e.jsonl").write_text("")
    (here / "t.csv").write_text("prompt,completion\nWhich way?,North\nWhich way?,North\n")
    (here / "config.json").write_text('[{"learning_rate": 1}, {"learning_rate": 2}]')
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    done = run(here, *arguments)
    assert done.returncode == 2, done
    assert words in done.stdout + done.stderr and "Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


def test_json_output_counts_the_same(here):
    facts = json.loads(run(here, "a.jsonl", "--format", "json").stdout)
    (file,) = facts["files"]
    assert file["samples"] == len(ROWS) == file["kept"] + file["changed"] + file["dropped"]
    assert facts["unfixed"]["secret"] == 1


def test_a_table_becomes_lines(here):
    pl.DataFrame({"prompt": ["Which way?"] * 2, "completion": ["North"] * 2}).write_parquet(here / "p.parquet")
    assert run(here, "p.parquet", "-o", "p.jsonl").returncode == 0
    assert rows(here / "p.jsonl") == [{"prompt": "Which way?", "completion": "North"}]


def test_a_full_disk_leaves_the_input_as_it_was(here):
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300));"
        "from ftdata.__main__ import main; sys.argv = ['ftdata', 'fix', 'a.jsonl', '--in-place']; main()"
    )
    before = (here / "a.jsonl").read_bytes()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=here)
    assert done.returncode == 2 and "cannot be written" in done.stderr
    assert names(here) == ["a.jsonl"] and (here / "a.jsonl").read_bytes() == before


def test_cancelling_leaves_nothing_behind(here):
    lines = [json.dumps(chat(f"Which way to {n}? ", f"By road {n}. ")) for n in range(60_000)]
    (here / "big.jsonl").write_text("\n".join(lines) + "\n")
    work = subprocess.Popen(
        [sys.executable, "-m", "ftdata", "fix", "big.jsonl", "-o", "out.jsonl"], cwd=here, stderr=subprocess.PIPE
    )
    while not any(path.name.startswith(".out.jsonl") for path in here.iterdir()) and work.poll() is None:
        time.sleep(0.01)
    work.send_signal(signal.SIGINT)
    said = work.communicate()[1]
    assert work.returncode == 130 and b"Traceback" not in said
    assert names(here) == ["a.jsonl", "big.jsonl"]


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo terminal")
def test_a_patch_on_a_terminal_acts_on_nothing_and_shows_no_secret(here):
    import pty

    (here / "x.jsonl").write_text(json.dumps(chat("\x1b[2JHm?", f"Take {KEY} with you. "), ensure_ascii=False) + "\n")
    main, side = pty.openpty()
    work = subprocess.Popen(
        [sys.executable, "-m", "ftdata", "fix", "x.jsonl", "--diff"], cwd=here, stdout=side, stderr=subprocess.DEVNULL,
        env=os.environ | {"NO_COLOR": "1"},
    )  # fmt: skip
    os.close(side)
    out = b""
    while True:
        try:
            block = os.read(main, 4096)
        except OSError:
            break
        if not block:
            break
        out += block
    work.wait()
    assert b"+{" in out and b"\x1b" not in out and KEY.encode() not in out


def test_every_dirty_sample_file_is_fixed_without_an_error(tmp_path):
    shutil.copytree(SAMPLES / "dirty", tmp_path / "dirty")
    done = run(tmp_path, "dirty", "-o", "out", "--unsafe-fixes")
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr
    again = run(tmp_path, "out", "--unsafe-fixes", "--format", "json")
    assert all(not file["changed"] for file in json.loads(again.stdout)["files"])


def test_what_the_configuration_suppresses_is_left_alone_and_counted(tmp_path):
    rows = [{"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": " Yes. "}]} for text in "aabb"]
    data = tmp_path / "d.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    sample = ftdata.lint(str(data)).findings[0].sample
    (tmp_path / "ftdata.toml").write_text(
        f'[[suppress]]\nrule = "surrounding-whitespace"\nsample = "{sample}"\nreason = "on purpose"\n'
        '[[suppress]]\nrule = "FT401"\npath = "d.jsonl"\nreason = "copies weigh more"\n'
        '[[suppress]]\nrule = "FT314"\npath = "d.jsonl"\nuntil = "2020-01-01"\nreason = "has ended"\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "ftdata", "fix", "d.jsonl", "-o", "out.jsonl"], cwd=tmp_path, capture_output=True, text=True
    )
    answers = [json.loads(line)["messages"][1]["content"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert sorted(answers) == [" Yes. ", " Yes. ", "Yes.", "Yes."]
    assert (
        "2  left: suppressed by the configuration" in done.stderr + done.stdout
        and not (tmp_path / "out.jsonl.dropped.jsonl").exists()
    )


@pytest.mark.parametrize(("name", "lines"), [("b.jsonl", 2), ("b.jsonl.gz", 2), ("b.json", None)])
def test_an_array_is_written_as_lines_where_the_name_of_the_output_says_so(tmp_path, name, lines):
    rows = [chat("Which way?", "North."), chat("And back?", "South.")]
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=1), "utf-8")
    assert run(tmp_path, "a.json", "-o", name).returncode == 0
    data = (tmp_path / name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    assert [json.loads(line) for line in text.splitlines()] == rows if lines else json.loads(text) == rows
