"""Together's SDK 2.10.0 checks a file on the user's machine; ftdata must say the same beforehand."""

from __future__ import annotations

import json

import pytest
from conversations import generate
from disagreement import Reason, check, check_idle, compare, names, ours
from register import turns_of
from shapes import plain, preference, text, with_parts, with_tools

BASES = {plain: 5, with_tools: 4, with_parts: 4, preference: 5, text: 1}


def some(row, test):
    """Whether a turn of the row is so."""
    return any(test(turn) for turn in turns_of(row))


REASONS = [
    # ftdata is right to be stricter.
    Reason(
        "Together looks at a content only where Python counts it as true: 0 and false pass",
        rules=names("wrong-content-type"), where=lambda row: some(row, lambda turn: turn.get("content") in (0, False)),
    ),
    Reason(
        "the key function_call is not read: the row passes, and its call is not trained",
        rules=names("legacy-function-call format-not-accepted"), where=lambda row: some(row, lambda turn: "function_call" in turn),
    ),
]  # fmt: skip
ROLES = names("unknown-role alias-role developer-role legacy-function-call format-not-accepted")
TURNS = names("malformed-message missing-messages format-not-accepted")
SAME = {
    "either all in multimodal or all in text-only": names("mixed-content-types"),
    "Found extra column": names("extra-key ambiguous-row"),
    "Found multiple dataset formats": names("ambiguous-row"),
    "must not be empty|must be a list of dicts. Found|object of type|not iterable|not subscriptable": TURNS,
    "Missing required column `role`|Role must be a string": TURNS,
    "At least one message with the assistant role": names("missing-assistant-turn"),
    "Invalid role": ROLES,
    "Invalid content type": names("wrong-content-type preference-not-single"),
    "must have a 'content' or 'tool_calls' field": names("content-key-absent preference-not-single"),
    "Missing required column `content`": names("content-key-absent malformed-message"),
    "images cannot have non-zero weights": names("trained-image"),
    "at most .* images|only user messages can contain|must be either a JPEG": names("media-limits"),
    "last message in the input conversation must not be": names("preference-ends-with-assistant"),
    "Weight must be": names("invalid-weight"),
    "Could not detect a format": names("unknown-format missing-messages preference-not-single"),
    "must have the 'assistant' role|must contain exactly one message": names(
        "preference-not-single missing-messages alias-role unknown-role"
    ),
    "`text` field must be present|either 'text' or 'image_url'|must be a list of dicts": names(
        "malformed-part wrong-content-type"
    ),
    "`(image_url|url)` field must be present": names("malformed-part"),
    # A conversation in which no part has a type is read as Bedrock's format.
    "list of dicts with a `type` field": names("malformed-part format-not-accepted"),
    "output` field must be a list|must be a dictionary|must have a 'role' field": names(
        "missing-messages malformed-message preference-not-single"
    ),
}


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    """The SDK's check of a file of one row."""
    pytest.importorskip("together", reason="the Together SDK is not installed: pip install together==2.10.0")
    from together.lib.utils.files import check_file

    path = tmp_path_factory.mktemp("together") / "row.jsonl"

    def judge(row):
        path.write_text(json.dumps(row) + "\n", "utf-8")
        try:
            report = check_file(path)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None if report["is_check_passed"] else report["message"]

    return judge


def test_together_and_ftdata_refuse_the_same_rows(peer, tmp_path, monkeypatch):
    monkeypatch.setenv("TOGETHER_DISABLE_TQDM", "true")
    cases = generate(2000, seed=210, bases=BASES)
    verdicts = ours([case.row for case in cases], "together", tmp_path)
    outcome = compare(cases, verdicts, peer, REASONS, SAME)
    check(outcome)
    check_idle([outcome], REASONS)
