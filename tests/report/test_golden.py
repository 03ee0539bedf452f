"""The reporters print what their golden files say; `--update-golden` rewrites them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ftdata
from ftdata.report import concise, full
from ftdata.report import json as json_report

GOLDEN = Path(__file__).parent.parent / "golden"

HOSTILE = "\x1b[31m::add-mask::x\n##[error]boo <script>alert(1)</script> =HYPERLINK()"
ROWS = [
    {"messages": [{"role": "user", "content": "How many legs has a crab?"}, {"role": "assistant", "content": "Ten."}]},
    {"messages": [{"role": "user", "content": "How many legs has a crab?"}, {"role": "assistant", "content": "Eight?"}]},
    {"messages": [{"role": "user", "content": HOSTILE}]},
    {"messages": [{"role": "human", "content": "환불은 며칠 안에 되나요?"}, {"role": "assistant", "content": "이레 안에 됩니다.<|im_end|>"}]},
    {"messages": [{"role": "user", "content": "cafÃ© or tea?"}, {"role": "assistant", "content": "", "weight": 0.5}], "id": 7},
]  # fmt: skip


@pytest.fixture
def report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps(row, ensure_ascii=False) for row in ROWS]
    lines[1:1] = ["{'messages': []}", ""]
    Path("train.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    Path("empty.jsonl").write_bytes(b"")
    config = {"rules": {"target-ends": "off", "target-ended": "off"}}
    return ftdata.lint(["train.jsonl", "empty.jsonl"], target=["openai", "llama3"], goal="style", config=config)


RENDERERS = {
    "full.txt": full.render,
    "concise.txt": concise.render,
    "report.json": json_report.render,
    "report.jsonl": json_report.render_lines,
    "statistics.txt": full.statistics,
}


@pytest.mark.parametrize("name", RENDERERS)
def test_a_reporter_prints_what_its_golden_file_says(name, report, request):
    text = "".join(line + "\n" for line in RENDERERS[name](report))
    path = GOLDEN / name
    if request.config.getoption("--update-golden"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize("name", RENDERERS)
def test_no_reporter_prints_anything_raw(name, report):
    text = "".join(line + "\n" for line in RENDERERS[name](report))
    assert "\x1b" not in text and "##[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
