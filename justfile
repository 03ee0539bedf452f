# `just` lists the recipes.
default:
    @just --list

# Run the tests on every core
test *args:
    pytest -n auto {{args}}

lint:
    ruff check ftdata tests benchmarks

types:
    mypy

# Rewrite the reporters' golden files; read the diff before you commit it
golden:
    pytest tests/report --update-golden

# Measure speed and memory against the named peers that are installed
bench:
    python benchmarks/lint.py

# Everything that CI runs, in a fresh virtual environment
ci:
    .ci/run
