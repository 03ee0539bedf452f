"""Preference pairs and labelled answers: what the trainer's own loader makes of them is what they say."""

from __future__ import annotations

import pytest
import readers
from peers import PEERS, equal
from sources import convert


@pytest.mark.parametrize("name", ["trl", "llama-factory", "axolotl", "torchtune", "ms-swift"])
def test_a_trainer_reads_the_pairs_that_were_written(name, tmp_path, seen):
    peer = PEERS[name]
    converted = convert("pairs", name, tmp_path)
    answer = peer.load(converted, stage="rm")
    equal(peer, answer["rows"], converted.expected, readers.PAIRS.get(name))
    seen(peer, answer, converted)


@pytest.mark.parametrize("name", ["trl", "llama-factory", "axolotl", "ms-swift"])
def test_a_trainer_reads_the_labelled_answers_that_were_written(name, tmp_path, seen):
    peer = PEERS[name]
    converted = convert("labels", name, tmp_path)
    answer = peer.load(converted, stage="kto")
    equal(peer, answer["rows"], converted.expected, readers.LABELS.get(name))
    seen(peer, answer, converted)
