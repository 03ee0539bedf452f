"""Texts near each other, of every kind that a filter could get wrong."""

from __future__ import annotations

from hypothesis import strategies as st

SCRIPTS = (
    "ab",
    "abcdefghijklmnopqrstuvwxyz     ",
    "가나다라마바사아자차카타파하 안녕하세요",
    "😀🎉👍🏽 a",
    "\ud800\udfffab ",
    " \n\t",
)


@st.composite
def families(draw, longest=90, most=25):
    """A list of texts: some drawn freely, some made from an earlier one by a few insertions and deletions."""
    script = draw(st.sampled_from(SCRIPTS))
    random = draw(st.randoms(use_true_random=False))
    texts = []
    for _ in range(draw(st.integers(0, most))):
        if texts and random.random() < 0.7:
            text = list(random.choice(texts))
            for _ in range(random.randint(0, max(1, len(text) // 5))):
                place = random.randint(0, len(text))
                if random.random() < 0.5:
                    text.insert(place, random.choice(script))
                elif text:
                    del text[min(place, len(text) - 1)]
            texts.append("".join(text))
        else:
            texts.append("".join(random.choice(script) for _ in range(random.randint(0, longest))))
    return texts


def sentences(count, words=12, seed=7, vocabulary="english"):
    """Unlike sentences of made-up words, the same in every run."""
    import random

    source = random.Random(seed)
    letters = "가나다라마바사아자차카타파하거너더러머버서어" if vocabulary == "korean" else "abcdefghijklmnopqrstuvwxyz"
    known = ["".join(source.choice(letters) for _ in range(source.randint(2, 8))) for _ in range(2000)]
    return [" ".join(source.choice(known) for _ in range(words)) for _ in range(count)]
