"""Make data of one kind into another on request: the better answers of preference data, labelled answers of a pair."""

from __future__ import annotations

from dataclasses import replace

from ftdata.convert.canonical import canonical_row
from ftdata.convert.loss import Loss
from ftdata.types import Sample


def drop_rejected(sample: Sample) -> tuple[Sample | None, list[Loss]]:
    """Return what there is to imitate in a sample: the better answer of a pair, an answer labelled good.

    ``None`` where there is nothing: the answer is labelled bad. Samples that have no verdict are returned as they are.
    The losses say what was left out, and point into the sample's canonical row; they are no edits for ``restore``.
    """
    if sample.kind == "preference":
        row = canonical_row(sample)
        key = next(key for key in row if key.startswith("non_preferred"))
        loss = Loss(key, f"/{key}", "the worse answer is dropped", row[key], kind="refused")
        messages = [*sample.messages, *sample.chosen]
        return replace(sample, kind="sft", messages=messages, chosen=[], rejected=[]), [loss]
    if sample.kind != "unpaired-preference":
        return sample, []
    loss = Loss("label", "/label", "the label is dropped", sample.label, kind="refused")
    if sample.label is not True:
        return None, [replace(loss, reason="the answer is labelled bad", value=canonical_row(sample))]
    return replace(sample, kind="sft", label=None), [loss]


def unpair(sample: Sample) -> list[Sample]:
    """Return a preference pair as two samples with labels, the better one first; any other sample alone."""
    if sample.kind != "preference":
        return [sample]
    return [
        replace(sample, kind="unpaired-preference", messages=[*sample.messages, *turns], chosen=[], rejected=[], label=label)
        for turns, label in ((sample.chosen, True), (sample.rejected, False))
    ]
