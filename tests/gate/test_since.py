"""``lint --since``: what a change brings counts, what was there before does not, and nothing is green by accident."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest
from repositories import Work, chat, ftdata, lint, names


@pytest.fixture
def work(tmp_path):
    """Twenty good samples and a bad one on main, and a branch to work on."""
    work = Work(tmp_path / "repo")
    work.write("data/train.jsonl", [chat(n) for n in range(20)] + [chat(99, answer=False)])
    work.commit("base")
    work.git("checkout", "-qb", "pr")
    return work


def rewrite(work, change, name="data/train.jsonl"):
    rows = [json.loads(line) for line in (work.folder / name).read_text().splitlines()]
    work.write(name, change(rows))


def test_old_findings_do_not_count(work):
    rewrite(work, lambda rows: [*rows, chat(40)])
    code, report = lint("data", "--since", "main", cwd=work.folder)
    assert code == 0 and names(report) == []
    assert report["changes"]["added"] == 1 and report["changes"]["unchanged"] == 21
    assert report["changes"]["before"]["samples"] == 21 and report["facts"]["samples"] == 22
    verdict = next(v for v in report["verdicts"] if v["name"] == "missing-assistant-turn")
    assert verdict["status"] == "suppressed" and verdict["hidden"] == {"base": 1} and verdict["count"] == 0


def test_a_new_finding_counts_and_names_its_line(work):
    rewrite(work, lambda rows: [chat(50, answer=False), *rows])
    code, report = lint("data", "--since", "main", cwd=work.folder)
    assert code == 1
    assert [(f["name"], f["line"]) for f in report["findings"]] == [("missing-assistant-turn", 1)]


def test_sorting_and_moving_samples_brings_no_finding(work):
    rewrite(work, lambda rows: [*rows, rows[3]])
    work.commit()
    work.git("branch", "-f", "main")
    rewrite(work, lambda rows: rows[::-1])
    code, report = lint("data", "--since", "main", cwd=work.folder)
    assert code == 0 and names(report) == []
    changes = report["changes"]
    assert changes["moved"] >= 19 and changes["moved"] + changes["unchanged"] == 22 and changes["added"] == 0


def test_samples_moved_to_another_file_are_the_same(work):
    rows = [chat(n) for n in range(20)] + [chat(99, answer=False)]
    work.write("data/train.jsonl", rows[:5])
    work.write("data/more.jsonl", rows[5:])
    code, report = lint("data", "--since", "main", cwd=work.folder)
    assert code == 0 and report["changes"]["moved"] == 16 and report["changes"]["added"] == 0


def test_an_edited_sample_is_paired_with_what_it_was(work):
    def change(rows):
        rows[4]["messages"][1]["content"] += " It was sold."
        rows[6]["messages"][0]["content"] += " please"
        return rows

    rewrite(work, change)
    _, report = lint("data", "--since", "main", cwd=work.folder)
    changes = report["changes"]
    assert (changes["edited"], changes["added"], changes["removed"]) == (2, 0, 0)
    assert [(p["row"], p["other_row"]) for p in changes["pairs"]] == [(5, 5), (7, 7)]
    assert changes["pairs"][1]["difference"] == "+ please"


def test_a_finding_on_an_edited_sample_counts_though_it_was_there(work):
    def change(rows):
        rows[20]["messages"][0]["content"] += " please"
        return rows

    rewrite(work, change)
    code, report = lint("data", "--since", "main", cwd=work.folder)
    assert code == 1 and names(report) == ["missing-assistant-turn"]


def test_a_fault_that_changes_no_content_is_new_all_the_same(work):
    """The hash of a sample leaves out metadata; what a target refuses of it must not hide behind that."""
    text = (work.folder / "data/train.jsonl").read_text().splitlines()
    text[2] = text[2].replace('{"messages"', '{"id": 1, "id": 2, "messages"')
    work.write("data/train.jsonl", text)
    _, report = lint("data", "--since", "main", cwd=work.folder)
    assert names(report) == ["duplicate-key"] and report["findings"][0]["line"] == 3


def test_a_copy_of_an_old_sample_is_a_new_duplicate(work):
    rewrite(work, lambda rows: [*rows, rows[0]])
    _, report = lint("data", "--since", "main", cwd=work.folder)
    assert names(report) == ["exact-duplicate"] and report["changes"]["added"] == 1


def test_a_near_duplicate_of_an_old_sample_is_named_with_its_partner(work):
    def change(rows):
        twin = json.loads(json.dumps(rows[2]))
        twin["messages"][1]["content"] = twin["messages"][1]["content"].replace("is near", "was near")
        twin["messages"][0]["content"] = twin["messages"][0]["content"].replace("Tell me", "tell me")
        return [*rows, twin]

    rewrite(work, change)
    _, report = lint("data", "--since", "main", "--ignore", "conflicting-answers", cwd=work.folder)
    assert report["changes"]["near"] == 1
    assert [(p["of"], p["row"], p["other_row"]) for p in report["changes"]["pairs"]] == [("near", 22, 3)]


def test_a_leak_that_the_change_brings_counts(work):
    work.write("data/eval.jsonl", [chat(70), chat(71)])
    work.commit()
    work.git("branch", "-f", "main")
    rewrite(work, lambda rows: [*rows, chat(71)])
    code, report = lint("data", "--since", "main", cwd=work.folder)
    assert code == 1 and names(report) == ["leaked-sample"]
    assert report["findings"][0]["path"].endswith("eval.jsonl")


def test_a_rule_about_the_set_counts_only_where_the_base_did_not_break_it(work):
    rows = [chat(n) for n in range(30)]
    for row in rows:
        row["messages"][0]["content"] = "Dear assistant, please be so kind and tell me of " + row["messages"][0]["content"]
    many = [*rows, *(chat(n) for n in range(100, 150))]
    work.write("data/train.jsonl", many)
    options = ("--select", "prompt-template", "--fail-on", "info")
    _, before = lint("data", *options, cwd=work.folder)
    assert names(before) == ["prompt-template"]
    code, _ = lint("data", "--since", "main", *options, cwd=work.folder)
    assert code == 1
    work.commit()
    work.git("branch", "-f", "main")
    work.write("data/train.jsonl", [chat(900), *many])
    code, report = lint("data", "--since", "main", *options, cwd=work.folder)
    assert code == 0 and report["changes"]["added"] == 1


def test_the_budget_of_a_rule_is_about_the_whole_set(work):
    work.write("ftdata.toml", ['[rules]\nmissing-assistant-turn = {error = "> 2"}'])
    rewrite(work, lambda rows: [*rows, chat(60, answer=False)])
    code, _ = lint("data", "--since", "main", cwd=work.folder)
    assert code == 0
    rewrite(work, lambda rows: [*rows, chat(61, answer=False)])
    code, report = lint("data", "--since", "main", cwd=work.folder)
    assert code == 1 and [f["severity"] for f in report["findings"]] == ["error", "error"]


def test_a_renamed_file_is_followed(work):
    work.git("mv", "data/train.jsonl", "data/all.jsonl")
    work.commit()
    code, report = lint("data/all.jsonl", "--since", "main", cwd=work.folder)
    assert code == 0 and report["changes"]["files"] == {"data/all.jsonl": "renamed from data/train.jsonl"}
    assert report["changes"]["added"] == 0


def test_a_file_that_the_base_has_not_is_new_from_end_to_end(work):
    work.write("data/other.jsonl", [chat(200, answer=False), chat(201)])
    code, report = lint("data/other.jsonl", "--since", "main", cwd=work.folder)
    assert code == 1 and report["changes"]["added"] == 2
    assert report["changes"]["notes"][0].endswith("is not in main")


def test_a_removed_file_is_told(work):
    work.write("data/b.jsonl", [chat(n) for n in range(300, 303)])
    work.commit()
    work.git("branch", "-f", "main")
    (work.folder / "data/b.jsonl").unlink()
    _, report = lint("data", "--since", "main", cwd=work.folder)
    assert report["changes"]["removed"] == 3 and report["changes"]["files"]["data/b.jsonl"] == "removed"


def test_a_base_in_another_format_is_compared_by_what_it_says(work):
    rows = [chat(n) for n in range(20)]
    parts = [
        [{"from": "human", "value": row["messages"][0]["content"]}, {"from": "gpt", "value": row["messages"][1]["content"]}]
        for row in rows
    ]
    work.write("data/train.jsonl", [{"conversations": part} for part in parts])
    work.commit()
    work.git("branch", "-f", "main")
    work.write("data/train.jsonl", rows)
    code, report = lint("data", "--since", "main", cwd=work.folder)
    assert code == 0 and report["changes"]["unchanged"] == 20
    assert "was sharegpt in main and is openai-chat now" in report["changes"]["notes"][0]


def test_a_base_that_could_not_be_judged_hides_nothing(work):
    work.write("data/train.jsonl", b"{broken\n")
    work.commit()
    work.git("branch", "-f", "main")
    work.write("data/train.jsonl", [chat(1), chat(2, answer=False)])
    code, report = lint("data", "--since", "main", cwd=work.folder)
    assert code == 1 and names(report) == ["missing-assistant-turn"]
    assert "could not be judged in main" in " ".join(report["changes"]["notes"])


def test_the_base_is_where_the_branch_left_the_other_one(work):
    """What main gained meanwhile is no change of this branch."""
    base = work.git("rev-parse", "main")
    work.git("checkout", "-q", "main")
    work.write("data/train.jsonl", [chat(n) for n in range(5)])
    work.commit("main goes on")
    work.git("checkout", "-q", "pr")
    code, report = lint("data", "--since", "main", cwd=work.folder)
    assert code == 0 and report["changes"]["commit"] == base and report["changes"]["added"] == 0


def test_it_works_in_a_folder_below_the_root(work):
    rewrite(work, lambda rows: [*rows, chat(50, answer=False)])
    code, report = lint("train.jsonl", "--since", "main", cwd=work.folder / "data")
    assert code == 1 and names(report) == ["missing-assistant-turn"] and report["changes"]["unchanged"] == 21


NAMES = ["a b.jsonl", "it's \"quoted\".jsonl", "new\nline.jsonl", "--since.jsonl", "$(touch hacked).jsonl", ":(top)x.jsonl", "[ab]*?.jsonl",
         "ünï.jsonl", "-rf.jsonl", "tab\t.jsonl", "back\\slash.jsonl"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_file_is_taken_for_anything_else(work, name):
    work.write(f"odd/{name}", [chat(1), chat(2)])
    work.commit()
    work.git("branch", "-f", "main")
    work.write(f"odd/{name}", [chat(1), chat(2), chat(3, answer=False)])
    for given, cwd in (("odd", work.folder), (f"./{name}", work.folder / "odd")):
        code, report = lint(given, "--since", "main", cwd=cwd)
        assert code == 1 and names(report) == ["missing-assistant-turn"], given
        assert report["changes"]["unchanged"] == 2
    assert not list(work.folder.rglob("hacked"))


def test_a_pointer_of_git_lfs_is_replaced_by_its_content(work):
    content = (work.folder / "data/train.jsonl").read_bytes()
    oid = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"
    work.write("data/train.jsonl", pointer.encode())
    work.commit()
    work.git("branch", "-f", "main")
    work.write("data/train.jsonl", content)
    done = ftdata("lint", "data", "--since", "main", cwd=work.folder)
    assert done.returncode == 2 and "is kept in Git LFS" in done.stderr and "git lfs fetch" in done.stderr
    store = work.folder / ".git/lfs/objects" / oid[:2] / oid[2:4]
    store.mkdir(parents=True)
    (store / oid).write_bytes(content)
    code, report = lint("data", "--since", "main", cwd=work.folder)
    assert code == 0 and report["changes"]["unchanged"] == 21
    (store / oid).write_bytes(content[:-2])
    done = ftdata("lint", "data", "--since", "main", "--no-cache", cwd=work.folder)
    assert done.returncode == 2 and "damaged" in done.stderr


def test_a_link_is_followed_within_the_commit(work):
    (work.folder / "data/link.jsonl").symlink_to("train.jsonl")
    work.commit()
    work.git("branch", "-f", "main")
    code, report = lint("data/link.jsonl", "--since", "main", cwd=work.folder)
    assert code == 0 and report["changes"]["unchanged"] == 21


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "nowhere"), "git knows no such commit"),
        (("--since", "--output=x"), "no name of a commit"),
        (("--since", ""), "no name of a commit"),
        (("--since", "main:data/train.jsonl"), "git knows no such commit"),
    ],
)
def test_a_name_that_git_does_not_know_is_explained(work, arguments, words):
    done = ftdata("lint", "data", *arguments, cwd=work.folder)
    assert done.returncode == 2 and words in done.stderr and done.stdout == ""


def test_without_a_repository_it_is_explained(tmp_path, write_jsonl):
    path = write_jsonl([chat(1)])
    done = ftdata("lint", path, "--since", "main", cwd=tmp_path, env={"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert done.returncode == 2 and "is in no git repository" in done.stderr


def test_without_git_it_is_explained(work):
    done = ftdata("lint", "data", "--since", "main", cwd=work.folder, env={"PATH": "/nowhere"})
    assert done.returncode == 2 and "git, which is not installed" in done.stderr


def test_standard_input_is_in_no_commit(work):
    done = ftdata("lint", "-", "--since", "main", cwd=work.folder)
    assert done.returncode == 2 and "standard input" in done.stderr


def test_a_shallow_clone_without_the_base_is_explained(work, tmp_path):
    work.write("data/train.jsonl", [chat(1)])
    work.commit()
    clone = tmp_path / "clone"
    work.git("clone", "-q", "--depth=1", "--branch", "pr", "--single-branch", work.folder.as_uri(), str(clone))
    done = ftdata("lint", "data", "--since", "origin/main", cwd=clone)
    assert done.returncode == 2 and "shallow" in done.stderr and "git fetch --depth=1 origin main" in done.stderr
    shallow = Work.__new__(Work)
    shallow.folder = clone
    shallow.git("fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main")
    # The commit names its parent itself, whatever git shows of a shallow clone.
    code, report = lint("data", "--since", "origin/main", cwd=clone)
    assert code == 0 and not report["changes"]["notes"]
    shallow.git("commit", "-q", "--allow-empty", "-m", "another")
    code, report = lint("data", "--since", "origin/main", cwd=clone)
    assert code == 0 and "this clone is shallow" in report["changes"]["notes"][0]


def test_an_input_that_cannot_be_judged_is_never_green(work):
    work.write("data/train.jsonl", b"")
    done = ftdata("lint", "data", "--since", "main", cwd=work.folder)
    assert done.returncode == 2


@pytest.mark.parametrize("output", ["full", "concise", "github", "sarif", "gitlab", "junit", "rdjson", "markdown"])
def test_every_report_tells_of_known_findings(work, output):
    rewrite(work, lambda rows: [*rows, chat(40)])
    done = ftdata("lint", "data", "--since", "main", "--output-format", output, cwd=work.folder)
    assert done.returncode == 0 and "in main already" in done.stdout


@pytest.mark.parametrize("output", ["github", "markdown"])
def test_a_hostile_name_of_a_branch_acts_nowhere(work, output):
    name = "x'<b>$(id)%0A::error"
    work.git("update-ref", "refs/heads/" + name.replace("::", "%3A%3A"), "main")
    done = ftdata("lint", "data", "--since", name.replace("::", "%3A%3A"), "--output-format", output, cwd=work.folder)
    assert done.returncode == 0, done.stderr
    commands = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert all("%0A%3A" not in line for line in commands)
    assert output != "markdown" or "<b>$" not in done.stdout


def test_files_of_two_repositories_are_refused(work, tmp_path):
    other = Work(tmp_path / "other")
    other.write("x.jsonl", [chat(1)])
    done = ftdata("lint", "data", str(other.folder / "x.jsonl"), "--since", "main", cwd=work.folder)
    assert done.returncode == 2 and "different git repositories" in done.stderr


def test_variables_of_git_lead_to_no_other_repository(work, tmp_path):
    other = Work(tmp_path / "other")
    other.write("x.jsonl", [chat(1)])
    other.commit()
    code, report = lint(
        "data",
        "--since",
        "main",
        cwd=work.folder,
        env={"GIT_DIR": str(other.folder / ".git"), "GIT_WORK_TREE": str(other.folder)},
    )
    assert code == 0 and report["changes"]["unchanged"] == 21


def test_a_commit_without_the_object_is_explained(work):
    blob = work.git("rev-parse", "main:data/train.jsonl")
    shutil.rmtree(work.folder / ".git/objects" / blob[:2])
    done = ftdata("lint", "data", "--since", "main", cwd=work.folder)
    assert done.returncode == 2 and "has no content in this clone" in done.stderr


def test_a_secret_in_an_edited_sample_is_not_named(work):
    from test_baseline import SECRET

    def change(rows):
        rows[4]["messages"][1]["content"] += f" Use {SECRET} for it."
        return rows

    rewrite(work, change)
    for output in ("full", "json", "markdown", "github", "sarif"):
        printed = ftdata("lint", "data", "--since", "main", "--output-format", output, cwd=work.folder).stdout
        assert SECRET[:20] not in printed.replace(" ", "") and SECRET[-20:] not in printed.replace(" ", "")


def test_the_library_knows_them_too(work, monkeypatch):
    import ftdata as library

    monkeypatch.chdir(work.folder)
    rewrite(work, lambda rows: [*rows, chat(40)])
    report = library.lint("data", since="main")
    assert report.exit_code == 0 and report.changes.added == 1 and report.hidden == {"base": 1}
    config = {"suppress": [{"rule": "FT101", "path": "data/**", "reason": "prompts only"}]}
    assert library.lint("data", config=config).hidden == {"suppressed": 1}


def test_a_commit_is_told_by_twelve_digits_and_a_branch_by_its_name(tmp_path):
    work = Work(tmp_path / "work")
    work.write("a.jsonl", [chat(1), chat(2, answer=False)])
    commit = work.commit()
    work.write("a.jsonl", [chat(1), chat(2, answer=False), chat(3)])
    shown = ftdata("lint", "a.jsonl", "--since", commit, cwd=work.folder).stdout
    assert f"Since {commit[:12]}: 1 added" in shown and f"1 in {commit[:12]} already" in shown and commit not in shown
    assert f"Since main ({commit[:12]}): 1 added" in ftdata("lint", "a.jsonl", "--since", "main", cwd=work.folder).stdout
