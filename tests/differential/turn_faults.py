"""Faults in roles, in their order, in the list of turns and in contents."""

from __future__ import annotations

import copy
import random

from register import drop, fault, list_of, pick, put
from shapes import PIXEL, SYSTEMS, Row, Style, said

# Roles and their order ------------------------------------------------------------------------------------------------


@fault
def last_turn_user(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if turns is not None:
        turns.append(said("user", rng))
    return turns is not None


@fault
def last_turn_system(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if turns is not None:
        turns.append(said("system", rng))
    return turns is not None


@fault
def no_answer(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if not turns:
        return False
    turns[:] = [turn for turn in turns if not (isinstance(turn, dict) and turn.get("role") == "assistant")]
    return True


@fault
def assistant_first(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if not turns:
        return False
    at = 1 if isinstance(turns[0], dict) and turns[0].get("role") == "system" else 0
    turns.insert(at, said("assistant", rng))
    return True


@fault
def only_an_answer(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if turns is not None:
        turns[:] = [said("assistant", rng)]
    return turns is not None


@fault
def turn_twice(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    plain_turns = [
        turn for turn in turns or [] if isinstance(turn, dict) and not turn.get("tool_calls") and turn.get("role") != "tool"
    ]
    if not turns or not plain_turns:
        return False
    turn = rng.choice(plain_turns)
    turns.insert(turns.index(turn), copy.deepcopy(turn))
    return True


@fault
def system_in_the_middle(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if not turns or len(turns) < 2:
        return False
    turns.insert(rng.randrange(1, len(turns)), said("system", rng))
    return True


@fault
def two_systems(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if turns is not None:
        turns[:0] = [said("system", rng), said("system", rng)]
    return turns is not None


@fault
def turn_lost(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if not turns:
        return False
    turns.pop(rng.randrange(len(turns)))
    return True


@fault
def turns_swapped(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if not turns or len(turns) < 2:
        return False
    at = rng.randrange(len(turns) - 1)
    turns[at], turns[at + 1] = turns[at + 1], turns[at]
    return True


@fault
def role_developer(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if not turns:
        return False
    if isinstance(turns[0], dict) and turns[0].get("role") == "system":
        turns[0]["role"] = "developer"
    else:
        turns.insert(0, {"role": "developer", "content": rng.choice(SYSTEMS)})
    return True


@fault
def role_unknown(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "system", "user", "assistant"), role=rng.choice(("moderator", "User", "ipython", "critic", "")))


@fault
def role_alias(rng: random.Random, row: Row, style: Style) -> bool:
    turn = pick(rng, row, "user", "assistant")
    return turn is not None and put(turn, role="human" if turn["role"] == "user" else rng.choice(("gpt", "model", "bot")))


@fault
def role_function(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if not turns:
        return False
    turns.insert(max(1, len(turns) - 1), {"role": "function", "name": "tide_at", "content": "4.1"})
    return True


@fault
def role_missing(rng: random.Random, row: Row, style: Style) -> bool:
    return drop(pick(rng, row), "role")


@fault
def role_no_text(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row), role=rng.choice((None, 3)))


# The list of turns ----------------------------------------------------------------------------------------------------


@fault
def no_turns(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if turns is not None:
        turns.clear()
    return turns is not None


@fault
def turns_no_list(rng: random.Random, row: Row, style: Style) -> bool:
    holder = row["input"] if isinstance(row.get("input"), dict) else row
    key = next((key for key in ("messages", "prompt") if isinstance(holder.get(key), list)), None)
    if key is not None:
        holder[key] = rng.choice((None, 7, {"role": "user", "content": "Hello"}))
    return key is not None


@fault
def turn_no_object(rng: random.Random, row: Row, style: Style) -> bool:
    turns = list_of(row)
    if not turns:
        return False
    turns.insert(rng.randrange(len(turns)), rng.choice(("Hello", None, ["user", "Hello"])))
    return True


# Contents -------------------------------------------------------------------------------------------------------------


@fault
def content_missing(rng: random.Random, row: Row, style: Style) -> bool:
    return drop(pick(rng, row, "system", "user", "assistant"), "content")


@fault
def content_null(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "system", "user", "assistant"), content=None)


@fault
def content_empty(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "system", "user", "assistant"), content=rng.choice(("", "", "  ", "\n")))


@fault
def content_no_text(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row), content=rng.choice((42, True, {"text": "Hello"}, 0)))


@fault
def content_of_parts(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row), content=[{"type": "text", "text": "In one part."}])


@fault
def content_no_parts(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "user", "assistant"), content=[])


@fault
def part_malformed(rng: random.Random, row: Row, style: Style) -> bool:
    part = rng.choice(({"type": "text"}, {"type": "text", "text": 5}, {"text": "no type"}, "a bare text", {"type": "sticker"}))
    return put(pick(rng, row, "user", "assistant"), content=[part])


@fault
def image_malformed(rng: random.Random, row: Row, style: Style) -> bool:
    part = rng.choice(({"type": "image_url", "image_url": PIXEL}, {"type": "image_url"}, {"type": "image_url", "image_url": {}}))
    return put(pick(rng, row, "user"), content=[{"type": "text", "text": "What is it?"}, part])


@fault
def image_by_address(rng: random.Random, row: Row, style: Style) -> bool:
    part = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    return put(pick(rng, row, "user"), content=[{"type": "text", "text": "What is it?"}, part])


@fault
def image_in_an_answer(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "assistant", "system"), content=[{"type": "image_url", "image_url": {"url": PIXEL}}])


@fault
def many_images(rng: random.Random, row: Row, style: Style) -> bool:
    return put(pick(rng, row, "user"), content=[{"type": "image_url", "image_url": {"url": PIXEL}}] * 11)
