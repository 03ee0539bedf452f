"""Rows of instruction, input and output: Alpaca, Dolly, GPTeacher, self-instruct's nested instances."""

from __future__ import annotations

from typing import Any

from ftdata.formats.fields import field_turn, keep_unused, parser, take_history, take_media, take_question, take_system
from ftdata.types import Sample


@parser("alpaca")
def _alpaca(row: dict[str, Any], sample: Sample) -> None:
    given = "input" if row.get("input") or "context" not in row else "context"
    if "context" not in sample.extra:
        keep_unused(row, sample, ("context",), given)
    take_system(row, sample, "system")
    take_history(row, sample)
    take_question(row, sample, f"/{given}", row.get(given) if given not in sample.extra else None)
    take_media(row, sample)
    if sample.kind == "preference":
        sample.chosen, sample.rejected = [field_turn(row, "chosen", "assistant")], [field_turn(row, "rejected", "assistant")]
        keep_unused(row, sample, ("output",))
        return
    answer = "output" if "output" in row or "response" not in row else "response"
    sample.extra.pop(answer, None)
    sample.messages.append(field_turn(row, answer, "assistant"))
    if sample.kind == "unpaired-preference":
        sample.label = row.get("kto_tag", row.get("label"))


@parser("self-instruct")
def _self_instruct(row: dict[str, Any], sample: Sample) -> None:
    instances = row.get("instances")
    if not isinstance(instances, list) or not instances or not isinstance(instances[0], dict):
        sample.problem = "instances holds no example"
        keep_unused(row, sample, ("instruction", "instances"))
        return
    first = instances[0]
    take_question(row, sample, "/instances/0/input", first.get("input"))
    answer = field_turn(first, "output", "assistant", "/instances/0")
    answer.extra = {key: value for key, value in first.items() if key not in ("input", "output")}
    sample.messages.append(answer)
    if len(instances) > 1:
        sample.extra["instances"] = instances[1:]
