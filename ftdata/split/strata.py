"""What a sample shows of itself: its script, length, system prompt, tools, turns and kind. All of it is to be seen in the evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from ftdata.dedupe.collect import Collection

# Characters of the whole conversation; fixed, so that a sample's band does not change when the data grows.
BANDS = ((500, "short"), (2_000, "medium"), (8_000, "long"))
JOIN = ", "


def strata_of(collection: Collection, shape: Sequence[tuple[str, ...]] = ()) -> list[str]:
    """The stratum of each sample, as "Hangul, short, system prompt, tools". ``shape`` is that of ``outline``."""
    import polars as pl

    from ftdata.measure.registry import script

    texts = pl.DataFrame(
        {"text": [a or p for p, a in zip(collection.prompt, collection.answer, strict=True)]}, schema={"text": pl.String}
    )
    scripts = texts.select(script(pl.col("text"))).to_series().to_list() if len(texts) else []
    found = []
    for index, name in enumerate(scripts):
        size = len(collection.system[index]) + len(collection.prompt[index]) + len(collection.answer[index])
        band = next((word for most, word in BANDS if size < most), "very long")
        parts = [name or "no letters", band]
        parts += ["system prompt"] if collection.system[index] else []
        parts += shape[index] if shape else []
        found.append(JOIN.join(parts))
    return found
