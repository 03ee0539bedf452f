"""Faults in calls, results and definitions of tools, in weights and keys, and in preference pairs."""

from __future__ import annotations

import copy
import json
import random

from register import calls_of, change_call, drop, fault, function_of, list_of, pick, put, turns_of
from shapes import Row, Style, call, said, tool

# Tools ----------------------------------------------------------------------------------------------------------------


@fault
def arguments_object(rng: random.Random, row: Row, style: Style) -> bool:
    return change_call(rng, row, lambda made: function_of(made).update(arguments={"place": "Whitby"}))


@fault
def arguments_text(rng: random.Random, row: Row, style: Style) -> bool:
    return change_call(rng, row, lambda made: function_of(made).update(arguments='{"place": "Whitby"}'))


@fault
def arguments_broken(rng: random.Random, row: Row, style: Style) -> bool:
    broken = rng.choice(("{'place': 'Whitby'}", "", "[1]", '"Whitby"', None, ["Whitby"], 5))
    return change_call(rng, row, lambda made: function_of(made).update(arguments=broken))


@fault
def arguments_missing(rng: random.Random, row: Row, style: Style) -> bool:
    return change_call(rng, row, lambda made: function_of(made).pop("arguments", None))


@fault
def call_id_other(rng: random.Random, row: Row, style: Style) -> bool:
    """Rename the id of a call and of its result, so that only its form changes."""
    calls = list(calls_of(row))
    if not calls:
        return False
    made = rng.choice(calls)
    new = rng.choice(("call_1", "abc123XYZ", "short", "with space", "null", "", "한글아이디", "toolu_01A09q90qw90lq917835"))
    for turn in turns_of(row):
        if turn.get("tool_call_id") == made.get("id"):
            turn["tool_call_id"] = new
    made["id"] = new
    return True


@fault
def call_id_missing(rng: random.Random, row: Row, style: Style) -> bool:
    return change_call(rng, row, lambda made: made.pop("id", None))


@fault
def call_id_no_text(rng: random.Random, row: Row, style: Style) -> bool:
    return change_call(rng, row, lambda made: made.update(id=rng.choice((None, 7))))


@fault
def call_type_missing(rng: random.Random, row: Row, style: Style) -> bool:
    return change_call(rng, row, lambda made: made.pop("type", None))


@fault
def call_type_other(rng: random.Random, row: Row, style: Style) -> bool:
    return change_call(rng, row, lambda made: made.update(type="retrieval"))


@fault
def call_without_function(rng: random.Random, row: Row, style: Style) -> bool:
    return change_call(rng, row, lambda made: made.pop("function", None))


@fault
def call_name_missing(rng: random.Random, row: Row, style: Style) -> bool:
    return change_call(rng, row, lambda made: function_of(made).pop("name", None))


@fault
def call_name_odd(rng: random.Random, row: Row, style: Style) -> bool:
    return change_call(
        rng, row, lambda made: function_of(made).update(name=rng.choice(("tide at", "조수", "a" * 65, "tide.at", "")))
    )


@fault
def call_twice_same_id(rng: random.Random, row: Row, style: Style) -> bool:
    for turn in turns_of(row):
        if isinstance(turn.get("tool_calls"), list) and turn["tool_calls"]:
            turn["tool_calls"].append(copy.deepcopy(turn["tool_calls"][0]))
            return True
    return False


@fault
def calls_empty(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "assistant"), tool_calls=rng.choice(([], None)))


@fault
def calls_no_list(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "assistant"), tool_calls=rng.choice(("tide_at", {"id": "x"}, [None], ["tide_at"])))


@fault
def call_by_the_user(rng: random.Random, row: Row, style: Style) -> bool:
    turn = pick(rng, row, "user")
    if rng.random() < 0.3:
        drop(turn, "content")
    return put(turn, tool_calls=[call(rng, style)])


@fault
def text_beside_calls(rng: random.Random, row: Row, style: Style) -> bool:
    calling = [turn for turn in turns_of(row) if turn.get("tool_calls")]
    return bool(calling) and put(rng.choice(calling), content="Let me look.")


@fault
def null_beside_calls(rng: random.Random, row: Row, style: Style) -> bool:
    calling = [turn for turn in turns_of(row) if turn.get("tool_calls")]
    return bool(calling) and put(rng.choice(calling), content=None)


@fault
def nothing_beside_calls(rng: random.Random, row: Row, style: Style) -> bool:
    calling = [turn for turn in turns_of(row) if turn.get("tool_calls")]
    return bool(calling) and drop(rng.choice(calling), "content") is not None


@fault
def result_lost(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    results = [turn for turn in turns or [] if isinstance(turn, dict) and turn.get("role") == "tool"]
    if turns and results:
        turns.remove(rng.choice(results))
    return bool(results)


@fault
def result_twice(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    results = [turn for turn in turns or [] if isinstance(turn, dict) and turn.get("role") == "tool"]
    if turns and results:
        turns.insert(turns.index(results[0]), copy.deepcopy(results[0]))
    return bool(results)


@fault
def result_of_another_call(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "tool"), tool_call_id=rng.choice(("zzzzzzzz9", "call_zzzzzzzz9", "call_1")))


@fault
def result_without_id(rng: random.Random, row: Row, style: Style) -> bool:
    return drop(pick(rng, row, "tool"), "tool_call_id")


@fault
def result_named(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "tool"), name=rng.choice(("tide_at", "tide at", "조수")))


@fault
def result_content_odd(rng: random.Random, row: Row, style: Style) -> bool:
    turn = pick(rng, row, "tool")
    odd = rng.choice((None, "", {"height": 4.1}, 4.1, "MISSING"))
    return drop(turn, "content") if odd == "MISSING" else put(turn, content=odd)


@fault
def ends_with_a_call(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if not turns or not isinstance(turns[-1], dict) or turns[-1].get("role") != "assistant":
        return False
    turns[-1] = {"role": "assistant", "content": "", "tool_calls": [call(rng, style)]}
    return True


@fault
def ends_with_a_result(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if not turns or not any(isinstance(turn, dict) and turn.get("role") == "tool" for turn in turns):
        return False
    while not (isinstance(turns[-1], dict) and turns[-1].get("role") == "tool"):
        turns.pop()
    return True


@fault
def orphan_result(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if not turns:
        return False
    identity = "abcdefgh1" if style.ids == "mistral" else "call_1"
    turns.insert(rng.choice((0, 1)), {"role": "tool", "tool_call_id": identity, "content": "4.1"})
    return True


@fault
def goes_on_without_a_result(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    results = [turn for turn in turns or [] if isinstance(turn, dict) and turn.get("role") == "tool"]
    if turns and results:
        at = turns.index(results[0])
        turns[at] = said("user", rng)
    return bool(results)


@fault
def tools_lost(rng: random.Random, row: Row, style: Style) -> bool:
    return drop(row, "tools")


@fault
def tools_empty(rng: random.Random, row: Row, style: Style) -> bool:
    return "messages" in row and put(row, tools=rng.choice(([], None)))


@fault
def tools_as_text(rng: random.Random, row: Row, style: Style) -> bool:
    return "tools" in row and put(row, tools=json.dumps([tool()]))


@fault
def tool_incomplete(rng: random.Random, row: Row, style: Style) -> bool:
    defined = tool()
    defined["function"].pop(rng.choice(("name", "description", "parameters")))
    return "tools" in row and put(row, tools=[defined])


@fault
def tool_malformed(rng: random.Random, row: Row, style: Style) -> bool:
    defined = tool()
    kind = rng.randrange(5)
    if kind == 0:
        defined = defined["function"]
    elif kind == 1:
        defined["type"] = "retrieval"
    elif kind == 2:
        defined["function"]["parameters"] = {"type": "objekt", "properties": []}
    elif kind == 3:
        defined["function"]["name"] = "tide at"
    else:
        defined["function"]["parameters"] = "none"
    return "tools" in row and put(row, tools=[defined])


@fault
def tool_without_type(rng: random.Random, row: Row, style: Style) -> bool:
    return "tools" in row and put(row, tools=[{"function": tool()["function"]}])


@fault
def legacy_call(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "assistant"), content=None, function_call={"name": "tide_at", "arguments": "{}"})


# Weights, names, keys -------------------------------------------------------------------------------------------------


@fault
def weight(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "assistant"), weight=rng.choice((0, 1, 1)))


@fault
def weight_odd(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "assistant"), weight=rng.choice((0.5, 2, -1, 1.0, 0.0, True, False, "1", None)))


@fault
def weight_elsewhere(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "user", "system", "tool"), weight=rng.choice((0, 1, 0.5, None)))


@fault
def all_masked(rng: random.Random, row: Row, style: Style) -> bool:
    answers = [turn for turn in turns_of(row) if turn.get("role") == "assistant"]
    for turn in answers:
        turn["weight"] = 0
    return bool(answers)


@fault
def named(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "user", "assistant"), name=rng.choice(("Ada", "김 대리", "Ada L", "")))


@fault
def prefix(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "assistant"), prefix=rng.choice((True, True, False)))


@fault
def key_in_turn(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row), **{rng.choice(("timestamp", "refusal", "audio", "id")): None})


@fault
def reasoning(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "assistant"), **{rng.choice(("reasoning_content", "thinking", "reasoning")): "It is noon."})


@fault
def thought(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "assistant"), content="<think>\nIt is noon.\n</think>\n\nYes, until three.")


@fault
def padded(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "user", "assistant"), content="  Until three.\n")


@fault
def key_in_row(rng: random.Random, row: Row, style: Style) -> bool:
    row[rng.choice(("id", "source", "parallel_tool_calls", "metadata"))] = rng.choice((17, True, {"split": "train"}))
    return True


@fault
def two_formats(rng: random.Random, row: Row, style: Style) -> bool:
    row.update(rng.choice(({"text": "Both."}, {"prompt": "Is it?", "completion": "It is."})))
    return True


# Preference pairs -----------------------------------------------------------------------------------------------------

_SIDES = ("preferred_output", "non_preferred_output", "chosen", "rejected")


def _side(rng: random.Random, row: Row) -> str | None:
    found = [key for key in _SIDES if key in row]
    return rng.choice(found) if found else None


@fault
def side_lost(rng: random.Random, row: Row, style: Style) -> bool:
    key = _side(rng, row)
    return key is not None and drop(row, key)


@fault
def side_empty(rng: random.Random, row: Row, style: Style) -> bool:
    key = _side(rng, row)
    return key is not None and put(row, **{key: []})


@fault
def side_of_two(rng: random.Random, row: Row, style: Style) -> bool:
    key = _side(rng, row)
    if key is None or not isinstance(row[key], list):
        return False
    row[key] = [*row[key], said("user", rng), said("assistant", rng)]
    return True


@fault
def side_of_the_user(rng: random.Random, row: Row, style: Style) -> bool:
    key = _side(rng, row)
    if key is None or not isinstance(row[key], list) or not row[key]:
        return False
    row[key] = [*row[key][:-1], said("user", rng)]
    return True


@fault
def side_as_text(rng: random.Random, row: Row, style: Style) -> bool:
    key = _side(rng, row)
    return key is not None and put(row, **{key: "Yes, until three."})


@fault
def side_without_content(rng: random.Random, row: Row, style: Style) -> bool:
    key = _side(rng, row)
    return key is not None and put(row, **{key: [rng.choice(({"role": "assistant"}, {"role": "assistant", "content": None}))]})


@fault
def sides_equal(rng: random.Random, row: Row, style: Style) -> bool:
    keys = [key for key in _SIDES if key in row]
    return len(keys) == 2 and put(row, **{keys[1]: copy.deepcopy(row[keys[0]])})


@fault
def prompt_ends_with_an_answer(rng: random.Random, row: Row, style: Style) -> bool:
    if not isinstance(row.get("input"), dict) or not isinstance(row["input"].get("messages"), list):
        return False
    row["input"]["messages"].append(said("assistant", rng))
    return True


@fault
def prompts_differ(rng: random.Random, row: Row, style: Style) -> bool:
    if "prompt" in row or not isinstance(row.get("rejected"), list) or not row["rejected"]:
        return False
    row["rejected"] = [{"role": "system", "content": "Be long."}, *row["rejected"]]
    return True


@fault
def tools_in_the_input(rng: random.Random, row: Row, style: Style) -> bool:
    return isinstance(row.get("input"), dict) and put(row["input"], tools=[tool()], parallel_tool_calls=True)


@fault
def label_odd(rng: random.Random, row: Row, style: Style) -> bool:
    return "label" in row and put(row, label=rng.choice(("false", "true", 1, 0, None)))
