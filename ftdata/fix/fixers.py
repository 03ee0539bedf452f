"""Every fix by the name of its rule: whether it is safe, what it does in words, and the function that makes its edits.

``safety`` is the rule's own ``fix_safety``. A fixer answers with edits for all places of its rule in one sample, with
``Drop``, or with nothing where the fault cannot be mended without guessing: the finding then stays, and is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ftdata.fix import argument_fixes, key_fixes, literal_fixes, text_fixes, tool_fixes, turn_fixes
from ftdata.fix.case import Case
from ftdata.fix.document import Document
from ftdata.fix.edits import Edit
from ftdata.fix.text_fixes import each_spot, of_texts


@dataclass(frozen=True, slots=True)
class Fix:
    """One fix. ``make`` gives the edits of a sample, ``write`` mends how a row is written.

    ``level`` is "row" for these two; "line" where one line may become none or several; "file" for bytes and
    containers, "set" for samples that repeat each other: those are done where the file is read (``ftdata.fix.files``).
    """

    rule: str
    safety: Literal["safe", "unsafe"]
    title: str
    make: Callable[[Case], list[Edit]] | None = None
    write: Callable[[Document], None] | None = None
    level: Literal["row", "line", "file", "set"] = "row"


FIXERS: dict[str, Fix] = {}


def _safe(rule: str, title: str, make: Callable[[Case], list[Edit]]) -> None:
    FIXERS[rule] = Fix(rule, "safe", title, make)


def _unsafe(rule: str, title: str, make: Callable[[Case], list[Edit]]) -> None:
    FIXERS[rule] = Fix(rule, "unsafe", title, make)


def _written(rule: str, title: str, write: Callable[[Document], None]) -> None:
    FIXERS[rule] = Fix(rule, "unsafe", title, write=write)


for _rule, _title in (
    ("non-utf8-encoding", "written as UTF-8"), ("byte-order-mark", "byte order mark removed"),
    ("not-json-lines", "written one object a line"), ("json-container", "written one object a line"),
    ("mixed-newlines", "every line ends with \\n"),
):  # fmt: skip
    FIXERS[_rule] = Fix(_rule, "safe", _title, level="file")
FIXERS["exact-duplicate"] = Fix("exact-duplicate", "safe", "later copies dropped", level="set")
FIXERS["normalised-duplicate"] = Fix("normalised-duplicate", "unsafe", "later copies dropped", level="set")
FIXERS["blank-line"] = Fix("blank-line", "safe", "blank line deleted", level="line")
FIXERS["several-objects"] = Fix("several-objects", "safe", "each row on a line of its own", level="line")
FIXERS["invalid-json"] = Fix("invalid-json", "unsafe", "written as JSON", write=literal_fixes.escape_breaks, level="line")
FIXERS["invalid-bytes"] = Fix("invalid-bytes", "unsafe", "read in the encoding that it seems to be in", level="line")
FIXERS["too-deep"] = Fix("too-deep", "unsafe", "dropped", level="line")

_written("nan-literal", "null written for it", literal_fixes.null_for_nan)
_written("duplicate-key", "the last one kept", literal_fixes.last_of_doubles)
_written("lone-surrogate", "half a character removed", literal_fixes.without_half_pairs)
_written("control-character", "control characters removed", literal_fixes.without_controls)

_unsafe("missing-messages", "dropped", turn_fixes.drop_as_found)
_unsafe("wrong-content-type", "content written as text", turn_fixes.content_as_text)
_safe("mixed-content-types", "contents written in one way", turn_fixes.one_content_type)
_safe("malformed-part", "part wrapped as the format wants it", turn_fixes.wrap_parts)
_safe("extra-key", "extra keys kept in the sidecar", key_fixes.set_aside)
_safe("extra-message-key", "extra keys kept in the sidecar", key_fixes.set_aside)
_safe("type-drift", "arguments and ids written as text", argument_fixes.steady_types)

_unsafe("missing-assistant-turn", "dropped", turn_fixes.drop_as_found)
_safe("alias-role", "role written as chat templates know it", turn_fixes.canonical_roles)
_safe("last-turn-not-assistant", "turns after the last answer removed", turn_fixes.after_last_answer)
_unsafe("consecutive-roles", "turns of one role merged", turn_fixes.merge_turns)
_unsafe("misplaced-system", "system turn moved to the front", turn_fixes.systems_first)
_unsafe("several-systems", "system turns merged", turn_fixes.merge_systems)
_unsafe("empty-content", "dropped", turn_fixes.drop_as_found)
_unsafe("missing-content", "dropped", turn_fixes.drop_as_found)
_safe("content-key-absent", "empty content added", turn_fixes.empty_content)
_safe("null-content", "null content written as empty", turn_fixes.empty_content)
_safe("invalid-name", "name written in the letters allowed", turn_fixes.speaker_names)
_safe("legacy-function-call", "written as tool_calls with ids", tool_fixes.modern_calls)
_safe("developer-role", "written as system", turn_fixes.role_as("system"))
_unsafe("system-not-supported", "system text put before the first question", turn_fixes.system_into_question)
_unsafe("reasoning-ignored", "reasoning moved to the key that is read", key_fixes.read_reasoning)
_safe("invalid-weight", "weight written as 0 or 1", turn_fixes.whole_weights)
_safe("weight-outside-assistant", "weight removed", turn_fixes.remove_weights)
_safe("trained-image", "weight removed", turn_fixes.remove_weights)

_unsafe("identical-preference", "dropped", turn_fixes.drop_as_found)
_safe("misnamed-preference-key", "key renamed", key_fixes.right_preference_keys)
_safe("invalid-label", "label written as true or false", turn_fixes.boolean_label)
_safe("rft-system-role", "written as developer", turn_fixes.role_as("developer"))

_safe("arguments-not-string", "arguments written as a JSON string", argument_fixes.as_text)
_safe("arguments-string", "arguments written as an object", argument_fixes.as_object)
_unsafe("arguments-not-json", "arguments written as JSON", argument_fixes.mend_arguments)
_safe("incomplete-tool-call", "id and type added", tool_fixes.complete_calls)
_safe("duplicate-tool-call-id", "ids made distinct", tool_fixes.separate_ids)
_safe("unknown-tool-call-id", "results paired with calls by their order", tool_fixes.answer_calls)
_safe("missing-tool-call-id", "results paired with calls by their order", tool_fixes.answer_calls)
_safe("empty-tool-calls", "empty tool_calls removed", key_fixes.without_empty_calls)
_unsafe("invalid-tool-name", "tool renamed everywhere", tool_fixes.tool_names)
_safe("tool-call-id-format", "ids renamed in calls and results", tool_fixes.rename_ids)
_unsafe("tool-call-in-text", "call written as tool_calls", tool_fixes.structured_calls)
_unsafe("content-with-tool-calls", "text made a turn of its own", tool_fixes.split_calls)
_unsafe("parallel-tool-calls", "calls written one after the other", tool_fixes.serial_calls)
_safe("ends-with-tool-result", "results after the last answer removed", turn_fixes.after_last_answer)
_safe("duplicate-tool-name", "equal definition removed", tool_fixes.single_definitions)
_safe("legacy-functions-limit", "functions written as tools", tool_fixes.modern_definitions)

_unsafe("too-long", "last turns removed", turn_fixes.shorten)
_unsafe("special-token", "special tokens removed", of_texts(text_fixes.special_tokens))
_safe("missing-end", "end token appended", turn_fixes.end_token)
_safe("placeholder-input", "placeholder removed", of_texts(text_fixes.placeholder_input))
_unsafe("repetition-loop", "loop cut", of_texts(each_spot(text_fixes.cut_loop)))
_unsafe("prompt-echo", "dropped", text_fixes.drop_echo)
_unsafe("mojibake", "damaged text repaired", of_texts(text_fixes.encoding_damage))
_unsafe("html-entity", "entities decoded", of_texts(text_fixes.html_entities))
_unsafe("zero-width", "invisible characters removed", of_texts(text_fixes.invisible))
_unsafe("leaked-role-marker", "cut at the marker", of_texts(each_spot(text_fixes.cut_marker)))
_unsafe("merged-instruction", "prompt template removed", of_texts(text_fixes.unmerge))
_safe("surrounding-whitespace", "white space stripped", of_texts(text_fixes.surrounding_space))
_unsafe("literal-escape", "escapes decoded", of_texts(text_fixes.literal_escapes))
_unsafe("unclosed-fence", "fence closed", of_texts(each_spot(text_fixes.close_fence)))
_unsafe("unbalanced-think", "beginning of the reasoning added", of_texts(text_fixes.open_thought))


def _masked(rule: str) -> None:
    texts = of_texts(text_fixes.mask)
    _unsafe(rule, "masked", lambda case: texts(case) + argument_fixes.mask_arguments(case))


for _rule in ("secret", "personal-data", "possible-secret", "possible-personal-data"):
    _masked(_rule)
