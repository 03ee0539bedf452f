"""Rows of a batch: padded sequences, or several in one row that cannot see each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftdata.train.local.loss import IGNORED
from ftdata.train.tokens import TokenSet, pack

Row = list[tuple[Any, Any]]


class Rows:
    """The rows of a token set: one sequence each, or as many as fit into ``max_length``. An item is a list of (ids, trained)."""

    def __init__(self, tokens: TokenSet, *, packing: bool, max_length: int) -> None:
        self.tokens = tokens
        self.members = pack(tokens.lengths, max_length) if packing else [[number] for number in range(len(tokens))]

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, number: int) -> Row:
        return [self.tokens[member] for member in self.members[number]]


class Collator:
    """Make the tensors of a batch.

    Padded: ``input_ids``, ``attention_mask`` and ``labels``, each (rows, longest). Packed: ``position_ids`` that begin anew with
    every sequence instead of a mask: with a mask of ones, sequences would see each other. The padding at a row's end is a
    sequence of its own.
    """

    def __init__(self, pad: int, *, packing: bool) -> None:
        self.pad = pad
        self.packing = packing

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Make one batch."""
        import numpy as np
        import torch

        longest = max(sum(len(ids) for ids, _ in row) for row in rows)
        ids = np.full((len(rows), longest), self.pad, np.int64)
        labels = np.full((len(rows), longest), IGNORED, np.int64)
        positions = np.zeros((len(rows), longest), np.int64)
        mask = np.zeros((len(rows), longest), np.int64)
        for number, row in enumerate(rows):
            at = 0
            for tokens, trained in row:
                end = at + len(tokens)
                ids[number, at:end] = tokens
                # The first token of a sequence is predicted by nothing, least of all by the sequence before it.
                labels[number, at + 1 : end] = np.where(trained[1:], tokens[1:], IGNORED)
                positions[number, at:end] = np.arange(len(tokens))
                mask[number, at:end] = 1
                at = end
            positions[number, at:] = np.arange(longest - at)
        batch = {"input_ids": torch.from_numpy(ids), "labels": torch.from_numpy(labels)}
        if self.packing:
            batch["position_ids"] = torch.from_numpy(positions)
        else:
            batch["attention_mask"] = torch.from_numpy(mask)
        return batch


class PreferenceCollator:
    """Make the tensors that trl's DPOTrainer takes: the chosen sequences first, then the rejected ones.

    A row is ``{"pair": number}``: the sequences themselves are taken from the set.
    """

    def __init__(self, tokens: TokenSet, pad: int) -> None:
        self.tokens = tokens
        self.pad = pad

    def __call__(self, pairs: Sequence[dict[str, int]]) -> dict[str, Any]:
        """Make one batch."""
        import numpy as np
        import torch

        both = [self.tokens[2 * pair["pair"] + side] for side in (0, 1) for pair in pairs]
        longest = max(len(ids) for ids, _ in both)
        ids = np.full((len(both), longest), self.pad, np.int64)
        mask = np.zeros((len(both), longest), np.int64)
        answers = np.zeros((len(both), longest), np.int64)
        for number, (tokens, trained) in enumerate(both):
            ids[number, : len(tokens)] = tokens
            mask[number, : len(tokens)] = 1
            answers[number, : len(tokens)] = trained
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(mask),
            "completion_mask": torch.from_numpy(answers),
        }
