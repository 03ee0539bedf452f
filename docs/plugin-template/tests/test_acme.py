"""The rules as a user meets them."""

import json

import ftdata


def lint(tmp_path, answer, **options):
    path = tmp_path / "train.jsonl"
    turns = [{"role": "user", "content": "Do you have it?"}, {"role": "assistant", "content": answer}]
    path.write_text(json.dumps({"messages": turns}) + "\n")
    return ftdata.lint(path, **options)


def names(report):
    return {finding.name for finding in report.findings}


def test_a_competitor_is_named(tmp_path):
    assert "mentions-competitor" in names(lint(tmp_path, "Globex sells that too."))
    assert "mentions-competitor" not in names(lint(tmp_path, "We sell that."))


def test_too_many_questions_are_counted(tmp_path):
    assert "asks-back" in names(lint(tmp_path, "Which size? Which colour? When?"))
    assert "asks-back" not in names(lint(tmp_path, "Which size?"))


def test_the_gateway_is_a_target(tmp_path):
    assert lint(tmp_path, "Yes.", target="acme-gateway").targets
