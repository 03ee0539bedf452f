"""What is imported when: heavy packages must not be loaded before they are needed."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = [
    "polars",
    "pydantic",
    "tiktoken",
    "rapidfuzz",
    "yaml",
    "numba",
    "numpy",
    "orjson",
    "importlib.metadata",
]
NEVER = ["openai", "torch", "transformers", "pandas", "great_expectations"]


def loaded_after(*arguments):
    """Run a command in a fresh interpreter and return the names of all modules that it loaded."""
    code = (
        "import sys, json, io, contextlib\n"
        f"sys.argv = ['ftdata', *{list(arguments)!r}]\n"
        "from ftdata.__main__ import main\n"
        "try:\n"
        "    with contextlib.redirect_stdout(io.StringIO()): main()\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_loads_nothing_heavy():
    assert not loaded_after("--help") & {*HEAVY, *NEVER}


def test_version_loads_nothing_heavy():
    assert not loaded_after("--version") & {*HEAVY, *NEVER}


def test_help_of_lint_loads_nothing_heavy():
    assert not loaded_after("lint", "--help") & {*HEAVY, *NEVER}


def test_rule_needs_no_data_frame():
    assert not loaded_after("rule", "missing-assistant-turn") & {
        "polars",
        "pydantic",
        "tiktoken",
        "numba",
        *NEVER,
    }


def test_lint_loads_no_trainer_and_no_pandas(write_jsonl, chat):
    path = write_jsonl([chat("How many legs has a crab?", "Ten, counting the claws.")])
    assert not loaded_after("lint", path) & {*NEVER, "numba", "pydantic"}
