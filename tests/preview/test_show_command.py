"""``ftdata show`` as its users meet it: what is picked, how it is printed, and what is said where nothing is."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from small_model import make_model

from ftdata.errors import UsageError
from ftdata.preview.pick import check_prefixes, read_condition, read_ranges

KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ2bC4dF6hJ8kL0n" + "T3BlbkFJ" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ2bC4dF6hJ8kL0n"


@pytest.fixture
def here(tmp_path, chat):
    rows = [
        chat(f"질문 {n}", f"답 {n}" + " sorry" * (n == 5), *(["more", "and more"] if n % 4 == 0 else [])) for n in range(1, 13)
    ]
    rows.append(rows[2])
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines[:2], "", "{broken", *lines[2:]]) + "\n", "utf-8")
    return tmp_path


def run(here, *arguments, env=None, **more):
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    return subprocess.run(
        [sys.executable, "-m", "ftdata", "show", *map(str, arguments)], capture_output=True, text=True, cwd=here, env=environment | (env or {}), **more
    )  # fmt: skip


def shown(done):
    return [int(line.split("row ")[1].split(" ")[0]) for line in done.stdout.splitlines() if "· row " in line]


def test_without_a_choice_the_first_few_are_shown_and_the_rest_is_counted(here):
    done = run(here, "a.jsonl")
    assert done.returncode == 0 and shown(done) == [1, 2, 3] and "10 more samples" in done.stderr
    assert "\x1b" not in done.stdout and "│ 질문 1" in done.stdout


def test_rows_are_picked_by_number_and_carry_the_line_of_the_file(here):
    done = run(here, "a.jsonl", "--row", "2-4,7", "-r", "12-")
    assert shown(done) == [2, 3, 4, 7, 12, 13] and "a.jsonl:5 · row 3" in done.stdout


def test_a_row_that_is_not_there_is_said_and_exits_1(here):
    done = run(here, "a.jsonl", "--row", "99")
    assert done.returncode == 1 and done.stdout == "" and "has 13 rows; row 99 is not there" in done.stderr


def test_a_sample_is_found_by_the_hash_that_lint_prints_and_so_are_its_copies(here):
    samples = json.loads(run(here, "a.jsonl", "--format", "json", "--limit", "13").stdout)["samples"]
    identity = samples[2]["sample"]
    assert shown(run(here, "a.jsonl", "--sample", identity[:8])) == [3, 13]
    assert shown(run(here, "a.jsonl", "-s", f"{samples[0]['sample'][:8]},{samples[6]['sample'].upper()}")) == [1, 7]


def test_a_beginning_that_fits_several_samples_is_explained(here):
    done = run(here, "a.jsonl", "--sample", "1")
    assert done.returncode == 2 and "fits 12 samples" in done.stderr and "a.jsonl row 1" in done.stderr
    none = run(here, "a.jsonl", "--sample", "1" + "f" * 20)
    assert none.returncode == 1 and "no sample has a hash" in none.stderr


def test_samples_are_found_by_a_condition_over_the_measures(here):
    assert shown(run(here, "a.jsonl", "--where", "n_turns > 2")) == [4, 8, 12]
    assert shown(run(here, "a.jsonl", "--where", "answer ILIKE '%SORRY%' OR n_tokens > 30 AND n_turns = 4", "--limit", "1")) == [
        5
    ]
    done = run(here, "a.jsonl", "--where", "n_turns > 2", "--limit", "1")
    assert shown(done) == [4] and "shown 1 of 3 samples" in done.stderr
    nothing = run(here, "a.jsonl", "--where", "n_turns > 20")
    assert nothing.returncode == 1 and "of 13 samples none" in nothing.stderr


def test_token_measures_are_counted_for_a_condition(here):
    assert shown(run(here, "a.jsonl", "--where", "n_tokens > 20 AND n_turns > 2")) == [4, 8, 12]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--row", "0"), "Rows count from 1"),
        (("--row", "5-2"), "ends before it begins"),
        (("--row", "x"), "not a row"),
        (("--sample", "xyz"), "not a hash"),
        (("--where", "n_turn > 3"), "Did you mean 'n_turns'?"),
        (("--where", "n_turns >"), "not a SQL condition"),
        (("--where", "n_turns"), "not a condition"),
        (("--where", "answer > 3"), "cannot be computed"),
        (("--where", "1 = 1"), "names no measure"),
        (("--row", "1", "--sample", "1"), "exclude each other"),
        (("--target", "openai"), "--findings"),
        (("--from", "openai-chatt"), "Did you mean"),
        (("--template", "no/such/thing"), "no such file"),
        (("--tokenizer", "nope"), "neither an encoding nor a path"),
    ],
)
def test_what_makes_no_sense_exits_2_with_what_to_do(here, arguments, words):
    done = run(here, "a.jsonl", *arguments)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


def test_colours_are_for_terminals_and_whoever_asks(here):
    assert "\x1b[" in run(here, "a.jsonl", "--color", "always").stdout
    assert "\x1b[" not in run(here, "a.jsonl", "--color", "never", env={"FORCE_COLOR": "1"}).stdout
    assert "\x1b[" in run(here, "a.jsonl", env={"FORCE_COLOR": "1"}).stdout
    assert "\x1b[" not in run(here, "a.jsonl", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout


def test_findings_stand_at_their_turns(here, write_jsonl):
    path = write_jsonl([{"messages": [{"role": "user", "content": "hi"}, {"role": "asistant", "content": "yo"}]}], "f.jsonl")
    done = run(here, path, "--findings")
    after = done.stdout.partition("asistant")[2]
    assert "error unknown-role FT102" in after


def test_json_holds_every_turn_with_tokens_and_no_secret(here, write_jsonl):
    path = write_jsonl(
        [{"messages": [{"role": "user", "content": f"key {KEY}"}, {"role": "assistant", "content": "ok"}]}], "k.jsonl"
    )
    done = run(here, path, "--format", "json")
    [sample] = json.loads(done.stdout)["samples"]
    assert [turn["role"] for turn in sample["turns"]] == ["user", "assistant"] and KEY not in done.stdout
    assert sample["turns"][1]["tokens"] == 1 and sample["turns"][1]["trained"] and sample["tokens"] > 10


def test_standard_input_and_tables_are_shown_too(here):
    done = run(here, "-", input=(here / "a.jsonl").read_text("utf-8"))
    assert shown(done) == [1, 2, 3]
    (here / "t.csv").write_text("instruction,output\n안녕,반가워요\n", "utf-8")
    assert "│ 반가워요" in run(here, "t.csv").stdout


def test_a_file_without_rows_says_so(here):
    (here / "b.jsonl").write_text("{broken\n")
    done = run(here, "b.jsonl")
    assert done.returncode == 1 and "no rows" in done.stderr


def test_ranges_prefixes_and_conditions_are_read_or_refused():
    ranges = read_ranges(["3", "5-6,9-"])
    assert [row for row in range(1, 12) if row in ranges] == [3, 5, 6, 9, 10, 11] and ranges.last is None
    assert read_ranges(["2,4-5"]).last == 5
    assert check_prefixes(["1F, 2a"]) == ["1f", "2a"]
    assert read_condition("n_turns > 3 AND answer LIKE 'x%'")[1] == ["n_turns", "answer"]
    for wrong in ("", ",", "-3", "1-2-3", "1.5", "９", "9" * 30):
        with pytest.raises(UsageError):
            read_ranges([wrong])


# --- what training sees ---------------------------------------------------------------------------


def test_the_text_of_training_is_shown_with_what_is_trained_and_what_are_control_tokens(here, tmp_path):
    model = make_model(tmp_path / "model")
    done = run(here, "a.jsonl", "--row", "1", "--template", model)
    assert "⟦답 1‹<|im_end|>›⟧↵" in done.stdout and "‹<|im_start|>›user↵" in done.stdout and "trained (" in done.stdout
    coloured = run(here, "a.jsonl", "--row", "1", "--template", model, "--color", "always").stdout
    assert "\x1b[30;42m답 1\x1b[0m" in coloured and "⟦" not in coloured


def test_every_character_of_the_text_of_training_is_in_the_json(here, tmp_path):
    model = make_model(tmp_path / "model")
    [sample] = json.loads(run(here, "a.jsonl", "--row", "4", "--template", model, "--format", "json").stdout)["samples"]
    [sequence] = sample["sequences"]
    text = "".join(part["text"] for part in sequence["parts"])
    trained = "".join(part["text"] for part in sequence["parts"] if part["trained"])
    assert trained == "답 4<|im_end|>and more<|im_end|>" and text.endswith("and more<|im_end|>\n")
    assert 0 < sequence["trained_tokens"] < sequence["tokens"]


def test_marks_that_stand_in_the_data_are_not_used(here, write_jsonl, chat, tmp_path):
    path = write_jsonl([chat("⟦what⟧ ‹is›", "it")], "m.jsonl")
    assert "⦃it«<|im_end|>»⦄" in run(here, path, "--template", make_model(tmp_path / "model")).stdout


def test_both_sides_of_a_pair_are_shown(here, write_jsonl, tmp_path):
    path = write_jsonl([{"prompt": "Is it warm?", "chosen": "It is.", "rejected": "Who cares."}], "p.jsonl")
    out = run(here, path, "--template", make_model(tmp_path / "model")).stdout
    assert "⟦It is.‹<|im_end|>›⟧" in out and "⟦Who cares.‹<|im_end|>›⟧" in out and "chosen ·" in out


def test_a_jinja_file_shows_the_text_without_tokens(here):
    from template_cases import FAMILIES

    out = run(here, "a.jsonl", "--row", "1", "--template", FAMILIES / "llama31.jinja").stdout
    assert "⟦답 1‹<|eot_id|>›⟧" in out and "no tokenizer.json" in out


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ raise_exception('roles must \x1b[1malternate') }}", "roles must \\x1b[1malternate"),
        ("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "stopped"),
        ("{{ 'a' * 100000000000 }}", "stopped"),
        ("{% for x in messages %}", "line 1"),
        ("{{ messages.__class__.__mro__ }}", "unsafe"),
    ],
)
def test_a_template_that_raises_loops_or_allocates_is_explained_and_exits_2(here, template, words):
    (here / "bad.jinja").write_text(template)
    done = run(here, "a.jsonl", "--row", "1", "--width", "200", "--template", "bad.jinja")
    assert done.returncode == 2 and words in done.stdout and "Traceback" not in done.stderr and "\x1b" not in done.stdout


def test_a_sample_that_is_not_trained_on_says_why_and_shows_its_text(here, write_jsonl, tmp_path):
    row = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo", "weight": 0}]}
    done = run(here, write_jsonl([row], "w.jsonl"), "--template", make_model(tmp_path / "model"))
    assert (
        done.returncode == 0 and "not trained on: no assistant turn is trained" in done.stdout and "│ yo<|im_end|>" in done.stdout
    )


def test_secrets_are_masked_in_the_text_of_training_too(here, write_jsonl, chat, tmp_path):
    path = write_jsonl([chat("the key?", f"It is {KEY} as you know.")], "k.jsonl")
    for more in ((), ("--format", "json"), ("--color", "always")):
        out = run(here, path, "--template", make_model(tmp_path / "model"), *more).stdout
        assert KEY not in out and "as you know." in out


@pytest.mark.parametrize("package", ["jinja2", "tokenizers"])
def test_without_the_template_extra_the_command_that_installs_it_is_named(here, tmp_path, package):
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / f"{package}.py").write_text("raise ImportError('hidden')")
    model = make_model(tmp_path / "model")
    done = run(here, "a.jsonl", "--template", model, env={"PYTHONPATH": str(tmp_path / "hidden")})
    assert done.returncode == 2 and "pip install 'ftdata[template]'" in done.stderr


def test_an_output_without_line_drawing_gets_ascii(here):
    done = run(here, "a.jsonl", "--row", "1", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and done.stdout.isascii() and "| \\uc9c8\\ubb38 1" in done.stdout
