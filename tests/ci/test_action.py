"""The composite action's steps, run exactly as they are written, with inputs that try to break out; and the hooks, by pre-commit."""

from __future__ import annotations

import base64
import gzip
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from places import ROOT, SAMPLES

ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS = ACTION["runs"]["steps"]
DIRTY = (SAMPLES / "dirty/support_ko.jsonl").read_text("utf-8").splitlines(keepends=True)


def step(name):
    return next(step for step in STEPS if step["name"] == name)


def test_no_input_stands_inside_a_run_text_and_nothing_else_is_used():
    for part in STEPS:
        assert "${{" not in part["run"] and part["shell"] == "bash" and "uses" not in part
    assert not re.search(r"(^|[^\w])eval\s", "".join(path.read_text() for path in (ROOT / "action").glob("*.sh")))


@pytest.fixture
def repository(tmp_path):
    here = tmp_path / "repository"
    here.mkdir()
    (here / "data.jsonl").write_text((SAMPLES / "clean/train.jsonl").read_text("utf-8"), "utf-8")
    for command in (["git", "init", "-q", "-b", "main", "."], ["git", "config", "user.email", "a@b"], ["git", "config", "user.name", "a"],
                    ["git", "add", "."], ["git", "commit", "-qm", "base"]):  # fmt: skip
        subprocess.run(command, cwd=here, check=True)
    return here


def play(here, tmp_path, **inputs):
    """Run the step that judges, as the runner does: its text by bash, its inputs in the environment."""
    runner = tmp_path / "runner"
    (runner / "ftdata/bin").mkdir(parents=True, exist_ok=True)
    wrapper = runner / "ftdata/bin/ftdata"
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} -m ftdata "$@"\n')
    wrapper.chmod(0o755)
    given = {
        "ACTION": str(ROOT),
        "PATHS": ".",
        "TARGET": "",
        "GOAL": "",
        "CONFIG": "",
        "SINCE": "",
        "FAIL_ON": "",
        "BASE_SHA": "",
        "HEAD_SHA": "",
    } | inputs
    assert set(given) == set(step("Judge the data")["env"])
    files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for file in files.values():
        file.write_text("")
    environment = (
        os.environ
        | given
        | {name: str(file) for name, file in files.items()}
        | {"RUNNER_TEMP": str(runner), "PYTHONPATH": str(ROOT), "CI": "true"}
    )
    done = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step("Judge the data")["run"]], cwd=here, env=environment,
                          capture_output=True, text=True)  # fmt: skip
    outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    return done, outputs, files["GITHUB_STEP_SUMMARY"].read_text("utf-8")


def test_clean_data_is_green_and_has_a_summary(repository, tmp_path):
    done, outputs, summary = play(repository, tmp_path)
    assert done.returncode == 0 and outputs["exit-code"] == "0" and summary
    assert json.loads(Path(outputs["report"]).read_text("utf-8"))["exit_code"] == 0


def test_findings_make_the_last_step_red_and_not_the_one_before(repository, tmp_path):
    (repository / "data.jsonl").write_text("".join(DIRTY), "utf-8")
    done, outputs, summary = play(repository, tmp_path, TARGET="openai")
    assert done.returncode == 0 and outputs["exit-code"] == "1"
    assert done.stdout.startswith("::") and "secret" in summary and len(summary.encode()) < 1 << 20
    assert json.loads(Path(outputs["sarif"]).read_text("utf-8"))["version"] == "2.1.0"
    result = subprocess.run(["bash", "-c", step("Result")["run"]], env=os.environ | {"CODE": outputs["exit-code"]})
    assert result.returncode == 1
    assert subprocess.run(["bash", "-c", step("Result")["run"]], env=os.environ | {"CODE": ""}).returncode == 2


@pytest.mark.parametrize(
    "hostile",
    [
        "$(touch pwned)",
        "`touch pwned`",
        '"; touch pwned; "',
        "a b.jsonl",
        "--help",
        "-o pwned",
        "x\ny",
        "'",
        "*",
        "${HOME}",
        "::error::x",
    ],
)
def test_inputs_are_words_and_never_commands(repository, tmp_path, hostile):
    for name in ("PATHS", "TARGET", "GOAL", "CONFIG", "SINCE", "FAIL_ON"):
        done, outputs, _ = play(repository, tmp_path, **{name: hostile})
        assert done.returncode == 0 and outputs["exit-code"] in (("0", "2") if name == "PATHS" else ("2",)), (name, done.stderr)
        assert not list(repository.glob("pwned*")) and "Traceback" not in done.stderr
    names = {path.name for path in repository.iterdir()}
    assert names == {".git", "data.jsonl"}


def test_a_file_with_a_hostile_name_is_judged(repository, tmp_path):
    name = 'it\'s $(touch pwned) & "so".jsonl'
    shutil.copy(repository / "data.jsonl", repository / name)
    done, outputs, _ = play(repository, tmp_path, PATHS=f"data.jsonl\n{name}\n")
    assert outputs["exit-code"] in ("0", "1") and not (repository / "pwned").exists(), done.stderr


def git(here, *arguments):
    done = subprocess.run(
        ["git", *arguments], cwd=here, check=True, capture_output=True, text=True, env=os.environ | {"GIT_ALLOW_PROTOCOL": "file"}
    )
    return done.stdout.strip()


def pull_request(repository, tmp_path, rows):
    """What actions/checkout leaves of a pull request: its merge alone. The base has moved on, with a fault, since the event was made."""
    event_base = git(repository, "rev-parse", "HEAD")
    git(repository, "switch", "-qc", "change")
    (repository / "more.jsonl").write_text("".join(rows), "utf-8")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "change")
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "switch", "-q", "main")
    (repository / "old.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "A fault of somebody else, on main?"}]}\n' * 2
    )
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "main moves on")
    git(repository, "switch", "-qc", "merged")
    git(repository, "merge", "-qm", "merge", "change")
    git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")
    here = tmp_path / "checkout"
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=merged", f"file://{repository}", str(here))
    git(here, "checkout", "-q", "--detach")
    return here, {"SINCE": "auto", "BASE_SHA": event_base, "HEAD_SHA": head}


GOOD = '{"messages": [{"role": "user", "content": "When does the ferry leave?"}, {"role": "assistant", "content": "At nine, from the old pier."}]}\n'
BAD = '{"messages": [{"role": "user", "content": "A question that nobody answered?"}]}\n'


@pytest.mark.parametrize(("row", "code"), [(GOOD, "0"), (BAD, "1")])
def test_a_shallow_checkout_is_judged_against_the_base_that_it_was_merged_with(repository, tmp_path, row, code):
    here, inputs = pull_request(repository, tmp_path, [row])
    done, outputs, summary = play(here, tmp_path, **inputs)
    assert outputs["exit-code"] == code and "1 added" in summary, done.stdout + done.stderr
    assert "old.jsonl" not in summary.partition("</details>")[0] and "shallow" not in summary


def test_the_base_itself_is_never_judged_as_if_it_were_the_pull_request(repository, tmp_path):
    base = git(repository, "rev-parse", "HEAD")
    done, outputs, summary = play(repository, tmp_path, SINCE="auto", BASE_SHA=base, HEAD_SHA="a" * 40)
    assert outputs == {"exit-code": "2"} and "::error::" in done.stdout and "judged nothing" in summary


def test_a_second_use_in_a_job_never_shows_the_result_of_the_first(repository, tmp_path):
    assert play(repository, tmp_path)[1]["exit-code"] == "0"
    _, outputs, summary = play(repository, tmp_path, TARGET="no-such-target")
    assert outputs == {"exit-code": "2"} and "could not judge" in summary


def test_the_install_step_refuses_a_version_that_is_a_command(tmp_path):
    done = subprocess.run(["bash", "-c", step("Install ftdata")["run"]], capture_output=True, text=True,
                          env=os.environ | {"VERSION": "1.0; touch pwned", "ACTION": str(ROOT), "RUNNER_TEMP": str(tmp_path)})  # fmt: skip
    assert done.returncode == 2 and not (tmp_path / "pwned").exists()


class GitHub(http.server.BaseHTTPRequestHandler):
    comments: list = []  # noqa: RUF012
    sarif: list = []  # noqa: RUF012
    status = 200

    def log_message(self, *args):
        pass

    def answer(self, value):
        data = json.dumps(value).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer(self.comments)

    def do_POST(self):
        value = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.status == 200:
            if "sarif" in value:
                self.sarif.append(value)
            else:
                self.comments.append({"id": len(self.comments) + 1, "body": value["body"], "user": {"type": "Bot"}})
        self.answer({})

    def do_PATCH(self):
        value = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.comments[int(self.path.rpartition("/")[2]) - 1]["body"] = value["body"]
        self.answer({})


@pytest.fixture
def github():
    handler = type("Fresh", (GitHub,), {"comments": [], "sarif": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield handler
    server.shutdown()
    server.server_close()


def send(github, name, file):
    environment = os.environ | {"ACTION": str(ROOT), "FILE": str(file), "GITHUB_TOKEN": "t", "GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": "o/r",
                                "NUMBER": "7", "HEAD_SHA": "a" * 40, "GITHUB_REF": "refs/pull/7/merge"}  # fmt: skip
    return subprocess.run(["bash", "-c", step(name)["run"]], env=environment, capture_output=True, text=True)


def test_one_comment_is_written_and_then_edited(github, tmp_path):
    (tmp_path / "a.md").write_text("first 첫째")
    assert send(github, "Comment on the pull request", tmp_path / "a.md").returncode == 0
    (tmp_path / "a.md").write_text("x" * 100_000)
    send(github, "Comment on the pull request", tmp_path / "a.md")
    (comment,) = github.comments
    assert (
        comment["body"].startswith("<!-- ftdata -->\nxxx")
        and len(comment["body"]) < 65_536
        and "rest stands in" in comment["body"]
    )


def test_findings_reach_code_scanning_packed(github, tmp_path):
    (tmp_path / "a.sarif").write_text('{"version": "2.1.0"}')
    assert send(github, "Send to code scanning", tmp_path / "a.sarif").returncode == 0
    assert json.loads(gzip.decompress(base64.b64decode(github.sarif[0]["sarif"]))) == {"version": "2.1.0"}


def test_a_token_without_rights_is_said_and_is_no_failure(github, tmp_path):
    (tmp_path / "a.md").write_text("x")
    github.status = 403
    done = send(github, "Comment on the pull request", tmp_path / "a.md")
    assert done.returncode == 0 and "::notice::" in done.stdout


def test_the_hooks_work_in_pre_commit(repository, tmp_path):
    if shutil.which("pre-commit") is None:
        pytest.skip("pre-commit is not installed")
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    # pre-commit would build an environment from the package index; the same entries run from this one.
    local = [hook | {"language": "system", "entry": f"{sys.executable} -m {hook['entry']}"} for hook in hooks]
    (repository / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": local}]}))
    shutil.copy(SAMPLES / "clean/eval.jsonl", repository / "-x 평가.jsonl")
    (repository / "package.json").write_text("{}")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PRE_COMMIT_HOME": str(tmp_path / "home")}

    def run(hook):
        subprocess.run(["git", "add", "."], cwd=repository, check=True)
        return subprocess.run(
            ["pre-commit", "run", hook, "--all-files"], cwd=repository, capture_output=True, text=True, env=environment
        )

    assert run("ftdata-lint").returncode == 0
    (repository / "data.jsonl").write_text("".join(DIRTY), "utf-8")
    failed = run("ftdata-lint")
    assert failed.returncode == 1 and "secret" in failed.stdout
    assert run("ftdata-fix").returncode == 1
    assert run("ftdata-fix").stdout.count("files were modified") == 0


def test_the_gitlab_template_is_what_gitlab_reads():
    template = yaml.safe_load((ROOT / "ci/gitlab.yml").read_text())
    assert template["ftdata"]["artifacts"]["reports"] == {
        "codequality": "gl-code-quality-report.json",
        "junit": "ftdata-junit.xml",
    }
    script = template["ftdata"]["script"][0]
    assert subprocess.run(["bash", "-n", "-c", script]).returncode == 0


@pytest.mark.parametrize(("paths", "base"), [("data.jsonl", ""), ("data.jsonl\nb c.jsonl\n", "HEAD")])
def test_the_gitlab_script_judges_every_path_as_it_is_written(repository, tmp_path, paths, base):
    (repository / "b c.jsonl").write_text(BAD, "utf-8")
    wrapper = tmp_path / "bin/ftdata"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} -m ftdata "$@"\n')
    wrapper.chmod(0o755)
    script = yaml.safe_load((ROOT / "ci/gitlab.yml").read_text())["ftdata"]["script"][0]
    environment = os.environ | {"PATH": f"{wrapper.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "FTDATA_PATHS": paths,
                                "CI_MERGE_REQUEST_DIFF_BASE_SHA": base}  # fmt: skip
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=repository, env=environment, capture_output=True, text=True
    )
    assert done.returncode == (1 if "b c" in paths else 0), done.stderr
    found = json.loads((repository / "gl-code-quality-report.json").read_text("utf-8"))
    assert {item["location"]["path"] for item in found} == ({"b c.jsonl"} if "b c" in paths else set())
