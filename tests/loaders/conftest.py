"""Opt-in: FTDATA_LOADERS=1 runs these tests. They need the trainers' own environments, see README.md here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sources import DATA

HERE = Path(__file__).parent


def pytest_configure(config):
    config.addinivalue_line("markers", "loaders: converted data in the trainers' own loaders; needs FTDATA_LOADERS=1")


def pytest_collection_modifyitems(items):
    missing = None
    if os.environ.get("FTDATA_LOADERS") != "1":
        missing = "opt-in: set FTDATA_LOADERS=1"
    elif not DATA.is_dir():
        missing = f"the real data is not there: {DATA}"
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.loaders)
            if missing:
                item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture
def seen(record_property):
    """Note what went through for the end of the run: the trainer's version, rows, those with tools, those convert dropped."""

    def note(peer, answer, converted):
        tooled = sum(bool(row.get("tools") or "tool_calls" in str(row)) for row in converted.expected)
        dropped = converted.report["dropped"]
        version = f"{peer.name} {answer['version']}"
        record_property("loaders", f"{version:24} {converted.report['to']:26} {len(converted.expected):5} {tooled:5} {dropped:5}")

    return note


def pytest_terminal_summary(terminalreporter):
    rows = [
        value for report in terminalreporter.getreports("passed") for name, value in report.user_properties if name == "loaders"
    ]
    if rows:
        terminalreporter.section("equal: trainer, format, samples, with tools, dropped by convert")
        for row in sorted(set(rows)):
            terminalreporter.write_line(row)
