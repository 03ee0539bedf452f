"""TRL's own utilities on rows of every shape that it takes; ftdata must know which rows they stop at."""

from __future__ import annotations

import re

import pytest
from conversations import generate
from disagreement import Reason, check, check_idle, compare, names, ours
from register import turns_of
from shapes import pair, plain, prompted, text

BASES = {plain: 3, pair: 6, prompted: 4, text: 1}
# Prints whatever it gets: what a model family's template does is the other module's question.
TEMPLATE = "{% for turn in messages %}{{ turn.role }}: {{ turn.content }}\n{% endfor %}"


def some(row, test):
    """Whether a turn of the row is so."""
    return any(test(turn) for turn in turns_of(row))


def of_text(value):
    """Whether a prompt or a side is text, not turns."""
    return not isinstance(value, list)


def asks(side):
    """Whether a side of a pair holds a user's turn."""
    return isinstance(side, list) and any(isinstance(turn, dict) and turn.get("role") == "user" for turn in side)


REASONS = [
    # ftdata is right to be stricter: TRL's utilities look at the first and the last role, the trainer and template do the rest.
    Reason(
        "turns are handed on to the template as they are, whatever is wrong with them",
        rules=names("missing-content wrong-content-type malformed-message malformed-part unknown-role incomplete-tool-call"),
    ),
    Reason(
        "a side or a conversation without an answer is rendered like any other",
        rules=names("preference-not-single missing-assistant-turn missing-messages"),
    ),
    Reason("labels are not looked at: the text false counts as true", rules=names("invalid-label")),
    Reason(
        "a part without a type, or a role like User or model, makes the file another format's for ftdata",
        rules=names("format-not-accepted"),
        where=lambda row: "no type" in str(row) or re.search("'(User|model|human|gpt|bot)'", str(row)) is not None,
    ),
    # ftdata has to learn it.
    Reason(
        "a conversational prompt must end with user, tool or assistant",
        words="Invalid role in the last message",
        mend="a rule of its own for prompt-completion and preference rows whose prompt ends with a system, developer, function or "
        "alias turn (FT104 looks at plain conversations only)",
    ),
    Reason(
        "a prompt that ends with an answer without a text cannot be continued",
        words="continue_final_message is set",
        mend="FT131 for prompt-completion rows too, and an error where that answer holds no text",
    ),
    Reason(
        "an empty list of turns, beside others that are not, is an IndexError",
        words="list index out of range",
        where=lambda row: row.get("prompt") == [] or row.get("chosen") == [] or row.get("completion") == [],
        mend="FT021: report an empty prompt beside a completion or a pair",
    ),
    Reason(
        "a prompt that is text beside sides that are turns is thrown away: the sides are searched for a common beginning",
        words="empty prompt",
        where=lambda row: "prompt" in row and of_text(row["prompt"]) is not of_text(row["chosen"]),
        mend="FT133: report a text prompt beside sides of turns that do not begin alike",
    ),
    Reason(
        "a side without the user's turns shares no beginning with the other",
        words="empty prompt",
        where=lambda row: "prompt" not in row and not all(asks(row.get(side)) for side in ("chosen", "rejected")),
        mend="FT133: also where only one side has a user turn, and where the prompt found has none",
    ),
    Reason(
        "the same turn with another key, or a null, on one side is another turn",
        words="empty prompt",
        where=lambda row: "prompt" not in row and set(row["chosen"][0]) != set(row["rejected"][0]),
        mend="FT133: hold the raw turns of the two sides against each other, keys and all; and say which key differs",
    ),
    Reason(
        "a prompt that is neither text nor a list, beside a completion or a pair",
        words="KeyError: -1|not subscriptable",
        where=lambda row: not isinstance(row.get("prompt", ""), (str, list)),
        mend="FT021: report a prompt that is an object, a number or null",
    ),
    Reason(
        "one side as text and the other as turns",
        words="can only concatenate|empty prompt",
        where=lambda row: {"chosen", "rejected"} <= set(row) and of_text(row["chosen"]) is not of_text(row["rejected"]),
        mend="FT130: a side that is text beside one of turns",
    ),
    Reason(
        "messages beside prompt or completion: apply_chat_template refuses the keys",
        words="Invalid keys in the example",
        mend="FT030 is a warning for trl, since SFTTrainer reads prompt and completion and leaves messages out; FT030 also has to "
        "count a pair, or text, as a family; and a prompt with one side only is detected as a prompt",
    ),
]  # fmt: skip
SAME = {
    "empty prompt": names("malformed-message prompt-mismatch unknown-format preference-not-single missing-messages"),
    "list index out of range": names("missing-messages preference-not-single"),
    "UnboundLocalError": names("preference-not-single missing-messages unknown-format"),
    "KeyError: ('chosen'|'rejected'|'prompt'|'completion')|Invalid keys": names(
        "unknown-format preference-not-single missing-messages"
    ),
    "Invalid role in the last message: (None|3)|KeyError: 'role'|has no attribute|must be str, not|should be dicts|not subscriptable": names(
        "malformed-message missing-messages wrong-content-type"
    ),
    "Invalid role in the last message": names("unknown-role alias-role prompt-mismatch"),
    "unsupported operand": names("malformed-part"),
    "Arrow": names("malformed-message wrong-content-type missing-messages"),
}


def judge_with_trl():
    """Return TRL's judgement of a row: its prompt found, its pair undone, its turns rendered."""
    from datasets import Dataset, disable_progress_bars
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast
    from trl import data_utils as trl

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel({"[UNK]": 0}, "[UNK]")), unk_token="[UNK]", chat_template=TEMPLATE
    )
    disable_progress_bars()
    known = ("messages", "prompt", "completion", "chosen", "rejected", "label")

    def judge(row):
        try:
            row = {key: value for key, value in row.items() if key in known}
            if "messages" not in row:
                row = trl.maybe_extract_prompt(row)
                if "chosen" in row and not row.get("prompt"):
                    return "extract_prompt returns an empty prompt"
            # maybe_apply_chat_template looks at one key that a set happens to give first; here at every key.
            turns = [trl.is_conversational({key: row[key]}) for key in row if key != "label"]
            shown = trl.apply_chat_template(row, tokenizer) if any(turns) else row
            if "chosen" in shown and "rejected" in shown:
                trl.unpair_preference_dataset(Dataset.from_list([shown]))
        except Exception as error:
            return f"{type(error).__name__}: {' '.join(str(error).split())}"
        return None

    return judge


def test_trl_and_ftdata_refuse_the_same_rows(tmp_path):
    pytest.importorskip("trl", reason="TRL is not installed: pip install torch==2.13.0 trl==1.16.0")
    cases = generate(2000, seed=512, bases=BASES)
    verdicts = ours([case.row for case in cases], "trl", tmp_path)
    outcome = compare(cases, verdicts, judge_with_trl(), REASONS, SAME)
    check(outcome)
    check_idle([outcome], REASONS)
