"""The command line as its users meet it: words, exit codes, and nothing raw from the data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import ftdata
from ftdata.report.json import schema


def run(*arguments, stdin=None, cwd=None, env=None):
    """Run the command in a process of its own and return it done."""
    return subprocess.run(
        [sys.executable, "-m", "ftdata", *map(str, arguments)],
        input=stdin, capture_output=True, text=not isinstance(stdin, bytes), cwd=cwd, env={**os.environ, **(env or {})},
    )  # fmt: skip


@pytest.fixture
def clean(write_jsonl, chat):
    return write_jsonl([chat(f"How many legs has animal number {n}?", f"It has {n} legs.") for n in range(12)], "clean.jsonl")


@pytest.fixture
def dirty(write_jsonl, chat):
    rows = [
        chat("질문이 있어요", "네, 말씀하세요."),
        {"messages": [{"role": "user", "content": "\x1b[31m::add-mask::x"}]},
    ]
    return write_jsonl(rows, "dirty.jsonl")


def test_clean_data_exits_0_and_says_so(clean):
    done = run("lint", clean)
    assert (done.returncode, done.stderr) == (0, "")
    assert "All checks passed." in done.stdout


def test_findings_exit_1_and_name_file_line_turn_and_help(dirty):
    done = run("lint", dirty)
    assert done.returncode == 1
    assert "missing-assistant-turn FT101 error" in done.stdout
    assert "dirty.jsonl:2" in done.stdout and "help:" in done.stdout


def test_nothing_of_the_data_acts_on_the_terminal(dirty):
    for output in ("full", "concise", "json", "json-lines"):
        done = run("lint", dirty, "--output-format", output, env={"FORCE_COLOR": ""})
        assert "\x1b" not in done.stdout
        assert not any(line.lstrip().startswith("::") for line in done.stdout.splitlines())


def test_concise_prints_one_finding_a_line(dirty):
    done = run("lint", dirty, "--output-format", "concise", "--select", "missing-assistant-turn")
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{dirty}:2:") and " error FT101 missing-assistant-turn " in line


def test_json_follows_its_published_schema_and_is_the_same_each_time(dirty, clean):
    first = run("lint", dirty, clean, "--output-format", "json")
    jsonschema.Draft202012Validator(schema()).validate(json.loads(first.stdout))
    assert run("lint", dirty, clean, "--output-format", "json").stdout == first.stdout


def test_the_library_returns_the_report_that_the_command_prints(dirty):
    printed = json.loads(run("lint", dirty, "--isolated", "--output-format", "json").stdout)
    report = ftdata.lint(dirty)
    assert [(f.code, f.location.line, f.message) for f in report.findings] == [
        (f["code"], f["line"], f["message"]) for f in printed["findings"]
    ]
    assert report.exit_code == printed["exit_code"] == 1


def test_many_worker_processes_find_the_same_as_one(tmp_path, write_jsonl, chat):
    rows = [chat(f"question {n} " + "x" * 2000, f"answer {n % 50}") for n in range(6000)]
    rows[4321] = {"messages": [{"role": "user", "content": "no answer"}]}
    path = write_jsonl(rows)
    one, four = (run("lint", path, "--output-format", "json", "-j", jobs).stdout for jobs in (1, 4))
    assert one == four and '"line": 4322' in one


def test_exit_zero_softens_findings_but_no_errors(dirty, tmp_path):
    assert run("lint", dirty, "--exit-zero").returncode == 0
    assert run("lint", tmp_path / "missing.jsonl", "--exit-zero").returncode == 2


def test_fail_on_decides_which_severity_counts(write_jsonl, chat):
    path = write_jsonl([chat("Hi there", "Hello!"), chat("hi  there", "hello!")])
    assert run("lint", path).returncode == 0
    assert run("lint", path, "--fail-on", "warning").returncode == 1
    assert run("lint", path, "--fail-on", "never").returncode == 0


def test_output_files_are_written_whole(dirty, tmp_path):
    import polars as pl

    report, table = tmp_path / "report.txt", tmp_path / "findings.parquet"
    assert run("lint", dirty, "-o", report, "--findings", table).returncode == 1
    assert "missing-assistant-turn" in report.read_text("utf-8")
    assert pl.read_parquet(table)["name"].to_list().count("missing-assistant-turn") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dirty.jsonl", "findings.parquet", "report.txt"]


def test_a_report_is_never_written_over_an_input(clean):
    before = Path(clean).read_bytes()
    done = run("lint", clean, "-o", clean)
    assert done.returncode == 2 and "is an input" in done.stderr
    assert Path(clean).read_bytes() == before


def test_an_evaluation_file_may_be_named_in_any_way(write_jsonl, chat, tmp_path):
    train = write_jsonl([chat(f"question {n}?", f"answer {n}") for n in range(5)], "a.jsonl")
    held = write_jsonl([chat("question 3?", "answer 3")], "b.jsonl")
    (found,) = ftdata.lint([train, held], eval=str(tmp_path / "." / "b.jsonl")).findings
    assert (found.name, found.location.path, found.location.line) == ("leaked-sample", held, 1)


def test_standard_input_is_a_file_like_any_other(clean):
    done = run("lint", "-", stdin=Path(clean).read_text("utf-8"))
    assert done.returncode == 0 and "12 samples" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lint"], "Missing argument"),
        (["lnit", "x"], "Did you mean 'lint'?"),
        (["lint", "{clean}", "--selct", "x"], "--select"),
        (["lint", "{clean}", "--select", "mising-assistant-turn"], "Did you mean 'missing-assistant-turn'?"),
        (["lint", "{clean}", "--target", "opnai"], "Did you mean 'openai'?"),
        (["lint", "{clean}", "--goal", "stile"], "Did you mean 'style'?"),
        (["lint", "{clean}", "--from", "openai-chta"], "Did you mean 'openai-chat'?"),
        (["lint", "{clean}", "--output-format", "xml"], "xml"),
        (["lint", "{clean}", "--config", "nowhere.toml"], "nowhere.toml"),
        (["lint", "{clean}", "-j", "0"], "0"),
        (["lint", "{tmp}/missing.jsonl"], "missing.jsonl"),
        (["lint", "{tmp}/*.csv"], "*.csv"),
        (["lint", "{empty}"], "no data"),
        (["rule", "mising-assistant-turn"], "Did you mean 'missing-assistant-turn'?"),
    ],
)
def test_a_wrong_word_exits_2_with_one_clear_message(arguments, words, clean, tmp_path):
    (tmp_path / "empty").mkdir()
    arguments = [a.format(clean=clean, tmp=tmp_path, empty=tmp_path / "empty") for a in arguments]
    done = run(*arguments)
    assert done.returncode == 2, done.stdout
    assert words in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "PNG"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:8be3\nsize 875191\n", "LFS"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b'{"name": "x", "value": 3}\n', "format"),
        (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07example\x94.", "pickle"),
    ],
)
def test_what_is_no_data_exits_2_and_is_named_for_what_it_is(content, words, tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    done = run("lint", path)
    assert done.returncode == 2, done.stdout
    assert words.lower() in done.stdout.lower() and "Traceback" not in done.stderr


def test_one_bad_file_does_not_hide_the_findings_of_the_others(dirty, tmp_path):
    (tmp_path / "empty.jsonl").write_bytes(b"")
    done = run("lint", dirty, tmp_path / "empty.jsonl")
    assert done.returncode == 2
    assert "missing-assistant-turn" in done.stdout and "empty.jsonl" in done.stdout


def test_an_unreadable_configuration_names_file_and_field(clean, tmp_path):
    (tmp_path / "ftdata.toml").write_text("[rules]\nblank-lin = 'error'\n")
    done = run("lint", clean, cwd=tmp_path)
    assert done.returncode == 2
    assert "ftdata.toml" in done.stderr and "Did you mean 'blank-line'?" in done.stderr


def test_a_custom_rule_is_a_sql_predicate_over_measures(clean, tmp_path):
    (tmp_path / "ftdata.toml").write_text(
        '[[custom]]\ncode = "ACME001"\nname = "seven-legs"\nseverity = "error"\n'
        'where = "answer LIKE \'%7 legs%\' AND n_turns = 2"\nmessage = "seven legs"\n'
    )
    done = run("lint", clean, "--output-format", "concise", cwd=tmp_path)
    assert done.returncode == 1 and done.stdout.count("ACME001") == 1 and ":8:" in done.stdout


@pytest.mark.parametrize("where", ["nonsense > 3", "__import__('os')", "answer IN (SELECT 1)", "n_turns >"])
def test_a_custom_rule_that_is_no_plain_predicate_is_refused(where, clean, tmp_path):
    (tmp_path / "ftdata.toml").write_text(f'[[custom]]\ncode = "ACME001"\nname = "x"\nwhere = "{where}"\n')
    done = run("lint", clean, cwd=tmp_path)
    assert done.returncode == 2 and "ACME001" in done.stderr


@pytest.mark.parametrize(
    ("where", "line"),
    [("script = 'Hangul'", 2), ("language = 'fr'", 3), ("n_chars > 200", 4), ("question ILIKE '%crab%' AND n_assistant = 1", 1)],
)
def test_a_custom_rule_may_use_any_measure(where, line, write_jsonl, chat, tmp_path):
    rows = [chat("How many legs has a crab?", "Ten, counting the claws of it."), chat("환불은요?", "이레 안에 됩니다."),
            chat("Et en français ?", "Le chat dort sur le tapis rouge de la maison."), chat("Why?", "Because. " * 40)]  # fmt: skip
    path = write_jsonl(rows)
    config = {"custom": [{"code": "ACME001", "name": "mine", "where": where}]}
    (found,) = [f for f in ftdata.lint(path, config=config).findings if f.code == "ACME001"]
    assert found.location.line == line


def test_show_rules_names_the_origin_of_each_value(clean):
    done = run("lint", clean, "--goal", "style", "--show-rules")
    assert done.returncode == 0 and "minimum = 50 (goal style)" in done.stdout


def test_token_rules_without_a_tokenizer_are_skipped_aloud(clean):
    done = run("lint", clean, "--target", "llama3")
    assert "skipped" in done.stdout and "--tokenizer" in done.stdout
    assert run("lint", clean, "--target", "llama3", "--fail-on-skip").returncode == 1


def test_rule_explains_offline(capsys):
    done = run("rule", "FT104")
    assert done.returncode == 0
    for part in ("## Why", "## Passes", "## Fails", "## Targets", 'mistral: error: "Expected last role Assistant'):
        assert part in done.stdout
    every = json.loads(run("rule", "--all", "--format", "json").stdout)
    assert len({rule["code"] for rule in every}) == len(every) > 80


def test_a_reader_that_goes_away_is_no_error(clean):
    done = subprocess.run(
        f"{sys.executable} -m ftdata rule --all --format json | head -1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr and done.stderr == ""


def test_a_script_may_lint_at_its_top_level(tmp_path, write_jsonl, chat):
    path = write_jsonl([chat(f"question {n}", "y" * 100) for n in range(50)])
    script = tmp_path / "script.py"
    script.write_text(f"import ftdata\nprint(len(ftdata.lint({path!r}, jobs=2).inputs))\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.stdout == "1\n" and done.stderr == ""
