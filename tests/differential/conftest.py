"""Opt-in: FTDATA_DIFFERENTIAL=1 runs these tests, in an environment that has the peers (see README.md here)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "differential: ftdata against the real validators and templates; needs FTDATA_DIFFERENTIAL=1"
    )


def pytest_collection_modifyitems(items):
    skip = pytest.mark.skip(reason="opt-in: set FTDATA_DIFFERENTIAL=1")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.differential)
            if os.environ.get("FTDATA_DIFFERENTIAL") != "1":
                item.add_marker(skip)
