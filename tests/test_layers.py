"""Which package may import which: the dependency direction of the design, held by the code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "ftdata"
STANDARD_ONLY = {"types", "errors", "rule"}
# package -> the ftdata packages that it may import
ALLOWED = {
    "types": set(),
    "errors": set(),
    "rule": {"types", "errors"},
    "read": {"types", "errors"},
    "formats": {"types", "errors"},
    "template": {"types", "errors"},
    "dedupe": {"types", "errors", "formats", "measure", "read"},
    "fix": {"types", "errors", "rule", "read", "formats", "measure", "judge", "checks", "write"},
    "convert": {"types", "errors", "formats", "read", "workers", "write"},
    "scan": {"types", "errors", "formats", "read", "convert", "workers"},
    "sampling": {"types", "errors", "scan"},
    "write_rows": {"types", "errors", "read", "write", "convert", "scan"},
    "merge": {"types", "errors", "formats", "write", "convert", "scan", "write_rows", "dedupe"},
    "preview": {
        "types",
        "errors",
        "formats",
        "read",
        "measure",
        "judge",
        "convert",
        "report",
        "template",
        "train",
        "scan",
        "workers",
    },
    "split": {"types", "errors", "read", "formats", "measure", "dedupe", "write"},
    "train": {
        "types",
        "errors",
        "rule",
        "read",
        "formats",
        "measure",
        "template",
        "checks",
        "judge",
        "dedupe",
        "split",
        "write",
        "packs",
        "report",
    },
    "measure": {"types", "errors", "rule", "formats"},
    "checks": {"types", "rule", "measure", "checks"},
    "report": {"types", "errors"},
    "write": {"types", "errors"},
    "workers": {"types", "errors"},
    "packs": {"types", "errors", "rule", "expectations"},
    "expectations": {"types", "errors"},
    "config": {"types", "errors"},
    "git": {"types", "errors"},
    "plugins": {"errors", "rule", "measure", "packs"},
    "judge": {
        "types",
        "errors",
        "rule",
        "read",
        "formats",
        "measure",
        "checks",
        "packs",
        "config",
        "template",
        "plugins",
        "dedupe",
        "git",
        "write",
        "expectations",
        "workers",
    },
}
HEAVY = {"polars", "pydantic", "tiktoken", "rapidfuzz", "yaml", "numba", "numpy", "orjson", "torch", "openai", "transformers"}


def imports(path):
    """All (module, is_at_top_level) imports of a file, type-checking blocks left out."""
    tree = ast.parse(path.read_text("utf-8"))
    guarded = {
        id(n)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for n in ast.walk(node)
    }
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, id(node) in top


def modules():
    return sorted(path for path in ROOT.rglob("*.py") if path.name != "__main__.py")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_layer_may(path):
    package = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if package not in ALLOWED:
        return
    for module, _ in imports(path):
        if module.startswith("ftdata."):
            target = module.split(".")[1]
            assert target == package or target in ALLOWED[package], f"{path.name} imports {module}"


@pytest.mark.parametrize(
    "path", [p for p in modules() if p.relative_to(ROOT).parts[0] in ("cli", "checks")], ids=lambda p: p.name
)
def test_commands_and_rules_import_nothing_heavy_at_the_top(path):
    for module, top in imports(path):
        assert not (top and module.split(".")[0] in HEAVY), f"{path.name} imports {module}"


def test_nothing_imports_the_command_line():
    for path in modules():
        if path.relative_to(ROOT).parts[0] != "cli":
            assert not any(module.startswith("ftdata.cli") for module, _ in imports(path))


@pytest.mark.parametrize("name", sorted(STANDARD_ONLY))
def test_the_core_types_need_the_standard_library_only(name):
    import sys

    for module, top in imports(ROOT / f"{name}.py"):
        first = module.split(".")[0]
        assert first in sys.stdlib_module_names or first == "ftdata" or not top
