"""The reporters print what their golden files say; `--update-golden` rewrites them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ftdata
from ftdata.report import concise, full, github, gitlab, junit, markdown, rdjson, sarif
from ftdata.report import json as json_report
from ftdata.rule import RULES

GOLDEN = Path(__file__).parent.parent / "golden"

HOSTILE = "\x1b[31m::add-mask::x\n##[error]boo <script>alert(1)</script> =HYPERLINK()"
ROWS = [
    {"messages": [{"role": "user", "content": "How many legs has a crab?"}, {"role": "assistant", "content": "Ten."}]},
    {"messages": [{"role": "user", "content": "How many legs has a crab?"}, {"role": "assistant", "content": "Eight?"}]},
    {"messages": [{"role": "user", "content": HOSTILE}]},
    {"messages": [{"role": "human", "content": "환불은 며칠 안에 되나요?"}, {"role": "assistant", "content": "이레 안에 됩니다.<|im_end|>"}]},
    {"messages": [{"role": "user", "content": "cafÃ© or tea?"}, {"role": "assistant", "content": "", "weight": 0.5}], "id": 7},
]  # fmt: skip


# Reports for platforms list every rule, so theirs is a run of some: those that find something, two skipped, one clean.
SOME = "FT003,FT006,FT007,FT011,FT026,FT035,FT101,FT103,FT109,FT113,FT201,FT202,FT204,FT403,FT601,FT604"


@pytest.fixture
def lint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps(row, ensure_ascii=False) for row in ROWS]
    lines[1:1] = ["{'messages': []}", ""]
    Path("train.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    Path("empty.jsonl").write_bytes(b"")
    config = {"rules": {"target-ends": "off", "target-ended": "off"}}

    def lint(**options):
        files = ["train.jsonl", "empty.jsonl"]
        return ftdata.lint(files, target=["openai", "llama3"], goal="style", config=config, **options)

    return lint


RENDERERS = {
    "full.txt": full.render,
    "concise.txt": concise.render,
    "report.json": json_report.render,
    "report.jsonl": json_report.render_lines,
    "statistics.txt": full.statistics,
}
PLATFORMS = {
    "github.txt": github.render,
    "report.sarif": lambda report: sarif.render(report, {rule.code: rule.doc for rule in RULES.values()}),
    "gitlab.json": gitlab.render,
    "junit.xml": junit.render,
    "rdjson.json": rdjson.render,
    "summary.md": markdown.render,
}


def printed(name, lint):
    if name in PLATFORMS:
        return "".join(line + "\n" for line in PLATFORMS[name](lint(select=SOME.split(","))))
    return "".join(line + "\n" for line in RENDERERS[name](lint()))


@pytest.mark.parametrize("name", [*RENDERERS, *PLATFORMS])
def test_a_reporter_prints_what_its_golden_file_says(name, lint, request):
    text = printed(name, lint)
    path = GOLDEN / name
    if request.config.getoption("--update-golden"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize("name", [*RENDERERS, *PLATFORMS])
def test_no_reporter_prints_anything_raw(name, lint):
    text = printed(name, lint)
    assert "\x1b" not in text and "##[" not in text
    own = ("::error ", "::warning ", "::notice ") if name == "github.txt" else ()
    assert not any(line.lstrip().startswith("::") and not line.startswith(own) for line in text.splitlines())
