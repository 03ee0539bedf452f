"""What a user installs: the packs, the vocabularies and the type marker are in the wheel; names are exported."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest
from places import ROOT

import ftdata


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-c", f"from hatchling.build import build_wheel; print(build_wheel({str(out)!r}))"],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (path,) = out.glob("*.whl")
    return set(zipfile.ZipFile(path).namelist())


def test_the_wheel_holds_packs_vocabularies_schema_and_type_marker(wheel):
    packs = {f"ftdata/_packs/{p.relative_to(ROOT / 'rules')}" for p in (ROOT / "rules").rglob("*.yaml")}
    assert packs <= wheel and len(packs) > 8
    assert {"ftdata/py.typed", "ftdata/report/schema.json"} <= wheel
    assert {"ftdata/_vocab/o200k_base.tiktoken.gz", "ftdata/_vocab/cl100k_base.tiktoken.gz"} <= wheel
    assert {"ftdata/_cases/FT101.yaml", "ftdata/_vocab/classes.gz"} <= wheel
    assert not any(name.startswith(("tests/", "sample_data/", "benchmarks/")) for name in wheel)


def test_every_public_name_can_be_imported_and_is_lazy():
    code = "import sys, ftdata; assert 'polars' not in sys.modules and 'ftdata.rule' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    for name in ftdata.__all__:
        assert getattr(ftdata, name) is not None
    with pytest.raises(AttributeError):
        _ = ftdata.no_such_name
