"""FT11: loss masks: which turns are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftdata.rule import SFT, At, at, rule
from ftdata.types import Sample


def _float(value: Any) -> float | None:
    """The number that a weight stands for, in a text too; no number where it stands for none."""
    try:
        return float(value) if isinstance(value, str | float) and len(str(value)) < 40 else None
    except ValueError:
        return None


@rule(
    "FT113", "invalid-weight", category="correctness", scope="structure", catalogue=["R012"],
    params={"allow_boolean": False, "allow_null": True, "allow_float": False, "roles": []},
    message="the weight is {found}, not 0 or 1", help="write 0 (not trained) or 1 (trained)", fix_safety="safe",
)  # fmt: skip
def invalid_weight(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A loss weight other than 0 or 1.

    ## Why
    OpenAI and Together refuse it ("Weight must be an integer"); OpenAI's cookbook checker lets even 7 through. Together refuses a
    null too, which tables write into every turn (``allow_null``); mistral-common looks at the assistant's turns alone (``roles``) and
    takes 1.0 and the text "1" (``allow_float``).

    ## Example
    ``{"role": "assistant", "content": "...", "weight": 0.5}``

    ## Fix safety
    Safe for 1.0, 0.0, true and false; other numbers have to be decided.
    """
    for message in s.turns():
        if message.weight_key != "weight" or (p["roles"] and message.role not in p["roles"]):
            continue
        weight = message.weight
        fine = (
            (type(weight) is int and weight in (0, 1))
            or (isinstance(weight, bool) and p["allow_boolean"])
            or (weight is None and p["allow_null"])
            or (p["allow_float"] and (_float(weight) in (0, 1)))
        )
        if not fine:
            shown = "null" if weight is None else weight if isinstance(weight, int | float) else repr(weight)[:40]
            yield at(message, key="weight", found=str(shown).lower() if isinstance(weight, bool) else str(shown))


@rule(
    "FT114", "weight-outside-assistant", category="quality", scope="structure", catalogue=["R013"],
    message="a weight on a {role} turn has no effect", help="remove it", fix_safety="safe",
)  # fmt: skip
def weight_outside_assistant(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A loss weight on a turn that is never trained on.

    ## Why
    Only assistant turns are trained. The key is not in OpenAI's schema for other turns; whether the server refuses it is not
    documented. A null is no weight: tables write it into every turn.

    ## Example
    ``{"role": "user", "content": "Hi", "weight": 0}``

    ## Fix safety
    Safe: the key is removed.
    """
    for message in s.turns():
        if message.weight_key == "weight" and message.weight is not None and message.role not in ("assistant", None):
            yield at(message, key="weight", role=message.role)


@rule(
    "FT115", "nothing-trained", category="suspicious", scope="structure", kinds=SFT, catalogue=["R014"],
    message="every assistant turn has weight 0: nothing is trained",
    help="give the answers to learn weight 1, or drop the sample",
)  # fmt: skip
def nothing_trained(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A sample in which every assistant turn is masked.

    ## Why
    It costs tokens and teaches nothing: TRL and Axolotl drop it or compute a loss of NaN, Unsloth warns "All labels in your
    dataset are -100".

    ## Example
    One answer, with ``"weight": 0``.

    ## Fix safety
    No fix: which answer is to be learned is unknown.
    """
    answers = [m for m in s.messages if m.role == "assistant"]
    if answers and all(m.weight is not None and m.weight in (0, False) for m in answers):
        yield at(
            answers[-1],
            key=answers[-1].weight_key if answers[-1].weight_key in ("weight", "loss", "loss_weight") else "",
        )


@rule(
    "FT116", "weight-ignored", category="suspicious", scope="structure", kinds=SFT, on=False, params={"treatment": "ignores"},
    catalogue=["R015"],
    message="the target {treatment} weights, and this turn has weight 0",
    help="write one sample per answer that is to be learned",
)  # fmt: skip
def weight_ignored(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Loss weights for a target that has none.

    ## Why
    TRL, torchtune and LLaMA-Factory ignore the key, MS-Swift deletes it, Unsloth stops at it. The turns that were masked are
    trained on.

    ## Example
    An agent's failed attempt with weight 0, before the good answer with weight 1.

    ## Fix safety
    No fix here: the sample has to be cut at its trained turns.
    """
    for message in s.messages:
        if message.role == "assistant" and message.weight_key is not None and message.weight in (0, False):
            yield at(
                message,
                key=message.weight_key if message.weight_key in ("weight", "loss", "loss_weight", "loss_scale") else "",
            )
            return
