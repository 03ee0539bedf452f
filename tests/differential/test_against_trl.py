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


def written_otherwise(row):
    """Whether a turn that says the same on both sides has other keys there."""
    pairs = zip(row["chosen"], row["rejected"], strict=False)
    pairs = [pair for pair in pairs if all(isinstance(turn, dict) for turn in pair)]
    return any(one.keys() != other.keys() and one.get("content") == other.get("content") for one, other in pairs)


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
    # The other is odd: the utility refuses what the trainer reads.
    Reason(
        "messages beside prompt and completion: apply_chat_template refuses the keys, SFTTrainer takes prompt and completion",
        words="Invalid keys in the example.*messages",
        where=lambda row: "messages" in row and "prompt" in row,
    ),
    # ftdata has to learn it.
    Reason(
        "the same turn with another key, or a null, on one side is another turn",
        words="empty prompt|Invalid role in the last message: system",
        where=lambda row: "prompt" not in row and written_otherwise(row),
        mend="FT133 cannot say it: a sample holds the shared turns once, as the chosen side has them (`_share_prompt` compares what is said)",
    ),
]  # fmt: skip
SAME = {
    "empty prompt|can only concatenate": names(
        # Turns beside a text are read as the parts of one.
        "malformed-message prompt-mismatch unknown-format preference-not-single missing-messages malformed-part"
    ),
    "list index out of range|KeyError: -1": names("missing-messages preference-not-single prompt-mismatch"),
    "'NoneType' object is not subscriptable": names("missing-content"),
    "continue_final_message": names("prompt-last-role"),
    "UnboundLocalError": names("preference-not-single missing-messages unknown-format"),
    "KeyError: ('chosen'|'rejected'|'prompt'|'completion')|Invalid keys": names(
        "unknown-format preference-not-single missing-messages"
    ),
    "Invalid role in the last message: (None|3)|KeyError: 'role'|has no attribute|must be str, not|should be dicts|not subscriptable": names(
        "malformed-message missing-messages wrong-content-type"
    ),
    "Invalid role in the last message": names("unknown-role alias-role prompt-mismatch prompt-last-role"),
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
