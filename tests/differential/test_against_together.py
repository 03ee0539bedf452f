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
    # ftdata has to learn it.
    Reason(
        "an empty content counts as neither text nor parts",
        rules=names("mixed-content-types"),
        where=lambda row: some(row, lambda turn: turn.get("content") in ("", [])),
        mend="FT024: leave out contents that are empty where a parameter `skip_empty` is true; Together sets it",
    ),
    Reason(
        "the prompt of a pair and its answers may differ in kind: text there, parts here",
        rules=names("mixed-content-types"),
        where=lambda row: "input" in row,
        mend="FT024: of a preference pair, hold the prompt's turns against each other only",
    ),
    Reason(
        "the keys of a row are checked by its format: text, prompt and completion, or messages take no other's",
        words="Found extra column",
        where=lambda row: "messages" not in row or "parallel_tool_calls" in row or "text" in row,
        mend="FT026: drop the condition `key in s.extra` (a key that the format knows may still be none of the target's), and let "
        "`allowed` name the keys of each family; FT030: count text beside prompt and completion, or messages, as two families",
    ),
    Reason(
        "a turn without content and without calls is refused, one with a null content is not",
        words="Missing required column `content`",
        mend="FT110: a parameter `absent_only`, or FT111 with a parameter `turns: plain`, so that Together refuses the missing key alone",
    ),
    Reason(
        "a null or missing content of a preferred or dispreferred answer is refused, unlike in the prompt",
        words="Invalid content type on line .* <class 'NoneType'>|must have a 'content' or 'tool_calls' field",
        mend="FT130 with strict: a side whose turn has a null content, or neither content nor calls, is no answer",
    ),
    Reason(
        "image_url needs an object with url",
        words="`image_url` field must be present|`url` field must be present",
        mend="FT025: image_url missing, null or without url is malformed too, not only a bare text",
    ),
    Reason(
        "a turn with an image must not have weight 1",
        words="Messages with images cannot have non-zero weights",
        mend="a rule of its own (catalogue P301)",
    ),
    Reason(
        "weight: null is refused, though tables write it into every turn",
        words="Weight must be an integer",
        where=lambda row: some(row, lambda turn: "weight" in turn and turn["weight"] is None),
        mend="FT113: a parameter `allow_null` (true by default); Together sets it false",
    ),
    Reason(
        "a part without a type is refused",
        words="must be a list of dicts with a `type` field",
        mend="FT025: {\"text\": ...} without a type is read as a text part; report that it has no type",
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
    "Invalid content type": names("wrong-content-type"),
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
    "`image_url` field must be present": names("malformed-part"),
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
