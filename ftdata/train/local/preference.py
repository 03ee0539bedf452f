"""Preference training by direct preference optimisation, with trl's DPOTrainer on our tokens."""

from __future__ import annotations

import warnings
from typing import Any

from ftdata.errors import MissingExtra
from ftdata.train.local.recipe import Recipe
from ftdata.train.local.rows import PreferenceCollator
from ftdata.train.tokens import TokenSet, join


def make_trainer(
    model: Any, recipe: Recipe, tokens: TokenSet, held: TokenSet | None, pad: int, callbacks: list[Any], arguments: dict[str, Any]
) -> Any:
    """The trainer of a run over pairs. Raises MissingExtra without trl."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from datasets import Dataset
            from trl import DPOConfig, DPOTrainer
    except ImportError:
        raise MissingExtra(
            "preference data trains with trl, which is not installed", "pip install 'ftdata[preference]'"
        ) from None

    class Trainer(DPOTrainer):  # type: ignore[misc]
        """trl's trainer, which takes our tokens as they are."""

        way = "trl"

        def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
            return dataset

        def _set_signature_columns_if_needed(self) -> None:
            self._signature_columns = None

    # trl takes no other kind of data set; ours holds the numbers of the pairs. Both token sets become one.
    both = tokens if held is None else join(tokens, held)
    pairs = list(range(len(both) // 2))
    first = len(tokens) // 2
    return Trainer(
        model=model,
        args=DPOConfig(**arguments, beta=recipe.beta, max_length=None),
        data_collator=PreferenceCollator(both, pad),
        train_dataset=Dataset.from_dict({"pair": pairs[:first]}),
        eval_dataset=Dataset.from_dict({"pair": pairs[first:]}) if held is not None else None,
        callbacks=callbacks,
    )
