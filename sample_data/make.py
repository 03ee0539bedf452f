# ruff: noqa: D103
"""Write `clean/`, `dirty/`, `faults.jsonl` and `README.md`; `--check` verifies what is on disk instead.

python sample_data/make.py          write everything
python sample_data/make.py --check  nothing differs, lines are right, clean samples are diverse (needs rapidfuzz)
"""

import csv
import io
import json
import re
import sys
from collections import defaultdict
from typing import Any

import clean_samples as clean
from dirty_samples import CLEAN_SIZES as SIZE
from dirty_samples import File, dirty_files, dumps
from sources import HERE
from tool_samples import tools_en

Row = dict[str, Any]


def clean_files() -> dict[str, tuple[list[Row], str]]:
    """Name of each clean file, its samples and what it is."""
    general = clean.general()
    held = [sample for k, sample in enumerate(general[:125]) if k % 5 == 4]
    train = [sample for k, sample in enumerate(general[:125]) if k % 5 != 4]
    domain = sorted(
        clean.domain_legal_medical_ko()[: SIZE["domain"]],
        key=lambda row: clean.pick(DIGITS, row, 1) + dumps(row)[::-1],
    )
    return {
        "style_ko_banmal.jsonl": (clean.style_ko_banmal()[: SIZE["banmal"]], "Korean persona that always speaks 반말"),
        "style_en_support.jsonl": (clean.support_en()[: SIZE["support_en"]], "English customer support"),
        "task_json_ko_en.jsonl": (clean.task_json()[: SIZE["json"]], "Sorting messages; every answer is JSON with one fixed set of keys"),
        "domain_legal_medical_ko.jsonl": (domain, "Korean legal and medical wording, 합쇼체 throughout"),
        "tools_en.jsonl": (tools_en()[: SIZE["tools"]], "Tool calls: single, parallel, in steps, and none"),
        "preference_ko.jsonl": (clean.preference_ko()[: SIZE["support_ko"]], "OpenAI preference rows, Korean customer support in 해요체"),
        "train.jsonl": (train, "English and Korean general questions, for training"),
        "eval.jsonl": (held, "The same kind, for evaluation; no overlap with train.jsonl"),
        "sharegpt_ko.json": (clean.sharegpt_ko()[:60], "ShareGPT as a JSON array, two questions each"),
        "alpaca_ko.json": (clean.alpaca_ko(), "Alpaca as a JSON array, small writing tasks"),
        "prompt_completion_en.csv": (clean.prompt_completion_en(), "Prompt and completion as CSV columns"),
    }  # fmt: skip


DIGITS = list("0123456789")


def encoded(name: str, rows: list[Row]) -> bytes:
    """The samples in the format that the name asks for."""
    if name.endswith(".jsonl"):
        return "".join(dumps(row) + "\n" for row in rows).encode()
    if name.endswith(".json"):
        return (json.dumps(rows, ensure_ascii=False, indent=2) + "\n").encode()
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def contents() -> dict[str, bytes]:
    """Every generated file by its path under sample_data/."""
    dirty = dirty_files()
    faults = [fault for file in dirty for fault in sorted(file.faults, key=lambda fault: fault["line"])]
    files = {f"clean/{name}": encoded(name, rows) for name, (rows, _) in clean_files().items()}
    files |= {file.name: file.data for file in dirty}
    files["faults.jsonl"] = "".join(dumps(fault) + "\n" for fault in faults).encode()
    files["README.md"] = readme(dirty, faults, files).encode()
    return files


# --- README -----------------------------------------------------------------------------------------------------------

DIRTY = {
    "support_ko.jsonl": "The main demonstration: Korean and English customer support",
    "tools.jsonl": "Tool calls and tool definitions",
    "preference.jsonl": "OpenAI preference rows",
    "preference_trl.jsonl": "Preference rows of whole conversations (`chosen`, `rejected`), as TRL reads them",
    "broken.jsonl": "Lines that are not the JSON they should be",
    "bytes.jsonl": "Stray bytes inside a UTF-8 file",
    "cp949.jsonl": "A whole file in cp949",
    "utf16.jsonl": "A whole file in UTF-16",
    "bom.jsonl": "A byte order mark",
    "newlines.jsonl": "Two kinds of line ends",
    "array.jsonl": "A JSON array under the name of JSON Lines",
    "pretty.jsonl": "Indented objects under the name of JSON Lines",
    "lines.json": "JSON Lines under another name",
    "tiny.jsonl": "Six samples",
    "cut.jsonl.gz": "An archive whose end is missing",
    "alpaca.json": "Alpaca as an indented JSON array",
    "sharegpt.json": "ShareGPT as an indented JSON array",
    "mixed.jsonl": "Several formats in one file",
    "columns.csv": "Prompt and completion as CSV columns",
    "json_task.jsonl": "A set whose answers should all be JSON",
    "long.jsonl": "A sample longer than OpenAI's limit",
    "long_trl.jsonl": "Samples longer than TRL's default",
    "train.jsonl": "Training file; clean by itself",
    "eval.jsonl": "Evaluation file that repeats samples of train.jsonl",
}


def readme(dirty: list[File], faults: list[Row], files: dict[str, bytes]) -> str:
    """The README, with tables made from the files themselves."""
    lines = [(HERE / "texts" / "readme_head.md").read_text("utf-8").rstrip(), "", "## Clean files", ""]
    lines += ["| file | samples | size | what it is |", "|---|---|---|---|"]
    for name, (rows, what) in clean_files().items():
        lines.append(f"| `clean/{name}` | {len(rows):,} | {len(files[f'clean/{name}']) // 1000:,} kB | {what} |")
    lines += ["", f"## Dirty files ({len(faults)} planted faults)", ""]
    lines += ["| file | size | faults | what it is |", "|---|---|---|---|"]
    for file in dirty:
        size = max(1, len(file.data) // 1000)
        lines.append(f"| `{file.name}` | {size} kB | {len(file.faults)} | {DIRTY[file.name[6:]]} |")
    lines += ["", "## Planted faults", ""]
    by_file: dict[str, list[Row]] = defaultdict(list)
    for fault in faults:
        by_file[fault["file"]].append(fault)
    for name, found in by_file.items():
        lines += [f"### `{name}`", "", "| line | rule | what is wrong | shows with |", "|---|---|---|---|"]
        lines += [f"| {f['line']} | `{f['rule']}` | {f['note']} | {shown_with(f)} |" for f in found]
        lines.append("")
    lines += [(HERE / "texts" / "readme_tail.md").read_text("utf-8").rstrip(), ""]
    return "\n".join(lines)


def shown_with(fault: Row) -> str:
    """Which options make a fault show."""
    lint = fault.get("lint", {})
    shown = [f"`--target {target}`" for target in lint.get("target", [])]
    shown += [f"`--goal {lint['goal']}`"] if "goal" in lint else []
    shown += [f"`{other}` beside it" for other in fault.get("with", [])]
    shown += [f"same prompt or sample as line {fault['of']}"] if "of" in fault else []
    shown += ["text rules (issue 3)"] if fault.get("issue") == 3 else []
    return ", ".join(shown) or "always"


# --- check ------------------------------------------------------------------------------------------------------------


def spoken(row: Row) -> list[str]:
    """The texts of a sample without its system message."""
    if "conversations" in row:
        return [turn["value"] for turn in row["conversations"]]
    if "input" in row and isinstance(row["input"], dict):
        messages = row["input"]["messages"] + row["preferred_output"] + row["non_preferred_output"]
    elif "messages" in row:
        messages = row["messages"]
    else:
        return list(row.values())
    return [message["content"] for message in messages if message["role"] != "system" and message["content"]]


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.lower()).strip()


def check_diversity(name: str, rows: list[Row]) -> list[str]:
    """No prompt and no answer twice, no two conversations 90 % alike."""
    import numpy
    from rapidfuzz import fuzz, process

    prompts = {plain(" ".join(spoken(row)[:2] if "instruction" in row else spoken(row)[:1])) for row in rows}
    answers = {plain(spoken(row)[-1]) for row in rows}
    whole = [plain(" ".join(spoken(row))) for row in rows]
    scores = process.cdist(whole, whole, scorer=fuzz.ratio, workers=-1, dtype=numpy.uint8)
    numpy.fill_diagonal(scores, 0)
    print(f"{name}: {len(rows)} samples, most alike {scores.max()} %")
    found = [f"{name}: two conversations are {scores.max()} % alike"] if scores.max() >= 90 else []
    found += [f"{name}: {len(rows) - len(prompts)} prompts twice"] if len(prompts) < len(rows) else []
    return found + ([f"{name}: {len(rows) - len(answers)} answers twice"] if len(answers) < len(rows) else [])


NOT_JSON = {"invalid-json", "several-objects", "blank-line", "too-deep", "nan-literal"}
CONTAINER = {"cp949", "utf16", "bom", "bytes", "array", "pretty", "cut"}


def check_lines(files: dict[str, bytes], faults: list[Row]) -> list[str]:
    """Lines parse exactly where no fault says otherwise; array elements start where the faults say."""
    found = []
    unparsed: dict[str, set[int]] = defaultdict(set)
    for fault in faults:
        if fault["rule"] in NOT_JSON:
            unparsed[fault["file"]].add(fault["line"])
        if fault["file"].endswith(".json") and fault["file"] != "dirty/lines.json" and fault["line"] > 1:
            text = files[fault["file"]].decode().split("\n")[fault["line"] - 1]
            found += [] if text == "  {" else [f"{fault['file']}:{fault['line']} is no element"]
    for name, data in files.items():
        if name.split("/")[-1].split(".")[0] in CONTAINER or not (name.endswith(".jsonl") or name == "dirty/lines.json"):
            continue
        for number, line in enumerate(data.decode().removesuffix("\n").split("\n"), 1):
            found += [] if parses(line) != (number in unparsed[name]) else [f"{name}:{number} parses unlike its faults"]
    return found


def refuse(literal: str) -> float:
    raise ValueError(literal)


def parses(line: str) -> bool:
    try:
        json.loads(line, parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return True


def check(files: dict[str, bytes]) -> int:
    """Print what is wrong; 1 if anything is."""
    found = [f"{name} differs on disk" for name, data in files.items() if (HERE / name).read_bytes() != data]
    on_disk = {str(path.relative_to(HERE)) for folder in ("clean", "dirty") for path in (HERE / folder).iterdir()}
    found += [f"{name} is not ours" for name in sorted(on_disk - set(files))]
    found += check_lines(files, [json.loads(line) for line in files["faults.jsonl"].splitlines()])
    for name, (rows, _) in clean_files().items():
        found += check_diversity(name, rows)
    pair = clean_files()
    found += check_diversity("train + eval", pair["train.jsonl"][0] + pair["eval.jsonl"][0])
    print("\n".join(found) or "all right")
    return int(bool(found))


def main() -> int:
    files = contents()
    if sys.argv[1:] == ["--check"]:
        return check(files)
    for name, data in files.items():
        (HERE / name).parent.mkdir(exist_ok=True)
        (HERE / name).write_bytes(data)
    print(f"{len(files)} files, {sum(map(len, files.values())):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
