"""The approximate search finds true pairs only, and says what it misses."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import numpy as np
import pytest
from rapidfuzz import fuzz

from ftdata.dedupe.approximate import Recall, find_approximately
from ftdata.dedupe.search import find_pairs

WORDS = "harbour station market 서울 부산 library bakery cinema museum school tower kettle bridge carpet window north south 길 강".split()


def texts_of(count, seed=3):
    chance = random.Random(seed)
    texts = [" ".join(chance.choices(WORDS, k=20)) for _ in range(count)]
    for text in texts[: count // 2]:
        words = text.split()
        for _ in range(chance.randrange(1, 4)):
            words[chance.randrange(len(words))] = chance.choice(WORDS)
        texts.append(" ".join(words))
    return texts


def test_every_pair_that_is_found_is_one_and_the_estimate_is_the_share_that_was_found():
    texts = texts_of(120)
    found, recall = find_approximately(texts, 90.0)
    assert all(fuzz.ratio(texts[a], texts[b]) >= 90 for a, b in zip(found.left.tolist(), found.right.tolist(), strict=True))
    exact = find_pairs(texts, 90.0)
    share = len(set(zip(found.left.tolist(), found.right.tolist(), strict=True))) / len(exact)
    assert 0.5 < share <= 1.0
    low, high = recall.interval
    assert recall.probed == len(set(texts)) and recall.share == pytest.approx(share, abs=0.01) and low <= share <= high


def test_nothing_alike_has_no_recall_to_speak_of():
    found, recall = find_approximately([f"{n * 7919:x}" * 9 for n in range(40)], 95.0)
    assert not len(found) and recall.share is None and recall.interval == (0.0, 1.0)


def test_equal_texts_count_as_one():
    found, recall = find_approximately(["a b c d e f g h i j k"] * 5 + ["z y x w v u t s r q p"], 90.0)
    assert not len(found) and recall.true == 0


def test_the_interval_holds_the_share_and_narrows():
    wide, narrow = Recall(10, 10, 9), Recall(10, 1000, 900)
    assert wide.interval[0] < narrow.interval[0] < 0.9 < narrow.interval[1] < wide.interval[1]


def test_the_command_says_that_pairs_may_be_missing(tmp_path):
    lines = [
        json.dumps({"messages": [{"role": "user", "content": text[:60]}, {"role": "assistant", "content": text}]})
        for text in texts_of(60)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "ftdata", "dedupe", "a.jsonl", "--keep", "first", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )

    said = run("--approximate").stdout
    assert "may be missing" in said and "recall" in said
    facts = json.loads(run("--approximate", "--format", "json").stdout)
    assert facts["exact_search"] is False and 0 <= facts["estimated_recall"]["low"] <= facts["estimated_recall"]["high"] <= 1
    assert json.loads(run("--format", "json").stdout)["exact_search"] is True
    refused = run("--approximate", "--metric", "jaccard")
    assert refused.returncode == 2 and "--approximate" in refused.stderr


def test_keys_of_pairs_do_not_depend_on_their_order():
    from ftdata.dedupe.approximate import _keys

    assert _keys(np.array([1, 5]), np.array([5, 1]), 10).tolist() == [15]
