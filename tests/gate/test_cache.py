"""The cache: a second run says the same to the byte, and nothing that decides a result is forgotten in its key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from repositories import Work, chat, ftdata, lines

from ftdata.cli.lint import FORMATS
from ftdata.judge.cache import Cache

ROWS = [chat(n) for n in range(30)] + [chat(5), chat(90, answer=False), "{broken", "", chat(7, extra={"a": [1, "ü"]})]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FTDATA_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "train.jsonl").write_text(lines(ROWS), "utf-8")
    return tmp_path


def kept(folder):
    return sorted(p for p in (folder / "cache/lint").glob("*")) if (folder / "cache/lint").exists() else []


@pytest.mark.parametrize("output", [*FORMATS, "statistics"])
def test_a_second_run_says_the_same_to_the_byte(folder, output):
    arguments = ["--statistics"] if output == "statistics" else ["--output-format", output]
    plain = ftdata("lint", "train.jsonl", *arguments, "--no-cache", cwd=folder)
    assert kept(folder) == [] and plain.returncode == 1
    for _ in range(2):
        again = ftdata("lint", "train.jsonl", *arguments, cwd=folder)
        assert (again.returncode, again.stdout, again.stderr) == (plain.returncode, plain.stdout, plain.stderr)
        assert len(kept(folder)) == 1


def test_the_table_of_findings_is_the_same_too(folder):
    import polars as pl

    for name in ("a", "b"):
        ftdata("lint", "train.jsonl", "--findings", f"{name}.parquet", cwd=folder)
    assert pl.read_parquet(folder / "a.parquet").equals(pl.read_parquet(folder / "b.parquet"))
    assert pl.read_parquet(folder / "a.parquet").schema == pl.read_parquet(folder / "b.parquet").schema


def test_a_run_from_the_cache_loads_no_data_frames(folder):
    ftdata("lint", "train.jsonl", cwd=folder)
    code = (
        "import sys\nsys.argv = ['ftdata', 'lint', 'train.jsonl']\nfrom ftdata.__main__ import main\n"
        "try: main()\nexcept SystemExit: pass\nprint('LOADED', 'polars' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert "LOADED False False" in done.stdout


def changed_data(folder):
    with (folder / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write(lines([chat(400, answer=False)]))


def changed_configuration(folder):
    (folder / "ftdata.toml").write_text('[rules]\nmissing-assistant-turn = "info"\n')


def changed_suppression(folder):
    (folder / "ftdata.toml").write_text('[[suppress]]\nrule = "FT101"\npath = "train.jsonl"\nreason = "x"\n')


def changed_baseline(folder):
    ftdata("baseline", "create", "train.jsonl", cwd=folder)
    (folder / "ftdata.toml").write_text('baseline = "ftdata-baseline.json"\n')


@pytest.mark.parametrize("change", [changed_data, changed_configuration, changed_suppression, changed_baseline])
def test_what_decides_a_result_makes_another_one(folder, change):
    first = ftdata("lint", "train.jsonl", cwd=folder)
    change(folder)
    second = ftdata("lint", "train.jsonl", cwd=folder)
    assert second.stdout != first.stdout
    assert second.stdout == ftdata("lint", "train.jsonl", "--no-cache", cwd=folder).stdout


@pytest.mark.parametrize("options", [("--target", "openai"), ("--goal", "style"), ("--select", "FT1"), ("--ignore", "FT101"), ("--from", "openai-chat"),
                                     ("--no-tokens",), ("--tokenizer", "cl100k_base"), ("--eval", "train.jsonl")])  # fmt: skip
def test_every_option_that_decides_a_result_is_in_the_key(folder, options):
    ftdata("lint", "train.jsonl", cwd=folder)
    ftdata("lint", "train.jsonl", *options, cwd=folder)
    assert len(kept(folder)) == 2


def test_what_only_shows_a_result_does_not_make_another_one(folder):
    assert ftdata("lint", "train.jsonl", cwd=folder).returncode == 1
    for options in (("--fail-on", "never"), ("--max-examples", "1"), ("--exit-zero",)):
        assert ftdata("lint", "train.jsonl", *options, cwd=folder).returncode == 0 or options[0] == "--max-examples"
    assert len(kept(folder)) == 1


def test_a_tokenizer_that_changes_makes_another_result(folder):
    source = Path("tokenizer.json")
    (folder / source).write_text('{"version": "1.0", "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "The": 1}, "unk_token": "[UNK]"}, '
                                 '"pre_tokenizer": {"type": "Whitespace"}, "added_tokens": []}')  # fmt: skip
    first = ftdata("lint", "train.jsonl", "--tokenizer", source, cwd=folder)
    assert "tokenizer.json" in first.stdout, first.stdout + first.stderr
    (folder / source).write_text((folder / source).read_text().replace("Whitespace", "WhitespaceSplit"))
    second = ftdata("lint", "train.jsonl", "--tokenizer", source, cwd=folder)
    assert second.stdout == ftdata("lint", "train.jsonl", "--tokenizer", source, "--no-cache", cwd=folder).stdout
    assert second.stdout != first.stdout


def test_rules_that_know_the_day_are_judged_anew_the_next_day(folder):
    from ftdata.judge import cache

    ftdata("lint", "train.jsonl", "--select", "target-ends", cwd=folder)
    (path,) = kept(folder)
    data = path.read_bytes()
    assert b'"day":"20' in data
    ftdata("lint", "train.jsonl", cwd=folder)
    (other,) = set(kept(folder)) - {path}
    assert b'"day":null' in other.read_bytes()
    assert cache.FORMAT == 1


def test_nothing_is_kept_of_inputs_that_cannot_be_judged(folder):
    (folder / "empty.jsonl").write_bytes(b"")
    assert ftdata("lint", "empty.jsonl", cwd=folder).returncode == 2
    assert kept(folder) == []


def test_a_result_since_a_commit_is_kept_until_the_commit_is_another(folder):
    work = Work(folder)
    work.write(".gitignore", ["cache"])
    work.commit()
    with (folder / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write(lines([chat(401, answer=False)]))
    runs = [ftdata("lint", "train.jsonl", "--since", "main", *more, cwd=folder) for more in ((), (), ("--no-cache",))]
    assert runs[0].stdout == runs[1].stdout == runs[2].stdout and len(kept(folder)) == 1
    work.commit()
    assert ftdata("lint", "train.jsonl", "--since", "main", cwd=folder).returncode == 0


DAMAGES = {
    "cut": lambda data: data[:-10],
    "empty": lambda data: b"",
    "flipped": lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
    "another version": lambda data: data.replace(b"ftdata-cache 1", b"ftdata-cache 9", 1),
    "no text": lambda data: os.urandom(5000),
    "no end": lambda data: data.replace(b"\n", b" "),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_result_is_computed_again(folder, damage):
    first = ftdata("lint", "train.jsonl", cwd=folder)
    (path,) = kept(folder)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    again = ftdata("lint", "train.jsonl", cwd=folder)
    assert (again.returncode, again.stdout, again.stderr) == (first.returncode, first.stdout, first.stderr)
    assert kept(folder) == [path]


def test_runs_at_the_same_time_do_not_disturb_each_other(folder):
    command = [sys.executable, "-m", "ftdata", "lint", "train.jsonl"]
    running = [subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, encoding="utf-8") for _ in range(4)]
    outputs = {process.communicate()[0] for process in running}
    assert len(outputs) == 1 and all(process.returncode == 1 for process in running)
    assert len(kept(folder)) == 1


def test_a_folder_that_cannot_be_written_stops_nothing(folder):
    (folder / "file").write_text("")
    done = ftdata("lint", "train.jsonl", "--cache-dir", "file", cwd=folder)
    assert done.returncode == 1 and done.stderr == ""


def test_the_oldest_results_go_first(tmp_path):
    cache = Cache(tmp_path / "c")
    for number in range(6):
        cache.store(f"{number}", b"{}", os.urandom(1000))
        os.utime(cache.entries / f"{number}", (number, number))
    assert cache.load("0") is not None, "being read makes it young"
    cache.shrink(most=5000, kept=3300)
    assert sorted(path.name for _, _, path in cache.files()) == ["0", "4", "5"]
    (cache.entries / ".new-left").write_bytes(b"x")
    os.utime(cache.entries / ".new-left", (1, 1))
    cache.shrink()
    assert not (cache.entries / ".new-left").exists()


def test_the_cache_is_shown_and_cleared(folder):
    ftdata("lint", "train.jsonl", cwd=folder)
    assert ": 1 result," in ftdata("cache", "show", cwd=folder).stdout
    assert "deleted 1 result," in ftdata("cache", "clear", cwd=folder).stdout
    assert kept(folder) == []
    assert (folder / "cache/CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
    assert (folder / "cache/.gitignore").read_text() == "*\n"
